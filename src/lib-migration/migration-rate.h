#ifndef MIGRATION_RATE_H
#define MIGRATION_RATE_H

/* How fast a sync is and how long it will take, from what was saved lately.
   Pure: the caller says what time it is. The queue keeps the samples of the
   jobs that run, in memory only. */

/* Only samples this young count. */
#define MIGRATION_RATE_WINDOW_MSECS (30 * 1000)
/* Less than this is too short to say anything. */
#define MIGRATION_RATE_MIN_MSECS (2 * 1000)
/* Samples closer together than this become one. */
#define MIGRATION_RATE_SPACING_MSECS 900
#define MIGRATION_RATE_MAX_SAMPLES \
	(MIGRATION_RATE_WINDOW_MSECS / MIGRATION_RATE_SPACING_MSECS + 2)

struct migration_rate_sample {
	uint64_t msecs, messages, bytes;
};

/* Oldest first. All zero = no samples. */
struct migration_rate_samples {
	struct migration_rate_sample samples[MIGRATION_RATE_MAX_SAMPLES];
	unsigned int count;
};

/* 0 = unknown */
struct migration_rate {
	/* Messages in 1000 seconds */
	uint64_t messages_per_ksec;
	uint64_t bytes_per_sec;
	/* How long the rest takes at this rate */
	uint64_t eta_secs;
};

/* What has been saved since the sync began, at the given time. Fewer than
   before, or an earlier time, means that another sync or another clock has
   begun: the samples so far are forgotten. */
void migration_rate_add(struct migration_rate_samples *samples, uint64_t msecs,
			uint64_t messages, uint64_t bytes);
/* remaining: messages that are still to come, 0 = none or unknown */
void migration_rate_get(const struct migration_rate_samples *samples,
			uint64_t msecs, uint64_t remaining,
			struct migration_rate *rate_r);

#endif

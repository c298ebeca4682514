/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-rate.h"

static void rate_drop_oldest(struct migration_rate_samples *samples)
{
	samples->count--;
	memmove(&samples->samples[0], &samples->samples[1],
		samples->count * sizeof(samples->samples[0]));
}

void migration_rate_add(struct migration_rate_samples *samples, uint64_t msecs,
			uint64_t messages, uint64_t bytes)
{
	struct migration_rate_sample *last;

	if (samples->count > 0) {
		last = &samples->samples[samples->count - 1];
		if (msecs < last->msecs || messages < last->messages ||
		    bytes < last->bytes)
			samples->count = 0;
	}
	/* one that is too close to the one before it gives way */
	if (samples->count >= 2 &&
	    samples->samples[samples->count - 1].msecs -
			    samples->samples[samples->count - 2].msecs <
		    MIGRATION_RATE_SPACING_MSECS)
		samples->count--;
	if (samples->count == N_ELEMENTS(samples->samples))
		rate_drop_oldest(samples);
	last = &samples->samples[samples->count++];
	last->msecs = msecs;
	last->messages = messages;
	last->bytes = bytes;
}

void migration_rate_get(const struct migration_rate_samples *samples,
			uint64_t msecs, uint64_t remaining,
			struct migration_rate *rate_r)
{
	const struct migration_rate_sample *oldest, *newest;
	uint64_t elapsed, messages;
	unsigned int i = 0;

	i_zero(rate_r);
	while (i < samples->count &&
	       samples->samples[i].msecs + MIGRATION_RATE_WINDOW_MSECS < msecs)
		i++;
	if (i == samples->count)
		return;
	oldest = &samples->samples[i];
	newest = &samples->samples[samples->count - 1];
	if (msecs < newest->msecs ||
	    msecs - oldest->msecs < MIGRATION_RATE_MIN_MSECS)
		return;
	/* until now, not until the last sample: silence makes it slower */
	elapsed = msecs - oldest->msecs;
	messages = newest->messages - oldest->messages;
	rate_r->messages_per_ksec = messages * 1000 * 1000 / elapsed;
	rate_r->bytes_per_sec =
		(newest->bytes - oldest->bytes) * 1000 / elapsed;
	if (messages > 0 && remaining > 0) {
		/* rounded up: never "now" while something is missing */
		rate_r->eta_secs = (remaining * elapsed + messages * 1000 - 1) /
				   (messages * 1000);
	}
}

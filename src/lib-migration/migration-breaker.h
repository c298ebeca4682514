#ifndef MIGRATION_BREAKER_H
#define MIGRATION_BREAKER_H

/* The breaker of one provider: after so many connection failures in a row
   nobody is sent there for a while, then a single trial decides. Pure rules on
   a struct that the caller owns; time comes from the caller. Used by auth's
   probe.

   closed:    all checks are sent
   open:      none is, until the time is over
   half-open: one check is on trial, no other is sent */

enum migration_breaker_state {
	MIGRATION_BREAKER_CLOSED,
	MIGRATION_BREAKER_HALF_OPEN,
	/* the worst is last */
	MIGRATION_BREAKER_OPEN,
};

/* What became of a check that was sent. */
enum migration_breaker_result {
	/* The provider answered, whatever it said. */
	MIGRATION_BREAKER_ANSWERED,
	/* It could not be talked to. */
	MIGRATION_BREAKER_FAILED,
	/* The check says nothing about the provider: broken off, or something
	   here was at fault. */
	MIGRATION_BREAKER_UNKNOWN,
};

struct migration_breaker_settings {
	/* in a row; 0 = the breaker never opens */
	unsigned int failures;
	unsigned int open_secs;
};

/* Begins zeroed: closed. */
struct migration_breaker {
	enum migration_breaker_state state;
	/* in a row, while closed */
	unsigned int failures;
	/* when it was opened last */
	time_t opened;
};

/* TRUE if nothing may be sent now. */
bool migration_breaker_blocks(const struct migration_breaker *breaker,
			      const struct migration_breaker_settings *set,
			      time_t now);
/* A check is about to be sent, which must not be blocked. Returns TRUE if it
   is the trial. */
bool migration_breaker_start(struct migration_breaker *breaker);
/* How it ended; trial is what _start() returned. Checks that were on their way
   when the breaker opened change nothing: only the trial does. Returns TRUE if
   the state is another one now or was opened anew. */
bool migration_breaker_finish(struct migration_breaker *breaker,
			      const struct migration_breaker_settings *set,
			      enum migration_breaker_result result, bool trial,
			      time_t now);

/* When the next trial may start; 0 unless it is open. */
time_t migration_breaker_until(const struct migration_breaker *breaker,
			       const struct migration_breaker_settings *set);

/* "closed", "half-open", "open" */
const char *
migration_breaker_state_to_string(enum migration_breaker_state state);
/* Returns 0, or -1 if the name is unknown. */
int migration_breaker_state_parse(const char *str,
				  enum migration_breaker_state *state_r);

#endif

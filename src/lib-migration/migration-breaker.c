/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-breaker.h"

static const char *const state_names[] = {
	[MIGRATION_BREAKER_CLOSED] = "closed",
	[MIGRATION_BREAKER_HALF_OPEN] = "half-open",
	[MIGRATION_BREAKER_OPEN] = "open",
};

bool migration_breaker_blocks(const struct migration_breaker *breaker,
			      const struct migration_breaker_settings *set,
			      time_t now)
{
	switch (breaker->state) {
	case MIGRATION_BREAKER_CLOSED:
		return FALSE;
	case MIGRATION_BREAKER_HALF_OPEN:
		return TRUE;
	case MIGRATION_BREAKER_OPEN:
		/* a clock that was set back must not keep it open */
		return now >= breaker->opened &&
		       now < migration_breaker_until(breaker, set);
	}
	i_unreached();
}

bool migration_breaker_start(struct migration_breaker *breaker)
{
	i_assert(breaker->state != MIGRATION_BREAKER_HALF_OPEN);
	if (breaker->state == MIGRATION_BREAKER_CLOSED)
		return FALSE;
	breaker->state = MIGRATION_BREAKER_HALF_OPEN;
	return TRUE;
}

static void breaker_open(struct migration_breaker *breaker, time_t now)
{
	breaker->state = MIGRATION_BREAKER_OPEN;
	breaker->opened = now;
}

static bool
breaker_finish_trial(struct migration_breaker *breaker,
		     enum migration_breaker_result result, time_t now)
{
	i_assert(breaker->state == MIGRATION_BREAKER_HALF_OPEN);
	switch (result) {
	case MIGRATION_BREAKER_ANSWERED:
		i_zero(breaker);
		break;
	case MIGRATION_BREAKER_FAILED:
		breaker->failures++;
		breaker_open(breaker, now);
		break;
	case MIGRATION_BREAKER_UNKNOWN:
		/* the time is over: the next check is the trial */
		breaker->state = MIGRATION_BREAKER_OPEN;
		break;
	}
	return TRUE;
}

bool migration_breaker_finish(struct migration_breaker *breaker,
			      const struct migration_breaker_settings *set,
			      enum migration_breaker_result result, bool trial,
			      time_t now)
{
	if (trial)
		return breaker_finish_trial(breaker, result, now);
	if (breaker->state != MIGRATION_BREAKER_CLOSED)
		return FALSE;
	switch (result) {
	case MIGRATION_BREAKER_ANSWERED:
		breaker->failures = 0;
		return FALSE;
	case MIGRATION_BREAKER_UNKNOWN:
		return FALSE;
	case MIGRATION_BREAKER_FAILED:
		break;
	}
	breaker->failures++;
	if (set->failures == 0 || breaker->failures < set->failures)
		return FALSE;
	breaker_open(breaker, now);
	return TRUE;
}

time_t migration_breaker_until(const struct migration_breaker *breaker,
			       const struct migration_breaker_settings *set)
{
	return breaker->state == MIGRATION_BREAKER_OPEN ?
		       breaker->opened + (time_t)set->open_secs :
		       0;
}

const char *
migration_breaker_state_to_string(enum migration_breaker_state state)
{
	i_assert((unsigned int)state < N_ELEMENTS(state_names));
	return state_names[state];
}

int migration_breaker_state_parse(const char *str,
				  enum migration_breaker_state *state_r)
{
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(state_names); i++) {
		if (strcmp(state_names[i], str) == 0) {
			*state_r = (enum migration_breaker_state)i;
			return 0;
		}
	}
	return -1;
}

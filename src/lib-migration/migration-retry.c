/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-retry.h"

/* A part of the delay, 1/part at most, goes off by chance. */
static unsigned int
retry_spread(uint64_t delay, unsigned int part, uint32_t random)
{
	delay -= delay / part * (random % 1000) / 1000;
	return (unsigned int)delay;
}

unsigned int
migration_retry_delay_secs(unsigned int attempts, unsigned int min_secs,
			   unsigned int max_secs, uint32_t random)
{
	uint64_t delay = I_MAX(min_secs, 1);

	i_assert(attempts > 0);

	while (--attempts > 0 && delay < max_secs)
		delay *= 2;
	delay = I_MIN(delay, I_MAX(max_secs, 1));
	return retry_spread(delay, 4, random);
}

unsigned int
migration_retry_interval_secs(unsigned int interval_secs, uint32_t random)
{
	return retry_spread(I_MAX(interval_secs, 1), 10, random);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-retry.h"

unsigned int
migration_retry_delay_secs(unsigned int attempts, unsigned int min_secs,
			   unsigned int max_secs, uint32_t random)
{
	uint64_t delay = I_MAX(min_secs, 1);

	i_assert(attempts > 0);

	while (--attempts > 0 && delay < max_secs)
		delay *= 2;
	delay = I_MIN(delay, I_MAX(max_secs, 1));
	delay -= delay / 4 * (random % 1000) / 1000;
	return (unsigned int)delay;
}

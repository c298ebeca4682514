#ifndef MIGRATION_RETRY_H
#define MIGRATION_RETRY_H

/* When to try again after a temporary failure. Pure. */

/* First wait min_secs, doubling with each further attempt up to max_secs;
   random spreads it over 75 % to 100 % of that, so that accounts that failed
   together do not come back together. attempts counts failures so far, from
   1. */
unsigned int
migration_retry_delay_secs(unsigned int attempts, unsigned int min_secs,
			   unsigned int max_secs, uint32_t random);

#endif

#ifndef MIGRATION_RETRY_H
#define MIGRATION_RETRY_H

/* When to try again after a temporary failure, and when to look again after a
   success. Pure. */

/* First wait min_secs, doubling with each further attempt up to max_secs;
   random spreads it over 75 % to 100 % of that, so that accounts that failed
   together do not come back together. attempts counts failures so far, from
   1. */
unsigned int
migration_retry_delay_secs(unsigned int attempts, unsigned int min_secs,
			   unsigned int max_secs, uint32_t random);
/* 90 % to 100 % of the interval, so that accounts that were synced together do
   not come back together for ever. */
unsigned int
migration_retry_interval_secs(unsigned int interval_secs, uint32_t random);

#endif

#ifndef MIGRATION_PROVIDER_STATUS_H
#define MIGRATION_PROVIDER_STATUS_H

/* How the login checks at one provider are doing: auth knows it, tells the
   queue whenever it changes, and doveadm asks the queue. The words of PROVIDER
   lines (migration-protocol.h) after the name. Pure. */

#include "migration-breaker.h"

struct migration_provider_status {
	enum migration_breaker_state breaker;
	/* When the next trial may start, 0 unless it is open. */
	time_t until;
	/* Checks that run, and logins that wait in line behind them. */
	unsigned int running, waiting;
	/* Connection failures in a row. */
	unsigned int failures;
};

/* What somebody sees who knows that the time goes on: an open breaker whose
   time is over lets the next login through. */
enum migration_breaker_state migration_provider_status_breaker(
	const struct migration_provider_status *status, time_t now);

/* Adds another auth process's: the sum of the counts, the worse breaker. */
void migration_provider_status_add(struct migration_provider_status *dest,
				   const struct migration_provider_status *src);

/* Appends each value with a tab in front. */
void migration_provider_status_append(
	string_t *str, const struct migration_provider_status *status);
/* args ends with NULL. Returns 0, or -1 if they are not what _append()
   writes. */
int migration_provider_status_parse(const char *const *args,
				    struct migration_provider_status *status_r);

#endif

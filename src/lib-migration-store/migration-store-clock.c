/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* The clock that all nodes share.

   Between two looks at the server's clock time is counted by one that nobody
   sets: a node whose own clock is wrong, or is set while it runs, has the right
   time all the same, give or take a second. Whether a lease is over is decided by
   the statement that takes it, with the server's clock itself. */

#include "lib.h"
#include "ioloop.h"
#include "migration-store-private.h"

#include <time.h>

static time_t store_steady_time(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) < 0)
		i_fatal("clock_gettime() failed: %m");
	return ts.tv_sec;
}

time_t migration_store_now(const struct migration_store *store)
{
	if (!store->clock_is_known)
		return ioloop_time;
	return store_steady_time() + store->clock_offset;
}

void migration_store_clock_set(struct migration_store *store, const char *value)
{
	time_t now;

	if (migration_dialect_now(store->dialect) == NULL || value == NULL ||
	    str_to_time(value, &now) < 0)
		return;
	store->clock_offset = now - store_steady_time();
	store->clock_is_known = TRUE;
}

const char *migration_store_sql_now(const struct migration_store *store)
{
	const char *now = migration_dialect_now(store->dialect);

	return now != NULL ? now : t_strdup_printf("%" PRIdTIME_T, ioloop_time);
}

const char *
migration_store_sql_time(const struct migration_store *store, time_t when)
{
	const char *now = migration_dialect_now(store->dialect);

	if (now == NULL || when == 0)
		return t_strdup_printf("%" PRIdTIME_T, when);
	return t_strdup_printf("(%s + (%" PRIdTIME_T "))", now,
			       when - migration_store_now(store));
}

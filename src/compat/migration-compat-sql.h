#ifndef MIGRATION_COMPAT_SQL_H
#define MIGRATION_COMPAT_SQL_H

/* Opens a database by driver and connect string: 2.4's lib-sql knows settings
   only. */

#include "sql-api.h"

struct migration_compat_sql;

/* Loads the driver. Returns 0, or -1. Nothing is connected yet. */
int migration_compat_sql_init(struct event *event, const char *driver,
			      const char *connect,
			      struct migration_compat_sql **sql_r,
			      const char **error_r);
void migration_compat_sql_deinit(struct migration_compat_sql **sql);

struct sql_db *migration_compat_sql_get_db(struct migration_compat_sql *sql);

/* Why a commit failed, NULL if it did not: 2.4's SQLite driver puts the query
   before it, and with it what it was to write. */
const char *migration_compat_sql_error(const char *error);

#endif

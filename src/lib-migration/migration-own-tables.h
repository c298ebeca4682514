#ifndef MIGRATION_OWN_TABLES_H
#define MIGRATION_OWN_TABLES_H

/* The accounts are in tables of the administrator's, which belong to another
   program: how they are looked up and made there. Pure functions; see
   doc/own-tables.md for what each statement has to do. */

#include "migration-statement.h"

struct migration_settings;

struct migration_own_tables {
	/* One SELECT with the columns password and enabled. */
	struct migration_statement lookup;
	/* May be empty. */
	ARRAY_TYPE(migration_statement) domain_create;
	ARRAY_TYPE(migration_statement) account_create;
	ARRAY_TYPE(migration_statement) account_password;
};

/* Returns 1, 0 if the plugin's own tables are used (*own_r is NULL), -1 with an
   error that names the setting. Allocated from pool. */
int migration_own_tables_parse(pool_t pool,
			       const struct migration_settings *set,
			       const struct migration_own_tables **own_r,
			       const char **error_r);
/* The same when the settings have been checked. */
const struct migration_own_tables *
migration_own_tables_get(pool_t pool, const struct migration_settings *set);
/* TRUE if the settings say so, without a look at the statements. */
bool migration_own_tables_are_set(const struct migration_settings *set);

#endif

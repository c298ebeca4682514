#ifndef MIGRATION_EXCLUDE_H
#define MIGRATION_EXCLUDE_H

/* The "exclude" setting: blank separated folder names with * and ? as
   wildcards, or special-use flags such as \Junk; names with blanks stand in
   double quotes. Pure. */

/* Returns 0 and a NULL-terminated list from the pool, or -1. */
int migration_exclude_parse(pool_t pool, const char *str,
			    const char *const **list_r, const char **error_r);

#endif

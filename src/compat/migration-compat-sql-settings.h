#ifndef MIGRATION_COMPAT_SQL_SETTINGS_H
#define MIGRATION_COMPAT_SQL_SETTINGS_H

/* Connect strings are those of Dovecot 2.3. This is what 2.4 has instead. Pure;
   the result is allocated from the data stack. */

/* The one connection of the driver's list of them. */
#define MIGRATION_COMPAT_SQL_NAME "migration"

/* Names of settings and their values in turns, then NULL. Returns 0, or -1 if
   there is a word that the driver has no setting for. The error names the word,
   and no value. */
int migration_compat_sql_settings(const char *driver, const char *connect,
				  const char *const **settings_r,
				  const char **error_r);

#endif

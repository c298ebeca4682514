#ifndef MIGRATION_IMPORT_POSTFIXADMIN_H
#define MIGRATION_IMPORT_POSTFIXADMIN_H

/* Rows of postfixadmin's tables as rows to be imported. Pure rules; results are
   from the data stack or are the given values. */

#include "migration-import.h"

enum migration_postfixadmin_table {
	/* alias_domain, target_domain, active */
	MIGRATION_POSTFIXADMIN_ALIAS_DOMAIN,
	/* domain, quota (MB), backupmx, active */
	MIGRATION_POSTFIXADMIN_DOMAIN,
	/* username, password, name, quota (bytes), active */
	MIGRATION_POSTFIXADMIN_MAILBOX,
	/* address, goto, active */
	MIGRATION_POSTFIXADMIN_ALIAS,

	MIGRATION_POSTFIXADMIN_TABLE_COUNT
};

/* Returns 1, 0 if there is nothing to import in it (what is there for
   postfixadmin itself, other names of domains that are switched off), or -1.
   values are the columns as above. The password is not touched. */
int migration_import_parse_postfixadmin(enum migration_postfixadmin_table table,
					const char *const *values,
					struct migration_import_row *row_r,
					const char **error_r);

#endif

#ifndef MIGRATION_IMPORT_NS8_H
#define MIGRATION_IMPORT_NS8_H

/* Rows of the CSV file for NethServer 8's imapsync: mailboxes that are to be
   moved. Pure rules; results are the given values or from the data stack. No
   error has a value of a row, because a field that is missing would show a
   password under another name. */

#include "migration-import.h"

struct migration_providers;
struct migration_settings;

enum migration_ns8_column {
	MIGRATION_NS8_LOCAL_USER,
	MIGRATION_NS8_REMOTE_USER,
	MIGRATION_NS8_REMOTE_PASSWORD,
	MIGRATION_NS8_REMOTE_HOST,
	MIGRATION_NS8_REMOTE_PORT,
	MIGRATION_NS8_SECURITY,

	MIGRATION_NS8_COLUMN_COUNT
};

struct migration_import_ns8 {
	/* which field has it */
	unsigned int columns[MIGRATION_NS8_COLUMN_COUNT];
};

/* The first row, which has the names of the columns. Returns 0, or -1. */
int migration_import_ns8_header(const char *const *fields,
				struct migration_import_ns8 *ns8_r,
				const char **error_r);
/* The provider is the one that has host, port and security. In a domain that it
   renames the user gets the new name. Returns 0, or -1. */
int migration_import_parse_ns8(const struct migration_import_ns8 *ns8,
			       const struct migration_settings *set,
			       const struct migration_providers *providers,
			       const char *const *fields,
			       struct migration_import_row *row_r,
			       const char **error_r);

#endif

#ifndef MIGRATION_IMPORT_NAMES_H
#define MIGRATION_IMPORT_NAMES_H

/* Every name that is in the database or was imported before: what is to be done
   with a row, and is it right together with the others? Pure rules, in memory:
   all that they know was added by the caller. */

#include "migration-import.h"

enum migration_import_action {
	MIGRATION_IMPORT_INVALID = -1,
	/* it is new */
	MIGRATION_IMPORT_ADD = 0,
	/* the alias is there, and gets what is left of row's recipients */
	MIGRATION_IMPORT_EXTEND,
	/* it is there, with all recipients if it is an alias */
	MIGRATION_IMPORT_KEEP,
	/* its record is there, and gets the row's credential */
	MIGRATION_IMPORT_RENEW,
	/* an administrator who has no mailbox, which there is no place for, or
	   a migration that is finished and cannot be renewed */
	MIGRATION_IMPORT_LEAVE_OUT,
};

struct migration_import_names;
struct migration_record;

struct migration_import_names *migration_import_names_init(void);
void migration_import_names_deinit(struct migration_import_names **names);

/* What is in the database. recipient is for the three kinds of aliases, which
   are one here, with a call for each. */
void migration_import_names_add_existing(struct migration_import_names *names,
					 enum migration_import_type type,
					 const char *name,
					 const char *recipient);

/* A migration that is in the database, and which the same one, that is from the
   same provider and of the same name there, may renew. */
void migration_import_names_add_renewable(struct migration_import_names *names,
					  const struct migration_record *record);

/* The name at where ("line 5") in what is imported. keep_existing: what is in
   the database is no error. row's recipients are reduced to the new ones, and
   new_account, new_domain and renew are set. With MIGRATION_IMPORT_INVALID nothing is
   added. */
enum migration_import_action
migration_import_names_add(struct migration_import_names *names,
			   struct migration_import_row *row, const char *where,
			   bool keep_existing, const char **error_r);

#endif

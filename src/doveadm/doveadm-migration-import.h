#ifndef DOVEADM_MIGRATION_IMPORT_H
#define DOVEADM_MIGRATION_IMPORT_H

/* One import: a reader gives it rows, it checks each together with the others
   and with the database, and at the end writes all of them or none. What is
   wrong is logged, each with where it stands, and has failed the command; the
   reader goes on, so that all mistakes are seen at once. */

#include "migration-import.h"

struct doveadm_migration_cmd;
struct doveadm_migration_import;

struct doveadm_migration_import_settings {
	/* What is read, for errors: a file's name */
	const char *source;
	/* Write nothing. */
	bool check;
	/* What is in the database is no error. */
	bool continue_if_exists;
	/* Migrations that are in the database get the new password. */
	bool update;
	/* Passwords are to be hashed. */
	bool crypt_passwords;
	/* What hashes without {SCHEME} are, NULL = nobody has said */
	const char *password_scheme;
};

/* cmd's store must be open. Returns -1 if it cannot be read. */
int doveadm_migration_import_init(
	struct doveadm_migration_cmd *cmd,
	const struct doveadm_migration_import_settings *set,
	struct doveadm_migration_import **import_r);
void doveadm_migration_import_deinit(struct doveadm_migration_import **import);

/* where: "line 5". percent: of all that is read, -1 = nobody knows. */
void doveadm_migration_import_add(struct doveadm_migration_import *import,
				  struct migration_import_row *row,
				  const char *where, int percent);
/* The row there cannot be read. */
void doveadm_migration_import_mistake(struct doveadm_migration_import *import,
				      const char *where, const char *error);
/* There is nothing to read. */
void doveadm_migration_import_fail(struct doveadm_migration_import *import,
				   int exit_code, const char *error);

/* Writes what was added if all of it is right, and prints what was done. */
void doveadm_migration_import_finish(struct doveadm_migration_import *import);

#endif

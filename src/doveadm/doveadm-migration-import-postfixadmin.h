#ifndef DOVEADM_MIGRATION_IMPORT_POSTFIXADMIN_H
#define DOVEADM_MIGRATION_IMPORT_POSTFIXADMIN_H

/* Reads a live postfixadmin database for an import. */

struct doveadm_migration_cmd;
struct doveadm_migration_import;

/* path: a file with "driver = ..." and "connect = ...", as Dovecot's sql passdb
   has in 2.3; whatever else is in it does not matter. */
void doveadm_migration_import_postfixadmin(
	struct doveadm_migration_cmd *cmd,
	struct doveadm_migration_import *import, const char *path);

#endif

#ifndef DOVEADM_MIGRATION_IMPORT_CSV_H
#define DOVEADM_MIGRATION_IMPORT_CSV_H

/* Reads CSV files for an import. The whole file is in memory meanwhile, and
   wiped. */

struct doveadm_migration_cmd;
struct doveadm_migration_import;

/* Of Modoboa, separated by sep. */
void doveadm_migration_import_modoboa(struct doveadm_migration_import *import,
				      const char *path, char sep);

/* Of NethServer 8's imapsync, separated by sep: mailboxes to be moved, from the
   providers that are configured. */
void doveadm_migration_import_ns8(struct doveadm_migration_cmd *cmd,
				  struct doveadm_migration_import *import,
				  const char *path, char sep);

#endif

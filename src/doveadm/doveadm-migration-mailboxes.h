#ifndef DOVEADM_MIGRATION_MAILBOXES_H
#define DOVEADM_MIGRATION_MAILBOXES_H

/* The table of "doveadm migration show --mailboxes". */

#include "doveadm-migration-cmd.h"

/* Prints the mailboxes of this user, who has a record, or fails the command.
   The database is open. */
void doveadm_migration_mailboxes_print(struct doveadm_migration_cmd *cmd,
				       const char *username);

#endif

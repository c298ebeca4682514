#ifndef DOVEADM_MIGRATION_NOTES_H
#define DOVEADM_MIGRATION_NOTES_H

/* The table of "doveadm migration show --notes". */

#include "doveadm-migration-cmd.h"

struct migration_record;

/* Prints what the last sync of this record has noted, or fails the command. The
   database is open. */
void doveadm_migration_notes_print(struct doveadm_migration_cmd *cmd,
				   const struct migration_record *record);

#endif

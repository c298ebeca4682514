#ifndef MIGRATION_REPAIR_H
#define MIGRATION_REPAIR_H

/* After a worker that was killed: takes away what it had stored but not yet
   entered into the mailbox's index. Dovecot's storage formats write a
   message's file before the place that says which UID it has, so a kill in
   between leaves files that would come up as new messages with UIDs of their
   own, beside those that the next pull brings.

   Only files that a killed worker made itself are touched, never what was
   delivered or saved by anybody else, and nothing that has its UID. To be
   called under the account's lock, before its mailboxes are opened. */

#include "migration-journal.h"

struct mail_namespace;

/* Maildir, sdbox and mdbox. Returns 0, or -1 with the first thing that
   failed. */
int migration_repair(struct mail_namespace *ns,
		     const ARRAY_TYPE(migration_journal_entry) *killed,
		     const char **error_r);

#endif

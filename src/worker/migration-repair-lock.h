#ifndef MIGRATION_REPAIR_LOCK_H
#define MIGRATION_REPAIR_LOCK_H

/* For migration_repair(): takes away the lock files of processes that are
   dead. Dovecot would wait for up to two minutes for each. */

#include "migration-journal.h"

struct mailbox_list;

/* Those of subscriptions, transaction logs, and Maildir's lists of UIDs and
   keywords, also of a mailbox that was only half made and is not listed.
   Nothing may have looked at the mailboxes before. */
int migration_repair_locks(struct mailbox_list *list,
			   const ARRAY_TYPE(migration_journal_entry) *killed,
			   const char **error_r);

#endif

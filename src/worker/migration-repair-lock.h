#ifndef MIGRATION_REPAIR_LOCK_H
#define MIGRATION_REPAIR_LOCK_H

/* For migration_repair(): takes away the lock files of processes that are
   dead. Dovecot would wait for up to two minutes for each. */

#include "migration-journal.h"

struct mailbox_list;

/* One file, if it is a dead process's. */
int migration_repair_lock(const char *path,
			  const ARRAY_TYPE(migration_journal_entry) *killed,
			  const char **error_r);
/* Those of the subscriptions, and with Maildir++ of each mailbox, also of one
   that was only half made and is not listed. */
int migration_repair_locks(struct mailbox_list *list,
			   const ARRAY_TYPE(migration_journal_entry) *killed,
			   const char **error_r);

#endif

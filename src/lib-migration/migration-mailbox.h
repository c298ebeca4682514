#ifndef MIGRATION_MAILBOX_H
#define MIGRATION_MAILBOX_H

/* How far one mailbox of a migration is. Counted by the worker, written by the
   queue, shown by doveadm. The sums over an account's mailboxes are the figures
   of its record. */

#include "array.h"

struct migration_mailbox {
	/* As it is called here: UTF-8, with the namespace's separator. */
	const char *name;
	/* Messages that are here, and how many the provider has. */
	unsigned int messages_done, messages_total;
	/* Size of the messages that are here. */
	uint64_t bytes_done;
};
ARRAY_DEFINE_TYPE(migration_mailbox, struct migration_mailbox);

/* Whole percentage of the messages, 0..100; 100 only when none is missing. */
unsigned int
migration_mailbox_progress(const struct migration_mailbox *mailbox);

#endif

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-mailbox.h"

unsigned int migration_mailbox_progress(const struct migration_mailbox *mailbox)
{
	if (mailbox->messages_done >= mailbox->messages_total)
		return 100;
	return (unsigned int)((uint64_t)mailbox->messages_done * 100 /
			      mailbox->messages_total);
}

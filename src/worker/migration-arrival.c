/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "imap-arg.h"
#include "mail-storage-private.h"
#include "imapc-client.h"
#include "imapc-storage.h"
#include "migration-arrival.h"

static migration_arrival_callback_t *arrival_callback;

static uint64_t arrival_get_size(const struct imap_arg *arg)
{
	const char *value;
	uoff_t size;

	/* a big one is in a file */
	if (imap_arg_get_literal_size(arg, &size))
		return size;
	if (imap_arg_get_nstring(arg, &value) && value != NULL)
		return strlen(value);
	return 0;
}

static void arrival_fetch(const struct imapc_untagged_reply *reply,
			  struct imapc_mailbox *mbox ATTR_UNUSED)
{
	const struct imap_arg *list;
	const char *name;

	/* FETCH (name value name value ...) */
	if (!imap_arg_get_list(reply->args, &list))
		return;
	for (; !IMAP_ARG_IS_EOL(&list[0]) && !IMAP_ARG_IS_EOL(&list[1]);
	     list += 2) {
		if (imap_arg_get_atom(&list[0], &name) &&
		    strcasecmp(name, "BODY[]") == 0)
			arrival_callback(arrival_get_size(&list[1]));
	}
}

void migration_arrival_watch(struct mailbox *box,
			     migration_arrival_callback_t *callback)
{
	if (strcmp(box->storage->name, IMAPC_STORAGE_NAME) != 0)
		return;
	arrival_callback = callback;
	imapc_mailbox_register_untagged(IMAPC_MAILBOX(box), "FETCH",
					arrival_fetch);
}

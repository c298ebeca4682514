/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-store.h"
#include "migration-text.h"
#include "doveadm-migration-mailboxes.h"

static const struct doveadm_migration_column mailboxes_columns[] = {
	{ "mailbox", DOVEADM_PRINT_HEADER_FLAG_EXPAND },
	{ "messages", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "total", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "bytes", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "progress", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ NULL, 0 }
};

static void mailboxes_callback(int ret, const struct migration_mailbox *mailbox,
			       const char *error, void *context)
{
	struct doveadm_migration_cmd *cmd = context;

	if (ret < 0) {
		doveadm_migration_cmd_fail(cmd, EX_TEMPFAIL,
					   "Cannot read the mailboxes: %s",
					   error);
	} else if (ret > 0)
		T_BEGIN
		{
			doveadm_print(migration_text_sanitize(mailbox->name));
			doveadm_print_num(mailbox->messages_done);
			doveadm_print_num(mailbox->messages_total);
			doveadm_print_num(mailbox->bytes_done);
			doveadm_print_num(migration_mailbox_progress(mailbox));
		}
	T_END;
}

void doveadm_migration_mailboxes_print(struct doveadm_migration_cmd *cmd,
				       const char *username)
{
	doveadm_migration_cmd_print_init(DOVEADM_PRINT_TYPE_TABLE,
					 mailboxes_columns);
	migration_store_list_mailboxes(cmd->store, username, mailboxes_callback,
				       cmd);
	migration_store_wait(cmd->store);
}

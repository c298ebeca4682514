/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-note.h"
#include "migration-record.h"
#include "migration-store.h"
#include "migration-text.h"
#include "doveadm-migration-notes.h"

struct notes_context {
	struct doveadm_migration_cmd *cmd;
	unsigned int count;
};

static const struct doveadm_migration_column notes_columns[] = {
	{ "mailbox", 0 },
	{ "uid", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "since", 0 },
	{ "text", DOVEADM_PRINT_HEADER_FLAG_EXPAND },
	{ NULL, 0 }
};

static void notes_callback(int ret, const struct migration_note *note,
			   const char *error, void *context)
{
	struct notes_context *ctx = context;

	if (ret < 0) {
		doveadm_migration_cmd_fail(ctx->cmd, EX_TEMPFAIL,
					   "Cannot read the notes: %s", error);
	} else if (ret > 0)
		T_BEGIN
		{
			doveadm_print(migration_text_sanitize(note->mailbox));
			doveadm_print_num(note->uid);
			doveadm_migration_cmd_print_time(note->since);
			doveadm_migration_cmd_print(
				migration_text_sanitize(note->text));
			ctx->count++;
		}
	T_END;
}

void doveadm_migration_notes_print(struct doveadm_migration_cmd *cmd,
				   const struct migration_record *record)
{
	struct notes_context ctx = { .cmd = cmd };

	doveadm_migration_cmd_print_init(DOVEADM_PRINT_TYPE_TABLE,
					 notes_columns);
	migration_store_list_notes(cmd->store, record->username, notes_callback,
				   &ctx);
	migration_store_wait(cmd->store);
	if (doveadm_exit_code == 0 && ctx.count < record->notes) {
		e_info(cmd->event, "%s: %u more notes were not kept",
		       record->username, record->notes - ctx.count);
	}
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "ioloop.h"
#include "str.h"
#include "wildcard-match.h"
#include "migration-state.h"
#include "migration-store.h"
#include "doveadm-migration-cmd.h"

struct list_context {
	struct doveadm_migration_cmd cmd;

	/* NULL = all */
	const char *provider, *mask;
	enum migration_state state;
	bool state_set;
};

static const struct doveadm_migration_column list_columns[] = {
	{ "username", DOVEADM_PRINT_HEADER_FLAG_EXPAND },
	{ "provider", 0 },
	{ "remote_user", 0 },
	{ "state", 0 },
	{ "progress", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "messages", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "bytes", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "last_sync", 0 },
	{ "next_sync", 0 },
	{ "attempts", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "reason", 0 },
	{ NULL, 0 }
};

static const char *list_state_names(void)
{
	string_t *str = t_str_new(128);
	unsigned int state;

	for (state = MIGRATION_STATE_QUEUED; state <= MIGRATION_STATE_FINISHED;
	     state++) {
		if (str_len(str) > 0)
			str_append(str, ", ");
		str_append(str, migration_state_to_string(
					(enum migration_state)state));
	}
	return str_c(str);
}

static int list_parse_args(struct list_context *ctx)
{
	const struct doveadm_cmd_context *cctx = ctx->cmd.cctx;
	const char *state;

	(void)doveadm_cmd_param_str(cctx, "provider", &ctx->provider);
	(void)doveadm_cmd_param_str(cctx, "mask", &ctx->mask);
	if (!doveadm_cmd_param_str(cctx, "state", &state))
		return 0;
	ctx->state_set = TRUE;
	if (migration_state_parse(state, &ctx->state) < 0) {
		doveadm_migration_cmd_fail(
			&ctx->cmd, EX_USAGE,
			"Unknown state '%s', the states are: %s", state,
			list_state_names());
		return -1;
	}
	return 0;
}

static void
list_record(struct list_context *ctx, const struct migration_record *record)
{
	enum migration_state state =
		migration_state(record, migration_store_now(ctx->cmd.store));

	if ((ctx->state_set && state != ctx->state) ||
	    (ctx->mask != NULL &&
	     !wildcard_match_icase(record->username, ctx->mask)))
		return;

	doveadm_print(record->username);
	doveadm_print(record->provider);
	doveadm_migration_cmd_print(record->remote_user);
	doveadm_print(migration_state_to_string(state));
	doveadm_print_num(migration_record_progress(record));
	doveadm_print_num(record->messages_done);
	doveadm_print_num(record->bytes_done);
	doveadm_migration_cmd_print_time(record->last_sync);
	doveadm_migration_cmd_print_time(record->next_sync);
	doveadm_print_num(record->attempts);
	doveadm_migration_cmd_print(migration_reason_to_string(record->reason));
}

static void list_callback(int ret, const struct migration_record *record,
			  const char *error, void *context)
{
	struct list_context *ctx = context;

	if (ret < 0) {
		doveadm_migration_cmd_fail(&ctx->cmd, EX_TEMPFAIL,
					   "Cannot read the records: %s",
					   error);
	} else if (ret > 0)
		T_BEGIN
		{
			list_record(ctx, record);
		}
	T_END;
}

static void cmd_migration_list(struct doveadm_cmd_context *cctx)
{
	struct list_context ctx;

	i_zero(&ctx);
	doveadm_migration_cmd_init(&ctx.cmd, cctx);
	if (list_parse_args(&ctx) == 0 &&
	    doveadm_migration_cmd_open_store(&ctx.cmd) == 0) {
		doveadm_migration_cmd_print_init(DOVEADM_PRINT_TYPE_TABLE,
						 list_columns);
		migration_store_list(ctx.cmd.store, ctx.provider, list_callback,
				     &ctx);
		migration_store_wait(ctx.cmd.store);
	}
	doveadm_migration_cmd_deinit(&ctx.cmd);
}

struct doveadm_cmd_ver2 doveadm_migration_cmd_list = {
	.name = "migration list",
	.cmd = cmd_migration_list,
	.usage = "[-s <state>] [-p <provider>] [<user mask>]",
	DOVEADM_CMD_PARAMS_START DOVEADM_CMD_PARAM('s', "state", CMD_PARAM_STR,
						   0)
		DOVEADM_CMD_PARAM('p', "provider", CMD_PARAM_STR, 0)
			DOVEADM_CMD_PARAM('\0', "mask", CMD_PARAM_STR,
					  CMD_PARAM_FLAG_POSITIONAL)
				DOVEADM_CMD_PARAMS_END
};

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "str-sanitize.h"
#include "strescape.h"
#include "migration-limits.h"
#include "migration-protocol.h"
#include "migration-state.h"
#include "doveadm-migration-cmd.h"
#include "doveadm-migration-progress.h"
#include "doveadm-migration-queue.h"

struct sync_context {
	struct doveadm_migration_cmd cmd;
	const char *username;

	/* the last of what the queue reports */
	unsigned int messages_done, messages_total;
	uint64_t bytes_done;

	/* how it ended: FINISHED ... */
	bool finished;
	enum migration_outcome outcome;
	/* ... or REFUSED with this code, and the text of either */
	unsigned int refused_code;
	char *text;

	struct doveadm_migration_progress *progress;
};

static const struct doveadm_migration_column sync_columns[] = {
	{ "username", DOVEADM_PRINT_HEADER_FLAG_EXPAND },
	{ "result", 0 },
	{ "messages", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "bytes", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ NULL, 0 }
};

static int sync_read_counts(struct sync_context *ctx, const char *const *args)
{
	return str_to_uint(args[0], &ctx->messages_done) < 0 ||
			       str_to_uint(args[1], &ctx->messages_total) < 0 ||
			       str_to_uint64(args[2], &ctx->bytes_done) < 0 ?
		       -1 :
		       0;
}

static int sync_read_progress(struct sync_context *ctx, const char *const *args)
{
	struct doveadm_migration_progress_report report;

	i_zero(&report);
	if (sync_read_counts(ctx, args) < 0 ||
	    str_to_uint(args[4], &report.mailbox_done) < 0 ||
	    str_to_uint(args[5], &report.mailbox_total) < 0 ||
	    str_to_uint(args[6], &report.messages_waiting) < 0 ||
	    str_to_uint64(args[7], &report.rate.messages_per_ksec) < 0 ||
	    str_to_uint64(args[8], &report.rate.bytes_per_sec) < 0 ||
	    str_to_uint64(args[9], &report.rate.eta_secs) < 0)
		return -1;
	report.messages_done = ctx->messages_done;
	report.messages_total = ctx->messages_total;
	report.bytes_done = ctx->bytes_done;
	report.mailbox = args[3];
	doveadm_migration_progress_show(ctx->progress, &report);
	return 1;
}

static int sync_queue_line(const char *const *args, void *context)
{
	struct sync_context *ctx = context;
	unsigned int count = str_array_length(args);
	const char *text;

	if (strcmp(args[0], MIGRATION_VERB_PROGRESS) == 0 && count >= 11)
		return sync_read_progress(ctx, args + 1);
	if (strcmp(args[0], MIGRATION_VERB_FINISHED) == 0 && count >= 6) {
		if (migration_outcome_parse(args[1], &ctx->outcome) < 0 ||
		    sync_read_counts(ctx, args + 2) < 0)
			return -1;
		ctx->finished = TRUE;
		ctx->text = i_strdup(args[5]);
		return 0;
	}
	if (doveadm_migration_queue_read_refused(args, &ctx->refused_code,
						 &text) < 0)
		return -1;
	ctx->text = i_strdup(text);
	return 0;
}

static void sync_print_result(struct sync_context *ctx)
{
	int exit_code = doveadm_migration_cmd_outcome_code(ctx->outcome);
	const char *text = str_sanitize(ctx->text, MIGRATION_MAX_ERROR_BYTES);

	if (exit_code != 0) {
		doveadm_migration_cmd_fail(&ctx->cmd, exit_code,
					   "Sync of %s failed: %s",
					   ctx->username, text);
	} else if (*text != '\0') {
		e_info(ctx->cmd.event, "%s: %s", ctx->username, text);
	}
	doveadm_migration_cmd_print_init(DOVEADM_PRINT_TYPE_TABLE,
					 sync_columns);
	doveadm_print(ctx->username);
	doveadm_print(migration_outcome_to_string(ctx->outcome));
	doveadm_print_num(ctx->messages_done);
	doveadm_print_num(ctx->bytes_done);
}

static void sync_run(struct sync_context *ctx)
{
	enum doveadm_migration_queue_result result;
	const char *request, *error;

	request = t_strdup_printf(MIGRATION_VERB_SYNC "\t%s",
				  str_tabescape(ctx->username));
	/* doveadm-server's stderr is its log */
	ctx->progress = doveadm_migration_progress_init(
		ctx->username,
		ctx->cmd.cctx->conn_type != DOVEADM_CONNECTION_TYPE_CLI);
	result = doveadm_migration_queue_ask(ctx->cmd.event, request, 0,
					     sync_queue_line, ctx, &error);
	doveadm_migration_progress_deinit(&ctx->progress);
	switch (result) {
	case DOVEADM_MIGRATION_QUEUE_OK:
		if (ctx->finished) {
			sync_print_result(ctx);
			return;
		}
		doveadm_migration_cmd_fail(
			&ctx->cmd, ctx->refused_code, "%s: %s", ctx->username,
			str_sanitize(ctx->text, MIGRATION_MAX_ERROR_BYTES));
		return;
	case DOVEADM_MIGRATION_QUEUE_NOT_RUNNING:
	case DOVEADM_MIGRATION_QUEUE_ERROR:
		doveadm_migration_cmd_fail(&ctx->cmd, EX_TEMPFAIL, "%s", error);
		return;
	case DOVEADM_MIGRATION_QUEUE_INTERRUPTED:
		e_info(ctx->cmd.event,
		       "The sync goes on without you, "
		       "see: doveadm migration show %s",
		       ctx->username);
		/* whether it will succeed is not known */
		doveadm_exit_code = EX_TEMPFAIL;
		return;
	}
	i_unreached();
}

static void cmd_migration_sync(struct doveadm_cmd_context *cctx)
{
	struct sync_context ctx;

	i_zero(&ctx);
	doveadm_migration_cmd_init(&ctx.cmd, cctx);
	/* not cctx->username: without -u that is who runs doveadm */
	if (!doveadm_cmd_param_str(cctx, "user", &ctx.username)) {
		doveadm_migration_cmd_fail_usage(&ctx.cmd);
	} else {
		ctx.username = doveadm_migration_cmd_get_username(&ctx.cmd,
								  ctx.username);
		if (ctx.username != NULL)
			sync_run(&ctx);
	}
	i_free(ctx.text);
	doveadm_migration_cmd_deinit(&ctx.cmd);
}

struct doveadm_cmd_ver2 doveadm_migration_cmd_sync = {
	.name = "migration sync",
	.cmd = cmd_migration_sync,
	.usage = "-u <user>",
	DOVEADM_CMD_PARAMS_START DOVEADM_CMD_PARAM('u', "user", CMD_PARAM_STR,
						   0) DOVEADM_CMD_PARAMS_END
};

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "str.h"
#include "str-sanitize.h"
#include "strescape.h"
#include "migration-limits.h"
#include "migration-protocol.h"
#include "migration-state.h"
#include "doveadm-migration-cmd.h"
#include "doveadm-migration-queue.h"

#include <stdio.h>
#include <termios.h>
#include <unistd.h>
#include <sys/ioctl.h>

#define SYNC_TERMINAL_COLUMNS 80

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

	/* columns of the terminal that the progress is drawn on, 0 = none */
	unsigned int columns;
	bool drawn;
};

static const struct doveadm_migration_column sync_columns[] = {
	{ "username", DOVEADM_PRINT_HEADER_FLAG_EXPAND },
	{ "result", 0 },
	{ "messages", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "bytes", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ NULL, 0 }
};

static void sync_find_terminal(struct sync_context *ctx)
{
	struct winsize ws;

	if (isatty(STDERR_FILENO) == 0)
		return;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 1)
		ctx->columns = ws.ws_col;
	else
		ctx->columns = SYNC_TERMINAL_COLUMNS;
}

static const char *sync_bytes_to_human(uint64_t bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	unsigned int unit = 0;
	double value = bytes;

	while (value >= 1000 && unit < N_ELEMENTS(units) - 1) {
		value /= 1000;
		unit++;
	}
	return t_strdup_printf(unit == 0 ? "%.0f %s" : "%.1f %s", value,
			       units[unit]);
}

static const char *
sync_progress_line(const struct sync_context *ctx, const char *mailbox)
{
	const struct migration_record record = {
		.phase = MIGRATION_PHASE_INITIAL,
		.messages_done = ctx->messages_done,
		.messages_total = ctx->messages_total,
	};
	const char *messages;

	/* at first nobody knows how many there will be */
	messages = ctx->messages_total == 0 ?
			   t_strdup_printf("%u", ctx->messages_done) :
			   t_strdup_printf("%3u%% %u/%u",
					   migration_record_progress(&record),
					   ctx->messages_done,
					   ctx->messages_total);
	return t_strdup_printf("%s: %s messages, %s%s%s", ctx->username,
			       messages, sync_bytes_to_human(ctx->bytes_done),
			       *mailbox == '\0' ? "" : ", ", mailbox);
}

static void sync_draw_progress(struct sync_context *ctx, const char *mailbox)
{
	const char *line;

	/* doveadm-server's stderr is its log */
	if (ctx->cmd.cctx->conn_type != DOVEADM_CONNECTION_TYPE_CLI)
		return;
	line = sync_progress_line(ctx, mailbox);
	if (ctx->columns == 0) {
		fprintf(stderr, "%s\n", str_sanitize_utf8(line, SIZE_MAX));
	} else {
		/* a line that wraps around could not be drawn over */
		fprintf(stderr, "\r%s\033[K",
			str_sanitize_utf8(line, ctx->columns - 1));
		ctx->drawn = TRUE;
	}
	fflush(stderr);
}

static void sync_end_progress(struct sync_context *ctx)
{
	if (ctx->drawn)
		fprintf(stderr, "\n");
	ctx->drawn = FALSE;
}

static int sync_read_counts(struct sync_context *ctx, const char *const *args)
{
	return str_to_uint(args[0], &ctx->messages_done) < 0 ||
			       str_to_uint(args[1], &ctx->messages_total) < 0 ||
			       str_to_uint64(args[2], &ctx->bytes_done) < 0 ?
		       -1 :
		       0;
}

static int sync_queue_line(const char *const *args, void *context)
{
	struct sync_context *ctx = context;
	unsigned int count = str_array_length(args);

	if (strcmp(args[0], MIGRATION_VERB_PROGRESS) == 0 && count >= 5) {
		if (sync_read_counts(ctx, args + 1) < 0)
			return -1;
		sync_draw_progress(ctx, args[4]);
		return 1;
	}
	if (strcmp(args[0], MIGRATION_VERB_FINISHED) == 0 && count >= 6) {
		if (migration_outcome_parse(args[1], &ctx->outcome) < 0 ||
		    sync_read_counts(ctx, args + 2) < 0)
			return -1;
		ctx->finished = TRUE;
		ctx->text = i_strdup(args[5]);
		return 0;
	}
	if (strcmp(args[0], MIGRATION_VERB_REFUSED) == 0 && count >= 3) {
		if (str_to_uint(args[1], &ctx->refused_code) < 0 ||
		    ctx->refused_code == 0 || ctx->refused_code > 255)
			return -1;
		ctx->text = i_strdup(args[2]);
		return 0;
	}
	return -1;
}

static int sync_outcome_to_exit_code(enum migration_outcome outcome)
{
	switch (outcome) {
	case MIGRATION_OUTCOME_DONE:
		return 0;
	case MIGRATION_OUTCOME_PASSWORD:
	case MIGRATION_OUTCOME_ACCOUNT:
		return EX_NOPERM;
	case MIGRATION_OUTCOME_CREDENTIAL:
	case MIGRATION_OUTCOME_TEMPORARY:
	case MIGRATION_OUTCOME_PROVIDER:
	case MIGRATION_OUTCOME_LOCAL:
		return EX_TEMPFAIL;
	}
	i_unreached();
}

static void sync_print_result(struct sync_context *ctx)
{
	int exit_code = sync_outcome_to_exit_code(ctx->outcome);
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
	result = doveadm_migration_queue_ask(ctx->cmd.event, request, 0,
					     sync_queue_line, ctx, &error);
	sync_end_progress(ctx);
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
		ctx.username = t_str_lcase(ctx.username);
		sync_find_terminal(&ctx);
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

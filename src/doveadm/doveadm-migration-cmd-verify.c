/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "str-sanitize.h"
#include "strescape.h"
#include "migration-limits.h"
#include "migration-protocol.h"
#include "migration-state.h"
#include "doveadm-migration-cmd.h"
#include "doveadm-migration-queue.h"
#include "migration-text.h"

struct verify_context {
	struct doveadm_migration_cmd cmd;
	const char *username;
	/* the messages that differ, instead of the mailboxes */
	bool list_differences;
	bool printing;

	unsigned int missing, differing, mailboxes_failed, mailboxes_differing;

	/* how it ended: FINISHED ... */
	bool finished;
	enum migration_outcome outcome;
	/* ... or REFUSED with this code, and the text of either */
	unsigned int refused_code;
	char *text;
};

static const struct doveadm_migration_column verify_columns[] = {
	{ "mailbox", DOVEADM_PRINT_HEADER_FLAG_EXPAND },
	{ "result", 0 },
	{ "uidvalidity", 0 },
	{ "provider", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "here", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "missing", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "flags", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "sizes", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "checked", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "bodies", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "remote_mailbox", DOVEADM_PRINT_HEADER_FLAG_EXPAND },
	{ "explained", DOVEADM_PRINT_HEADER_FLAG_EXPAND },
	{ NULL, 0 }
};

static const struct doveadm_migration_column verify_difference_columns[] = {
	{ "mailbox", DOVEADM_PRINT_HEADER_FLAG_EXPAND },
	{ "uid", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "explained", 0 },
	{ "text", DOVEADM_PRINT_HEADER_FLAG_EXPAND },
	{ NULL, 0 }
};

static void verify_print_init(struct verify_context *ctx)
{
	if (ctx->printing)
		return;
	ctx->printing = TRUE;
	doveadm_migration_cmd_print_init(DOVEADM_PRINT_TYPE_TABLE,
					 ctx->list_differences ?
						 verify_difference_columns :
						 verify_columns);
}

/* Names and words may be the provider's. */
static void verify_print(const char *text)
{
	doveadm_migration_cmd_print(migration_text_sanitize(text));
}

/* <mailbox> <uid> <explained> <text> */
static int
verify_read_difference(struct verify_context *ctx, const char *const *args)
{
	uint32_t uid;

	if (str_to_uint32(args[1], &uid) < 0)
		return -1;
	if (!ctx->list_differences)
		return 1;
	verify_print_init(ctx);
	verify_print(args[0]);
	doveadm_print_num(uid);
	doveadm_print(strcmp(args[2], "1") == 0 ? "yes" : "no");
	verify_print(args[3]);
	return 1;
}

/* <result> <mailbox> <provider's name> <uidvalidity> <there> <here> <missing>
   <flags> <sizes> <checked> <bodies> <text> */
static int
verify_read_mailbox(struct verify_context *ctx, const char *const *args)
{
	unsigned int i, numbers[7];

	for (i = 0; i < N_ELEMENTS(numbers); i++) {
		if (str_to_uint(args[4 + i], &numbers[i]) < 0)
			return -1;
	}
	if (strcmp(args[0], MIGRATION_WORD_FAILED) == 0)
		ctx->mailboxes_failed++;
	else if (strcmp(args[0], MIGRATION_WORD_SAME) != 0)
		ctx->mailboxes_differing++;
	ctx->missing += numbers[2];
	ctx->differing += numbers[3] + numbers[4] + numbers[6];
	if (ctx->list_differences)
		return 1;
	verify_print_init(ctx);
	verify_print(args[1]);
	verify_print(args[0]);
	verify_print(args[3]);
	for (i = 0; i < N_ELEMENTS(numbers); i++)
		doveadm_print_num(numbers[i]);
	verify_print(args[2]);
	verify_print(args[11]);
	return 1;
}

static int verify_queue_line(const char *const *args, void *context)
{
	struct verify_context *ctx = context;
	unsigned int count = str_array_length(args);
	const char *text;

	if (strcmp(args[0], MIGRATION_VERB_DIFFERENCE) == 0 &&
	    count > MIGRATION_DIFFERENCE_ARGS)
		return verify_read_difference(ctx, args + 1);
	if (strcmp(args[0], MIGRATION_VERB_VERIFIED) == 0 &&
	    count > MIGRATION_VERIFIED_ARGS)
		return verify_read_mailbox(ctx, args + 1);
	if (strcmp(args[0], MIGRATION_VERB_FINISHED) == 0 && count >= 6) {
		if (migration_outcome_parse(args[1], &ctx->outcome) < 0)
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

static void verify_finished(struct verify_context *ctx)
{
	int exit_code = doveadm_migration_cmd_outcome_code(ctx->outcome);

	if (exit_code != 0) {
		doveadm_migration_cmd_fail(
			&ctx->cmd, exit_code, "Cannot verify %s: %s",
			ctx->username,
			str_sanitize(ctx->text, MIGRATION_MAX_ERROR_BYTES));
		return;
	}
	verify_print_init(ctx);
	if (ctx->mailboxes_failed + ctx->mailboxes_differing == 0)
		return;
	doveadm_migration_cmd_fail(
		&ctx->cmd, EX_TEMPFAIL,
		"%s is not as at the provider: mailboxes that differ: %u, that "
		"could not be compared: %u; messages missing: %u, other "
		"differences: %u. What is new comes with: doveadm migration "
		"sync -u %s%s",
		ctx->username, ctx->mailboxes_differing, ctx->mailboxes_failed,
		ctx->missing, ctx->differing, ctx->username,
		ctx->list_differences ? "" :
					t_strdup_printf("; the messages: "
							"doveadm migration "
							"verify -n -u %s",
							ctx->username));
}

static void verify_run(struct verify_context *ctx, bool all)
{
	enum doveadm_migration_queue_result result;
	const char *request, *error;

	request = t_strdup_printf(MIGRATION_VERB_VERIFY "\t%s\t%s",
				  str_tabescape(ctx->username),
				  all ? MIGRATION_WORD_ALL :
					MIGRATION_WORD_SAMPLE);
	result = doveadm_migration_queue_ask(ctx->cmd.event, request, 0,
					     verify_queue_line, ctx, &error);
	switch (result) {
	case DOVEADM_MIGRATION_QUEUE_OK:
		if (ctx->finished) {
			verify_finished(ctx);
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
		doveadm_exit_code = EX_TEMPFAIL;
		return;
	}
	i_unreached();
}

static void cmd_migration_verify(struct doveadm_cmd_context *cctx)
{
	struct verify_context ctx;
	bool all = FALSE;

	i_zero(&ctx);
	doveadm_migration_cmd_init(&ctx.cmd, cctx);
	(void)doveadm_cmd_param_bool(cctx, "all", &all);
	(void)doveadm_cmd_param_bool(cctx, "differences",
				     &ctx.list_differences);
	/* not cctx->username: without -u that is who runs doveadm */
	if (!doveadm_cmd_param_str(cctx, "user", &ctx.username)) {
		doveadm_migration_cmd_fail_usage(&ctx.cmd);
	} else {
		ctx.username = doveadm_migration_cmd_get_username(&ctx.cmd,
								  ctx.username);
		if (ctx.username != NULL)
			verify_run(&ctx, all);
	}
	i_free(ctx.text);
	doveadm_migration_cmd_deinit(&ctx.cmd);
}

struct doveadm_cmd_ver2 doveadm_migration_cmd_verify = {
	.name = "migration verify",
	.cmd = cmd_migration_verify,
	.usage = "[--all] [-n] -u <user>",
	DOVEADM_CMD_PARAMS_START DOVEADM_CMD_PARAM('a', "all", CMD_PARAM_BOOL,
						   0)
		DOVEADM_CMD_PARAM('n', "differences", CMD_PARAM_BOOL, 0)
			DOVEADM_CMD_PARAM('u', "user", CMD_PARAM_STR, 0)
				DOVEADM_CMD_PARAMS_END
};

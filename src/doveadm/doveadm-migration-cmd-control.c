/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "str.h"
#include "str-sanitize.h"
#include "strescape.h"
#include "migration-limits.h"
#include "migration-protocol.h"
#include "migration-settings.h"
#include "migration-store.h"
#include "doveadm-migration-cmd.h"
#include "doveadm-migration-queue.h"
#include "doveadm-migration-cmd-control.h"

/* A database that other nodes write to as well may take its time. */
#define CONTROL_ANSWER_SECS 60

struct control_context {
	struct doveadm_migration_cmd cmd;
	enum migration_command command;

	/* one user was named, or NULL */
	const char *username;
	/* else of this provider, or NULL for all */
	const char *provider;
	bool with_account;

	pool_t pool;
	ARRAY_TYPE(const_string) usernames;
	/* the next to ask about; the answer is about the one before */
	unsigned int next;
	bool printing;
};

static const struct doveadm_migration_column control_columns[] = {
	{ "username", DOVEADM_PRINT_HEADER_FLAG_EXPAND },
	{ "result", 0 },
	{ NULL, 0 }
};

static int control_parse_args(struct control_context *ctx)
{
	const struct doveadm_cmd_context *cctx = ctx->cmd.cctx;
	bool all = FALSE;
	unsigned int count = 0;

	/* not cctx->username: without -u that is who runs doveadm */
	if (doveadm_cmd_param_str(cctx, "user", &ctx->username)) {
		ctx->username = t_str_lcase(ctx->username);
		count++;
	}
	if (doveadm_cmd_param_str(cctx, "provider", &ctx->provider))
		count++;
	(void)doveadm_cmd_param_bool(cctx, "all", &all);
	if (all)
		count++;
	(void)doveadm_cmd_param_bool(cctx, "account", &ctx->with_account);
	if (count != 1) {
		doveadm_migration_cmd_fail_usage(&ctx->cmd);
		return -1;
	}
	return 0;
}

static void
control_list_callback(int ret, const struct migration_record *record,
		      const char *error, void *context)
{
	struct control_context *ctx = context;
	const char *username;

	if (ret < 0) {
		doveadm_migration_cmd_fail(&ctx->cmd, EX_TEMPFAIL,
					   "Cannot read the records: %s",
					   error);
	} else if (ret > 0) {
		username = p_strdup(ctx->pool, record->username);
		array_push_back(&ctx->usernames, &username);
	}
}

/* Returns 0, or -1 if the command has failed. */
static int control_find_users(struct control_context *ctx)
{
	if (ctx->username != NULL) {
		array_push_back(&ctx->usernames, &ctx->username);
		return 0;
	}
	if (doveadm_migration_cmd_open_store(&ctx->cmd) < 0)
		return -1;
	migration_store_list(ctx->cmd.store, ctx->provider,
			     control_list_callback, ctx);
	migration_store_wait(ctx->cmd.store);
	if (doveadm_exit_code != 0)
		return -1;
	/* who was moved from a provider that is no longer configured is still
	   found under its name */
	if (array_count(&ctx->usernames) == 0 && ctx->provider != NULL &&
	    migration_settings_find_provider(ctx->cmd.set, ctx->provider) ==
		    NULL) {
		doveadm_migration_cmd_fail(&ctx->cmd, EX_USAGE,
					   "There is no migration_provider %s",
					   ctx->provider);
		return -1;
	}
	return 0;
}

static const char *control_next_request(void *context)
{
	struct control_context *ctx = context;
	const char *username;

	if (ctx->next >= array_count(&ctx->usernames))
		return NULL;
	username = array_idx_elem(&ctx->usernames, ctx->next++);
	return t_strdup_printf(MIGRATION_VERB_CONTROL "\t%s\t%s%s",
			       migration_command_to_string(ctx->command),
			       str_tabescape(username),
			       ctx->with_account ? "\t" MIGRATION_WORD_ACCOUNT :
						   "");
}

/* Not before there is something: a command that fails prints nothing. */
static void control_print_init(struct control_context *ctx)
{
	if (ctx->printing)
		return;
	ctx->printing = TRUE;
	doveadm_migration_cmd_print_init(DOVEADM_PRINT_TYPE_TABLE,
					 control_columns);
}

static void
control_print(struct control_context *ctx, const char *username,
	      const char *result, const char *what, const char *text)
{
	control_print_init(ctx);
	doveadm_print(username);
	doveadm_print(t_strconcat(result, ": ", what,
				  *what != '\0' && *text != '\0' ? "; " : "",
				  str_sanitize(text, MIGRATION_MAX_ERROR_BYTES),
				  NULL));
}

static int control_refused(struct control_context *ctx, const char *username,
			   const char *const *args)
{
	unsigned int code;

	if (str_to_uint(args[0], &code) < 0 || code == 0 || code > 255)
		return -1;
	/* of several users some may be past it, or gone since */
	if (ctx->username == NULL && (code == EX_USAGE || code == EX_NOUSER)) {
		control_print(ctx, username, "refused", "", args[1]);
	} else {
		doveadm_migration_cmd_fail(
			&ctx->cmd, code, "%s: %s", username,
			str_sanitize(args[1], MIGRATION_MAX_ERROR_BYTES));
	}
	return 0;
}

static int control_queue_line(const char *const *args, void *context)
{
	struct control_context *ctx = context;
	const char *username = array_idx_elem(&ctx->usernames, ctx->next - 1);
	unsigned int count = str_array_length(args);

	if (strcmp(args[0], MIGRATION_VERB_CONTROLLED) == 0 && count >= 4) {
		control_print(ctx, username, str_sanitize(args[1], 80),
			      str_sanitize(args[2], 80), args[3]);
		return 0;
	}
	if (strcmp(args[0], MIGRATION_VERB_REFUSED) == 0 && count >= 3)
		return control_refused(ctx, username, args + 1);
	return -1;
}

static void control_run(struct control_context *ctx)
{
	const char *error;

	if (array_count(&ctx->usernames) == 0) {
		control_print_init(ctx);
		return;
	}
	switch (doveadm_migration_queue_ask_all(
		ctx->cmd.event, control_next_request, CONTROL_ANSWER_SECS,
		control_queue_line, ctx, &error)) {
	case DOVEADM_MIGRATION_QUEUE_OK:
		return;
	case DOVEADM_MIGRATION_QUEUE_NOT_RUNNING:
	case DOVEADM_MIGRATION_QUEUE_ERROR:
		doveadm_migration_cmd_fail(&ctx->cmd, EX_TEMPFAIL, "%s", error);
		return;
	case DOVEADM_MIGRATION_QUEUE_INTERRUPTED:
		/* the rest was not asked for */
		doveadm_exit_code = EX_TEMPFAIL;
		return;
	}
	i_unreached();
}

void doveadm_migration_cmd_control(struct doveadm_cmd_context *cctx,
				   enum migration_command command)
{
	struct control_context ctx;

	i_zero(&ctx);
	doveadm_migration_cmd_init(&ctx.cmd, cctx);
	ctx.command = command;
	ctx.pool = pool_alloconly_create("doveadm migration control", 1024);
	p_array_init(&ctx.usernames, ctx.pool, 16);
	if (control_parse_args(&ctx) == 0 && control_find_users(&ctx) == 0)
		control_run(&ctx);
	pool_unref(&ctx.pool);
	doveadm_migration_cmd_deinit(&ctx.cmd);
}

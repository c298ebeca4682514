/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "istream.h"
#include "strescape.h"
#include "wildcard-match.h"
#include "migration-protocol.h"
#include "migration-own-tables.h"
#include "migration-settings.h"
#include "migration-store.h"
#include "migration-user-list.h"
#include "doveadm-migration-cmd.h"
#include "doveadm-migration-queue.h"
#include "doveadm-migration-results.h"
#include "doveadm-migration-cmd-control.h"

/* A database that other nodes write to as well may take its time. */
#define CONTROL_ANSWER_SECS 60

struct control_context {
	struct doveadm_migration_cmd cmd;
	enum migration_command command;

	/* one user was named, or NULL */
	const char *username;
	/* else those of a file, or NULL */
	struct istream *file;
	/* else of this provider, and whose names match; NULL for all */
	const char *provider, *mask;
	bool with_account;

	pool_t pool;
	ARRAY_TYPE(const_string) usernames;
	/* the next to ask about; the answer is about the one before */
	unsigned int next;
	struct doveadm_migration_results results;
};

static int control_parse_args(struct control_context *ctx)
{
	const struct doveadm_cmd_context *cctx = ctx->cmd.cctx;
	bool all = FALSE;
	unsigned int count = 0;

	/* not cctx->username: without -u that is who runs doveadm */
	if (doveadm_cmd_param_str(cctx, "user", &ctx->username)) {
		ctx->username =
			doveadm_migration_cmd_get_username(&ctx->cmd,
							   ctx->username);
		if (ctx->username == NULL)
			return -1;
		if (!wildcard_is_literal(ctx->username)) {
			ctx->mask = ctx->username;
			ctx->username = NULL;
		}
		count++;
	}
	if (doveadm_migration_cmd_param_file(&ctx->cmd, "users-file",
					     &ctx->file))
		count++;
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
	if (ctx->with_account && migration_own_tables_are_set(ctx->cmd.set)) {
		doveadm_migration_cmd_fail(
			&ctx->cmd, EX_CONFIG,
			"--account: accounts are in tables that belong to "
			"another program (migration_account_lookup): delete "
			"them there; without --account the record goes");
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
	} else if (ret > 0 &&
		   (ctx->mask == NULL ||
		    wildcard_match_icase(record->username, ctx->mask))) {
		username = p_strdup(ctx->pool, record->username);
		array_push_back(&ctx->usernames, &username);
	}
}

static int control_read_file(struct control_context *ctx)
{
	ARRAY_TYPE(migration_user_line) lines;
	const struct migration_user_line *line;
	const char *username, *error;

	if (migration_user_list_read(ctx->file, ctx->pool, &lines, &error) <
	    0) {
		doveadm_migration_cmd_fail(&ctx->cmd, EX_USAGE, "%s", error);
		return -1;
	}
	array_foreach(&lines, line) {
		/* a file that add was given fits, too */
		username = str_lcase(p_strdup(ctx->pool, line->username));
		array_push_back(&ctx->usernames, &username);
	}
	return 0;
}

/* Returns 0, or -1 if the command has failed. */
static int control_find_users(struct control_context *ctx)
{
	if (ctx->username != NULL) {
		array_push_back(&ctx->usernames, &ctx->username);
		return 0;
	}
	if (ctx->file != NULL)
		return control_read_file(ctx);
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

static int control_queue_line(const char *const *args, void *context)
{
	struct control_context *ctx = context;
	const char *username = array_idx_elem(&ctx->usernames, ctx->next - 1);

	return doveadm_migration_results_add(&ctx->results, username, args);
}

static void control_run(struct control_context *ctx)
{
	const char *error;

	doveadm_migration_results_init(&ctx->results, &ctx->cmd,
				       ctx->username != NULL);
	if (array_count(&ctx->usernames) == 0) {
		doveadm_migration_results_end(&ctx->results);
		return;
	}
	switch (doveadm_migration_queue_ask_all(
		ctx->cmd.event, control_next_request, CONTROL_ANSWER_SECS,
		control_queue_line, ctx, &error)) {
	case DOVEADM_MIGRATION_QUEUE_OK:
		break;
	case DOVEADM_MIGRATION_QUEUE_NOT_RUNNING:
	case DOVEADM_MIGRATION_QUEUE_ERROR:
		doveadm_migration_cmd_fail(&ctx->cmd, EX_TEMPFAIL, "%s", error);
		break;
	case DOVEADM_MIGRATION_QUEUE_INTERRUPTED:
		/* the rest was not asked for */
		doveadm_exit_code = EX_TEMPFAIL;
		break;
	}
	doveadm_migration_results_end(&ctx->results);
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

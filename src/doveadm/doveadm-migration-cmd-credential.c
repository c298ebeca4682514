/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-master.h"
#include "migration-record.h"
#include "migration-secret.h"
#include "migration-settings.h"
#include "migration-store.h"
#include "migration-unseal.h"
#include "doveadm-migration-cmd.h"

#include <unistd.h>

struct credential_context {
	struct doveadm_migration_cmd cmd;
	const char *username;

	pool_t pool;
	/* NULL if there is none */
	struct migration_record *record;
};

static const struct doveadm_migration_column credential_columns[] = {
	{ "password", DOVEADM_PRINT_HEADER_FLAG_HIDE_TITLE },
	{ NULL, 0 }
};

/* Whoever uses the HTTP API, or a socket of doveadm's, need not be root. */
static int credential_check_root(struct credential_context *ctx)
{
	if (ctx->cmd.cctx->conn_type == DOVEADM_CONNECTION_TYPE_CLI &&
	    geteuid() == 0)
		return 0;
	doveadm_migration_cmd_fail(
		&ctx->cmd, EX_USAGE,
		"Passwords are shown to root only, on the command line of "
		"this server");
	return -1;
}

static void credential_looked_up(enum migration_store_found found,
				 const struct migration_record *record,
				 const char *error, void *context)
{
	struct credential_context *ctx = context;

	switch (found) {
	case MIGRATION_STORE_RECORD:
		ctx->record = migration_record_dup(ctx->pool, record);
		return;
	case MIGRATION_STORE_ACCOUNT:
	case MIGRATION_STORE_NOTHING:
		doveadm_migration_cmd_fail(&ctx->cmd, EX_NOUSER,
					   "No migration record of user %s",
					   ctx->username);
		return;
	case MIGRATION_STORE_ERROR:
		doveadm_migration_cmd_fail(&ctx->cmd, EX_TEMPFAIL,
					   "Cannot read the record of %s: %s",
					   ctx->username, error);
		return;
	}
	i_unreached();
}

static void credential_print(struct credential_context *ctx,
			     struct migration_unsealer *unsealer)
{
	struct migration_secret *secret;
	const char *error;

	if (migration_unseal(unsealer, ctx->record->credential,
			     ctx->record->username, ctx->record->provider,
			     &secret, &error) != MIGRATION_UNSEAL_OK) {
		doveadm_migration_cmd_fail(&ctx->cmd, EX_CONFIG, "%s: %s",
					   ctx->username, error);
		return;
	}
	doveadm_migration_cmd_print_init(DOVEADM_PRINT_TYPE_FLOW,
					 credential_columns);
	doveadm_print(migration_secret_get(secret));
	migration_secret_free(&secret);
}

static void credential_show(struct credential_context *ctx)
{
	struct migration_unsealer *unsealer;
	const char *error;

	if (migration_credential_is_master(ctx->record->credential)) {
		doveadm_migration_cmd_fail(
			&ctx->cmd, EX_USAGE,
			"%s: no password is stored: migration_provider %s has "
			"a master_user",
			ctx->username, ctx->record->provider);
		return;
	}
	if (*ctx->record->credential == '\0') {
		doveadm_migration_cmd_fail(
			&ctx->cmd, EX_USAGE, "%s: no password is stored%s",
			ctx->username,
			ctx->record->phase == MIGRATION_PHASE_FINISHED ?
				": the migration is finished" :
				"");
		return;
	}
	if (migration_unsealer_init(ctx->cmd.set->migration_private_key_file,
				    &unsealer, &error) < 0) {
		doveadm_migration_cmd_fail(&ctx->cmd, EX_CONFIG, "%s", error);
		return;
	}
	credential_print(ctx, unsealer);
	migration_unsealer_deinit(&unsealer);
}

static void credential_run(struct credential_context *ctx)
{
	if (credential_check_root(ctx) < 0 ||
	    doveadm_migration_cmd_open_store(&ctx->cmd) < 0)
		return;
	migration_store_lookup(ctx->cmd.store, ctx->username,
			       credential_looked_up, ctx);
	migration_store_wait(ctx->cmd.store);
	if (ctx->record != NULL)
		credential_show(ctx);
}

static void cmd_migration_credential(struct doveadm_cmd_context *cctx)
{
	struct credential_context ctx;

	i_zero(&ctx);
	doveadm_migration_cmd_init(&ctx.cmd, cctx);
	ctx.pool = pool_alloconly_create("doveadm migration credential", 1024);
	/* not cctx->username: without -u that is who runs doveadm */
	if (!doveadm_cmd_param_str(cctx, "user", &ctx.username)) {
		doveadm_migration_cmd_fail_usage(&ctx.cmd);
	} else {
		ctx.username = t_str_lcase(ctx.username);
		credential_run(&ctx);
	}
	pool_unref(&ctx.pool);
	doveadm_migration_cmd_deinit(&ctx.cmd);
}

struct doveadm_cmd_ver2 doveadm_migration_cmd_credential = {
	.name = "migration credential",
	.cmd = cmd_migration_credential,
	.usage = "-u <user>",
	DOVEADM_CMD_PARAMS_START DOVEADM_CMD_PARAM('u', "user", CMD_PARAM_STR,
						   0) DOVEADM_CMD_PARAMS_END
};

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "askpass.h"
#include "lib-signals.h"
#include "safe-memset.h"
#include "migration-limits.h"
#include "migration-provider.h"
#include "migration-secret.h"
#include "migration-settings.h"
#include "doveadm-migration-cmd.h"
#include "doveadm-migration-contact.h"
#include "doveadm-migration-password.h"
#include "doveadm-migration-probe.h"

#include <unistd.h>

struct provider_test_context {
	struct doveadm_migration_cmd cmd;
	const struct migration_provider_settings *provider;

	/* NULL = no login */
	const char *username;
	struct migration_user user;
	struct migration_secret *secret;
};

static const struct doveadm_migration_column provider_test_columns[] = {
	{ "check", 0 },
	{ "result", 0 },
	{ "detail", DOVEADM_PRINT_HEADER_FLAG_EXPAND },
	{ NULL, 0 }
};

static int provider_test_find_provider(struct provider_test_context *ctx)
{
	const char *name;

	if (!doveadm_cmd_param_str(ctx->cmd.cctx, "provider", &name)) {
		doveadm_migration_cmd_fail_usage(&ctx->cmd);
		return -1;
	}
	ctx->provider = doveadm_migration_cmd_find_provider(&ctx->cmd, name);
	return ctx->provider == NULL ? -1 : 0;
}

static int provider_test_check_user(struct provider_test_context *ctx,
				    enum migration_user_result result)
{
	const char *name = ctx->provider->name;

	switch (result) {
	case MIGRATION_USER_OK:
		if (ctx->user.provider == ctx->provider)
			return 0;
		doveadm_migration_cmd_fail(
			&ctx->cmd, EX_USAGE,
			"migration_provider %s does not serve the domain of "
			"%s, but migration_provider %s does",
			name, ctx->username, ctx->user.provider->name);
		return -1;
	case MIGRATION_USER_FOREIGN:
		doveadm_migration_cmd_fail(
			&ctx->cmd, EX_USAGE,
			"migration_provider %s does not serve the domain of "
			"%s, its domains are: %s",
			name, ctx->username, ctx->provider->domains);
		return -1;
	case MIGRATION_USER_REFUSED:
		doveadm_migration_cmd_fail(
			&ctx->cmd, EX_USAGE,
			"The user name is too long or has control characters");
		return -1;
	}
	i_unreached();
}

static int provider_test_find_user(struct provider_test_context *ctx)
{
	struct migration_providers *providers;
	enum migration_user_result result;
	const char *error;

	if (!doveadm_cmd_param_str(ctx->cmd.cctx, "user", &ctx->username))
		return 0;
	if (migration_providers_init(ctx->cmd.set, &providers, &error) < 0) {
		doveadm_migration_cmd_fail(&ctx->cmd, EX_CONFIG, "%s", error);
		return -1;
	}
	result = migration_providers_find_user(providers, ctx->username,
					       &ctx->user);
	migration_providers_deinit(&providers);
	return provider_test_check_user(ctx, result);
}

static int provider_test_read_password(struct provider_test_context *ctx)
{
	unsigned int killed = signal_term_counter;
	char buf[DOVEADM_MIGRATION_PASSWORD_BUFFER_BYTES];
	bool from_stdin = FALSE;
	size_t size = 0;

	(void)doveadm_cmd_param_bool(ctx->cmd.cctx, "password-stdin",
				     &from_stdin);
	if (!from_stdin && isatty(STDIN_FILENO) != 0) {
		askpass(t_strdup_printf("Password of %s at %s: ",
					ctx->user.remote_user,
					ctx->provider->host),
			buf, sizeof(buf));
		size = strlen(buf);
	} else if (doveadm_migration_password_read(buf, sizeof(buf), &size) <
		   0) {
		size = 0;
	}
	ctx->secret = migration_secret_create(buf, size);
	safe_memset(buf, 0, sizeof(buf));

	if (killed != signal_term_counter) {
		/* Ctrl-C ends only the reading */
		doveadm_exit_code = EX_TEMPFAIL;
		return -1;
	}
	if (!migration_secret_is_sendable(ctx->secret)) {
		doveadm_migration_cmd_fail(
			&ctx->cmd, EX_USAGE,
			"The password is empty, longer than %u bytes, or has "
			"characters that cannot be sent",
			MIGRATION_MAX_PASSWORD_BYTES);
		return -1;
	}
	return 0;
}

static int provider_test_parse_args(struct provider_test_context *ctx)
{
	if (provider_test_find_provider(ctx) < 0 ||
	    provider_test_find_user(ctx) < 0)
		return -1;
	if (ctx->username == NULL)
		return 0;
	if (ctx->cmd.cctx->conn_type != DOVEADM_CONNECTION_TYPE_CLI) {
		doveadm_migration_cmd_fail(
			&ctx->cmd, EX_USAGE,
			"A login can be tested on the command line only: the "
			"password is read from the terminal or from stdin");
		return -1;
	}
	return provider_test_read_password(ctx);
}

static void provider_test_row(const char *check, const char *result,
			      const char *detail, void *context ATTR_UNUSED)
{
	doveadm_print(check);
	doveadm_print(result);
	doveadm_migration_cmd_print(detail);
}

static int provider_test_exit_code(enum migration_verdict verdict)
{
	switch (verdict) {
	case MIGRATION_VERDICT_OK:
		return 0;
	case MIGRATION_VERDICT_PASSWORD:
	case MIGRATION_VERDICT_EXPIRED:
		return EX_NOPERM;
	case MIGRATION_VERDICT_TEMPORARY:
		return EX_TEMPFAIL;
	case MIGRATION_VERDICT_BROKEN:
		return EX_CONFIG;
	}
	i_unreached();
}

static void provider_test_run(struct provider_test_context *ctx)
{
	const struct doveadm_migration_contact_settings contact_set = {
		.provider = ctx->provider,
		.user = ctx->user.remote_user,
		.secret = ctx->secret,
		.timeout_msecs = ctx->cmd.set->migration_login_timeout * 1000,
	};
	struct doveadm_migration_contact_result result;

	doveadm_migration_cmd_print_init(DOVEADM_PRINT_TYPE_TABLE,
					 provider_test_columns);
	if (ctx->username != NULL) {
		provider_test_row("user", "ok",
				  t_strdup_printf("%s there, %s here",
						  ctx->user.remote_user,
						  ctx->user.local_user),
				  ctx);
	}
	doveadm_migration_contact(&contact_set, provider_test_row, ctx,
				  &result);
	if (!result.interrupted) {
		doveadm_migration_probe_show(&ctx->cmd, ctx->provider,
					     provider_test_row, ctx);
	}
	if (result.interrupted) {
		doveadm_exit_code = EX_TEMPFAIL;
	} else if (result.verdict != MIGRATION_VERDICT_OK) {
		doveadm_migration_cmd_fail(
			&ctx->cmd, provider_test_exit_code(result.verdict),
			"migration_provider %s: %s: %s", ctx->provider->name,
			result.check, result.error);
	}
}

static void cmd_migration_provider_test(struct doveadm_cmd_context *cctx)
{
	struct provider_test_context ctx;

	i_zero(&ctx);
	doveadm_migration_cmd_init(&ctx.cmd, cctx);
	if (provider_test_parse_args(&ctx) == 0)
		provider_test_run(&ctx);
	migration_secret_free(&ctx.secret);
	doveadm_migration_cmd_deinit(&ctx.cmd);
}

struct doveadm_cmd_ver2 doveadm_migration_cmd_provider_test = {
	.name = "migration provider test",
	.cmd = cmd_migration_provider_test,
	.usage = "[--password-stdin] <provider> [<user>]",
	DOVEADM_CMD_PARAMS_START DOVEADM_CMD_PARAM('\0', "password-stdin",
						   CMD_PARAM_BOOL, 0)
		DOVEADM_CMD_PARAM('\0', "provider", CMD_PARAM_STR,
				  CMD_PARAM_FLAG_POSITIONAL)
			DOVEADM_CMD_PARAM('\0', "user", CMD_PARAM_STR,
					  CMD_PARAM_FLAG_POSITIONAL)
				DOVEADM_CMD_PARAMS_END
};

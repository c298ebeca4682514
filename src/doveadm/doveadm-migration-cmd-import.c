/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-settings.h"
#include "doveadm-migration-cmd.h"
#include "doveadm-migration-hash.h"
#include "doveadm-migration-import.h"
#include "doveadm-migration-import-csv.h"

struct import_context {
	struct doveadm_migration_cmd cmd;
	struct doveadm_migration_import_settings set;
	char sep;
	bool can_hash;
};

static int import_fail(struct import_context *ctx, const char *error)
{
	doveadm_migration_cmd_fail(&ctx->cmd, EX_USAGE, "%s", error);
	return -1;
}

static int import_parse_sepchar(struct import_context *ctx)
{
	const char *sep;

	ctx->sep = ';';
	if (!doveadm_cmd_param_str(ctx->cmd.cctx, "sepchar", &sep))
		return 0;
	if (strlen(sep) != 1 || *sep == '"' || *sep == ' ' || *sep == '@' ||
	    *sep == '\n' || *sep == '\r')
		return import_fail(ctx, "--sepchar: must be one character, "
					"such as , or ;");
	ctx->sep = *sep;
	return 0;
}

/* Schemes that doveadm does not know would be found at the first login. */
static int import_check_scheme(struct import_context *ctx, const char *scheme)
{
	const char *hash, *error;

	if (doveadm_migration_hash("", "", scheme, &hash, &error) < 0)
		return import_fail(ctx, error);
	return 0;
}

static int import_parse_schemes(struct import_context *ctx)
{
	const struct doveadm_cmd_context *cctx = ctx->cmd.cctx;

	(void)doveadm_cmd_param_bool(cctx, "crypt-passwords",
				     &ctx->set.crypt_passwords);
	if (doveadm_cmd_param_str(cctx, "password-scheme",
				  &ctx->set.password_scheme)) {
		if (ctx->set.crypt_passwords)
			return import_fail(ctx, "--crypt-passwords and "
						"--password-scheme exclude "
						"one another");
		if (ctx->can_hash &&
		    import_check_scheme(ctx, ctx->set.password_scheme) < 0)
			return -1;
	}
	if (!ctx->set.crypt_passwords)
		return 0;
	return import_check_scheme(ctx,
				   ctx->cmd.set->migration_password_scheme);
}

static int import_parse_args(struct import_context *ctx)
{
	const struct doveadm_cmd_context *cctx = ctx->cmd.cctx;

	(void)doveadm_cmd_param_bool(cctx, "check", &ctx->set.check);
	(void)doveadm_cmd_param_bool(cctx, "continue-if-exists",
				     &ctx->set.continue_if_exists);
	if (!doveadm_cmd_param_str(cctx, "file", &ctx->set.source)) {
		doveadm_migration_cmd_fail_usage(&ctx->cmd);
		return -1;
	}
	if (import_parse_sepchar(ctx) < 0)
		return -1;
	return import_parse_schemes(ctx);
}

static void import_run(struct import_context *ctx)
{
	struct doveadm_migration_import *import;

	if (doveadm_migration_cmd_open_store(&ctx->cmd) < 0 ||
	    doveadm_migration_import_init(&ctx->cmd, &ctx->set, &import) < 0)
		return;
	doveadm_migration_import_modoboa(import, ctx->set.source, ctx->sep);
	doveadm_migration_import_finish(import);
	doveadm_migration_import_deinit(&import);
}

static void cmd_migration_import(struct doveadm_cmd_context *cctx)
{
	struct import_context ctx;

	i_zero(&ctx);
	doveadm_migration_cmd_init(&ctx.cmd, cctx);
	ctx.can_hash = doveadm_migration_hash_init();
	if (import_parse_args(&ctx) == 0)
		import_run(&ctx);
	doveadm_migration_hash_deinit();
	doveadm_migration_cmd_deinit(&ctx.cmd);
}

struct doveadm_cmd_ver2 doveadm_migration_cmd_import = {
	.name = "migration import",
	.cmd = cmd_migration_import,
	.usage = "[--check] [--continue-if-exists] [--sepchar <char>] "
		 "[--crypt-passwords | --password-scheme <scheme>] <file>",
	DOVEADM_CMD_PARAMS_START DOVEADM_CMD_PARAM(
		'\0', "check", CMD_PARAM_BOOL,
		0) DOVEADM_CMD_PARAM('\0', "continue-if-exists", CMD_PARAM_BOOL,
				     0) DOVEADM_CMD_PARAM('\0', "sepchar",
							  CMD_PARAM_STR, 0)
		DOVEADM_CMD_PARAM('\0', "crypt-passwords", CMD_PARAM_BOOL, 0)
			DOVEADM_CMD_PARAM('\0', "password-scheme",
					  CMD_PARAM_STR, 0)
				DOVEADM_CMD_PARAM('\0', "file", CMD_PARAM_STR,
						  CMD_PARAM_FLAG_POSITIONAL)
					DOVEADM_CMD_PARAMS_END
};

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-own-tables.h"
#include "migration-settings.h"
#include "doveadm-migration-cmd.h"
#include "doveadm-migration-hash.h"
#include "doveadm-migration-import.h"
#include "doveadm-migration-import-csv.h"
#include "doveadm-migration-import-postfixadmin.h"

enum import_from {
	IMPORT_FROM_MODOBOA,
	IMPORT_FROM_NS8,
	IMPORT_FROM_POSTFIXADMIN,

	IMPORT_FROM_COUNT
};

static const char *const import_from_names[] = {
	[IMPORT_FROM_MODOBOA] = "modoboa",
	[IMPORT_FROM_NS8] = "ns8",
	[IMPORT_FROM_POSTFIXADMIN] = "postfixadmin",
	[IMPORT_FROM_COUNT] = NULL,
};

struct import_context {
	struct doveadm_migration_cmd cmd;
	struct doveadm_migration_import_settings set;
	enum import_from from;
	char sep;
	bool can_hash;
};

static int import_fail(struct import_context *ctx, const char *error)
{
	doveadm_migration_cmd_fail(&ctx->cmd, EX_USAGE, "%s", error);
	return -1;
}

static int import_parse_from(struct import_context *ctx)
{
	const char *from;
	unsigned int i;

	if (!doveadm_cmd_param_str(ctx->cmd.cctx, "from", &from))
		return 0;
	for (i = 0; i < IMPORT_FROM_COUNT; i++) {
		if (strcmp(import_from_names[i], from) == 0) {
			ctx->from = i;
			return 0;
		}
	}
	return import_fail(
		ctx,
		t_strdup_printf("--from: unknown '%s', there are: %s", from,
				t_strarray_join(import_from_names, ", ")));
}

static int import_parse_sepchar(struct import_context *ctx)
{
	const char *sep;

	ctx->sep = ctx->from == IMPORT_FROM_NS8 ? ',' : ';';
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

/* Nobody would look into the plugin's tables. */
static int import_check_tables(struct import_context *ctx)
{
	if (!migration_own_tables_are_set(ctx->cmd.set))
		return 0;
	doveadm_migration_cmd_fail(
		&ctx->cmd, EX_CONFIG,
		"import writes into the plugin's own tables, but accounts are "
		"in tables that belong to another program "
		"(migration_account_lookup): import with that program; \"add\" "
		"makes accounts there for users who are to be moved");
	return -1;
}

static int import_parse_args(struct import_context *ctx)
{
	const struct doveadm_cmd_context *cctx = ctx->cmd.cctx;

	(void)doveadm_cmd_param_bool(cctx, "check", &ctx->set.check);
	(void)doveadm_cmd_param_bool(cctx, "continue-if-exists",
				     &ctx->set.continue_if_exists);
	(void)doveadm_cmd_param_bool(cctx, "update", &ctx->set.update);
	if (!doveadm_cmd_param_str(cctx, "file", &ctx->set.source)) {
		doveadm_migration_cmd_fail_usage(&ctx->cmd);
		return -1;
	}
	if (import_parse_from(ctx) < 0 || import_parse_sepchar(ctx) < 0)
		return -1;
	if (ctx->set.update && ctx->from != IMPORT_FROM_NS8)
		return import_fail(ctx, "--update: only with --from ns8");
	if (ctx->set.update && ctx->set.continue_if_exists)
		return import_fail(ctx, "--update and --continue-if-exists "
					"exclude one another");
	return import_parse_schemes(ctx);
}

static void import_run(struct import_context *ctx)
{
	struct doveadm_migration_import *import;

	if (doveadm_migration_cmd_open_store(&ctx->cmd) < 0 ||
	    doveadm_migration_import_init(&ctx->cmd, &ctx->set, &import) < 0)
		return;
	switch (ctx->from) {
	case IMPORT_FROM_MODOBOA:
		doveadm_migration_import_modoboa(import, ctx->set.source,
						 ctx->sep);
		break;
	case IMPORT_FROM_NS8:
		doveadm_migration_import_ns8(&ctx->cmd, import, ctx->set.source,
					     ctx->sep);
		break;
	case IMPORT_FROM_POSTFIXADMIN:
		doveadm_migration_import_postfixadmin(&ctx->cmd, import,
						      ctx->set.source);
		break;
	case IMPORT_FROM_COUNT:
		i_unreached();
	}
	doveadm_migration_import_finish(import);
	doveadm_migration_import_deinit(&import);
}

static void cmd_migration_import(struct doveadm_cmd_context *cctx)
{
	struct import_context ctx;

	i_zero(&ctx);
	doveadm_migration_cmd_init(&ctx.cmd, cctx);
	ctx.can_hash = doveadm_migration_hash_init();
	if (import_parse_args(&ctx) == 0 && import_check_tables(&ctx) == 0)
		import_run(&ctx);
	doveadm_migration_hash_deinit();
	doveadm_migration_cmd_deinit(&ctx.cmd);
}

struct doveadm_cmd_ver2 doveadm_migration_cmd_import = {
	.name = "migration import",
	.cmd = cmd_migration_import,
	.usage = "[--from <source>] [--check] "
		 "[--continue-if-exists | --update] "
		 "[--sepchar <char>] "
		 "[--crypt-passwords | --password-scheme <scheme>] <file>",
	/* clang-format off */
	DOVEADM_CMD_PARAMS_START
	DOVEADM_CMD_PARAM('\0', "from", CMD_PARAM_STR, 0)
	DOVEADM_CMD_PARAM('\0', "check", CMD_PARAM_BOOL, 0)
	DOVEADM_CMD_PARAM('\0', "continue-if-exists", CMD_PARAM_BOOL, 0)
	DOVEADM_CMD_PARAM('u', "update", CMD_PARAM_BOOL, 0)
	DOVEADM_CMD_PARAM('\0', "sepchar", CMD_PARAM_STR, 0)
	DOVEADM_CMD_PARAM('\0', "crypt-passwords", CMD_PARAM_BOOL, 0)
	DOVEADM_CMD_PARAM('\0', "password-scheme", CMD_PARAM_STR, 0)
	DOVEADM_CMD_PARAM('\0', "file", CMD_PARAM_STR, CMD_PARAM_FLAG_POSITIONAL)
	DOVEADM_CMD_PARAMS_END
	/* clang-format on */
};

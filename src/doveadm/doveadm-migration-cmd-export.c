/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "ioloop.h"
#include "wildcard-match.h"
#include "migration-export.h"
#include "migration-settings.h"
#include "migration-store.h"
#include "doveadm-migration-cmd.h"

#define EXPORT_FORMATS "csv, json, offlineimap, mbsync, imapsync"

struct export_context {
	struct doveadm_migration_cmd cmd;
	enum migration_export_format format;

	/* NULL = all */
	const char *provider, *mask;
	/* so far, and those that the format cannot have */
	unsigned int count, left_out;
};

/* Text of a format of its own. */
static const struct doveadm_migration_column export_columns[] = {
	{ "text", DOVEADM_PRINT_HEADER_FLAG_HIDE_TITLE },
	{ NULL, 0 }
};

static int export_parse_args(struct export_context *ctx)
{
	const struct doveadm_cmd_context *cctx = ctx->cmd.cctx;
	const char *format;

	(void)doveadm_cmd_param_str(cctx, "provider", &ctx->provider);
	(void)doveadm_cmd_param_str(cctx, "mask", &ctx->mask);
	ctx->format = MIGRATION_EXPORT_CSV;
	if (doveadm_cmd_param_str(cctx, "format", &format) &&
	    migration_export_format_parse(format, &ctx->format) < 0) {
		doveadm_migration_cmd_fail(
			&ctx->cmd, EX_USAGE,
			"Unknown format '%s', the formats are: " EXPORT_FORMATS,
			format);
		return -1;
	}
	return 0;
}

static void export_print_init(struct export_context *ctx)
{
	unsigned int i;

	if (ctx->format != MIGRATION_EXPORT_JSON) {
		doveadm_migration_cmd_print_init(DOVEADM_PRINT_TYPE_FLOW,
						 export_columns);
		doveadm_print(migration_export_begin(ctx->format));
		return;
	}
	doveadm_print_init(DOVEADM_PRINT_TYPE_JSON);
	for (i = 0; i < migration_export_columns_count; i++) {
		const struct migration_export_column *column =
			&migration_export_columns[i];

		doveadm_print_header(column->name, column->name,
				     column->number ?
					     DOVEADM_PRINT_HEADER_FLAG_NUMBER :
					     0);
	}
}

static void
export_print(struct export_context *ctx, const struct migration_record *record)
{
	const struct migration_provider_settings *provider =
		migration_settings_find_provider(ctx->cmd.set,
						 record->provider);
	bool configures = ctx->format != MIGRATION_EXPORT_CSV &&
			  ctx->format != MIGRATION_EXPORT_JSON;
	unsigned int i;

	if (!migration_export_has(ctx->format, record) ||
	    (configures && provider == NULL)) {
		ctx->left_out++;
		return;
	}
	ctx->count++;
	if (ctx->format != MIGRATION_EXPORT_JSON) {
		doveadm_print(migration_export_record(ctx->format, record,
						      provider, ctx->count,
						      migration_store_now(
							      ctx->cmd.store)));
		return;
	}
	for (i = 0; i < migration_export_columns_count; i++) {
		doveadm_print(migration_export_value(
			record, i, migration_store_now(ctx->cmd.store)));
	}
}

static void export_callback(int ret, const struct migration_record *record,
			    const char *error, void *context)
{
	struct export_context *ctx = context;

	if (ret < 0) {
		doveadm_migration_cmd_fail(&ctx->cmd, EX_TEMPFAIL,
					   "Cannot read the records: %s",
					   error);
	} else if (ret > 0 &&
		   (ctx->mask == NULL ||
		    wildcard_match_icase(record->username, ctx->mask)))
		T_BEGIN
		{
			export_print(ctx, record);
		}
	T_END;
}

static void export_run(struct export_context *ctx)
{
	const char *end;

	if (doveadm_migration_cmd_open_store(&ctx->cmd) < 0)
		return;
	export_print_init(ctx);
	migration_store_list(ctx->cmd.store, ctx->provider, export_callback,
			     ctx);
	migration_store_wait(ctx->cmd.store);
	end = migration_export_end(ctx->format, ctx->count);
	if (*end != '\0')
		doveadm_print(end);
	if (ctx->left_out > 0) {
		e_info(ctx->cmd.event,
		       "Left out, because there is no stored password or the "
		       "provider is not configured: %u",
		       ctx->left_out);
	}
}

static void cmd_migration_export(struct doveadm_cmd_context *cctx)
{
	struct export_context ctx;

	i_zero(&ctx);
	doveadm_migration_cmd_init(&ctx.cmd, cctx);
	if (export_parse_args(&ctx) == 0)
		export_run(&ctx);
	doveadm_migration_cmd_deinit(&ctx.cmd);
}

struct doveadm_cmd_ver2 doveadm_migration_cmd_export = {
	.name = "migration export",
	.cmd = cmd_migration_export,
	.usage = "[--format <format>] [-p <provider>] [<user mask>]",
	DOVEADM_CMD_PARAMS_START DOVEADM_CMD_PARAM('\0', "format",
						   CMD_PARAM_STR, 0)
		DOVEADM_CMD_PARAM('p', "provider", CMD_PARAM_STR, 0)
			DOVEADM_CMD_PARAM('\0', "mask", CMD_PARAM_STR,
					  CMD_PARAM_FLAG_POSITIONAL)
				DOVEADM_CMD_PARAMS_END
};

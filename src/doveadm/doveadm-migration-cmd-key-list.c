/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "migration-master.h"
#include "migration-record.h"
#include "migration-seal.h"
#include "migration-settings.h"
#include "migration-store.h"
#include "migration-unseal.h"
#include "doveadm-migration-cmd.h"

/* What is stored and is no box at all */
#define KEY_ID_NONE "none"

struct key_row {
	const char *id;
	/* stored passwords */
	unsigned int sealed;
	bool in_file;
};

struct key_list_context {
	struct doveadm_migration_cmd cmd;
	pool_t pool;
	ARRAY(struct key_row) rows;
	/* which is sealed with */
	const char *present;
};

static const struct doveadm_migration_column key_list_columns[] = {
	{ "key_id", 0 },
	{ "use", 0 },
	{ "sealed", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ NULL, 0 }
};

static struct key_row *
key_list_get_row(struct key_list_context *ctx, const char *id)
{
	struct key_row *row;

	array_foreach_modifiable(&ctx->rows, row) {
		if (strcmp(row->id, id) == 0)
			return row;
	}
	row = array_append_space(&ctx->rows);
	row->id = p_strdup(ctx->pool, id);
	return row;
}

static int key_list_read_public(struct key_list_context *ctx)
{
	struct migration_sealer *sealer;
	const char *error;

	if (migration_sealer_init(ctx->cmd.set->migration_public_key_file,
				  &sealer, &error) < 0) {
		doveadm_migration_cmd_fail(&ctx->cmd, EX_CONFIG, "%s", error);
		return -1;
	}
	ctx->present = p_strdup(ctx->pool, migration_sealer_get_key_id(sealer));
	migration_sealer_deinit(&sealer);
	(void)key_list_get_row(ctx, ctx->present);
	return 0;
}

static int key_list_read_private(struct key_list_context *ctx)
{
	struct migration_unsealer *unsealer;
	const char *const *ids, *error;

	if (migration_unsealer_init(ctx->cmd.set->migration_private_key_file,
				    &unsealer, &error) < 0) {
		doveadm_migration_cmd_fail(&ctx->cmd, EX_CONFIG, "%s", error);
		return -1;
	}
	ids = migration_unsealer_get_key_ids(unsealer);
	migration_unsealer_deinit(&unsealer);
	for (; *ids != NULL; ids++)
		key_list_get_row(ctx, *ids)->in_file = TRUE;
	return 0;
}

static void key_list_callback(int ret, const struct migration_record *record,
			      const char *error, void *context)
{
	struct key_list_context *ctx = context;

	if (ret < 0) {
		doveadm_migration_cmd_fail(&ctx->cmd, EX_TEMPFAIL,
					   "Cannot read the records: %s",
					   error);
	} else if (ret > 0 && *record->credential != '\0' &&
		   !migration_credential_is_master(record->credential))
		T_BEGIN
		{
			const char *id =
				migration_unseal_get_key_id(record->credential);

			if (id == NULL)
				id = KEY_ID_NONE;
			key_list_get_row(ctx, id)->sealed++;
		}
	T_END;
}

static const char *
key_list_use(const struct key_list_context *ctx, const struct key_row *row)
{
	if (!row->in_file)
		return "missing";
	return strcmp(row->id, ctx->present) == 0 ? "present" : "old";
}

static void key_list_print(struct key_list_context *ctx)
{
	const struct key_row *row;

	doveadm_migration_cmd_print_init(DOVEADM_PRINT_TYPE_TABLE,
					 key_list_columns);
	array_foreach(&ctx->rows, row) {
		doveadm_print(row->id);
		doveadm_print(key_list_use(ctx, row));
		doveadm_print_num(row->sealed);
	}
	if (!key_list_get_row(ctx, ctx->present)->in_file) {
		doveadm_migration_cmd_fail(
			&ctx->cmd, EX_CONFIG,
			"The public key %s of %s has no private key in %s: "
			"what is sealed with it cannot be opened",
			ctx->present, ctx->cmd.set->migration_public_key_file,
			ctx->cmd.set->migration_private_key_file);
	}
}

static void cmd_migration_key_list(struct doveadm_cmd_context *cctx)
{
	struct key_list_context ctx;

	i_zero(&ctx);
	doveadm_migration_cmd_init(&ctx.cmd, cctx);
	ctx.pool = pool_alloconly_create("doveadm migration key list", 1024);
	p_array_init(&ctx.rows, ctx.pool, 4);
	if (key_list_read_public(&ctx) == 0 &&
	    key_list_read_private(&ctx) == 0 &&
	    doveadm_migration_cmd_open_store(&ctx.cmd) == 0) {
		migration_store_list(ctx.cmd.store, NULL, key_list_callback,
				     &ctx);
		migration_store_wait(ctx.cmd.store);
		if (doveadm_exit_code == 0)
			key_list_print(&ctx);
	}
	pool_unref(&ctx.pool);
	doveadm_migration_cmd_deinit(&ctx.cmd);
}

struct doveadm_cmd_ver2 doveadm_migration_cmd_key_list = {
	.name = "migration key list",
	.cmd = cmd_migration_key_list,
	.usage = "",
	DOVEADM_CMD_PARAMS_START DOVEADM_CMD_PARAMS_END
};

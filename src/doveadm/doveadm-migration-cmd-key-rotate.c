/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-keyring.h"
#include "migration-protocol.h"
#include "migration-seal.h"
#include "migration-settings.h"
#include "doveadm-migration-cmd.h"
#include "doveadm-migration-queue.h"
#include "doveadm-migration-reseal.h"

#define ROTATE_STATUS_SECS 10

struct rotate_context {
	struct doveadm_migration_cmd cmd;
	/* no new key */
	bool reseal_only;
	/* and then forget the old ones */
	bool forget_old;

	const char *key_id;
	struct doveadm_migration_reseal_result reseal;
	unsigned int forgotten;
};

static const struct doveadm_migration_column rotate_columns[] = {
	{ "key_id", 0 },
	{ "resealed", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "left", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "forgotten", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ NULL, 0 }
};

static int
rotate_status_line(const char *const *args, void *context ATTR_UNUSED)
{
	return strcmp(args[0], MIGRATION_VERB_STATUS) == 0 ? 0 : -1;
}

/* Before anything is changed: it has to write what is sealed anew. */
static int rotate_check_queue(struct rotate_context *ctx)
{
	const char *error;

	switch (doveadm_migration_queue_ask(ctx->cmd.event,
					    MIGRATION_VERB_STATUS,
					    ROTATE_STATUS_SECS,
					    rotate_status_line, ctx, &error)) {
	case DOVEADM_MIGRATION_QUEUE_OK:
		return 0;
	case DOVEADM_MIGRATION_QUEUE_NOT_RUNNING:
	case DOVEADM_MIGRATION_QUEUE_ERROR:
		doveadm_migration_cmd_fail(&ctx->cmd, EX_TEMPFAIL, "%s", error);
		return -1;
	case DOVEADM_MIGRATION_QUEUE_INTERRUPTED:
		doveadm_exit_code = EX_TEMPFAIL;
		return -1;
	}
	i_unreached();
}

static int rotate_key(struct rotate_context *ctx)
{
	const struct migration_settings *set = ctx->cmd.set;
	struct migration_sealer *sealer;
	const char *error;

	if (!ctx->reseal_only) {
		if (migration_keyring_rotate(set->migration_private_key_file,
					     set->migration_public_key_file,
					     &ctx->key_id, &error) < 0) {
			doveadm_migration_cmd_fail(&ctx->cmd, EX_CONFIG, "%s",
						   error);
			return -1;
		}
		e_info(ctx->cmd.event,
		       "Logins are sealed with the new key after: doveadm "
		       "reload");
		return 0;
	}
	if (migration_sealer_init(set->migration_public_key_file, &sealer,
				  &error) < 0) {
		doveadm_migration_cmd_fail(&ctx->cmd, EX_CONFIG, "%s", error);
		return -1;
	}
	ctx->key_id = migration_sealer_get_key_id(sealer);
	migration_sealer_deinit(&sealer);
	return 0;
}

static int rotate_forget_old(struct rotate_context *ctx)
{
	const struct migration_settings *set = ctx->cmd.set;
	const char *error;
	int ret;

	ret = migration_keyring_forget_old(set->migration_private_key_file,
					   set->migration_public_key_file,
					   &error);
	if (ret < 0) {
		doveadm_migration_cmd_fail(&ctx->cmd, EX_CONFIG, "%s", error);
		return -1;
	}
	ctx->forgotten = ret;
	return 0;
}

static void rotate_print(struct rotate_context *ctx)
{
	doveadm_migration_cmd_print_init(DOVEADM_PRINT_TYPE_PAGER,
					 rotate_columns);
	doveadm_print(ctx->key_id);
	doveadm_print_num(ctx->reseal.resealed);
	doveadm_print_num(ctx->reseal.left);
	doveadm_print_num(ctx->forgotten);
}

static void rotate_run(struct rotate_context *ctx)
{
	if (rotate_check_queue(ctx) < 0 || rotate_key(ctx) < 0)
		return;
	if (doveadm_migration_reseal(&ctx->cmd, &ctx->reseal) < 0 ||
	    ctx->reseal.left > 0) {
		doveadm_migration_cmd_fail(
			&ctx->cmd, EX_TEMPFAIL,
			"Passwords that are still sealed with other keys: %u. "
			"The old keys stay. Again: doveadm migration key "
			"rotate --reseal",
			ctx->reseal.left);
	} else if (ctx->forget_old && rotate_forget_old(ctx) < 0) {
		return;
	}
	rotate_print(ctx);
}

static void cmd_migration_key_rotate(struct doveadm_cmd_context *cctx)
{
	struct rotate_context ctx;

	i_zero(&ctx);
	doveadm_migration_cmd_init(&ctx.cmd, cctx);
	(void)doveadm_cmd_param_bool(cctx, "reseal", &ctx.reseal_only);
	(void)doveadm_cmd_param_bool(cctx, "forget-old", &ctx.forget_old);
	/* what auth has sealed since, with the key that it read at its start,
	   would be lost */
	if (ctx.forget_old && !ctx.reseal_only) {
		doveadm_migration_cmd_fail(
			&ctx.cmd, EX_USAGE,
			"--forget-old needs --reseal: first rotate, then "
			"doveadm reload, then doveadm migration key rotate "
			"--reseal --forget-old");
	} else if (doveadm_migration_cmd_open_store(&ctx.cmd) == 0) {
		rotate_run(&ctx);
	}
	doveadm_migration_cmd_deinit(&ctx.cmd);
}

struct doveadm_cmd_ver2 doveadm_migration_cmd_key_rotate = {
	.name = "migration key rotate",
	.cmd = cmd_migration_key_rotate,
	.usage = "[--reseal [--forget-old]]",
	DOVEADM_CMD_PARAMS_START DOVEADM_CMD_PARAM('\0', "reseal",
						   CMD_PARAM_BOOL, 0)
		DOVEADM_CMD_PARAM('\0', "forget-old", CMD_PARAM_BOOL, 0)
			DOVEADM_CMD_PARAMS_END
};

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-keygen.h"
#include "migration-settings.h"
#include "doveadm-migration-cmd.h"

static const struct doveadm_migration_column key_columns[] = {
	{ "key_id", 0 },
	{ "public_key_file", 0 },
	{ "private_key_file", 0 },
	{ NULL, 0 }
};

static void cmd_migration_key_generate(struct doveadm_cmd_context *cctx)
{
	struct doveadm_migration_cmd cmd;
	const char *key_id, *error;

	doveadm_migration_cmd_init(&cmd, cctx);
	if (migration_keygen(cmd.set->migration_private_key_file,
			     cmd.set->migration_public_key_file, &key_id,
			     &error) < 0) {
		doveadm_migration_cmd_fail(&cmd, EX_CONFIG, "%s", error);
	} else {
		doveadm_migration_cmd_print_init(DOVEADM_PRINT_TYPE_PAGER,
						 key_columns);
		doveadm_print(key_id);
		doveadm_print(cmd.set->migration_public_key_file);
		doveadm_print(cmd.set->migration_private_key_file);
	}
	doveadm_migration_cmd_deinit(&cmd);
}

struct doveadm_cmd_ver2 doveadm_migration_cmd_key_generate = {
	.name = "migration key generate",
	.cmd = cmd_migration_key_generate,
	.usage = "",
	DOVEADM_CMD_PARAMS_START DOVEADM_CMD_PARAMS_END
};

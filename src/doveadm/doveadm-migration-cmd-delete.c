/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "doveadm-migration-cmd.h"
#include "doveadm-migration-cmd-control.h"

static void cmd_migration_delete(struct doveadm_cmd_context *cctx)
{
	doveadm_migration_cmd_control(cctx, MIGRATION_COMMAND_DELETE);
}

struct doveadm_cmd_ver2 doveadm_migration_cmd_delete = {
	.name = "migration delete",
	.cmd = cmd_migration_delete,
	.usage =
		"-u <user or mask> | -F <file> | -p <provider> | -A [--account]",
	DOVEADM_CMD_PARAMS_START DOVEADM_CMD_PARAM('u', "user", CMD_PARAM_STR,
						   0)
		DOVEADM_CMD_PARAM('F', "users-file", CMD_PARAM_ISTREAM, 0)
			DOVEADM_CMD_PARAM('p', "provider", CMD_PARAM_STR, 0)
				DOVEADM_CMD_PARAM('A', "all", CMD_PARAM_BOOL, 0)
					DOVEADM_CMD_PARAM('\0', "account",
							  CMD_PARAM_BOOL, 0)
						DOVEADM_CMD_PARAMS_END
};

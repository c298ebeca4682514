/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "doveadm-migration-cmd.h"
#include "doveadm-migration-cmd-control.h"

static void cmd_migration_pause(struct doveadm_cmd_context *cctx)
{
	doveadm_migration_cmd_control(cctx, MIGRATION_COMMAND_PAUSE);
}

struct doveadm_cmd_ver2 doveadm_migration_cmd_pause = {
	.name = "migration pause",
	.cmd = cmd_migration_pause,
	.usage = "-u <user or mask> | -F <file> | -p <provider> | -A",
	DOVEADM_CMD_PARAMS_START DOVEADM_CMD_PARAM('u', "user", CMD_PARAM_STR,
						   0)
		DOVEADM_CMD_PARAM('F', "users-file", CMD_PARAM_ISTREAM, 0)
			DOVEADM_CMD_PARAM('p', "provider", CMD_PARAM_STR, 0)
				DOVEADM_CMD_PARAM('A', "all", CMD_PARAM_BOOL, 0)
					DOVEADM_CMD_PARAMS_END
};

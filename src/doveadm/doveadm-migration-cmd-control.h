#ifndef DOVEADM_MIGRATION_CMD_CONTROL_H
#define DOVEADM_MIGRATION_CMD_CONTROL_H

/* pause, resume, retry, finish and delete: which users, and what became of
   each. The queue decides and writes. */

#include "migration-state.h"

struct doveadm_cmd_context;

void doveadm_migration_cmd_control(struct doveadm_cmd_context *cctx,
				   enum migration_command command);

#endif

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "ioloop.h"
#include "migration-protocol.h"
#include "migration-db.h"
#include "migration-settings.h"
#include "migration-state.h"
#include "migration-store.h"
#include "doveadm-migration-cmd.h"
#include "doveadm-migration-queue.h"

#define STATUS_ANSWER_SECS 10
#define STATUS_STATE_COUNT (MIGRATION_STATE_FINISHED + 1)

struct status_context {
	struct doveadm_migration_cmd cmd;

	unsigned int total, by_state[STATUS_STATE_COUNT];

	/* what the queue says, 0 if it is not running */
	unsigned int workers_busy, workers_limit;
	time_t up_since;
};

static void status_callback(int ret, const struct migration_record *record,
			    const char *error, void *context)
{
	struct status_context *ctx = context;

	if (ret < 0) {
		doveadm_migration_cmd_fail(&ctx->cmd, EX_TEMPFAIL,
					   "Cannot read the records: %s",
					   error);
	} else if (ret > 0) {
		ctx->total++;
		ctx->by_state[migration_state(
			record, migration_store_now(ctx->cmd.store))]++;
	}
}

static int status_queue_line(const char *const *args, void *context)
{
	struct status_context *ctx = context;

	if (strcmp(args[0], MIGRATION_VERB_STATUS) != 0 ||
	    str_array_length(args) < 4 ||
	    str_to_uint(args[1], &ctx->workers_busy) < 0 ||
	    str_to_uint(args[2], &ctx->workers_limit) < 0 ||
	    str_to_time(args[3], &ctx->up_since) < 0)
		return -1;
	return 0;
}

static const char *status_ask_queue(struct status_context *ctx)
{
	const char *error;

	switch (doveadm_migration_queue_ask(ctx->cmd.event,
					    MIGRATION_VERB_STATUS,
					    STATUS_ANSWER_SECS,
					    status_queue_line, ctx, &error)) {
	case DOVEADM_MIGRATION_QUEUE_OK:
		return "running";
	case DOVEADM_MIGRATION_QUEUE_NOT_RUNNING:
		return "not running";
	case DOVEADM_MIGRATION_QUEUE_ERROR:
		doveadm_migration_cmd_fail(&ctx->cmd, EX_TEMPFAIL, "%s", error);
		return "unknown";
	case DOVEADM_MIGRATION_QUEUE_INTERRUPTED:
		doveadm_exit_code = EX_TEMPFAIL;
		return "unknown";
	}
	i_unreached();
}

static void status_print_columns(void)
{
	unsigned int state;

	doveadm_print_init(DOVEADM_PRINT_TYPE_PAGER);
	doveadm_print_header_simple("queue");
	doveadm_print_header_simple("up_since");
	doveadm_print_header("workers_busy", "workers_busy",
			     DOVEADM_MIGRATION_COLUMN_NUMBER);
	doveadm_print_header("workers_limit", "workers_limit",
			     DOVEADM_MIGRATION_COLUMN_NUMBER);
	doveadm_print_header("users", "users", DOVEADM_MIGRATION_COLUMN_NUMBER);
	for (state = 0; state < STATUS_STATE_COUNT; state++) {
		const char *name =
			migration_state_to_string((enum migration_state)state);

		doveadm_print_header(name, name,
				     DOVEADM_MIGRATION_COLUMN_NUMBER);
	}
	doveadm_print_header_simple("database");
}

static void status_print(struct status_context *ctx)
{
	const char *queue = status_ask_queue(ctx);
	unsigned int state;

	status_print_columns();
	doveadm_print(queue);
	doveadm_migration_cmd_print_time(ctx->up_since);
	doveadm_print_num(ctx->workers_busy);
	doveadm_print_num(ctx->workers_limit);
	doveadm_print_num(ctx->total);
	for (state = 0; state < STATUS_STATE_COUNT; state++)
		doveadm_print_num(ctx->by_state[state]);
	doveadm_print(
		migration_db_describe(ctx->cmd.set->migration_db_driver,
				      ctx->cmd.set->migration_db_connect));
}

static void cmd_migration_status(struct doveadm_cmd_context *cctx)
{
	struct status_context ctx;

	i_zero(&ctx);
	doveadm_migration_cmd_init(&ctx.cmd, cctx);
	if (doveadm_migration_cmd_open_store(&ctx.cmd) == 0) {
		migration_store_list(ctx.cmd.store, NULL, status_callback,
				     &ctx);
		migration_store_wait(ctx.cmd.store);
		if (doveadm_exit_code == 0)
			status_print(&ctx);
	}
	doveadm_migration_cmd_deinit(&ctx.cmd);
}

struct doveadm_cmd_ver2 doveadm_migration_cmd_status = {
	.name = "migration status",
	.cmd = cmd_migration_status,
	.usage = "",
	DOVEADM_CMD_PARAMS_START DOVEADM_CMD_PARAMS_END
};

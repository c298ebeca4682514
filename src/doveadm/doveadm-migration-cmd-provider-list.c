/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "ioloop.h"
#include "migration-protocol.h"
#include "migration-provider-status.h"
#include "migration-settings.h"
#include "migration-state.h"
#include "migration-store.h"
#include "doveadm-migration-cmd.h"
#include "doveadm-migration-queue.h"

#define PROVIDERS_ANSWER_SECS 10

struct provider_row {
	const struct migration_provider_settings *set;
	unsigned int users, syncing;
	/* login checks; all zero if auth has told nothing */
	struct migration_provider_status status;
};

struct provider_list_context {
	struct doveadm_migration_cmd cmd;
	ARRAY(struct provider_row) rows;
	/* an auth process has told the queue how its checks are doing */
	bool has_status;
};

static const struct doveadm_migration_column provider_list_columns[] = {
	{ "name", 0 },
	{ "host", DOVEADM_PRINT_HEADER_FLAG_EXPAND },
	{ "port", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "ssl", 0 },
	{ "domains", 0 },
	{ "login", 0 },
	{ "max_connections", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "max_logins", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "users", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "syncing", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "breaker", 0 },
	/* these may be "-": no numbers to json */
	{ "logins", DOVEADM_PRINT_HEADER_FLAG_RIGHT_JUSTIFY },
	{ "waiting", DOVEADM_PRINT_HEADER_FLAG_RIGHT_JUSTIFY },
	{ NULL, 0 }
};

static int provider_row_cmp(const struct provider_row *row1,
			    const struct provider_row *row2)
{
	return strcmp(row1->set->name, row2->set->name);
}

static void provider_list_init_rows(struct provider_list_context *ctx)
{
	struct migration_provider_settings *provider;
	struct provider_row *row;

	t_array_init(&ctx->rows, 8);
	if (!array_is_created(&ctx->cmd.set->providers))
		return;
	array_foreach_elem(&ctx->cmd.set->providers, provider) {
		row = array_append_space(&ctx->rows);
		row->set = provider;
	}
	/* doveconf's order is the reverse of the file's: neither means
	   anything */
	array_sort(&ctx->rows, provider_row_cmp);
}

static void
provider_list_callback(int ret, const struct migration_record *record,
		       const char *error, void *context)
{
	struct provider_list_context *ctx = context;
	struct provider_row *row;

	if (ret < 0) {
		doveadm_migration_cmd_fail(&ctx->cmd, EX_TEMPFAIL,
					   "Cannot read the records: %s",
					   error);
		return;
	}
	if (ret == 0)
		return;
	array_foreach_modifiable(&ctx->rows, row) {
		if (strcmp(row->set->name, record->provider) != 0)
			continue;
		row->users++;
		if (migration_state(record,
				    migration_store_now(ctx->cmd.store)) ==
		    MIGRATION_STATE_SYNCING)
			row->syncing++;
		break;
	}
}

static void provider_list_count(struct provider_list_context *ctx)
{
	const char *error;

	if (doveadm_migration_cmd_try_store(&ctx->cmd, &error) < 0) {
		/* before Dovecot's first start that is how it must be */
		e_info(ctx->cmd.event, "No users are counted: %s", error);
		return;
	}
	migration_store_list(ctx->cmd.store, NULL, provider_list_callback, ctx);
	migration_store_wait(ctx->cmd.store);
}

static int provider_list_queue_line(const char *const *args, void *context)
{
	struct provider_list_context *ctx = context;
	struct migration_provider_status status;
	struct provider_row *row;
	unsigned int auths;

	if (strcmp(args[0], MIGRATION_VERB_PROVIDERS) == 0) {
		if (args[1] == NULL || str_to_uint(args[1], &auths) < 0)
			return -1;
		ctx->has_status = auths > 0;
		return 0;
	}
	if (strcmp(args[0], MIGRATION_VERB_PROVIDER) != 0 || args[1] == NULL ||
	    migration_provider_status_parse(args + 2, &status) < 0)
		return -1;
	array_foreach_modifiable(&ctx->rows, row) {
		if (strcmp(row->set->name, args[1]) == 0)
			row->status = status;
	}
	return 1;
}

static void provider_list_ask_queue(struct provider_list_context *ctx)
{
	const char *error;

	switch (doveadm_migration_queue_ask(
		ctx->cmd.event, MIGRATION_VERB_PROVIDERS, PROVIDERS_ANSWER_SECS,
		provider_list_queue_line, ctx, &error)) {
	case DOVEADM_MIGRATION_QUEUE_OK:
	case DOVEADM_MIGRATION_QUEUE_NOT_RUNNING:
		break;
	case DOVEADM_MIGRATION_QUEUE_ERROR:
		/* the settings are worth showing all the same */
		e_info(ctx->cmd.event, "No logins are shown: %s", error);
		break;
	case DOVEADM_MIGRATION_QUEUE_INTERRUPTED:
		doveadm_exit_code = EX_TEMPFAIL;
		break;
	}
}

static void provider_list_print_status(const struct provider_list_context *ctx,
				       const struct provider_row *row)
{
	if (!ctx->has_status) {
		doveadm_print("-");
		doveadm_print("-");
		doveadm_print("-");
		return;
	}
	doveadm_print(migration_breaker_state_to_string(
		migration_provider_status_breaker(&row->status, ioloop_time)));
	doveadm_print_num(row->status.running);
	doveadm_print_num(row->status.waiting);
}

static void provider_list_print(struct provider_list_context *ctx)
{
	const struct provider_row *row;

	doveadm_migration_cmd_print_init(DOVEADM_PRINT_TYPE_TABLE,
					 provider_list_columns);
	array_foreach(&ctx->rows, row) {
		const char *const *domains =
			t_strsplit_spaces(row->set->domains, " \t\n");

		doveadm_print(row->set->name);
		doveadm_print(row->set->host);
		doveadm_print_num(row->set->port);
		doveadm_print(row->set->ssl);
		doveadm_migration_cmd_print(t_strarray_join(domains, " "));
		doveadm_print(
			migration_settings_get_login(ctx->cmd.set, row->set));
		doveadm_print_num(row->set->max_connections);
		doveadm_print_num(row->set->max_logins);
		doveadm_print_num(row->users);
		doveadm_print_num(row->syncing);
		provider_list_print_status(ctx, row);
	}
}

static void cmd_migration_provider_list(struct doveadm_cmd_context *cctx)
{
	struct provider_list_context ctx;

	i_zero(&ctx);
	doveadm_migration_cmd_init(&ctx.cmd, cctx);
	provider_list_init_rows(&ctx);
	provider_list_count(&ctx);
	provider_list_ask_queue(&ctx);
	provider_list_print(&ctx);
	doveadm_migration_cmd_deinit(&ctx.cmd);
}

struct doveadm_cmd_ver2 doveadm_migration_cmd_provider_list = {
	.name = "migration provider list",
	.cmd = cmd_migration_provider_list,
	.usage = "",
	DOVEADM_CMD_PARAMS_START DOVEADM_CMD_PARAMS_END
};

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "istream.h"
#include "sort.h"
#include "migration-common.h"
#include "migration-db.h"
#include "migration-limits.h"
#include "migration-settings.h"
#include "migration-store.h"
#include "doveadm-migration-cmd.h"
#include "doveadm-migration-compat.h"

struct cmd_store_open {
	int ret;
	const char *error;
};

void doveadm_migration_cmd_init(struct doveadm_migration_cmd *cmd_r,
				struct doveadm_cmd_context *cctx)
{
	i_zero(cmd_r);
	cmd_r->cctx = cctx;
	cmd_r->pool = pool_alloconly_create("doveadm migration", 1024);
	cmd_r->set = doveadm_migration_compat_get_settings(cctx, cmd_r->pool);
	cmd_r->event = event_create(NULL);
	event_add_category(cmd_r->event, &event_category_migration);
}

void doveadm_migration_cmd_deinit(struct doveadm_migration_cmd *cmd)
{
	migration_store_deinit(&cmd->store);
	event_unref(&cmd->event);
	pool_unref(&cmd->pool);
}

void doveadm_migration_cmd_fail(struct doveadm_migration_cmd *cmd,
				int exit_code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	e_error(cmd->event, "%s", t_strdup_vprintf(format, args));
	va_end(args);
	if (doveadm_exit_code == 0)
		doveadm_exit_code = exit_code;
}

void doveadm_migration_cmd_fail_usage(struct doveadm_migration_cmd *cmd)
{
	const struct doveadm_cmd_ver2 *ver2 = cmd->cctx->cmd;

	/* not help_ver2(): that ends the process, doveadm-server as well */
	doveadm_migration_cmd_fail(cmd, EX_USAGE, "usage: doveadm %s %s",
				   ver2->name, ver2->usage);
}

const char *
doveadm_migration_cmd_get_username(struct doveadm_migration_cmd *cmd,
				   const char *typed)
{
	if (strlen(typed) <= MIGRATION_MAX_USERNAME_BYTES)
		return t_str_lcase(typed);
	doveadm_migration_cmd_fail(cmd, EX_NOUSER,
				   "%.*s...: no such user, the name is longer "
				   "than %u bytes",
				   20, typed, MIGRATION_MAX_USERNAME_BYTES);
	return NULL;
}

int doveadm_migration_cmd_outcome_code(enum migration_outcome outcome)
{
	switch (outcome) {
	case MIGRATION_OUTCOME_DONE:
		return 0;
	case MIGRATION_OUTCOME_PASSWORD:
	case MIGRATION_OUTCOME_ACCOUNT:
		return EX_NOPERM;
	case MIGRATION_OUTCOME_CREDENTIAL:
	case MIGRATION_OUTCOME_TEMPORARY:
	case MIGRATION_OUTCOME_PROVIDER:
	case MIGRATION_OUTCOME_LOCAL:
		return EX_TEMPFAIL;
	}
	i_unreached();
}

static const char *cmd_provider_names(const struct migration_settings *set)
{
	struct migration_provider_settings *provider;
	ARRAY_TYPE(const_string) names;

	t_array_init(&names, 8);
	if (array_is_created(&set->providers)) {
		array_foreach_elem(&set->providers, provider)
			array_push_back(&names, &provider->name);
	}
	array_sort(&names, i_strcmp_p);
	return array_count(&names) == 0 ?
		       "no migration_provider is configured" :
		       t_strdup_printf("the configured ones are: %s",
				       t_array_const_string_join(&names, ", "));
}

const struct migration_provider_settings *
doveadm_migration_cmd_find_provider(struct doveadm_migration_cmd *cmd,
				    const char *name)
{
	const struct migration_provider_settings *provider =
		migration_settings_find_provider(cmd->set, name);

	if (provider == NULL) {
		doveadm_migration_cmd_fail(cmd, EX_USAGE,
					   "Unknown provider '%s': %s", name,
					   cmd_provider_names(cmd->set));
	}
	return provider;
}

bool doveadm_migration_cmd_param_file(struct doveadm_migration_cmd *cmd,
				      const char *name,
				      struct istream **input_r)
{
	if (!doveadm_cmd_param_istream(cmd->cctx, name, input_r))
		return FALSE;
	if (cmd->cctx->conn_type != DOVEADM_CONNECTION_TYPE_CLI) {
		/* it was read to its end, to find what comes behind it */
		i_stream_seek(*input_r, 0);
		i_stream_set_name(*input_r, name);
	}
	return TRUE;
}

static void cmd_store_opened(int ret, const char *error, void *context)
{
	struct cmd_store_open *open = context;

	open->ret = ret;
	open->error = ret < 0 ? t_strdup(error) : NULL;
}

int doveadm_migration_cmd_try_store(struct doveadm_migration_cmd *cmd,
				    const char **error_r)
{
	const struct migration_store_settings store_set = {
		.driver = cmd->set->migration_db_driver,
		.connect = cmd->set->migration_db_connect,
		.event_parent = cmd->event,
		.create = FALSE,
		.own = migration_own_tables_get(cmd->pool, cmd->set),
	};
	struct cmd_store_open open = { .ret = -1, .error = "no answer" };

	cmd->store_needs_admin = TRUE;
	if (migration_store_init(&store_set, &cmd->store, error_r) < 0) {
		cmd->store = NULL;
		return -1;
	}
	migration_store_open(cmd->store, cmd_store_opened, &open);
	migration_store_wait(cmd->store);
	cmd->store_needs_admin = migration_store_needs_admin(cmd->store);
	if (open.ret < 0) {
		/* SQLite's errors name the file */
		*error_r = strcmp(store_set.driver, "sqlite") == 0 ?
				   open.error :
				   t_strdup_printf("Database %s: %s",
						   migration_db_describe(
							   store_set.driver,
							   store_set.connect),
						   open.error);
		migration_store_deinit(&cmd->store);
		return -1;
	}
	return 0;
}

int doveadm_migration_cmd_open_store(struct doveadm_migration_cmd *cmd)
{
	const char *error;

	if (doveadm_migration_cmd_try_store(cmd, &error) < 0) {
		doveadm_migration_cmd_fail(cmd,
					   cmd->store_needs_admin ? EX_CONFIG :
								    EX_TEMPFAIL,
					   "%s", error);
		return -1;
	}
	return 0;
}

void doveadm_migration_cmd_print_init(
	const char *formatter, const struct doveadm_migration_column *columns)
{
	doveadm_print_init(formatter);
	doveadm_migration_cmd_print_columns(columns);
}

void doveadm_migration_cmd_print_columns(
	const struct doveadm_migration_column *columns)
{
	for (; columns->name != NULL; columns++) {
		doveadm_print_header(columns->name, columns->name,
				     columns->flags);
	}
}

void doveadm_migration_cmd_print(const char *value)
{
	doveadm_print(*value == '\0' ? "-" : value);
}

void doveadm_migration_cmd_print_time(time_t value)
{
	T_BEGIN
	{
		doveadm_print(value == 0 ? "-" : unixdate2str(value));
	}
	T_END;
}

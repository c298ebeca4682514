/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "ioloop.h"
#include "migration-import-names.h"
#include "migration-settings.h"
#include "migration-store.h"
#include "migration-text.h"
#include "doveadm-migration-cmd.h"
#include "doveadm-migration-hash.h"
#include "doveadm-migration-home.h"
#include "doveadm-migration-import.h"
#include "doveadm-migration-rows.h"

/* Further mistakes are counted. */
#define IMPORT_MAX_MISTAKES 100

struct import_counts {
	unsigned int added, changed, existing, left_out;
};

struct doveadm_migration_import {
	struct doveadm_migration_cmd *cmd;
	struct doveadm_migration_import_settings set;
	pool_t pool;

	struct migration_import_names *names;
	ARRAY(const struct migration_import_row *) rows;
	struct doveadm_migration_rows *progress;
	/* for migrations only */
	struct doveadm_migration_home *home;
	/* the new accounts and where they are; names for the lookup */
	ARRAY_TYPE(const_string) newcomers, newcomers_where;
	unsigned int newcomers_looked_up;

	unsigned int read, mistakes;
	bool failed;
	struct import_counts counts[MIGRATION_IMPORT_TYPE_COUNT];
};

static const struct doveadm_migration_column import_columns[] = {
	{ "type", DOVEADM_PRINT_HEADER_FLAG_EXPAND },
	{ "added", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "changed", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "existing", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "left_out", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ NULL, 0 }
};

void doveadm_migration_import_fail(struct doveadm_migration_import *import,
				   int exit_code, const char *error)
{
	import->failed = TRUE;
	doveadm_migration_cmd_fail(import->cmd, exit_code, "%s: %s",
				   import->set.source,
				   migration_text_sanitize(error));
}

void doveadm_migration_import_mistake(struct doveadm_migration_import *import,
				      const char *where, const char *error)
{
	if (import->mistakes++ < IMPORT_MAX_MISTAKES) {
		doveadm_migration_import_fail(import, EX_USAGE,
					      t_strdup_printf("%s: %s", where,
							      error));
	}
}

static void
import_name_listed(int ret, enum migration_import_type type, const char *name,
		   const char *recipient, const char *error, void *context)
{
	struct doveadm_migration_import *import = context;

	if (ret > 0) {
		migration_import_names_add_existing(import->names, type, name,
						    recipient);
	} else if (ret < 0) {
		import->failed = TRUE;
		doveadm_migration_cmd_fail(import->cmd, EX_TEMPFAIL,
					   "Cannot read the database: %s",
					   error);
	}
}

static void import_record_listed(int ret, const struct migration_record *record,
				 const char *error, void *context)
{
	struct doveadm_migration_import *import = context;

	if (ret > 0) {
		migration_import_names_add_renewable(import->names, record);
	} else if (ret < 0) {
		import_name_listed(ret, MIGRATION_IMPORT_TYPE_COUNT, NULL, NULL,
				   error, context);
	}
}

static void import_list(struct doveadm_migration_import *import)
{
	struct migration_store *store = import->cmd->store;

	migration_store_list_names(store, import_name_listed, import);
	migration_store_wait(store);
	if (!import->set.update || import->failed)
		return;
	migration_store_list(store, NULL, import_record_listed, import);
	migration_store_wait(store);
}

int doveadm_migration_import_init(
	struct doveadm_migration_cmd *cmd,
	const struct doveadm_migration_import_settings *set,
	struct doveadm_migration_import **import_r)
{
	struct doveadm_migration_import *import;
	pool_t pool;

	pool = pool_alloconly_create("doveadm migration import", 1024 * 64);
	import = p_new(pool, struct doveadm_migration_import, 1);
	import->pool = pool;
	import->cmd = cmd;
	import->set = *set;
	i_array_init(&import->rows, 1024);
	i_array_init(&import->newcomers, 16);
	i_array_init(&import->newcomers_where, 16);
	import->names = migration_import_names_init();
	import->progress = doveadm_migration_rows_init(
		cmd->cctx->conn_type != DOVEADM_CONNECTION_TYPE_CLI);
	import_list(import);
	if (import->failed) {
		doveadm_migration_import_deinit(&import);
		return -1;
	}
	*import_r = import;
	return 0;
}

void doveadm_migration_import_deinit(struct doveadm_migration_import **_import)
{
	struct doveadm_migration_import *import = *_import;

	*_import = NULL;
	doveadm_migration_rows_deinit(&import->progress);
	doveadm_migration_home_deinit(&import->home);
	migration_import_names_deinit(&import->names);
	array_free(&import->newcomers_where);
	array_free(&import->newcomers);
	array_free(&import->rows);
	pool_unref(&import->pool);
}

/* Of an account that has the password. */
static int import_crypt(struct doveadm_migration_import *import,
			struct migration_import_row *row, const char *password,
			const char **error_r)
{
	if (*password == '\0') {
		*error_r = "the password is empty";
		return -1;
	}
	if (strlen(password) > MIGRATION_MAX_PASSWORD_BYTES) {
		*error_r = t_strdup_printf("the password is longer than %u "
					   "bytes",
					   MIGRATION_MAX_PASSWORD_BYTES);
		return -1;
	}
	return doveadm_migration_hash(
		row->name, password,
		import->cmd->set->migration_password_scheme, &row->password,
		error_r);
}

static void
import_add_newcomer(struct doveadm_migration_import *import,
		    const struct migration_import_row *row, const char *where)
{
	const char *name = p_strdup(import->pool, row->name);

	array_push_back(&import->newcomers, &name);
	where = p_strdup(import->pool, where);
	array_push_back(&import->newcomers_where, &where);
}

/* Nobody who lives here gets a second account with the provider's password. */
static void import_newcomer(unsigned int idx, bool known, void *context)
{
	struct doveadm_migration_import *import = context;
	unsigned int done = ++import->newcomers_looked_up;
	uint64_t percent = (uint64_t)done * 100;

	doveadm_migration_rows_show(import->progress, "Looked up", done,
				    percent / array_count(&import->newcomers));
	if (!known)
		return;
	doveadm_migration_import_mistake(
		import, array_idx_elem(&import->newcomers_where, idx),
		t_strdup_printf("%s is at home here: a userdb knows the name",
				array_idx_elem(&import->newcomers, idx)));
}

static void import_check_newcomers(struct doveadm_migration_import *import)
{
	const char *const *names;
	unsigned int count;

	names = array_get(&import->newcomers, &count);
	if (count == 0)
		return;
	import->home = doveadm_migration_home_init();
	if (doveadm_migration_home_lookup_all(import->home, names, count,
					      import_newcomer, import) == 0)
		return;
	doveadm_migration_import_fail(
		import, EX_TEMPFAIL,
		"It cannot be told who is at home here, because Dovecot's "
		"auth or a userdb does not answer: nothing was imported");
}

/* The account of a migration */
static int import_set_account(struct doveadm_migration_import *import,
			      struct migration_import_row *row,
			      const char *where, const char **error_r)
{
	/* it is in the credential */
	row->password = NULL;
	if (row->new_account) {
		if (row->no_login != NULL) {
			*error_r = row->no_login;
			return -1;
		}
		import_add_newcomer(import, row, where);
		return 0;
	}
	/* nobody has to wait for what is here */
	row->job_login = "local";
	return 0;
}

static int import_set_password(struct doveadm_migration_import *import,
			       struct migration_import_row *row,
			       const char *where, const char **error_r)
{
	const char *plain;
	int ret;

	if (row->type == MIGRATION_IMPORT_MIGRATION)
		return import_set_account(import, row, where, error_r);
	if (import->set.crypt_passwords)
		return import_crypt(import, row, row->password, error_r);
	if (migration_import_add_scheme(row->password,
					import->set.password_scheme,
					&row->password, error_r) < 0)
		return -1;
	ret = doveadm_migration_hash_check(row->password, &plain, error_r);
	return ret != 0 ? ret : import_crypt(import, row, plain, error_r);
}

/* Logins are addresses here. */
static void
import_warn_login(struct doveadm_migration_import *import,
		  const struct migration_import_row *row, const char *where)
{
	if (row->login == NULL || strcmp(row->login, row->name) == 0)
		return;
	e_warning(import->cmd->event,
		  "%s: %s: %s has another login name now: "
		  "the address",
		  import->set.source, where, row->name);
}

static void
import_keep_row(struct doveadm_migration_import *import,
		const struct migration_import_row *row, const char *where)
{
	const struct migration_import_row *copy;

	if (row->type == MIGRATION_IMPORT_ACCOUNT)
		import_warn_login(import, row, where);
	/* with a mistake nothing is written */
	if (import->failed)
		return;
	copy = migration_import_row_dup(import->pool, row);
	array_push_back(&import->rows, &copy);
}

static void import_try_row(struct doveadm_migration_import *import,
			   struct migration_import_row *row, const char *where)
{
	struct import_counts *counts = &import->counts[row->type];
	const char *error;

	switch (migration_import_names_add(import->names, row, where,
					   import->set.continue_if_exists,
					   &error)) {
	case MIGRATION_IMPORT_INVALID:
		doveadm_migration_import_mistake(import, where, error);
		return;
	case MIGRATION_IMPORT_KEEP:
		counts->existing++;
		return;
	case MIGRATION_IMPORT_LEAVE_OUT:
		counts->left_out++;
		return;
	case MIGRATION_IMPORT_EXTEND:
	case MIGRATION_IMPORT_RENEW:
		counts->changed++;
		break;
	case MIGRATION_IMPORT_ADD:
		counts->added++;
		break;
	}
	if (row->password != NULL &&
	    import_set_password(import, row, where, &error) < 0)
		doveadm_migration_import_mistake(import, where, error);
	else
		import_keep_row(import, row, where);
}

void doveadm_migration_import_add(struct doveadm_migration_import *import,
				  struct migration_import_row *row,
				  const char *where, int percent)
{
	doveadm_migration_rows_show(import->progress, "Checked", ++import->read,
				    percent);
	import_try_row(import, row, where);
}

static void import_written(int ret, const char *error, void *context)
{
	struct doveadm_migration_import *import = context;

	if (ret < 0) {
		import->failed = TRUE;
		doveadm_migration_cmd_fail(
			import->cmd, EX_TEMPFAIL,
			"%s: Nothing was imported, because the database "
			"refused it (try again): %s",
			import->set.source, error);
	}
}

/* The queue finds them by itself, auth might remember that nobody knew them. */
static void import_forget_newcomers(struct doveadm_migration_import *import)
{
	const char *const *names;
	unsigned int count;

	if (import->home == NULL)
		return;
	names = array_get(&import->newcomers, &count);
	doveadm_migration_home_forget_all(import->home, names, count);
}

static void import_write(struct doveadm_migration_import *import)
{
	const struct migration_import_row *const *rows;
	unsigned int count;

	rows = array_get(&import->rows, &count);
	if (import->set.check || count == 0)
		return;
	migration_store_import(import->cmd->store, rows, count,
			       migration_store_now(import->cmd->store),
			       import_written, import);
	migration_store_wait(import->cmd->store);
	import_forget_newcomers(import);
}

static void import_print(const struct doveadm_migration_import *import)
{
	const struct import_counts *counts;
	unsigned int i;

	doveadm_migration_cmd_print_init(DOVEADM_PRINT_TYPE_TABLE,
					 import_columns);
	for (i = 0; i < MIGRATION_IMPORT_TYPE_COUNT; i++) {
		counts = &import->counts[i];
		if (counts->added + counts->changed + counts->existing +
			    counts->left_out ==
		    0)
			continue;
		doveadm_print(migration_import_type_to_string(i));
		doveadm_print_num(counts->added);
		doveadm_print_num(counts->changed);
		doveadm_print_num(counts->existing);
		doveadm_print_num(counts->left_out);
	}
}

void doveadm_migration_import_finish(struct doveadm_migration_import *import)
{
	import_check_newcomers(import);
	if (!import->failed)
		import_write(import);
	doveadm_migration_rows_deinit(&import->progress);
	if (!import->failed) {
		import_print(import);
	} else if (import->mistakes > 0) {
		doveadm_migration_cmd_fail(
			import->cmd, EX_USAGE,
			"%s: %u mistakes%s, nothing was imported",
			import->set.source, import->mistakes,
			import->mistakes <= IMPORT_MAX_MISTAKES ?
				"" :
				t_strdup_printf(", of which the first %u are "
						"above",
						IMPORT_MAX_MISTAKES));
	}
}

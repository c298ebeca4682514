/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-common.h"
#include "migration-db.h"
#include "migration-store-private.h"

int migration_store_init(const struct migration_store_settings *set,
			 struct migration_store **store_r, const char **error_r)
{
	struct migration_store *store;

	store = i_new(struct migration_store, 1);
	store->create = set->create;
	store->own = set->own;
	store->event = event_create(set->event_parent);
	event_add_category(store->event, &event_category_migration);
	store->dialect = migration_dialect_find(set->driver);
	store->driver = i_strdup(set->driver);
	store->connect =
		i_strdup(migration_db_connect_get(set->driver, set->connect));
	migration_store_connection_init(store);
	if (migration_compat_sql_init(store->event, store->driver,
				      store->connect, &store->sql,
				      error_r) < 0) {
		store->sql = NULL;
		migration_store_deinit(&store);
		return -1;
	}
	store->db = migration_compat_sql_get_db(store->sql);
	if (strcmp(set->driver, "sqlite") == 0)
		store->sqlite_path = i_strdup(set->connect);
	*store_r = store;
	return 0;
}

void migration_store_deinit(struct migration_store **_store)
{
	struct migration_store *store = *_store;

	if (store == NULL)
		return;
	*_store = NULL;
	migration_store_connection_deinit(store);
	event_unref(&store->event);
	i_free(store->sqlite_path);
	i_free(store->driver);
	i_free(store->connect);
	i_free(store);
}

struct migration_store_write *
migration_store_write_begin(struct migration_store *store,
			    migration_store_callback_t *callback, void *context)
{
	struct migration_store_write *write;

	write = i_new(struct migration_store_write, 1);
	write->store = store;
	write->callback = callback;
	write->context = context;
	write->rows = UINT_MAX;
	write->trans = sql_transaction_begin(store->db);
	return write;
}

void migration_store_write_add(struct migration_store_write *write,
			       struct sql_statement **stmt)
{
	sql_update_stmt(write->trans, stmt);
}

void migration_store_write_decide(struct migration_store_write *write,
				  struct sql_statement **stmt)
{
	write->rows = 0;
	sql_update_stmt_get_rows(write->trans, stmt, &write->rows);
}

static void store_write_committed(const char *error, void *context)
{
	struct migration_store_write *write = context;

	/* PostgreSQL shows rows and statements in further lines */
	if (error != NULL) {
		error = migration_store_own_error(write, t_strcut(error, '\n'));
	}
	write->callback(error != NULL    ? -1 :
			write->rows == 0 ? 0 :
					   1,
			error, write->context);
}

void migration_store_write_commit(struct migration_store_write **_write)
{
	struct migration_store_write *write = *_write;

	*_write = NULL;
	migration_store_commit(write->store, &write->trans,
			       store_write_committed, write);
}

void migration_store_bind_phase(struct sql_statement *stmt, unsigned int idx,
				enum migration_phase phase)
{
	sql_statement_bind_str(stmt, idx, migration_phase_to_string(phase));
}

void migration_store_bind_control(struct sql_statement *stmt, unsigned int idx,
				  enum migration_control control)
{
	sql_statement_bind_str(stmt, idx, migration_control_to_string(control));
}

void migration_store_bind_reason(struct sql_statement *stmt, unsigned int idx,
				 enum migration_reason reason)
{
	sql_statement_bind_str(stmt, idx, migration_reason_to_string(reason));
}

unsigned int
migration_store_bind_lease(struct sql_statement *stmt, unsigned int idx,
			   const struct migration_record *record)
{
	sql_statement_bind_str(stmt, idx, record->username);
	sql_statement_bind_str(stmt, idx + 1, record->lease_owner);
	return idx + 2;
}

void migration_store_delete_details(struct migration_store_write *write,
				    const char *username)
{
	static const char *const sql[] = {
		"DELETE FROM migration_mailbox WHERE username = ?",
		"DELETE FROM migration_note WHERE username = ?",
	};
	struct sql_statement *stmt;
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(sql); i++) {
		stmt = sql_statement_init(write->store->db, sql[i]);
		sql_statement_bind_str(stmt, 0, username);
		migration_store_write_add(write, &stmt);
	}
}

static int
row_get_number(struct sql_result *result, unsigned int idx, uint64_t *num_r)
{
	const char *value = sql_result_get_field_value(result, idx);

	*num_r = 0;
	return value == NULL ? 0 : str_to_uint64(value, num_r);
}

static const char *row_get_str(struct sql_result *result, unsigned int idx)
{
	const char *value = sql_result_get_field_value(result, idx);

	return value == NULL ? "" : t_strdup(value);
}

/* As the databases and other programs write it. */
static bool row_is_false(const char *value)
{
	static const char *const words[] = { "",   "0",     "f", "n",
					     "no", "false", NULL };

	return str_array_icase_find(words, value);
}

int migration_store_read_record(struct sql_result *result,
				struct migration_record *record_r,
				const char **error_r)
{
	enum {
		ATTEMPTS,
		CREATED,
		LAST_LOGIN,
		LAST_SYNC,
		NEXT_SYNC,
		DONE,
		TOTAL,
		BYTES,
		LEASE_UNTIL,
		FINISH_WANTED,
		FOLLOWING_SINCE,
		HOLD_UNTIL,
		NOTES,
		NUMBER_COUNT
	};
	static const unsigned int number_columns[NUMBER_COUNT] = {
		11, 13, 14, 15, 16, 17, 18, 19, 21, 23, 24, 25, 26
	};
	uint64_t numbers[NUMBER_COUNT];
	unsigned int i;

	i_zero(record_r);
	record_r->username = row_get_str(result, 0);
	record_r->provider = row_get_str(result, 1);
	record_r->remote_user = row_get_str(result, 2);
	record_r->mechanism = row_get_str(result, 3);
	if (migration_phase_parse(row_get_str(result, 4), &record_r->phase) <
		    0 ||
	    migration_control_parse(row_get_str(result, 5),
				    &record_r->control) < 0 ||
	    migration_reason_parse(row_get_str(result, 6), &record_r->reason) <
		    0) {
		*error_r = t_strdup_printf(
			"migration_job %s: unknown phase, control or reason",
			record_r->username);
		return -1;
	}
	record_r->account_password = row_get_str(result, 7);
	record_r->adopted_password = row_get_str(result, 8);
	record_r->credential = row_get_str(result, 9);
	record_r->login = row_get_str(result, 10);
	record_r->error = row_get_str(result, 12);
	record_r->lease_owner = row_get_str(result, 20);
	record_r->account_disabled = row_is_false(row_get_str(result, 22));
	for (i = 0; i < NUMBER_COUNT; i++) {
		if (row_get_number(result, number_columns[i], &numbers[i]) <
		    0) {
			*error_r = t_strdup_printf(
				"migration_job %s: column %u is not a number",
				record_r->username, number_columns[i]);
			return -1;
		}
	}
	record_r->attempts = numbers[ATTEMPTS];
	record_r->created = numbers[CREATED];
	record_r->last_login = numbers[LAST_LOGIN];
	record_r->last_sync = numbers[LAST_SYNC];
	record_r->next_sync = numbers[NEXT_SYNC];
	record_r->messages_done = numbers[DONE];
	record_r->messages_total = numbers[TOTAL];
	record_r->bytes_done = numbers[BYTES];
	record_r->lease_until = numbers[LEASE_UNTIL];
	record_r->finish_wanted = numbers[FINISH_WANTED] != 0;
	record_r->following_since = numbers[FOLLOWING_SINCE];
	record_r->hold_until = numbers[HOLD_UNTIL];
	record_r->notes = numbers[NOTES];
	return 0;
}

const char *migration_store_select_records(struct migration_store *store)
{
	return store->own != NULL ?
		       "SELECT " MIGRATION_RECORD_COLUMNS_OF(
			       "j.adopted_password",
			       "1") " FROM migration_job j WHERE " :
		       "SELECT " MIGRATION_RECORD_COLUMNS
		       " FROM migration_job j JOIN migration_account a "
		       "ON a.username = j.username WHERE ";
}

struct store_lookup {
	struct migration_store *store;
	migration_store_lookup_callback_t *callback;
	void *context;
};

static void
store_lookup_result(struct sql_result *result, const char *error, void *context)
{
	enum migration_store_found found = MIGRATION_STORE_NOTHING;
	struct store_lookup *lookup = context;
	struct migration_record record;
	int ret;

	i_zero(&record);
	ret = migration_store_next_row(result, &error);
	if (ret < 0) {
		found = MIGRATION_STORE_ERROR;
		if (result != NULL) {
			error = migration_store_own_lookup_error(
				lookup->store, t_strcut(error, '\n'));
		}
	} else if (ret > 0 && sql_result_get_field_value(result, 0) == NULL) {
		found = MIGRATION_STORE_ACCOUNT;
	} else if (ret > 0) {
		found = migration_store_read_record(result, &record, &error) <
					0 ?
				MIGRATION_STORE_ERROR :
				MIGRATION_STORE_RECORD;
	}
	/* lets go of the table before the callback writes to it */
	while (ret > 0)
		ret = sql_result_next_row(result);
	lookup->callback(found,
			 found == MIGRATION_STORE_RECORD ? &record : NULL,
			 error, lookup->context);
	i_free(lookup);
}

static struct sql_statement *
store_lookup_account(struct migration_store *store, const char *username)
{
	struct sql_statement *stmt;

	stmt = sql_statement_init(
		store->db,
		"SELECT " MIGRATION_RECORD_COLUMNS " FROM migration_account a "
		"LEFT JOIN migration_job j ON j.username = a.username "
		"WHERE a.username = ?");
	sql_statement_bind_str(stmt, 0, username);
	return stmt;
}

static struct sql_statement *
store_lookup_own(struct migration_store *store, const char *username)
{
	const struct migration_statement *lookup = &store->own->lookup;
	struct migration_own_values values;
	struct sql_statement *stmt;
	unsigned int idx;

	migration_own_values_init_user(&values, username);
	stmt = sql_statement_init(store->db,
				  t_strconcat("SELECT " MIGRATION_RECORD_COLUMNS
					      " FROM (",
					      migration_store_own_sql(lookup),
					      ") a LEFT JOIN migration_job j "
					      "ON j.username = ?",
					      NULL));
	idx = migration_store_own_bind(stmt, 0, lookup, &values);
	sql_statement_bind_str(stmt, idx, username);
	return stmt;
}

void migration_store_lookup(struct migration_store *store, const char *username,
			    migration_store_lookup_callback_t *callback,
			    void *context)
{
	struct store_lookup *lookup;
	struct sql_statement *stmt;

	lookup = i_new(struct store_lookup, 1);
	lookup->store = store;
	lookup->callback = callback;
	lookup->context = context;

	stmt = store->own != NULL ? store_lookup_own(store, username) :
				    store_lookup_account(store, username);
	migration_store_query(store, &stmt, store_lookup_result, lookup);
}

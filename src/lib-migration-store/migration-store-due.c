/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* Who is next and when, and the list of all. */

#include "lib.h"
#include "array.h"
#include "migration-store-private.h"

/* Records read at once while listing all. */
#define STORE_LIST_BATCH 500

#define STORE_DUE(next_sync) \
	"j.phase = ? AND j.control = ? AND " next_sync " <= ? " \
	"AND j.provider = ? AND j.lease_until <= ? AND j.credential <> '' "
/* MIN() alone would make MariaDB read all of them, because of credential. */
#define STORE_NEXT_DUE(name) \
	"SELECT next FROM (SELECT next_sync AS next FROM migration_job " \
	"WHERE phase = ? AND control = ? AND next_sync > ? " \
	"AND credential <> '' ORDER BY next_sync LIMIT 1) " name

ARRAY_DEFINE_TYPE(migration_record, struct migration_record *);

struct store_records {
	struct migration_store *store;
	pool_t pool;
	migration_store_record_callback_t *callback;
	void *context;

	/* what is asked for when there are fewer than limit; may be NULL */
	struct sql_statement *then;
	unsigned int limit;

	/* rows of this batch, readable or not */
	unsigned int row_count;

	/* only a list has these: whose records, and the last one seen */
	char *list_provider;
	bool list_all;
	const char *list_last;
};

struct store_time {
	struct migration_store *store;
	migration_store_time_callback_t *callback;
	void *context;
};

static void store_list_more(struct store_records *records);

static void store_records_free(struct store_records *records)
{
	if (records->then != NULL)
		sql_statement_abort(&records->then);
	pool_unref(&records->pool);
	i_free(records->list_provider);
	i_free(records);
}

static struct store_records *
store_records_init(struct migration_store *store,
		   migration_store_record_callback_t *callback, void *context)
{
	struct store_records *records;

	records = i_new(struct store_records, 1);
	records->store = store;
	records->pool = pool_alloconly_create("migration records", 1024);
	records->callback = callback;
	records->context = context;
	records->limit = UINT_MAX;
	return records;
}

static void
store_records_read_row(struct sql_result *result, struct store_records *records,
		       ARRAY_TYPE(migration_record) *rows)
{
	struct migration_record row, *record;
	const char *error;

	if (migration_store_read_record(result, &row, &error) < 0) {
		/* one row of somebody's hand must not stop the rest */
		e_error(records->store->event, "%s", error);
	} else {
		record = migration_record_dup(records->pool, &row);
		array_push_back(rows, &record);
	}
	records->row_count++;
	if (records->list_last != NULL)
		records->list_last = p_strdup(records->pool, row.username);
}

/* Reads all rows before anybody acts on one: a callback may write. */
static int
store_records_read(struct sql_result *result, struct store_records *records,
		   ARRAY_TYPE(migration_record) *rows_r, const char **error_r)
{
	int ret;

	p_array_init(rows_r, records->pool, 32);
	while ((ret = migration_store_next_row(result, error_r)) > 0) {
		if (records->row_count < records->limit)
			T_BEGIN
			{
				store_records_read_row(result, records, rows_r);
			}
		T_END;
	}
	return ret;
}

static void store_records_result(struct sql_result *result, const char *error,
				 void *context)
{
	struct store_records *records = context;
	ARRAY_TYPE(migration_record) rows;
	struct migration_record *record;

	if (store_records_read(result, records, &rows, &error) < 0) {
		records->callback(-1, NULL, error, records->context);
		store_records_free(records);
		return;
	}
	array_foreach_elem(&rows, record)
		records->callback(1, record, NULL, records->context);
	if (records->list_last != NULL &&
	    records->row_count >= STORE_LIST_BATCH) {
		store_list_more(records);
		return;
	}
	if (records->then != NULL && records->row_count < records->limit) {
		migration_store_query(records->store, &records->then,
				      store_records_result, records);
		return;
	}
	records->callback(0, NULL, NULL, records->context);
	store_records_free(records);
}

void migration_store_query_records(struct migration_store *store,
				   struct sql_statement **first,
				   struct sql_statement **then,
				   unsigned int limit,
				   migration_store_record_callback_t *callback,
				   void *context)
{
	struct store_records *records;

	records = store_records_init(store, callback, context);
	records->then = *then;
	records->limit = limit;
	*then = NULL;
	migration_store_query(store, first, store_records_result, records);
}

static struct sql_statement *
store_due_statement(struct migration_store *store, const char *sql,
		    enum migration_phase phase, const char *provider,
		    time_t now, unsigned int limit)
{
	struct sql_statement *stmt;

	stmt = sql_statement_init(
		store->db,
		t_strconcat(migration_store_select_records(store), sql, NULL));
	migration_store_bind_phase(stmt, 0, phase);
	migration_store_bind_control(stmt, 1, MIGRATION_CONTROL_ACTIVE);
	sql_statement_bind_int64(stmt, 2, now);
	sql_statement_bind_str(stmt, 3, provider);
	sql_statement_bind_int64(stmt, 4, now);
	sql_statement_bind_int64(stmt, 5, limit);
	return stmt;
}

void migration_store_due(struct migration_store *store, const char *provider,
			 time_t now, unsigned int limit,
			 migration_store_record_callback_t *callback,
			 void *context)
{
	struct sql_statement *initial, *following;

	/* Who logged in last is waiting for it now. "+ 0" keeps SQLite from
	   looking for all that are due first and sorting them then. */
	initial = store_due_statement(
		store,
		STORE_DUE(
			"j.next_sync + 0") "ORDER BY j.last_login DESC, j.next_sync LIMIT ?",
		MIGRATION_PHASE_INITIAL, provider, now, limit);
	following = store_due_statement(
		store, STORE_DUE("j.next_sync") "ORDER BY j.next_sync LIMIT ?",
		MIGRATION_PHASE_FOLLOWING, provider, now, limit);
	migration_store_query_records(store, &initial, &following, limit,
				      callback, context);
}

static void
store_time_result(struct sql_result *result, const char *error, void *context)
{
	struct store_time *req = context;
	const char *value;
	time_t next = 0;
	int ret;

	ret = migration_store_next_row(result, &error);
	if (ret < 0) {
		req->callback(-1, 0, error, req->context);
	} else {
		migration_store_clock_set(
			req->store,
			ret == 0 ? NULL :
				   sql_result_get_field_value(result, 1));
		value = ret == 0 ? NULL : sql_result_get_field_value(result, 0);
		if (value == NULL || str_to_time(value, &next) < 0)
			req->callback(0, 0, NULL, req->context);
		else
			req->callback(1, next, NULL, req->context);
	}
	i_free(req);
}

void migration_store_next_due(struct migration_store *store, time_t now,
			      migration_store_time_callback_t *callback,
			      void *context)
{
	static const enum migration_phase phases[] = {
		MIGRATION_PHASE_INITIAL, MIGRATION_PHASE_FOLLOWING
	};
	struct store_time *req;
	struct sql_statement *stmt;
	unsigned int i;

	req = i_new(struct store_time, 1);
	req->store = store;
	req->callback = callback;
	req->context = context;

	/* each of them is one look into the index */
	stmt = sql_statement_init(
		store->db,
		t_strdup_printf(
			"SELECT MIN(next), %s FROM (" STORE_NEXT_DUE(
				"a") " UNION ALL " STORE_NEXT_DUE("b") ") n",
			migration_store_sql_now(store)));
	for (i = 0; i < N_ELEMENTS(phases); i++) {
		migration_store_bind_phase(stmt, i * 3, phases[i]);
		migration_store_bind_control(stmt, i * 3 + 1,
					     MIGRATION_CONTROL_ACTIVE);
		sql_statement_bind_int64(stmt, i * 3 + 2, now);
	}
	migration_store_query(store, &stmt, store_time_result, req);
}

static void store_list_more(struct store_records *records)
{
	struct sql_statement *stmt;
	const char *last = t_strdup(records->list_last);

	p_clear(records->pool);
	records->row_count = 0;
	records->list_last = p_strdup(records->pool, last);
	stmt = sql_statement_init(
		records->store->db,
		t_strconcat(migration_store_select_records(records->store),
			    "j.username > ? AND (? = 1 OR j.provider = ?) "
			    "ORDER BY j.username LIMIT ?",
			    NULL));
	sql_statement_bind_str(stmt, 0, last);
	sql_statement_bind_int64(stmt, 1, records->list_all ? 1 : 0);
	sql_statement_bind_str(stmt, 2, records->list_provider);
	sql_statement_bind_int64(stmt, 3, STORE_LIST_BATCH);
	migration_store_query(records->store, &stmt, store_records_result,
			      records);
}

void migration_store_list(struct migration_store *store, const char *provider,
			  migration_store_record_callback_t *callback,
			  void *context)
{
	struct store_records *records;

	records = store_records_init(store, callback, context);
	/* not from the pool, which each batch clears */
	records->list_all = provider == NULL;
	records->list_provider = i_strdup(provider == NULL ? "" : provider);
	records->list_last = "";
	store_list_more(records);
}

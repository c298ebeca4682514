/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "migration-store-private.h"

/* Records read at once while listing all. */
#define STORE_LIST_BATCH 500

ARRAY_DEFINE_TYPE(migration_record, struct migration_record *);

struct store_records {
	struct migration_store *store;
	pool_t pool;
	migration_store_record_callback_t *callback;
	void *context;

	/* rows of this batch, readable or not */
	unsigned int row_count;

	/* only a list has these: whose records, and the last one seen */
	char *list_provider;
	const char *list_last;
};

struct store_time {
	migration_store_time_callback_t *callback;
	void *context;
};

static void store_list_more(struct store_records *records);

static void store_records_free(struct store_records *records)
{
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
	return records;
}

/* Reads all rows before anybody acts on one: a callback may write. */
static int
store_records_read(struct sql_result *result, struct store_records *records,
		   ARRAY_TYPE(migration_record) *rows_r)
{
	int ret;

	p_array_init(rows_r, records->pool, 32);
	while ((ret = sql_result_next_row(result)) > 0)
		T_BEGIN
		{
			struct migration_record row, *record;
			const char *error;

			if (migration_store_read_record(result, &row, &error) <
			    0) {
				/* one row of somebody's hand must not stop the rest */
				e_error(records->store->event, "%s", error);
			} else {
				record = migration_record_dup(records->pool,
							      &row);
				array_push_back(rows_r, &record);
			}
			records->row_count++;
			if (records->list_last != NULL)
				records->list_last =
					p_strdup(records->pool, row.username);
		}
	T_END;
	return ret;
}

static void
store_records_result(struct sql_result *result, struct store_records *records)
{
	ARRAY_TYPE(migration_record) rows;
	struct migration_record *record;

	if (store_records_read(result, records, &rows) < 0) {
		records->callback(-1, NULL, sql_result_get_error(result),
				  records->context);
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
	records->callback(0, NULL, NULL, records->context);
	store_records_free(records);
}

void migration_store_query_records(struct migration_store *store,
				   struct sql_statement **stmt,
				   migration_store_record_callback_t *callback,
				   void *context)
{
	sql_statement_query(stmt, store_records_result,
			    store_records_init(store, callback, context));
}

void migration_store_due(struct migration_store *store, const char *provider,
			 time_t now, unsigned int limit,
			 migration_store_record_callback_t *callback,
			 void *context)
{
	struct sql_statement *stmt;

	/* Who logged in last is waiting for it now. "+ 0" keeps SQLite from
	   looking for all that are due first and sorting them then. */
	stmt = sql_statement_init(
		store->db,
		"SELECT " MIGRATION_RECORD_COLUMNS " FROM migration_job j "
		"JOIN migration_account a ON a.username = j.username "
		"WHERE j.phase = ? AND j.control = ? AND j.next_sync + 0 <= ? "
		"AND j.provider = ? AND j.lease_until <= ? "
		"AND j.credential <> '' "
		"ORDER BY j.last_login DESC, j.next_sync LIMIT ?");
	migration_store_bind_phase(stmt, 0, MIGRATION_PHASE_INITIAL);
	migration_store_bind_control(stmt, 1, MIGRATION_CONTROL_ACTIVE);
	sql_statement_bind_int64(stmt, 2, now);
	sql_statement_bind_str(stmt, 3, provider);
	sql_statement_bind_int64(stmt, 4, now);
	sql_statement_bind_int64(stmt, 5, limit);
	migration_store_query_records(store, &stmt, callback, context);
}

static void store_time_result(struct sql_result *result, struct store_time *req)
{
	const char *value;
	time_t next = 0;
	int ret;

	ret = sql_result_next_row(result);
	if (ret < 0) {
		req->callback(-1, 0, sql_result_get_error(result),
			      req->context);
	} else {
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
	struct store_time *req;
	struct sql_statement *stmt;

	req = i_new(struct store_time, 1);
	req->callback = callback;
	req->context = context;

	stmt = sql_statement_init(
		store->db, "SELECT MIN(next_sync) FROM migration_job "
			   "WHERE phase = ? AND control = ? AND next_sync > ? "
			   "AND credential <> ''");
	migration_store_bind_phase(stmt, 0, MIGRATION_PHASE_INITIAL);
	migration_store_bind_control(stmt, 1, MIGRATION_CONTROL_ACTIVE);
	sql_statement_bind_int64(stmt, 2, now);
	sql_statement_query(&stmt, store_time_result, req);
}

/* The two values that migration_state_may_sync() does not want. */
static void store_bind_may_sync(struct sql_statement *stmt, unsigned int idx)
{
	migration_store_bind_control(stmt, idx, MIGRATION_CONTROL_PAUSED);
	migration_store_bind_phase(stmt, idx + 1, MIGRATION_PHASE_FINISHED);
}

void migration_store_lease(struct migration_store *store,
			   const struct migration_record *record,
			   const char *owner, time_t now, time_t until,
			   migration_store_callback_t *callback, void *context)
{
	struct migration_store_write *write;
	struct sql_statement *stmt;

	write = migration_store_write_begin(store, callback, context);
	stmt = sql_statement_init(
		store->db,
		"UPDATE migration_job SET lease_owner = ?, lease_until = ?, "
		"hold_until = 0 WHERE username = ? AND lease_until <= ? "
		"AND phase = ? AND control = ? AND credential = ? "
		"AND control <> ? AND phase <> ?");
	sql_statement_bind_str(stmt, 0, owner);
	sql_statement_bind_int64(stmt, 1, until);
	sql_statement_bind_str(stmt, 2, record->username);
	sql_statement_bind_int64(stmt, 3, now);
	migration_store_bind_phase(stmt, 4, record->phase);
	migration_store_bind_control(stmt, 5, record->control);
	sql_statement_bind_str(stmt, 6, record->credential);
	store_bind_may_sync(stmt, 7);
	migration_store_write_decide(write, &stmt);
	migration_store_write_commit(&write);
}

void migration_store_progress(struct migration_store *store,
			      const struct migration_record *record,
			      const struct migration_mailbox_changes *changes,
			      migration_store_callback_t *callback,
			      void *context)
{
	struct migration_store_write *write;
	struct sql_statement *stmt;

	write = migration_store_write_begin(store, callback, context);
	migration_store_write_mailboxes(write, record, changes);
	stmt = sql_statement_init(
		store->db,
		"UPDATE migration_job SET messages_done = ?, "
		"messages_total = ?, bytes_done = ?, lease_until = ? "
		"WHERE username = ? AND lease_owner = ? "
		"AND control <> ? AND phase <> ?");
	sql_statement_bind_int64(stmt, 0, record->messages_done);
	sql_statement_bind_int64(stmt, 1, record->messages_total);
	sql_statement_bind_int64(stmt, 2, record->bytes_done);
	sql_statement_bind_int64(stmt, 3, record->lease_until);
	sql_statement_bind_str(stmt, 4, record->username);
	sql_statement_bind_str(stmt, 5, record->lease_owner);
	store_bind_may_sync(stmt, 6);
	migration_store_write_decide(write, &stmt);
	migration_store_write_commit(&write);
}

void migration_store_hold(struct migration_store *store,
			  const struct migration_record *record,
			  time_t hold_until,
			  migration_store_callback_t *callback, void *context)
{
	struct migration_store_write *write;
	struct sql_statement *stmt;

	write = migration_store_write_begin(store, callback, context);
	stmt = sql_statement_init(
		store->db,
		"UPDATE migration_job SET hold_until = ?, lease_until = ? "
		"WHERE username = ? AND lease_owner = ? AND phase = ? "
		"AND control = ?");
	sql_statement_bind_int64(stmt, 0, hold_until);
	sql_statement_bind_int64(stmt, 1, record->lease_until);
	sql_statement_bind_str(stmt, 2, record->username);
	sql_statement_bind_str(stmt, 3, record->lease_owner);
	migration_store_bind_phase(stmt, 4, record->phase);
	migration_store_bind_control(stmt, 5, record->control);
	migration_store_write_decide(write, &stmt);
	migration_store_write_commit(&write);
}

void migration_store_finish_sync(
	struct migration_store *store, const struct migration_record *before,
	const struct migration_record *record, const char *owner,
	const struct migration_mailbox_changes *changes,
	migration_store_callback_t *callback, void *context)
{
	struct migration_record leased = *record;
	struct migration_store_write *write;
	struct sql_statement *stmt;

	write = migration_store_write_begin(store, callback, context);
	/* what has been finished has no owner any longer */
	leased.lease_owner = owner;
	migration_store_write_mailboxes(write, &leased, changes);
	stmt = sql_statement_init(
		store->db,
		"UPDATE migration_job SET phase = ?, control = ?, "
		"reason = ?, attempts = ?, error = ?, last_sync = ?, "
		"next_sync = ?, messages_done = ?, messages_total = ?, "
		"bytes_done = ?, credential = ?, finish_wanted = ?, "
		"following_since = ?, hold_until = 0, lease_owner = '', "
		"lease_until = 0 "
		"WHERE username = ? AND lease_owner = ? AND phase = ? "
		"AND control = ? AND finish_wanted = ? AND credential = ?");
	migration_store_bind_phase(stmt, 0, record->phase);
	migration_store_bind_control(stmt, 1, record->control);
	migration_store_bind_reason(stmt, 2, record->reason);
	sql_statement_bind_int64(stmt, 3, record->attempts);
	sql_statement_bind_str(stmt, 4, record->error);
	sql_statement_bind_int64(stmt, 5, record->last_sync);
	sql_statement_bind_int64(stmt, 6, record->next_sync);
	sql_statement_bind_int64(stmt, 7, record->messages_done);
	sql_statement_bind_int64(stmt, 8, record->messages_total);
	sql_statement_bind_int64(stmt, 9, record->bytes_done);
	sql_statement_bind_str(stmt, 10, record->credential);
	sql_statement_bind_int64(stmt, 11, record->finish_wanted ? 1 : 0);
	sql_statement_bind_int64(stmt, 12, record->following_since);
	sql_statement_bind_str(stmt, 13, record->username);
	sql_statement_bind_str(stmt, 14, owner);
	migration_store_bind_phase(stmt, 15, before->phase);
	migration_store_bind_control(stmt, 16, before->control);
	sql_statement_bind_int64(stmt, 17, before->finish_wanted ? 1 : 0);
	sql_statement_bind_str(stmt, 18, before->credential);
	migration_store_write_decide(write, &stmt);
	migration_store_write_commit(&write);
	if (*record->credential == '\0')
		store->scrub_wanted = TRUE;
}

void migration_store_drop_leases(struct migration_store *store,
				 const char *owner,
				 migration_store_callback_t *callback,
				 void *context)
{
	struct migration_store_write *write;
	struct sql_statement *stmt;

	write = migration_store_write_begin(store, callback, context);
	stmt = sql_statement_init(
		store->db,
		"UPDATE migration_job SET lease_owner = '', lease_until = 0, "
		"hold_until = 0 WHERE lease_owner = ?");
	sql_statement_bind_str(stmt, 0, owner);
	migration_store_write_add(write, &stmt);
	migration_store_write_commit(&write);
}

void migration_store_set_login(struct migration_store *store,
			       const char *provider, const char *login,
			       migration_store_callback_t *callback,
			       void *context)
{
	struct migration_store_write *write;
	struct sql_statement *stmt;

	write = migration_store_write_begin(store, callback, context);
	stmt = sql_statement_init(
		store->db, "UPDATE migration_job SET login = ? "
			   "WHERE provider = ? AND phase = ? AND login <> ? "
			   "AND login <> 'local'");
	sql_statement_bind_str(stmt, 0, login);
	sql_statement_bind_str(stmt, 1, provider);
	migration_store_bind_phase(stmt, 2, MIGRATION_PHASE_INITIAL);
	sql_statement_bind_str(stmt, 3, login);
	migration_store_write_add(write, &stmt);
	migration_store_write_commit(&write);
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
		"SELECT " MIGRATION_RECORD_COLUMNS " FROM migration_job j "
		"JOIN migration_account a ON a.username = j.username "
		"WHERE j.username > ? AND (? = '' OR j.provider = ?) "
		"ORDER BY j.username LIMIT ?");
	sql_statement_bind_str(stmt, 0, last);
	sql_statement_bind_str(stmt, 1, records->list_provider);
	sql_statement_bind_str(stmt, 2, records->list_provider);
	sql_statement_bind_int64(stmt, 3, STORE_LIST_BATCH);
	sql_statement_query(&stmt, store_records_result, records);
}

void migration_store_list(struct migration_store *store, const char *provider,
			  migration_store_record_callback_t *callback,
			  void *context)
{
	struct store_records *records;

	records = store_records_init(store, callback, context);
	/* not from the pool, which each batch clears */
	records->list_provider = i_strdup(provider == NULL ? "" : provider);
	records->list_last = "";
	store_list_more(records);
}

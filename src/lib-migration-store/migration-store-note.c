/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "str.h"
#include "migration-store-private.h"

/* Rows written by one statement: SQLite takes up to 500 terms. */
#define STORE_NOTE_BATCH 200

struct store_notes {
	migration_store_note_callback_t *callback;
	void *context;
};

/* sql ends where it says who holds the lease. */
static void
store_change_notes(struct migration_store_write *write,
		   const struct migration_record *record, const char *sql)
{
	struct sql_statement *stmt;

	stmt = sql_statement_init(write->store->db, sql);
	sql_statement_bind_str(stmt, 0, record->username);
	migration_store_bind_lease(stmt, 1, record);
	migration_store_write_add(write, &stmt);
}

static void store_insert_notes(struct migration_store_write *write,
			       const struct migration_record *record,
			       const struct migration_note *const *notes,
			       unsigned int count)
{
	struct sql_statement *stmt;
	string_t *sql = t_str_new(512 + count * 32);
	unsigned int i, idx = 0;

	/* what was said before keeps its time */
	str_append(sql, "INSERT INTO migration_note "
			"(username, mailbox, uid, earlier, text, since) "
			"SELECT n.username, n.mailbox, n.uid, 0, n.text, "
			"COALESCE(o.since, n.since) FROM (");
	for (i = 0; i < count; i++) {
		str_append(sql, i == 0 ? "SELECT ? AS username, ? AS mailbox, "
					 "? AS uid, ? AS text, ? AS since" :
					 " UNION ALL SELECT ?, ?, ?, ?, ?");
	}
	str_append(sql, ") n LEFT JOIN migration_note o "
			"ON o.username = n.username AND o.mailbox = n.mailbox "
			"AND o.uid = n.uid AND o.earlier = 1 "
			"WHERE " MIGRATION_STORE_LEASE_IS_HELD);

	stmt = sql_statement_init(write->store->db, str_c(sql));
	for (i = 0; i < count; i++) {
		sql_statement_bind_str(stmt, idx++, record->username);
		sql_statement_bind_str(stmt, idx++, notes[i]->mailbox);
		sql_statement_bind_int64(stmt, idx++, notes[i]->uid);
		sql_statement_bind_str(stmt, idx++, notes[i]->text);
		sql_statement_bind_int64(stmt, idx++, notes[i]->since);
	}
	migration_store_bind_lease(stmt, idx, record);
	migration_store_write_add(write, &stmt);
}

void migration_store_write_notes(struct migration_store_write *write,
				 const struct migration_record *record,
				 const struct migration_note_list *list)
{
	unsigned int i, count;

	store_change_notes(write, record,
			   "UPDATE migration_note SET earlier = 1 "
			   "WHERE username = ? "
			   "AND " MIGRATION_STORE_LEASE_IS_HELD);
	for (i = 0; i < list->count; i += count)
		T_BEGIN
		{
			count = I_MIN(list->count - i, STORE_NOTE_BATCH);
			store_insert_notes(write, record, list->notes + i,
					   count);
		}
	T_END;
	store_change_notes(write, record,
			   "DELETE FROM migration_note "
			   "WHERE username = ? AND earlier = 1 "
			   "AND " MIGRATION_STORE_LEASE_IS_HELD);
}

static int
store_read_note(struct sql_result *result, struct migration_note *note_r)
{
	const char *uid = sql_result_get_field_value(result, 1);
	const char *since = sql_result_get_field_value(result, 3);

	i_zero(note_r);
	note_r->mailbox = sql_result_get_field_value(result, 0);
	note_r->text = sql_result_get_field_value(result, 2);
	return note_r->mailbox == NULL || note_r->text == NULL || uid == NULL ||
			       str_to_uint32(uid, &note_r->uid) < 0 ||
			       since == NULL ||
			       str_to_time(since, &note_r->since) < 0 ?
		       -1 :
		       0;
}

static void
store_notes_result(struct sql_result *result, const char *error, void *context)
{
	struct store_notes *list = context;
	struct migration_note note;
	int ret;

	while ((ret = migration_store_next_row(result, &error)) > 0) {
		/* one row of somebody's hand must not hide the rest */
		if (store_read_note(result, &note) == 0)
			list->callback(1, &note, NULL, list->context);
	}
	list->callback(ret, NULL, error, list->context);
	i_free(list);
}

void migration_store_list_notes(struct migration_store *store,
				const char *username,
				migration_store_note_callback_t *callback,
				void *context)
{
	struct store_notes *list;
	struct sql_statement *stmt;

	list = i_new(struct store_notes, 1);
	list->callback = callback;
	list->context = context;

	stmt = sql_statement_init(store->db,
				  "SELECT mailbox, uid, text, since "
				  "FROM migration_note WHERE username = ? "
				  "AND earlier = 0 ORDER BY mailbox, uid");
	sql_statement_bind_str(stmt, 0, username);
	migration_store_query(store, &stmt, store_notes_result, list);
}

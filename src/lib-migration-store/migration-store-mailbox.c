/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "str.h"
#include "migration-store-private.h"

/* Rows written by one statement: SQLite takes up to 500 terms. */
#define STORE_MAILBOX_BATCH 200

struct store_mailboxes {
	migration_store_mailbox_callback_t *callback;
	void *context;
};

static void store_delete_batch(struct migration_store_write *write,
			       const struct migration_record *record,
			       const struct migration_mailbox *const *mailboxes,
			       unsigned int count)
{
	struct sql_statement *stmt;
	string_t *sql = t_str_new(256 + count * 3);
	unsigned int i, idx = 0;

	str_append(sql, "DELETE FROM migration_mailbox WHERE username = ? "
			"AND " MIGRATION_STORE_LEASE_IS_HELD);
	for (i = 0; i < count; i++)
		str_append(sql, i == 0 ? " AND name IN (?" : ", ?");
	if (count > 0)
		str_append_c(sql, ')');

	stmt = sql_statement_init(write->store->db, str_c(sql));
	sql_statement_bind_str(stmt, idx++, record->username);
	idx = migration_store_bind_lease(stmt, idx, record);
	for (i = 0; i < count; i++)
		sql_statement_bind_str(stmt, idx++, mailboxes[i]->name);
	migration_store_write_add(write, &stmt);
}

static void store_insert_batch(struct migration_store_write *write,
			       const struct migration_record *record,
			       const struct migration_mailbox *const *mailboxes,
			       unsigned int count)
{
	struct sql_statement *stmt;
	string_t *sql = t_str_new(256 + count * 32);
	unsigned int i, idx = 0;

	str_append(sql,
		   "INSERT INTO migration_mailbox "
		   "(username, name, messages_done, messages_total, bytes_done) "
		   "SELECT username, name, messages_done, messages_total, "
		   "bytes_done FROM (");
	for (i = 0; i < count; i++) {
		str_append(sql, i == 0 ?
					"SELECT ? AS username, ? AS name, "
					"? AS messages_done, "
					"? AS messages_total, ? AS bytes_done" :
					" UNION ALL SELECT ?, ?, ?, ?, ?");
	}
	str_append(sql, ") m WHERE " MIGRATION_STORE_LEASE_IS_HELD);

	stmt = sql_statement_init(write->store->db, str_c(sql));
	for (i = 0; i < count; i++) {
		sql_statement_bind_str(stmt, idx++, record->username);
		sql_statement_bind_str(stmt, idx++, mailboxes[i]->name);
		sql_statement_bind_int64(stmt, idx++,
					 mailboxes[i]->messages_done);
		sql_statement_bind_int64(stmt, idx++,
					 mailboxes[i]->messages_total);
		sql_statement_bind_int64(stmt, idx++, mailboxes[i]->bytes_done);
	}
	migration_store_bind_lease(stmt, idx, record);
	migration_store_write_add(write, &stmt);
}

void migration_store_write_mailboxes(
	struct migration_store_write *write,
	const struct migration_record *record,
	const struct migration_mailbox_changes *changes)
{
	unsigned int i, count;

	if (changes == NULL)
		return;
	if (changes->replace)
		store_delete_batch(write, record, NULL, 0);
	for (i = 0; i < changes->count; i += count)
		T_BEGIN
		{
			count = I_MIN(changes->count - i, STORE_MAILBOX_BATCH);
			if (!changes->replace) {
				store_delete_batch(write, record,
						   changes->mailboxes + i,
						   count);
			}
			store_insert_batch(write, record,
					   changes->mailboxes + i, count);
		}
	T_END;
}

static int store_read_mailbox(struct sql_result *result,
			      struct migration_mailbox *mailbox_r)
{
	uint64_t numbers[3];
	const char *value;
	unsigned int i;

	i_zero(mailbox_r);
	for (i = 0; i < N_ELEMENTS(numbers); i++) {
		value = sql_result_get_field_value(result, i + 1);
		if (value == NULL || str_to_uint64(value, &numbers[i]) < 0)
			return -1;
	}
	mailbox_r->name = sql_result_get_field_value(result, 0);
	mailbox_r->messages_done = numbers[0];
	mailbox_r->messages_total = numbers[1];
	mailbox_r->bytes_done = numbers[2];
	return mailbox_r->name == NULL ? -1 : 0;
}

static void store_mailboxes_result(struct sql_result *result, const char *error,
				   void *context)
{
	struct store_mailboxes *list = context;
	struct migration_mailbox mailbox;
	int ret;

	while ((ret = migration_store_next_row(result, &error)) > 0) {
		/* one row of somebody's hand must not hide the rest */
		if (store_read_mailbox(result, &mailbox) == 0)
			list->callback(1, &mailbox, NULL, list->context);
	}
	list->callback(ret, NULL, error, list->context);
	i_free(list);
}

void migration_store_list_mailboxes(
	struct migration_store *store, const char *username,
	migration_store_mailbox_callback_t *callback, void *context)
{
	struct store_mailboxes *list;
	struct sql_statement *stmt;

	list = i_new(struct store_mailboxes, 1);
	list->callback = callback;
	list->context = context;

	stmt = sql_statement_init(
		store->db,
		"SELECT name, messages_done, messages_total, bytes_done "
		"FROM migration_mailbox WHERE username = ? ORDER BY name");
	sql_statement_bind_str(stmt, 0, username);
	migration_store_query(store, &stmt, store_mailboxes_result, list);
}

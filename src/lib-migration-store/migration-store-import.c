/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "str.h"
#include "migration-store-private.h"

/* Rows written by one statement. */
#define STORE_IMPORT_BATCH 200

struct store_names {
	migration_store_name_callback_t *callback;
	void *context;
};

/* What becomes one row of a table. */
struct store_import_item {
	const struct migration_import_row *row;
	/* of an alias */
	const char *recipient;
};
ARRAY_DEFINE_TYPE(store_import_item, struct store_import_item);

struct store_import_table {
	/* up to VALUES */
	const char *insert;
	unsigned int columns;
	/* created is always the last column */
	void (*bind)(struct sql_statement *stmt, unsigned int idx,
		     const struct store_import_item *item, time_t now);
};

static void store_name_read(struct sql_result *result, struct store_names *list)
{
	const char *type = sql_result_get_field_value(result, 0);
	const char *name = sql_result_get_field_value(result, 1);
	const char *recipient = sql_result_get_field_value(result, 2);
	unsigned int i;

	for (i = 0; i < MIGRATION_IMPORT_TYPE_COUNT; i++) {
		if (strcmp(migration_import_type_to_string(i), type) == 0)
			list->callback(1, i, name, recipient, NULL,
				       list->context);
	}
}

static void
store_names_result(struct sql_result *result, const char *error, void *context)
{
	struct store_names *list = context;
	int ret;

	while ((ret = migration_store_next_row(result, &error)) > 0)
		store_name_read(result, list);
	list->callback(ret, MIGRATION_IMPORT_TYPE_COUNT, NULL, NULL, error,
		       list->context);
	i_free(list);
}

void migration_store_list_names(struct migration_store *store,
				migration_store_name_callback_t *callback,
				void *context)
{
	struct sql_statement *stmt;
	struct store_names *list;

	list = i_new(struct store_names, 1);
	list->callback = callback;
	list->context = context;
	stmt = sql_statement_init(
		store->db,
		"SELECT 'domain', name, '' FROM migration_domain UNION ALL "
		"SELECT 'domainalias', name, '' FROM migration_domain_alias "
		"UNION ALL "
		"SELECT 'relaydomain', name, '' FROM migration_relay_domain "
		"UNION ALL "
		"SELECT 'account', username, '' FROM migration_account "
		"UNION ALL "
		"SELECT 'alias', address, recipient FROM migration_alias "
		"UNION ALL "
		"SELECT 'migration', j.username, '' FROM migration_job j "
		"JOIN migration_account a ON a.username = j.username");
	migration_store_query(store, &stmt, store_names_result, list);
}

static void import_bind_domain(struct sql_statement *stmt, unsigned int idx,
			       const struct store_import_item *item, time_t now)
{
	const struct migration_import_row *row = item->row;

	sql_statement_bind_str(stmt, idx++, row->name);
	sql_statement_bind_int64(stmt, idx++, row->enabled ? 1 : 0);
	sql_statement_bind_int64(stmt, idx++, row->quota);
	sql_statement_bind_int64(stmt, idx++, row->mailbox_quota);
	sql_statement_bind_int64(stmt, idx++, now);
}

static void
import_bind_domain_alias(struct sql_statement *stmt, unsigned int idx,
			 const struct store_import_item *item, time_t now)
{
	const struct migration_import_row *row = item->row;

	sql_statement_bind_str(stmt, idx++, row->name);
	sql_statement_bind_str(stmt, idx++, row->target);
	sql_statement_bind_int64(stmt, idx++, row->enabled ? 1 : 0);
	sql_statement_bind_int64(stmt, idx++, now);
}

static void
import_bind_relay_domain(struct sql_statement *stmt, unsigned int idx,
			 const struct store_import_item *item, time_t now)
{
	const struct migration_import_row *row = item->row;

	sql_statement_bind_str(stmt, idx++, row->name);
	sql_statement_bind_str(stmt, idx++, row->host);
	sql_statement_bind_int64(stmt, idx++, row->port);
	sql_statement_bind_str(stmt, idx++, row->service);
	sql_statement_bind_int64(stmt, idx++, row->verify_recipients ? 1 : 0);
	sql_statement_bind_int64(stmt, idx++, row->enabled ? 1 : 0);
	sql_statement_bind_int64(stmt, idx++, now);
}

static void
import_bind_account(struct sql_statement *stmt, unsigned int idx,
		    const struct store_import_item *item, time_t now)
{
	const struct migration_import_row *row = item->row;

	sql_statement_bind_str(stmt, idx++, row->name);
	sql_statement_bind_str(stmt, idx++, strrchr(row->name, '@') + 1);
	sql_statement_bind_str(stmt, idx++, row->password);
	sql_statement_bind_int64(stmt, idx++, row->enabled ? 1 : 0);
	sql_statement_bind_str(stmt, idx++, row->first_name);
	sql_statement_bind_str(stmt, idx++, row->last_name);
	sql_statement_bind_int64(stmt, idx++, row->account_quota);
	sql_statement_bind_int64(stmt, idx++, now);
}

static void import_bind_alias(struct sql_statement *stmt, unsigned int idx,
			      const struct store_import_item *item, time_t now)
{
	const struct migration_import_row *row = item->row;

	sql_statement_bind_str(stmt, idx++, row->name);
	sql_statement_bind_str(stmt, idx++, item->recipient);
	sql_statement_bind_str(stmt, idx++,
			       migration_import_type_to_string(row->type));
	sql_statement_bind_int64(stmt, idx++, row->enabled ? 1 : 0);
	sql_statement_bind_int64(stmt, idx++, now);
}

static void
import_bind_new_domain(struct sql_statement *stmt, unsigned int idx,
		       const struct store_import_item *item, time_t now)
{
	sql_statement_bind_str(stmt, idx++, strrchr(item->row->name, '@') + 1);
	sql_statement_bind_int64(stmt, idx++, now);
}

/* As for everybody who was added before the first login: without a password
   here nobody gets in but who the provider lets in. */
static void
import_bind_new_account(struct sql_statement *stmt, unsigned int idx,
			const struct store_import_item *item, time_t now)
{
	const struct migration_import_row *row = item->row;

	sql_statement_bind_str(stmt, idx++, row->name);
	sql_statement_bind_str(stmt, idx++, strrchr(row->name, '@') + 1);
	sql_statement_bind_str(stmt, idx++, "");
	sql_statement_bind_int64(stmt, idx++, now);
}

static void import_bind_record(struct sql_statement *stmt, unsigned int idx,
			       const struct store_import_item *item, time_t now)
{
	const struct migration_import_row *row = item->row;

	sql_statement_bind_str(stmt, idx++, row->name);
	sql_statement_bind_str(stmt, idx++, row->provider);
	sql_statement_bind_str(stmt, idx++, row->remote_user);
	/* nobody has asked yet what the server has */
	sql_statement_bind_str(stmt, idx++, "");
	migration_store_bind_phase(stmt, idx++, MIGRATION_PHASE_INITIAL);
	migration_store_bind_control(stmt, idx++, MIGRATION_CONTROL_ACTIVE);
	/* nobody has logged in, and the password of an account that was here
	   before is not ours */
	sql_statement_bind_str(stmt, idx++, "");
	sql_statement_bind_str(stmt, idx++, row->credential);
	sql_statement_bind_str(stmt, idx++, row->job_login);
	sql_statement_bind_int64(stmt, idx++, now);
	sql_statement_bind_int64(stmt, idx++, now);
}

static const struct store_import_table import_table_domain = {
	"INSERT INTO migration_domain "
	"(name, enabled, quota, mailbox_quota, created) VALUES ",
	5, import_bind_domain
};
static const struct store_import_table import_table_domain_alias = {
	"INSERT INTO migration_domain_alias "
	"(name, target, enabled, created) VALUES ",
	4, import_bind_domain_alias
};
static const struct store_import_table import_table_relay_domain = {
	"INSERT INTO migration_relay_domain "
	"(name, host, port, service, verify_recipients, enabled, created) "
	"VALUES ",
	7, import_bind_relay_domain
};
static const struct store_import_table import_table_account = {
	"INSERT INTO migration_account "
	"(username, domain, password, enabled, first_name, last_name, quota, "
	"created) VALUES ",
	8, import_bind_account
};
static const struct store_import_table import_table_alias = {
	"INSERT INTO migration_alias "
	"(address, recipient, type, enabled, created) VALUES ",
	5, import_bind_alias
};
static const struct store_import_table import_table_new_domain = {
	"INSERT INTO migration_domain (name, created) VALUES ", 2,
	import_bind_new_domain
};
static const struct store_import_table import_table_new_account = {
	"INSERT INTO migration_account "
	"(username, domain, password, created) VALUES ",
	4, import_bind_new_account
};
static const struct store_import_table import_table_record = {
	"INSERT INTO migration_job "
	"(username, provider, remote_user, mechanism, phase, control, "
	"adopted_password, credential, login, next_sync, created) VALUES ",
	11, import_bind_record
};

static void import_insert_batch(struct migration_store_write *write,
				const struct store_import_table *table,
				const struct store_import_item *items,
				unsigned int count, time_t now)
{
	struct sql_statement *stmt;
	string_t *tuple = t_str_new(64);
	string_t *sql = t_str_new(512 + count * 32);
	unsigned int i;

	for (i = 0; i < table->columns; i++)
		str_append(tuple, i == 0 ? "(?" : ", ?");
	str_append_c(tuple, ')');
	str_append(sql, table->insert);
	for (i = 0; i < count; i++) {
		if (i > 0)
			str_append(sql, ", ");
		str_append_str(sql, tuple);
	}
	stmt = sql_statement_init(write->store->db, str_c(sql));
	for (i = 0; i < count; i++)
		table->bind(stmt, i * table->columns, &items[i], now);
	migration_store_write_add(write, &stmt);
}

static void
import_insert(struct migration_store_write *write,
	      const struct store_import_table *table,
	      const ARRAY_TYPE(store_import_item) *items, time_t now)
{
	const struct store_import_item *item;
	unsigned int i, count, batch;

	item = array_get(items, &count);
	for (i = 0; i < count; i += batch)
		T_BEGIN
		{
			batch = I_MIN(count - i, STORE_IMPORT_BATCH);
			import_insert_batch(write, table, item + i, batch, now);
		}
	T_END;
}

/* "?, ?, ..." for the names of the items */
static const char *import_marks(unsigned int count)
{
	string_t *str = t_str_new(count * 3);
	unsigned int i;

	for (i = 0; i < count; i++)
		str_append(str, i == 0 ? "?" : ", ?");
	return str_c(str);
}

static void
import_bind_names(struct sql_statement *stmt, unsigned int idx,
		  const struct store_import_item *items, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		sql_statement_bind_str(stmt, idx + i, items[i].row->name);
}

/* Records that accounts which were deleted by hand have left behind, and what
   belongs to them. */
static void
import_delete_left_behind(struct migration_store_write *write,
			  const struct store_import_item *items,
			  unsigned int count, time_t now ATTR_UNUSED)
{
	static const char *const deletes[] = {
		"DELETE FROM migration_job WHERE NOT EXISTS (SELECT 1 FROM "
		"migration_account a WHERE a.username = "
		"migration_job.username) AND username IN (",
		"DELETE FROM migration_mailbox WHERE username IN (",
		"DELETE FROM migration_note WHERE username IN (",
	};
	struct sql_statement *stmt;
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(deletes); i++) {
		stmt = sql_statement_init(write->store->db,
					  t_strconcat(deletes[i],
						      import_marks(count), ")",
						      NULL));
		import_bind_names(stmt, 0, items, count);
		migration_store_write_add(write, &stmt);
	}
}

/* Whom the provider refused goes on. */
static void import_unblock(struct migration_store_write *write,
			   const struct store_import_item *items,
			   unsigned int count, time_t now)
{
	struct sql_statement *stmt;

	stmt = sql_statement_init(
		write->store->db,
		t_strconcat("UPDATE migration_job SET control = ?, reason = ?, "
			    "attempts = 0, error = '', next_sync = ? "
			    "WHERE control = ? AND reason = ? "
			    "AND username IN (",
			    import_marks(count), ")", NULL));
	migration_store_bind_control(stmt, 0, MIGRATION_CONTROL_ACTIVE);
	migration_store_bind_reason(stmt, 1, MIGRATION_REASON_NONE);
	sql_statement_bind_int64(stmt, 2, now);
	migration_store_bind_control(stmt, 3, MIGRATION_CONTROL_BLOCKED);
	migration_store_bind_reason(stmt, 4, MIGRATION_REASON_PASSWORD);
	import_bind_names(stmt, 5, items, count);
	migration_store_write_add(write, &stmt);
}

/* What has ended, or begun anew from elsewhere, meanwhile stays as it is. */
static void import_renew(struct migration_store_write *write,
			 const struct store_import_item *items,
			 unsigned int count, time_t now)
{
	struct sql_statement *stmt;
	string_t *sql = t_str_new(512 + count * 64);
	unsigned int i;

	import_unblock(write, items, count, now);
	str_append(sql, "UPDATE migration_job SET credential = CASE username");
	for (i = 0; i < count; i++)
		str_append(sql, " WHEN ? THEN ?");
	str_append(sql, " ELSE credential END WHERE phase <> ? AND (");
	for (i = 0; i < count; i++) {
		str_append(sql, i == 0 ? "" : " OR ");
		str_append(sql, "(username = ? AND provider = ?)");
	}
	str_append_c(sql, ')');
	stmt = sql_statement_init(write->store->db, str_c(sql));
	for (i = 0; i < count; i++) {
		sql_statement_bind_str(stmt, i * 2, items[i].row->name);
		sql_statement_bind_str(stmt, i * 2 + 1,
				       items[i].row->credential);
	}
	migration_store_bind_phase(stmt, count * 2, MIGRATION_PHASE_FINISHED);
	for (i = 0; i < count; i++) {
		sql_statement_bind_str(stmt, count * 2 + 1 + i * 2,
				       items[i].row->name);
		sql_statement_bind_str(stmt, count * 2 + 2 + i * 2,
				       items[i].row->provider);
	}
	migration_store_write_add(write, &stmt);
}

/* In batches */
static void import_each(struct migration_store_write *write,
			const ARRAY_TYPE(store_import_item) *items, time_t now,
			void (*func)(struct migration_store_write *write,
				     const struct store_import_item *items,
				     unsigned int count, time_t now))
{
	const struct store_import_item *item;
	unsigned int i, count, batch;

	item = array_get(items, &count);
	for (i = 0; i < count; i += batch)
		T_BEGIN
		{
			batch = I_MIN(count - i, STORE_IMPORT_BATCH);
			func(write, item + i, batch, now);
		}
	T_END;
}

struct store_import_items {
	ARRAY_TYPE(store_import_item) domains, domain_aliases, relay_domains,
		accounts, aliases, new_domains, new_accounts, records, renewed;
};

static void
import_push(ARRAY_TYPE(store_import_item) *items,
	    const struct migration_import_row *row, const char *recipient)
{
	struct store_import_item *item = array_append_space(items);

	item->row = row;
	item->recipient = recipient;
}

static void import_sort_row(struct store_import_items *items,
			    const struct migration_import_row *row)
{
	const char *const *recipient;

	switch (row->type) {
	case MIGRATION_IMPORT_DOMAIN:
		import_push(&items->domains, row, NULL);
		return;
	case MIGRATION_IMPORT_DOMAIN_ALIAS:
		import_push(&items->domain_aliases, row, NULL);
		return;
	case MIGRATION_IMPORT_RELAY_DOMAIN:
		import_push(&items->relay_domains, row, NULL);
		return;
	case MIGRATION_IMPORT_ACCOUNT:
		import_push(&items->accounts, row, NULL);
		return;
	case MIGRATION_IMPORT_ALIAS:
	case MIGRATION_IMPORT_FORWARD:
	case MIGRATION_IMPORT_DLIST:
		recipient = row->recipients;
		for (; *recipient != NULL; recipient++)
			import_push(&items->aliases, row, *recipient);
		return;
	case MIGRATION_IMPORT_MIGRATION:
		if (row->renew) {
			import_push(&items->renewed, row, NULL);
			return;
		}
		if (row->new_domain)
			import_push(&items->new_domains, row, NULL);
		if (row->new_account)
			import_push(&items->new_accounts, row, NULL);
		import_push(&items->records, row, NULL);
		return;
	case MIGRATION_IMPORT_TYPE_COUNT:
		break;
	}
	i_unreached();
}

void migration_store_import(struct migration_store *store,
			    const struct migration_import_row *const *rows,
			    unsigned int count, time_t now,
			    migration_store_callback_t *callback, void *context)
{
	struct migration_store_write *write;
	struct store_import_items items;
	const struct {
		const struct store_import_table *table;
		ARRAY_TYPE(store_import_item) *items;
	} tables[] = {
		{ &import_table_domain, &items.domains },
		{ &import_table_domain_alias, &items.domain_aliases },
		{ &import_table_relay_domain, &items.relay_domains },
		{ &import_table_account, &items.accounts },
		{ &import_table_alias, &items.aliases },
		{ &import_table_new_domain, &items.new_domains },
		{ &import_table_new_account, &items.new_accounts },
		{ &import_table_record, &items.records },
	};
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(tables); i++)
		i_array_init(tables[i].items, 16);
	i_array_init(&items.renewed, 16);
	for (i = 0; i < count; i++)
		import_sort_row(&items, rows[i]);

	write = migration_store_write_begin(store, callback, context);
	import_each(write, &items.records, now, import_delete_left_behind);
	for (i = 0; i < N_ELEMENTS(tables); i++)
		import_insert(write, tables[i].table, tables[i].items, now);
	import_each(write, &items.renewed, now, import_renew);
	array_free(&items.renewed);
	for (i = 0; i < N_ELEMENTS(tables); i++)
		array_free(tables[i].items);
	migration_store_write_commit(&write);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-store-private.h"

struct store_probe {
	migration_store_probe_callback_t *callback;
	void *context;
};

static int store_read_probe(struct sql_result *result,
			    struct migration_provider_probe *probe_r)
{
	const char *values[6];
	unsigned int i;

	i_zero(probe_r);
	for (i = 0; i < N_ELEMENTS(values); i++) {
		values[i] = t_strdup(sql_result_get_field_value(result, i));
		if (values[i] == NULL)
			return -1;
	}
	probe_r->name = values[0];
	probe_r->version = values[1];
	probe_r->capabilities = values[2];
	probe_r->prefix = values[3];
	probe_r->sep = values[4];
	return str_to_time(values[5], &probe_r->probed);
}

static void
store_probe_result(struct sql_result *result, const char *error, void *context)
{
	struct store_probe *lookup = context;
	struct migration_provider_probe probe;
	bool found = FALSE;
	int ret;

	while ((ret = migration_store_next_row(result, &error)) > 0) {
		/* a row of somebody's hand is written anew */
		found = store_read_probe(result, &probe) == 0;
	}
	if (ret == 0 && found)
		ret = 1;
	lookup->callback(ret, ret > 0 ? &probe : NULL, error, lookup->context);
	i_free(lookup);
}

void migration_store_get_probe(struct migration_store *store,
			       const char *provider,
			       migration_store_probe_callback_t *callback,
			       void *context)
{
	struct store_probe *lookup;
	struct sql_statement *stmt;

	lookup = i_new(struct store_probe, 1);
	lookup->callback = callback;
	lookup->context = context;

	stmt = sql_statement_init(
		store->db,
		"SELECT name, version, capabilities, prefix, sep, probed "
		"FROM migration_probe WHERE provider = ?");
	sql_statement_bind_str(stmt, 0, provider);
	migration_store_query(store, &stmt, store_probe_result, lookup);
}

void migration_store_set_probe(struct migration_store *store,
			       const char *provider,
			       const struct migration_provider_probe *probe,
			       migration_store_callback_t *callback,
			       void *context)
{
	struct migration_store_write *write;
	struct sql_statement *stmt;

	write = migration_store_write_begin(store, callback, context);
	stmt = sql_statement_init(
		store->db, "DELETE FROM migration_probe WHERE provider = ?");
	sql_statement_bind_str(stmt, 0, provider);
	migration_store_write_add(write, &stmt);

	stmt = sql_statement_init(
		store->db,
		"INSERT INTO migration_probe (provider, name, version, "
		"capabilities, prefix, sep, probed) "
		"VALUES (?, ?, ?, ?, ?, ?, ?)");
	sql_statement_bind_str(stmt, 0, provider);
	sql_statement_bind_str(stmt, 1, probe->name);
	sql_statement_bind_str(stmt, 2, probe->version);
	sql_statement_bind_str(stmt, 3, probe->capabilities);
	sql_statement_bind_str(stmt, 4, probe->prefix);
	sql_statement_bind_str(stmt, 5, probe->sep);
	sql_statement_bind_int64(stmt, 6, probe->probed);
	migration_store_write_add(write, &stmt);
	migration_store_write_commit(&write);
}

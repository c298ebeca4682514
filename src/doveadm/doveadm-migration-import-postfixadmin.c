/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "hash.h"
#include "istream.h"
#include "str.h"
#include "migration-postfixadmin.h"
#include "doveadm-migration-cmd.h"
#include "doveadm-migration-import.h"
#include "doveadm-migration-import-postfixadmin.h"

#define POSTFIXADMIN_MAX_LINE_BYTES (64 * 1024)

struct postfixadmin_import {
	struct doveadm_migration_import *import;
	struct migration_postfixadmin *db;
	pool_t pool;

	enum migration_postfixadmin_table table;
	/* They are in the table of domains as well. */
	HASH_TABLE(char *, char *) alias_domains;
	/* to what was asked last: without a connection only when it is closed */
	bool answered;
	bool failed;
};

static const char *const table_names[MIGRATION_POSTFIXADMIN_TABLE_COUNT] = {
	[MIGRATION_POSTFIXADMIN_ALIAS_DOMAIN] = "alias_domain",
	[MIGRATION_POSTFIXADMIN_DOMAIN] = "domain",
	[MIGRATION_POSTFIXADMIN_MAILBOX] = "mailbox",
	[MIGRATION_POSTFIXADMIN_ALIAS] = "alias",
};

static void postfixadmin_parse_line(const char *line, pool_t pool,
				    const char **driver, const char **connect)
{
	const char *key, *value, *p = strchr(line, '=');

	if (*line == '#' || p == NULL)
		return;
	key = t_str_trim(t_strdup_until(line, p), " \t");
	value = t_str_trim(p + 1, " \t\r");
	if (strcmp(key, "driver") == 0)
		*driver = p_strdup(pool, value);
	else if (strcmp(key, "connect") == 0)
		*connect = p_strdup(pool, value);
}

/* A line that ends with a backslash goes on in the next one. */
static void postfixadmin_parse_file(struct istream *input, pool_t pool,
				    const char **driver, const char **connect)
{
	string_t *str = t_str_new(256);
	const char *line;
	size_t len;

	i_stream_set_return_partial_line(input, TRUE);
	while ((line = i_stream_read_next_line(input)) != NULL) {
		len = strlen(line);
		if (len > 0 && line[len - 1] == '\\') {
			str_append_data(str, line, len - 1);
			continue;
		}
		str_append(str, line);
		postfixadmin_parse_line(str_c(str), pool, driver, connect);
		str_truncate(str, 0);
	}
}

static int
postfixadmin_read_file(const char *path, pool_t pool, const char **driver_r,
		       const char **connect_r, const char **error_r)
{
	struct istream *input;
	int ret = 0;

	*driver_r = *connect_r = NULL;
	input = i_stream_create_file(path, POSTFIXADMIN_MAX_LINE_BYTES);
	postfixadmin_parse_file(input, pool, driver_r, connect_r);
	if (input->stream_errno != 0) {
		*error_r = t_strdup_printf("Cannot read it: %s",
					   i_stream_get_error(input));
		ret = -1;
	} else if (*driver_r == NULL || *connect_r == NULL) {
		*error_r = "It has to say where postfixadmin's database is: "
			   "\"driver = ...\" (sqlite, pgsql or mysql) and "
			   "\"connect = ...\"";
		ret = -1;
	}
	i_stream_unref(&input);
	return ret;
}

/* Domains must be there before their other names, which must be known first. */
static void
postfixadmin_remember_alias_domain(struct postfixadmin_import *pa,
				   const struct migration_import_row *row)
{
	char *name = p_strdup(pa->pool, row->name);

	hash_table_update(pa->alias_domains, name, name);
}

static void postfixadmin_add_row(struct postfixadmin_import *pa,
				 const char *const *values, bool remember)
{
	const char *where, *error;
	struct migration_import_row row;
	int ret;

	where = t_strdup_printf("%s %s", table_names[pa->table], values[0]);
	ret = migration_import_parse_postfixadmin(pa->table, values, &row,
						  &error);
	if (ret < 0) {
		if (!remember) {
			doveadm_migration_import_mistake(pa->import, where,
							 error);
		}
	} else if (ret == 0) {
		return;
	} else if (remember) {
		postfixadmin_remember_alias_domain(pa, &row);
	} else if (pa->table != MIGRATION_POSTFIXADMIN_DOMAIN ||
		   hash_table_lookup(pa->alias_domains, row.name) == NULL) {
		doveadm_migration_import_add(pa->import, &row, where, -1);
	}
}

static void postfixadmin_fail(struct postfixadmin_import *pa, const char *error)
{
	pa->answered = TRUE;
	pa->failed = TRUE;
	doveadm_migration_import_fail(
		pa->import, EX_TEMPFAIL,
		t_strdup_printf("Cannot read postfixadmin's table %s: %s",
				table_names[pa->table], error));
}

static void postfixadmin_row(int ret, const char *const *values,
			     const char *error, void *context)
{
	struct postfixadmin_import *pa = context;

	if (ret < 0)
		postfixadmin_fail(pa, error);
	else if (ret > 0)
		postfixadmin_add_row(pa, values, FALSE);
	else
		pa->answered = TRUE;
}

static void postfixadmin_name(int ret, const char *const *values,
			      const char *error, void *context)
{
	struct postfixadmin_import *pa = context;

	if (ret < 0)
		postfixadmin_fail(pa, error);
	else if (ret > 0)
		postfixadmin_add_row(pa, values, TRUE);
	else
		pa->answered = TRUE;
}

static void postfixadmin_import_tables(struct postfixadmin_import *pa)
{
	static const enum migration_postfixadmin_table order[] = {
		MIGRATION_POSTFIXADMIN_DOMAIN,
		MIGRATION_POSTFIXADMIN_ALIAS_DOMAIN,
		MIGRATION_POSTFIXADMIN_MAILBOX,
		MIGRATION_POSTFIXADMIN_ALIAS,
	};
	unsigned int i;

	pa->table = MIGRATION_POSTFIXADMIN_ALIAS_DOMAIN;
	migration_postfixadmin_read(pa->db, pa->table, postfixadmin_name, pa);
	for (i = 0; i < N_ELEMENTS(order) && pa->answered && !pa->failed; i++) {
		pa->table = order[i];
		pa->answered = FALSE;
		migration_postfixadmin_read(pa->db, pa->table, postfixadmin_row,
					    pa);
	}
}

void doveadm_migration_import_postfixadmin(
	struct doveadm_migration_cmd *cmd,
	struct doveadm_migration_import *import, const char *path)
{
	struct postfixadmin_import pa = { .import = import };
	const char *driver, *connect, *error;

	pa.pool = pool_alloconly_create("postfixadmin import", 1024);
	if (postfixadmin_read_file(path, pa.pool, &driver, &connect, &error) <
	    0) {
		doveadm_migration_import_fail(import, EX_USAGE, error);
	} else if (migration_postfixadmin_init(cmd->event, driver, connect,
					       &pa.db, &error) < 0) {
		doveadm_migration_import_fail(import, EX_USAGE, error);
	} else {
		hash_table_create(&pa.alias_domains, default_pool, 0, str_hash,
				  strcmp);
		postfixadmin_import_tables(&pa);
		migration_postfixadmin_deinit(&pa.db);
		if (!pa.answered)
			postfixadmin_fail(&pa, "no answer");
		hash_table_destroy(&pa.alias_domains);
	}
	pool_unref(&pa.pool);
}

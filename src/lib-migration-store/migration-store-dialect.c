/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "str.h"
#include "migration-compat.h"
#include "migration-store-dialect.h"

struct dialect_word {
	const char *word, *replacement;
};

/* Names are compared, ordered and paged through by their bytes, whatever
   character set the connection has. Each statement may be repeated. */
static const struct dialect_word dialect_mysql_words[] = {
	{ "CREATE TABLE ", "CREATE TABLE IF NOT EXISTS " },
	{ "CREATE INDEX ", "CREATE INDEX IF NOT EXISTS " },
	{ "CREATE VIEW ", "CREATE OR REPLACE VIEW " },
	{ "DROP INDEX ", "DROP INDEX IF EXISTS " },
	{ "DROP VIEW ", "DROP VIEW IF EXISTS " },
	{ " ADD COLUMN ", " ADD COLUMN IF NOT EXISTS " },
	{ " VARCHAR(", " VARBINARY(" },
	{ " TEXT ", " MEDIUMBLOB " },
};

enum migration_dialect migration_dialect_find(const char *driver)
{
	if (strcmp(driver, "pgsql") == 0)
		return MIGRATION_DIALECT_PGSQL;
	if (strcmp(driver, "mysql") == 0)
		return MIGRATION_DIALECT_MYSQL;
	return MIGRATION_DIALECT_SQLITE;
}

/* The name of an index is enough. */
static const char *dialect_ddl_sqlite(const char *sql)
{
	const char *on;

	if (!str_begins_with(sql, "DROP INDEX "))
		return sql;
	on = strstr(sql, " ON ");
	return on == NULL ? sql : t_strdup_until(sql, on);
}

/* As above, and the order of names is that of their bytes. */
static const char *dialect_ddl_pgsql(const char *sql)
{
	string_t *str = t_str_new(1024);
	const char *p, *end;

	sql = dialect_ddl_sqlite(sql);
	while ((p = strstr(sql, " VARCHAR(")) != NULL &&
	       (end = strchr(p, ')')) != NULL) {
		str_append_data(str, sql, end + 1 - sql);
		str_append(str, " COLLATE \"C\"");
		sql = end + 1;
	}
	str_append(str, sql);
	return str_c(str);
}

static const char *dialect_ddl_mysql(const char *sql)
{
	string_t *str = t_str_new(1024);
	bool is_table = str_begins_with(sql, "CREATE TABLE ");
	const char *word;
	unsigned int i;

	while (*sql != '\0') {
		for (i = 0; i < N_ELEMENTS(dialect_mysql_words); i++) {
			word = dialect_mysql_words[i].word;
			if (str_begins_with(sql, word))
				break;
		}
		if (i == N_ELEMENTS(dialect_mysql_words)) {
			str_append_c(str, *sql++);
		} else {
			str_append(str, dialect_mysql_words[i].replacement);
			sql += strlen(word);
		}
	}
	/* one with transactions, whatever the server's default is */
	if (is_table)
		str_append(str, " ENGINE=InnoDB");
	return str_c(str);
}

const char *
migration_dialect_ddl(enum migration_dialect dialect, const char *sql)
{
	switch (dialect) {
	case MIGRATION_DIALECT_SQLITE:
		return dialect_ddl_sqlite(sql);
	case MIGRATION_DIALECT_PGSQL:
		return dialect_ddl_pgsql(sql);
	case MIGRATION_DIALECT_MYSQL:
		return dialect_ddl_mysql(sql);
	}
	i_unreached();
}

bool migration_dialect_has_transactional_ddl(enum migration_dialect dialect)
{
	return dialect != MIGRATION_DIALECT_MYSQL;
}

/* Held by the connection. The number has no meaning. */
#define DIALECT_PGSQL_LOCK "7023451290"
#define DIALECT_MYSQL_LOCK "CONCAT(DATABASE(), '.migration')"

const char *migration_dialect_lock(enum migration_dialect dialect)
{
	switch (dialect) {
	case MIGRATION_DIALECT_SQLITE:
		return NULL;
	case MIGRATION_DIALECT_PGSQL:
		return "SELECT pg_advisory_lock(" DIALECT_PGSQL_LOCK ")";
	case MIGRATION_DIALECT_MYSQL:
		return "SELECT GET_LOCK(" DIALECT_MYSQL_LOCK ", 20)";
	}
	i_unreached();
}

const char *migration_dialect_unlock(enum migration_dialect dialect)
{
	switch (dialect) {
	case MIGRATION_DIALECT_SQLITE:
		return NULL;
	case MIGRATION_DIALECT_PGSQL:
		return "SELECT pg_advisory_unlock(" DIALECT_PGSQL_LOCK ")";
	case MIGRATION_DIALECT_MYSQL:
		return "SELECT RELEASE_LOCK(" DIALECT_MYSQL_LOCK ")";
	}
	i_unreached();
}

const char *migration_dialect_now(enum migration_dialect dialect)
{
	switch (dialect) {
	case MIGRATION_DIALECT_SQLITE:
		return NULL;
	case MIGRATION_DIALECT_PGSQL:
		/* now() is when the transaction began */
		return "CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp())) "
		       "AS BIGINT)";
	case MIGRATION_DIALECT_MYSQL:
		return "UNIX_TIMESTAMP()";
	}
	i_unreached();
}

const char *migration_dialect_table_exists(enum migration_dialect dialect,
					   const char *table)
{
	switch (dialect) {
	case MIGRATION_DIALECT_SQLITE:
		return t_strdup_printf("SELECT COUNT(*) FROM sqlite_master "
				       "WHERE type = 'table' AND name = '%s'",
				       table);
	case MIGRATION_DIALECT_PGSQL:
		/* wherever the search path finds it */
		return t_strdup_printf("SELECT CASE WHEN to_regclass('%s') "
				       "IS NULL THEN 0 ELSE 1 END",
				       table);
	case MIGRATION_DIALECT_MYSQL:
		return t_strdup_printf("SELECT COUNT(*) "
				       "FROM information_schema.tables "
				       "WHERE table_schema = DATABASE() "
				       "AND table_name = '%s'",
				       table);
	}
	i_unreached();
}

const char *
migration_dialect_unless_exists(enum migration_dialect dialect, const char *key)
{
	switch (dialect) {
	case MIGRATION_DIALECT_SQLITE:
	case MIGRATION_DIALECT_PGSQL:
		return " ON CONFLICT DO NOTHING";
	case MIGRATION_DIALECT_MYSQL:
		/* IGNORE would hide other errors, too */
		return t_strdup_printf(" ON DUPLICATE KEY UPDATE %s = %s", key,
				       key);
	}
	i_unreached();
}

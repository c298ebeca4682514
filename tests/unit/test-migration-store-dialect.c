/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-store-dialect.h"
#include "test-common.h"

static void test_migration_dialect_ddl(void)
{
	static const struct {
		const char *sql;
		/* NULL = as it is */
		const char *sqlite, *pgsql, *mysql;
	} tests[] = {
		{ "CREATE TABLE t ( name VARCHAR(255) NOT NULL PRIMARY KEY,"
		  " created BIGINT NOT NULL)",
		  NULL,
		  "CREATE TABLE t ( name VARCHAR(255) COLLATE \"C\" NOT NULL "
		  "PRIMARY KEY, created BIGINT NOT NULL)",
		  "CREATE TABLE IF NOT EXISTS t ( name VARBINARY(255) NOT NULL "
		  "PRIMARY KEY, created BIGINT NOT NULL) ENGINE=InnoDB" },
		/* a column that is called like a type */
		{ "CREATE TABLE t ( text VARCHAR(9) NOT NULL, credential TEXT "
		  "NOT NULL, b VARCHAR(16) NOT NULL DEFAULT '')",
		  NULL,
		  "CREATE TABLE t ( text VARCHAR(9) COLLATE \"C\" NOT NULL, "
		  "credential TEXT NOT NULL, b VARCHAR(16) COLLATE \"C\" NOT "
		  "NULL DEFAULT '')",
		  "CREATE TABLE IF NOT EXISTS t ( text VARBINARY(9) NOT NULL, "
		  "credential MEDIUMBLOB NOT NULL, b VARBINARY(16) NOT NULL "
		  "DEFAULT '') ENGINE=InnoDB" },
		{ "ALTER TABLE t ADD COLUMN n VARCHAR(1) NOT NULL DEFAULT ''",
		  NULL,
		  "ALTER TABLE t ADD COLUMN n VARCHAR(1) COLLATE \"C\" NOT NULL "
		  "DEFAULT ''",
		  "ALTER TABLE t ADD COLUMN IF NOT EXISTS n VARBINARY(1) NOT "
		  "NULL DEFAULT ''" },
		{ "CREATE INDEX i ON t (a, b DESC)", NULL, NULL,
		  "CREATE INDEX IF NOT EXISTS i ON t (a, b DESC)" },
		{ "DROP INDEX i ON t", "DROP INDEX i", "DROP INDEX i",
		  "DROP INDEX IF EXISTS i ON t" },
		{ "CREATE VIEW v AS SELECT a FROM t LEFT JOIN j ON j.a = t.a",
		  NULL, NULL,
		  "CREATE OR REPLACE VIEW v AS SELECT a FROM t LEFT JOIN j ON "
		  "j.a = t.a" },
		{ "DROP VIEW v", NULL, NULL, "DROP VIEW IF EXISTS v" },
		{ "INSERT INTO t (a) VALUES (1)", NULL, NULL, NULL },
		{ "UPDATE t SET a = b WHERE c = 'following'", NULL, NULL,
		  NULL },
		{ "", NULL, NULL, NULL },
	};
	const char *expected;
	unsigned int i;

	test_begin("migration_dialect_ddl()");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		expected = tests[i].sqlite != NULL ? tests[i].sqlite :
						     tests[i].sql;
		test_assert_strcmp_idx(
			migration_dialect_ddl(MIGRATION_DIALECT_SQLITE,
					      tests[i].sql), expected, i);
		expected = tests[i].pgsql != NULL ? tests[i].pgsql :
						    tests[i].sql;
		test_assert_strcmp_idx(
			migration_dialect_ddl(MIGRATION_DIALECT_PGSQL,
					      tests[i].sql), expected, i);
		expected = tests[i].mysql != NULL ? tests[i].mysql :
						    tests[i].sql;
		test_assert_strcmp_idx(
			migration_dialect_ddl(MIGRATION_DIALECT_MYSQL,
					      tests[i].sql), expected, i);
	}
	test_end();
}

static void test_migration_dialect_words(void)
{
	static const struct {
		const char *driver;
		enum migration_dialect dialect;
		bool transactional;
		const char *exists, *unless_exists;
	} tests[] = {
		{ "sqlite", MIGRATION_DIALECT_SQLITE, TRUE,
		  "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' "
		  "AND name = 't'", " ON CONFLICT DO NOTHING" },
		{ "pgsql", MIGRATION_DIALECT_PGSQL, TRUE,
		  "SELECT CASE WHEN to_regclass('t') IS NULL THEN 0 ELSE 1 END",
		  " ON CONFLICT DO NOTHING" },
		{ "mysql", MIGRATION_DIALECT_MYSQL, FALSE,
		  "SELECT COUNT(*) FROM information_schema.tables WHERE "
		  "table_schema = DATABASE() AND table_name = 't'",
		  " ON DUPLICATE KEY UPDATE k = k" },
	};
	unsigned int i;

	test_begin("migration dialects: words");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_ucmp_idx(migration_dialect_find(tests[i].driver),
				     ==, tests[i].dialect, i);
		test_assert_idx(migration_dialect_has_transactional_ddl(
					tests[i].dialect) ==
				tests[i].transactional, i);
		test_assert_strcmp_idx(
			migration_dialect_table_exists(tests[i].dialect, "t"),
			tests[i].exists, i);
		test_assert_strcmp_idx(
			migration_dialect_unless_exists(tests[i].dialect, "k"),
			tests[i].unless_exists, i);
	}
	test_assert(migration_dialect_now(MIGRATION_DIALECT_SQLITE) == NULL);
	test_assert_strcmp(migration_dialect_now(MIGRATION_DIALECT_PGSQL),
			   "CAST(FLOOR(EXTRACT(EPOCH FROM "
			   "clock_timestamp())) AS BIGINT)");
	test_assert_strcmp(migration_dialect_now(MIGRATION_DIALECT_MYSQL),
			   "UNIX_TIMESTAMP()");
	test_assert(migration_dialect_lock(MIGRATION_DIALECT_SQLITE) == NULL);
	test_assert(migration_dialect_unlock(MIGRATION_DIALECT_SQLITE) == NULL);
	test_assert_strcmp(migration_dialect_lock(MIGRATION_DIALECT_PGSQL),
			   "SELECT pg_advisory_lock(7023451290)");
	test_assert_strcmp(migration_dialect_unlock(MIGRATION_DIALECT_PGSQL),
			   "SELECT pg_advisory_unlock(7023451290)");
	test_assert_strcmp(migration_dialect_lock(MIGRATION_DIALECT_MYSQL),
			   "SELECT GET_LOCK(CONCAT(DATABASE(), "
			   "'.migration'), 20)");
	test_assert_strcmp(migration_dialect_unlock(MIGRATION_DIALECT_MYSQL),
			   "SELECT RELEASE_LOCK(CONCAT(DATABASE(), "
			   "'.migration'))");
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_dialect_ddl,
		test_migration_dialect_words,
		NULL
	};
	return test_run(test_functions);
}

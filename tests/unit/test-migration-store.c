/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* Opening, the schema, and databases that cannot be used. */

#include "lib.h"
#include "str.h"
#include "test-common.h"
#include "migration-compat.h"
#include "migration-test-common.h"
#include "migration-test-store.h"

#include <sys/stat.h>
#include <unistd.h>

/* A user who owns nothing: root may write everywhere. */
#define NOBODY_UID 65534

static bool test_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void test_migration_store_create(void)
{
	struct migration_store *store;
	struct migration_record record;

	test_begin("migration store: new database");
	store = test_store_init(test_store_path(), TRUE);
	/* connects at the first use */
	test_assert(!test_exists(test_store_path()));
	test_assert(test_store_try_open(store) == 1);
	test_assert(test_exists(test_store_path()));
	test_assert_strcmp(test_store_value(store, "PRAGMA journal_mode"),
			   "wal");
	test_assert_strcmp(test_store_value(store,
		"SELECT COUNT(*) FROM migration_schema"), "9");
	test_assert_strcmp(test_store_value(store,
		"SELECT MAX(version) FROM migration_schema"), "9");
	/* what the shipped conf.d asks */
	test_assert(test_store_value(store,
		"SELECT username, password, hold FROM migration_passdb") ==
		NULL);
	test_assert(test_store_value(store,
		"SELECT username, domain FROM migration_userdb") == NULL);
	test_assert(test_store_lookup(store, "user@old.example", &record) ==
		    MIGRATION_STORE_NOTHING);
	/* the second of two nodes that make the tables fails on this */
	test_assert_strcmp(test_store_try_exec(store,
		"INSERT INTO migration_schema (version) VALUES (1)"),
		"UNIQUE constraint failed: migration_schema.version");
	/* twice is once */
	test_assert(test_store_try_open(store) == 1);
	test_assert_strcmp(test_store_value(store,
		"SELECT COUNT(*) FROM migration_schema"), "9");
	migration_store_wait(store);
	migration_store_deinit(&store);
	test_assert(store == NULL);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_reopen(void)
{
	struct migration_store *store;
	struct migration_record record;

	test_begin("migration store: reopen");
	store = test_store_open();
	test_store_adopt(store, "user@old.example", NOW);
	migration_store_deinit(&store);

	store = test_store_open();
	test_assert_strcmp(test_store_value(store,
		"SELECT COUNT(*) FROM migration_schema"), "9");
	test_assert(test_store_lookup(store, "user@old.example", &record) ==
		    MIGRATION_STORE_RECORD);
	migration_store_deinit(&store);

	/* by somebody who does not make tables */
	store = test_store_init(test_store_path(), FALSE);
	test_assert(test_store_try_open(store) == 1);
	test_assert(test_store_lookup(store, "user@old.example", &record) ==
		    MIGRATION_STORE_RECORD);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_not_made(void)
{
	struct migration_store *store;

	test_begin("migration store: only the queue makes it");
	store = test_store_init(test_store_path(), FALSE);
	test_assert(test_store_try_open(store) == -1);
	test_assert_strcmp(test_store_error, t_strdup_printf(
		"Cannot use the database %s: No such file or directory "
		"(Dovecot's migration service makes it when it starts)",
		test_store_path()));
	test_assert(!test_exists(test_store_path()));
	migration_store_deinit(&store);

	/* a database without tables, or with another program's */
	test_write_file(test_store_path(), 0600, "");
	store = test_store_init(test_store_path(), FALSE);
	test_assert(test_store_try_open(store) == -1);
	test_assert_strcmp(test_store_error, "The tables do not exist yet: "
			   "start Dovecot, its migration service makes them");
	test_store_exec(store, "CREATE TABLE migration_schema "
			"(version INTEGER NOT NULL PRIMARY KEY)");
	test_assert(test_store_try_open(store) == -1);
	test_assert_strcmp(test_store_error, "The tables do not exist yet: "
			   "start Dovecot, its migration service makes them");
	test_assert(test_store_value(store,
		"SELECT name FROM sqlite_master "
		"WHERE name = 'migration_job'") == NULL);
	migration_store_deinit(&store);

	/* half a beginning is continued */
	store = test_store_open();
	test_store_adopt(store, "user@old.example", NOW);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_newer(void)
{
	static const char *const versions[] = { "1000", "1000000", "-5", "'x'" };
	struct migration_store *store;
	unsigned int i, j;

	test_begin("migration store: newer or unknown schema");
	for (i = 0; i < N_ELEMENTS(versions); i++) {
		store = test_store_open();
		/* 'x' is possible in a table with another type only */
		test_store_exec(store, "DROP TABLE migration_schema");
		test_store_exec(store,
			"CREATE TABLE migration_schema (version)");
		test_store_exec(store, t_strdup_printf(
			"INSERT INTO migration_schema VALUES (%s)",
			versions[i]));
		migration_store_deinit(&store);
		for (j = 0; j < 2; j++) {
			store = test_store_init(test_store_path(), j == 0);
			test_assert_idx(test_store_try_open(store) == -1, i);
			test_assert_idx(test_store_error_has(
				"it belongs to a newer dovecot-migration"), i);
			test_assert_idx(null_strcmp(test_store_value(store,
				"SELECT COUNT(*) FROM migration_schema"),
				"1") == 0, i);
			migration_store_deinit(&store);
		}
		test_tmp_remove();
	}
	test_end();
}

/* Somebody else's table stands in the way: nothing is made or changed. */
static void test_migration_store_foreign_table(void)
{
	struct migration_store *store;

	test_begin("migration store: a table of that name exists");
	store = test_store_init(test_store_path(), TRUE);
	test_store_exec(store, "CREATE TABLE migration_job (id INTEGER)");
	test_assert(test_store_try_open(store) == -1);
	test_assert_strcmp(test_store_error,
			   "Cannot make or upgrade the tables: table "
			   "migration_job already exists");
	test_assert(test_store_value(store,
		"SELECT MAX(version) FROM migration_schema") == NULL);
	test_assert_strcmp(test_store_value(store,
		"SELECT COUNT(*) FROM sqlite_master "
		"WHERE name LIKE 'migration%' AND type = 'table'"), "2");
	/* and goes on once it is out of the way */
	test_store_exec(store, "DROP TABLE migration_job");
	test_assert(test_store_try_open(store) == 1);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_driver(void)
{
	static const struct {
		const char *driver;
		const char *error;
	} tests[] = {
		{ "nonsense", "Cannot load SQL driver nonsense "
		  "(is dovecot-nonsense installed?): " },
		{ "", "Cannot load SQL driver " },
	};
	struct migration_store_settings set = { .connect = "/x" };
	struct migration_store *store;
	const char *error;
	unsigned int i;

	test_begin("migration store: unknown driver");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		set.driver = tests[i].driver;
		error = NULL;
		test_assert_idx(migration_store_init(&set, &store,
						     &error) < 0, i);
		test_assert_idx(error != NULL &&
				str_begins_with(error, tests[i].error), i);
	}
	test_end();
}

static void test_migration_store_no_place(void)
{
	const char *const paths[] = {
		test_tmp_path("nowhere/migration.sqlite"),
		/* a directory */
		test_tmp_path(""),
	};
	struct migration_store *store;
	struct migration_record record;
	struct migration_adoption adoption;
	unsigned int i;

	test_begin("migration store: no place for a database");
	/* the driver logs each try to open it */
	test_expect_errors(UINT_MAX);
	for (i = 0; i < N_ELEMENTS(paths); i++) {
		store = test_store_init(paths[i], TRUE);
		test_assert_idx(test_store_try_open(store) == -1, i);
		/* whoever goes on all the same gets errors */
		test_assert_idx(test_store_lookup(store, "user@old.example",
						  &record) ==
				MIGRATION_STORE_ERROR, i);
		test_store_adoption(&adoption, "user@old.example");
		test_assert_idx(test_store_try_adopt(store, &adoption,
						     NOW) == -1, i);
		migration_store_deinit(&store);
	}
	test_tmp_remove();
	test_end();
}

static void test_migration_store_garbage(void)
{
	string_t *garbage = t_str_new(10000);
	struct migration_store *store;
	struct migration_record record;
	unsigned int i;

	test_begin("migration store: not a database");
	/* the driver warns when it closes a statement that failed */
	test_expect_errors(UINT_MAX);
	for (i = 0; i < 10000; i++)
		str_append_c(garbage, 1 + test_random(255));
	test_write_file(test_store_path(), 0600, str_c(garbage));
	for (i = 0; i < 2; i++) {
		store = test_store_init(test_store_path(), i == 0);
		test_assert_idx(test_store_try_open(store) == -1, i);
		test_assert_idx(test_store_error_has(i == 0 ?
			"Cannot open the database: file is not a database" :
			"Cannot use the database: file is not a "
			"database"), i);
		test_assert_idx(test_store_lookup(store, "user@old.example",
						  &record) ==
				MIGRATION_STORE_ERROR, i);
		migration_store_deinit(&store);
	}
	test_assert_strcmp(test_read_file(test_store_path()), str_c(garbage));
	test_tmp_remove();
	test_end();
}

static void test_migration_store_cut_off(void)
{
	struct migration_store *store;
	struct stat st;

	test_begin("migration store: half a database");
	test_expect_errors(UINT_MAX);
	store = test_store_open();
	test_store_adopt(store, "user@old.example", NOW);
	/* everything into the one file */
	(void)test_store_value(store, "PRAGMA wal_checkpoint(TRUNCATE)");
	migration_store_deinit(&store);
	if (stat(test_store_path(), &st) < 0 ||
	    truncate(test_store_path(), st.st_size / 2) < 0)
		i_fatal("truncate(%s) failed: %m", test_store_path());
	store = test_store_init(test_store_path(), TRUE);
	test_assert(test_store_try_open(store) == -1);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_read_only(void)
{
	struct migration_store *store;
	struct migration_adoption adoption;
	struct migration_record record;
	bool root = geteuid() == 0;

	test_begin("migration store: no right to write");
	test_expect_errors(UINT_MAX);
	store = test_store_open();
	test_store_adopt(store, "user@old.example", NOW);
	migration_store_deinit(&store);
	if (chmod(test_tmp_path(""), 0555) < 0 ||
	    chmod(test_store_path(), 0444) < 0)
		i_fatal("chmod(%s) failed: %m", test_store_path());
	/* access() looks at the real uid */
	if (root && (setreuid(NOBODY_UID, 0) < 0 || seteuid(NOBODY_UID) < 0))
		i_fatal("seteuid() failed: %m");

	/* doveadm */
	store = test_store_init(test_store_path(), FALSE);
	test_assert(test_store_try_open(store) == -1);
	test_assert_strcmp(test_store_error, t_strdup_printf(
		"Cannot use the database %s: Permission denied",
		test_store_path()));
	migration_store_deinit(&store);
	/* the queue */
	store = test_store_init(test_store_path(), TRUE);
	test_assert(test_store_try_open(store) == -1);
	test_assert(test_store_error_has("Cannot "));
	test_store_adoption(&adoption, "user2@old.example");
	test_assert(test_store_try_adopt(store, &adoption, NOW) == -1);
	migration_store_deinit(&store);

	if (root && (seteuid(0) < 0 || setreuid(0, 0) < 0))
		i_fatal("seteuid() failed: %m");
	if (chmod(test_tmp_path(""), 0700) < 0 ||
	    chmod(test_store_path(), 0600) < 0)
		i_fatal("chmod(%s) failed: %m", test_store_path());
	store = test_store_open();
	test_assert(test_store_lookup(store, "user@old.example", &record) ==
		    MIGRATION_STORE_RECORD);
	test_assert(test_store_lookup(store, "user2@old.example", &record) ==
		    MIGRATION_STORE_NOTHING);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

/* Another connection to the database: lib-sql shares those with the same
   path. */
static struct migration_store *test_store_other(void)
{
	return test_store_init(t_strconcat("/", test_store_path(), NULL),
			       FALSE);
}

static void test_migration_store_locked(void)
{
	struct migration_store *store, *other;
	struct migration_adoption adoption;
	struct migration_record record;

	test_begin("migration store: locked by somebody else");
	store = test_store_open();
	test_store_adopt(store, "user@old.example", NOW);
	other = test_store_other();
	sql_exec(other->db, "BEGIN IMMEDIATE");
	/* reading goes on */
	test_assert(test_store_lookup(store, "user@old.example", &record) ==
		    MIGRATION_STORE_RECORD);
	/* writing fails after the driver's second */
	test_store_adoption(&adoption, "user2@old.example");
	test_assert(test_store_try_adopt(store, &adoption, NOW) == -1);
	test_assert_strcmp(test_store_error, "database is locked");
	sql_exec(other->db, "COMMIT");
	/* and works again */
	test_assert(test_store_lookup(store, "user2@old.example", &record) ==
		    MIGRATION_STORE_NOTHING);
	test_assert(test_store_try_adopt(store, &adoption, NOW) == 1);
	migration_store_deinit(&other);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_open_locked(void)
{
	struct migration_store *store, *other;

	test_begin("migration store: locked while it is opened");
	/* the driver warns when it closes a statement that failed */
	test_expect_errors(UINT_MAX);
	store = test_store_init(test_store_path(), TRUE);
	other = test_store_other();
	sql_exec(other->db, "BEGIN EXCLUSIVE");
	test_assert(test_store_try_open(store) == -1);
	test_assert(test_store_error_has("locked"));
	sql_exec(other->db, "ROLLBACK");
	test_assert(test_store_try_open(store) == 1);
	migration_store_deinit(&other);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_store_create,
		test_migration_store_reopen,
		test_migration_store_not_made,
		test_migration_store_newer,
		test_migration_store_foreign_table,
		test_migration_store_driver,
		test_migration_store_no_place,
		test_migration_store_garbage,
		test_migration_store_cut_off,
		test_migration_store_read_only,
		test_migration_store_locked,
		test_migration_store_open_locked,
		NULL
	};
	return test_store_run(test_functions);
}

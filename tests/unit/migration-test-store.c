/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "test-common.h"
#include "migration-test-common.h"
#include "migration-test-store.h"

#include <dlfcn.h>
#include <stdio.h>

pool_t test_store_pool;
const char *test_store_error;

int test_store_run(void (*const test_functions[])(void))
{
	void *handle = dlopen(MODULEDIR"/libdriver_sqlite.so",
			      RTLD_NOW | RTLD_GLOBAL);
	int ret;

	if (handle == NULL)
		fprintf(stderr, "%s\n", dlerror());
	test_store_pool = pool_alloconly_create("test store", 10240);
	ret = test_run(test_functions);
	pool_unref(&test_store_pool);
	if (handle != NULL)
		(void)dlclose(handle);
	return ret;
}

void test_store_answered(int ret, const char *error, void *context)
{
	struct test_store_answer *answer = context;

	answer->calls++;
	answer->ret = ret;
	test_store_error = p_strdup(test_store_pool, error);
}

bool test_store_error_has(const char *part)
{
	return test_store_error != NULL &&
		strstr(test_store_error, part) != NULL;
}

int test_store_answer_ret(struct test_store_answer *answer)
{
	test_assert_ucmp(answer->calls, ==, 1);
	test_assert(answer->ret >= -1 && answer->ret <= 1);
	/* an error has a text, and nothing else has one */
	test_assert((answer->ret < 0) == (test_store_error != NULL));
	return answer->ret;
}

const char *test_store_path(void)
{
	return test_tmp_path("migration.sqlite");
}

struct migration_store *test_store_init(const char *path, bool create)
{
	const struct migration_store_settings set = {
		.driver = "sqlite",
		.connect = path,
		.create = create,
	};
	struct migration_store *store;
	const char *error;

	if (migration_store_init(&set, &store, &error) < 0)
		i_fatal("migration_store_init() failed: %s", error);
	return store;
}

int test_store_try_open(struct migration_store *store)
{
	int ret;

	TEST_STORE(&ret, migration_store_open, store);
	return ret;
}

struct migration_store *test_store_open(void)
{
	struct migration_store *store =
		test_store_init(test_store_path(), TRUE);

	if (test_store_try_open(store) < 0)
		i_fatal("migration_store_open() failed: %s", test_store_error);
	return store;
}

static void
test_store_exec_finished(const struct sql_commit_result *result,
			 const char **error)
{
	*error = p_strdup(test_store_pool,
			  migration_compat_sql_error(result->error));
}

const char *test_store_try_exec(struct migration_store *store,
				const char *sql)
{
	struct sql_transaction_context *trans;
	const char *error = "not answered";

	trans = sql_transaction_begin(store->db);
	sql_update(trans, sql);
	sql_transaction_commit(&trans, test_store_exec_finished, &error);
	return error;
}

void test_store_exec(struct migration_store *store, const char *sql)
{
	const char *error = test_store_try_exec(store, sql);

	if (error != NULL)
		i_fatal("%s: %s", sql, error);
}

static void
test_store_value_read(struct sql_result *result, const char **value)
{
	int ret = sql_result_next_row(result);

	if (ret < 0)
		i_fatal("SQL failed: %s", sql_result_get_error(result));
	if (ret > 0) {
		*value = p_strdup(test_store_pool,
				  sql_result_get_field_value(result, 0));
	}
	while (ret > 0)
		ret = sql_result_next_row(result);
}

void test_store_undo_to_7(struct migration_store *store)
{
	static const char *const statements[] = {
		/* the view, which is made again, needs the columns */
		"DROP VIEW migration_userdb",
		"CREATE VIEW migration_userdb AS SELECT 1",
		"ALTER TABLE migration_domain DROP COLUMN enabled",
		"ALTER TABLE migration_domain DROP COLUMN quota",
		"ALTER TABLE migration_domain DROP COLUMN mailbox_quota",
		"ALTER TABLE migration_account DROP COLUMN first_name",
		"ALTER TABLE migration_account DROP COLUMN last_name",
		"ALTER TABLE migration_account DROP COLUMN quota",
		"DROP TABLE migration_domain_alias",
		"DROP TABLE migration_relay_domain",
		"DROP TABLE migration_alias",
		"DROP VIEW migration_user_state",
		"DELETE FROM migration_schema WHERE version > 7",
	};
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(statements); i++)
		test_store_exec(store, statements[i]);
}

const char *test_store_value(struct migration_store *store, const char *sql)
{
	const char *value = NULL;

	sql_query(store->db, sql, test_store_value_read, &value);
	return value;
}

void test_store_adoption(struct migration_adoption *adoption_r,
			 const char *username)
{
	i_zero(adoption_r);
	adoption_r->username = username;
	adoption_r->domain = "old.example";
	adoption_r->provider = "oldhost";
	adoption_r->remote_user = t_strconcat("remote-", username, NULL);
	adoption_r->mechanism = "PLAIN";
	adoption_r->password = "{SHA512-CRYPT}$6$hash";
	adoption_r->credential = "Ym94";
	adoption_r->login = "wait";
}

int test_store_try_adopt(struct migration_store *store,
			 const struct migration_adoption *adoption, time_t now)
{
	int ret;

	TEST_STORE(&ret, migration_store_adopt, store, adoption, now);
	return ret;
}

void test_store_adopt(struct migration_store *store, const char *username,
		      time_t now)
{
	struct migration_adoption adoption;

	test_store_adoption(&adoption, username);
	if (test_store_try_adopt(store, &adoption, now) != 1)
		i_fatal("migration_store_adopt() failed: %s",
			test_store_error);
}

void test_store_job_set(struct migration_store *store, const char *name,
			const char *set)
{
	test_store_exec(store, t_strdup_printf(
		"UPDATE migration_job SET %s WHERE username = "
		"'%s@old.example'", set, name));
}

void test_store_job_add(struct migration_store *store, const char *name,
			const char *set)
{
	test_store_adopt(store, t_strconcat(name, "@old.example", NULL), NOW);
	test_store_job_set(store, name, set);
}

struct test_store_lookup {
	unsigned int calls;
	enum migration_store_found found;
	struct migration_record *record;
};

static void
test_store_looked_up(enum migration_store_found found,
		     const struct migration_record *record, const char *error,
		     void *context)
{
	struct test_store_lookup *lookup = context;

	lookup->calls++;
	lookup->found = found;
	test_store_error = p_strdup(test_store_pool, error);
	test_assert((found == MIGRATION_STORE_ERROR) == (error != NULL));
	test_assert((found == MIGRATION_STORE_RECORD) == (record != NULL));
	if (record != NULL)
		lookup->record = migration_record_dup(test_store_pool, record);
}

enum migration_store_found
test_store_lookup(struct migration_store *store, const char *username,
		  struct migration_record *record_r)
{
	struct test_store_lookup lookup;

	i_zero(&lookup);
	i_zero(record_r);
	migration_store_lookup(store, username, test_store_looked_up,
			       &lookup);
	test_assert_ucmp(lookup.calls, ==, 1);
	if (lookup.record != NULL)
		*record_r = *lookup.record;
	return lookup.found;
}

struct migration_record
test_store_record(struct migration_store *store, const char *username)
{
	struct migration_record record;

	if (test_store_lookup(store, username, &record) !=
	    MIGRATION_STORE_RECORD)
		i_fatal("%s has no record", username);
	return record;
}

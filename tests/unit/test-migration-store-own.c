/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* Accounts in tables of the administrator's. */

#include "lib.h"
#include "migration-settings.h"
#include "migration-state.h"
#include "test-common.h"
#include "migration-test-common.h"
#include "migration-test-store.h"

#define USER "user@old.example"

#define LOOKUP \
	"SELECT hash AS password, active AS enabled FROM box " \
	"WHERE address = %{user}"
#define DOMAIN_CREATE \
	"INSERT INTO dom SELECT %{domain} WHERE NOT EXISTS " \
	"(SELECT 1 FROM dom WHERE name = %{domain})"
#define CREATE \
	"INSERT INTO box (address, local, domain, hash, origin) VALUES " \
	"(%{user}, %{username}, (SELECT name FROM dom WHERE name = " \
	"%{domain}), %{password}, %{provider} || '/' || %{remote_user}); " \
	"INSERT INTO alias VALUES (%{user}, %{user})"
#define PASSWORD \
	"UPDATE box SET hash = %{password} WHERE address = %{user} " \
	"AND hash = %{old_password}"

static const struct migration_settings default_set = {
	.migration_account_lookup = LOOKUP,
	.migration_account_create = CREATE,
	.migration_account_password = PASSWORD,
	.migration_domain_create = DOMAIN_CREATE,
};

static struct migration_store *
test_own_open_with(const struct migration_settings *set)
{
	const struct migration_own_tables *own;
	struct migration_store_settings store_set = {
		.driver = "sqlite",
		.connect = test_store_path(),
		.create = TRUE,
	};
	struct migration_store *store;
	const char *error;

	if (migration_own_tables_parse(test_store_pool, set, &own, &error) < 1)
		i_fatal("%s", error);
	store_set.own = own;
	if (migration_store_init(&store_set, &store, &error) < 0 ||
	    test_store_try_open(store) < 0)
		i_fatal("cannot open the store");
	test_store_exec(store, "CREATE TABLE dom (name TEXT PRIMARY KEY)");
	test_store_exec(store,
			"CREATE TABLE box (address TEXT PRIMARY KEY, "
			"local TEXT NOT NULL, domain TEXT NOT NULL, "
			"hash TEXT NOT NULL, origin TEXT, "
			"active INTEGER NOT NULL DEFAULT 1)");
	test_store_exec(store, "CREATE TABLE alias (address TEXT PRIMARY KEY, "
			       "goto TEXT NOT NULL)");
	return store;
}

static struct migration_store *test_own_open(void)
{
	return test_own_open_with(&default_set);
}

/* "domains accounts aliases records", and none in the plugin's tables. */
static void
test_own_counts(struct migration_store *store, const char *counts,
		unsigned int idx)
{
	test_assert_strcmp_idx(test_store_value(store,
		"SELECT (SELECT COUNT(*) FROM dom) || ' ' || "
		"(SELECT COUNT(*) FROM box) || ' ' || "
		"(SELECT COUNT(*) FROM alias) || ' ' || "
		"(SELECT COUNT(*) FROM migration_job)"), counts, idx);
	test_assert_strcmp_idx(test_store_value(store,
		"SELECT (SELECT COUNT(*) FROM migration_account) + "
		"(SELECT COUNT(*) FROM migration_domain)"), "0", idx);
}

static void test_migration_store_own_adopt(void)
{
	struct migration_store *store;
	struct migration_adoption adoption;
	struct migration_record record;

	test_begin("migration store own: adopt");
	store = test_own_open();
	test_assert(test_store_lookup(store, USER, &record) ==
		    MIGRATION_STORE_NOTHING);
	test_store_adoption(&adoption, USER);
	test_assert(test_store_try_adopt(store, &adoption, NOW) == 1);
	test_own_counts(store, "1 1 1 1", 0);
	test_assert_strcmp(test_store_value(store,
		"SELECT address || ' ' || local || ' ' || domain || ' ' || "
		"hash || ' ' || origin FROM box"),
		USER" user old.example {SHA512-CRYPT}$6$hash "
		"oldhost/remote-"USER);
	record = test_store_record(store, USER);
	test_assert_strcmp(record.account_password, adoption.password);
	test_assert_strcmp(record.adopted_password, adoption.password);
	test_assert_strcmp(record.credential, adoption.credential);
	test_assert(!record.account_disabled);
	test_assert(record.created == NOW && record.last_login == NOW);

	/* the domain is there */
	test_store_adopt(store, "second@old.example", NOW);
	test_own_counts(store, "1 2 2 2", 1);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

/* What is in a value is never SQL. */
static void test_migration_store_own_odd(void)
{
	const struct migration_adoption adoption = {
		.username = "o'brien\"?; DROP TABLE box; --%{user}@x",
		.domain = "?'",
		.provider = "old ' host",
		.remote_user = "\\' OR 1=1 -- %s %n ?",
		.mechanism = "",
		.password = "{PLAIN}''\n\t\xc3\xa4 %{user} ?",
		.credential = "?,?,?",
		.login = "'",
	};
	struct migration_store *store;
	struct migration_record record;

	test_begin("migration store own: odd values");
	store = test_own_open();
	/* what a lookup knows of the domain is in the name */
	test_assert(test_store_try_adopt(store, &adoption, NOW) == 1);
	record = test_store_record(store, adoption.username);
	test_assert_strcmp(record.account_password, adoption.password);
	test_assert_strcmp(test_store_value(store, "SELECT domain FROM box"),
			   adoption.domain);
	test_assert(test_store_lookup(store, "' OR '1'='1", &record) ==
		    MIGRATION_STORE_NOTHING);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_own_exists(void)
{
	struct migration_store *store;
	struct migration_adoption adoption;
	struct migration_record record;

	test_begin("migration store own: existing account");
	store = test_own_open();
	test_store_exec(store, "INSERT INTO box VALUES ('"USER"', 'user', "
			       "'old.example', 'theirs', NULL, 1)");
	test_assert(test_store_lookup(store, USER, &record) ==
		    MIGRATION_STORE_ACCOUNT);
	/* made after it was looked up */
	test_store_adoption(&adoption, USER);
	test_assert(test_store_try_adopt(store, &adoption, NOW) == -1);
	test_assert(test_store_error_has(
		"migration_account_create: statement 1 failed: UNIQUE"));
	test_own_counts(store, "0 1 0 0", 0);
	test_assert_strcmp(test_store_value(store, "SELECT hash FROM box"),
			   "theirs");
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_own_failures(void)
{
	static const struct {
		/* the one that is not the default */
		const char *lookup, *domain_create, *create;
		const char *error;
	} tests[] = {
		{ .domain_create = "INSERT INTO missing VALUES (%{domain})",
		  .error =
		  "migration_domain_create: statement 1 failed: no such "
		  "table: missing - nothing of it was kept; mend the "
		  "statement, the tables or the rights, see own-tables.md" },
		/* no such domain */
		{ .domain_create = "",
		  .error =
		  "migration_account_create: statement 1 failed: NOT NULL "
		  "constraint failed: box.domain" },
		{ .create =
		       "INSERT INTO box (address, local, domain, hash) VALUES "
		       "(%{user}, '', '', %{password}); INSERT INTO alias "
		       "VALUES (%{user}, NULL)",
		  .error =
		  "migration_account_create: statement 2 failed: NOT NULL "
		  "constraint failed: alias.goto" },
		/* makes nothing */
		{ .create =
		       "INSERT INTO box (address, local, domain, hash) SELECT "
		       "%{user}, '', name, %{password} FROM dom "
		       "WHERE name = 'other'",
		  .error =
		  "migration_account_lookup does not find the account with "
		  "the password that was written: NOT NULL constraint failed: "
		  "migration_job.username" },
		/* makes something else */
		{ .create =
		       "INSERT INTO box (address, local, domain, hash) VALUES "
		       "(%{user}, '', '', 'x' || %{password})",
		  .error =
		  "migration_account_lookup does not find the account" },
		{ .lookup =
		       "SELECT hash AS password FROM box "
		       "WHERE address = %{user}" },
	};
	struct migration_settings set;
	struct migration_store *store;
	struct migration_adoption adoption;
	struct migration_record record;
	unsigned int i;

	test_begin("migration store own: statements that fail");
	test_store_adoption(&adoption, USER);
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		set = default_set;
		if (tests[i].lookup != NULL)
			set.migration_account_lookup = tests[i].lookup;
		if (tests[i].domain_create != NULL)
			set.migration_domain_create = tests[i].domain_create;
		if (tests[i].create != NULL)
			set.migration_account_create = tests[i].create;
		store = test_own_open_with(&set);
		if (tests[i].error != NULL) {
			test_assert_idx(test_store_try_adopt(
				store, &adoption, NOW) == -1, i);
			test_assert_idx(test_store_error_has(tests[i].error),
					i);
			test_own_counts(store, "0 0 0 0", i);
			test_assert_idx(test_store_lookup(store, USER,
							  &record) ==
					MIGRATION_STORE_NOTHING, i);
		} else {
			test_assert_idx(test_store_lookup(store, USER,
							  &record) ==
					MIGRATION_STORE_ERROR, i);
			test_assert_idx(test_store_error_has(
				"migration_account_lookup: no such column: "
				"a.enabled - it must be a SELECT with the "
				"columns password and enabled"), i);
		}
		migration_store_deinit(&store);
		test_tmp_remove();
	}
	test_end();
}

static int test_own_renew(struct migration_store *store,
			  const struct migration_record *before,
			  const char *password)
{
	struct migration_adoption adoption;
	struct migration_record record = *before;
	int ret;

	test_store_adoption(&adoption, USER);
	adoption.password = password;
	adoption.credential = "bmV3";
	migration_state_renewed(&record, NOW + 60);
	TEST_STORE(&ret, migration_store_renew, store, before, &record,
		   &adoption);
	return ret;
}

static const char *test_own_hashes(struct migration_store *store)
{
	return test_store_value(store, "SELECT b.hash || ' ' || "
		"j.adopted_password || ' ' || j.credential FROM box b, "
		"migration_job j");
}

static void test_migration_store_own_renew(void)
{
	struct migration_store *store;
	struct migration_record before, record;

	test_begin("migration store own: renew");
	store = test_own_open();
	test_store_adopt(store, USER, NOW);
	before = test_store_record(store, USER);
	test_assert(test_own_renew(store, &before, "new") == 1);
	test_assert_strcmp(test_own_hashes(store), "new new bmV3");
	/* as it was looked up before */
	test_assert(test_own_renew(store, &before, "third") == 0);
	test_assert_strcmp(test_own_hashes(store), "new new bmV3");
	/* paused meanwhile */
	before = test_store_record(store, USER);
	test_store_job_set(store, "user", "control = 'paused'");
	test_assert(test_own_renew(store, &before, "third") == 0);
	test_assert_strcmp(test_own_hashes(store), "new new bmV3");
	/* changed here meanwhile */
	before = test_store_record(store, USER);
	test_store_exec(store, "UPDATE box SET hash = 'here'");
	test_assert(test_own_renew(store, &before, "third") == 0);
	test_assert_strcmp(test_own_hashes(store), "here new bmV3");
	record = test_store_record(store, USER);
	test_assert_strcmp(record.account_password, "here");
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_own_renew_fails(void)
{
	struct migration_settings set = default_set;
	struct migration_store *store;
	struct migration_record before;

	test_begin("migration store own: renew fails");
	set.migration_account_password =
		PASSWORD"; UPDATE box SET domain = NULL";
	store = test_own_open_with(&set);
	test_store_adopt(store, USER, NOW);
	before = test_store_record(store, USER);
	test_assert(test_own_renew(store, &before, "new") == -1);
	test_assert(test_store_error_has(
		"migration_account_password: statement 2 failed: NOT NULL"));
	test_assert_strcmp(test_own_hashes(store),
			   "{SHA512-CRYPT}$6$hash {SHA512-CRYPT}$6$hash Ym94");
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_own_in_advance(void)
{
	struct migration_store *store;
	struct migration_adoption adoption;
	struct migration_record record;

	test_begin("migration store own: before the first login");
	store = test_own_open();
	test_store_adoption(&adoption, USER);
	adoption.password = adoption.mechanism = "";
	adoption.in_advance = TRUE;
	test_assert(test_store_try_adopt(store, &adoption, NOW) == 1);
	record = test_store_record(store, USER);
	test_assert(migration_record_awaits_login(&record));
	test_assert(test_own_renew(store, &record, "first") == 1);
	test_assert_strcmp(test_own_hashes(store), "first first bmV3");
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_own_count_record(int ret,
				  const struct migration_record *record,
				  const char *error ATTR_UNUSED, void *context)
{
	unsigned int *count = context;

	test_assert(ret >= 0);
	if (record != NULL)
		*count += 1;
}

static void test_migration_store_own_lists(void)
{
	struct migration_store *store;
	unsigned int count = 0;

	test_begin("migration store own: lists");
	store = test_own_open();
	test_store_adopt(store, USER, NOW);
	migration_store_list(store, NULL, test_own_count_record, &count);
	test_assert_ucmp(count, ==, 1);
	migration_store_due(store, "oldhost", NOW, 10, test_own_count_record,
			    &count);
	test_assert_ucmp(count, ==, 2);
	test_store_job_set(store, "user", "phase = 'following', "
			   "following_since = 1");
	migration_store_finish_due(store, "oldhost", NOW, NOW, 10,
				   test_own_count_record, &count);
	test_assert_ucmp(count, ==, 3);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_own_disabled(void)
{
	static const struct {
		const char *active;
		bool disabled;
	} tests[] = {
		{ "1", FALSE }, { "0", TRUE }, { "'t'", FALSE },
		{ "'f'", TRUE }, { "'true'", FALSE }, { "'FALSE'", TRUE },
		{ "'yes'", FALSE }, { "'no'", TRUE }, { "''", TRUE },
	};
	struct migration_store *store;
	struct migration_record record;
	unsigned int i;

	test_begin("migration store own: disabled accounts");
	store = test_own_open();
	test_store_adopt(store, USER, NOW);
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_store_exec(store, t_strconcat("UPDATE box SET active = ",
						   tests[i].active, NULL));
		record = test_store_record(store, USER);
		test_assert_idx(record.account_disabled == tests[i].disabled,
				i);
	}
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

/* An account that was deleted by hand. */
static void test_migration_store_own_gone(void)
{
	struct migration_store *store;
	struct migration_record record;
	int ret;

	test_begin("migration store own: account is gone");
	store = test_own_open();
	test_store_adopt(store, USER, NOW);
	test_store_exec(store, "DELETE FROM box");
	test_store_exec(store, "DELETE FROM alias");
	test_assert(test_store_lookup(store, USER, &record) ==
		    MIGRATION_STORE_NOTHING);
	/* comes back */
	test_store_adopt(store, USER, NOW + 60);
	record = test_store_record(store, USER);
	test_assert(record.created == NOW + 60);
	test_own_counts(store, "1 1 1 1", 0);
	/* the record goes, also when the account is gone */
	test_store_exec(store, "DELETE FROM box");
	TEST_STORE(&ret, migration_store_delete, store, USER, FALSE);
	test_assert(ret == 1);
	TEST_STORE(&ret, migration_store_delete, store, USER, FALSE);
	test_assert(ret == 0);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_store_own_adopt,
		test_migration_store_own_odd,
		test_migration_store_own_exists,
		test_migration_store_own_failures,
		test_migration_store_own_renew,
		test_migration_store_own_renew_fails,
		test_migration_store_own_in_advance,
		test_migration_store_own_lists,
		test_migration_store_own_disabled,
		test_migration_store_own_gone,
		NULL
	};
	return test_store_run(test_functions);
}

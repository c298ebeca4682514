/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* Imported rows, and the names that are there. */

#include "lib.h"
#include "array.h"
#include "str.h"
#include "test-common.h"
#include "migration-test-common.h"
#include "migration-test-store.h"

#define USER "anna@old.example"
/* more than one statement takes */
#define MANY 450

ARRAY_DEFINE_TYPE(test_rows, const struct migration_import_row *);

static void
test_add(ARRAY_TYPE(test_rows) *rows, const char *fields, const char *password)
{
	struct migration_import_row row;
	const struct migration_import_row *copy;
	const char *error;

	if (migration_import_parse_modoboa(t_strsplit(fields, ";"), &row,
					   &error) < 0)
		i_fatal("%s: %s", fields, error);
	row.password = password;
	copy = migration_import_row_dup(test_store_pool, &row);
	array_push_back(rows, &copy);
}

static int test_import(struct migration_store *store,
		       const ARRAY_TYPE(test_rows) *rows)
{
	const struct migration_import_row *const *row;
	unsigned int count;
	int ret;

	row = array_get(rows, &count);
	TEST_STORE(&ret, migration_store_import, store, row, count, NOW);
	return ret;
}

static void test_all_types(ARRAY_TYPE(test_rows) *rows)
{
	t_array_init(rows, 16);
	test_add(rows, "domain;old.example;10;5;1", NULL);
	test_add(rows, "domainalias;also.example;old.example;0", NULL);
	test_add(rows, "relaydomain;r.example;mail.r.example;25;relay;1;1",
		 NULL);
	test_add(rows, "account;"USER";p;An'na;M?ier;1;SimpleUsers;"USER";7",
		 "{X}?'\\");
	test_add(rows, "account;b@old.example;p;;;0;SimpleUsers;b@old.example",
		 "{X}b");
	test_add(rows, "alias;info@old.example;1;"USER";c@else.example", NULL);
	test_add(rows, "dlist;@old.example;0;"USER, NULL);
}

static void test_migration_store_import_types(void)
{
	static const struct {
		const char *sql, *value;
	} tests[] = {
		{ "SELECT name || ' ' || enabled || ' ' || quota || ' ' || "
		  "mailbox_quota || ' ' || created FROM migration_domain",
		  "old.example 1 10485760 5242880 1700000000" },
		{ "SELECT name || ' ' || target || ' ' || enabled || ' ' || "
		  "created FROM migration_domain_alias",
		  "also.example old.example 0 1700000000" },
		{ "SELECT name || ' ' || host || ' ' || port || ' ' || "
		  "service || ' ' || verify_recipients || ' ' || enabled "
		  "FROM migration_relay_domain",
		  "r.example mail.r.example 25 relay 1 1" },
		{ "SELECT domain || ' ' || password || ' ' || enabled || ' ' "
		  "|| first_name || ' ' || last_name || ' ' || quota || ' ' "
		  "|| created FROM migration_account WHERE username = '"USER"'",
		  "old.example {X}?'\\ 1 An'na M?ier 7340032 1700000000" },
		{ "SELECT enabled || ' ' || quota FROM migration_account "
		  "WHERE username = 'b@old.example'", "0 -1" },
		{ "SELECT GROUP_CONCAT(address || '>' || recipient || ' ' || "
		  "type || ' ' || enabled, ', ') FROM "
		  "(SELECT * FROM migration_alias ORDER BY address, recipient)",
		  "@old.example>"USER" dlist 0, "
		  "info@old.example>"USER" alias 1, "
		  "info@old.example>c@else.example alias 1" },
		{ "SELECT COUNT(*) FROM migration_job", "0" },
		/* what userdbs see */
		{ "SELECT quota FROM migration_userdb WHERE "
		  "username = '"USER"'", "7340032" },
		{ "SELECT COUNT(*) FROM migration_userdb WHERE "
		  "username = 'b@old.example'", "0" },
	};
	struct migration_store *store;
	ARRAY_TYPE(test_rows) rows;
	unsigned int i;

	test_begin("migration store import: types");
	store = test_store_open();
	test_all_types(&rows);
	test_assert(test_import(store, &rows) == 1);
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_strcmp_idx(test_store_value(store, tests[i].sql),
				       tests[i].value, i);
	}
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_import_quota(void)
{
	static const struct {
		const char *domain, *account;
		const char *quota;
	} tests[] = {
		{ "0", "-1", NULL },
		{ "5", "-1", "5" },
		{ "5", "0", "0" },
		{ "5", "9", "9" },
		{ "0", "9", "9" },
	};
	struct migration_store *store;
	unsigned int i;

	test_begin("migration store import: whose quota");
	store = test_store_open();
	test_store_adopt(store, USER, NOW);
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_store_exec(store, t_strconcat(
			"UPDATE migration_domain SET mailbox_quota = ",
			tests[i].domain, NULL));
		test_store_exec(store, t_strconcat(
			"UPDATE migration_account SET quota = ",
			tests[i].account, NULL));
		test_assert_strcmp_idx(test_store_value(store,
			"SELECT quota FROM migration_userdb"),
			tests[i].quota, i);
	}
	/* an account whose domain nobody knows */
	test_store_exec(store, "DELETE FROM migration_domain");
	test_store_exec(store, "UPDATE migration_account SET quota = -1");
	test_assert_strcmp(test_store_value(store,
		"SELECT username FROM migration_userdb"), USER);
	test_assert(test_store_value(store,
		"SELECT quota FROM migration_userdb") == NULL);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_import_many(void)
{
	struct migration_store *store;
	ARRAY_TYPE(test_rows) rows;
	const char *name;
	unsigned int i;

	test_begin("migration store import: many rows");
	store = test_store_open();
	t_array_init(&rows, MANY + 1);
	test_assert(test_import(store, &rows) == 1);
	test_add(&rows, "domain;old.example;0;0;1", NULL);
	for (i = 0; i < MANY; i++) {
		name = t_strdup_printf("u%u@old.example", i);
		test_add(&rows, t_strdup_printf(
			"account;%s;p;;;1;SimpleUsers;%s", name, name), "{X}p");
	}
	test_assert(test_import(store, &rows) == 1);
	test_assert_strcmp(test_store_value(store,
		"SELECT COUNT(*) FROM migration_account"), "450");
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

/* Somebody else was faster: nothing is written at all. */
static void test_migration_store_import_nothing(void)
{
	static const char *const tables[] = {
		"migration_domain", "migration_domain_alias",
		"migration_relay_domain", "migration_alias", "migration_job",
	};
	struct migration_store *store;
	ARRAY_TYPE(test_rows) rows;
	unsigned int i;

	test_begin("migration store import: all or nothing");
	store = test_store_open();
	test_store_exec(store, "INSERT INTO migration_account (username, "
			"domain, password, created) VALUES ('b@old.example', "
			"'old.example', '', 1)");
	test_all_types(&rows);
	test_assert(test_import(store, &rows) == -1);
	test_assert(test_store_error_has("UNIQUE constraint failed"));
	test_assert(!test_store_error_has("{X}"));
	for (i = 0; i < N_ELEMENTS(tables); i++) {
		test_assert_strcmp_idx(test_store_value(store,
			t_strconcat("SELECT COUNT(*) FROM ", tables[i],
				    NULL)), "0", i);
	}
	test_assert_strcmp(test_store_value(store,
		"SELECT COUNT(*) FROM migration_account"), "1");
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void
test_add_migration(ARRAY_TYPE(test_rows) *rows, const char *name,
		   bool new_account, bool new_domain)
{
	struct migration_import_row row;
	const struct migration_import_row *copy;

	i_zero(&row);
	row.type = MIGRATION_IMPORT_MIGRATION;
	row.name = name;
	row.provider = "oldhost";
	row.remote_user = t_strconcat("remote-", name, NULL);
	row.credential = "Ym94";
	row.job_login = "wait";
	row.new_account = new_account;
	row.new_domain = new_domain;
	copy = migration_import_row_dup(test_store_pool, &row);
	array_push_back(rows, &copy);
}

static void test_migration_store_import_migrations(void)
{
	struct migration_store *store;
	struct migration_record record;
	ARRAY_TYPE(test_rows) rows;

	test_begin("migration store import: migrations");
	store = test_store_open();
	test_store_exec(store, "INSERT INTO migration_account (username, "
			"domain, password, created) VALUES ('b@here.example', "
			"'here.example', '{X}own', 1)");
	/* left behind by an account that was deleted by hand */
	test_store_adopt(store, USER, NOW - 100);
	test_store_exec(store, "DELETE FROM migration_account WHERE "
			"username = '"USER"'");
	test_store_exec(store, "DELETE FROM migration_domain");

	t_array_init(&rows, 2);
	test_add_migration(&rows, USER, TRUE, TRUE);
	test_add_migration(&rows, "b@here.example", FALSE, FALSE);
	test_assert(test_import(store, &rows) == 1);

	record = test_store_record(store, USER);
	test_assert_strcmp(record.provider, "oldhost");
	test_assert_strcmp(record.remote_user, "remote-"USER);
	/* the first login will have it */
	test_assert(migration_record_awaits_login(&record));
	test_assert_strcmp(record.credential, "Ym94");
	test_assert_strcmp(record.login, "wait");
	test_assert(record.phase == MIGRATION_PHASE_INITIAL);
	test_assert(record.control == MIGRATION_CONTROL_ACTIVE);
	test_assert(record.created == NOW && record.next_sync == NOW);
	test_assert(record.last_login == 0);
	test_assert_strcmp(test_store_value(store,
		"SELECT name || ' ' || enabled FROM migration_domain"),
		"old.example 1");

	/* an account of its own keeps its password, which is no provider's */
	record = test_store_record(store, "b@here.example");
	test_assert_strcmp(record.account_password, "{X}own");
	test_assert_strcmp(record.adopted_password, "");
	/* a second time it is somebody else's */
	test_assert(test_import(store, &rows) == -1);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void
test_add_renewal(ARRAY_TYPE(test_rows) *rows, const char *name)
{
	struct migration_import_row row;
	const struct migration_import_row *copy;

	i_zero(&row);
	row.type = MIGRATION_IMPORT_MIGRATION;
	row.name = name;
	row.provider = "oldhost";
	row.credential = "bmV3";
	row.renew = TRUE;
	copy = migration_import_row_dup(test_store_pool, &row);
	array_push_back(rows, &copy);
}

/* Only what waits for another password goes on, and what has ended stays. */
static void test_migration_store_import_renewals(void)
{
	static const struct {
		const char *name, *set;
		enum migration_control control;
		const char *credential;
	} tests[] = {
		{ "refused@old.example", "control = 'blocked', "
		  "reason = 'password', attempts = 3, error = 'no'",
		  MIGRATION_CONTROL_ACTIVE, "bmV3" },
		{ "quota@old.example", "control = 'blocked', reason = 'local'",
		  MIGRATION_CONTROL_BLOCKED, "bmV3" },
		{ "paused@old.example", "control = 'paused'",
		  MIGRATION_CONTROL_PAUSED, "bmV3" },
		{ "ended@old.example", "phase = 'finished', credential = ''",
		  MIGRATION_CONTROL_ACTIVE, "" },
		{ "other@old.example", "provider = 'other'",
		  MIGRATION_CONTROL_ACTIVE, "Ym94" },
	};
	struct migration_store *store;
	struct migration_record record;
	ARRAY_TYPE(test_rows) rows;
	unsigned int i;

	test_begin("migration store import: renewals");
	store = test_store_open();
	t_array_init(&rows, N_ELEMENTS(tests));
	for (i = 0; i < N_ELEMENTS(tests); i++)
		test_add_migration(&rows, tests[i].name, TRUE, i == 0);
	test_assert(test_import(store, &rows) == 1);
	array_clear(&rows);
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_store_exec(store, t_strdup_printf(
			"UPDATE migration_job SET %s WHERE username = '%s'",
			tests[i].set, tests[i].name));
		test_add_renewal(&rows, tests[i].name);
	}
	test_assert(test_import(store, &rows) == 1);
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		record = test_store_record(store, tests[i].name);
		test_assert_idx(record.control == tests[i].control, i);
		test_assert_strcmp_idx(record.credential, tests[i].credential,
				       i);
		if (i == 0) {
			test_assert(record.reason == MIGRATION_REASON_NONE &&
				    record.attempts == 0);
			test_assert_strcmp(record.error, "");
		}
	}
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void
test_name_listed(int ret, enum migration_import_type type, const char *name,
		 const char *recipient, const char *error, void *context)
{
	string_t *str = context;

	test_assert(ret >= 0 && error == NULL);
	if (ret == 0)
		str_append(str, "end");
	else
		str_printfa(str, "%s %s %s\n",
			    migration_import_type_to_string(type), name,
			    recipient);
}

static void test_name_failed(int ret, enum migration_import_type type ATTR_UNUSED,
			     const char *name, const char *recipient ATTR_UNUSED,
			     const char *error, void *context)
{
	unsigned int *calls = context;

	test_assert(ret == -1 && name == NULL && error != NULL);
	(*calls)++;
}

static void test_migration_store_list_names(void)
{
	struct migration_store *store;
	ARRAY_TYPE(test_rows) rows;
	/* the callback has a data stack frame of its own */
	string_t *str = str_new(default_pool, 256);
	unsigned int calls = 0;

	test_begin("migration store import: names");
	store = test_store_open();
	migration_store_list_names(store, test_name_listed, str);
	test_assert_strcmp(str_c(str), "end");
	str_truncate(str, 0);

	test_all_types(&rows);
	test_add_migration(&rows, "c@old.example", TRUE, FALSE);
	test_assert(test_import(store, &rows) == 1);
	/* counts as gone */
	test_store_adopt(store, "gone@old.example", NOW);
	test_store_exec(store, "DELETE FROM migration_account WHERE "
			"username = 'gone@old.example'");
	migration_store_list_names(store, test_name_listed, str);
	test_assert_strcmp(str_c(str),
		"domain old.example \n"
		"domainalias also.example \n"
		"relaydomain r.example \n"
		"account "USER" \n"
		"account b@old.example \n"
		"account c@old.example \n"
		"alias info@old.example "USER"\n"
		"alias info@old.example c@else.example\n"
		"alias @old.example "USER"\n"
		"migration c@old.example \n"
		"end");
	test_store_exec(store, "DROP TABLE migration_alias");
	migration_store_list_names(store, test_name_failed, &calls);
	test_assert(calls == 1);
	migration_store_deinit(&store);
	test_tmp_remove();
	str_free(&str);
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_store_import_types,
		test_migration_store_import_quota,
		test_migration_store_import_many,
		test_migration_store_import_nothing,
		test_migration_store_import_migrations,
		test_migration_store_import_renewals,
		test_migration_store_list_names,
		NULL
	};
	return test_store_run(test_functions);
}

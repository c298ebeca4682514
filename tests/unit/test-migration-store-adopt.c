/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* A first login, a further one, and what is found in between. */

#include "lib.h"
#include "migration-state.h"
#include "test-common.h"
#include "migration-test-common.h"
#include "migration-test-store.h"

#define USER "user@old.example"

static void
test_assert_adopted(const struct migration_record *record,
		    const struct migration_adoption *adoption)
{
	test_assert_strcmp(record->username, adoption->username);
	test_assert_strcmp(record->provider, adoption->provider);
	test_assert_strcmp(record->remote_user, adoption->remote_user);
	test_assert_strcmp(record->mechanism, adoption->mechanism);
	test_assert_strcmp(record->account_password, adoption->password);
	test_assert_strcmp(record->adopted_password, adoption->password);
	test_assert_strcmp(record->credential, adoption->credential);
	test_assert_strcmp(record->login, adoption->login);
}

static void test_migration_store_adopt_new(void)
{
	struct migration_store *store;
	struct migration_adoption adoption;
	struct migration_record record;

	test_begin("migration store adopt: new account");
	store = test_store_open();
	test_store_adoption(&adoption, USER);
	test_assert(test_store_try_adopt(store, &adoption, NOW) == 1);
	test_assert(test_store_lookup(store, USER, &record) ==
		    MIGRATION_STORE_RECORD);
	test_assert_adopted(&record, &adoption);
	test_assert(record.phase == MIGRATION_PHASE_INITIAL);
	test_assert(record.control == MIGRATION_CONTROL_ACTIVE);
	test_assert(record.reason == MIGRATION_REASON_NONE);
	test_assert(record.attempts == 0);
	test_assert_strcmp(record.error, "");
	test_assert(record.created == NOW);
	test_assert(record.last_login == NOW);
	test_assert(record.last_sync == 0);
	test_assert(record.next_sync == NOW);
	test_assert(record.messages_done == 0 && record.messages_total == 0 &&
		    record.bytes_done == 0);
	test_assert_strcmp(record.lease_owner, "");
	test_assert(record.lease_until == 0);
	test_assert(migration_state_is_due(&record, NOW, FALSE));

	test_assert_strcmp(test_store_value(store,
		"SELECT name || ' ' || created FROM migration_domain"),
		"old.example 1700000000");
	test_assert_strcmp(test_store_value(store,
		"SELECT username || ' ' || domain || ' ' || enabled || ' ' || "
		"created FROM migration_account"),
		USER" old.example 1 1700000000");

	/* the domain is there already */
	test_store_adopt(store, "second@old.example", NOW + 1);
	test_assert_strcmp(test_store_value(store,
		"SELECT COUNT(*) || ' ' || MAX(created) "
		"FROM migration_domain"), "1 1700000000");
	test_assert_strcmp(test_store_value(store,
		"SELECT COUNT(*) FROM migration_account"), "2");
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_adopt_in_advance(void)
{
	struct migration_store *store;
	struct migration_adoption adoption;
	struct migration_record record;

	test_begin("migration store adopt: before the first login");
	store = test_store_open();
	test_store_adoption(&adoption, USER);
	adoption.password = adoption.mechanism = "";
	adoption.in_advance = TRUE;
	test_assert(test_store_try_adopt(store, &adoption, NOW) == 1);
	record = test_store_record(store, USER);
	test_assert_adopted(&record, &adoption);
	test_assert(migration_record_awaits_login(&record));
	test_assert(record.created == NOW && record.last_login == 0);
	test_assert(migration_state_is_due(&record, NOW, FALSE));
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

/* What is in a value is never SQL. */
static void test_migration_store_adopt_odd(void)
{
	const struct migration_adoption adoption = {
		.username = "o'brien\"; DROP TABLE migration_job; --@x",
		.domain = "?",
		.provider = "old ' host",
		.remote_user = "\\' OR 1=1 -- %s %n ?",
		.mechanism = "",
		.password = "{PLAIN}''\n\t\xc3\xa4\xff\x01",
		.credential = "?,?,?",
		.login = "'",
	};
	struct migration_store *store;
	struct migration_record record;

	test_begin("migration store adopt: odd values");
	store = test_store_open();
	test_assert(test_store_try_adopt(store, &adoption, NOW) == 1);
	test_assert(test_store_lookup(store, adoption.username, &record) ==
		    MIGRATION_STORE_RECORD);
	test_assert_adopted(&record, &adoption);
	test_assert(test_store_lookup(store, "' OR '1'='1", &record) ==
		    MIGRATION_STORE_NOTHING);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_adopt_twice(void)
{
	struct migration_store *store;
	struct migration_adoption adoption, again;
	struct migration_record record;

	test_begin("migration store adopt: twice");
	store = test_store_open();
	test_store_adoption(&adoption, USER);
	test_assert(test_store_try_adopt(store, &adoption, NOW) == 1);
	test_store_adoption(&again, USER);
	again.domain = "second.example";
	again.password = "{PLAIN}second";
	again.credential = "c2Vjb25k";
	test_assert(test_store_try_adopt(store, &again, NOW + 5) == 0);
	/* nothing of the second one stays */
	test_assert_strcmp(test_store_value(store,
		"SELECT COUNT(*) FROM migration_domain"), "1");
	test_assert_strcmp(test_store_value(store,
		"SELECT COUNT(*) FROM migration_account"), "1");
	test_assert_strcmp(test_store_value(store,
		"SELECT COUNT(*) FROM migration_job"), "1");
	record = test_store_record(store, USER);
	test_assert_adopted(&record, &adoption);
	test_assert(record.created == NOW);
	/* and the connection goes on */
	test_store_adopt(store, "other@old.example", NOW);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

struct test_in_callback {
	struct migration_store *store;
	unsigned int calls;
};

static void
test_adopt_failed(int ret, const char *error, void *context)
{
	struct test_in_callback *test = context;
	struct migration_record record;

	test->calls++;
	test_assert(ret == -1 && error != NULL);
	test_assert_strcmp(test_store_value(test->store,
		"SELECT COUNT(*) FROM migration_domain"), "1");
	test_assert(test_store_lookup(test->store, USER, &record) ==
		    MIGRATION_STORE_RECORD);
	test_store_exec(test->store, "DROP TRIGGER no");
	test_store_adopt(test->store, "other@third.example", NOW);
	/* still what it was */
	test_assert(error != NULL && strstr(error, "disk is full") != NULL);
}

/* Who is told of a failure may read and write at once. */
static void test_migration_store_adopt_callback(void)
{
	struct test_in_callback test = { .calls = 0 };
	struct migration_adoption adoption;
	struct migration_record record;

	test_begin("migration store adopt: from within a callback");
	test.store = test_store_open();
	test_store_adoption(&adoption, USER);
	test_assert(test_store_try_adopt(test.store, &adoption, NOW) == 1);
	test_store_exec(test.store,
		"CREATE TRIGGER no BEFORE INSERT ON migration_job "
		"BEGIN SELECT RAISE(ABORT, 'disk is full'); END");
	test_store_adoption(&adoption, "second@second.example");
	migration_store_adopt(test.store, &adoption, NOW, test_adopt_failed,
			      &test);
	test_assert(test.calls == 1);
	test_assert(test_store_lookup(test.store, "other@third.example",
				      &record) == MIGRATION_STORE_RECORD);
	migration_store_deinit(&test.store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_adopt_half(void)
{
	static const char *const tables[] = {
		"migration_domain", "migration_account", "migration_job"
	};
	struct migration_store *store;
	struct migration_adoption adoption;
	struct migration_record record;
	unsigned int i, j;

	test_begin("migration store adopt: never half");
	store = test_store_open();
	test_store_adoption(&adoption, USER);
	/* each of the statements fails */
	for (i = 0; i < N_ELEMENTS(tables); i++) {
		test_store_exec(store, t_strdup_printf(
			"CREATE TRIGGER no BEFORE INSERT ON %s "
			"BEGIN SELECT RAISE(ABORT, 'disk is full'); END",
			tables[i]));
		test_assert_idx(test_store_try_adopt(store, &adoption,
						     NOW) == -1, i);
		test_assert_strcmp_idx(test_store_error, "disk is full", i);
		for (j = 0; j < N_ELEMENTS(tables); j++) {
			test_assert_strcmp_idx(test_store_value(store,
				t_strdup_printf("SELECT COUNT(*) FROM %s",
						tables[j])), "0", i);
		}
		test_assert_idx(test_store_lookup(store, USER, &record) ==
				MIGRATION_STORE_NOTHING, i);
		test_store_exec(store, "DROP TRIGGER no");
	}
	test_assert(test_store_try_adopt(store, &adoption, NOW) == 1);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_adopt_left_behind(void)
{
	struct migration_store *store;
	struct migration_adoption adoption;
	struct migration_record record;

	test_begin("migration store adopt: record without an account");
	store = test_store_open();
	test_store_adopt(store, USER, NOW - 1000);
	test_store_exec(store, "UPDATE migration_job SET phase = 'finished', "
			"attempts = 5, messages_done = 100");
	test_store_exec(store, "DELETE FROM migration_account");
	test_assert(test_store_lookup(store, USER, &record) ==
		    MIGRATION_STORE_NOTHING);
	test_store_adoption(&adoption, USER);
	adoption.password = "{PLAIN}new";
	test_assert(test_store_try_adopt(store, &adoption, NOW) == 1);
	record = test_store_record(store, USER);
	test_assert_adopted(&record, &adoption);
	test_assert(record.phase == MIGRATION_PHASE_INITIAL);
	test_assert(record.created == NOW && record.attempts == 0 &&
		    record.messages_done == 0);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_lookup_found(void)
{
	struct migration_store *store;
	struct migration_record record;

	test_begin("migration store lookup: what is there");
	store = test_store_open();
	test_store_adopt(store, USER, NOW);
	test_assert(test_store_lookup(store, "nobody@old.example", &record) ==
		    MIGRATION_STORE_NOTHING);
	test_assert(test_store_lookup(store, "", &record) ==
		    MIGRATION_STORE_NOTHING);
	test_assert(test_store_lookup(store, USER, &record) ==
		    MIGRATION_STORE_RECORD);

	test_store_exec(store, "DELETE FROM migration_job");
	test_assert(test_store_lookup(store, USER, &record) ==
		    MIGRATION_STORE_ACCOUNT);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_lookup_all_columns(void)
{
	struct migration_store *store;
	struct migration_record record;

	test_begin("migration store lookup: all columns");
	store = test_store_open();
	test_store_adopt(store, USER, NOW);
	test_store_exec(store, "UPDATE migration_job SET provider = 'c1', "
		"remote_user = 'c2', mechanism = 'c3', phase = 'following', "
		"control = 'blocked', reason = 'account', "
		"adopted_password = 'c4', credential = 'c5', login = 'c6', "
		"attempts = 7, error = 'c8', created = 9, last_login = 10, "
		"last_sync = 11, next_sync = 12, messages_done = 13, "
		"messages_total = 14, bytes_done = 18446744073709551, "
		"lease_owner = 'c16', lease_until = 17");
	test_store_exec(store, "UPDATE migration_account SET "
			"password = 'c18'");
	record = test_store_record(store, USER);
	test_assert_strcmp(record.username, USER);
	test_assert_strcmp(record.provider, "c1");
	test_assert_strcmp(record.remote_user, "c2");
	test_assert_strcmp(record.mechanism, "c3");
	test_assert(record.phase == MIGRATION_PHASE_FOLLOWING);
	test_assert(record.control == MIGRATION_CONTROL_BLOCKED);
	test_assert(record.reason == MIGRATION_REASON_ACCOUNT);
	test_assert_strcmp(record.account_password, "c18");
	test_assert_strcmp(record.adopted_password, "c4");
	test_assert_strcmp(record.credential, "c5");
	test_assert_strcmp(record.login, "c6");
	test_assert(record.attempts == 7);
	test_assert_strcmp(record.error, "c8");
	test_assert(record.created == 9);
	test_assert(record.last_login == 10);
	test_assert(record.last_sync == 11);
	test_assert(record.next_sync == 12);
	test_assert(record.messages_done == 13);
	test_assert(record.messages_total == 14);
	test_assert(record.bytes_done == 18446744073709551);
	test_assert_strcmp(record.lease_owner, "c16");
	test_assert(record.lease_until == 17);
	test_assert(!record.account_disabled);
	test_store_exec(store, "UPDATE migration_account SET enabled = 0");
	record = test_store_record(store, USER);
	test_assert(record.account_disabled);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_lookup_unreadable(void)
{
	static const struct {
		const char *set, *error;
	} tests[] = {
		{ "phase = 'later'", "migration_job "USER": "
		  "unknown phase, control or reason" },
		{ "control = ''", "migration_job "USER": "
		  "unknown phase, control or reason" },
		{ "reason = 'none'", "migration_job "USER": "
		  "unknown phase, control or reason" },
		{ "attempts = -1", "migration_job "USER": "
		  "column 11 is not a number" },
		{ "next_sync = 'soon'", "migration_job "USER": "
		  "column 16 is not a number" },
		{ "bytes_done = 1.5", "migration_job "USER": "
		  "column 19 is not a number" },
	};
	struct migration_store *store;
	struct migration_record record;
	unsigned int i;

	test_begin("migration store lookup: unreadable rows");
	store = test_store_open();
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_store_adopt(store, USER, NOW);
		test_store_exec(store, t_strconcat(
			"UPDATE migration_job SET ", tests[i].set, NULL));
		test_assert_idx(test_store_lookup(store, USER, &record) ==
				MIGRATION_STORE_ERROR, i);
		test_assert_strcmp_idx(test_store_error, tests[i].error, i);
		test_store_exec(store, "DELETE FROM migration_account");
	}
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

/* A record that waits for the password, and the login that brings it. */
static void
test_renew_init(struct migration_store *store,
		struct migration_record *record_r,
		struct migration_adoption *adoption_r)
{
	test_store_adopt(store, USER, NOW - 100);
	test_store_exec(store, "UPDATE migration_job SET control = 'blocked', "
			"reason = 'password', attempts = 3, error = 'old', "
			"messages_done = 5");
	*record_r = test_store_record(store, USER);
	test_store_adoption(adoption_r, USER);
	adoption_r->provider = "newhost";
	adoption_r->remote_user = "new-name";
	adoption_r->mechanism = "LOGIN";
	adoption_r->password = "{PLAIN}new";
	adoption_r->credential = "bmV3";
	adoption_r->login = "local";
}

static int
test_renew(struct migration_store *store,
	   const struct migration_record *looked_up,
	   const struct migration_adoption *adoption)
{
	struct migration_record record = *looked_up;
	int ret;

	migration_state_renewed(&record, NOW);
	record.login = adoption->login;
	TEST_STORE(&ret, migration_store_renew, store, looked_up, &record,
		   adoption);
	return ret;
}

static void test_migration_store_renew_record(void)
{
	struct migration_store *store;
	struct migration_adoption adoption;
	struct migration_record record;

	test_begin("migration store renew: record and account");
	store = test_store_open();
	test_renew_init(store, &record, &adoption);
	test_store_adopt(store, "other@old.example", NOW);
	test_assert(test_renew(store, &record, &adoption) == 1);
	record = test_store_record(store, USER);
	test_assert_adopted(&record, &adoption);
	test_assert(record.phase == MIGRATION_PHASE_INITIAL);
	test_assert(record.control == MIGRATION_CONTROL_ACTIVE);
	test_assert(record.reason == MIGRATION_REASON_NONE);
	test_assert(record.attempts == 0);
	test_assert_strcmp(record.error, "");
	test_assert(record.last_login == NOW && record.next_sync == NOW);
	/* untouched */
	test_assert(record.created == NOW - 100);
	test_assert(record.messages_done == 5);
	/* nobody else is */
	test_store_adoption(&adoption, "other@old.example");
	record = test_store_record(store, "other@old.example");
	test_assert_adopted(&record, &adoption);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

/* Somebody else was faster: 0, and nothing at all is written. */
static void test_migration_store_renew_changed(void)
{
	static const struct {
		const char *sql;
		const char *account_password, *credential;
	} tests[] = {
		/* another password was set here */
		{ "UPDATE migration_account SET password = '{PLAIN}mine'",
		  "{PLAIN}mine", "Ym94" },
		/* another login renewed it */
		{ "UPDATE migration_job SET adopted_password = '{PLAIN}x', "
		  "credential = 'eA'", "{SHA512-CRYPT}$6$hash", "eA" },
		/* the sync has ended */
		{ "UPDATE migration_job SET phase = 'following'",
		  "{SHA512-CRYPT}$6$hash", "Ym94" },
		{ "UPDATE migration_job SET phase = 'finished', "
		  "credential = ''", "{SHA512-CRYPT}$6$hash", "" },
		/* an administrator has retried it, or it waits for somebody
		   else now */
		{ "UPDATE migration_job SET reason = 'provider'",
		  "{SHA512-CRYPT}$6$hash", "Ym94" },
	};
	struct migration_store *store;
	struct migration_adoption adoption;
	struct migration_record record;
	unsigned int i;

	test_begin("migration store renew: changed since");
	store = test_store_open();
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_renew_init(store, &record, &adoption);
		test_store_exec(store, tests[i].sql);
		test_assert_idx(test_renew(store, &record, &adoption) == 0, i);
		record = test_store_record(store, USER);
		test_assert_strcmp_idx(record.account_password,
				       tests[i].account_password, i);
		test_assert_strcmp_idx(record.credential, tests[i].credential,
				       i);
		test_assert_strcmp_idx(record.provider, "oldhost", i);
		test_assert_idx(record.control == MIGRATION_CONTROL_BLOCKED,
				i);
		test_store_exec(store, "DELETE FROM migration_account");
	}
	/* paused is paused */
	test_renew_init(store, &record, &adoption);
	test_store_exec(store, "UPDATE migration_job SET control = 'paused', "
			"reason = ''");
	test_assert(test_renew(store, &record, &adoption) == 0);
	record = test_store_record(store, USER);
	test_assert(record.control == MIGRATION_CONTROL_PAUSED);
	/* and is renewed all the same when it is looked at again */
	test_assert(test_renew(store, &record, &adoption) == 1);
	record = test_store_record(store, USER);
	test_assert(record.control == MIGRATION_CONTROL_PAUSED);
	test_assert_strcmp(record.credential, "bmV3");
	test_store_exec(store, "DELETE FROM migration_account");
	/* no account, and then no record either */
	test_store_exec(store, "DELETE FROM migration_job");
	test_renew_init(store, &record, &adoption);
	test_store_exec(store, "DELETE FROM migration_account");
	test_assert(test_renew(store, &record, &adoption) == 0);
	test_assert_strcmp(test_store_value(store,
		"SELECT credential FROM migration_job"), "Ym94");
	test_store_exec(store, "DELETE FROM migration_job");
	test_assert(test_renew(store, &record, &adoption) == 0);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_renew_error(void)
{
	struct migration_store *store;
	struct migration_adoption adoption;
	struct migration_record record;

	test_begin("migration store renew: never half");
	store = test_store_open();
	test_renew_init(store, &record, &adoption);
	test_store_exec(store, "CREATE TRIGGER no BEFORE UPDATE ON "
			"migration_account BEGIN "
			"SELECT RAISE(ABORT, 'disk is full'); END");
	test_assert(test_renew(store, &record, &adoption) == -1);
	test_assert_strcmp(test_store_error, "disk is full");
	record = test_store_record(store, USER);
	test_store_adoption(&adoption, USER);
	test_assert_adopted(&record, &adoption);
	test_assert(record.control == MIGRATION_CONTROL_BLOCKED);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

/* What Dovecot's own sql passdb and userdb see. */
static void test_migration_store_views(void)
{
	static const struct {
		const char *job;
		const char *hold, *defer;
	} tests[] = {
		{ "login = 'proxy', phase = 'initial'", "1", "1" },
		{ "login = 'wait', phase = 'initial'", "1", "1" },
		{ "login = 'local', phase = 'initial'", "0", "0" },
		{ "login = 'proxy', phase = 'following'", "0", "0" },
		{ "login = 'wait', phase = 'following'", "0", "0" },
		{ "login = 'wait', phase = 'finished'", "0", "0" },
		/* nothing comes for a while: mail must not wait for it */
		{ "login = 'wait', phase = 'initial', control = 'paused'",
		  "1", "0" },
		{ "login = 'proxy', phase = 'initial', control = 'blocked', "
		  "reason = 'provider'", "1", "0" },
		{ "login = 'proxy', phase = 'initial', attempts = 11",
		  "1", "1" },
		{ "login = 'proxy', phase = 'initial', attempts = 12",
		  "1", "0" },
		/* a login must get to passdb migration to repair it */
		{ "login = 'local', phase = 'initial', control = 'blocked', "
		  "reason = 'local'", "1", "0" },
		{ "login = 'local', phase = 'following', control = 'blocked', "
		  "reason = 'local'", "1", "0" },
		{ "login = 'local', phase = 'following', control = 'blocked', "
		  "reason = 'password'", "1", "0" },
		{ "login = 'local', phase = 'finished', control = 'blocked', "
		  "reason = 'local'", "0", "0" },
		{ "login = 'local', phase = 'finished', control = 'blocked', "
		  "reason = 'password'", "0", "0" },
		{ "login = 'local', phase = 'following', control = 'blocked', "
		  "reason = 'provider'", "0", "0" },
	};
	struct migration_store *store;
	unsigned int i;

	test_begin("migration store: views");
	store = test_store_open();
	test_store_adopt(store, USER, NOW);
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_store_exec(store, t_strdup_printf(
			"UPDATE migration_job SET control = 'active', "
			"reason = '', attempts = 0"));
		test_store_exec(store, t_strconcat(
			"UPDATE migration_job SET ", tests[i].job, NULL));
		test_assert_strcmp_idx(test_store_value(store,
			"SELECT username || ' ' || password || ' ' || hold "
			"FROM migration_passdb"), t_strdup_printf(
			USER" {SHA512-CRYPT}$6$hash %s", tests[i].hold), i);
		test_assert_strcmp_idx(test_store_value(store,
			"SELECT defer_delivery FROM migration_userdb"),
			tests[i].defer, i);
	}
	/* without a migration */
	test_store_exec(store, "DELETE FROM migration_job");
	test_assert_strcmp(test_store_value(store,
		"SELECT hold FROM migration_passdb"), "0");
	test_assert_strcmp(test_store_value(store,
		"SELECT username || ' ' || domain || ' ' || defer_delivery "
		"FROM migration_userdb"), USER" old.example 0");
	/* disabled */
	test_store_exec(store, "UPDATE migration_account SET enabled = 0");
	test_assert(test_store_value(store,
		"SELECT username FROM migration_passdb") == NULL);
	test_assert(test_store_value(store,
		"SELECT username FROM migration_userdb") == NULL);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_store_adopt_new,
		test_migration_store_adopt_in_advance,
		test_migration_store_adopt_odd,
		test_migration_store_adopt_twice,
		test_migration_store_adopt_callback,
		test_migration_store_adopt_half,
		test_migration_store_adopt_left_behind,
		test_migration_store_lookup_found,
		test_migration_store_lookup_all_columns,
		test_migration_store_lookup_unreadable,
		test_migration_store_renew_record,
		test_migration_store_renew_changed,
		test_migration_store_renew_error,
		test_migration_store_views,
		NULL
	};
	return test_store_run(test_functions);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* Who is next and when, and the list of all. */

#include "lib.h"
#include "str.h"
#include "migration-state.h"
#include "test-common.h"
#include "migration-test-common.h"
#include "migration-test-store.h"

#define USER "user@old.example"
#define BATCH 500

struct test_list {
	struct migration_store *store;
	/* joined with a blank; only the first few */
	string_t *names;
	unsigned int records, ends;
	int end_ret;
	/* records come in order of the user name */
	const char *last;
	bool check_order;
};

static void
test_list_record(int ret, const struct migration_record *record,
		 const char *error, void *context)
{
	struct test_list *list = context;

	test_assert(list->ends == 0);
	test_assert((ret == 1) == (record != NULL));
	test_assert((ret < 0) == (error != NULL));
	if (record == NULL) {
		list->ends++;
		list->end_ret = ret;
		test_store_error = p_strdup(test_store_pool, error);
		return;
	}
	list->records++;
	if (list->check_order) {
		test_assert(list->last == NULL ||
			    strcmp(list->last, record->username) < 0);
		list->last = p_strdup(test_store_pool, record->username);
	}
	if (list->records > 20)
		return;
	if (str_len(list->names) > 0)
		str_append_c(list->names, ' ');
	str_append(list->names, t_strcut(record->username, '@'));
}

static void test_list_init(struct test_list *list)
{
	i_zero(list);
	list->names = str_new(test_store_pool, 128);
}

static const char *
test_due(struct migration_store *store, const char *provider, time_t now,
	 unsigned int limit)
{
	struct test_list list;

	test_list_init(&list);
	migration_store_due(store, provider, now, limit, test_list_record,
			    &list);
	test_assert(list.ends == 1 && list.end_ret == 0);
	return str_c(list.names);
}

static void test_migration_store_due_order(void)
{
	struct migration_store *store;

	test_begin("migration store due: order and limit");
	store = test_store_open();
	test_assert_strcmp(test_due(store, "oldhost", NOW, 10), "");
	test_store_job_add(store, "early", "last_login = 100, next_sync = 50");
	test_store_job_add(store, "late", "last_login = 300, next_sync = 90");
	test_store_job_add(store, "middle", "last_login = 200, next_sync = 10");
	/* who waits longer, if they logged in at the same time */
	test_store_job_add(store, "late2", "last_login = 300, next_sync = 20");
	test_assert_strcmp(test_due(store, "oldhost", NOW, 10),
			   "late2 late middle early");
	test_assert_strcmp(test_due(store, "oldhost", NOW, 4),
			   "late2 late middle early");
	test_assert_strcmp(test_due(store, "oldhost", NOW, 3),
			   "late2 late middle");
	test_assert_strcmp(test_due(store, "oldhost", NOW, 1), "late2");
	test_assert_strcmp(test_due(store, "oldhost", NOW, 0), "");
	test_assert_strcmp(test_due(store, "oldhost", 50, 10),
			   "late2 middle early");
	/* not by the grace of the index */
	test_store_exec(store, "DROP INDEX migration_job_turn");
	test_assert_strcmp(test_due(store, "oldhost", NOW, 10),
			   "late2 late middle early");
	test_assert_strcmp(test_due(store, "other", NOW, 10), "");
	test_assert_strcmp(test_due(store, "", NOW, 10), "");
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

/* Who has nothing here comes before those who have nearly everything. */
static void test_migration_store_due_following(void)
{
	static const struct {
		unsigned int limit;
		const char *names;
	} tests[] = {
		{ 10, "new2 new1 old3 old1 old2" },
		{ 5, "new2 new1 old3 old1 old2" },
		{ 4, "new2 new1 old3 old1" },
		{ 3, "new2 new1 old3" },
		{ 2, "new2 new1" },
		{ 1, "new2" },
	};
	struct migration_store *store;
	unsigned int i;

	test_begin("migration store due: phase following");
	store = test_store_open();
	/* the most overdue; when they logged in does not matter */
	test_store_job_add(store, "old1", "phase = 'following', "
			   "next_sync = 20, last_login = 900");
	test_store_job_add(store, "old2", "phase = 'following', "
			   "next_sync = 30, last_login = 901");
	test_store_job_add(store, "old3", "phase = 'following', "
			   "next_sync = 10, last_login = 1");
	test_assert_strcmp(test_due(store, "oldhost", NOW, 10),
			   "old3 old1 old2");
	test_assert_strcmp(test_due(store, "oldhost", NOW, 2), "old3 old1");
	test_assert_strcmp(test_due(store, "oldhost", 15, 10), "old3");
	test_store_job_add(store, "new1", "next_sync = 90, last_login = 2");
	test_store_job_add(store, "new2", "next_sync = 95, last_login = 3");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_strcmp_idx(test_due(store, "oldhost", NOW,
						tests[i].limit),
				       tests[i].names, i);
	}
	/* a bad row is nobody's turn */
	test_store_job_set(store, "new1", "reason = 'nonsense'");
	test_expect_errors(1);
	test_assert_strcmp(test_due(store, "oldhost", NOW, 3), "new2 old3");
	test_expect_no_more_errors();
	/* not by the grace of the indexes, which find them without sorting */
	test_assert(strstr(test_store_value(store,
		"SELECT sql FROM sqlite_master "
		"WHERE name = 'migration_job_overdue'"),
		"(provider, phase, control, next_sync)") != NULL);
	test_store_exec(store, "DROP INDEX migration_job_overdue");
	test_store_exec(store, "DROP INDEX migration_job_turn");
	test_store_job_set(store, "new1", "reason = ''");
	test_assert_strcmp(test_due(store, "oldhost", NOW, 10),
			   "new2 new1 old3 old1 old2");
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

/* The query and the pure rule say the same. */
static void test_migration_store_due_rule(void)
{
	static const struct {
		const char *set;
		bool due;
	} tests[] = {
		{ "next_sync = 0", TRUE },
		{ "next_sync = 1700000000", TRUE },
		{ "next_sync = 1700000001", FALSE },
		{ "lease_until = 1700000000, lease_owner = 'x'", TRUE },
		{ "lease_until = 1700000001, lease_owner = 'x'", FALSE },
		{ "credential = ''", FALSE },
		{ "control = 'paused'", FALSE },
		{ "control = 'blocked', reason = 'password'", FALSE },
		{ "control = 'blocked', reason = 'local'", FALSE },
		{ "phase = 'following', next_sync = 0", TRUE },
		{ "phase = 'following', next_sync = 1700000000", TRUE },
		{ "phase = 'following', next_sync = 1700000001", FALSE },
		{ "phase = 'following', lease_until = 1700000001, "
		  "lease_owner = 'x'", FALSE },
		{ "phase = 'following', credential = ''", FALSE },
		{ "phase = 'following', control = 'paused'", FALSE },
		{ "phase = 'following', control = 'blocked'", FALSE },
		{ "phase = 'following', finish_wanted = 1", TRUE },
		{ "phase = 'finished'", FALSE },
		{ "attempts = 100", TRUE },
	};
	struct migration_store *store;
	struct migration_record record;
	unsigned int i;

	test_begin("migration store due: the rule");
	store = test_store_open();
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_store_job_add(store, "user", tests[i].set);
		record = test_store_record(store, USER);
		test_assert_idx(migration_state_is_due(&record, NOW, FALSE) ==
				tests[i].due, i);
		test_assert_strcmp_idx(test_due(store, "oldhost", NOW, 10),
				       tests[i].due ? "user" : "", i);
		test_store_exec(store, "DELETE FROM migration_account");
	}
	/* gone with its account */
	test_store_job_add(store, "user", "next_sync = 0");
	test_store_exec(store, "DELETE FROM migration_account");
	test_assert_strcmp(test_due(store, "oldhost", NOW, 10), "");
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_due_unreadable(void)
{
	struct migration_store *store;

	test_begin("migration store due: one bad row");
	store = test_store_open();
	test_store_job_add(store, "a", "last_login = 3");
	test_store_job_add(store, "b", "last_login = 2, reason = 'nonsense'");
	test_store_job_add(store, "c", "last_login = 1");
	test_expect_error_string("migration_job b@old.example: "
				 "unknown phase, control or reason");
	test_assert_strcmp(test_due(store, "oldhost", NOW, 10), "a c");
	test_expect_no_more_errors();
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void
test_due_lease(int ret, const struct migration_record *record,
	       const char *error, void *context)
{
	struct test_list *list = context;
	int lease_ret;

	if (record != NULL) {
		TEST_STORE(&lease_ret, migration_store_lease, list->store,
			   record, "node", NOW, NOW + 60);
		test_assert(lease_ret == 1);
	}
	test_list_record(ret, record, error, context);
}

static void test_migration_store_due_callback(void)
{
	struct test_list list;

	test_begin("migration store due: from within the callback");
	test_list_init(&list);
	list.store = test_store_open();
	test_store_job_add(list.store, "a", "last_login = 2");
	test_store_job_add(list.store, "b", "last_login = 1");
	migration_store_due(list.store, "oldhost", NOW, 10, test_due_lease,
			    &list);
	test_assert(list.ends == 1);
	test_assert_strcmp(str_c(list.names), "a b");
	test_assert_strcmp(test_due(list.store, "oldhost", NOW, 10), "");
	migration_store_deinit(&list.store);
	test_tmp_remove();
	test_end();
}

struct test_time {
	unsigned int calls;
	int ret;
	time_t next;
};

static void
test_time_answered(int ret, time_t next, const char *error, void *context)
{
	struct test_time *test = context;

	test->calls++;
	test->ret = ret;
	test->next = next;
	test_assert((ret < 0) == (error != NULL));
}

/* 0 = none */
static time_t test_next_due(struct migration_store *store, time_t now)
{
	struct test_time test;

	i_zero(&test);
	migration_store_next_due(store, now, test_time_answered, &test);
	test_assert(test.calls == 1);
	test_assert(test.ret == 0 || test.ret == 1);
	return test.ret == 0 ? 0 : test.next;
}

static void test_migration_store_next_due(void)
{
	static const struct {
		const char *set;
		time_t next;
	} tests[] = {
		/* due already: nothing to wait for */
		{ "next_sync = 0", 0 },
		{ "next_sync = 1700000000", 0 },
		{ "next_sync = 1700000001", NOW + 1 },
		{ "next_sync = 1700009999", NOW + 9999 },
		/* leases of the dead are found by looking from time to time */
		{ "next_sync = 0, lease_until = 1700000060", 0 },
		{ "next_sync = 1700000100, lease_until = 1700000060",
		  NOW + 100 },
		/* never by itself */
		{ "next_sync = 1700000001, credential = ''", 0 },
		{ "next_sync = 1700000001, control = 'paused'", 0 },
		{ "next_sync = 1700000001, control = 'blocked'", 0 },
		{ "next_sync = 1700000001, phase = 'following'", NOW + 1 },
		{ "next_sync = 1700000000, phase = 'following'", 0 },
		{ "next_sync = 1700000001, phase = 'following', "
		  "control = 'paused'", 0 },
		{ "next_sync = 1700000001, phase = 'finished'", 0 },
	};
	struct migration_store *store;
	unsigned int i;

	test_begin("migration store next due");
	store = test_store_open();
	test_assert(test_next_due(store, NOW) == 0);
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_store_job_add(store, "user", tests[i].set);
		test_assert_idx(test_next_due(store, NOW) == tests[i].next,
				i);
		/* when it has come, it is due */
		if (tests[i].next != 0) {
			test_assert_strcmp_idx(test_due(
				store, "oldhost", tests[i].next, 1), "user",
				i);
			test_assert_strcmp_idx(test_due(
				store, "oldhost", tests[i].next - 1, 1), "",
				i);
		}
		test_store_exec(store, "DELETE FROM migration_account");
	}
	/* the first of several; one that is due already does not count */
	test_store_exec(store, "DELETE FROM migration_job");
	test_store_job_add(store, "a", "next_sync = 1700000300");
	test_store_job_add(store, "b", "next_sync = 1700000200, provider = 'q'");
	test_store_job_add(store, "c", "next_sync = 5");
	test_assert(test_next_due(store, NOW) == NOW + 200);
	/* whichever phase it is in */
	test_store_job_set(store, "b", "phase = 'following'");
	test_assert(test_next_due(store, NOW) == NOW + 200);
	test_store_job_set(store, "a", "phase = 'following'");
	test_store_job_set(store, "b", "phase = 'initial'");
	test_assert(test_next_due(store, NOW) == NOW + 200);
	test_assert(test_next_due(store, NOW + 200) == NOW + 300);
	test_assert(test_next_due(store, NOW + 300) == 0);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

/* Makes records u00001, u00002, ...; every third is of provider "third". */
static void test_list_fill(struct migration_store *store, unsigned int count)
{
	test_store_exec(store, "DELETE FROM migration_job");
	test_store_exec(store, "DELETE FROM migration_account");
	test_store_exec(store, t_strdup_printf(
		"WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL "
		"SELECT i + 1 FROM n WHERE i < %u) "
		"INSERT INTO migration_job (username, provider, remote_user, "
		"mechanism, phase, control, adopted_password, credential, "
		"login, created) SELECT printf('u%%05d@old.example', i), "
		"CASE WHEN i %% 3 = 0 THEN 'third' ELSE 'oldhost' END, "
		"'r', 'PLAIN', 'initial', 'active', 'p', 'c', 'wait', i "
		"FROM n", count));
	test_store_exec(store,
		"INSERT INTO migration_account (username, domain, password, "
		"created) SELECT username, 'old.example', 'p', 1 "
		"FROM migration_job");
}

static unsigned int
test_list_count(struct migration_store *store, const char *provider)
{
	struct test_list list;

	test_list_init(&list);
	list.check_order = TRUE;
	migration_store_list(store, provider, test_list_record, &list);
	test_assert(list.ends == 1 && list.end_ret == 0);
	return list.records;
}

static void test_migration_store_list_paging(void)
{
	static const unsigned int counts[] = {
		1, BATCH, BATCH + 1, BATCH * 2 + 7
	};
	struct migration_store *store;
	unsigned int i;

	test_begin("migration store list: paging");
	store = test_store_open();
	test_assert(test_list_count(store, NULL) == 0);
	for (i = 0; i < N_ELEMENTS(counts); i++) T_BEGIN {
		test_list_fill(store, counts[i]);
		test_assert_idx(test_list_count(store, NULL) == counts[i], i);
		test_assert_idx(test_list_count(store, "third") ==
				counts[i] / 3, i);
		test_assert_idx(test_list_count(store, "oldhost") ==
				counts[i] - counts[i] / 3, i);
		test_assert_idx(test_list_count(store, "nobody") == 0, i);
		/* that is not all of them */
		test_assert_idx(test_list_count(store, "") == 0, i);
	} T_END;
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_list_unreadable(void)
{
	struct migration_store *store;

	test_begin("migration store list: bad rows do not end it");
	store = test_store_open();
	test_list_fill(store, BATCH * 2 + 1);
	/* in the middle of a batch, and at its end */
	test_store_exec(store, "UPDATE migration_job SET phase = 'later' "
			"WHERE username LIKE 'u00007@%' "
			"OR username LIKE 'u00500@%'");
	test_expect_errors(2);
	test_assert(test_list_count(store, NULL) == BATCH * 2 - 1);
	test_expect_no_more_errors();
	/* a whole batch of them */
	test_store_exec(store, "UPDATE migration_job SET phase = 'later' "
			"WHERE username < 'u00501'");
	test_expect_errors(BATCH);
	test_assert(test_list_count(store, NULL) == BATCH + 1);
	test_expect_no_more_errors();
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_list_record(void)
{
	struct test_list list;

	test_begin("migration store list: records");
	test_list_init(&list);
	list.store = test_store_open();
	test_store_job_add(list.store, "zoe", "phase = 'finished'");
	test_store_job_add(list.store, "anna", "control = 'paused'");
	/* in order of the bytes */
	test_store_job_add(list.store, "Anna", "control = 'blocked'");
	migration_store_list(list.store, NULL, test_list_record, &list);
	test_assert_strcmp(str_c(list.names), "Anna anna zoe");

	/* gone with its account */
	test_store_exec(list.store, "DELETE FROM migration_account "
			"WHERE username = 'anna@old.example'");
	str_truncate(list.names, 0);
	list.ends = 0;
	migration_store_list(list.store, NULL, test_list_record, &list);
	test_assert_strcmp(str_c(list.names), "Anna zoe");
	migration_store_deinit(&list.store);
	test_tmp_remove();
	test_end();
}

/* Each of them answers once and says why. */
static void test_migration_store_due_errors(void)
{
	struct migration_store *store;
	struct test_list list;
	struct test_time next;

	test_begin("migration store due: errors of all calls");
	store = test_store_open();
	test_store_exec(store, "ALTER TABLE migration_job RENAME TO gone");

	test_list_init(&list);
	migration_store_due(store, "oldhost", NOW, 10, test_list_record,
			    &list);
	test_assert(list.ends == 1 && list.end_ret == -1);
	test_assert(list.records == 0);
	test_list_init(&list);
	migration_store_list(store, NULL, test_list_record, &list);
	test_assert(list.ends == 1 && list.end_ret == -1);
	i_zero(&next);
	migration_store_next_due(store, NOW, test_time_answered, &next);
	test_assert(next.calls == 1 && next.ret == -1);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_store_due_order,
		test_migration_store_due_following,
		test_migration_store_due_rule,
		test_migration_store_due_unreadable,
		test_migration_store_due_callback,
		test_migration_store_next_due,
		test_migration_store_list_paging,
		test_migration_store_list_unreadable,
		test_migration_store_list_record,
		test_migration_store_due_errors,
		NULL
	};
	return test_store_run(test_functions);
}

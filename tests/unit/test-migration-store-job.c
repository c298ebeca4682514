/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* Who syncs what: leases, progress, ends of syncs. */

#include "lib.h"
#include "migration-state.h"
#include "test-common.h"
#include "migration-test-common.h"
#include "migration-test-store.h"

#define USER "user@old.example"

static int
test_lease(struct migration_store *store, const char *username,
	   const char *owner, time_t now, time_t until)
{
	struct migration_record record = test_store_record(store, username);
	int ret;

	TEST_STORE(&ret, migration_store_lease, store, &record, owner, now,
		   until);
	return ret;
}

static void test_migration_store_lease(void)
{
	struct migration_store *store;
	struct migration_record record;

	test_begin("migration store lease");
	store = test_store_open();
	test_store_adopt(store, USER, NOW);
	test_store_adopt(store, "other@old.example", NOW);
	test_assert(test_lease(store, USER, "one", NOW, NOW + 60) == 1);
	record = test_store_record(store, USER);
	test_assert_strcmp(record.lease_owner, "one");
	test_assert(record.lease_until == NOW + 60);
	record = test_store_record(store, "other@old.example");
	test_assert(record.lease_until == 0);
	/* only one may have it, whoever asks */
	test_assert(test_lease(store, USER, "two", NOW, NOW + 90) == 0);
	test_assert(test_lease(store, USER, "one", NOW, NOW + 90) == 0);
	test_assert(test_lease(store, USER, "two", NOW + 59, NOW + 90) == 0);
	record = test_store_record(store, USER);
	test_assert_strcmp(record.lease_owner, "one");
	test_assert(record.lease_until == NOW + 60);
	/* until it ends */
	test_assert(test_lease(store, USER, "two", NOW + 60, NOW + 90) == 1);
	record = test_store_record(store, USER);
	test_assert_strcmp(record.lease_owner, "two");
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_keep_lease(void)
{
	static const char *const kept_changes[] = {
		"UPDATE migration_job SET phase = 'finished'",
		"UPDATE migration_job SET control = 'paused', attempts = 7",
	};
	struct migration_store *store;
	struct migration_record before, record;
	unsigned int i;
	int ret;

	test_begin("migration store keep lease");
	store = test_store_open();
	test_store_adopt(store, USER, NOW);
	test_store_adopt(store, "other@old.example", NOW);
	test_assert(test_lease(store, USER, "one", NOW, NOW + 60) == 1);
	for (i = 0; i < N_ELEMENTS(kept_changes); i++) {
		/* nothing else is changed, whatever it is */
		test_store_exec(store, kept_changes[i]);
		before = test_store_record(store, USER);
		TEST_STORE(&ret, migration_store_keep_lease, store, USER,
			   "one", NOW + 90 + i);
		test_assert_idx(ret == 1, i);
		record = test_store_record(store, USER);
		test_assert_strcmp_idx(record.lease_owner, "one", i);
		test_assert_idx(record.lease_until == NOW + 90 + (time_t)i, i);
		test_assert_idx(record.phase == before.phase, i);
		test_assert_idx(record.control == before.control, i);
		test_assert_idx(record.attempts == before.attempts, i);
		test_assert_idx(record.next_sync == before.next_sync, i);
		test_assert_strcmp_idx(record.credential, before.credential,
				       i);
	}
	/* somebody else's, and one that nobody has */
	TEST_STORE(&ret, migration_store_keep_lease, store, USER, "two",
		   NOW + 200);
	test_assert(ret == 0);
	TEST_STORE(&ret, migration_store_keep_lease, store, USER, "two", 0);
	test_assert(ret == 0);
	TEST_STORE(&ret, migration_store_keep_lease, store,
		   "other@old.example", "one", NOW + 200);
	test_assert(ret == 0);
	record = test_store_record(store, USER);
	test_assert(record.lease_until == NOW + 91);
	/* back, with the hold that came with it */
	test_store_exec(store, "UPDATE migration_job SET hold_until = 99");
	TEST_STORE(&ret, migration_store_keep_lease, store, USER, "one", 0);
	test_assert(ret == 1);
	record = test_store_record(store, USER);
	test_assert(record.hold_until == 0);
	test_assert_strcmp(record.lease_owner, "");
	test_assert(record.lease_until == 0);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_hold(void)
{
	static const struct {
		const char *change;
		int ret;
	} tests[] = {
		{ "UPDATE migration_job SET attempts = 1", 1 },
		{ "UPDATE migration_job SET lease_owner = 'two'", 0 },
		{ "UPDATE migration_job SET lease_owner = ''", 0 },
		{ "UPDATE migration_job SET phase = 'following'", 0 },
		{ "UPDATE migration_job SET control = 'paused'", 0 },
		{ "DELETE FROM migration_job", 0 },
	};
	struct migration_store *store;
	struct migration_record record;
	unsigned int i;
	int ret;

	test_begin("migration store hold");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		store = test_store_open();
		test_store_adopt(store, USER, NOW);
		test_assert_idx(test_lease(store, USER, "one", NOW,
					   NOW + 60) == 1, i);
		record = test_store_record(store, USER);
		record.lease_until = NOW + 90;
		test_store_exec(store, tests[i].change);
		TEST_STORE(&ret, migration_store_hold, store, &record,
			   NOW + 30);
		test_assert_idx(ret == tests[i].ret, i);
		if (ret > 0) {
			record = test_store_record(store, USER);
			test_assert_idx(record.hold_until == NOW + 30, i);
			test_assert_idx(record.lease_until == NOW + 90, i);
			/* it ends with the lease, and with the next one */
			TEST_STORE(&ret, migration_store_drop_leases, store,
				   "one");
			record = test_store_record(store, USER);
			test_assert_idx(record.hold_until == 0, i);
			test_store_exec(store, "UPDATE migration_job "
					"SET hold_until = 1");
			test_assert_idx(test_lease(store, USER, "two", NOW,
						   NOW + 60) == 1, i);
			record = test_store_record(store, USER);
			test_assert_idx(record.hold_until == 0, i);
		}
		migration_store_deinit(&store);
		test_tmp_remove();
	}
	test_end();
}

static void test_migration_store_lease_changed(void)
{
	static const char *const changes[] = {
		"UPDATE migration_job SET phase = 'following'",
		"UPDATE migration_job SET phase = 'finished'",
		"UPDATE migration_job SET control = 'paused'",
		"UPDATE migration_job SET control = 'blocked', "
			"reason = 'password'",
		"UPDATE migration_job SET credential = ''",
		"UPDATE migration_job SET credential = 'renewed'",
		"DELETE FROM migration_job",
		"UPDATE migration_job SET username = 'other@old.example'",
	};
	struct migration_store *store;
	struct migration_record record;
	unsigned int i;
	int ret;

	test_begin("migration store lease: changed by somebody else");
	store = test_store_open();
	for (i = 0; i < N_ELEMENTS(changes); i++) {
		test_store_job_add(store, "user", "next_sync = 0");
		record = test_store_record(store, "user@old.example");
		test_store_exec(store, changes[i]);
		TEST_STORE(&ret, migration_store_lease, store, &record, "one",
			   NOW, NOW + 60);
		test_assert_idx(ret == 0, i);
		test_assert_strcmp_idx(test_store_value(
			store, "SELECT COUNT(*) FROM migration_job "
			"WHERE lease_owner <> ''"), "0", i);
		test_store_exec(store, "DELETE FROM migration_job");
		test_store_exec(store, "DELETE FROM migration_account");
	}
	/* what does not matter to the sync may have changed */
	test_store_job_add(store, "user", "next_sync = 0");
	record = test_store_record(store, "user@old.example");
	test_store_exec(store, "UPDATE migration_job SET last_login = 7, "
			"next_sync = 8, attempts = 9");
	TEST_STORE(&ret, migration_store_lease, store, &record, "one", NOW,
		   NOW + 60);
	test_assert(ret == 1);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static int
test_progress(struct migration_store *store, const char *owner,
	      unsigned int done, time_t until)
{
	struct migration_record record;
	int ret;

	i_zero(&record);
	record.username = USER;
	record.lease_owner = owner;
	record.lease_until = until;
	record.messages_done = done;
	record.messages_total = done * 2;
	record.bytes_done = (uint64_t)done * 5000000000;
	TEST_STORE(&ret, migration_store_progress, store, &record, NULL);
	return ret;
}

static void test_migration_store_progress(void)
{
	struct migration_store *store;
	struct migration_record record;

	test_begin("migration store progress");
	store = test_store_open();
	test_store_adopt(store, USER, NOW);
	/* without a lease */
	test_assert(test_progress(store, "one", 1, NOW + 60) == 0);
	test_assert(test_lease(store, USER, "one", NOW, NOW + 60) == 1);
	test_assert(test_progress(store, "one", 2, NOW + 70) == 1);
	record = test_store_record(store, USER);
	test_assert(record.messages_done == 2 && record.messages_total == 4 &&
		    record.bytes_done == 10000000000);
	test_assert(record.lease_until == NOW + 70);
	test_assert_strcmp(record.lease_owner, "one");
	/* somebody else's */
	test_assert(test_progress(store, "two", 3, NOW + 500) == 0);
	record = test_store_record(store, USER);
	test_assert(record.messages_done == 2);
	test_assert(record.lease_until == NOW + 70);
	/* taken over by somebody else in between */
	test_assert(test_lease(store, USER, "two", NOW + 70, NOW + 130) == 1);
	test_assert(test_progress(store, "one", 4, NOW + 200) == 0);
	test_assert(test_progress(store, "two", 5, NOW + 200) == 1);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static int
test_finish(struct migration_store *store,
	    const struct migration_record *before,
	    const struct migration_record *record, const char *owner)
{
	int ret;

	TEST_STORE(&ret, migration_store_finish_sync, store, before, record,
		   owner, NULL, NULL);
	return ret;
}

static void
test_end_sync(struct migration_record *record, enum migration_outcome outcome,
	      const char *error, time_t now)
{
	static const struct migration_timing_settings timing_set = {
		60, 600, 3600
	};
	const struct migration_sync_result result = {
		.outcome = outcome,
		.credential_current = TRUE,
		.error = error,
	};

	migration_state_sync_finished(record, &result, now, &timing_set, 0);
}

static void test_migration_store_finish_sync(void)
{
	struct migration_store *store;
	struct migration_record before, record, done;

	test_begin("migration store finish sync");
	store = test_store_open();
	test_store_adopt(store, USER, NOW);
	test_store_adopt(store, "other@old.example", NOW);
	test_assert(test_lease(store, USER, "one", NOW, NOW + 60) == 1);
	before = done = test_store_record(store, USER);
	done.messages_done = done.messages_total = 10;
	done.bytes_done = 5000000000;
	test_end_sync(&done, MIGRATION_OUTCOME_DONE, "", NOW + 5);

	/* only who holds it */
	test_assert(test_finish(store, &before, &done, "two") == 0);
	record = test_store_record(store, USER);
	test_assert(record.phase == MIGRATION_PHASE_INITIAL);
	test_assert_strcmp(record.lease_owner, "one");
	test_assert(record.messages_done == 0 && record.last_sync == 0);

	test_assert(test_finish(store, &before, &done, "one") == 1);
	record = test_store_record(store, USER);
	test_assert(record.phase == MIGRATION_PHASE_FOLLOWING);
	test_assert(record.control == MIGRATION_CONTROL_ACTIVE);
	test_assert(record.last_sync == NOW + 5 && record.next_sync == NOW + 5 + 3600);
	test_assert(record.following_since == NOW + 5);
	test_assert(record.messages_done == 10 &&
		    record.messages_total == 10 &&
		    record.bytes_done == 5000000000);
	test_assert_strcmp(record.lease_owner, "");
	test_assert(record.lease_until == 0);
	/* what the user may have changed meanwhile is not written */
	test_assert_strcmp(record.credential, "Ym94");
	test_assert(record.last_login == NOW);

	/* once */
	test_assert(test_finish(store, &before, &done, "one") == 0);
	record = test_store_record(store, "other@old.example");
	test_assert(record.phase == MIGRATION_PHASE_INITIAL);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_finish_failed(void)
{
	struct migration_store *store;
	struct migration_record before, record;

	test_begin("migration store finish sync: failed");
	store = test_store_open();
	test_store_adopt(store, USER, NOW);
	test_assert(test_lease(store, USER, "one", NOW, NOW + 60) == 1);
	before = record = test_store_record(store, USER);
	test_end_sync(&record, MIGRATION_OUTCOME_TEMPORARY,
		      "it's \"down\" \\ ?", NOW);
	test_assert(test_finish(store, &before, &record, "one") == 1);
	record = test_store_record(store, USER);
	test_assert(record.attempts == 1 && record.next_sync == NOW + 60);
	test_assert_strcmp(record.error, "it's \"down\" \\ ?");
	test_assert(record.lease_until == 0);

	test_assert(test_lease(store, USER, "one", NOW, NOW + 60) == 1);
	before = record;
	test_end_sync(&record, MIGRATION_OUTCOME_PROVIDER, "no", NOW);
	test_assert(test_finish(store, &before, &record, "one") == 1);
	record = test_store_record(store, USER);
	test_assert(record.control == MIGRATION_CONTROL_BLOCKED &&
		    record.reason == MIGRATION_REASON_PROVIDER);
	test_assert(record.attempts == 1);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

/* What was wanted during the sync is never overwritten. */
static void test_migration_store_finish_changed(void)
{
	static const struct {
		const char *set;
		int ret;
	} tests[] = {
		{ "messages_done = 5", 1 },
		{ "attempts = 5", 1 },
		{ "control = 'paused'", 0 },
		{ "control = 'paused', lease_owner = '', lease_until = 0", 0 },
		{ "control = 'blocked', reason = 'local'", 0 },
		{ "phase = 'finished', credential = ''", 0 },
		{ "finish_wanted = 1", 0 },
		{ "credential = 'bmV3'", 0 },
		{ "lease_owner = 'two'", 0 },
	};
	static const enum migration_outcome outcomes[] = {
		MIGRATION_OUTCOME_DONE, MIGRATION_OUTCOME_TEMPORARY,
		MIGRATION_OUTCOME_PASSWORD,
	};
	struct migration_store *store;
	struct migration_record before, record, now;
	unsigned int i, j;

	test_begin("migration store finish sync: changed since");
	store = test_store_open();
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		for (j = 0; j < N_ELEMENTS(outcomes); j++) {
			test_store_job_add(store, "user", "lease_owner = 'one', "
				     "lease_until = 1700000060");
			before = record = test_store_record(store, USER);
			test_end_sync(&record, outcomes[j], "error", NOW);
			test_store_job_set(store, "user", tests[i].set);
			test_assert_idx(test_finish(store, &before, &record,
						    "one") == tests[i].ret, i);
			now = test_store_record(store, USER);
			if (tests[i].ret == 0) {
				test_assert_idx(now.last_sync == 0, i);
				test_assert_strcmp_idx(now.error, "", i);
			}
			test_store_exec(store, "DELETE FROM migration_account");
		}
	}
	/* deleted */
	test_store_exec(store, "DELETE FROM migration_job");
	test_assert(test_finish(store, &before, &record, "one") == 0);
	test_assert_strcmp(test_store_value(store,
		"SELECT COUNT(*) FROM migration_job"), "0");
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

/* Whoever may not be synced is neither taken nor kept. */
static void test_migration_store_lease_may_sync(void)
{
	static const struct {
		const char *set;
		int ret;
	} tests[] = {
		{ "control = 'active'", 1 },
		{ "control = 'blocked', reason = 'local'", 1 },
		{ "control = 'paused'", 0 },
		{ "phase = 'finished'", 0 },
	};
	struct migration_store *store;
	unsigned int i;

	test_begin("migration store lease: paused and finished");
	store = test_store_open();
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_store_job_add(store, "user", tests[i].set);
		test_assert_idx(test_lease(store, USER, "one", NOW, NOW + 60) ==
				tests[i].ret, i);
		test_store_exec(store, "DELETE FROM migration_account");

		test_store_job_add(store, "user", "lease_until = 0");
		test_assert_idx(test_lease(store, USER, "one", NOW,
					   NOW + 60) == 1, i);
		test_store_job_set(store, "user", tests[i].set);
		test_assert_idx(test_progress(store, "one", 1, NOW + 90) ==
				tests[i].ret, i);
		test_store_exec(store, "DELETE FROM migration_account");
	}
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

/* Whoever only compares may have it paused as well, and keeps others off. */
static void test_migration_store_lease_to_compare(void)
{
	static const struct {
		const char *set;
		int ret;
	} tests[] = {
		{ "control = 'active'", 1 },
		{ "control = 'blocked', reason = 'local'", 1 },
		{ "control = 'paused'", 1 },
		{ "phase = 'finished'", 0 },
		{ "lease_owner = 'two', lease_until = 1700000001", 0 },
		{ "lease_owner = 'two', lease_until = 1700000000", 1 },
	};
	struct migration_store *store;
	struct migration_record record;
	unsigned int i;
	int ret;

	test_begin("migration store lease: to compare");
	store = test_store_open();
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_store_job_add(store, "user", tests[i].set);
		record = test_store_record(store, USER);
		TEST_STORE(&ret, migration_store_lease_to_compare, store,
			   &record, "one", NOW, NOW + 60);
		test_assert_idx(ret == tests[i].ret, i);
		record = test_store_record(store, USER);
		test_assert_idx((strcmp(record.lease_owner, "one") == 0) ==
				(ret > 0), i);
		test_assert_idx(ret == 0 || record.lease_until == NOW + 60, i);
		test_store_exec(store, "DELETE FROM migration_account");
	}
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_drop_leases(void)
{
	struct migration_store *store;
	struct migration_record record;
	int ret;

	test_begin("migration store drop leases");
	store = test_store_open();
	test_store_job_add(store, "a", "lease_owner = 'one', lease_until = 9");
	test_store_job_add(store, "b", "lease_owner = 'two', "
		     "lease_until = 1700000060");
	test_store_job_add(store, "c", "lease_owner = 'one', "
		     "lease_until = 1700000060");
	TEST_STORE(&ret, migration_store_drop_leases, store, "one");
	test_assert(ret == 1);
	test_assert_strcmp(test_store_value(store,
		"SELECT COUNT(*) FROM migration_job WHERE "
		"lease_owner = '' AND lease_until = 0"), "2");
	record = test_store_record(store, "b@old.example");
	test_assert_strcmp(record.lease_owner, "two");
	test_assert(record.lease_until == NOW + 60);
	/* none left is as good */
	TEST_STORE(&ret, migration_store_drop_leases, store, "one");
	test_assert(ret == 1);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_set_login(void)
{
	struct migration_store *store;
	int ret;

	test_begin("migration store set login");
	store = test_store_open();
	test_store_job_add(store, "a", "login = 'wait'");
	test_store_job_add(store, "b", "login = 'wait', phase = 'following'");
	test_store_job_add(store, "c", "login = 'wait', provider = 'other'");
	test_store_job_add(store, "d", "login = 'local'");
	TEST_STORE(&ret, migration_store_set_login, store, "oldhost",
		   "proxy");
	test_assert(ret == 1);
	/* nobody who was let in is shut out again */
	test_assert_strcmp(test_store_value(store,
		"SELECT group_concat(login) FROM (SELECT login FROM "
		"migration_job ORDER BY username)"), "proxy,wait,wait,local");
	TEST_STORE(&ret, migration_store_set_login, store, "oldhost",
		   "local");
	test_assert(ret == 1);
	test_assert_strcmp(test_store_value(store,
		"SELECT group_concat(login) FROM (SELECT login FROM "
		"migration_job ORDER BY username)"), "local,wait,wait,local");
	TEST_STORE(&ret, migration_store_set_login, store, "nothing", "wait");
	test_assert(ret == 1);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_set_interval(void)
{
	static const struct {
		const char *set;
		time_t next_sync;
	} tests[] = {
		{ "phase = 'following', next_sync = 1700000000", NOW },
		{ "phase = 'following', next_sync = 1700000600", NOW + 600 },
		/* brought forward, each to a time of its own */
		{ "phase = 'following', next_sync = 1700000601", NOW + 201 },
		{ "phase = 'following', next_sync = 1700000950", NOW + 550 },
		{ "phase = 'following', next_sync = 1700003600", NOW + 200 },
		{ "phase = 'following', next_sync = 1700003600, "
		  "finish_wanted = 1", NOW + 200 },
		/* a provider that asked for it is left alone */
		{ "phase = 'following', next_sync = 1700003600, attempts = 1",
		  NOW + 3600 },
		{ "phase = 'following', next_sync = 1700003600, "
		  "control = 'blocked'", NOW + 3600 },
		{ "phase = 'following', next_sync = 1700003600, "
		  "control = 'paused'", NOW + 3600 },
		{ "next_sync = 1700003600", NOW + 3600 },
		{ "phase = 'finished', next_sync = 1700003600", NOW + 3600 },
	};
	struct migration_store *store;
	struct migration_record record;
	unsigned int i;
	int ret;

	test_begin("migration store set interval");
	store = test_store_open();
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_store_job_add(store, "user", tests[i].set);
		/* NOW is 200 secs after a multiple of 600 */
		TEST_STORE(&ret, migration_store_set_interval, store,
			   (time_t)NOW, 600);
		test_assert_idx(ret == 1, i);
		record = test_store_record(store, USER);
		test_assert_cmp_idx(record.next_sync, ==, tests[i].next_sync,
				    i);
		test_store_exec(store, "DELETE FROM migration_account");
	}
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

/* Each of them answers once and says why. */
static void test_migration_store_job_errors(void)
{
	struct migration_store *store;
	struct migration_record record;
	int ret;

	test_begin("migration store job: errors of all calls");
	store = test_store_open();
	test_store_adopt(store, USER, NOW);
	record = test_store_record(store, USER);
	test_store_exec(store, "ALTER TABLE migration_job RENAME TO gone");

	TEST_STORE(&ret, migration_store_lease, store, &record, "one", NOW,
		   NOW + 60);
	test_assert(ret == -1);
	test_assert(test_store_error_has("no such table"));
	test_assert(test_progress(store, "one", 1, NOW + 60) == -1);
	test_assert(test_finish(store, &record, &record, "one") == -1);
	TEST_STORE(&ret, migration_store_drop_leases, store, "one");
	test_assert(ret == -1);
	TEST_STORE(&ret, migration_store_set_login, store, "p", "wait");
	test_assert(ret == -1);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_store_lease,
		test_migration_store_keep_lease,
		test_migration_store_hold,
		test_migration_store_lease_changed,
		test_migration_store_progress,
		test_migration_store_finish_sync,
		test_migration_store_finish_failed,
		test_migration_store_finish_changed,
		test_migration_store_lease_may_sync,
		test_migration_store_lease_to_compare,
		test_migration_store_drop_leases,
		test_migration_store_set_login,
		test_migration_store_set_interval,
		test_migration_store_job_errors,
		NULL
	};
	return test_store_run(test_functions);
}

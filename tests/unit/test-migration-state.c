/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-state.h"
#include "test-common.h"

/* Time of all tests. */
#define NOW 1000000

#define INITIAL MIGRATION_PHASE_INITIAL
#define FOLLOWING MIGRATION_PHASE_FOLLOWING
#define FINISHED MIGRATION_PHASE_FINISHED
#define ACTIVE MIGRATION_CONTROL_ACTIVE
#define PAUSED MIGRATION_CONTROL_PAUSED
#define BLOCKED MIGRATION_CONTROL_BLOCKED

#define INTERVAL 3000

static const struct migration_timing_settings timing_set = {
	.retry_min_secs = 60,
	.retry_max_secs = 600,
	.interval_secs = INTERVAL,
};

static void test_migration_state_shown(void)
{
	static const struct {
		enum migration_phase phase;
		enum migration_control control;
		unsigned int attempts;
		time_t lease_until;
		enum migration_state state;
	} tests[] = {
		{ INITIAL, ACTIVE, 0, 0, MIGRATION_STATE_QUEUED },
		{ INITIAL, ACTIVE, 1, 0, MIGRATION_STATE_RETRYING },
		{ INITIAL, PAUSED, 0, 0, MIGRATION_STATE_PAUSED },
		{ INITIAL, PAUSED, 3, 0, MIGRATION_STATE_PAUSED },
		{ INITIAL, BLOCKED, 0, 0, MIGRATION_STATE_BLOCKED },
		{ INITIAL, BLOCKED, 3, 0, MIGRATION_STATE_BLOCKED },
		/* a lease shows, until the very second when it ends */
		{ INITIAL, ACTIVE, 0, NOW + 1, MIGRATION_STATE_SYNCING },
		{ INITIAL, ACTIVE, 2, NOW + 1, MIGRATION_STATE_SYNCING },
		{ INITIAL, PAUSED, 0, NOW + 1, MIGRATION_STATE_PAUSED },
		{ INITIAL, BLOCKED, 0, NOW + 1, MIGRATION_STATE_SYNCING },
		{ FOLLOWING, ACTIVE, 0, NOW + 1, MIGRATION_STATE_SYNCING },
		{ INITIAL, ACTIVE, 0, NOW, MIGRATION_STATE_QUEUED },
		{ INITIAL, ACTIVE, 1, NOW - 1, MIGRATION_STATE_RETRYING },
		{ FOLLOWING, ACTIVE, 0, 0, MIGRATION_STATE_FOLLOWING },
		{ FOLLOWING, ACTIVE, 1, 0, MIGRATION_STATE_RETRYING },
		{ FOLLOWING, PAUSED, 0, 0, MIGRATION_STATE_PAUSED },
		{ FOLLOWING, BLOCKED, 0, 0, MIGRATION_STATE_BLOCKED },
		/* nothing changes what is finished */
		{ FINISHED, ACTIVE, 0, 0, MIGRATION_STATE_FINISHED },
		{ FINISHED, ACTIVE, 5, NOW + 1, MIGRATION_STATE_FINISHED },
		{ FINISHED, PAUSED, 0, 0, MIGRATION_STATE_FINISHED },
		{ FINISHED, BLOCKED, 0, 0, MIGRATION_STATE_FINISHED },
	};
	struct migration_record record;
	unsigned int i;

	test_begin("migration state: as people see it");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		i_zero(&record);
		record.phase = tests[i].phase;
		record.control = tests[i].control;
		record.attempts = tests[i].attempts;
		record.lease_until = tests[i].lease_until;
		test_assert_strcmp_idx(
			migration_state_to_string(migration_state(&record,
								  NOW)),
			migration_state_to_string(tests[i].state), i);
	}
	test_end();
}

static void test_migration_state_due(void)
{
	static const struct {
		enum migration_phase phase;
		enum migration_control control;
		time_t next_sync, lease_until;
		const char *credential;
		bool due, due_forced;
	} tests[] = {
		{ INITIAL, ACTIVE, 0, 0, "box", TRUE, TRUE },
		{ INITIAL, ACTIVE, NOW, NOW, "box", TRUE, TRUE },
		{ INITIAL, ACTIVE, NOW - 1, NOW - 1, "box", TRUE, TRUE },
		/* not yet */
		{ INITIAL, ACTIVE, NOW + 1, 0, "box", FALSE, TRUE },
		/* somebody is at it */
		{ INITIAL, ACTIVE, 0, NOW + 1, "box", FALSE, FALSE },
		/* no credential */
		{ INITIAL, ACTIVE, 0, 0, "", FALSE, FALSE },
		/* an administrator is above a block, but not above another
		   administrator */
		{ INITIAL, BLOCKED, 0, 0, "box", FALSE, TRUE },
		{ INITIAL, PAUSED, 0, 0, "box", FALSE, FALSE },
		/* again and again */
		{ FOLLOWING, ACTIVE, 0, 0, "box", TRUE, TRUE },
		{ FOLLOWING, ACTIVE, NOW, NOW, "box", TRUE, TRUE },
		{ FOLLOWING, ACTIVE, NOW + 1, 0, "box", FALSE, TRUE },
		{ FOLLOWING, ACTIVE, 0, NOW + 1, "box", FALSE, FALSE },
		{ FOLLOWING, ACTIVE, 0, 0, "", FALSE, FALSE },
		{ FOLLOWING, BLOCKED, 0, 0, "box", FALSE, TRUE },
		{ FOLLOWING, PAUSED, 0, 0, "box", FALSE, FALSE },
		{ FINISHED, ACTIVE, 0, 0, "box", FALSE, FALSE },
		{ FINISHED, ACTIVE, 0, 0, "", FALSE, FALSE },
	};
	struct migration_record record;
	unsigned int i;

	test_begin("migration state: due");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		i_zero(&record);
		record.phase = tests[i].phase;
		record.control = tests[i].control;
		record.next_sync = tests[i].next_sync;
		record.lease_until = tests[i].lease_until;
		record.credential = tests[i].credential;
		test_assert_idx(migration_state_is_due(&record, NOW, FALSE) ==
				tests[i].due, i);
		test_assert_idx(migration_state_is_due(&record, NOW, TRUE) ==
				tests[i].due_forced, i);
	}
	test_end();
}

static void test_migration_state_held(void)
{
	static const struct {
		enum migration_phase phase;
		time_t hold_until, lease_until;
		bool held;
	} tests[] = {
		{ INITIAL, 0, NOW + 1, FALSE },
		{ INITIAL, NOW - 1, NOW + 1, FALSE },
		{ INITIAL, NOW, NOW + 1, FALSE },
		{ INITIAL, NOW + 1, NOW + 1, TRUE },
		/* whoever switched is gone */
		{ INITIAL, NOW + 1, 0, FALSE },
		{ INITIAL, NOW + 1, NOW, FALSE },
		{ FOLLOWING, NOW + 1, NOW + 1, FALSE },
		{ FINISHED, NOW + 1, NOW + 1, FALSE },
	};
	struct migration_record record;
	unsigned int i;

	test_begin("migration state: held by the switch");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		i_zero(&record);
		record.phase = tests[i].phase;
		record.hold_until = tests[i].hold_until;
		record.lease_until = tests[i].lease_until;
		test_assert_idx(migration_state_is_held(&record, NOW) ==
				tests[i].held, i);
	}
	test_end();
}

static void test_migration_state_next_step(void)
{
	static const struct {
		enum migration_phase phase;
		const char *login;
		unsigned int pulls, secs;
		enum migration_step step;
	} tests[] = {
		{ INITIAL, "proxy", 1, 0, MIGRATION_STEP_SWITCH },
		{ INITIAL, "proxy", 1, 15, MIGRATION_STEP_SWITCH },
		/* too much happens in that time */
		{ INITIAL, "proxy", 1, 16, MIGRATION_STEP_PULL },
		{ INITIAL, "proxy", 1, 100000, MIGRATION_STEP_PULL },
		{ INITIAL, "proxy", 2, 16, MIGRATION_STEP_PULL },
		{ INITIAL, "proxy", 2, 15, MIGRATION_STEP_SWITCH },
		/* it does not get any faster */
		{ INITIAL, "proxy", 3, 16, MIGRATION_STEP_SWITCH },
		{ INITIAL, "proxy", 3, 29, MIGRATION_STEP_SWITCH },
		{ INITIAL, "proxy", 3, 30, MIGRATION_STEP_TOO_SLOW },
		/* nobody is at the provider by way of us */
		{ INITIAL, "wait", 1, 0, MIGRATION_STEP_END },
		{ INITIAL, "wait", 1, 100, MIGRATION_STEP_END },
		{ INITIAL, "local", 1, 0, MIGRATION_STEP_END },
		{ FOLLOWING, "proxy", 1, 0, MIGRATION_STEP_END },
		{ FINISHED, "proxy", 1, 0, MIGRATION_STEP_END },
	};
	struct migration_record record;
	unsigned int i;

	test_begin("migration state: next step");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		i_zero(&record);
		record.phase = tests[i].phase;
		record.login = tests[i].login;
		test_assert_ucmp_idx(migration_state_next_step(
			&record, tests[i].pulls, tests[i].secs, 30), ==,
			tests[i].step, i);
	}
	test_end();
}

struct finished_test {
	/* before */
	enum migration_phase phase;
	enum migration_control control;
	enum migration_reason reason;
	unsigned int attempts;
	enum migration_outcome outcome;
	bool credential_current;
	/* after */
	enum migration_phase phase_after;
	enum migration_control control_after;
	enum migration_reason reason_after;
	unsigned int attempts_after;
	time_t next_sync;
};

#define R_NONE MIGRATION_REASON_NONE
#define R_PASSWORD MIGRATION_REASON_PASSWORD
#define R_ACCOUNT MIGRATION_REASON_ACCOUNT
#define R_PROVIDER MIGRATION_REASON_PROVIDER
#define R_LOCAL MIGRATION_REASON_LOCAL
#define O_DONE MIGRATION_OUTCOME_DONE
#define O_TEMPORARY MIGRATION_OUTCOME_TEMPORARY
#define O_PASSWORD MIGRATION_OUTCOME_PASSWORD
#define O_ACCOUNT MIGRATION_OUTCOME_ACCOUNT
#define O_CREDENTIAL MIGRATION_OUTCOME_CREDENTIAL
#define O_PROVIDER MIGRATION_OUTCOME_PROVIDER
#define O_LOCAL MIGRATION_OUTCOME_LOCAL

static const struct finished_test finished_tests[] = {
	/* done: whatever was wrong before is over */
	{ INITIAL, ACTIVE, R_NONE, 0, O_DONE, TRUE,
	  FOLLOWING, ACTIVE, R_NONE, 0, NOW + INTERVAL },
	{ INITIAL, ACTIVE, R_NONE, 7, O_DONE, TRUE,
	  FOLLOWING, ACTIVE, R_NONE, 0, NOW + INTERVAL },
	{ INITIAL, ACTIVE, R_NONE, 0, O_DONE, FALSE,
	  FOLLOWING, ACTIVE, R_NONE, 0, NOW + INTERVAL },
	{ INITIAL, BLOCKED, R_LOCAL, 2, O_DONE, TRUE,
	  FOLLOWING, ACTIVE, R_NONE, 0, NOW + INTERVAL },
	{ INITIAL, BLOCKED, R_PASSWORD, 0, O_DONE, TRUE,
	  FOLLOWING, ACTIVE, R_NONE, 0, NOW + INTERVAL },
	/* paused while it ran: the sync counts, the pause stays */
	{ INITIAL, PAUSED, R_NONE, 0, O_DONE, TRUE,
	  FOLLOWING, PAUSED, R_NONE, 0, 0 },
	{ FOLLOWING, PAUSED, R_NONE, 2, O_DONE, TRUE,
	  FOLLOWING, PAUSED, R_NONE, 0, 0 },
	{ FOLLOWING, ACTIVE, R_NONE, 0, O_DONE, TRUE,
	  FOLLOWING, ACTIVE, R_NONE, 0, NOW + INTERVAL },
	{ FOLLOWING, BLOCKED, R_LOCAL, 0, O_DONE, TRUE,
	  FOLLOWING, ACTIVE, R_NONE, 0, NOW + INTERVAL },
	{ FOLLOWING, ACTIVE, R_NONE, 1, O_DONE, TRUE,
	  FOLLOWING, ACTIVE, R_NONE, 0, NOW + INTERVAL },

	/* temporary: no state, but a longer wait each time */
	{ INITIAL, ACTIVE, R_NONE, 0, O_TEMPORARY, TRUE,
	  INITIAL, ACTIVE, R_NONE, 1, NOW + 60 },
	{ INITIAL, ACTIVE, R_NONE, 1, O_TEMPORARY, TRUE,
	  INITIAL, ACTIVE, R_NONE, 2, NOW + 120 },
	{ INITIAL, ACTIVE, R_NONE, 20, O_TEMPORARY, TRUE,
	  INITIAL, ACTIVE, R_NONE, 21, NOW + 600 },
	{ FOLLOWING, ACTIVE, R_NONE, 0, O_TEMPORARY, TRUE,
	  FOLLOWING, ACTIVE, R_NONE, 1, NOW + 60 },
	{ INITIAL, PAUSED, R_NONE, 0, O_TEMPORARY, TRUE,
	  INITIAL, PAUSED, R_NONE, 1, NOW + 60 },
	/* forced by an administrator: still blocked */
	{ INITIAL, BLOCKED, R_PROVIDER, 0, O_TEMPORARY, TRUE,
	  INITIAL, BLOCKED, R_PROVIDER, 1, NOW + 60 },

	/* password: waits for the user, unless there is a newer one already */
	{ INITIAL, ACTIVE, R_NONE, 0, O_PASSWORD, TRUE,
	  INITIAL, BLOCKED, R_PASSWORD, 0, 0 },
	{ INITIAL, ACTIVE, R_NONE, 4, O_PASSWORD, TRUE,
	  INITIAL, BLOCKED, R_PASSWORD, 4, 0 },
	{ INITIAL, ACTIVE, R_NONE, 0, O_PASSWORD, FALSE,
	  INITIAL, ACTIVE, R_NONE, 0, NOW },
	{ FOLLOWING, ACTIVE, R_NONE, 0, O_PASSWORD, TRUE,
	  FOLLOWING, BLOCKED, R_PASSWORD, 0, 0 },
	/* account: gone or disabled, unless a login has just shown that it is
	   not */
	{ INITIAL, ACTIVE, R_NONE, 2, O_ACCOUNT, TRUE,
	  INITIAL, BLOCKED, R_ACCOUNT, 2, 0 },
	{ INITIAL, ACTIVE, R_NONE, 2, O_ACCOUNT, FALSE,
	  INITIAL, ACTIVE, R_NONE, 2, NOW },
	/* credential: the key is lost here */
	{ INITIAL, ACTIVE, R_NONE, 0, O_CREDENTIAL, TRUE,
	  INITIAL, BLOCKED, R_LOCAL, 0, 0 },
	{ INITIAL, ACTIVE, R_NONE, 0, O_CREDENTIAL, FALSE,
	  INITIAL, ACTIVE, R_NONE, 0, NOW },
	/* forced, and now another reason holds it */
	{ INITIAL, BLOCKED, R_LOCAL, 0, O_PASSWORD, TRUE,
	  INITIAL, BLOCKED, R_PASSWORD, 0, 0 },

	/* needs an administrator */
	{ INITIAL, ACTIVE, R_NONE, 0, O_PROVIDER, TRUE,
	  INITIAL, BLOCKED, R_PROVIDER, 0, 0 },
	{ INITIAL, ACTIVE, R_NONE, 3, O_PROVIDER, FALSE,
	  INITIAL, BLOCKED, R_PROVIDER, 3, 0 },
	{ FOLLOWING, ACTIVE, R_NONE, 0, O_PROVIDER, TRUE,
	  FOLLOWING, BLOCKED, R_PROVIDER, 0, 0 },
	{ INITIAL, ACTIVE, R_NONE, 0, O_LOCAL, TRUE,
	  INITIAL, BLOCKED, R_LOCAL, 0, 0 },
	{ INITIAL, ACTIVE, R_NONE, 0, O_LOCAL, FALSE,
	  INITIAL, BLOCKED, R_LOCAL, 0, 0 },
	{ INITIAL, BLOCKED, R_PASSWORD, 0, O_LOCAL, TRUE,
	  INITIAL, BLOCKED, R_LOCAL, 0, 0 },
};

static void
test_one_finished(const struct finished_test *test, unsigned int i)
{
	struct migration_sync_result result;
	struct migration_record record;
	bool done = test->outcome == O_DONE;

	i_zero(&record);
	record.phase = test->phase;
	record.control = test->control;
	record.reason = test->reason;
	record.attempts = test->attempts;
	record.error = "old error";
	record.last_login = 11;
	record.last_sync = 22;
	record.next_sync = 33;
	record.lease_owner = "node";
	record.lease_until = NOW + 100;
	record.messages_done = 44;

	i_zero(&result);
	result.outcome = test->outcome;
	result.credential_current = test->credential_current;
	result.error = "new error";
	migration_state_sync_finished(&record, &result, NOW, &timing_set, 0);
	test_assert_strcmp_idx(migration_phase_to_string(record.phase),
			       migration_phase_to_string(test->phase_after),
			       i);
	test_assert_strcmp_idx(migration_control_to_string(record.control),
			       migration_control_to_string(
					test->control_after), i);
	test_assert_strcmp_idx(migration_reason_to_string(record.reason),
			       migration_reason_to_string(test->reason_after),
			       i);
	test_assert_ucmp_idx(record.attempts, ==, test->attempts_after, i);
	test_assert_cmp_idx(record.next_sync, ==, test->next_sync, i);
	/* the same with each outcome */
	test_assert_strcmp_idx(record.error, done ? "" : "new error", i);
	test_assert_cmp_idx(record.last_sync, ==, (done ? NOW : 22), i);
	test_assert_strcmp_idx(record.lease_owner, "", i);
	test_assert_cmp_idx(record.lease_until, ==, 0, i);
	test_assert_cmp_idx(record.last_login, ==, 11, i);
	test_assert_ucmp_idx(record.messages_done, ==, 44, i);
}

static void test_migration_state_sync_finished(void)
{
	unsigned int i;

	test_begin("migration state: end of a sync");
	for (i = 0; i < N_ELEMENTS(finished_tests); i++)
		test_one_finished(&finished_tests[i], i);
	test_end();
}

/* Those who were synced together drift apart. */
static void test_migration_state_interval(void)
{
	static const struct {
		uint32_t random;
		time_t next_sync;
	} tests[] = {
		{ 0, NOW + 3000 },
		{ 500, NOW + 2850 },
		{ 999, NOW + 2701 },
		{ 1000, NOW + 3000 },
	};
	struct migration_sync_result result;
	struct migration_record record;
	unsigned int i;

	test_begin("migration state: interval");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		i_zero(&record);
		record.phase = FOLLOWING;
		i_zero(&result);
		result.outcome = O_DONE;
		/* a provider's wish is for failures */
		result.retry_after_secs = 7;
		migration_state_sync_finished(&record, &result, NOW,
					      &timing_set, tests[i].random);
		test_assert_cmp_idx(record.next_sync, ==, tests[i].next_sync,
				    i);
	}
	test_end();
}

/* Failures that brought something are no row of failures. */
static void test_migration_state_progressed(void)
{
	static const struct {
		unsigned int attempts;
		bool progressed;
		unsigned int attempts_after;
		time_t next_sync;
	} tests[] = {
		{ 0, FALSE, 1, NOW + 60 },
		{ 0, TRUE, 1, NOW + 60 },
		{ 2, FALSE, 3, NOW + 240 },
		{ 2, TRUE, 1, NOW + 60 },
		{ 100, TRUE, 1, NOW + 60 },
	};
	struct migration_sync_result result;
	struct migration_record record;
	unsigned int i;

	test_begin("migration state: failure with progress");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		i_zero(&record);
		record.attempts = tests[i].attempts;
		i_zero(&result);
		result.outcome = O_TEMPORARY;
		result.error = "cut";
		result.progressed = tests[i].progressed;
		migration_state_sync_finished(&record, &result, NOW,
					      &timing_set, 0);
		test_assert_ucmp_idx(record.attempts, ==,
				     tests[i].attempts_after, i);
		test_assert_cmp_idx(record.next_sync, ==, tests[i].next_sync,
				    i);
	}
	test_end();
}

static void test_migration_state_renewed(void)
{
	static const struct {
		enum migration_phase phase;
		enum migration_control control;
		enum migration_reason reason;
		/* a login confirms it although the password is known here */
		bool wanted;
		/* ... and was what it waited for */
		bool goes_on;
	} tests[] = {
		{ INITIAL, BLOCKED, R_PASSWORD, TRUE, TRUE },
		{ FOLLOWING, BLOCKED, R_PASSWORD, TRUE, TRUE },
		{ INITIAL, BLOCKED, R_LOCAL, TRUE, TRUE },
		{ FOLLOWING, BLOCKED, R_LOCAL, TRUE, TRUE },
		{ INITIAL, ACTIVE, R_NONE, FALSE, FALSE },
		{ FOLLOWING, ACTIVE, R_NONE, FALSE, FALSE },
		{ INITIAL, PAUSED, R_NONE, FALSE, FALSE },
		{ INITIAL, PAUSED, R_LOCAL, FALSE, FALSE },
		{ INITIAL, PAUSED, R_PASSWORD, FALSE, FALSE },
		{ INITIAL, BLOCKED, R_ACCOUNT, FALSE, FALSE },
		{ INITIAL, BLOCKED, R_PROVIDER, FALSE, FALSE },
	};
	struct migration_record record;
	unsigned int i;
	bool on;

	test_begin("migration state: password renewed");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		i_zero(&record);
		record.phase = tests[i].phase;
		record.control = tests[i].control;
		record.reason = tests[i].reason;
		record.attempts = 3;
		record.error = "error";
		record.next_sync = NOW + 500;
		test_assert_idx(migration_state_wants_renewal(&record) ==
				tests[i].wanted, i);
		migration_state_renewed(&record, NOW);

		on = tests[i].goes_on;
		test_assert_idx(record.phase == tests[i].phase, i);
		test_assert_idx(record.control == (on ? ACTIVE :
						   tests[i].control), i);
		test_assert_idx(record.reason == (on ? R_NONE :
						  tests[i].reason), i);
		test_assert_ucmp_idx(record.attempts, ==, (on ? 0 : 3), i);
		test_assert_strcmp_idx(record.error, on ? "" : "error", i);
		test_assert_cmp_idx(record.next_sync, ==,
				    (on ? NOW : NOW + 500), i);
		test_assert_cmp_idx(record.last_login, ==, NOW, i);
	}
	test_end();
}

static void test_migration_state_progress(void)
{
	static const struct {
		enum migration_phase phase;
		unsigned int done, total, progress;
	} tests[] = {
		{ INITIAL, 0, 0, 0 },
		{ INITIAL, 5, 0, 0 },
		{ INITIAL, 0, 10, 0 },
		{ INITIAL, 1, 10, 10 },
		{ INITIAL, 1, 1000, 0 },
		{ INITIAL, 999, 1000, 99 },
		/* flags and subscriptions may still be missing */
		{ INITIAL, 10, 10, 99 },
		{ INITIAL, 20, 10, 99 },
		{ INITIAL, 3000000000U, 4000000000U, 75 },
		{ FOLLOWING, 0, 0, 100 },
		{ FOLLOWING, 1, 10, 100 },
		{ FINISHED, 0, 0, 100 },
	};
	struct migration_record record;
	unsigned int i;

	test_begin("migration state: progress");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		i_zero(&record);
		record.phase = tests[i].phase;
		record.messages_done = tests[i].done;
		record.messages_total = tests[i].total;
		test_assert_ucmp_idx(migration_record_progress(&record), ==,
				     tests[i].progress, i);
	}
	test_end();
}

#define TEST_NAMES(type, names) STMT_START { \
	enum migration_##type value; \
	unsigned int i; \
	for (i = 0; i < N_ELEMENTS(names); i++) { \
		test_assert_strcmp_idx(migration_##type##_to_string( \
			(enum migration_##type)i), names[i], i); \
		test_assert_idx(migration_##type##_parse(names[i], \
							 &value) == 0 && \
				value == (enum migration_##type)i, i); \
	} \
	test_assert(migration_##type##_parse("nonsense", &value) < 0); \
	test_assert(migration_##type##_parse("ACTIVE", &value) < 0); \
	test_assert(migration_##type##_parse(" ", &value) < 0); \
} STMT_END

static void test_migration_state_names(void)
{
	/* they are stored and spoken between processes */
	static const char *const phases[] = {
		"initial", "following", "finished"
	};
	static const char *const controls[] = {
		"active", "paused", "blocked"
	};
	static const char *const reasons[] = {
		"", "password", "account", "provider", "local"
	};
	static const char *const states[] = {
		"queued", "syncing", "following", "retrying", "paused",
		"blocked", "finished"
	};
	static const char *const outcomes[] = {
		"done", "temporary", "password", "account", "credential",
		"provider", "local"
	};
	static const char *const commands[] = {
		"pause", "resume", "retry", "finish", "delete"
	};

	test_begin("migration state: names");
	TEST_NAMES(phase, phases);
	TEST_NAMES(control, controls);
	TEST_NAMES(reason, reasons);
	TEST_NAMES(state, states);
	TEST_NAMES(outcome, outcomes);
	TEST_NAMES(command, commands);
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_state_shown,
		test_migration_state_due,
		test_migration_state_held,
		test_migration_state_next_step,
		test_migration_state_sync_finished,
		test_migration_state_interval,
		test_migration_state_progressed,
		test_migration_state_renewed,
		test_migration_state_progress,
		test_migration_state_names,
		NULL
	};
	return test_run(test_functions);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* The transition table of doc/states.md, each pair once: what administrators
   ask for and how syncs end, in each phase and control. */

#include "lib.h"
#include "str.h"
#include "migration-state.h"
#include "test-common.h"

/* Time of all tests. */
#define NOW 1000000
#define LATER (NOW + 500)
#define LAST_SYNC (NOW - 86400)
#define ATTEMPTS 3
/* What migration_retry_delay_secs() says after one more. */
#define WAIT 480
#define INTERVAL 7200

#define INITIAL MIGRATION_PHASE_INITIAL
#define FOLLOWING MIGRATION_PHASE_FOLLOWING
#define FINISHED MIGRATION_PHASE_FINISHED
#define ACTIVE MIGRATION_CONTROL_ACTIVE
#define PAUSED MIGRATION_CONTROL_PAUSED
#define BLOCKED MIGRATION_CONTROL_BLOCKED
#define PAUSE MIGRATION_COMMAND_PAUSE
#define RESUME MIGRATION_COMMAND_RESUME
#define RETRY MIGRATION_COMMAND_RETRY
#define FINISH MIGRATION_COMMAND_FINISH
#define DELETE MIGRATION_COMMAND_DELETE
#define C_DONE MIGRATION_CHANGE_DONE
#define C_NONE MIGRATION_CHANGE_NONE
#define C_REFUSED MIGRATION_CHANGE_REFUSED
#define O_DONE MIGRATION_OUTCOME_DONE
#define O_TEMPORARY MIGRATION_OUTCOME_TEMPORARY
#define O_PASSWORD MIGRATION_OUTCOME_PASSWORD
#define O_ACCOUNT MIGRATION_OUTCOME_ACCOUNT
#define O_CREDENTIAL MIGRATION_OUTCOME_CREDENTIAL
#define O_PROVIDER MIGRATION_OUTCOME_PROVIDER
#define O_LOCAL MIGRATION_OUTCOME_LOCAL
/* not touched, but for the lease after a sync */
#define SAME NULL

static const struct migration_timing_settings timing_set = {
	.retry_min_secs = 60,
	.retry_max_secs = 600,
	.interval_secs = INTERVAL,
};

static void
test_record_init(struct migration_record *record_r, enum migration_phase phase,
		 enum migration_control control, unsigned int attempts)
{
	i_zero(record_r);
	record_r->username = "user@old.example";
	record_r->phase = phase;
	record_r->control = control;
	record_r->reason = control == BLOCKED ? MIGRATION_REASON_PASSWORD :
		MIGRATION_REASON_NONE;
	record_r->attempts = attempts;
	record_r->error = "old error";
	record_r->credential = phase == FINISHED ? "" : "box";
	record_r->next_sync = LATER;
	record_r->last_sync = LAST_SYNC;
	record_r->lease_owner = "node";
	record_r->lease_until = NOW + 100;
}

/* "phase control[ reason], attempts, next sync[, wanted]" */
static const char *test_record_str(const struct migration_record *record)
{
	string_t *str = t_str_new(128);

	str_printfa(str, "%s %s", migration_phase_to_string(record->phase),
		    migration_control_to_string(record->control));
	if (record->reason != MIGRATION_REASON_NONE) {
		str_printfa(str, " %s",
			    migration_reason_to_string(record->reason));
	}
	str_printfa(str, ", %u, ", record->attempts);
	if (record->next_sync == NOW)
		str_append(str, "now");
	else if (record->next_sync == LATER)
		str_append(str, "later");
	else if (record->next_sync == NOW + WAIT)
		str_append(str, "wait");
	else if (record->next_sync == NOW + INTERVAL)
		str_append(str, "interval");
	else
		str_printfa(str, "%ld", (long)record->next_sync);
	if (record->finish_wanted)
		str_append(str, ", wanted");
	return str_c(str);
}

static const struct {
	enum migration_command command;
	enum migration_phase phase;
	enum migration_control control;
	unsigned int attempts;
	enum migration_change change;
	const char *after;
} command_tests[] = {
	{ PAUSE, INITIAL, ACTIVE, 0, C_DONE,
	  "initial paused, 0, 0" },
	{ PAUSE, INITIAL, ACTIVE, 3, C_DONE,
	  "initial paused, 3, 0" },
	{ PAUSE, INITIAL, PAUSED, 3, C_NONE,
	  SAME },
	{ PAUSE, INITIAL, BLOCKED, 3, C_DONE,
	  "initial paused, 3, 0" },
	{ PAUSE, FOLLOWING, ACTIVE, 0, C_DONE,
	  "following paused, 0, 0" },
	{ PAUSE, FOLLOWING, ACTIVE, 3, C_DONE,
	  "following paused, 3, 0" },
	{ PAUSE, FOLLOWING, PAUSED, 3, C_NONE,
	  SAME },
	{ PAUSE, FOLLOWING, BLOCKED, 3, C_DONE,
	  "following paused, 3, 0" },
	{ PAUSE, FINISHED, ACTIVE, 0, C_REFUSED,
	  SAME },
	{ PAUSE, FINISHED, ACTIVE, 3, C_REFUSED,
	  SAME },
	{ PAUSE, FINISHED, PAUSED, 3, C_REFUSED,
	  SAME },
	{ PAUSE, FINISHED, BLOCKED, 3, C_REFUSED,
	  SAME },
	{ RESUME, INITIAL, ACTIVE, 0, C_NONE,
	  SAME },
	{ RESUME, INITIAL, ACTIVE, 3, C_NONE,
	  SAME },
	{ RESUME, INITIAL, PAUSED, 3, C_DONE,
	  "initial active, 3, now" },
	{ RESUME, INITIAL, BLOCKED, 3, C_NONE,
	  SAME },
	{ RESUME, FOLLOWING, ACTIVE, 0, C_NONE,
	  SAME },
	{ RESUME, FOLLOWING, ACTIVE, 3, C_NONE,
	  SAME },
	{ RESUME, FOLLOWING, PAUSED, 3, C_DONE,
	  "following active, 3, now" },
	{ RESUME, FOLLOWING, BLOCKED, 3, C_NONE,
	  SAME },
	{ RESUME, FINISHED, ACTIVE, 0, C_REFUSED,
	  SAME },
	{ RESUME, FINISHED, ACTIVE, 3, C_REFUSED,
	  SAME },
	{ RESUME, FINISHED, PAUSED, 3, C_REFUSED,
	  SAME },
	{ RESUME, FINISHED, BLOCKED, 3, C_REFUSED,
	  SAME },
	{ RETRY, INITIAL, ACTIVE, 0, C_NONE,
	  SAME },
	{ RETRY, INITIAL, ACTIVE, 3, C_DONE,
	  "initial active, 0, now" },
	{ RETRY, INITIAL, PAUSED, 3, C_REFUSED,
	  SAME },
	{ RETRY, INITIAL, BLOCKED, 3, C_DONE,
	  "initial active, 0, now" },
	{ RETRY, FOLLOWING, ACTIVE, 0, C_NONE,
	  SAME },
	{ RETRY, FOLLOWING, ACTIVE, 3, C_DONE,
	  "following active, 0, now" },
	{ RETRY, FOLLOWING, PAUSED, 3, C_REFUSED,
	  SAME },
	{ RETRY, FOLLOWING, BLOCKED, 3, C_DONE,
	  "following active, 0, now" },
	{ RETRY, FINISHED, ACTIVE, 0, C_REFUSED,
	  SAME },
	{ RETRY, FINISHED, ACTIVE, 3, C_REFUSED,
	  SAME },
	{ RETRY, FINISHED, PAUSED, 3, C_REFUSED,
	  SAME },
	{ RETRY, FINISHED, BLOCKED, 3, C_REFUSED,
	  SAME },
	{ FINISH, INITIAL, ACTIVE, 0, C_DONE,
	  "initial active, 0, later, wanted" },
	{ FINISH, INITIAL, ACTIVE, 3, C_DONE,
	  "initial active, 3, later, wanted" },
	{ FINISH, INITIAL, PAUSED, 3, C_DONE,
	  "initial paused, 3, later, wanted" },
	{ FINISH, INITIAL, BLOCKED, 3, C_DONE,
	  "initial blocked password, 3, later, wanted" },
	{ FINISH, FOLLOWING, ACTIVE, 0, C_DONE,
	  "following active, 0, now, wanted" },
	{ FINISH, FOLLOWING, ACTIVE, 3, C_DONE,
	  "following active, 3, later, wanted" },
	{ FINISH, FOLLOWING, PAUSED, 3, C_DONE,
	  "following paused, 3, later, wanted" },
	{ FINISH, FOLLOWING, BLOCKED, 3, C_DONE,
	  "finished active, 0, 0" },
	{ FINISH, FINISHED, ACTIVE, 0, C_NONE,
	  SAME },
	{ FINISH, FINISHED, ACTIVE, 3, C_NONE,
	  SAME },
	{ FINISH, FINISHED, PAUSED, 3, C_NONE,
	  SAME },
	{ FINISH, FINISHED, BLOCKED, 3, C_NONE,
	  SAME },
	{ DELETE, INITIAL, ACTIVE, 0, C_DONE,
	  SAME },
	{ DELETE, INITIAL, ACTIVE, 3, C_DONE,
	  SAME },
	{ DELETE, INITIAL, PAUSED, 3, C_DONE,
	  SAME },
	{ DELETE, INITIAL, BLOCKED, 3, C_DONE,
	  SAME },
	{ DELETE, FOLLOWING, ACTIVE, 0, C_DONE,
	  SAME },
	{ DELETE, FOLLOWING, ACTIVE, 3, C_DONE,
	  SAME },
	{ DELETE, FOLLOWING, PAUSED, 3, C_DONE,
	  SAME },
	{ DELETE, FOLLOWING, BLOCKED, 3, C_DONE,
	  SAME },
	{ DELETE, FINISHED, ACTIVE, 0, C_DONE,
	  SAME },
	{ DELETE, FINISHED, ACTIVE, 3, C_DONE,
	  SAME },
	{ DELETE, FINISHED, PAUSED, 3, C_DONE,
	  SAME },
	{ DELETE, FINISHED, BLOCKED, 3, C_DONE,
	  SAME },
};

static void
test_one_command(unsigned int i, const struct migration_record *before)
{
	struct migration_record record = *before;
	enum migration_change change;
	const char *text = NULL, *after = command_tests[i].after;
	bool stops;

	change = migration_state_command(&record, command_tests[i].command,
					 NOW, &text);
	test_assert_idx(change == command_tests[i].change, i);
	test_assert_strcmp_idx(test_record_str(&record), after != SAME ?
			       after : test_record_str(before), i);
	/* a refusal says why */
	test_assert_idx(text != NULL, i);
	test_assert_idx(change != C_REFUSED || *text != '\0', i);
	if (after == SAME)
		test_assert_idx(memcmp(&record, before, sizeof(record)) == 0, i);
	/* a pause and an end take the lease away, nothing else does */
	stops = change == C_DONE &&
		(command_tests[i].command == PAUSE ||
		 (command_tests[i].command == FINISH &&
		  record.phase == FINISHED));
	test_assert_idx(!stops || !migration_state_may_sync(&record), i);
	test_assert_strcmp_idx(record.lease_owner, stops ? "" : "node", i);
	test_assert_idx(record.lease_until == (stops ? 0 : NOW + 100), i);
	test_assert_strcmp_idx(record.credential,
			       record.phase == FINISHED ? "" : "box", i);

	/* asking twice changes nothing, but nobody has to wait for the last
	   sync */
	if (record.finish_wanted && record.phase == FOLLOWING) {
		test_assert_idx(strstr(text, "one last sync") != NULL, i);
		test_assert_idx(migration_state_command(
			&record, FINISH, NOW + 1, &text) == C_DONE, i);
		test_assert_strcmp_idx(test_record_str(&record),
				       "finished active, 0, 0", i);
		test_assert_strcmp_idx(record.credential, "", i);
		test_assert_strcmp_idx(record.lease_owner, "", i);
		test_assert_idx(strstr(text, "since 1970-01-1") != NULL, i);
		test_assert_idx(strstr(text, "is not fetched") != NULL, i);
	} else if (change == C_DONE && command_tests[i].command != DELETE) {
		struct migration_record again = record;

		test_assert_idx(migration_state_command(
			&again, command_tests[i].command, NOW + 1, &text) ==
			C_NONE, i);
		test_assert_idx(memcmp(&again, &record, sizeof(again)) == 0, i);
	}
}

static void test_migration_state_command(void)
{
	struct migration_record record;
	unsigned int i, seen[DELETE + 1][FINISHED + 1][BLOCKED + 1];
	unsigned int command, phase, control;

	test_begin("migration state: commands");
	i_zero(&seen);
	for (i = 0; i < N_ELEMENTS(command_tests); i++) {
		test_record_init(&record, command_tests[i].phase,
				 command_tests[i].control,
				 command_tests[i].attempts);
		test_one_command(i, &record);
		seen[command_tests[i].command][command_tests[i].phase]
			[command_tests[i].control]++;
	}
	/* each pair has its row */
	for (command = PAUSE; command <= DELETE; command++) {
		for (phase = INITIAL; phase <= FINISHED; phase++) {
			for (control = ACTIVE; control <= BLOCKED; control++)
				test_assert(seen[command][phase][control] > 0);
		}
	}
	test_end();
}

static const struct {
	enum migration_outcome outcome;
	enum migration_phase phase;
	enum migration_control control;
	const char *after;
} outcome_tests[] = {
	{ O_DONE, INITIAL, ACTIVE,
	  "following active, 0, interval" },
	{ O_DONE, INITIAL, PAUSED,
	  "following paused, 0, 0" },
	{ O_DONE, INITIAL, BLOCKED,
	  "following active, 0, interval" },
	{ O_DONE, FOLLOWING, ACTIVE,
	  "following active, 0, interval" },
	{ O_DONE, FOLLOWING, PAUSED,
	  "following paused, 0, 0" },
	{ O_DONE, FOLLOWING, BLOCKED,
	  "following active, 0, interval" },
	{ O_DONE, FINISHED, ACTIVE,
	  SAME },
	{ O_DONE, FINISHED, PAUSED,
	  SAME },
	{ O_DONE, FINISHED, BLOCKED,
	  SAME },
	{ O_TEMPORARY, INITIAL, ACTIVE,
	  "initial active, 4, wait" },
	{ O_TEMPORARY, INITIAL, PAUSED,
	  "initial paused, 4, wait" },
	{ O_TEMPORARY, INITIAL, BLOCKED,
	  "initial blocked password, 4, wait" },
	{ O_TEMPORARY, FOLLOWING, ACTIVE,
	  "following active, 4, wait" },
	{ O_TEMPORARY, FOLLOWING, PAUSED,
	  "following paused, 4, wait" },
	{ O_TEMPORARY, FOLLOWING, BLOCKED,
	  "following blocked password, 4, wait" },
	{ O_TEMPORARY, FINISHED, ACTIVE,
	  SAME },
	{ O_TEMPORARY, FINISHED, PAUSED,
	  SAME },
	{ O_TEMPORARY, FINISHED, BLOCKED,
	  SAME },
	{ O_PASSWORD, INITIAL, ACTIVE,
	  "initial blocked password, 3, 0" },
	{ O_PASSWORD, INITIAL, PAUSED,
	  SAME },
	{ O_PASSWORD, INITIAL, BLOCKED,
	  "initial blocked password, 3, 0" },
	{ O_PASSWORD, FOLLOWING, ACTIVE,
	  "following blocked password, 3, 0" },
	{ O_PASSWORD, FOLLOWING, PAUSED,
	  SAME },
	{ O_PASSWORD, FOLLOWING, BLOCKED,
	  "following blocked password, 3, 0" },
	{ O_PASSWORD, FINISHED, ACTIVE,
	  SAME },
	{ O_PASSWORD, FINISHED, PAUSED,
	  SAME },
	{ O_PASSWORD, FINISHED, BLOCKED,
	  SAME },
	{ O_ACCOUNT, INITIAL, ACTIVE,
	  "initial blocked account, 3, 0" },
	{ O_ACCOUNT, INITIAL, PAUSED,
	  SAME },
	{ O_ACCOUNT, INITIAL, BLOCKED,
	  "initial blocked account, 3, 0" },
	{ O_ACCOUNT, FOLLOWING, ACTIVE,
	  "following blocked account, 3, 0" },
	{ O_ACCOUNT, FOLLOWING, PAUSED,
	  SAME },
	{ O_ACCOUNT, FOLLOWING, BLOCKED,
	  "following blocked account, 3, 0" },
	{ O_ACCOUNT, FINISHED, ACTIVE,
	  SAME },
	{ O_ACCOUNT, FINISHED, PAUSED,
	  SAME },
	{ O_ACCOUNT, FINISHED, BLOCKED,
	  SAME },
	{ O_CREDENTIAL, INITIAL, ACTIVE,
	  "initial blocked local, 3, 0" },
	{ O_CREDENTIAL, INITIAL, PAUSED,
	  SAME },
	{ O_CREDENTIAL, INITIAL, BLOCKED,
	  "initial blocked local, 3, 0" },
	{ O_CREDENTIAL, FOLLOWING, ACTIVE,
	  "following blocked local, 3, 0" },
	{ O_CREDENTIAL, FOLLOWING, PAUSED,
	  SAME },
	{ O_CREDENTIAL, FOLLOWING, BLOCKED,
	  "following blocked local, 3, 0" },
	{ O_CREDENTIAL, FINISHED, ACTIVE,
	  SAME },
	{ O_CREDENTIAL, FINISHED, PAUSED,
	  SAME },
	{ O_CREDENTIAL, FINISHED, BLOCKED,
	  SAME },
	{ O_PROVIDER, INITIAL, ACTIVE,
	  "initial blocked provider, 3, 0" },
	{ O_PROVIDER, INITIAL, PAUSED,
	  SAME },
	{ O_PROVIDER, INITIAL, BLOCKED,
	  "initial blocked provider, 3, 0" },
	{ O_PROVIDER, FOLLOWING, ACTIVE,
	  "following blocked provider, 3, 0" },
	{ O_PROVIDER, FOLLOWING, PAUSED,
	  SAME },
	{ O_PROVIDER, FOLLOWING, BLOCKED,
	  "following blocked provider, 3, 0" },
	{ O_PROVIDER, FINISHED, ACTIVE,
	  SAME },
	{ O_PROVIDER, FINISHED, PAUSED,
	  SAME },
	{ O_PROVIDER, FINISHED, BLOCKED,
	  SAME },
	{ O_LOCAL, INITIAL, ACTIVE,
	  "initial blocked local, 3, 0" },
	{ O_LOCAL, INITIAL, PAUSED,
	  SAME },
	{ O_LOCAL, INITIAL, BLOCKED,
	  "initial blocked local, 3, 0" },
	{ O_LOCAL, FOLLOWING, ACTIVE,
	  "following blocked local, 3, 0" },
	{ O_LOCAL, FOLLOWING, PAUSED,
	  SAME },
	{ O_LOCAL, FOLLOWING, BLOCKED,
	  "following blocked local, 3, 0" },
	{ O_LOCAL, FINISHED, ACTIVE,
	  SAME },
	{ O_LOCAL, FINISHED, PAUSED,
	  SAME },
	{ O_LOCAL, FINISHED, BLOCKED,
	  SAME },
};

static void test_migration_state_outcome(void)
{
	struct migration_sync_result result;
	struct migration_record before, record;
	unsigned int i, seen[O_LOCAL + 1][FINISHED + 1][BLOCKED + 1];
	unsigned int outcome, phase, control;

	test_begin("migration state: outcomes");
	i_zero(&seen);
	for (i = 0; i < N_ELEMENTS(outcome_tests); i++) {
		test_record_init(&before, outcome_tests[i].phase,
				 outcome_tests[i].control, ATTEMPTS);
		record = before;
		i_zero(&result);
		result.outcome = outcome_tests[i].outcome;
		result.credential_current = TRUE;
		result.error = "new error";
		migration_state_sync_finished(&record, &result, NOW,
					      &timing_set, 0);
		test_assert_strcmp_idx(test_record_str(&record),
				       outcome_tests[i].after != SAME ?
				       outcome_tests[i].after :
				       test_record_str(&before), i);
		test_assert_strcmp_idx(record.lease_owner, "", i);
		test_assert_idx(record.lease_until == 0, i);
		test_assert_strcmp_idx(record.error,
			record.phase == FINISHED ? "old error" :
			result.outcome == O_DONE ? "" : "new error", i);
		test_assert_idx(record.following_since ==
				(before.phase == INITIAL &&
				 record.phase == FOLLOWING ? NOW : 0), i);
		seen[outcome_tests[i].outcome][outcome_tests[i].phase]
			[outcome_tests[i].control]++;
	}
	for (outcome = O_DONE; outcome <= O_LOCAL; outcome++) {
		for (phase = INITIAL; phase <= FINISHED; phase++) {
			for (control = ACTIVE; control <= BLOCKED; control++) {
				test_assert(seen[outcome][phase][control] ==
					    1);
			}
		}
	}
	test_end();
}

/* "finish" is a wish that the end of a sync grants. */
static void test_migration_state_finish_wanted(void)
{
	static const struct {
		enum migration_phase phase;
		enum migration_control control;
		/* the wish was there when the sync began */
		bool known;
		enum migration_outcome outcome;
		const char *after;
	} tests[] = {
		{ INITIAL, ACTIVE, TRUE, O_DONE, "finished active, 0, 0" },
		{ INITIAL, ACTIVE, FALSE, O_DONE, "finished active, 0, 0" },
		{ INITIAL, BLOCKED, TRUE, O_DONE, "finished active, 0, 0" },
		/* first somebody has to resume it */
		{ INITIAL, PAUSED, TRUE, O_DONE,
		  "following paused, 0, 0, wanted" },
		{ INITIAL, ACTIVE, TRUE, O_TEMPORARY,
		  "initial active, 4, wait, wanted" },
		{ INITIAL, ACTIVE, TRUE, O_LOCAL,
		  "initial blocked local, 3, 0, wanted" },
		{ FOLLOWING, ACTIVE, TRUE, O_DONE, "finished active, 0, 0" },
		/* it may have overlooked what came before the wish */
		{ FOLLOWING, ACTIVE, FALSE, O_DONE,
		  "following active, 0, now, wanted" },
		{ FOLLOWING, PAUSED, TRUE, O_DONE,
		  "following paused, 0, 0, wanted" },
		/* tried again as ever */
		{ FOLLOWING, ACTIVE, TRUE, O_TEMPORARY,
		  "following active, 4, wait, wanted" },
		{ FOLLOWING, ACTIVE, TRUE, O_PASSWORD,
		  "following blocked password, 3, 0, wanted" },
	};
	struct migration_sync_result result;
	struct migration_record record;
	unsigned int i;

	test_begin("migration state: finish as soon as it is done");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_record_init(&record, tests[i].phase, tests[i].control,
				 ATTEMPTS);
		record.finish_wanted = TRUE;
		i_zero(&result);
		result.outcome = tests[i].outcome;
		result.credential_current = TRUE;
		result.error = "error";
		result.finish_was_wanted = tests[i].known;
		migration_state_sync_finished(&record, &result, NOW,
					      &timing_set, 0);
		test_assert_strcmp_idx(test_record_str(&record),
				       tests[i].after, i);
		test_assert_strcmp_idx(record.credential,
				       record.phase == FINISHED ? "" : "box",
				       i);
		if (tests[i].outcome == O_DONE)
			test_assert_idx(record.last_sync == NOW, i);
		if (tests[i].outcome == O_DONE && tests[i].phase == INITIAL)
			test_assert_idx(record.following_since == NOW, i);
	}
	test_end();
}

/* What people are told, and what they can do about it. */
static void test_migration_state_finish_text(void)
{
	static const struct {
		enum migration_phase phase;
		enum migration_control control;
		unsigned int attempts;
		const char *credential;
		bool wanted;
		const char *text, *after;
	} tests[] = {
		{ INITIAL, ACTIVE, 0, "box", FALSE, "first full sync",
		  "initial active, 0, later, wanted" },
		{ FOLLOWING, ACTIVE, 0, "box", FALSE,
		  "one last sync; asked again",
		  "following active, 0, now, wanted" },
		{ FOLLOWING, ACTIVE, 3, "box", FALSE, "one last sync at 1970-",
		  "following active, 3, later, wanted" },
		{ FOLLOWING, PAUSED, 0, "box", FALSE,
		  "one last sync when it is resumed",
		  "following paused, 0, later, wanted" },
		/* nothing could come of it, or nobody wants it */
		{ FOLLOWING, BLOCKED, 0, "box", FALSE, "is not fetched",
		  "finished active, 0, 0" },
		{ FOLLOWING, ACTIVE, 0, "", FALSE, "is not fetched",
		  "finished active, 0, 0" },
		{ FOLLOWING, ACTIVE, 3, "box", TRUE, "is not fetched",
		  "finished active, 0, 0" },
		{ FOLLOWING, PAUSED, 0, "box", TRUE, "is not fetched",
		  "finished active, 0, 0" },
		{ FOLLOWING, BLOCKED, 0, "box", TRUE, "is not fetched",
		  "finished active, 0, 0" },
	};
	struct migration_record record;
	const char *text;
	unsigned int i;

	test_begin("migration state: finish, in words");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_record_init(&record, tests[i].phase, tests[i].control,
				 tests[i].attempts);
		record.credential = tests[i].credential;
		record.finish_wanted = tests[i].wanted;
		test_assert_idx(migration_state_finish(&record, NOW, &text) ==
				C_DONE, i);
		test_assert_idx(strstr(text, tests[i].text) != NULL, i);
		test_assert_strcmp_idx(test_record_str(&record),
				       tests[i].after, i);
	}
	/* the wish outlives a pause */
	test_record_init(&record, FOLLOWING, ACTIVE, 0);
	test_assert(migration_state_finish(&record, NOW, &text) == C_DONE);
	test_assert(migration_state_pause(&record, &text) == C_DONE);
	test_assert(migration_state_resume(&record, NOW, &text) == C_DONE);
	test_assert_strcmp(test_record_str(&record),
			   "following active, 0, now, wanted");
	test_end();
}

/* A provider's own "try again in N" wins over ours. */
static void test_migration_state_retry_after(void)
{
	static const struct {
		enum migration_outcome outcome;
		unsigned int retry_after_secs;
		const char *after;
	} tests[] = {
		{ O_TEMPORARY, 0, "initial active, 4, wait" },
		{ O_TEMPORARY, 500, "initial active, 4, later" },
		{ O_TEMPORARY, 1, "initial active, 4, 1000001" },
		{ O_TEMPORARY, 86400, "initial active, 4, 1086400" },
		{ O_DONE, 500, "following active, 0, interval" },
		{ O_PASSWORD, 500, "initial blocked password, 3, 0" },
	};
	struct migration_sync_result result;
	struct migration_record record;
	unsigned int i;

	test_begin("migration state: the provider's wait");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_record_init(&record, INITIAL, ACTIVE, ATTEMPTS);
		i_zero(&result);
		result.outcome = tests[i].outcome;
		result.credential_current = TRUE;
		result.error = "error";
		result.retry_after_secs = tests[i].retry_after_secs;
		migration_state_sync_finished(&record, &result, NOW,
					      &timing_set, 0);
		test_assert_strcmp_idx(test_record_str(&record),
				       tests[i].after, i);
	}
	test_end();
}

static void test_migration_state_finish_is_due(void)
{
	static const struct {
		enum migration_phase phase;
		enum migration_control control;
		time_t following_since, lease_until;
		struct migration_finish_settings set;
		bool due;
		time_t finish_time;
		bool wanted;
	} tests[] = {
		/* never */
		{ FOLLOWING, ACTIVE, 1, 0, { 0, 0 }, FALSE, 0, FALSE },
		/* after */
		{ FOLLOWING, ACTIVE, NOW - 10, 0, { 10, 0 }, TRUE, NOW, FALSE },
		{ FOLLOWING, ACTIVE, NOW - 99, 0, { 10, 0 }, TRUE, NOW - 89,
		  FALSE },
		{ FOLLOWING, ACTIVE, NOW - 9, 0, { 10, 0 }, FALSE, NOW + 1,
		  FALSE },
		/* at */
		{ FOLLOWING, ACTIVE, NOW, 0, { 0, NOW }, TRUE, NOW, FALSE },
		{ FOLLOWING, ACTIVE, NOW, 0, { 0, 1 }, TRUE, 1, FALSE },
		{ FOLLOWING, ACTIVE, NOW - 99, 0, { 0, NOW + 1 }, FALSE,
		  NOW + 1, FALSE },
		/* whichever comes first */
		{ FOLLOWING, ACTIVE, NOW - 5, 0, { 10, NOW - 1 }, TRUE,
		  NOW - 1, FALSE },
		{ FOLLOWING, ACTIVE, NOW - 20, 0, { 10, NOW + 1 }, TRUE,
		  NOW - 10, FALSE },
		{ FOLLOWING, ACTIVE, NOW - 5, 0, { 10, NOW + 1 }, FALSE,
		  NOW + 1, FALSE },
		{ FOLLOWING, ACTIVE, NOW - 5, 0, { 10, NOW + 9 }, FALSE,
		  NOW + 5, FALSE },
		/* blocked or not, but an administrator's pause holds it */
		{ FOLLOWING, BLOCKED, NOW - 10, 0, { 10, 0 }, TRUE, NOW,
		  FALSE },
		{ FOLLOWING, PAUSED, NOW - 10, 0, { 10, 1 }, FALSE, 0, FALSE },
		/* the last sync is on its way; if it cannot be, it is not waited
		   for */
		{ FOLLOWING, ACTIVE, NOW - 10, 0, { 10, 0 }, FALSE, NOW,
		  TRUE },
		{ FOLLOWING, BLOCKED, NOW - 10, 0, { 10, 0 }, TRUE, NOW,
		  TRUE },
		{ FOLLOWING, PAUSED, NOW - 10, 0, { 10, 0 }, FALSE, 0, TRUE },
		/* a sync is let end */
		{ FOLLOWING, ACTIVE, NOW - 10, NOW + 1, { 10, 0 }, FALSE,
		  NOW, FALSE },
		/* first its mail, then the end */
		{ INITIAL, ACTIVE, 0, 0, { 10, 1 }, FALSE, 0, FALSE },
		{ FINISHED, ACTIVE, NOW - 10, 0, { 10, 1 }, FALSE, 0, FALSE },
	};
	struct migration_record record;
	time_t before;
	unsigned int i;

	test_begin("migration state: end by itself");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_record_init(&record, tests[i].phase, tests[i].control, 0);
		record.following_since = tests[i].following_since;
		record.lease_until = tests[i].lease_until;
		record.finish_wanted = tests[i].wanted;
		test_assert_idx(migration_state_finish_is_due(
			&record, &tests[i].set, NOW) == tests[i].due, i);
		test_assert_cmp_idx(migration_state_finish_time(
			&record, &tests[i].set), ==, tests[i].finish_time, i);
		/* what the store asks with says the same */
		before = migration_state_finish_before(&tests[i].set, NOW);
		if (tests[i].due) {
			test_assert_idx(before != 0 &&
				tests[i].following_since <= before, i);
		}
	}
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_state_command,
		test_migration_state_outcome,
		test_migration_state_finish_wanted,
		test_migration_state_finish_text,
		test_migration_state_retry_after,
		test_migration_state_finish_is_due,
		NULL
	};
	return test_run(test_functions);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-addition.h"
#include "test-common.h"

#define NOW 1000000
#define LATER (NOW + 500)
#define DONE MIGRATION_CHANGE_DONE
#define NONE MIGRATION_CHANGE_NONE
#define REFUSED MIGRATION_CHANGE_REFUSED

static const struct migration_addition test_addition = {
	.username = "anna@old.example",
	.provider = "oldhost",
	.remote_user = "anna@old.example",
	.login = "proxy",
	.credential = "new",
};

static void test_migration_addition_new(void)
{
	struct migration_addition addition = test_addition;
	const char *text = NULL;

	test_begin("migration addition: nobody here of that name");
	test_assert(migration_addition_new(&addition, &text) == DONE);
	test_assert(strstr(text, "first login") != NULL);
	addition.at_home = TRUE;
	test_assert(migration_addition_new(&addition, &text) == REFUSED);
	test_assert(strstr(text, "at home") != NULL);
	test_end();
}

static void test_migration_addition_again(void)
{
#define INITIAL MIGRATION_PHASE_INITIAL
#define FOLLOWING MIGRATION_PHASE_FOLLOWING
#define FINISHED MIGRATION_PHASE_FINISHED
#define ACTIVE MIGRATION_CONTROL_ACTIVE
#define PAUSED MIGRATION_CONTROL_PAUSED
#define BLOCKED MIGRATION_CONTROL_BLOCKED
#define NO_REASON MIGRATION_REASON_NONE
	static const struct {
		const char *provider, *remote_user, *credential;
		enum migration_phase phase;
		enum migration_control control;
		enum migration_reason reason;
		const char *new_credential;

		enum migration_change change;
		enum migration_control new_control;
		const char *text;
	} tests[] = {
		/* it goes on as it is */
		{ "oldhost", "anna@old.example", "old", INITIAL, ACTIVE,
		  NO_REASON, "new", NONE, ACTIVE, "stays" },
		{ "oldhost", "anna@old.example", "old", FOLLOWING, ACTIVE,
		  NO_REASON, "new", NONE, ACTIVE, "stays" },
		{ "oldhost", "anna@old.example", "old", INITIAL, PAUSED,
		  NO_REASON, "new", NONE, PAUSED, "stays" },
		{ "oldhost", "Anna@Old.Example", "old", INITIAL, ACTIVE,
		  NO_REASON, "new", NONE, ACTIVE, "stays" },
		{ "oldhost", "anna@old.example", "old", INITIAL, BLOCKED,
		  MIGRATION_REASON_ACCOUNT, "new", NONE, BLOCKED, "stays" },
		{ "oldhost", "anna@old.example", "old", INITIAL, BLOCKED,
		  MIGRATION_REASON_PROVIDER, "new", NONE, BLOCKED, "stays" },
		/* nothing new */
		{ "oldhost", "anna@old.example", "new", INITIAL, BLOCKED,
		  MIGRATION_REASON_PASSWORD, "new", NONE, BLOCKED, "" },
		{ "oldhost", "anna@old.example", "", INITIAL, ACTIVE,
		  NO_REASON, "", NONE, ACTIVE, "" },
		/* what was stored is of no use */
		{ "oldhost", "anna@old.example", "old", INITIAL, BLOCKED,
		  MIGRATION_REASON_PASSWORD, "new", DONE, ACTIVE, "new" },
		{ "oldhost", "anna@old.example", "old", FOLLOWING, BLOCKED,
		  MIGRATION_REASON_LOCAL, "new", DONE, ACTIVE, "new" },
		{ "oldhost", "anna@old.example", "", INITIAL, ACTIVE,
		  NO_REASON, "new", DONE, ACTIVE, "new" },
		{ "oldhost", "anna@old.example", "", INITIAL, PAUSED,
		  NO_REASON, "new", DONE, PAUSED, "new" },
		/* somebody else's, or over */
		{ "otherhost", "anna@old.example", "old", INITIAL, ACTIVE,
		  NO_REASON, "new", REFUSED, ACTIVE, "otherhost" },
		{ "oldhost", "a17", "old", INITIAL, ACTIVE,
		  NO_REASON, "new", REFUSED, ACTIVE, "as a17" },
		{ "oldhost", "anna@old.example", "", FINISHED, ACTIVE,
		  NO_REASON, "new", REFUSED, ACTIVE, "finished" },
	};
	struct migration_record record;
	const char *text;
	unsigned int i;

	test_begin("migration addition: there is a record");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		struct migration_addition addition = test_addition;

		addition.credential = tests[i].new_credential;
		i_zero(&record);
		record.username = addition.username;
		record.provider = tests[i].provider;
		record.remote_user = tests[i].remote_user;
		record.credential = tests[i].credential;
		record.phase = tests[i].phase;
		record.control = tests[i].control;
		record.reason = tests[i].reason;
		record.error = "";
		record.next_sync = LATER;
		text = NULL;
		test_assert_idx(migration_addition_again(
			&record, &addition, NOW, &text) == tests[i].change, i);
		test_assert_idx(record.control == tests[i].new_control, i);
		test_assert_idx(strstr(text, tests[i].text) != NULL, i);
		test_assert_strcmp_idx(record.credential,
				       tests[i].change == DONE ?
				       tests[i].new_credential :
				       tests[i].credential, i);
		if (tests[i].control == BLOCKED && tests[i].change == DONE)
			test_assert_idx(record.next_sync == NOW, i);
		else
			test_assert_idx(record.next_sync == LATER, i);
	}
	test_end();
}

static void test_migration_record_awaits_login(void)
{
	static const struct {
		const char *account_password, *adopted_password;
		bool awaits;
	} tests[] = {
		{ "", "", TRUE },
		/* set by hand */
		{ "{PLAIN}x", "", FALSE },
		{ "{PLAIN}x", "{PLAIN}x", FALSE },
		/* taken away by hand */
		{ "", "{PLAIN}x", FALSE },
	};
	struct migration_record record;
	unsigned int i;

	test_begin("migration record: waits for the first login");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		i_zero(&record);
		record.account_password = tests[i].account_password;
		record.adopted_password = tests[i].adopted_password;
		test_assert_idx(migration_record_awaits_login(&record) ==
				tests[i].awaits, i);
	}
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_addition_new,
		test_migration_addition_again,
		test_migration_record_awaits_login,
		NULL
	};

	return test_run(test_functions);
}

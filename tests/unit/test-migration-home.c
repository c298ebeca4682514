/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-home.h"
#include "test-common.h"

#define NONE MIGRATION_HOME_RECORD_NONE
#define ACCOUNT MIGRATION_HOME_RECORD_ACCOUNT
#define UNFINISHED MIGRATION_HOME_RECORD_UNFINISHED
#define NOT_ASKED MIGRATION_HOME_NOT_ASKED
#define UNKNOWN MIGRATION_HOME_UNKNOWN_USER
#define PASSDB MIGRATION_HOME_PASSDB
#define USERDB MIGRATION_HOME_USERDB
#define UNSURE MIGRATION_HOME_UNSURE
#define STEP(name) MIGRATION_HOME_STEP_##name

static void test_migration_home_next(void)
{
	static const struct {
		struct migration_home_search search;
		enum migration_home_step step;
	} tests[] = {
		/* record, databases, not taken, asked again */
		{ { NONE, NOT_ASKED, FALSE, FALSE }, STEP(DATABASES) },
		{ { ACCOUNT, NOT_ASKED, FALSE, FALSE }, STEP(AT_HOME) },
		{ { UNFINISHED, NOT_ASKED, FALSE, FALSE }, STEP(RECORD) },

		{ { NONE, UNKNOWN, FALSE, FALSE }, STEP(PROVIDER) },
		{ { NONE, UNSURE, FALSE, FALSE }, STEP(UNSURE) },
		/* older than the queue's answer: it stays what it is */
		{ { NONE, PASSDB, FALSE, FALSE }, STEP(AT_HOME) },
		/* younger: perhaps another login has created the account */
		{ { NONE, USERDB, FALSE, FALSE }, STEP(ASK_AGAIN) },
		{ { NONE, USERDB, FALSE, TRUE }, STEP(AT_HOME) },
		{ { UNFINISHED, USERDB, FALSE, TRUE }, STEP(RECORD) },
		{ { ACCOUNT, USERDB, FALSE, TRUE }, STEP(CHANGED) },

		/* what was known before the provider was asked is outdated */
		{ { NONE, UNKNOWN, TRUE, FALSE }, STEP(ASK_AGAIN) },
		{ { UNFINISHED, NOT_ASKED, TRUE, FALSE }, STEP(ASK_AGAIN) },
		{ { UNFINISHED, USERDB, TRUE, FALSE }, STEP(ASK_AGAIN) },
		/* gone again, and nobody asks the provider once more */
		{ { NONE, UNKNOWN, TRUE, TRUE }, STEP(CHANGED) },
		{ { NONE, NOT_ASKED, TRUE, TRUE }, STEP(CHANGED) },
		{ { NONE, USERDB, TRUE, TRUE }, STEP(CHANGED) },
		{ { ACCOUNT, UNKNOWN, TRUE, TRUE }, STEP(CHANGED) },
		{ { ACCOUNT, NOT_ASKED, TRUE, TRUE }, STEP(CHANGED) },
		{ { UNFINISHED, UNKNOWN, TRUE, TRUE }, STEP(RECORD) },
		{ { UNFINISHED, NOT_ASKED, TRUE, TRUE }, STEP(RECORD) },
	};
	unsigned int i;

	test_begin("migration home: next");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_ucmp_idx(migration_home_next(&tests[i].search), ==,
				     tests[i].step, i);
	}
	test_end();
}

/* Whatever is answered: who was asked again is not asked again, and the
   provider is asked only for whom nobody here knows. */
static void test_migration_home_bounds(void)
{
	static const enum migration_home_record records[] = { NONE, ACCOUNT,
							      UNFINISHED };
	static const enum migration_home databases[] = { NOT_ASKED, UNKNOWN,
							 PASSDB, USERDB,
							 UNSURE };
	struct migration_home_search search;
	enum migration_home_step step;
	unsigned int i;

	test_begin("migration home: bounds");
	for (i = 0; i < N_ELEMENTS(records) * N_ELEMENTS(databases) * 4; i++) {
		search.record = records[i / 4 % N_ELEMENTS(records)];
		search.databases = databases[i / 4 / N_ELEMENTS(records)];
		search.not_taken = (i & 1) != 0;
		search.asked_again = (i & 2) != 0;
		step = migration_home_next(&search);
		test_assert_idx(!search.asked_again || step != STEP(ASK_AGAIN),
				i);
		test_assert_idx(step != STEP(PROVIDER) ||
				(search.record == NONE &&
				 search.databases == UNKNOWN &&
				 !search.not_taken), i);
		test_assert_idx(step != STEP(RECORD) ||
				search.record == UNFINISHED, i);
		test_assert_idx(step != STEP(DATABASES) ||
				search.databases == NOT_ASKED, i);
	}
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_home_next,
		test_migration_home_bounds,
		NULL
	};

	return test_run(test_functions);
}

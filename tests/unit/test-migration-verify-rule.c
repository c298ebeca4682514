/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-verify-rule.h"
#include "test-common.h"

#define SEEN MAIL_SEEN
#define FLAGGED MAIL_FLAGGED
#define UNKNOWN UOFF_T_MAX

static void test_migration_verify_message(void)
{
	static const struct {
		struct migration_verify_mark mark;
		struct migration_verify_message message;
		enum migration_verify_verdict verdict;
	} tests[] = {
		/* it is here, whatever else is known */
		{ { FALSE, 9, 0 }, { 5, 100, 5, FALSE, FALSE, FALSE },
		  MIGRATION_VERIFY_SAME },
		{ { FALSE, 0, 0 }, { 5, 100, 5, FALSE, FALSE, FALSE },
		  MIGRATION_VERIFY_SAME },
		{ { TRUE, 0, 50 }, { 5, 100, 5, TRUE, FALSE, FALSE },
		  MIGRATION_VERIFY_SAME },
		{ { FALSE, 9, 0 }, { 5, 100, 12, FALSE, FALSE, FALSE },
		  MIGRATION_VERIFY_OTHER_UID },
		{ { TRUE, 9, 50 }, { 5, 100, 12, TRUE, FALSE, FALSE },
		  MIGRATION_VERIFY_OTHER_UID },
		/* in front of the mark and behind it */
		{ { FALSE, 9, 0 }, { 1, 100, 0, FALSE, FALSE, FALSE },
		  MIGRATION_VERIFY_DELETED },
		{ { FALSE, 9, 0 }, { 9, 100, 0, FALSE, FALSE, FALSE },
		  MIGRATION_VERIFY_DELETED },
		{ { FALSE, 9, 0 }, { 10, 100, 0, FALSE, FALSE, FALSE },
		  MIGRATION_VERIFY_NEW },
		{ { FALSE, 0, 0 }, { 1, 100, 0, FALSE, FALSE, FALSE },
		  MIGRATION_VERIFY_NEW },
		{ { FALSE, (uint32_t)-1, 0 },
		  { (uint32_t)-1, 100, 0, FALSE, FALSE, FALSE },
		  MIGRATION_VERIFY_DELETED },
		/* pending ones are in front of it */
		{ { FALSE, 9, 0 }, { 5, 100, 0, TRUE, FALSE, FALSE },
		  MIGRATION_VERIFY_PENDING },
		{ { TRUE, 9, 50 }, { 5, 100, 0, TRUE, FALSE, FALSE },
		  MIGRATION_VERIFY_PENDING },
		/* max_size */
		{ { FALSE, 9, 100 }, { 5, 100, 0, FALSE, FALSE, FALSE },
		  MIGRATION_VERIFY_DELETED },
		{ { FALSE, 9, 100 }, { 5, 101, 0, FALSE, FALSE, FALSE },
		  MIGRATION_VERIFY_TOO_LARGE },
		{ { FALSE, 9, 100 }, { 10, 101, 0, FALSE, FALSE, FALSE },
		  MIGRATION_VERIFY_TOO_LARGE },
		{ { TRUE, 0, 100 }, { 10, 101, 0, FALSE, FALSE, FALSE },
		  MIGRATION_VERIFY_TOO_LARGE },
		{ { FALSE, 9, 100 }, { 10, UNKNOWN, 0, FALSE, FALSE, FALSE },
		  MIGRATION_VERIFY_NEW },
		{ { FALSE, 9, 0 }, { 10, UNKNOWN, 0, FALSE, FALSE, FALSE },
		  MIGRATION_VERIFY_NEW },
		/* and the limit was raised since */
		{ { FALSE, 9, 0 }, { 5, 100, 0, FALSE, FALSE, TRUE },
		  MIGRATION_VERIFY_TOO_LARGE },
		/* gone behind Dovecot's back: nothing excuses that */
		{ { FALSE, 9, 50 }, { 5, 100, 0, FALSE, TRUE, FALSE },
		  MIGRATION_VERIFY_LOST },
		{ { FALSE, 9, 0 }, { 5, 100, 5, FALSE, TRUE, FALSE },
		  MIGRATION_VERIFY_LOST },
		/* without marks it cannot be told */
		{ { TRUE, 0, 0 }, { 5, 100, 0, FALSE, FALSE, FALSE },
		  MIGRATION_VERIFY_MISSING },
		{ { TRUE, 9, 0 }, { 5, 100, 0, FALSE, FALSE, FALSE },
		  MIGRATION_VERIFY_MISSING },
	};

	test_begin("migration verify: message");
	for (unsigned int i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_idx(migration_verify_message(&tests[i].mark,
							 &tests[i].message) ==
					tests[i].verdict,
				i);
	}
	test_end();
}

static void test_migration_verify_missing(void)
{
	test_begin("migration verify: missing");
	for (unsigned int i = 0; i < MIGRATION_VERIFY_VERDICTS; i++) {
		test_assert_idx(migration_verify_is_missing(i) ==
					(i >= MIGRATION_VERIFY_NEW),
				i);
		test_assert_idx((migration_verify_to_text(i) == NULL) ==
					(i == MIGRATION_VERIFY_SAME),
				i);
		test_assert_idx((migration_verify_to_count_text(i) == NULL) ==
					(i == MIGRATION_VERIFY_SAME),
				i);
	}
	test_end();
}

static void test_migration_verify_flags(void)
{
	static const struct {
		struct migration_flags there, here, seen;
		bool marked, changed_here;
		enum migration_verify_flags verdict;
	} tests[] = {
		/* the same, however that came */
		{ { SEEN, 5 }, { SEEN, 5 }, { SEEN, 5 }, TRUE, FALSE,
		  MIGRATION_VERIFY_FLAGS_SAME },
		{ { SEEN, 5 }, { SEEN, 5 }, { 0, 0 }, TRUE, TRUE,
		  MIGRATION_VERIFY_FLAGS_SAME },
		{ { SEEN, 5 }, { SEEN, 5 }, { 0, 0 }, FALSE, FALSE,
		  MIGRATION_VERIFY_FLAGS_SAME },
		/* changed here since the last sync, or before it */
		{ { SEEN, 0 }, { 0, 0 }, { SEEN, 0 }, TRUE, TRUE,
		  MIGRATION_VERIFY_FLAGS_CHANGED_HERE },
		{ { SEEN, 0 }, { SEEN, 1 }, { SEEN, 0 }, TRUE, FALSE,
		  MIGRATION_VERIFY_FLAGS_CHANGED_HERE },
		/* on both sides: here wins */
		{ { SEEN, 0 }, { FLAGGED, 0 }, { 0, 0 }, TRUE, TRUE,
		  MIGRATION_VERIFY_FLAGS_CHANGED_HERE },
		/* changed there since */
		{ { SEEN, 0 }, { 0, 0 }, { 0, 0 }, TRUE, FALSE,
		  MIGRATION_VERIFY_FLAGS_CHANGED_THERE },
		{ { SEEN, 1 }, { SEEN, 2 }, { SEEN, 2 }, TRUE, FALSE,
		  MIGRATION_VERIFY_FLAGS_CHANGED_THERE },
		/* without a mark */
		{ { SEEN, 0 }, { 0, 0 }, { 0, 0 }, FALSE, FALSE,
		  MIGRATION_VERIFY_FLAGS_DIFFER },
		{ { 0, 1 }, { 0, 0 }, { 0, 0 }, FALSE, TRUE,
		  MIGRATION_VERIFY_FLAGS_DIFFER },
	};

	test_begin("migration verify: flags");
	for (unsigned int i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_idx(
			migration_verify_flags(&tests[i].there, &tests[i].here,
					       tests[i].marked ? &tests[i].seen :
								 NULL,
					       tests[i].changed_here) ==
				tests[i].verdict,
			i);
	}
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_verify_message,
		test_migration_verify_missing,
		test_migration_verify_flags,
		NULL
	};

	return test_run(test_functions);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-flags.h"
#include "test-common.h"

#define SEEN MAIL_SEEN
#define FLAGGED MAIL_FLAGGED
#define DRAFT MAIL_DRAFT
#define KEYWORD_LAST (UINT64_C(1) << 63)

static void test_migration_flags_rule(void)
{
	static const struct {
		struct migration_flags seen, now;
		bool changed_here, ret;
		struct migration_flags_change change;
	} tests[] = {
		/* nothing changed */
		{ { 0, 0 }, { 0, 0 }, FALSE, FALSE, { { 0, 0 }, { 0, 0 } } },
		{ { SEEN, 5 }, { SEEN, 5 }, FALSE, FALSE,
		  { { 0, 0 }, { 0, 0 } } },
		{ { SEEN, 5 }, { SEEN, 5 }, TRUE, FALSE,
		  { { 0, 0 }, { 0, 0 } } },
		/* additions */
		{ { 0, 0 }, { SEEN, 0 }, FALSE, TRUE,
		  { { SEEN, 0 }, { 0, 0 } } },
		{ { 0, 0 }, { 0, 4 }, FALSE, TRUE, { { 0, 4 }, { 0, 0 } } },
		{ { SEEN, 1 }, { SEEN | FLAGGED, 3 }, FALSE, TRUE,
		  { { FLAGGED, 2 }, { 0, 0 } } },
		{ { 0, 0 }, { MIGRATION_FLAGS_MASK, UINT64_MAX }, FALSE, TRUE,
		  { { MIGRATION_FLAGS_MASK, UINT64_MAX }, { 0, 0 } } },
		{ { 0, 1 }, { 0, KEYWORD_LAST | 1 }, FALSE, TRUE,
		  { { 0, KEYWORD_LAST }, { 0, 0 } } },
		/* removals */
		{ { SEEN, 0 }, { 0, 0 }, FALSE, TRUE,
		  { { 0, 0 }, { SEEN, 0 } } },
		{ { 0, 4 }, { 0, 0 }, FALSE, TRUE, { { 0, 0 }, { 0, 4 } } },
		{ { SEEN | FLAGGED, 3 }, { SEEN, 1 }, FALSE, TRUE,
		  { { 0, 0 }, { FLAGGED, 2 } } },
		{ { MIGRATION_FLAGS_MASK, UINT64_MAX }, { 0, 0 }, FALSE, TRUE,
		  { { 0, 0 }, { MIGRATION_FLAGS_MASK, UINT64_MAX } } },
		/* both */
		{ { SEEN, 1 }, { FLAGGED, 2 }, FALSE, TRUE,
		  { { FLAGGED, 2 }, { SEEN, 1 } } },
		{ { SEEN, 0 }, { 0, KEYWORD_LAST }, FALSE, TRUE,
		  { { 0, KEYWORD_LAST }, { SEEN, 0 } } },
		{ { SEEN | DRAFT, 6 }, { SEEN | FLAGGED, 3 }, FALSE, TRUE,
		  { { FLAGGED, 1 }, { DRAFT, 4 } } },
		/* changed here wins */
		{ { 0, 0 }, { SEEN, 1 }, TRUE, FALSE, { { 0, 0 }, { 0, 0 } } },
		{ { SEEN, 1 }, { 0, 0 }, TRUE, FALSE, { { 0, 0 }, { 0, 0 } } },
		{ { SEEN, 1 }, { FLAGGED, 2 }, TRUE, FALSE,
		  { { 0, 0 }, { 0, 0 } } },
	};
	struct migration_flags_change change;
	bool ret;

	test_begin("migration flags: rule");
	for (unsigned int i = 0; i < N_ELEMENTS(tests); i++) {
		/* it sets all of it */
		memset(&change, 0xff, sizeof(change));
		ret = migration_flags_rule(&tests[i].seen, &tests[i].now,
					   tests[i].changed_here, &change);
		test_assert_idx(ret == tests[i].ret, i);
		test_assert_idx(migration_flags_equal(&change.add,
						      &tests[i].change.add),
				i);
		test_assert_idx(migration_flags_equal(&change.remove,
						      &tests[i].change.remove),
				i);
	}
	test_end();
}

static void test_migration_flags_equal(void)
{
	static const struct {
		struct migration_flags a, b;
		bool equal;
	} tests[] = {
		{ { 0, 0 }, { 0, 0 }, TRUE },
		{ { SEEN, 1 }, { SEEN, 1 }, TRUE },
		{ { SEEN, 1 }, { FLAGGED, 1 }, FALSE },
		{ { SEEN, 1 }, { SEEN, 2 }, FALSE },
		{ { SEEN, 1 }, { SEEN, KEYWORD_LAST | 1 }, FALSE },
	};

	test_begin("migration flags: equal");
	for (unsigned int i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_idx(migration_flags_equal(&tests[i].a,
						      &tests[i].b) ==
				tests[i].equal, i);
		test_assert_idx(migration_flags_equal(&tests[i].b,
						      &tests[i].a) ==
				tests[i].equal, i);
	}
	test_end();
}

static void test_migration_flags_expunge(void)
{
	static const struct {
		bool changed_here, keep, expunge;
	} tests[] = {
		{ FALSE, FALSE, TRUE },
		{ FALSE, TRUE, FALSE },
		{ TRUE, FALSE, FALSE },
		{ TRUE, TRUE, FALSE },
	};

	test_begin("migration flags: expunge");
	for (unsigned int i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_idx(migration_flags_expunge(tests[i].changed_here,
							tests[i].keep) ==
				tests[i].expunge, i);
	}
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_flags_rule,
		test_migration_flags_equal,
		test_migration_flags_expunge,
		NULL
	};

	return test_run(test_functions);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-breaker.h"
#include "test-common.h"

#define NOW 1000000

#define CLOSED MIGRATION_BREAKER_CLOSED
#define HALF MIGRATION_BREAKER_HALF_OPEN
#define OPEN MIGRATION_BREAKER_OPEN
#define ANSWERED MIGRATION_BREAKER_ANSWERED
#define FAILED MIGRATION_BREAKER_FAILED
#define UNKNOWN MIGRATION_BREAKER_UNKNOWN

static const struct migration_breaker_settings test_set = {
	.failures = 5,
	.open_secs = 30,
};

static void test_migration_breaker_finish(void)
{
	/* opened is relative to NOW */
	static const struct {
		struct migration_breaker before;
		enum migration_breaker_result result;
		bool trial;
		struct migration_breaker after;
		bool changed;
	} tests[] = {
		/* closed: failures in a row */
		{ { CLOSED, 0, 0 }, FAILED, FALSE, { CLOSED, 1, 0 }, FALSE },
		{ { CLOSED, 3, 0 }, FAILED, FALSE, { CLOSED, 4, 0 }, FALSE },
		{ { CLOSED, 4, 0 }, FAILED, FALSE, { OPEN, 5, 0 }, TRUE },
		{ { CLOSED, 4, 0 }, ANSWERED, FALSE, { CLOSED, 0, 0 }, FALSE },
		{ { CLOSED, 4, 0 }, UNKNOWN, FALSE, { CLOSED, 4, 0 }, FALSE },
		/* open: what was on its way changes nothing */
		{ { OPEN, 5, -7 }, FAILED, FALSE, { OPEN, 5, -7 }, FALSE },
		{ { OPEN, 5, -7 }, ANSWERED, FALSE, { OPEN, 5, -7 }, FALSE },
		{ { OPEN, 5, -7 }, UNKNOWN, FALSE, { OPEN, 5, -7 }, FALSE },
		/* half-open: the same */
		{ { HALF, 5, -40 }, FAILED, FALSE, { HALF, 5, -40 }, FALSE },
		{ { HALF, 5, -40 }, ANSWERED, FALSE, { HALF, 5, -40 }, FALSE },
		{ { HALF, 5, -40 }, UNKNOWN, FALSE, { HALF, 5, -40 }, FALSE },
		/* the trial decides */
		{ { HALF, 5, -40 }, FAILED, TRUE, { OPEN, 6, 0 }, TRUE },
		{ { HALF, 5, -40 }, ANSWERED, TRUE, { CLOSED, 0, 0 }, TRUE },
		{ { HALF, 5, -40 }, UNKNOWN, TRUE, { OPEN, 5, -40 }, TRUE },
	};
	unsigned int i;

	test_begin("migration breaker: how a check ended");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		struct migration_breaker breaker = tests[i].before;
		struct migration_breaker after = tests[i].after;

		if (breaker.state != CLOSED)
			breaker.opened += NOW;
		if (after.state != CLOSED)
			after.opened += NOW;
		test_assert_idx(migration_breaker_finish(&breaker, &test_set,
							 tests[i].result,
							 tests[i].trial,
							 NOW) ==
				tests[i].changed, i);
		test_assert_cmp_idx(breaker.state, ==, after.state, i);
		test_assert_ucmp_idx(breaker.failures, ==, after.failures, i);
		test_assert_cmp_idx(breaker.opened, ==, after.opened, i);
	}
	test_end();
}

static void test_migration_breaker_blocks(void)
{
	static const struct {
		enum migration_breaker_state state;
		/* seconds ago */
		int opened;
		bool blocks, trial;
	} tests[] = {
		{ CLOSED, 0, FALSE, FALSE },
		{ CLOSED, 5, FALSE, FALSE },
		{ OPEN, 0, TRUE, FALSE },
		{ OPEN, 29, TRUE, FALSE },
		{ OPEN, 30, FALSE, TRUE },
		{ OPEN, 100000, FALSE, TRUE },
		/* the clock was set back */
		{ OPEN, -1, FALSE, TRUE },
		{ HALF, 0, TRUE, FALSE },
		{ HALF, 29, TRUE, FALSE },
		{ HALF, 100000, TRUE, FALSE },
	};
	unsigned int i;

	test_begin("migration breaker: what may be sent");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		struct migration_breaker breaker = {
			.state = tests[i].state,
			.opened = NOW - tests[i].opened,
		};
		bool blocks =
			migration_breaker_blocks(&breaker, &test_set, NOW);

		test_assert_idx(blocks == tests[i].blocks, i);
		test_assert_cmp_idx(migration_breaker_until(&breaker,
							    &test_set), ==,
				    (tests[i].state == OPEN ?
				     breaker.opened + 30 : 0), i);
		if (blocks)
			continue;
		test_assert_idx(migration_breaker_start(&breaker) ==
				tests[i].trial, i);
		test_assert_cmp_idx(breaker.state, ==,
				    (tests[i].trial ? HALF : CLOSED), i);
		/* only one */
		test_assert_idx(migration_breaker_blocks(&breaker, &test_set,
							 NOW) ==
				tests[i].trial, i);
	}
	test_end();
}

static void test_migration_breaker_never(void)
{
	static const struct migration_breaker_settings set = {
		.failures = 0,
		.open_secs = 30,
	};
	struct migration_breaker breaker;
	unsigned int i;

	test_begin("migration breaker: 0 failures = none");
	i_zero(&breaker);
	for (i = 0; i < 1000; i++) {
		test_assert(!migration_breaker_finish(&breaker, &set, FAILED,
						      FALSE, NOW));
		test_assert(!migration_breaker_blocks(&breaker, &set, NOW));
		test_assert(!migration_breaker_start(&breaker));
	}
	test_end();
}

static void test_migration_breaker_names(void)
{
	enum migration_breaker_state state, parsed;

	test_begin("migration breaker: names");
	for (state = CLOSED; state <= OPEN; state++) {
		test_assert(migration_breaker_state_parse(
				    migration_breaker_state_to_string(state),
				    &parsed) == 0 &&
			    parsed == state);
	}
	test_assert(migration_breaker_state_parse("", &parsed) == -1);
	test_assert(migration_breaker_state_parse("Open", &parsed) == -1);
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_breaker_finish,
		test_migration_breaker_blocks,
		test_migration_breaker_never,
		test_migration_breaker_names,
		NULL
	};
	return test_run(test_functions);
}

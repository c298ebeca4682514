/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-retry.h"
#include "test-common.h"

static void test_migration_retry_delay(void)
{
	static const struct {
		unsigned int attempts, min_secs, max_secs;
		uint32_t random;
		unsigned int delay;
	} tests[] = {
		/* doubling without jitter */
		{ 1, 60, 21600, 0, 60 },
		{ 2, 60, 21600, 0, 120 },
		{ 3, 60, 21600, 0, 240 },
		{ 9, 60, 21600, 0, 15360 },
		/* at most max_secs */
		{ 10, 60, 21600, 0, 21600 },
		{ 11, 60, 21600, 0, 21600 },
		{ UINT_MAX, 60, 21600, 0, 21600 },
		{ 1, 60, 60, 0, 60 },
		{ 50, 1, UINT_MAX, 0, UINT_MAX },
		/* 25 % at most go off */
		{ 1, 400, 21600, 500, 350 },
		{ 1, 400, 21600, 999, 301 },
		{ 1, 400, 21600, 1000, 400 },
		{ 10, 60, 21600, 999, 16206 },
		/* never 0, so that nothing spins */
		{ 1, 0, 0, 0, 1 },
		{ 7, 0, 0, 999, 1 },
		{ 1, 1, 1, 999, 1 },
		{ 3, 0, 21600, 0, 4 },
	};
	unsigned int i;

	test_begin("migration retry: delay");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_ucmp_idx(
			migration_retry_delay_secs(tests[i].attempts,
						   tests[i].min_secs,
						   tests[i].max_secs,
						   tests[i].random),
			==, tests[i].delay, i);
	}
	test_end();
}

static void test_migration_retry_spread(void)
{
	unsigned int attempts, delay, full;
	uint32_t random;

	test_begin("migration retry: always within 75 % to 100 %");
	for (attempts = 1; attempts <= 12; attempts++) {
		full = migration_retry_delay_secs(attempts, 60, 21600, 0);
		for (random = 1; random != 0 && random < 0x80000000;
		     random = random * 3 + 1) {
			delay = migration_retry_delay_secs(attempts, 60, 21600,
							   random);
			test_assert_idx(delay >= full / 4 * 3 &&
					delay <= full, attempts);
		}
		delay = migration_retry_delay_secs(attempts, 60, 21600,
						   UINT32_MAX);
		test_assert_idx(delay >= full / 4 * 3 && delay <= full,
				attempts);
	}
	test_end();
}

static void test_migration_retry_interval(void)
{
	static const struct {
		unsigned int interval_secs;
		uint32_t random;
		unsigned int delay;
	} tests[] = {
		{ 3600, 0, 3600 },
		{ 3600, 500, 3420 },
		{ 3600, 999, 3241 },
		{ 3600, 1000, 3600 },
		{ UINT_MAX, 0, UINT_MAX },
		/* nothing spins */
		{ 9, 999, 9 },
		{ 1, 999, 1 },
		{ 0, 0, 1 },
	};
	unsigned int i, delay;
	uint32_t random;

	test_begin("migration retry: interval");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_ucmp_idx(
			migration_retry_interval_secs(tests[i].interval_secs,
						      tests[i].random),
			==, tests[i].delay, i);
	}
	for (random = 1; random < 0x40000000; random = random * 3 + 1) {
		delay = migration_retry_interval_secs(7200, random);
		test_assert(delay >= 6480 && delay <= 7200);
	}
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_retry_delay,
		test_migration_retry_spread,
		test_migration_retry_interval,
		NULL
	};
	return test_run(test_functions);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "str.h"
#include "migration-provider-status.h"
#include "test-common.h"

#define NOW 1000000
#define CLOSED MIGRATION_BREAKER_CLOSED
#define HALF MIGRATION_BREAKER_HALF_OPEN
#define OPEN MIGRATION_BREAKER_OPEN

static void
test_status_assert(const struct migration_provider_status *status,
		   const struct migration_provider_status *expected,
		   unsigned int i)
{
	test_assert_cmp_idx(status->breaker, ==, expected->breaker, i);
	test_assert_cmp_idx(status->until, ==, expected->until, i);
	test_assert_ucmp_idx(status->running, ==, expected->running, i);
	test_assert_ucmp_idx(status->waiting, ==, expected->waiting, i);
	test_assert_ucmp_idx(status->failures, ==, expected->failures, i);
}

static void test_migration_provider_status_words(void)
{
	static const struct {
		struct migration_provider_status status;
		const char *words;
	} tests[] = {
		{ { CLOSED, 0, 0, 0, 0 }, "\tclosed\t0\t0\t0\t0" },
		{ { CLOSED, 0, 20, 980, 4 }, "\tclosed\t0\t20\t980\t4" },
		{ { HALF, 0, 1, 0, 5 }, "\thalf-open\t0\t1\t0\t5" },
		{ { OPEN, NOW, 0, 0, UINT_MAX },
		  "\topen\t1000000\t0\t0\t4294967295" },
	};
	static const char *const bad[] = {
		"", "closed", "closed\t0\t0\t0", "closed\t0\t0\t0\t0\t0",
		"ajar\t0\t0\t0\t0", "closed\tx\t0\t0\t0", "closed\t0\t-1\t0\t0",
		"closed\t0\t0\t\t0", "closed\t0\t0\t0\t4294967296",
	};
	struct migration_provider_status status;
	string_t *str = t_str_new(64);
	unsigned int i;

	test_begin("migration provider status: words");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		str_truncate(str, 0);
		migration_provider_status_append(str, &tests[i].status);
		test_assert_strcmp_idx(str_c(str), tests[i].words, i);
		i_zero(&status);
		test_assert_idx(migration_provider_status_parse(
			t_strsplit(str_c(str) + 1, "\t"), &status) == 0, i);
		test_status_assert(&status, &tests[i].status, i);
	}
	for (i = 0; i < N_ELEMENTS(bad); i++) {
		test_assert_idx(migration_provider_status_parse(
			t_strsplit(bad[i], "\t"), &status) == -1, i);
	}
	test_end();
}

static void test_migration_provider_status_add(void)
{
	static const struct {
		struct migration_provider_status dest, src, sum;
	} tests[] = {
		{ { CLOSED, 0, 1, 2, 3 }, { CLOSED, 0, 10, 20, 2 },
		  { CLOSED, 0, 11, 22, 3 } },
		{ { CLOSED, 0, 1, 0, 0 }, { OPEN, NOW, 0, 0, 5 },
		  { OPEN, NOW, 1, 0, 5 } },
		{ { OPEN, NOW, 0, 0, 5 }, { HALF, 0, 1, 0, 6 },
		  { OPEN, NOW, 1, 0, 6 } },
		{ { HALF, 0, 1, 0, 6 }, { CLOSED, 0, 0, 0, 0 },
		  { HALF, 0, 1, 0, 6 } },
		{ { OPEN, NOW, 0, 0, 5 }, { OPEN, NOW + 9, 0, 0, 5 },
		  { OPEN, NOW + 9, 0, 0, 5 } },
	};
	struct migration_provider_status status;
	unsigned int i;

	test_begin("migration provider status: several processes");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		status = tests[i].dest;
		migration_provider_status_add(&status, &tests[i].src);
		test_status_assert(&status, &tests[i].sum, i);
	}
	test_end();
}

static void test_migration_provider_status_breaker(void)
{
	static const struct {
		enum migration_breaker_state breaker;
		int left;
		enum migration_breaker_state seen;
	} tests[] = {
		{ CLOSED, 0, CLOSED }, { HALF, 0, HALF }, { HALF, 30, HALF },
		{ OPEN, 30, OPEN }, { OPEN, 1, OPEN }, { OPEN, 0, HALF },
		{ OPEN, -100, HALF },
	};
	unsigned int i;

	test_begin("migration provider status: breaker as it is seen");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		struct migration_provider_status status = {
			.breaker = tests[i].breaker,
			.until = NOW + tests[i].left,
		};

		test_assert_cmp_idx(migration_provider_status_breaker(&status,
								      NOW), ==,
				    tests[i].seen, i);
	}
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_provider_status_words,
		test_migration_provider_status_add,
		test_migration_provider_status_breaker,
		NULL
	};
	return test_run(test_functions);
}

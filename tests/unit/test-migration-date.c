/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-date.h"
#include "test-common.h"

#include <stdlib.h>
#include <time.h>

static void test_migration_date_parse(void)
{
	static const struct {
		const char *str;
		time_t time;
	} tests[] = {
		/* in Berlin, winter and summer */
		{ "2030-01-31", 1896044400 },
		{ "2030-01-31 00:00", 1896044400 },
		{ "2030-01-31 12:30", 1896089400 },
		{ "2030-07-01", 1909087200 },
		{ "2028-02-29", 1835391600 },
		{ "1999-12-31", 946594800 },
		/* said with its zone */
		{ "2030-01-31T12:30:00+01:00", 1896089400 },
		{ "2030-01-31T11:30:00Z", 1896089400 },
		{ "2030-01-31T11:30:00.5Z", 1896089400 },
		{ "2030-01-31T06:30:00-05:00", 1896089400 },
	};
	static const char *const bad[] = {
		"", " ", "soon", "2030", "2030-01", "2030-1-31", "31.01.2030",
		"2030-13-01", "2030-00-01", "2030-02-30", "2029-02-29",
		"2030-01-32", "2030-01-00", "2030-01-31 ", " 2030-01-31",
		"2030-01-31 24:00", "2030-01-31 12:60", "2030-01-31 12",
		"2030-01-31 1:30", "2030-01-31 12:30:00", "2030-01-31T12:30",
		"2030-01-31T12:30:00", "2030-01-31T12:30:00 Z",
		"2030-01-31T12:30:00+1", "2030-13-31T12:30:00Z",
		"2030-01-31x", "203O-01-31", "1896044400",
	};
	time_t result;
	unsigned int i;

	test_begin("migration date");
	if (setenv("TZ", "Europe/Berlin", 1) < 0)
		i_fatal("setenv() failed: %m");
	tzset();
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		result = 0;
		test_assert_idx(migration_date_parse(tests[i].str,
						     &result) == 0, i);
		test_assert_cmp_idx(result, ==, tests[i].time, i);
	}
	for (i = 0; i < N_ELEMENTS(bad); i++)
		test_assert_idx(migration_date_parse(bad[i], &result) < 0, i);
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_date_parse,
		NULL
	};
	return test_run(test_functions);
}

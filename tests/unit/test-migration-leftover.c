/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "migration-leftover.h"
#include "test-common.h"

static const struct migration_journal_entry test_entries[] = {
	{ .pid = "123", .host = "mx1", .begun = 1000, .ended = 2000 },
	{ .pid = "77", .host = "mx2.example", .begun = 1500, .ended = 3000 },
};

static void test_killed(ARRAY_TYPE(migration_journal_entry) *killed_r)
{
	t_array_init(killed_r, N_ELEMENTS(test_entries));
	array_append(killed_r, test_entries, N_ELEMENTS(test_entries));
}

static void test_migration_leftover_maildir(void)
{
	static const struct {
		const char *name;
		bool leftover;
	} tests[] = {
		{ "1000.M1P123.mx1", TRUE },
		{ "2000.M999999P123.mx1", TRUE },
		{ "1500.M1P123.mx1,S=10,W=11", TRUE },
		{ "1500.M1P123.mx1,S=10,W=11:2,S", TRUE },
		{ "1500.M1P123.mx1:2,Sab", TRUE },
		{ "3000.M1P77.mx2.example:2,", TRUE },
		/* the same process id at another time */
		{ "999.M1P123.mx1", FALSE },
		{ "2001.M1P123.mx1", FALSE },
		{ "1000.M1P77.mx2.example", FALSE },
		/* somebody else */
		{ "1500.M1P12.mx1", FALSE },
		{ "1500.M1P1234.mx1", FALSE },
		{ "1500.M1P23.mx1", FALSE },
		{ "1500.M1P123.mx", FALSE },
		{ "1500.M1P123.mx11", FALSE },
		{ "1500.M1P123.mx1.example", FALSE },
		{ "1500.M1P123.mx2.example", FALSE },
		{ "1500.M1P77.mx1", FALSE },
		/* made by another program */
		{ "1500.V1I2M3P123.mx1", FALSE },
		{ "1500.P123.mx1", FALSE },
		{ "1500.MP123.mx1", FALSE },
		{ "1500.123_0.mx1", FALSE },
		{ "x1500.M1P123.mx1", FALSE },
		{ "1500.M1P1.P123.mx1", FALSE },
		{ "P123.mx1", FALSE },
		{ "1500", FALSE },
		{ "", FALSE },
	};
	ARRAY_TYPE(migration_journal_entry) killed;
	unsigned int i;

	test_begin("migration leftover: Maildir");
	test_killed(&killed);
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_idx(migration_leftover_is_maildir(&killed,
							      tests[i].name) ==
				tests[i].leftover, i);
	}
	array_clear(&killed);
	test_assert(!migration_leftover_is_maildir(&killed, tests[0].name));
	test_end();
}

static void test_migration_leftover_guid(void)
{
	/* 1500 = 0x5dc, 123 = 0x7b */
	static const struct {
		const char *guid;
		bool leftover;
	} tests[] = {
		{ "01000000dc0500007b000000aabbccdd", TRUE },
		{ "ffc99a3bdc0500007b00000000000000", TRUE },
		/* the first and the last second */
		{ "00000000e80300007b00000000000000", TRUE },
		{ "00000000d00700007b00000000000000", TRUE },
		/* the same process id at another time */
		{ "00000000e70300007b00000000000000", FALSE },
		{ "00000000d10700007b00000000000000", FALSE },
		/* another process */
		{ "00000000dc0500007c00000000000000", FALSE },
		{ "00000000dc0500007b01000000000000", FALSE },
		{ "00000000dc0500000000007b00000000", FALSE },
		{ "00000000000000000000000000000000", FALSE },
		/* Maildir */
		{ "1500.M1P123.mx1", TRUE },
		{ "1500.M1P12.mx1", FALSE },
		{ "", FALSE },
	};
	ARRAY_TYPE(migration_journal_entry) killed;
	unsigned int i;

	test_begin("migration leftover: GUID");
	test_killed(&killed);
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_idx(migration_leftover_is_guid(&killed,
							   tests[i].guid) ==
				tests[i].leftover, i);
	}
	array_clear(&killed);
	test_assert(!migration_leftover_is_guid(&killed, tests[0].guid));
	test_end();
}

static void test_migration_leftover_lock(void)
{
	static const struct {
		const char *content;
		bool leftover;
	} tests[] = {
		{ "123:mx1", TRUE },
		{ "77:mx2.example", TRUE },
		{ "123:mx2.example", FALSE },
		{ "12:mx1", FALSE },
		{ "123:mx11", FALSE },
		{ "123", FALSE },
		{ "", FALSE },
	};
	static const struct {
		time_t when;
		bool leftover;
	} times[] = {
		{ 999, FALSE },	 { 1000, TRUE }, { 2000, TRUE },
		{ 2500, TRUE },	 { 3000, TRUE }, { 3001, FALSE },
	};
	ARRAY_TYPE(migration_journal_entry) killed;
	unsigned int i;

	test_begin("migration leftover: lock files");
	test_killed(&killed);
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_idx(migration_leftover_is_lock(
			&killed, tests[i].content) == tests[i].leftover, i);
	}
	for (i = 0; i < N_ELEMENTS(times); i++) {
		test_assert_idx(migration_leftover_is_time(
			&killed, times[i].when) == times[i].leftover, i);
	}
	array_clear(&killed);
	test_assert(!migration_leftover_is_lock(&killed, "123:mx1"));
	test_assert(!migration_leftover_is_time(&killed, 1500));
	test_end();
}

static void test_migration_leftover_keywords(void)
{
	static const struct {
		const char *name, *stripped;
	} tests[] = {
		{ "1.M1P1.mx1", "1.M1P1.mx1" },
		{ "1.M1P1.mx1:2,", "1.M1P1.mx1:2," },
		{ "1.M1P1.mx1:2,FSz", "1.M1P1.mx1:2,FSz" },
		{ "1.M1P1.mx1:2,FSabz", "1.M1P1.mx1:2,FSbz" },
		{ "1.M1P1.mx1:2,acd", "1.M1P1.mx1:2," },
		{ "1.M1P1.mx1,S=1:2,Sya", "1.M1P1.mx1,S=1:2,S" },
		{ "1.M1P1.mx1:1,a", "1.M1P1.mx1:1,a" },
		{ "", "" },
	};
	bool known[MIGRATION_LEFTOVER_KEYWORDS] = {
		['b' - 'a'] = TRUE,
		['z' - 'a'] = TRUE,
	};
	unsigned int i;

	test_begin("migration leftover: Maildir keywords");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_strcmp_idx(
			migration_leftover_strip_keywords(tests[i].name, known),
			tests[i].stripped, i);
	}
	test_end();
}

static void test_migration_leftover_sdbox(void)
{
	static const struct {
		const char *name;
		time_t named;
		uint32_t next_uid;
		bool leftover;
	} tests[] = {
		{ "u.5", 1000, 5, TRUE },
		{ "u.6", 1000, 5, TRUE },
		/* no end: the last commit may have taken long */
		{ "u.5", 5000, 5, TRUE },
		{ "u.4294967295", 1000, 5, TRUE },
		/* it has its UID */
		{ "u.4", 1000, 5, FALSE },
		{ "u.1", 1000, 2, FALSE },
		/* older than any run */
		{ "u.5", 999, 5, FALSE },
		/* no message */
		{ "u.4294967296", 1000, 5, FALSE },
		{ "u.", 1000, 5, FALSE },
		{ "u.5.broken", 1000, 5, FALSE },
		{ "m.5", 1000, 5, FALSE },
		{ "dovecot.index", 1000, 5, FALSE },
		{ "temp.1.P123Q1M1.mx1", 1000, 5, FALSE },
		{ "", 1000, 5, FALSE },
	};
	struct migration_journal_entry *entry;
	ARRAY_TYPE(migration_journal_entry) killed;
	unsigned int i;

	test_begin("migration leftover: sdbox");
	test_killed(&killed);
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_idx(migration_leftover_is_sdbox(&killed,
							    tests[i].name,
							    tests[i].named,
							    tests[i].next_uid) ==
				tests[i].leftover, i);
	}
	/* files' times are those of another clock */
	array_foreach_modifiable(&killed, entry)
		entry->ahead = -300;
	test_assert(migration_leftover_is_sdbox(&killed, "u.5", 700, 5));
	test_assert(!migration_leftover_is_sdbox(&killed, "u.5", 699, 5));
	test_assert(migration_leftover_is_time(&killed, 700));
	test_assert(!migration_leftover_is_time(&killed, 699));
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_leftover_maildir,
		test_migration_leftover_guid,
		test_migration_leftover_lock,
		test_migration_leftover_keywords,
		test_migration_leftover_sdbox,
		NULL
	};
	return test_run(test_functions);
}

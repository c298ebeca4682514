/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-mailbox.h"
#include "migration-rate.h"
#include "test-common.h"

#define MAX_SAMPLES 5

/* An ordinary time in milliseconds. */
#define T0 UINT64_C(1700000000000)

static void test_migration_rate_get(void)
{
	static const struct {
		struct migration_rate_sample samples[MAX_SAMPLES];
		unsigned int count;
		uint64_t msecs, remaining;
		struct migration_rate rate;
	} tests[] = {
		/* no samples, one sample that has not moved, too short a time */
		{ { { 0, 0, 0 } }, 0, T0, 10, { 0, 0, 0 } },
		{ { { T0, 5, 500 } }, 1, T0 + 5000, 10, { 0, 0, 0 } },
		{ { { T0, 0, 0 }, { T0 + 1500, 90, 9000 } }, 2, T0 + 1999, 10,
		  { 0, 0, 0 } },
		/* 10 messages and 1 MB in 2 seconds */
		{ { { T0, 0, 0 }, { T0 + 2000, 10, 1000000 } }, 2, T0 + 2000,
		  100, { 5000, 500000, 20 } },
		/* what was there before the first sample does not count */
		{ { { T0, 900, 77 }, { T0 + 2000, 910, 1077 } }, 2, T0 + 2000,
		  100, { 5000, 500, 20 } },
		/* silence makes it slower, and then unknown */
		{ { { T0, 0, 0 }, { T0 + 2000, 10, 1000 } }, 2, T0 + 20000, 100,
		  { 500, 50, 200 } },
		{ { { T0, 0, 0 }, { T0 + 2000, 10, 1000 } }, 2, T0 + 32000, 100,
		  { 0, 0, 0 } },
		{ { { T0, 0, 0 }, { T0 + 2000, 10, 1000 } }, 2, T0 + 90000, 100,
		  { 0, 0, 0 } },
		/* only the last 30 seconds count: it was fast, now it is slow */
		{ { { T0, 0, 0 }, { T0 + 1000, 5000, 5000000 },
		    { T0 + 20000, 5010, 5001000 },
		    { T0 + 40000, 5030, 5003000 } }, 4, T0 + 40000, 50,
		  { 1000, 100, 50 } },
		/* nothing moves */
		{ { { T0, 7, 700 }, { T0 + 5000, 7, 700 } }, 2, T0 + 5000, 50,
		  { 0, 0, 0 } },
		/* all are here, or nobody knows how many there are */
		{ { { T0, 0, 0 }, { T0 + 10000, 10, 1000 } }, 2, T0 + 10000, 0,
		  { 1000, 100, 0 } },
		/* rounded up, never 0 while one is missing */
		{ { { T0, 0, 0 }, { T0 + 2000, 1000, 1000 } }, 2, T0 + 2000, 1,
		  { 500000, 500, 1 } },
		/* slow: one in 25 seconds */
		{ { { T0, 0, 0 }, { T0 + 25000, 1, 50000000 } }, 2, T0 + 25000,
		  1000, { 40, 2000000, 25000 } },
		/* the clock went back: forgotten */
		{ { { T0, 0, 0 }, { T0 + 10000, 10, 1000 }, { T0 + 9000, 20,
		    2000 } }, 3, T0 + 9500, 10, { 0, 0, 0 } },
		{ { { T0, 0, 0 }, { T0 + 10000, 10, 1000 } }, 2, T0 - 5000, 10,
		  { 0, 0, 0 } },
		/* another sync: counts from 0 again */
		{ { { T0, 500, 5000 }, { T0 + 10000, 600, 6000 },
		    { T0 + 11000, 0, 0 }, { T0 + 13000, 4, 400 } }, 4,
		  T0 + 13000, 10, { 2000, 200, 5 } },
		/* close together: the last one counts */
		{ { { T0, 0, 0 }, { T0 + 100, 1, 100 }, { T0 + 200, 2, 200 },
		    { T0 + 300, 3, 300 }, { T0 + 2000, 4, 400 } }, 5,
		  T0 + 2000, 2, { 2000, 200, 1 } },
		/* nothing overflows */
		{ { { T0, 0, 0 }, { T0 + 30000, UINT_MAX, 1ULL << 50 } }, 2,
		  T0 + 30000, UINT_MAX,
		  { UINT64_C(143165576500), (1ULL << 50) / 30, 30 } },
	};
	struct migration_rate_samples samples;
	struct migration_rate rate;
	unsigned int i, j;

	test_begin("migration rate");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		i_zero(&samples);
		for (j = 0; j < tests[i].count; j++) {
			migration_rate_add(&samples,
					   tests[i].samples[j].msecs,
					   tests[i].samples[j].messages,
					   tests[i].samples[j].bytes);
		}
		migration_rate_get(&samples, tests[i].msecs,
				   tests[i].remaining, &rate);
		test_assert_ucmp_idx(rate.messages_per_ksec, ==,
				     tests[i].rate.messages_per_ksec, i);
		test_assert_ucmp_idx(rate.bytes_per_sec, ==,
				     tests[i].rate.bytes_per_sec, i);
		test_assert_ucmp_idx(rate.eta_secs, ==,
				     tests[i].rate.eta_secs, i);
	}
	test_end();
}

/* Samples at any distance: the window is covered and the array holds. */
static void test_migration_rate_many(void)
{
	static const unsigned int distances[] = { 1, 10, 450, 899, 900, 1000,
						  1500, 9999 };
	struct migration_rate_samples samples;
	struct migration_rate rate;
	uint64_t msecs;
	unsigned int i, j;

	test_begin("migration rate: many samples");
	for (i = 0; i < N_ELEMENTS(distances); i++) {
		i_zero(&samples);
		msecs = T0;
		for (j = 0; j < 100000 / distances[i] + 100; j++) {
			migration_rate_add(&samples, msecs, j * distances[i],
					   j * distances[i] * 10);
			msecs += distances[i];
		}
		msecs -= distances[i];
		test_assert_idx(samples.count <= N_ELEMENTS(samples.samples),
				i);
		/* one message and 10 bytes a millisecond */
		migration_rate_get(&samples, msecs, 5000, &rate);
		test_assert_ucmp_idx(rate.messages_per_ksec, ==, 1000000, i);
		test_assert_ucmp_idx(rate.bytes_per_sec, ==, 10000, i);
		test_assert_ucmp_idx(rate.eta_secs, ==, 5, i);
		/* the oldest that counts is nearly as old as the window */
		for (j = 0; samples.samples[j].msecs +
				    MIGRATION_RATE_WINDOW_MSECS < msecs; j++) ;
		test_assert_idx(msecs - samples.samples[j].msecs >
				MIGRATION_RATE_WINDOW_MSECS - 10000, i);
	}
	test_end();
}

static void test_migration_mailbox_progress(void)
{
	static const struct {
		unsigned int done, total, progress;
	} tests[] = {
		{ 0, 0, 100 },
		{ 0, 1, 0 },
		{ 1, 1, 100 },
		{ 1, 2, 50 },
		{ 999, 1000, 99 },
		{ 2, 3, 66 },
		/* mail that is only here */
		{ 5, 3, 100 },
		{ 5, 0, 100 },
		{ UINT_MAX - 1, UINT_MAX, 99 },
	};
	struct migration_mailbox mailbox;
	unsigned int i;

	test_begin("migration mailbox: progress");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		i_zero(&mailbox);
		mailbox.messages_done = tests[i].done;
		mailbox.messages_total = tests[i].total;
		test_assert_ucmp_idx(migration_mailbox_progress(&mailbox), ==,
				     tests[i].progress, i);
	}
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_rate_get,
		test_migration_rate_many,
		test_migration_mailbox_progress,
		NULL
	};
	return test_run(test_functions);
}

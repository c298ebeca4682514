/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "hmac.h"
#include "migration-refusals.h"
#include "migration-secret.h"
#include "test-common.h"

#include <malloc.h>

#define NOW 1000000
#define ASK MIGRATION_REFUSALS_ASK
#define BEFORE MIGRATION_REFUSALS_REFUSED_BEFORE
#define TOO_MANY MIGRATION_REFUSALS_TOO_MANY
#define FLOOD 100000

static struct migration_refusals *
test_refusals_init(unsigned int max_entries, unsigned int max_refusals,
		   unsigned int secs)
{
	struct migration_refusals_settings set;

	i_zero(&set);
	set.max_entries = max_entries;
	set.max_refusals = max_refusals;
	set.secs = secs;
	memset(set.key, 'k', sizeof(set.key));
	return migration_refusals_init(&set);
}

static void test_key(struct migration_refusals *refusals, const char *user,
		     const char *password, struct migration_refusals_key *key_r)
{
	struct migration_secret *secret =
		migration_secret_create(password, strlen(password));

	migration_refusals_get_key(refusals, "oldhost", user, secret, key_r);
	migration_secret_free(&secret);
}

static void test_migration_refusals_steps(void)
{
	/* One story, 3 refusals within 600 seconds, row after row: what is
	   asked, what the answer is, and if the provider was asked whether it
	   refuses or accepts. */
	enum { REFUSES, ACCEPTS, FAILS };
	static const struct {
		int secs;
		const char *user, *password;
		enum migration_refusals_answer answer;
		int until;
		int provider;
	} steps[] = {
		{ 0, "anna", "one", ASK, 0, REFUSES },
		{ 1, "anna", "one", BEFORE, 600, 0 },
		{ 1, "ANNA", "one", ASK, 0, FAILS },
		{ 1, "bert", "one", ASK, 0, FAILS },
		{ 10, "anna", "two", ASK, 0, REFUSES },
		{ 20, "Anna", "three", ASK, 0, REFUSES },
		/* any other password, and the right one too */
		{ 21, "anna", "four", TOO_MANY, 600, 0 },
		{ 21, "ANNA", "four", TOO_MANY, 600, 0 },
		{ 21, "anna", "two", BEFORE, 610, 0 },
		{ 21, "bert", "four", ASK, 0, FAILS },
		{ 599, "anna", "four", TOO_MANY, 600, 0 },
		{ 599, "anna", "one", BEFORE, 600, 0 },
		/* the first refusal is too old: one more */
		{ 600, "anna", "four", ASK, 0, FAILS },
		{ 600, "anna", "one", ASK, 0, REFUSES },
		{ 601, "anna", "four", TOO_MANY, 610, 0 },
		{ 610, "anna", "four", ASK, 0, ACCEPTS },
		/* begins anew, but what was wrong is wrong */
		{ 611, "anna", "one", BEFORE, 1200, 0 },
		{ 611, "anna", "five", ASK, 0, REFUSES },
		{ 612, "anna", "six", ASK, 0, REFUSES },
		{ 613, "anna", "four", ASK, 0, ACCEPTS },
		{ 614, "anna", "seven", ASK, 0, REFUSES },
		{ 615, "anna", "eight", ASK, 0, REFUSES },
		{ 616, "anna", "nine", ASK, 0, REFUSES },
		{ 617, "anna", "four", TOO_MANY, 1214, 0 },
		/* the clock was set back */
		{ -5, "anna", "four", ASK, 0, FAILS },
		{ 617, "anna", "four", TOO_MANY, 1214, 0 },
	};
	struct migration_refusals *refusals = test_refusals_init(100, 3, 600);
	struct migration_refusals_key key;
	unsigned int i;

	test_begin("migration refusals: steps");
	for (i = 0; i < N_ELEMENTS(steps); i++) {
		time_t until = 0, now = NOW + steps[i].secs;
		enum migration_refusals_answer answer;

		test_key(refusals, steps[i].user, steps[i].password, &key);
		answer = migration_refusals_check(refusals, &key, now, &until);
		test_assert_cmp_idx(answer, ==, steps[i].answer, i);
		if (answer != ASK) {
			test_assert_cmp_idx(until, ==, NOW + steps[i].until,
					    i);
		} else if (steps[i].provider == REFUSES) {
			migration_refusals_add(refusals, &key, now);
		} else if (steps[i].provider == ACCEPTS) {
			migration_refusals_clear(refusals, &key);
		}
	}
	migration_refusals_deinit(&refusals);
	test_assert(refusals == NULL);
	test_end();
}

static void test_migration_refusals_off(void)
{
	struct migration_refusals *refusals;
	struct migration_refusals_key key;
	time_t until;
	unsigned int i;

	test_begin("migration refusals: switched off");
	/* no limit, but a refused password is remembered */
	refusals = test_refusals_init(10000, 0, 600);
	for (i = 0; i < 100; i++) {
		test_key(refusals, "anna", dec2str(i), &key);
		test_assert(migration_refusals_check(refusals, &key, NOW,
						     &until) == ASK);
		migration_refusals_add(refusals, &key, NOW);
		test_assert(migration_refusals_check(refusals, &key, NOW,
						     &until) == BEFORE);
	}
	migration_refusals_deinit(&refusals);

	/* nothing at all */
	refusals = test_refusals_init(10000, 3, 0);
	test_key(refusals, "anna", "one", &key);
	for (i = 0; i < 100; i++) {
		migration_refusals_add(refusals, &key, NOW);
		test_assert(migration_refusals_check(refusals, &key, NOW,
						     &until) == ASK);
	}
	test_assert_ucmp(migration_refusals_count(refusals, NOW), ==, 0);
	migration_refusals_deinit(&refusals);
	test_end();
}

static void test_migration_refusals_key(void)
{
	struct migration_refusals *refusals = test_refusals_init(10, 3, 600);
	struct migration_refusals_key key, other;
	struct migration_secret *secret =
		migration_secret_create("secret", 6);
	unsigned char hmac_key[MIGRATION_REFUSALS_HASH_BYTES];
	const buffer_t *hmac;

	test_begin("migration refusals: keyed hash");
	migration_refusals_get_key(refusals, "oldhost", "anna@old.example",
				   secret, &key);
	memset(hmac_key, 'k', sizeof(hmac_key));
	hmac = t_hmac_data(&hash_method_sha256, hmac_key, sizeof(hmac_key),
			   "oldhost\0anna@old.example\0secret", 31);
	test_assert(memcmp(key.password, hmac->data, hmac->used) == 0);
	/* nothing slips from one part to the next */
	migration_refusals_get_key(refusals, "oldhos", "tanna@old.example",
				   secret, &other);
	test_assert(memcmp(&key.user, &other.user, sizeof(key.user)) != 0);
	test_assert(memcmp(&key.password, &other.password,
			   sizeof(key.password)) != 0);
	/* upper case: the same user, perhaps another password */
	migration_refusals_get_key(refusals, "oldhost", "Anna@old.example",
				   secret, &other);
	test_assert(memcmp(&key.user, &other.user, sizeof(key.user)) == 0);
	test_assert(memcmp(&key.password, &other.password,
			   sizeof(key.password)) != 0);
	migration_secret_free(&secret);
	migration_refusals_deinit(&refusals);
	test_end();
}

static void test_migration_refusals_oldest_goes(void)
{
	struct migration_refusals *refusals = test_refusals_init(3, 1, 600);
	struct migration_refusals_key key;
	time_t until;
	unsigned int i;

	test_begin("migration refusals: the oldest is dropped first");
	for (i = 0; i < 4; i++) {
		test_key(refusals, dec2str(i), "x", &key);
		migration_refusals_add(refusals, &key, NOW + i);
		/* user 0 comes again before user 3 */
		if (i == 2) {
			test_key(refusals, "0", "y", &key);
			migration_refusals_add(refusals, &key, NOW + i);
		}
	}
	for (i = 0; i < 4; i++) {
		test_key(refusals, dec2str(i), "z", &key);
		test_assert_cmp_idx(migration_refusals_check(refusals, &key,
							     NOW + 5, &until),
				    ==, (i == 1 ? ASK : TOO_MANY), i);
	}
	migration_refusals_deinit(&refusals);

	/* what no longer counts goes by itself */
	refusals = test_refusals_init(1000, 3, 600);
	for (i = 0; i < 1000; i++) {
		test_key(refusals, dec2str(i), "x", &key);
		migration_refusals_add(refusals, &key, NOW);
	}
	test_assert_ucmp(migration_refusals_count(refusals, NOW), ==, 2000);
	migration_refusals_add(refusals, &key, NOW + 600);
	test_assert_ucmp(migration_refusals_count(refusals, NOW + 600), ==,
			 2);
	test_assert_ucmp(migration_refusals_count(refusals, NOW + 1200), ==,
			 0);
	migration_refusals_deinit(&refusals);
	test_end();
}

/* 100,000 users, then 20,000 passwords of one user. */
static void test_migration_refusals_bounded(void)
{
	struct migration_refusals *refusals =
		test_refusals_init(10000, 100, 600);
	struct migration_refusals_key key;
	size_t before, full = 0;
	unsigned int i;

	test_begin("migration refusals: bounded memory");
	before = mallinfo2().uordblks;
	for (i = 0; i < FLOOD; i++) T_BEGIN {
		test_key(refusals, dec2str(i), t_strdup_printf("p%u", i), &key);
		migration_refusals_add(refusals, &key, NOW + i / 1000);
		test_assert_idx(migration_refusals_count(
				refusals, NOW + i / 1000) <= 20000, i);
		if (i == 19999)
			full = mallinfo2().uordblks;
	} T_END;
	for (i = 0; i < FLOOD / 5; i++) T_BEGIN {
		test_key(refusals, "anna", t_strdup_printf("p%u", i), &key);
		migration_refusals_add(refusals, &key, NOW + 200 + i / 1000);
	} T_END;
	test_assert_ucmp(migration_refusals_count(refusals, NOW + 220), <=,
			 20000);
	/* valgrind's malloc says 0 */
	test_assert(mallinfo2().uordblks <= full + 4096);
	test_assert(full - before <= 16 * 1024 * 1024);
	migration_refusals_deinit(&refusals);
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_refusals_steps,
		test_migration_refusals_off,
		test_migration_refusals_key,
		test_migration_refusals_oldest_goes,
		test_migration_refusals_bounded,
		NULL
	};
	return test_run(test_functions);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "safe-memset.h"
#include "migration-limits.h"
#include "migration-secret.h"
#include "test-common.h"

static void test_migration_secret_copy(void)
{
	char password[] = "p\xc3\xa4ss w\0rd";
	struct migration_secret *secret;

	test_begin("migration secret: copy");
	secret = migration_secret_create(password, sizeof(password) - 1);
	/* the caller wipes its own */
	safe_memset(password, 'x', sizeof(password));
	test_assert(migration_secret_get_size(secret) == 10);
	test_assert(memcmp(migration_secret_get(secret), "p\xc3\xa4ss w\0rd",
			   11) == 0);
	migration_secret_free(&secret);
	test_assert(secret == NULL);
	migration_secret_free(&secret);
	test_end();
}

static void test_migration_secret_sizes(void)
{
	static const size_t sizes[] = { 0, 1, 7, 8, 63, 64, 1024, 100000 };
	struct migration_secret *secret;
	unsigned int i;
	char *data;

	test_begin("migration secret: sizes");
	for (i = 0; i < N_ELEMENTS(sizes); i++) {
		data = i_malloc(sizes[i] + 1);
		memset(data, 's', sizes[i]);
		secret = migration_secret_create(data, sizes[i]);
		test_assert_idx(migration_secret_get_size(secret) == sizes[i],
				i);
		test_assert_strcmp_idx(migration_secret_get(secret), data, i);
		migration_secret_free(&secret);
		i_free(data);
	}
	test_end();
}

static void test_migration_secret_sendable(void)
{
	static const struct {
		const char *data;
		size_t size;
		bool sendable;
	} tests[] = {
		{ "", 0, FALSE },
		{ "x", 1, TRUE },
		{ " ", 1, TRUE },
		{ "with space, \"quotes\" and \\", 26, TRUE },
		{ "tab\tand \x01 and \x7f", 15, TRUE },
		{ "\xff\xfe", 2, TRUE },
		{ "line\nfeed", 9, FALSE },
		{ "carriage\rreturn", 15, FALSE },
		{ "end\r\n", 5, FALSE },
		{ "\n", 1, FALSE },
		{ "nul\0nul", 7, FALSE },
		{ "nul\0", 4, FALSE },
	};
	struct migration_secret *secret;
	unsigned int i;

	test_begin("migration secret: what may be sent");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		secret = migration_secret_create(tests[i].data, tests[i].size);
		test_assert_idx(migration_secret_is_sendable(secret) ==
				tests[i].sendable, i);
		migration_secret_free(&secret);
	}
	test_end();
}

static void test_migration_secret_limit(void)
{
	char data[MIGRATION_MAX_PASSWORD_BYTES + 1];
	struct migration_secret *secret;

	test_begin("migration secret: longest that may be sent");
	memset(data, 'x', sizeof(data));
	secret = migration_secret_create(data, MIGRATION_MAX_PASSWORD_BYTES);
	test_assert(migration_secret_is_sendable(secret));
	migration_secret_free(&secret);
	secret = migration_secret_create(data, sizeof(data));
	test_assert(!migration_secret_is_sendable(secret));
	migration_secret_free(&secret);
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_secret_copy,
		test_migration_secret_sizes,
		test_migration_secret_sendable,
		test_migration_secret_limit,
		NULL
	};
	return test_run(test_functions);
}

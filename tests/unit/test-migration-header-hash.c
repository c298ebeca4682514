/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "istream.h"
#include "migration-header-hash.h"
#include "test-common.h"

#define HEADER "From: a@example.com\r\nSubject: b\r\n"

static int
get_hash(const char *header, unsigned char hash_r[STATIC_ARRAY SHA1_RESULTLEN])
{
	struct istream *input;
	int ret;

	input = i_stream_create_from_data(header, strlen(header));
	ret = migration_header_hash(input, hash_r);
	i_stream_unref(&input);
	return ret;
}

static void test_migration_header_hash(void)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} tests[] = {
		{ HEADER "\r\n", HEADER "\r\n", TRUE },
		/* what is behind it */
		{ HEADER "\r\n", HEADER "\r\nbody\r\n", TRUE },
		/* line ends */
		{ HEADER "\r\n", "From: a@example.com\nSubject: b\n\n", TRUE },
		/* blanks */
		{ HEADER "\r\n", "From: a@example.com \r\nSubject:  b\t\r\n\r\n",
		  TRUE },
		/* 8bit */
		{ "Subject: \xc3\xa4x\r\n\r\n", "Subject: ?x\r\n\r\n", TRUE },
		/* what servers add and leave out */
		{ HEADER "\r\n", "Return-Path: <x@y>\r\n" HEADER "\r\n", TRUE },
		{ HEADER "\r\n", HEADER "X-UIDL: 1\r\nStatus: RO\r\n\r\n",
		  TRUE },
		{ HEADER "\r\n", HEADER "no name\r\n\r\n", TRUE },
		{ HEADER "\r\n", HEADER "a b: c\r\n\r\n", TRUE },
		{ HEADER " \r\n\r\n", HEADER "\r\n", TRUE },
		{ HEADER "\r\r\nX: 1\r\n\r\n", HEADER "\r\r\n\r\n", TRUE },
		/* another message */
		{ HEADER "\r\n", "From: a@example.com\r\nSubject: c\r\n\r\n",
		  FALSE },
		{ HEADER "\r\n", HEADER "X: 1\r\n\r\n", FALSE },
		{ HEADER "X: 1\r\n\r\n", HEADER "X: 2\r\n\r\n", FALSE },
		{ "A: 1\r\nB: 2\r\n\r\n", "B: 2\r\nA: 1\r\n\r\n", FALSE },
	};
	unsigned char a[SHA1_RESULTLEN], b[SHA1_RESULTLEN];

	test_begin("migration header hash: equal");
	for (unsigned int i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_idx(get_hash(tests[i].a, a) == 0, i);
		test_assert_idx(get_hash(tests[i].b, b) == 0, i);
		test_assert_idx((memcmp(a, b, sizeof(a)) == 0) ==
				tests[i].equal, i);
	}
	test_end();
}

static void test_migration_header_hash_empty(void)
{
	static const char *const tests[] = {
		"", "\r\n", "\n", "\r\nbody\r\n", "Status: RO\r\n\r\nbody\r\n",
	};
	unsigned char hash[SHA1_RESULTLEN];

	test_begin("migration header hash: nothing that tells");
	for (unsigned int i = 0; i < N_ELEMENTS(tests); i++)
		test_assert_idx(get_hash(tests[i], hash) < 0, i);
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_header_hash,
		test_migration_header_hash_empty,
		NULL
	};

	return test_run(test_functions);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-pop3-reply.h"
#include "test-common.h"

#define OK MIGRATION_POP3_REPLY_OK
#define TEMPORARY MIGRATION_POP3_REPLY_TEMPORARY
#define FINAL MIGRATION_POP3_REPLY_FINAL
#define NO_CODE MIGRATION_POP3_REPLY_NO_CODE
#define INVALID MIGRATION_POP3_REPLY_INVALID

static void test_migration_pop3_reply_parse(void)
{
	static const struct {
		const char *line;
		enum migration_pop3_reply reply;
		const char *text;
	} tests[] = {
		{ "+OK", OK, "" },
		{ "+ok", OK, "" },
		{ "+OK ready", OK, "ready" },
		{ "+OK [IN-USE]", OK, "[IN-USE]" },
		{ "-ERR", NO_CODE, "" },
		{ "-err  no", NO_CODE, "no" },
		{ "-ERR [IN-USE] busy", TEMPORARY, "[IN-USE] busy" },
		{ "-ERR [in-use]", TEMPORARY, "[in-use]" },
		{ "-ERR [LOGIN-DELAY] wait", TEMPORARY, "[LOGIN-DELAY] wait" },
		{ "-ERR [SYS/TEMP] later", TEMPORARY, "[SYS/TEMP] later" },
		{ "-ERR [SYS/TEMP/DISK]", TEMPORARY, "[SYS/TEMP/DISK]" },
		{ "-ERR [SYS/PERM]", FINAL, "[SYS/PERM]" },
		{ "-ERR [AUTH] wrong", FINAL, "[AUTH] wrong" },
		{ "-ERR [AUTHOR] x", NO_CODE, "[AUTHOR] x" },
		{ "-ERR [SYS] x", NO_CODE, "[SYS] x" },
		{ "-ERR [IN-USE", NO_CODE, "[IN-USE" },
		{ "-ERR IN-USE", NO_CODE, "IN-USE" },
		{ "-ERR [", NO_CODE, "[" },
		{ "", INVALID, "" },
		{ "+", INVALID, "+" },
		{ "+OKAY", INVALID, "+OKAY" },
		{ "-ERROR", INVALID, "-ERROR" },
		{ " +OK", INVALID, " +OK" },
		{ "* OK ready", INVALID, "* OK ready" },
	};
	const char *text;

	test_begin("migration pop3 reply: status");
	for (unsigned int i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_idx(migration_pop3_reply_parse(tests[i].line,
							   &text) ==
				tests[i].reply, i);
		test_assert_strcmp_idx(text, tests[i].text, i);
	}
	test_end();
}

static void test_migration_pop3_reply_capability(void)
{
	static const struct {
		const char *line;
		unsigned int capability;
	} tests[] = {
		{ "", 0 },
		{ "TOP", MIGRATION_POP3_CAPABILITY_TOP },
		{ "top", MIGRATION_POP3_CAPABILITY_TOP },
		{ "TOPS", 0 },
		{ "USER", MIGRATION_POP3_CAPABILITY_USER },
		{ "PIPELINING", MIGRATION_POP3_CAPABILITY_PIPELINING },
		{ "SASL", 0 },
		{ "SASL LOGIN", 0 },
		{ "SASL LOGIN plain", MIGRATION_POP3_CAPABILITY_SASL_PLAIN },
		{ "SASL XPLAIN", 0 },
		{ "IMPLEMENTATION USER TOP", 0 },
	};

	test_begin("migration pop3 reply: capability");
	for (unsigned int i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_idx(migration_pop3_reply_capability(
					tests[i].line) == tests[i].capability,
				i);
	}
	test_end();
}

static void test_migration_pop3_reply_uidl(void)
{
	static const struct {
		const char *line;
		int ret;
		unsigned int number;
		const char *uidl;
	} tests[] = {
		{ "1 abc", 1, 1, "abc" },
		{ "4294967295 !~", 1, 4294967295U, "!~" },
		{ "2   abc", 1, 2, "abc" },
		/* none that could be kept */
		{ "3 ", 0, 3, "" },
		{ "3 a b", 0, 3, "a b" },
		{ "3 a\tb", 0, 3, "a\tb" },
		{ "3 \x7f", 0, 3, "\x7f" },
		{ "3 \xc3\xa4", 0, 3, "\xc3\xa4" },
		/* no lines of UIDL */
		{ "", -1, 0, NULL },
		{ "3", -1, 0, NULL },
		{ "0 abc", -1, 0, NULL },
		{ "-1 abc", -1, 0, NULL },
		{ "x abc", -1, 0, NULL },
		{ "4294967296 abc", -1, 0, NULL },
		{ "1abc", -1, 0, NULL },
	};
	unsigned int number;
	const char *uidl;
	char line[300];

	test_begin("migration pop3 reply: UIDL");
	for (unsigned int i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_idx(migration_pop3_reply_uidl(tests[i].line,
							  &number, &uidl) ==
				tests[i].ret, i);
		if (tests[i].ret < 0)
			continue;
		test_assert_idx(number == tests[i].number, i);
		test_assert_strcmp_idx(uidl, tests[i].uidl, i);
	}
	/* length */
	memset(line, 'x', sizeof(line));
	memcpy(line, "1 ", 2);
	line[2 + 255] = '\0';
	test_assert(migration_pop3_reply_uidl(line, &number, &uidl) == 1);
	line[2 + 255] = 'x';
	line[2 + 256] = '\0';
	test_assert(migration_pop3_reply_uidl(line, &number, &uidl) == 0);
	test_end();
}

static void test_migration_pop3_reply_list(void)
{
	static const struct {
		const char *line;
		int ret;
		unsigned int number;
		uoff_t size;
	} tests[] = {
		{ "1 0", 0, 1, 0 },
		{ "2 12345678901", 0, 2, 12345678901ULL },
		{ "2 10 more", 0, 2, 10 },
		{ "", -1, 0, 0 },
		{ "2", -1, 0, 0 },
		{ "2 ", -1, 0, 0 },
		{ "2 x", -1, 0, 0 },
		{ "2 10x", -1, 0, 0 },
		{ "2 -1", -1, 0, 0 },
		{ "0 1", -1, 0, 0 },
	};
	unsigned int number;
	uoff_t size;

	test_begin("migration pop3 reply: LIST");
	for (unsigned int i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_idx(migration_pop3_reply_list(tests[i].line,
							  &number, &size) ==
				tests[i].ret, i);
		if (tests[i].ret < 0)
			continue;
		test_assert_idx(number == tests[i].number, i);
		test_assert_idx(size == tests[i].size, i);
	}
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_pop3_reply_parse,
		test_migration_pop3_reply_capability,
		test_migration_pop3_reply_uidl,
		test_migration_pop3_reply_list,
		NULL
	};

	return test_run(test_functions);
}

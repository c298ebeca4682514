/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "str.h"
#include "migration-compat.h"
#include "migration-reply.h"
#include "test-common.h"

#define UNTAGGED MIGRATION_REPLY_UNTAGGED
#define TAGGED MIGRATION_REPLY_TAGGED
#define CONTINUE MIGRATION_REPLY_CONTINUE
#define GARBAGE MIGRATION_REPLY_GARBAGE
#define S_NONE MIGRATION_REPLY_STATUS_NONE
#define S_OK MIGRATION_REPLY_STATUS_OK
#define S_NO MIGRATION_REPLY_STATUS_NO
#define S_BAD MIGRATION_REPLY_STATUS_BAD
#define S_BYE MIGRATION_REPLY_STATUS_BYE
#define S_PREAUTH MIGRATION_REPLY_STATUS_PREAUTH

static const struct {
	const char *line;
	enum migration_reply_kind kind;
	enum migration_reply_status status;
	const char *tag, *code, *text;
} reply_tests[] = {
	/* greetings */
	{ "* OK ready\r\n", UNTAGGED, S_OK, NULL, NULL, "ready" },
	{ "* OK\r\n", UNTAGGED, S_OK, NULL, NULL, "" },
	{ "* ok [capability IMAP4rev1] hi\n", UNTAGGED, S_OK, NULL,
	  "CAPABILITY", "hi" },
	{ "* PREAUTH welcome", UNTAGGED, S_PREAUTH, NULL, NULL, "welcome" },
	{ "* BYE go away", UNTAGGED, S_BYE, NULL, NULL, "go away" },
	{ "* BYE [UNAVAILABLE] later", UNTAGGED, S_BYE, NULL, "UNAVAILABLE",
	  "later" },
	/* answers to a login */
	{ "A002 OK done\r\n", TAGGED, S_OK, "A002", NULL, "done" },
	{ "A002 NO [AUTHENTICATIONFAILED] wrong\r\n", TAGGED, S_NO, "A002",
	  "AUTHENTICATIONFAILED", "wrong" },
	{ "a2 no [unavailable]\r\n", TAGGED, S_NO, "a2", "UNAVAILABLE", "" },
	{ "a NO [LIMIT]text", TAGGED, S_NO, "a", "LIMIT", "text" },
	{ "a NO [REFERRAL imap://x/] no", TAGGED, S_NO, "a", "REFERRAL",
	  "no" },
	{ "a BAD what", TAGGED, S_BAD, "a", NULL, "what" },
	{ "a NO", TAGGED, S_NO, "a", NULL, "" },
	/* a code only counts at the beginning, and when it ends */
	{ "a NO see [UNAVAILABLE]", TAGGED, S_NO, "a", NULL,
	  "see [UNAVAILABLE]" },
	{ "a NO  [UNAVAILABLE] x", TAGGED, S_NO, "a", NULL,
	  " [UNAVAILABLE] x" },
	{ "a NO [UNAVAILABLE", TAGGED, S_NO, "a", NULL, "[UNAVAILABLE" },
	{ "a NO [] x", TAGGED, S_NO, "a", "", "x" },
	/* BYE and PREAUTH are never tagged */
	{ "a BYE x", GARBAGE, S_NONE, NULL, NULL, "a BYE x" },
	{ "a PREAUTH x", GARBAGE, S_NONE, NULL, NULL, "a PREAUTH x" },
	/* data */
	{ "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n", UNTAGGED, S_NONE, NULL,
	  "CAPABILITY", "CAPABILITY IMAP4rev1 AUTH=PLAIN" },
	{ "* LIST (\\Noselect) \"/\" \"\"\r\n", UNTAGGED, S_NONE, NULL, NULL,
	  "LIST (\\Noselect) \"/\" \"\"" },
	{ "* 1 EXISTS", UNTAGGED, S_NONE, NULL, NULL, "1 EXISTS" },
	{ "*", UNTAGGED, S_NONE, NULL, NULL, "" },
	{ "* ", UNTAGGED, S_NONE, NULL, NULL, "" },
	{ "* OKAY x", UNTAGGED, S_NONE, NULL, NULL, "OKAY x" },
	{ "+ \r\n", CONTINUE, S_NONE, NULL, NULL, "+ " },
	{ "+\r\n", CONTINUE, S_NONE, NULL, NULL, "+" },
	{ "+ OK x", CONTINUE, S_NONE, NULL, NULL, "+ OK x" },
	/* what no IMAP server says */
	{ "", GARBAGE, S_NONE, NULL, NULL, "" },
	{ "\r\n", GARBAGE, S_NONE, NULL, NULL, "" },
	{ " ", GARBAGE, S_NONE, NULL, NULL, " " },
	{ " OK x", GARBAGE, S_NONE, NULL, NULL, " OK x" },
	{ "** OK x", GARBAGE, S_NONE, NULL, NULL, "** OK x" },
	{ "*OK x", GARBAGE, S_NONE, NULL, NULL, "*OK x" },
	{ "++ OK x", GARBAGE, S_NONE, NULL, NULL, "++ OK x" },
	{ "+OK POP3 ready", GARBAGE, S_NONE, NULL, NULL, "+OK POP3 ready" },
	{ "220 mail ESMTP", GARBAGE, S_NONE, NULL, NULL, "220 mail ESMTP" },
	{ "HTTP/1.1 400 Bad", GARBAGE, S_NONE, NULL, NULL,
	  "HTTP/1.1 400 Bad" },
	{ "a", GARBAGE, S_NONE, NULL, NULL, "a" },
	{ "a-1 OK x", GARBAGE, S_NONE, NULL, NULL, "a-1 OK x" },
	{ "a\tOK x", GARBAGE, S_NONE, NULL, NULL, "a?OK x" },
	{ "a  OK x", GARBAGE, S_NONE, NULL, NULL, "a  OK x" },
	{ "a OK\tx", GARBAGE, S_NONE, NULL, NULL, "a OK?x" },
	{ "12345678901234567890123456789012 OK x", TAGGED, S_OK,
	  "12345678901234567890123456789012", NULL, "x" },
	{ "123456789012345678901234567890123 OK x", GARBAGE, S_NONE, NULL,
	  NULL, "123456789012345678901234567890123 OK x" },
	/* may be logged */
	{ "a NO \x1b[31mred\x07 \x7f \xc3\xa4 \xff", TAGGED, S_NO, "a", NULL,
	  "?[31mred? ? ?? ?" },
	{ "* CAPABILITY \x1b[2J\xe9", UNTAGGED, S_NONE, NULL, "CAPABILITY",
	  "CAPABILITY ?[2J?" },
	{ "* OK [CAPABILITY A] \x1b", UNTAGGED, S_OK, NULL, "CAPABILITY",
	  "?" },
	{ "a OK x\ry\r\n", TAGGED, S_OK, "a", NULL, "x?y" },
};

static void test_migration_reply_parse(void)
{
	struct migration_reply reply;
	unsigned int i;

	test_begin("migration reply: lines");
	for (i = 0; i < N_ELEMENTS(reply_tests); i++) {
		migration_reply_parse(reply_tests[i].line,
				      strlen(reply_tests[i].line), &reply);
		test_assert_cmp_idx(reply.kind, ==, reply_tests[i].kind, i);
		test_assert_cmp_idx(reply.status, ==, reply_tests[i].status,
				    i);
		test_assert_strcmp_idx(reply.tag, reply_tests[i].tag, i);
		test_assert_strcmp_idx(reply.code, reply_tests[i].code, i);
		test_assert_strcmp_idx(reply.text, reply_tests[i].text, i);
		test_assert_idx(!reply.literal, i);
	}
	test_end();
}

static void test_migration_reply_nul(void)
{
	static const char *lines[] = {
		"\0", "* OK \0\r\n", "a OK x\0", "\0* OK x"
	};
	static const size_t sizes[] = { 1, 8, 7, 7 };
	struct migration_reply reply;
	unsigned int i;

	test_begin("migration reply: NUL is no IMAP");
	for (i = 0; i < N_ELEMENTS(lines); i++) {
		migration_reply_parse(lines[i], sizes[i], &reply);
		test_assert_idx(reply.kind == GARBAGE, i);
		test_assert_idx(reply.status == S_NONE, i);
		test_assert_idx(reply.tag == NULL, i);
		test_assert_strcmp_idx(reply.text, "", i);
	}
	test_end();
}

static void test_migration_reply_literal(void)
{
	static const struct {
		const char *line;
		bool literal;
	} tests[] = {
		{ "* LIST () \"/\" {3}\r\n", TRUE },
		{ "* LIST () \"/\" {3+}\r\n", TRUE },
		{ "* LIST () \"/\" ~{12}", TRUE },
		{ "a OK {0}\n", TRUE },
		{ "{1}", TRUE },
		{ "* OK {123456789012345678901234567890}", TRUE },
		{ "* OK {}", FALSE },
		{ "* OK {+}", FALSE },
		{ "* OK {3} ", FALSE },
		{ "* OK {3} x", FALSE },
		{ "* OK {3-}", FALSE },
		{ "* OK {3++}", FALSE },
		{ "* OK 3}", FALSE },
		{ "* OK {x3}", FALSE },
		{ "{3", FALSE },
		{ "3}", FALSE },
		{ "123}", FALSE },
		{ "}", FALSE },
		{ "+}", FALSE },
		{ "", FALSE },
	};
	struct migration_reply reply;
	unsigned int i;

	test_begin("migration reply: literals");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		migration_reply_parse(tests[i].line, strlen(tests[i].line),
				      &reply);
		test_assert_idx(reply.literal == tests[i].literal, i);
	}
	test_end();
}

static void test_migration_reply_long(void)
{
	struct migration_reply reply;
	string_t *str = t_str_new(4096);
	unsigned int i;

	test_begin("migration reply: long text is cut");
	str_append(str, "a NO ");
	for (i = 0; i < 300; i++)
		str_append_c(str, 'x');
	migration_reply_parse(str_data(str), str_len(str), &reply);
	test_assert(reply.kind == TAGGED);
	test_assert_strcmp(reply.text, str_c(str) + 5);

	str_append_c(str, 'y');
	migration_reply_parse(str_data(str), str_len(str), &reply);
	test_assert_ucmp(strlen(reply.text), ==, 303);
	test_assert(str_begins_with(str_c(str) + 5, t_strdup_until(
		reply.text, reply.text + 300)));
	test_assert_strcmp(reply.text + 300, "...");
	test_end();
}

static void test_migration_reply_capability(void)
{
	static const struct {
		const char *line;
		bool has_plain;
	} tests[] = {
		{ "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n", TRUE },
		{ "* capability auth=plain imap4rev1\r\n", TRUE },
		{ "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n", TRUE },
		{ "a OK [CAPABILITY  AUTH=PLAIN  X] hi\r\n", TRUE },
		{ "a OK [CAPABILITY AUTH=PLAIN]", TRUE },
		{ "* CAPABILITY IMAP4rev1\r\n", FALSE },
		{ "* CAPABILITY\r\n", FALSE },
		{ "* OK [CAPABILITY] hi\r\n", FALSE },
		{ "* CAPABILITY AUTH=PLAINX XAUTH=PLAIN\r\n", FALSE },
		{ "* CAPABILITY AUTH=PLAIN-CLIENTTOKEN\r\n", FALSE },
		/* only there is it a promise */
		{ "* OK [CAPABILITY IMAP4rev1] AUTH=PLAIN later\r\n", FALSE },
		{ "* OK AUTH=PLAIN\r\n", FALSE },
		{ "* OK [ALERT AUTH=PLAIN] x\r\n", FALSE },
		{ "* LIST AUTH=PLAIN\r\n", FALSE },
		{ "AUTH=PLAIN", FALSE },
		{ "", FALSE },
	};
	struct migration_reply reply;
	string_t *str = t_str_new(1024);
	unsigned int i;

	test_begin("migration reply: capabilities");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		migration_reply_parse(tests[i].line, strlen(tests[i].line),
				      &reply);
		test_assert_idx(migration_reply_has_capability(&reply,
							       "AUTH=PLAIN") ==
				tests[i].has_plain, i);
	}
	/* however many come before it */
	str_append(str, "* OK [CAPABILITY");
	for (i = 0; i < 100; i++)
		str_printfa(str, " X-EXTENSION-%u", i);
	str_append(str, " AUTH=PLAIN] ready");
	migration_reply_parse(str_data(str), str_len(str), &reply);
	test_assert(migration_reply_has_capability(&reply, "AUTH=PLAIN"));
	test_assert_strcmp(reply.text, "ready");
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_reply_parse,
		test_migration_reply_nul,
		test_migration_reply_literal,
		test_migration_reply_long,
		test_migration_reply_capability,
		NULL
	};
	return test_run(test_functions);
}

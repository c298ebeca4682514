/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "str.h"
#include "migration-backoff.h"
#include "test-common.h"

#define DEFAULT MIGRATION_BACKOFF_DEFAULT_SECS
#define MAX MIGRATION_BACKOFF_MAX_SECS

static void test_migration_backoff_secs(void)
{
	static const struct {
		const char *code, *text;
		unsigned int secs;
	} tests[] = {
		/* Microsoft 365 and Exchange, as seen in bug reports: imap_tools
		   #135, imapsync #198, email-oauth2-proxy #191 */
		{ NULL, "Request is throttled. Suggested Backoff Time: 299910 "
		  "milliseconds", 300 },
		{ NULL, "1069 NO Request is throttled. Suggested Backoff Time: "
		  "299609 milliseconds", 300 },
		{ NULL, "imapc(outlook.office365.com:993): Command 'UID FETCH "
		  "...' failed with BAD: 7 Request is throttled. Suggested "
		  "Backoff Time: 89117 milliseconds", 90 },
		{ NULL, "Suggested Backoff Time: 1000 milliseconds", 1 },
		{ NULL, "Suggested Backoff Time: 1 milliseconds", 1 },
		{ NULL, "Request is throttled.", DEFAULT },
		/* Yahoo */
		{ NULL, "NO [LIMIT] FETCH Rate limit hit.", DEFAULT },
		{ "LIMIT", "FETCH Rate limit hit.", DEFAULT },
		{ NULL, "Mailbox INBOX: FETCH Rate limit hit.", DEFAULT },
		/* Google */
		{ NULL, "NO [THROTTLED] System Error (Failure)", DEFAULT },
		{ "THROTTLED", "System Error (Failure)", DEFAULT },
		{ "OVERQUOTA", "Account exceeded command or bandwidth limits. "
		  "(Failure)", DEFAULT },
		/* others say how long */
		{ "UNAVAILABLE", "Maintenance, try again in 2 hours", 7200 },
		{ "INUSE", "Mailbox is locked, please try again in 30 seconds.",
		  30 },
		{ "THROTTLED", "Try again in 10 minutes", 600 },
		{ NULL, "Too many logins, please wait 5 minutes", 300 },
		{ NULL, "Please wait for at least 90s before you log in", 90 },
		{ NULL, "retry after 1h", 3600 },
		{ NULL, "Try again in about 3 mins (or call us in 5 hours)",
		  180 },
		{ NULL, "try again in 5m", 300 },
		{ NULL, "TRY AGAIN IN 5 MINUTES", 300 },
		/* the longest of several */
		{ NULL, "wait 10 seconds, then try again in 2 minutes", 120 },
		/* nothing is asked for */
		{ NULL, "", 0 },
		{ "UNAVAILABLE", "try again later", 0 },
		{ "INUSE", "Mailbox is locked", 0 },
		{ "SERVERBUG", "internal error 5 minutes ago", 0 },
		{ NULL, "Authentication failed.", 0 },
		{ NULL, "try again in a few minutes", 0 },
		{ NULL, "try again", 0 },
		{ NULL, "wait 5", 0 },
		{ NULL, "wait 5 apples", 0 },
		{ NULL, "wait 0 seconds", 0 },
		{ NULL, "wait -5 seconds", 0 },
		{ NULL, "the limit is 5 minutes", 0 },
		{ NULL, "LIMIT", 0 },
		{ NULL, "wait in", 0 },
		{ NULL, "Suggested Backoff Time:", 0 },
		/* bounded */
		{ NULL, "try again in 24 hours", MAX },
		{ NULL, "try again in 25 hours", MAX },
		{ NULL, "wait 4294967296 seconds", MAX },
		{ NULL, "wait 99999999999999999999999999 hours", MAX },
		{ NULL, "Suggested Backoff Time: 18446744073709551615 "
		  "milliseconds", MAX },
	};
	unsigned int i;

	test_begin("migration backoff");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_ucmp_idx(migration_backoff_secs(
			tests[i].code, tests[i].text), ==, tests[i].secs, i);
	}
	test_end();
}

/* A server may send what it likes. */
static void test_migration_backoff_long(void)
{
	string_t *str = t_str_new(1024);
	unsigned int i;

	test_begin("migration backoff: long text");
	for (i = 0; i < 10000; i++)
		str_append(str, "wait in at for ");
	test_assert(migration_backoff_secs(NULL, str_c(str)) == 0);
	str_append(str, "wait \xff\x80 5 seconds wait 7 seconds");
	test_assert(migration_backoff_secs(NULL, str_c(str)) == 7);
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_backoff_secs,
		test_migration_backoff_long,
		NULL
	};
	return test_run(test_functions);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-login.h"
#include "test-common.h"

#define INITIAL MIGRATION_PHASE_INITIAL
#define FOLLOWING MIGRATION_PHASE_FOLLOWING
#define FINISHED MIGRATION_PHASE_FINISHED
#define LOCAL MIGRATION_LOGIN_LOCAL
#define PROXY MIGRATION_LOGIN_PROXY
#define WAIT MIGRATION_LOGIN_WAIT
#define HOLD MIGRATION_LOGIN_HOLD

static void test_migration_login_action(void)
{
	static const struct {
		struct migration_login login;
		enum migration_login_action action;
	} tests[] = {
		/* service, phase, login, password changed, held, pop3 */
		{ { "imap", INITIAL, "proxy", FALSE, FALSE, FALSE }, PROXY },
		{ { "imap", INITIAL, "proxy", FALSE, TRUE, FALSE }, HOLD },
		{ { "imap", INITIAL, "proxy", TRUE, FALSE, FALSE }, WAIT },
		{ { "imap", INITIAL, "proxy", TRUE, TRUE, FALSE }, HOLD },
		{ { "imap", INITIAL, "wait", FALSE, FALSE, FALSE }, WAIT },
		{ { "imap", INITIAL, "wait", TRUE, FALSE, FALSE }, WAIT },
		{ { "imap", INITIAL, "local", FALSE, FALSE, FALSE }, LOCAL },
		{ { "imap", INITIAL, "local", TRUE, TRUE, FALSE }, LOCAL },
		{ { "pop3", INITIAL, "proxy", FALSE, FALSE, TRUE }, PROXY },
		{ { "pop3", INITIAL, "proxy", FALSE, FALSE, FALSE }, WAIT },
		{ { "pop3", INITIAL, "proxy", FALSE, TRUE, FALSE }, HOLD },
		{ { "pop3", INITIAL, "proxy", TRUE, FALSE, TRUE }, WAIT },
		{ { "pop3", INITIAL, "wait", FALSE, FALSE, TRUE }, WAIT },
		{ { "pop3", INITIAL, "local", FALSE, FALSE, FALSE }, LOCAL },
		/* these need no mailbox */
		{ { "submission", INITIAL, "proxy", FALSE, TRUE, TRUE },
		  LOCAL },
		{ { "sieve", INITIAL, "wait", TRUE, FALSE, FALSE }, LOCAL },
		{ { "smtp", INITIAL, "proxy", FALSE, FALSE, FALSE }, LOCAL },
		/* everything is here */
		{ { "imap", FOLLOWING, "proxy", FALSE, FALSE, TRUE }, LOCAL },
		{ { "imap", FOLLOWING, "proxy", FALSE, TRUE, TRUE }, LOCAL },
		{ { "imap", FOLLOWING, "wait", TRUE, FALSE, FALSE }, LOCAL },
		{ { "pop3", FOLLOWING, "proxy", FALSE, FALSE, TRUE }, LOCAL },
		{ { "imap", FINISHED, "proxy", FALSE, FALSE, TRUE }, LOCAL },
		{ { "pop3", FINISHED, "wait", FALSE, FALSE, FALSE }, LOCAL },
	};
	unsigned int i;

	test_begin("migration login: action");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_ucmp_idx(migration_login_action(&tests[i].login),
				     ==, tests[i].action, i);
	}
	test_end();
}

static void test_migration_login_renew(void)
{
	static const struct {
		const char *current, *configured, *login;
	} tests[] = {
		{ "proxy", "proxy", "proxy" },
		{ "proxy", "wait", "wait" },
		{ "proxy", "local", "local" },
		{ "wait", "proxy", "proxy" },
		{ "wait", "local", "local" },
		/* the user may have changed something here */
		{ "local", "local", "local" },
		{ "local", "proxy", "local" },
		{ "local", "wait", "local" },
	};
	unsigned int i;

	test_begin("migration login: configured otherwise");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_strcmp_idx(migration_login_renew(
			tests[i].current, tests[i].configured),
			tests[i].login, i);
	}
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_login_action,
		test_migration_login_renew,
		NULL
	};

	return test_run(test_functions);
}

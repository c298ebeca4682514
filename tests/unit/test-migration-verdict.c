/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-verdict.h"
#include "test-common.h"

static void test_migration_verdict_login(void)
{
	static const struct {
		enum migration_answer login;
		const char *code;
		enum migration_verdict verdict;
	} tests[] = {
		{ MIGRATION_ANSWER_OK, NULL, MIGRATION_VERDICT_OK },
		/* NO without a code, or with one that blames the user */
		{ MIGRATION_ANSWER_NO, NULL, MIGRATION_VERDICT_PASSWORD },
		{ MIGRATION_ANSWER_NO, "AUTHENTICATIONFAILED",
		  MIGRATION_VERDICT_PASSWORD },
		{ MIGRATION_ANSWER_NO, "AUTHORIZATIONFAILED",
		  MIGRATION_VERDICT_PASSWORD },
		{ MIGRATION_ANSWER_NO, "", MIGRATION_VERDICT_PASSWORD },
		{ MIGRATION_ANSWER_NO, "ALERT", MIGRATION_VERDICT_PASSWORD },
		{ MIGRATION_ANSWER_NO, "UNAVAILABLE2",
		  MIGRATION_VERDICT_PASSWORD },
		{ MIGRATION_ANSWER_NO, "EXPIRED", MIGRATION_VERDICT_EXPIRED },
		/* NO that says nothing about the password */
		{ MIGRATION_ANSWER_NO, "UNAVAILABLE",
		  MIGRATION_VERDICT_TEMPORARY },
		{ MIGRATION_ANSWER_NO, "INUSE", MIGRATION_VERDICT_TEMPORARY },
		{ MIGRATION_ANSWER_NO, "LIMIT", MIGRATION_VERDICT_TEMPORARY },
		{ MIGRATION_ANSWER_NO, "THROTTLED",
		  MIGRATION_VERDICT_TEMPORARY },
		{ MIGRATION_ANSWER_NO, "SERVERBUG",
		  MIGRATION_VERDICT_TEMPORARY },
		{ MIGRATION_ANSWER_NO, "CONTACTADMIN",
		  MIGRATION_VERDICT_TEMPORARY },
		/* plaintext refused */
		{ MIGRATION_ANSWER_NO, "PRIVACYREQUIRED",
		  MIGRATION_VERDICT_BROKEN },
		/* codes are not case-sensitive */
		{ MIGRATION_ANSWER_NO, "Unavailable",
		  MIGRATION_VERDICT_TEMPORARY },
		/* BAD says nothing about the password, whatever its code */
		{ MIGRATION_ANSWER_BAD, NULL, MIGRATION_VERDICT_TEMPORARY },
		{ MIGRATION_ANSWER_BAD, "AUTHENTICATIONFAILED",
		  MIGRATION_VERDICT_TEMPORARY },
		{ MIGRATION_ANSWER_BAD, "EXPIRED",
		  MIGRATION_VERDICT_TEMPORARY },
		{ MIGRATION_ANSWER_NONE, NULL, MIGRATION_VERDICT_TEMPORARY },
	};
	struct migration_contact contact;
	unsigned int i;

	test_begin("migration verdict: answers to the login");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		i_zero(&contact);
		contact.transport = MIGRATION_TRANSPORT_OK;
		contact.greeting_ok = TRUE;
		contact.login = tests[i].login;
		contact.login_code = tests[i].code;
		contact.session_ok = TRUE;
		test_assert_cmp_idx(migration_verdict(&contact), ==,
				    tests[i].verdict, i);
		if (tests[i].login != MIGRATION_ANSWER_NO)
			continue;
		test_assert_cmp_idx(migration_verdict_login_no(tests[i].code),
				    ==, tests[i].verdict, i);
	}
	test_end();
}

static void test_migration_verdict_transport(void)
{
	static const struct {
		enum migration_transport transport;
		enum migration_verdict verdict;
	} tests[] = {
		{ MIGRATION_TRANSPORT_OK, MIGRATION_VERDICT_OK },
		{ MIGRATION_TRANSPORT_DNS, MIGRATION_VERDICT_TEMPORARY },
		{ MIGRATION_TRANSPORT_CONNECT, MIGRATION_VERDICT_TEMPORARY },
		{ MIGRATION_TRANSPORT_TLS, MIGRATION_VERDICT_TEMPORARY },
		{ MIGRATION_TRANSPORT_CERTIFICATE, MIGRATION_VERDICT_BROKEN },
		{ MIGRATION_TRANSPORT_NO_STARTTLS, MIGRATION_VERDICT_BROKEN },
		{ MIGRATION_TRANSPORT_NO_MECHANISM, MIGRATION_VERDICT_BROKEN },
		{ MIGRATION_TRANSPORT_TIMEOUT, MIGRATION_VERDICT_TEMPORARY },
		{ MIGRATION_TRANSPORT_CLOSED, MIGRATION_VERDICT_TEMPORARY },
		{ MIGRATION_TRANSPORT_GARBAGE, MIGRATION_VERDICT_TEMPORARY },
		{ MIGRATION_TRANSPORT_INTERNAL, MIGRATION_VERDICT_BROKEN },
	};
	static const enum migration_answer answers[] = {
		MIGRATION_ANSWER_NONE, MIGRATION_ANSWER_OK,
		MIGRATION_ANSWER_NO, MIGRATION_ANSWER_BAD,
	};
	struct migration_contact contact;
	unsigned int i, j;

	test_begin("migration verdict: transports");
	/* one row for each */
	test_assert(N_ELEMENTS(tests) == MIGRATION_TRANSPORT_INTERNAL + 1);
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_idx((unsigned int)tests[i].transport == i, i);
		i_zero(&contact);
		contact.transport = tests[i].transport;
		contact.greeting_ok = TRUE;
		contact.session_ok = TRUE;
		contact.login = MIGRATION_ANSWER_OK;
		test_assert_cmp_idx(migration_verdict(&contact), ==,
				    tests[i].verdict, i);
		if (tests[i].transport == MIGRATION_TRANSPORT_OK)
			continue;
		/* whatever was said on a connection that then broke */
		for (j = 0; j < N_ELEMENTS(answers); j++) {
			contact.login = answers[j];
			test_assert_cmp_idx(migration_verdict(&contact), ==,
					    tests[i].verdict, i);
		}
	}
	test_end();
}

/* A success is believed only when all of it was seen. */
static void test_migration_verdict_not_ok(void)
{
	static const struct {
		bool greeting_ok, greeting_preauth, session_ok;
		enum migration_verdict verdict;
	} tests[] = {
		{ TRUE, FALSE, TRUE, MIGRATION_VERDICT_OK },
		/* the session does not work */
		{ TRUE, FALSE, FALSE, MIGRATION_VERDICT_TEMPORARY },
		/* PREAUTH takes any password */
		{ FALSE, TRUE, TRUE, MIGRATION_VERDICT_BROKEN },
		{ TRUE, TRUE, TRUE, MIGRATION_VERDICT_BROKEN },
		{ FALSE, TRUE, FALSE, MIGRATION_VERDICT_BROKEN },
		/* BYE, or no greeting at all */
		{ FALSE, FALSE, TRUE, MIGRATION_VERDICT_TEMPORARY },
		{ FALSE, FALSE, FALSE, MIGRATION_VERDICT_TEMPORARY },
	};
	struct migration_contact contact;
	unsigned int i;

	test_begin("migration verdict: no success by accident");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		i_zero(&contact);
		contact.login = MIGRATION_ANSWER_OK;
		contact.greeting_ok = tests[i].greeting_ok;
		contact.greeting_preauth = tests[i].greeting_preauth;
		contact.session_ok = tests[i].session_ok;
		test_assert_cmp_idx(migration_verdict(&contact), ==,
				    tests[i].verdict, i);
	}
	/* a refusal by a server that did not greet is not a refusal */
	i_zero(&contact);
	contact.login = MIGRATION_ANSWER_NO;
	test_assert(migration_verdict(&contact) ==
		    MIGRATION_VERDICT_TEMPORARY);
	contact.greeting_preauth = TRUE;
	test_assert(migration_verdict(&contact) == MIGRATION_VERDICT_BROKEN);
	/* nothing seen */
	i_zero(&contact);
	test_assert(migration_verdict(&contact) ==
		    MIGRATION_VERDICT_TEMPORARY);
	test_end();
}

static void test_migration_verdict_names(void)
{
	static const struct {
		enum migration_verdict verdict;
		const char *name;
	} verdicts[] = {
		{ MIGRATION_VERDICT_OK, "ok" },
		{ MIGRATION_VERDICT_PASSWORD, "wrong password" },
		{ MIGRATION_VERDICT_EXPIRED, "password expired" },
		{ MIGRATION_VERDICT_TEMPORARY, "temporary failure" },
		{ MIGRATION_VERDICT_BROKEN,
		  "provider or configuration broken" },
	};
	static const char *const transports[] = {
		"ok",
		"host name cannot be resolved",
		"cannot connect",
		"TLS handshake failed",
		"certificate or host name is wrong",
		"the server does not offer STARTTLS",
		"the server offers neither AUTHENTICATE PLAIN nor LOGIN",
		"timed out",
		"the server closed the connection",
		"the server does not speak IMAP",
		"internal error",
	};
	unsigned int i;

	test_begin("migration verdict: names");
	for (i = 0; i < N_ELEMENTS(verdicts); i++) {
		test_assert_strcmp_idx(
			migration_verdict_to_string(verdicts[i].verdict),
			verdicts[i].name, i);
	}
	test_assert(N_ELEMENTS(transports) ==
		    MIGRATION_TRANSPORT_INTERNAL + 1);
	for (i = 0; i < N_ELEMENTS(transports); i++) {
		test_assert_strcmp_idx(
			migration_transport_to_string(
				(enum migration_transport)i),
			transports[i], i);
	}
	test_end();
}

static void test_migration_verdict_account(void)
{
	test_begin("migration verdict: account gone");
	test_assert(migration_verdict_is_account("AUTHORIZATIONFAILED"));
	test_assert(migration_verdict_is_account("AuthorizationFailed"));
	test_assert(!migration_verdict_is_account("AUTHENTICATIONFAILED"));
	test_assert(!migration_verdict_is_account("EXPIRED"));
	test_assert(!migration_verdict_is_account(""));
	test_assert(!migration_verdict_is_account(NULL));
	test_end();
}

static void test_migration_verdict_reach(void)
{
	static const struct {
		enum migration_transport transport;
		bool greeting_ok, greeting_preauth;
		enum migration_answer login;
		const char *code;
		bool session_ok;
		enum migration_reach reach;
	} tests[] = {
#define ROW(transport, greeting, preauth, login, code, session, reach) \
	{ MIGRATION_TRANSPORT_##transport, greeting, preauth, \
	  MIGRATION_ANSWER_##login, code, session, MIGRATION_REACH_##reach }
		/* answers, whatever they say */
		ROW(OK, TRUE, FALSE, OK, NULL, TRUE, ANSWERED),
		ROW(OK, TRUE, FALSE, NO, NULL, FALSE, ANSWERED),
		ROW(OK, TRUE, FALSE, NO, "UNAVAILABLE", FALSE, ANSWERED),
		ROW(OK, TRUE, FALSE, NO, "LIMIT", FALSE, ANSWERED),
		ROW(OK, TRUE, FALSE, NO, "EXPIRED", FALSE, ANSWERED),
		ROW(OK, TRUE, FALSE, NO, "PRIVACYREQUIRED", FALSE, ANSWERED),
		ROW(OK, FALSE, TRUE, NONE, NULL, FALSE, ANSWERED),
		ROW(NO_STARTTLS, TRUE, FALSE, NONE, NULL, FALSE, ANSWERED),
		ROW(NO_MECHANISM, TRUE, FALSE, NONE, NULL, FALSE, ANSWERED),
		/* it could not be talked to */
		ROW(DNS, FALSE, FALSE, NONE, NULL, FALSE, FAILED),
		ROW(CONNECT, FALSE, FALSE, NONE, NULL, FALSE, FAILED),
		ROW(TLS, FALSE, FALSE, NONE, NULL, FALSE, FAILED),
		ROW(CERTIFICATE, FALSE, FALSE, NONE, NULL, FALSE, FAILED),
		ROW(TIMEOUT, TRUE, FALSE, NONE, NULL, FALSE, FAILED),
		ROW(CLOSED, TRUE, FALSE, NONE, NULL, FALSE, FAILED),
		ROW(GARBAGE, FALSE, FALSE, NONE, NULL, FALSE, FAILED),
		/* BYE as greeting, BAD, a session that does not work */
		ROW(OK, FALSE, FALSE, NONE, NULL, FALSE, FAILED),
		ROW(OK, TRUE, FALSE, BAD, NULL, FALSE, FAILED),
		ROW(OK, TRUE, FALSE, OK, NULL, FALSE, FAILED),
		/* not its fault */
		ROW(INTERNAL, FALSE, FALSE, NONE, NULL, FALSE, UNKNOWN),
#undef ROW
	};
	struct migration_contact contact;
	unsigned int i;

	test_begin("migration verdict: could the provider be talked to");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		i_zero(&contact);
		contact.transport = tests[i].transport;
		contact.greeting_ok = tests[i].greeting_ok;
		contact.greeting_preauth = tests[i].greeting_preauth;
		contact.login = tests[i].login;
		contact.login_code = tests[i].code;
		contact.session_ok = tests[i].session_ok;
		test_assert_cmp_idx(migration_verdict_reach(&contact), ==,
				    tests[i].reach, i);
	}
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_verdict_login,
		test_migration_verdict_transport,
		test_migration_verdict_not_ok,
		test_migration_verdict_names,
		test_migration_verdict_account,
		test_migration_verdict_reach,
		NULL
	};
	return test_run(test_functions);
}

#ifndef MIGRATION_VERDICT_H
#define MIGRATION_VERDICT_H

/* What a login at the provider means for us. A remote failure is classified
   here, once, from what was observed (the tagged answer and its code, never
   its text) into whom to blame and whether to try again. Pure; used by auth
   and by the worker. */

enum migration_verdict {
	/* The provider knows the user and the password is right. */
	MIGRATION_VERDICT_OK = 1,
	/* The provider refuses user or password. */
	MIGRATION_VERDICT_PASSWORD = 0,
	/* NO [EXPIRED] */
	MIGRATION_VERDICT_EXPIRED = -1,
	/* Nothing is known about the password; it may work later. */
	MIGRATION_VERDICT_TEMPORARY = -2,
	/* As TEMPORARY, but it stays so until the administrator or the
	   provider changes something. */
	MIGRATION_VERDICT_BROKEN = -3,
};

/* How far the connection came. */
enum migration_transport {
	MIGRATION_TRANSPORT_OK,
	/* The host name has no address. */
	MIGRATION_TRANSPORT_DNS,
	MIGRATION_TRANSPORT_CONNECT,
	/* TLS handshake failed for another reason than the certificate. */
	MIGRATION_TRANSPORT_TLS,
	/* Certificate or host name wrong. */
	MIGRATION_TRANSPORT_CERTIFICATE,
	/* STARTTLS wanted but not offered or refused. */
	MIGRATION_TRANSPORT_NO_STARTTLS,
	/* Neither AUTHENTICATE PLAIN nor LOGIN is offered. */
	MIGRATION_TRANSPORT_NO_MECHANISM,
	MIGRATION_TRANSPORT_TIMEOUT,
	/* Closed in the middle. */
	MIGRATION_TRANSPORT_CLOSED,
	/* Not IMAP, too much of it, or a literal where none belongs. */
	MIGRATION_TRANSPORT_GARBAGE,
	/* libcurl or memory failed here. */
	MIGRATION_TRANSPORT_INTERNAL,
};

enum migration_answer {
	MIGRATION_ANSWER_NONE,
	MIGRATION_ANSWER_OK,
	MIGRATION_ANSWER_NO,
	MIGRATION_ANSWER_BAD,
};

/* Could the provider be talked to at all? */
enum migration_reach {
	/* It gave an answer to the login, or said why it takes none. */
	MIGRATION_REACH_ANSWERED,
	/* No connection, a wrong certificate, no answer, nonsense. */
	MIGRATION_REACH_FAILED,
	/* Something here was at fault. */
	MIGRATION_REACH_UNKNOWN,
};

/* What was observed during one login attempt. */
struct migration_contact {
	enum migration_transport transport;
	/* The greeting was "* OK". PREAUTH is not. */
	bool greeting_ok;
	/* The greeting was "* PREAUTH" (libcurl believes any password then). */
	bool greeting_preauth;
	/* Tagged answer to LOGIN or AUTHENTICATE, and its response code in
	   upper case or NULL. */
	enum migration_answer login;
	const char *login_code;
	/* A command that needs an authenticated session was answered OK after
	   the login. */
	bool session_ok;
};

enum migration_verdict
migration_verdict(const struct migration_contact *contact);

/* The part of the rule for a tagged NO with this code (NULL = none). */
enum migration_verdict migration_verdict_login_no(const char *code);

/* TRUE if a tagged NO with this code says that the user is known but not, or no
   longer, allowed in: gone or disabled. Its verdict is that of a refused
   password, which is what the user is told; the worker tells them apart. */
bool migration_verdict_is_account(const char *code);

/* What the attempt says about the connection, for the breaker. A tagged NO is
   an answer whatever its code. */
enum migration_reach
migration_verdict_reach(const struct migration_contact *contact);

/* For logs, e.g. "wrong password". */
const char *migration_verdict_to_string(enum migration_verdict verdict);
/* For logs, e.g. "certificate or host name is wrong". */
const char *migration_transport_to_string(enum migration_transport transport);

#endif

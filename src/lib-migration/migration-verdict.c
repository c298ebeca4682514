/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-verdict.h"

/* RFC 5530 and 9051 response codes at a failed login. "THROTTLED" is
   Office 365's and Exchange's. Any other code, and none, means that user or
   password were refused. */
static const struct {
	const char *code;
	enum migration_verdict verdict;
} login_no_codes[] = {
	{ "EXPIRED", MIGRATION_VERDICT_EXPIRED },
	{ "UNAVAILABLE", MIGRATION_VERDICT_TEMPORARY },
	{ "INUSE", MIGRATION_VERDICT_TEMPORARY },
	{ "LIMIT", MIGRATION_VERDICT_TEMPORARY },
	{ "THROTTLED", MIGRATION_VERDICT_TEMPORARY },
	{ "SERVERBUG", MIGRATION_VERDICT_TEMPORARY },
	{ "CONTACTADMIN", MIGRATION_VERDICT_TEMPORARY },
	{ "PRIVACYREQUIRED", MIGRATION_VERDICT_BROKEN },
};

enum migration_verdict migration_verdict_login_no(const char *code)
{
	unsigned int i;

	if (code == NULL)
		return MIGRATION_VERDICT_PASSWORD;
	for (i = 0; i < N_ELEMENTS(login_no_codes); i++) {
		if (strcasecmp(login_no_codes[i].code, code) == 0)
			return login_no_codes[i].verdict;
	}
	return MIGRATION_VERDICT_PASSWORD;
}

bool migration_verdict_is_account(const char *code)
{
	return code != NULL && strcasecmp(code, "AUTHORIZATIONFAILED") == 0;
}

enum migration_verdict
migration_verdict(const struct migration_contact *contact)
{
	switch (contact->transport) {
	case MIGRATION_TRANSPORT_CERTIFICATE:
	case MIGRATION_TRANSPORT_NO_STARTTLS:
	case MIGRATION_TRANSPORT_NO_MECHANISM:
	case MIGRATION_TRANSPORT_INTERNAL:
		return MIGRATION_VERDICT_BROKEN;
	case MIGRATION_TRANSPORT_DNS:
	case MIGRATION_TRANSPORT_CONNECT:
	case MIGRATION_TRANSPORT_TLS:
	case MIGRATION_TRANSPORT_TIMEOUT:
	case MIGRATION_TRANSPORT_CLOSED:
	case MIGRATION_TRANSPORT_GARBAGE:
		return MIGRATION_VERDICT_TEMPORARY;
	case MIGRATION_TRANSPORT_OK:
		break;
	}
	if (contact->greeting_preauth)
		return MIGRATION_VERDICT_BROKEN;
	if (!contact->greeting_ok)
		return MIGRATION_VERDICT_TEMPORARY;

	switch (contact->login) {
	case MIGRATION_ANSWER_NO:
		return migration_verdict_login_no(contact->login_code);
	case MIGRATION_ANSWER_OK:
		return contact->session_ok ? MIGRATION_VERDICT_OK :
					     MIGRATION_VERDICT_TEMPORARY;
	case MIGRATION_ANSWER_BAD:
	case MIGRATION_ANSWER_NONE:
		return MIGRATION_VERDICT_TEMPORARY;
	}
	i_unreached();
}

enum migration_reach
migration_verdict_reach(const struct migration_contact *contact)
{
	switch (contact->transport) {
	case MIGRATION_TRANSPORT_INTERNAL:
		return MIGRATION_REACH_UNKNOWN;
	case MIGRATION_TRANSPORT_CERTIFICATE:
		return MIGRATION_REACH_FAILED;
	case MIGRATION_TRANSPORT_OK:
		if (contact->login == MIGRATION_ANSWER_NO)
			return MIGRATION_REACH_ANSWERED;
		break;
	case MIGRATION_TRANSPORT_DNS:
	case MIGRATION_TRANSPORT_CONNECT:
	case MIGRATION_TRANSPORT_TLS:
	case MIGRATION_TRANSPORT_NO_STARTTLS:
	case MIGRATION_TRANSPORT_NO_MECHANISM:
	case MIGRATION_TRANSPORT_TIMEOUT:
	case MIGRATION_TRANSPORT_CLOSED:
	case MIGRATION_TRANSPORT_GARBAGE:
		break;
	}
	return migration_verdict(contact) == MIGRATION_VERDICT_TEMPORARY ?
		       MIGRATION_REACH_FAILED :
		       MIGRATION_REACH_ANSWERED;
}

const char *migration_verdict_to_string(enum migration_verdict verdict)
{
	switch (verdict) {
	case MIGRATION_VERDICT_OK:
		return "ok";
	case MIGRATION_VERDICT_PASSWORD:
		return "wrong password";
	case MIGRATION_VERDICT_EXPIRED:
		return "password expired";
	case MIGRATION_VERDICT_TEMPORARY:
		return "temporary failure";
	case MIGRATION_VERDICT_BROKEN:
		return "provider or configuration broken";
	}
	i_unreached();
}

const char *migration_transport_to_string(enum migration_transport transport)
{
	switch (transport) {
	case MIGRATION_TRANSPORT_OK:
		return "ok";
	case MIGRATION_TRANSPORT_DNS:
		return "host name cannot be resolved";
	case MIGRATION_TRANSPORT_CONNECT:
		return "cannot connect";
	case MIGRATION_TRANSPORT_TLS:
		return "TLS handshake failed";
	case MIGRATION_TRANSPORT_CERTIFICATE:
		return "certificate or host name is wrong";
	case MIGRATION_TRANSPORT_NO_STARTTLS:
		return "the server does not offer STARTTLS";
	case MIGRATION_TRANSPORT_NO_MECHANISM:
		return "the server offers neither AUTHENTICATE PLAIN nor LOGIN";
	case MIGRATION_TRANSPORT_TIMEOUT:
		return "timed out";
	case MIGRATION_TRANSPORT_CLOSED:
		return "the server closed the connection";
	case MIGRATION_TRANSPORT_GARBAGE:
		return "the server does not speak IMAP";
	case MIGRATION_TRANSPORT_INTERNAL:
		return "internal error";
	}
	i_unreached();
}

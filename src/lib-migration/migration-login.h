#ifndef MIGRATION_LOGIN_H
#define MIGRATION_LOGIN_H

/* What a login gets whose password is right: DESIGN in doc/states.md. Pure. */

#include "migration-record.h"

enum migration_login_action {
	/* In here. */
	MIGRATION_LOGIN_LOCAL,
	/* Passed through to the provider. */
	MIGRATION_LOGIN_PROXY,
	/* Told to come back in a few minutes. */
	MIGRATION_LOGIN_WAIT,
	/* Held for the seconds that the switch takes, then decided anew. */
	MIGRATION_LOGIN_HOLD,
};

struct migration_login {
	/* "imap", "pop3" or any other service of Dovecot's */
	const char *service;
	enum migration_phase phase;
	/* The record's: "proxy", "wait" or "local" */
	const char *login;
	/* The user has set another password here, which the provider does not
	   know. */
	bool password_changed;
	/* The switch is on its way. */
	bool held;
	/* The provider's POP3 server is known. */
	bool pop3;
};

enum migration_login_action
migration_login_action(const struct migration_login *login);

/* What a record's "login" becomes when another one is configured. Who has been
   let in here may have mail and flags of their own by now and stays here:
   nobody may take the provider's mailbox for the truth any longer. */
const char *migration_login_renew(const char *current, const char *configured);

#endif

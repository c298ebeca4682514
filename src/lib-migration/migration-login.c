/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-login.h"

enum migration_login_action
migration_login_action(const struct migration_login *login)
{
	bool pop3 = strcmp(login->service, "pop3") == 0;

	/* submission, ManageSieve and the like need no mailbox */
	if (!pop3 && strcmp(login->service, "imap") != 0)
		return MIGRATION_LOGIN_LOCAL;
	if (login->phase != MIGRATION_PHASE_INITIAL ||
	    strcmp(login->login, "local") == 0)
		return MIGRATION_LOGIN_LOCAL;
	if (login->held)
		return MIGRATION_LOGIN_HOLD;
	if (strcmp(login->login, "proxy") != 0 || login->password_changed ||
	    (pop3 && !login->pop3))
		return MIGRATION_LOGIN_WAIT;
	return MIGRATION_LOGIN_PROXY;
}

const char *migration_login_renew(const char *current, const char *configured)
{
	return strcmp(current, "local") == 0 ? current : configured;
}

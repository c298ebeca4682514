#ifndef MIGRATION_AUTH_HOME_H
#define MIGRATION_AUTH_HOME_H

/* Is the user at home here? At home means known to any passdb in front of ours
   or to any userdb, whoever runs it. Their passwords are never sent to a
   provider. When in doubt the answer is "unsure", and nothing is sent either.

   How a passdb in front answered is taken from Dovecot's event
   auth_passdb_request_finished, because the request itself only remembers
   whether somebody said "unknown", not who said "wrong password". */

#include "migration-home.h"

struct auth_request;

typedef void migration_home_callback_t(enum migration_home home, void *context);

void migration_auth_home_init(void);
void migration_auth_home_deinit(void);
/* Makes sure that Dovecot sends us the event: its stats client replaces the
   filter whenever it connects. Cheap; to be called at each request. */
void migration_auth_home_watch(void);

/* What the passdbs in front have said in this request: UNKNOWN_USER, PASSDB or
   UNSURE. username is the name that the userdbs will be asked about: if userdb
   passwd is among them, it is believed and not a "wrong password" from passdb
   pam. */
enum migration_home
migration_auth_home_passdbs(struct auth_request *request, const char *username);

/* Asks the userdbs about a name: UNKNOWN_USER, USERDB or UNSURE. The callback is
   called exactly once, perhaps from inside this function. A userdb static with
   allow_all_users knows nobody. */
void migration_auth_home_userdbs(struct auth_request *request,
				 const char *username,
				 migration_home_callback_t *callback,
				 void *context);

#endif

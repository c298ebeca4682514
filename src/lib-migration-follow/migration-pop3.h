#ifndef MIGRATION_POP3_H
#define MIGRATION_POP3_H

/* One POP3 session with a user's INBOX at the old provider, for the UIDLs and
   their order. It only reads (P2): UIDL, LIST, TOP, QUIT.

   Blocks, in an ioloop of its own. The first failure ends it: every further
   call fails in the same way, and migration_pop3_get_error() says why.
   Dovecot's own client, pop3c, is none for this: doc/dovecot-notes.md. */

#include "migration-pop3-match.h"

struct mail_user;
struct migration_pop3;
struct migration_remote_settings;

enum migration_pop3_result {
	MIGRATION_POP3_OK = 0,
	/* It may be otherwise later. */
	MIGRATION_POP3_TEMPORARY = -1,
	/* The server does not let the user in, or has no UIDLs. */
	MIGRATION_POP3_REFUSED = -2,
	/* Nobody waits for it any longer. */
	MIGRATION_POP3_STOPPED = -3,
};

/* is_stopped is called while it waits. user is the local user, for its
   settings. */
struct migration_pop3 *
migration_pop3_init(const struct migration_remote_settings *set,
		    struct mail_user *user, bool (*is_stopped)(void *context),
		    void *context);
/* Says QUIT if there still is a connection. */
void migration_pop3_deinit(struct migration_pop3 **pop3);

/* Connects and logs in. */
enum migration_pop3_result migration_pop3_login(struct migration_pop3 *pop3);
/* Adds all messages, with UIDLs and sizes. No UIDL is there twice. */
enum migration_pop3_result
migration_pop3_list(struct migration_pop3 *pop3, pool_t pool,
		    ARRAY_TYPE(migration_pop3_mail) *mails);
/* Whether headers can be had. */
bool migration_pop3_have_headers(const struct migration_pop3 *pop3);
/* Hashes the headers of the messages that have want_hash set. Those that the
   server does not deliver get none. */
enum migration_pop3_result
migration_pop3_hash_headers(struct migration_pop3 *pop3,
			    ARRAY_TYPE(migration_pop3_mail) *mails);

/* For people, without a password. */
const char *migration_pop3_get_error(const struct migration_pop3 *pop3);

#endif

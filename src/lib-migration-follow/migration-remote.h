#ifndef MIGRATION_REMOTE_H
#define MIGRATION_REMOTE_H

/* One IMAP connection to a user's mailbox at the old provider, over Dovecot's
   imapc client: commands are sent without waiting for each other's answers,
   and read-only ones alone (P2: EXAMINE, BODY.PEEK).

   Blocks, in an ioloop of the client's own. A connection that is lost stays
   lost: every further call fails at once, and migration_remote_get_failure()
   says why. imapc itself logs what happened to the connection. */

#include "migration-features.h"
#include "migration-verdict.h"

struct imapc_command_reply;
struct imapc_untagged_reply;
struct imap_arg;
struct istream;
struct mail_user;
struct migration_provider_probe;
struct migration_provider_settings;
struct migration_secret;
struct migration_remote;

struct migration_remote_settings {
	const struct migration_provider_settings *provider;
	const char *remote_user;
	/* "PLAIN" or "LOGIN"; empty = whatever the server takes */
	const char *mechanism;
	const struct migration_secret *password;
	/* Whose password it is: a master user's, who logs in with AUTHENTICATE
	   PLAIN; NULL = the user's own */
	const char *master_user;
	/* What is known to be offered, as migration_features_known() says it;
	   "" = nothing is known, NULL = nobody wants to know. */
	const char *known_capabilities;
};

struct migration_remote_failure {
	/* Of the login; MIGRATION_VERDICT_OK if the connection was lost after
	   it. */
	enum migration_verdict verdict;
	/* Gone or disabled at the provider. */
	bool account_gone;
	/* What the provider asked for, 0 = nothing. */
	unsigned int retry_after_secs;
	const char *error;
};

/* Called for each tagged answer, and with IMAPC_COMMAND_STATE_DISCONNECTED for
   the first command that a lost connection leaves without one. */
typedef void
migration_remote_callback_t(const struct imapc_command_reply *reply,
			    void *context);
typedef void
migration_remote_untagged_t(const struct imapc_untagged_reply *reply,
			    void *context);

/* What the provider's certificate is checked with. */
const char *
migration_remote_get_ca_file(const struct migration_provider_settings *provider);

/* user is the local user, for its directories and events. */
struct migration_remote *
migration_remote_init(const struct migration_remote_settings *set,
		      struct mail_user *user);
/* Logs out if there still is a connection. */
void migration_remote_deinit(struct migration_remote **remote);

/* Connects and logs in. Returns 0, or -1. */
int migration_remote_connect(struct migration_remote *remote);

/* Makes the call that waits, and all further ones, fail. May be called from
   a timeout within the client's ioloop. */
void migration_remote_abort(struct migration_remote *remote);

const struct migration_remote_failure *
migration_remote_get_failure(const struct migration_remote *remote);

/* "CONDSTORE": whether the server has said that it has it, and it is to be
   used. */
bool migration_remote_has(const struct migration_remote *remote,
			  const char *capability);
const struct migration_features *
migration_remote_get_features(const struct migration_remote *remote);

/* TRUE if the server is not as it was known to be: somebody wants to be told
   what it is like. */
bool migration_remote_is_unknown(const struct migration_remote *remote);
/* Asks the server for its name. Some answer BAD, although they offer ID, which
   ends the connection: to be called when nothing else is left to be done. */
void migration_remote_ask_name(struct migration_remote *remote);
/* What it has said of itself so far: name, version, capabilities. */
void migration_remote_get_probe(const struct migration_remote *remote,
				struct migration_provider_probe *probe_r);

/* All untagged answers from now on go there; NULL = nobody wants them. */
void migration_remote_set_untagged(struct migration_remote *remote,
				   migration_remote_untagged_t *callback,
				   void *context);

/* imapc cannot send every name of a folder: not one with a line end, and one
   with 8-bit characters in EXAMINE only to a server with LITERAL+. */
bool migration_remote_can_send_name(const char *name);
/* The name as a part of a command, for %1s. */
const char *
migration_remote_name(const struct migration_remote *remote, const char *name);
/* Sends a command, as imapc_command_sendf() takes it, and does not wait. The
   callback may be NULL. */
void migration_remote_send(struct migration_remote *remote,
			   migration_remote_callback_t *callback, void *context,
			   const char *format, ...) ATTR_FORMAT(4, 5);
/* Waits until no more than so many commands are without an answer. Returns 0,
   or -1 if the connection is lost. */
int migration_remote_wait(struct migration_remote *remote,
			  unsigned int unanswered);
/* Sends one and waits for all. Returns 1 = OK, 0 = refused with *error_r, -1 =
   the connection is lost. */
int migration_remote_command(struct migration_remote *remote,
			     const char **error_r, const char *format, ...)
	ATTR_FORMAT(3, 4);

/* The last refusal said by its code that it is not for long, such as [INUSE] or
   [UNAVAILABLE]. */
bool migration_remote_refused_for_now(const struct migration_remote *remote);

/* The last refusal can mean that there is no such mailbox: it has that code, or
   none. */
bool migration_remote_refused_as_gone(const struct migration_remote *remote);

/* Opens a mailbox by the name that the server gave it, read-only. While it is
   open commands belong to it. Returns as migration_remote_command(); a name that
   cannot be sent counts as refused. */
int migration_remote_examine(struct migration_remote *remote, const char *name,
			     bool condstore, const char **error_r);
void migration_remote_close(struct migration_remote *remote);

/* The value of a name in a FETCH or STATUS list, or NULL. */
const struct imap_arg *
migration_remote_get_value(const struct imap_arg *list, const char *name);
/* A value in the list of an untagged FETCH, which may be in a file. NULL if it is
   NIL, or NULL. */
struct istream *
migration_remote_open_value(const struct imapc_untagged_reply *reply,
			    const struct imap_arg *value);
/* Returns TRUE if the list has the number. */
bool migration_remote_get_number(const struct imap_arg *list, const char *name,
				 uint64_t *number_r);

#endif

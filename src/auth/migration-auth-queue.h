#ifndef MIGRATION_AUTH_QUEUE_H
#define MIGRATION_AUTH_QUEUE_H

/* auth's line to the queue service. One connection, made when it is first
   needed; any number of questions on their way. If the queue goes away, what
   it has not answered is asked again when it is back, for at most
   MIGRATION_QUEUE_TIMEOUT_MSECS: every question may be repeated. */

#include "migration-record.h"

struct migration_auth_queue;
struct migration_auth_question;

enum migration_auth_answer_type {
	/* Nobody of that name in our tables. */
	MIGRATION_AUTH_ANSWER_NONE,
	/* At home here, and not on the way from a provider. */
	MIGRATION_AUTH_ANSWER_HOME,
	/* An unfinished migration. */
	MIGRATION_AUTH_ANSWER_RECORD,
	MIGRATION_AUTH_ANSWER_ADOPTED,
	MIGRATION_AUTH_ANSWER_FAIL,
};

struct migration_auth_answer {
	enum migration_auth_answer_type type;

	/* RECORD and ADOPTED */
	enum migration_phase phase;
	/* "proxy", "wait" or "local" */
	const char *login;
	/* The switch is on its way. */
	bool held;

	/* RECORD: how the provider takes the password, the local account's
	   hash, whether the user set it here, whether the provider should
	   confirm it all the same, and who that is */
	const char *mechanism;
	const char *password;
	const char *provider, *remote_user;
	bool password_changed;
	bool renew;

	/* FAIL */
	const char *error;
};

/* What the provider has just confirmed; all strings are copied. */
struct migration_auth_adoption {
	const char *username;
	const char *provider;
	const char *remote_user, *mechanism;
	const char *password_hash;
	const char *box;
	const char *login;
};

/* Called exactly once, never from inside the asking function, never after
   _cancel(). The answer is valid during the call. */
typedef void
migration_auth_queue_callback_t(const struct migration_auth_answer *answer,
				void *context);

struct migration_auth_queue *
migration_auth_queue_init(const char *socket_path, struct event *event_parent);
/* Questions must have been answered or cancelled. */
void migration_auth_queue_deinit(struct migration_auth_queue **queue);

struct migration_auth_question *
migration_auth_queue_lookup(struct migration_auth_queue *queue,
			    const char *username,
			    migration_auth_queue_callback_t *callback,
			    void *context);
/* Answered like a lookup as soon as logins of the user are not held, or after
   MIGRATION_HELD_TIMEOUT_MSECS with FAIL. */
struct migration_auth_question *
migration_auth_queue_held(struct migration_auth_queue *queue,
			  const char *username,
			  migration_auth_queue_callback_t *callback,
			  void *context);
struct migration_auth_question *
migration_auth_queue_adopt(struct migration_auth_queue *queue,
			   const struct migration_auth_adoption *adoption,
			   migration_auth_queue_callback_t *callback,
			   void *context);
void migration_auth_queue_cancel(struct migration_auth_question **question);

/* Tells the queue something that needs no answer: a whole line. FALSE if it was
   not sent, because there is no connection (none is made for that) or the
   queue reads nothing. */
bool migration_auth_queue_tell(struct migration_auth_queue *queue,
			       const char *line);
/* Called whenever a connection has been made; NULL = nobody. */
void migration_auth_queue_set_connected_callback(
	struct migration_auth_queue *queue, void (*callback)(void *context),
	void *context);

#endif

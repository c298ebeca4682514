/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "ioloop.h"
#include "migration-sessions-switchboard.h"
#include "migration-sessions.h"

/* A session whose connection to the provider is being made cannot be kicked
   before it is there. */
#define SESSIONS_RETRY_MSECS 100

struct migration_sessions {
	struct migration_switchboard *switchboard;
	migration_sessions_callback_t *callback;
	void *context;

	struct timeout *to;
	char *error;
	/* the most that a list has had */
	unsigned int ended;
};

static void sessions_free(struct migration_sessions *sessions)
{
	migration_switchboard_deinit(&sessions->switchboard);
	timeout_remove(&sessions->to);
	i_free(sessions->error);
	i_free(sessions);
}

static void sessions_finish(struct migration_sessions *sessions)
{
	timeout_remove(&sessions->to);
	sessions->callback(sessions->ended, sessions->error, sessions->context);
	sessions_free(sessions);
}

/* not from inside of the switchboard's callback, which it outlives */
static void
sessions_finish_later(struct migration_sessions *sessions, const char *error)
{
	sessions->error = i_strdup(error);
	timeout_remove(&sessions->to);
	sessions->to = timeout_add_short(0, sessions_finish, sessions);
}

static void sessions_list(struct migration_sessions *sessions)
{
	timeout_remove(&sessions->to);
	migration_switchboard_list(sessions->switchboard);
}

static void sessions_kick(struct migration_sessions *sessions)
{
	timeout_remove(&sessions->to);
	migration_switchboard_kick(sessions->switchboard);
}

static void sessions_kicked(const char *error, void *context)
{
	struct migration_sessions *sessions = context;

	if (error != NULL) {
		sessions_finish_later(sessions, error);
		return;
	}
	timeout_remove(&sessions->to);
	sessions->to = timeout_add_short(SESSIONS_RETRY_MSECS, sessions_list,
					 sessions);
}

static void sessions_listed(unsigned int left, const char *error, void *context)
{
	struct migration_sessions *sessions = context;

	if (error != NULL || left == 0) {
		sessions_finish_later(sessions, error);
		return;
	}
	sessions->ended = I_MAX(sessions->ended, left);
	timeout_remove(&sessions->to);
	sessions->to = timeout_add_short(0, sessions_kick, sessions);
}

static const struct migration_switchboard_vfuncs sessions_vfuncs = {
	.listed = sessions_listed,
	.kicked = sessions_kicked,
};

struct migration_sessions *
migration_sessions_end(const char *base_dir, const char *username,
		       migration_sessions_callback_t *callback, void *context)
{
	struct migration_sessions *sessions;

	sessions = i_new(struct migration_sessions, 1);
	sessions->switchboard = migration_switchboard_init(base_dir, username,
							   &sessions_vfuncs,
							   sessions);
	sessions->callback = callback;
	sessions->context = context;
	sessions_list(sessions);
	return sessions;
}

void migration_sessions_abort(struct migration_sessions **_sessions)
{
	struct migration_sessions *sessions = *_sessions;

	if (sessions == NULL)
		return;
	*_sessions = NULL;
	sessions_free(sessions);
}

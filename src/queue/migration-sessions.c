/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "ioloop.h"
#include "ipc-client.h"
#include "str.h"
#include "strescape.h"
#include "migration-sessions.h"

/* A session whose connection to the provider is being made cannot be kicked
   before it is there. */
#define SESSIONS_RETRY_MSECS 100

struct migration_sessions {
	struct ipc_client *ipc;
	struct ipc_client_cmd *cmd;
	char *username;
	migration_sessions_callback_t *callback;
	void *context;

	struct timeout *to;
	char *error;
	/* the most that a list has had, and those in this one */
	unsigned int ended, left;
};

static void sessions_list(struct migration_sessions *sessions);

static void sessions_free(struct migration_sessions *sessions)
{
	ipc_client_deinit(&sessions->ipc);
	timeout_remove(&sessions->to);
	i_free(sessions->username);
	i_free(sessions->error);
	i_free(sessions);
}

static void sessions_finish(struct migration_sessions *sessions)
{
	timeout_remove(&sessions->to);
	sessions->callback(sessions->ended, sessions->error, sessions->context);
	sessions_free(sessions);
}

/* not from inside of the client's callback, which the client outlives */
static void sessions_finish_later(struct migration_sessions *sessions)
{
	timeout_remove(&sessions->to);
	sessions->to = timeout_add_short(0, sessions_finish, sessions);
}

static void sessions_fail(struct migration_sessions *sessions, const char *what,
			  const char *error)
{
	sessions->error = i_strdup_printf("%s failed: %s", what, error);
	sessions_finish_later(sessions);
}

static void sessions_kick_callback(enum ipc_client_cmd_state state,
				   const char *data, void *context)
{
	struct migration_sessions *sessions = context;

	switch (state) {
	case IPC_CLIENT_CMD_STATE_REPLY:
		return;
	case IPC_CLIENT_CMD_STATE_OK:
		sessions->cmd = NULL;
		timeout_remove(&sessions->to);
		sessions->to = timeout_add_short(SESSIONS_RETRY_MSECS,
						 sessions_list, sessions);
		return;
	case IPC_CLIENT_CMD_STATE_ERROR:
		sessions->cmd = NULL;
		sessions_fail(sessions, "ipc: KICK", data);
		return;
	}
	i_unreached();
}

static void sessions_kick(struct migration_sessions *sessions)
{
	string_t *cmd = t_str_new(128);

	timeout_remove(&sessions->to);
	str_append(cmd, "proxy\t*\tKICK\t");
	str_append_tabescaped(cmd, sessions->username);
	sessions->cmd = ipc_client_cmd(sessions->ipc, str_c(cmd),
				       sessions_kick_callback, sessions);
}

/* Each login process sends a header, "username" first, then its sessions. */
static void sessions_list_callback(enum ipc_client_cmd_state state,
				   const char *data, void *context)
{
	struct migration_sessions *sessions = context;
	const char *const *args;

	switch (state) {
	case IPC_CLIENT_CMD_STATE_REPLY:
		args = t_strsplit_tabescaped(data);
		if (args[0] != NULL &&
		    strcasecmp(args[0], sessions->username) == 0)
			sessions->left++;
		return;
	case IPC_CLIENT_CMD_STATE_OK:
		sessions->cmd = NULL;
		if (sessions->left == 0) {
			sessions_finish_later(sessions);
			return;
		}
		sessions->ended = I_MAX(sessions->ended, sessions->left);
		timeout_remove(&sessions->to);
		sessions->to = timeout_add_short(0, sessions_kick, sessions);
		return;
	case IPC_CLIENT_CMD_STATE_ERROR:
		sessions->cmd = NULL;
		sessions_fail(sessions, "ipc: LIST-FULL", data);
		return;
	}
	i_unreached();
}

static void sessions_list(struct migration_sessions *sessions)
{
	timeout_remove(&sessions->to);
	sessions->left = 0;
	sessions->cmd = ipc_client_cmd(sessions->ipc, "proxy\t*\tLIST-FULL",
				       sessions_list_callback, sessions);
}

struct migration_sessions *
migration_sessions_end(const char *ipc_socket_path, const char *username,
		       migration_sessions_callback_t *callback, void *context)
{
	struct migration_sessions *sessions;

	sessions = i_new(struct migration_sessions, 1);
	sessions->ipc = ipc_client_init(ipc_socket_path);
	sessions->username = i_strdup(username);
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
	if (sessions->cmd != NULL)
		ipc_client_cmd_abort(sessions->ipc, &sessions->cmd);
	sessions_free(sessions);
}

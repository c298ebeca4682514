/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* Dovecot 2.3: what "doveadm proxy list" and "doveadm proxy kick" do, over the
   ipc service to all login processes. */

#include "lib.h"
#include "ipc-client.h"
#include "str.h"
#include "strescape.h"
#include "migration-sessions-switchboard.h"

#define IPC_SOCKET "ipc"

struct migration_switchboard {
	struct ipc_client *ipc;
	struct ipc_client_cmd *cmd;
	char *username;
	const struct migration_switchboard_vfuncs *vfuncs;
	void *context;
	/* in this list */
	unsigned int left;
};

struct migration_switchboard *
migration_switchboard_init(const char *base_dir, const char *username,
			   const struct migration_switchboard_vfuncs *vfuncs,
			   void *context)
{
	struct migration_switchboard *switchboard;

	switchboard = i_new(struct migration_switchboard, 1);
	switchboard->ipc =
		ipc_client_init(t_strconcat(base_dir, "/" IPC_SOCKET, NULL));
	switchboard->username = i_strdup(username);
	switchboard->vfuncs = vfuncs;
	switchboard->context = context;
	return switchboard;
}

void migration_switchboard_deinit(struct migration_switchboard **_switchboard)
{
	struct migration_switchboard *switchboard = *_switchboard;

	*_switchboard = NULL;
	if (switchboard->cmd != NULL)
		ipc_client_cmd_abort(switchboard->ipc, &switchboard->cmd);
	ipc_client_deinit(&switchboard->ipc);
	i_free(switchboard->username);
	i_free(switchboard);
}

static void switchboard_kicked(enum ipc_client_cmd_state state,
			       const char *data, void *context)
{
	struct migration_switchboard *switchboard = context;

	switch (state) {
	case IPC_CLIENT_CMD_STATE_REPLY:
		return;
	case IPC_CLIENT_CMD_STATE_OK:
		switchboard->cmd = NULL;
		switchboard->vfuncs->kicked(NULL, switchboard->context);
		return;
	case IPC_CLIENT_CMD_STATE_ERROR:
		switchboard->cmd = NULL;
		switchboard->vfuncs->kicked(
			t_strdup_printf("ipc: KICK failed: %s", data),
			switchboard->context);
		return;
	}
	i_unreached();
}

void migration_switchboard_kick(struct migration_switchboard *switchboard)
{
	string_t *cmd = t_str_new(128);

	str_append(cmd, "proxy\t*\tKICK\t");
	str_append_tabescaped(cmd, switchboard->username);
	switchboard->cmd = ipc_client_cmd(switchboard->ipc, str_c(cmd),
					  switchboard_kicked, switchboard);
}

/* Each login process sends a header, "username" first, then its sessions. */
static void switchboard_listed(enum ipc_client_cmd_state state,
			       const char *data, void *context)
{
	struct migration_switchboard *switchboard = context;
	const char *const *args;

	switch (state) {
	case IPC_CLIENT_CMD_STATE_REPLY:
		args = t_strsplit_tabescaped(data);
		if (args[0] != NULL &&
		    strcasecmp(args[0], switchboard->username) == 0)
			switchboard->left++;
		return;
	case IPC_CLIENT_CMD_STATE_OK:
		switchboard->cmd = NULL;
		switchboard->vfuncs->listed(switchboard->left, NULL,
					    switchboard->context);
		return;
	case IPC_CLIENT_CMD_STATE_ERROR:
		switchboard->cmd = NULL;
		switchboard->vfuncs->listed(
			0, t_strdup_printf("ipc: LIST-FULL failed: %s", data),
			switchboard->context);
		return;
	}
	i_unreached();
}

void migration_switchboard_list(struct migration_switchboard *switchboard)
{
	switchboard->left = 0;
	switchboard->cmd = ipc_client_cmd(switchboard->ipc,
					  "proxy\t*\tLIST-FULL",
					  switchboard_listed, switchboard);
}

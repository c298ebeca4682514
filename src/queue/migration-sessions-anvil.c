/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* Dovecot 2.4: what "doveadm who" and "doveadm kick" do. anvil knows all
   sessions, those in here as well: those that are passed through have a
   destination, and are ended one by one. Its own socket is root's, so the
   settings module gives it another one for us (migration-services.c). */

#include "lib.h"
#include "array.h"
#include "connection.h"
#include "guid.h"
#include "ioloop.h"
#include "ostream.h"
#include "str.h"
#include "strescape.h"
#include "master-service.h"
#include "migration-limits.h"
#include "migration-protocol.h"
#include "migration-sessions-switchboard.h"

#define ANVIL_MAJOR_VERSION 2
#define ANVIL_MINOR_VERSION 0

enum anvil_state {
	ANVIL_STATE_IDLE,
	ANVIL_STATE_LIST,
	ANVIL_STATE_KICK,
};

struct migration_switchboard {
	struct connection conn;
	struct connection_list *list;
	char *username;
	const struct migration_switchboard_vfuncs *vfuncs;
	void *context;

	struct timeout *to_fail;
	enum anvil_state state;
	/* ids of the sessions in this list */
	pool_t pool;
	ARRAY_TYPE(const_string) guids;
	/* kicks without an answer */
	unsigned int unanswered;
	bool version_seen:1;
	/* of this list */
	bool header_seen:1;
};

static void
switchboard_answer(struct migration_switchboard *switchboard, const char *error)
{
	enum anvil_state state = switchboard->state;

	switchboard->state = ANVIL_STATE_IDLE;
	switch (state) {
	case ANVIL_STATE_IDLE:
		return;
	case ANVIL_STATE_LIST:
		switchboard->vfuncs->listed(array_count(&switchboard->guids),
					    error, switchboard->context);
		return;
	case ANVIL_STATE_KICK:
		switchboard->vfuncs->kicked(error, switchboard->context);
		return;
	}
	i_unreached();
}

static void switchboard_destroy(struct connection *conn)
{
	struct migration_switchboard *switchboard =
		container_of(conn, struct migration_switchboard, conn);

	connection_disconnect(conn);
	switchboard_answer(switchboard, "anvil: the connection is lost");
}

/* <pid> <username> <service> <ip> <conn-guid> <dest-ip> ...; an empty line is
   the end. */
static void
switchboard_session(struct migration_switchboard *switchboard, const char *line)
{
	const char *const *args, *guid;

	if (*line == '\0') {
		switchboard_answer(switchboard, NULL);
		return;
	}
	args = t_strsplit_tabescaped(line);
	if (str_array_length(args) < 6 || *args[5] == '\0' ||
	    strcasecmp(args[1], switchboard->username) != 0)
		return;
	guid = p_strdup(switchboard->pool, args[4]);
	array_push_back(&switchboard->guids, &guid);
}

static int switchboard_input_line(struct connection *conn, const char *line)
{
	struct migration_switchboard *switchboard =
		container_of(conn, struct migration_switchboard, conn);

	if (!switchboard->version_seen) {
		if (!version_string_verify(line, "anvil-server",
					   ANVIL_MAJOR_VERSION)) {
			e_error(conn->event, "anvil sent an invalid line %s",
				line);
			return -1;
		}
		switchboard->version_seen = TRUE;
		return 1;
	}
	switch (switchboard->state) {
	case ANVIL_STATE_IDLE:
		break;
	case ANVIL_STATE_LIST:
		/* first the names of alternative usernames */
		if (switchboard->header_seen)
			switchboard_session(switchboard, line);
		switchboard->header_seen = TRUE;
		break;
	case ANVIL_STATE_KICK:
		if (--switchboard->unanswered == 0)
			switchboard_answer(switchboard, NULL);
		break;
	}
	return 1;
}

static const struct connection_settings switchboard_connection_set = {
	.service_name_in = "anvil-server",
	.service_name_out = "anvil-client",
	.major_version = ANVIL_MAJOR_VERSION,
	.minor_version = ANVIL_MINOR_VERSION,
	.input_max_size = MIGRATION_MAX_LINE_BYTES,
	.output_max_size = SIZE_MAX,
	.client = TRUE,
};

static const struct connection_vfuncs switchboard_connection_vfuncs = {
	.destroy = switchboard_destroy,
	.input_line = switchboard_input_line,
};

struct migration_switchboard *
migration_switchboard_init(const char *base_dir, const char *username,
			   const struct migration_switchboard_vfuncs *vfuncs,
			   void *context)
{
	struct migration_switchboard *switchboard;

	switchboard = i_new(struct migration_switchboard, 1);
	switchboard->username = i_strdup(username);
	switchboard->vfuncs = vfuncs;
	switchboard->context = context;
	switchboard->pool = pool_alloconly_create("switchboard", 1024);
	i_array_init(&switchboard->guids, 4);
	switchboard->list =
		connection_list_init(&switchboard_connection_set,
				     &switchboard_connection_vfuncs);
	connection_init_client_unix(switchboard->list, &switchboard->conn,
				    t_strconcat(base_dir,
						"/" MIGRATION_ANVIL_SOCKET,
						NULL));
	return switchboard;
}

void migration_switchboard_deinit(struct migration_switchboard **_switchboard)
{
	struct migration_switchboard *switchboard = *_switchboard;

	*_switchboard = NULL;
	switchboard->state = ANVIL_STATE_IDLE;
	timeout_remove(&switchboard->to_fail);
	connection_deinit(&switchboard->conn);
	connection_list_deinit(&switchboard->list);
	array_free(&switchboard->guids);
	pool_unref(&switchboard->pool);
	i_free(switchboard->username);
	i_free(switchboard);
}

static void switchboard_fail(struct migration_switchboard *switchboard)
{
	timeout_remove(&switchboard->to_fail);
	switchboard_answer(switchboard, "anvil: cannot connect");
}

static void switchboard_ask(struct migration_switchboard *switchboard,
			    enum anvil_state state, const char *text)
{
	struct connection *conn = &switchboard->conn;

	switchboard->state = state;
	if (conn->disconnected) {
		switchboard->version_seen = FALSE;
		if (connection_client_connect(conn) < 0) {
			switchboard->to_fail =
				timeout_add_short(0, switchboard_fail,
						  switchboard);
			return;
		}
		/* no admin commands for us */
		o_stream_nsend_str(conn->output, "\n");
	}
	o_stream_nsend_str(conn->output, text);
}

void migration_switchboard_list(struct migration_switchboard *switchboard)
{
	array_clear(&switchboard->guids);
	p_clear(switchboard->pool);
	switchboard->header_seen = FALSE;
	switchboard_ask(switchboard, ANVIL_STATE_LIST, "CONNECT-DUMP\n");
}

void migration_switchboard_kick(struct migration_switchboard *switchboard)
{
	string_t *text = t_str_new(256);
	const char *guid;

	i_assert(array_count(&switchboard->guids) > 0);
	array_foreach_elem(&switchboard->guids, guid) {
		str_append(text, "KICK-USER\t");
		str_append_tabescaped(text, switchboard->username);
		str_append_c(text, '\t');
		str_append_tabescaped(text, guid);
		str_append_c(text, '\n');
	}
	switchboard->unanswered = array_count(&switchboard->guids);
	switchboard_ask(switchboard, ANVIL_STATE_KICK, str_c(text));
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "connection.h"
#include "ioloop.h"
#include "llist.h"
#include "ostream.h"
#include "str.h"
#include "strescape.h"
#include "master-service.h"
#include "migration-adopt.h"
#include "migration-limits.h"
#include "migration-protocol.h"
#include "migration-provider-list.h"
#include "migration-provider-status.h"
#include "migration-queue.h"
#include "migration-state.h"
#include "migration-store.h"
#include "migration-auth-connection.h"

struct migration_auth_connection {
	struct connection conn;
	struct migration_queue *queue;
	struct migration_provider_list *providers;
	/* the connection itself and each question that is being answered */
	int refcount;
	/* HELD questions that wait */
	struct auth_question *held;
};

struct auth_question {
	struct migration_auth_connection *conn;
	char *id;
	/* ADOPT and HELD */
	char *username;
	/* HELD: looks again whether the switch is over */
	struct timeout *to_poll;
	struct auth_question *prev, *next;
};

static struct connection_list *auth_connections = NULL;

static void auth_question_free(struct auth_question *question);

static void auth_connection_unref(struct migration_auth_connection *conn)
{
	i_assert(conn->refcount > 0);
	if (--conn->refcount == 0)
		i_free(conn);
}

static void auth_connection_destroy(struct connection *_conn)
{
	struct migration_auth_connection *conn =
		container_of(_conn, struct migration_auth_connection, conn);

	connection_deinit(_conn);
	conn->queue = NULL;
	migration_provider_list_deinit(&conn->providers);
	while (conn->held != NULL)
		auth_question_free(conn->held);
	auth_connection_unref(conn);
	master_service_client_connection_destroyed(master_service);
}

static struct auth_question *
auth_question_create(struct migration_auth_connection *conn, const char *id)
{
	struct auth_question *question;

	question = i_new(struct auth_question, 1);
	question->conn = conn;
	question->id = i_strdup(id);
	conn->refcount++;
	return question;
}

static void auth_question_free(struct auth_question *question)
{
	if (question->to_poll != NULL) {
		timeout_remove(&question->to_poll);
		DLLIST_REMOVE(&question->conn->held, question);
	}
	auth_connection_unref(question->conn);
	i_free(question->id);
	i_free(question->username);
	i_free(question);
}

/* Sends the answer and frees the question. */
static void auth_answer(struct auth_question *question, const char *verb,
			const char *const *args)
{
	struct migration_auth_connection *conn = question->conn;
	string_t *str = t_str_new(256);

	str_printfa(str, "%s\t%s", verb, question->id);
	for (; args != NULL && *args != NULL; args++) {
		str_append_c(str, '\t');
		str_append_tabescaped(str, *args);
	}
	str_append_c(str, '\n');
	/* auth may have gone while the database was busy */
	if (conn->queue != NULL) {
		o_stream_nsend(conn->conn.output, str_data(str), str_len(str));
	}
	auth_question_free(question);
}

static void auth_answer_fail(struct auth_question *question, const char *error)
{
	const char *const args[] = { error, NULL };

	auth_answer(question, MIGRATION_VERB_FAIL, args);
}

static bool auth_is_held(const struct migration_auth_connection *conn,
			 const struct migration_record *record)
{
	return conn->queue != NULL &&
	       migration_state_is_held(record,
				       migration_queue_now(conn->queue));
}

static void auth_looked_up(enum migration_store_found found,
			   const struct migration_record *record,
			   const char *error, void *context)
{
	struct auth_question *question = context;

	switch (found) {
	case MIGRATION_STORE_ERROR:
		auth_answer_fail(question, error);
		return;
	case MIGRATION_STORE_NOTHING:
		auth_answer(question, MIGRATION_VERB_NONE, NULL);
		return;
	case MIGRATION_STORE_ACCOUNT:
		auth_answer(question, MIGRATION_VERB_HOME, NULL);
		return;
	case MIGRATION_STORE_RECORD:
		break;
	}
	if (migration_record_is_home(record)) {
		auth_answer(question, MIGRATION_VERB_HOME, NULL);
		return;
	}
	const char *const args[] = {
		migration_phase_to_string(record->phase),
		record->login,
		auth_is_held(question->conn, record) ? "1" : "0",
		record->mechanism,
		migration_record_password_changed(record) ? "1" : "0",
		migration_state_wants_renewal(record) ? "1" : "0",
		record->account_password,
		record->provider,
		record->remote_user,
		NULL
	};
	auth_answer(question, MIGRATION_VERB_RECORD, args);
}

static int auth_input_lookup(struct migration_auth_connection *conn,
			     const char *id, const char *const *args)
{
	if (str_array_length(args) != 1)
		return -1;
	migration_store_lookup(migration_queue_get_store(conn->queue), args[0],
			       auth_looked_up, auth_question_create(conn, id));
	return 1;
}

static void auth_held_ask(struct auth_question *question);

static void auth_held_looked_up(enum migration_store_found found,
				const struct migration_record *record,
				const char *error, void *context)
{
	struct auth_question *question = context;
	struct migration_auth_connection *conn = question->conn;

	if (found != MIGRATION_STORE_RECORD || !auth_is_held(conn, record)) {
		auth_looked_up(found, record, error, question);
		return;
	}
	question->to_poll = timeout_add_short(MIGRATION_HELD_POLL_MSECS,
					      auth_held_ask, question);
	DLLIST_PREPEND(&conn->held, question);
}

/* Another instance's queue may be the one that switches: the database knows.
 */
static void auth_held_ask(struct auth_question *question)
{
	if (question->to_poll != NULL) {
		timeout_remove(&question->to_poll);
		DLLIST_REMOVE(&question->conn->held, question);
	}
	migration_store_lookup(migration_queue_get_store(question->conn->queue),
			       question->username, auth_held_looked_up,
			       question);
}

static int auth_input_held(struct migration_auth_connection *conn,
			   const char *id, const char *const *args)
{
	struct auth_question *question;

	if (str_array_length(args) != 1)
		return -1;
	question = auth_question_create(conn, id);
	question->username = i_strdup(args[0]);
	auth_held_ask(question);
	return 1;
}

static void
auth_adopted(enum migration_adopt_result result, enum migration_phase phase,
	     const char *login, bool held, const char *error, void *context)
{
	struct auth_question *question = context;
	struct migration_auth_connection *conn = question->conn;
	const char *const args[] = { migration_phase_to_string(phase), login,
				     held ? "1" : "0", NULL };

	switch (result) {
	case MIGRATION_ADOPT_FAILED:
		auth_answer_fail(question, error);
		return;
	case MIGRATION_ADOPT_HOME:
		auth_answer(question, MIGRATION_VERB_HOME, NULL);
		return;
	case MIGRATION_ADOPT_CREATED:
		e_info(conn->conn.event,
		       "%s: account created, the mailbox "
		       "will be moved",
		       question->username);
		break;
	case MIGRATION_ADOPT_RENEWED:
		e_info(conn->conn.event,
		       "%s: password renewed after a login "
		       "at the provider",
		       question->username);
		break;
	}
	if (conn->queue != NULL)
		migration_queue_wake(conn->queue);
	auth_answer(question, MIGRATION_VERB_ADOPTED, args);
}

static int auth_input_adopt(struct migration_auth_connection *conn,
			    const char *id, const char *const *args)
{
	struct migration_adoption adoption;
	struct auth_question *question;
	const char *at;

	if (str_array_length(args) != 7)
		return -1;
	at = strrchr(args[0], '@');
	if (at == NULL)
		return -1;
	i_zero(&adoption);
	adoption.username = args[0];
	adoption.domain = at + 1;
	adoption.provider = args[1];
	adoption.remote_user = args[2];
	adoption.mechanism = args[3];
	adoption.password = args[4];
	adoption.credential = args[5];
	adoption.login = args[6];

	question = auth_question_create(conn, id);
	question->username = i_strdup(args[0]);
	migration_adopt(migration_queue_get_store(conn->queue),
			conn->conn.event, &adoption, auth_adopted, question);
	return 1;
}

static int auth_input_provider(struct migration_auth_connection *conn,
			       const char *const *args)
{
	struct migration_provider_status status;

	if (args[0] == NULL ||
	    migration_provider_status_parse(args + 1, &status) < 0)
		return -1;
	migration_provider_list_set(conn->providers, args[0], &status);
	return 1;
}

static int auth_input_args(struct connection *_conn, const char *const *args)
{
	struct migration_auth_connection *conn =
		container_of(_conn, struct migration_auth_connection, conn);
	const char *error, *verb = args[0];
	unsigned int id;
	int ret = -1;

	if (strcmp(verb, MIGRATION_VERB_PROVIDER) == 0) {
		ret = auth_input_provider(conn, args + 1);
		if (ret < 0)
			e_error(_conn->event, "auth sent an invalid line %s",
				verb);
		return ret;
	}
	if (str_array_length(args) < 2 || str_to_uint(args[1], &id) < 0) {
		e_error(_conn->event, "auth sent an invalid line %s", verb);
		return -1;
	}
	error = migration_queue_get_error(conn->queue);
	if (error != NULL) {
		auth_answer_fail(auth_question_create(conn, args[1]), error);
		return 1;
	}
	if (strcmp(verb, MIGRATION_VERB_LOOKUP) == 0)
		ret = auth_input_lookup(conn, args[1], args + 2);
	else if (strcmp(verb, MIGRATION_VERB_HELD) == 0)
		ret = auth_input_held(conn, args[1], args + 2);
	else if (strcmp(verb, MIGRATION_VERB_ADOPT) == 0)
		ret = auth_input_adopt(conn, args[1], args + 2);
	if (ret < 0)
		e_error(_conn->event, "auth sent an invalid line %s", verb);
	return ret;
}

static const struct connection_settings auth_connection_set = {
	.service_name_in = MIGRATION_PROTOCOL_AUTH,
	.service_name_out = MIGRATION_PROTOCOL_QUEUE,
	.major_version = MIGRATION_PROTOCOL_MAJOR_VERSION,
	.minor_version = MIGRATION_PROTOCOL_MINOR_VERSION,
	.input_max_size = MIGRATION_MAX_LINE_BYTES,
	.output_max_size = SIZE_MAX,
};

static const struct connection_vfuncs auth_connection_vfuncs = {
	.destroy = auth_connection_destroy,
	.input_args = auth_input_args,
};

void migration_auth_connection_create(struct master_service_connection *master,
				      struct migration_queue *queue)
{
	struct migration_auth_connection *conn;

	if (auth_connections == NULL) {
		auth_connections =
			connection_list_init(&auth_connection_set,
					     &auth_connection_vfuncs);
	}
	conn = i_new(struct migration_auth_connection, 1);
	conn->refcount = 1;
	conn->queue = queue;
	conn->providers = migration_provider_list_init();
	connection_init_server(auth_connections, &conn->conn, master->name,
			       master->fd, master->fd);
}

void migration_auth_connections_destroy_all(void)
{
	if (auth_connections != NULL)
		connection_list_deinit(&auth_connections);
}

unsigned int
migration_auth_connections_get_providers(struct migration_provider_list *list)
{
	struct migration_auth_connection *auth;
	struct connection *conn;
	unsigned int count = 0;

	if (auth_connections == NULL)
		return 0;
	for (conn = auth_connections->connections; conn != NULL;
	     conn = conn->next) {
		auth = container_of(conn, struct migration_auth_connection,
				    conn);
		migration_provider_list_add(list, auth->providers);
		count++;
	}
	return count;
}

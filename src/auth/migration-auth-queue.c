/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "connection.h"
#include "hash.h"
#include "ioloop.h"
#include "ostream.h"
#include "str.h"
#include "strescape.h"
#include "migration-limits.h"
#include "migration-protocol.h"
#include "migration-state.h"
#include "migration-auth-queue.h"

struct migration_auth_queue {
	struct connection_list *connections;
	struct queue_connection *conn;
	char *path;
	struct event *event;
	struct timeout *to_reconnect;
	void (*connected)(void *context);
	void *connected_context;

	HASH_TABLE(void *, struct migration_auth_question *) questions;
	unsigned int last_id;
};

struct queue_connection {
	struct connection conn;
	struct migration_auth_queue *queue;
};

struct migration_auth_question {
	struct migration_auth_queue *queue;
	unsigned int id;
	/* what is asked, with the line's end */
	char *line;
	unsigned int timeout_msecs;
	struct timeout *to;
	migration_auth_queue_callback_t *callback;
	void *context;
};

static void queue_connect(struct migration_auth_queue *queue);

static void question_free(struct migration_auth_question *question)
{
	hash_table_remove(question->queue->questions,
			  POINTER_CAST(question->id));
	timeout_remove(&question->to);
	i_free(question->line);
	i_free(question);
}

static void question_answer(struct migration_auth_question *question,
			    const struct migration_auth_answer *answer)
{
	migration_auth_queue_callback_t *callback = question->callback;
	void *context = question->context;

	question_free(question);
	callback(answer, context);
}

static void question_expired(struct migration_auth_question *question)
{
	struct migration_auth_answer answer;

	i_zero(&answer);
	answer.type = MIGRATION_AUTH_ANSWER_FAIL;
	answer.error = t_strdup_printf(
		"the migration service did not answer within %u secs on %s",
		question->timeout_msecs / 1000, question->queue->path);
	question_answer(question, &answer);
}

/* Returns -1 if the line is not what the protocol says. */
static int
answer_parse(const char *const *args, struct migration_auth_answer *answer_r)
{
	const char *verb = args[0];
	unsigned int count = str_array_length(args) - 2;

	i_zero(answer_r);
	args += 2;
	if (strcmp(verb, MIGRATION_VERB_NONE) == 0)
		answer_r->type = MIGRATION_AUTH_ANSWER_NONE;
	else if (strcmp(verb, MIGRATION_VERB_HOME) == 0)
		answer_r->type = MIGRATION_AUTH_ANSWER_HOME;
	else if (strcmp(verb, MIGRATION_VERB_RECORD) == 0) {
		answer_r->type = MIGRATION_AUTH_ANSWER_RECORD;
		if (count != 9 ||
		    migration_phase_parse(args[0], &answer_r->phase) < 0)
			return -1;
		answer_r->login = args[1];
		answer_r->held = strcmp(args[2], "1") == 0;
		answer_r->mechanism = args[3];
		answer_r->password_changed = strcmp(args[4], "1") == 0;
		answer_r->renew = strcmp(args[5], "1") == 0;
		answer_r->password = args[6];
		answer_r->provider = args[7];
		answer_r->remote_user = args[8];
	} else if (strcmp(verb, MIGRATION_VERB_ADOPTED) == 0) {
		answer_r->type = MIGRATION_AUTH_ANSWER_ADOPTED;
		if (count != 3 ||
		    migration_phase_parse(args[0], &answer_r->phase) < 0)
			return -1;
		answer_r->login = args[1];
		answer_r->held = strcmp(args[2], "1") == 0;
	} else if (strcmp(verb, MIGRATION_VERB_FAIL) == 0) {
		answer_r->type = MIGRATION_AUTH_ANSWER_FAIL;
		if (count != 1)
			return -1;
		answer_r->error = args[0];
	} else {
		return -1;
	}
	return 0;
}

static int
queue_connection_input_args(struct connection *_conn, const char *const *args)
{
	struct queue_connection *conn =
		container_of(_conn, struct queue_connection, conn);
	struct migration_auth_question *question;
	struct migration_auth_answer answer;
	unsigned int id;

	if (str_array_length(args) < 2 || str_to_uint(args[1], &id) < 0 ||
	    answer_parse(args, &answer) < 0) {
		e_error(_conn->event, "Invalid answer %s", args[0]);
		return -1;
	}
	/* nobody waits any longer if it has expired or was cancelled */
	question = hash_table_lookup(conn->queue->questions, POINTER_CAST(id));
	if (question != NULL)
		question_answer(question, &answer);
	return 1;
}

static void queue_reconnect(struct migration_auth_queue *queue)
{
	timeout_remove(&queue->to_reconnect);
	if (queue->conn == NULL && hash_table_count(queue->questions) > 0)
		queue_connect(queue);
}

static void queue_connection_destroy(struct connection *_conn)
{
	struct queue_connection *conn =
		container_of(_conn, struct queue_connection, conn);
	struct migration_auth_queue *queue = conn->queue;

	queue->conn = NULL;
	connection_deinit(_conn);
	i_free(conn);
	if (queue->to_reconnect == NULL) {
		queue->to_reconnect =
			timeout_add_short(MIGRATION_QUEUE_RECONNECT_MSECS,
					  queue_reconnect, queue);
	}
}

static const struct connection_settings queue_connection_set = {
	.service_name_in = MIGRATION_PROTOCOL_QUEUE,
	.service_name_out = MIGRATION_PROTOCOL_AUTH,
	.major_version = MIGRATION_PROTOCOL_MAJOR_VERSION,
	.minor_version = MIGRATION_PROTOCOL_MINOR_VERSION,
	.input_max_size = MIGRATION_MAX_LINE_BYTES,
	.output_max_size = SIZE_MAX,
	.client = TRUE,
};

static const struct connection_vfuncs queue_connection_vfuncs = {
	.destroy = queue_connection_destroy,
	.input_args = queue_connection_input_args,
};

static void queue_connect(struct migration_auth_queue *queue)
{
	struct hash_iterate_context *iter;
	struct migration_auth_question *question;
	struct queue_connection *conn;
	void *key;

	conn = i_new(struct queue_connection, 1);
	conn->queue = queue;
	conn->conn.event_parent = queue->event;
	connection_init_client_unix(queue->connections, &conn->conn,
				    queue->path);
	queue->conn = conn;
	if (connection_client_connect(&conn->conn) < 0) {
		e_error(conn->conn.event,
			"Cannot connect to the migration "
			"service (is dovecot running with this plugin's "
			"settings?): connect(%s) failed: %m",
			queue->path);
		queue_connection_destroy(&conn->conn);
		return;
	}
	iter = hash_table_iterate_init(queue->questions);
	while (hash_table_iterate(iter, queue->questions, &key, &question))
		o_stream_nsend_str(conn->conn.output, question->line);
	hash_table_iterate_deinit(&iter);
	if (queue->connected != NULL)
		queue->connected(queue->connected_context);
}

struct migration_auth_queue *
migration_auth_queue_init(const char *socket_path, struct event *event_parent)
{
	struct migration_auth_queue *queue;

	queue = i_new(struct migration_auth_queue, 1);
	queue->path = i_strdup(socket_path);
	queue->event = event_create(event_parent);
	queue->connections = connection_list_init(&queue_connection_set,
						  &queue_connection_vfuncs);
	hash_table_create_direct(&queue->questions, default_pool, 0);
	return queue;
}

void migration_auth_queue_deinit(struct migration_auth_queue **_queue)
{
	struct migration_auth_queue *queue = *_queue;

	if (queue == NULL)
		return;
	*_queue = NULL;
	i_assert(hash_table_count(queue->questions) == 0);
	connection_list_deinit(&queue->connections);
	timeout_remove(&queue->to_reconnect);
	hash_table_destroy(&queue->questions);
	event_unref(&queue->event);
	i_free(queue->path);
	i_free(queue);
}

static struct migration_auth_question *
question_ask(struct migration_auth_queue *queue, const char *verb,
	     const char *const *args, unsigned int timeout_msecs,
	     migration_auth_queue_callback_t *callback, void *context)
{
	struct migration_auth_question *question;
	string_t *str = t_str_new(256);

	question = i_new(struct migration_auth_question, 1);
	question->queue = queue;
	question->id = ++queue->last_id;
	question->callback = callback;
	question->context = context;
	question->timeout_msecs = timeout_msecs;
	question->to = timeout_add(timeout_msecs, question_expired, question);

	str_printfa(str, "%s\t%u", verb, question->id);
	for (; *args != NULL; args++) {
		str_append_c(str, '\t');
		str_append_tabescaped(str, *args);
	}
	str_append_c(str, '\n');
	question->line = i_strdup(str_c(str));
	hash_table_insert(queue->questions, POINTER_CAST(question->id),
			  question);

	if (queue->conn != NULL)
		o_stream_nsend_str(queue->conn->conn.output, question->line);
	else if (queue->to_reconnect == NULL)
		queue_connect(queue);
	return question;
}

struct migration_auth_question *
migration_auth_queue_lookup(struct migration_auth_queue *queue,
			    const char *username,
			    migration_auth_queue_callback_t *callback,
			    void *context)
{
	const char *const args[] = { username, NULL };

	return question_ask(queue, MIGRATION_VERB_LOOKUP, args,
			    MIGRATION_QUEUE_TIMEOUT_MSECS, callback, context);
}

struct migration_auth_question *
migration_auth_queue_held(struct migration_auth_queue *queue,
			  const char *username,
			  migration_auth_queue_callback_t *callback,
			  void *context)
{
	const char *const args[] = { username, NULL };

	return question_ask(queue, MIGRATION_VERB_HELD, args,
			    MIGRATION_HELD_TIMEOUT_MSECS, callback, context);
}

struct migration_auth_question *
migration_auth_queue_adopt(struct migration_auth_queue *queue,
			   const struct migration_auth_adoption *adoption,
			   migration_auth_queue_callback_t *callback,
			   void *context)
{
	const char *const args[] = {
		adoption->username,      adoption->provider,
		adoption->remote_user,   adoption->mechanism,
		adoption->password_hash, adoption->box,
		adoption->login,         NULL
	};

	return question_ask(queue, MIGRATION_VERB_ADOPT, args,
			    MIGRATION_QUEUE_TIMEOUT_MSECS, callback, context);
}

void migration_auth_queue_cancel(struct migration_auth_question **_question)
{
	struct migration_auth_question *question = *_question;

	if (question == NULL)
		return;
	*_question = NULL;
	question_free(question);
}

bool migration_auth_queue_tell(struct migration_auth_queue *queue,
			       const char *line)
{
	struct ostream *output;

	if (queue->conn == NULL)
		return FALSE;
	output = queue->conn->conn.output;
	if (o_stream_get_buffer_used_size(output) >=
	    MIGRATION_STATUS_MAX_UNREAD_BYTES)
		return FALSE;
	o_stream_nsend_str(output, line);
	return TRUE;
}

void migration_auth_queue_set_connected_callback(
	struct migration_auth_queue *queue, void (*callback)(void *context),
	void *context)
{
	queue->connected = callback;
	queue->connected_context = context;
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "connection.h"
#include "ioloop.h"
#include "lib-signals.h"
#include "ostream.h"
#include "str-sanitize.h"
#include "doveadm-settings.h"
#include "migration-limits.h"
#include "migration-protocol.h"
#include "doveadm-migration-queue.h"

#define QUEUE_GREETING_SECS 10

struct queue_ask {
	struct connection conn;
	struct timeout *to;
	unsigned int answer_secs;

	/* NULL = one request only */
	doveadm_migration_queue_next_t *next;
	doveadm_migration_queue_callback_t *callback;
	void *context;

	enum doveadm_migration_queue_result result;
	char *error;
	bool finished;
};

static void
queue_ask_finish(struct queue_ask *ask,
		 enum doveadm_migration_queue_result result, const char *error)
{
	if (ask->finished)
		return;
	ask->finished = TRUE;
	ask->result = result;
	ask->error = i_strdup(error);
	io_loop_stop(current_ioloop);
}

static void queue_ask_expired(struct queue_ask *ask)
{
	queue_ask_finish(ask, DOVEADM_MIGRATION_QUEUE_ERROR,
			 "The migration service does not answer");
}

static void queue_conn_destroy(struct connection *conn)
{
	struct queue_ask *ask = container_of(conn, struct queue_ask, conn);
	const char *error;

	if (conn->disconnect_reason == CONNECTION_DISCONNECT_CONN_CLOSED) {
		error = t_strdup_printf("Lost the connection to the migration "
					"service: %s",
					connection_disconnect_reason(conn));
	} else {
		/* the connection API has logged what */
		error = "The migration service sent what is not understood";
	}
	queue_ask_finish(ask, DOVEADM_MIGRATION_QUEUE_ERROR, error);
	connection_deinit(conn);
}

static void queue_ask_await(struct queue_ask *ask)
{
	timeout_remove(&ask->to);
	if (ask->answer_secs != 0) {
		ask->to = timeout_add(ask->answer_secs * 1000,
				      queue_ask_expired, ask);
	}
}

static void queue_conn_handshake_ready(struct connection *conn)
{
	queue_ask_await(container_of(conn, struct queue_ask, conn));
}

static void queue_ask_send(struct queue_ask *ask, const char *request)
{
	o_stream_nsend_str(ask->conn.output, t_strconcat(request, "\n", NULL));
}

static int
queue_conn_input_args(struct connection *conn, const char *const *args)
{
	struct queue_ask *ask = container_of(conn, struct queue_ask, conn);
	const char *request;
	int ret;

	timeout_remove(&ask->to);
	ret = ask->callback(args, ask->context);
	if (ret == 0 && ask->next != NULL &&
	    (request = ask->next(ask->context)) != NULL) {
		queue_ask_send(ask, request);
		queue_ask_await(ask);
		return 1;
	}
	if (ret == 0) {
		queue_ask_finish(ask, DOVEADM_MIGRATION_QUEUE_OK, NULL);
	} else if (ret < 0) {
		queue_ask_finish(
			ask, DOVEADM_MIGRATION_QUEUE_ERROR,
			t_strdup_printf("The migration service sent a line "
					"that is not understood: %s",
					str_sanitize(args[0], 80)));
	}
	return ret;
}

static const struct connection_settings queue_conn_set = {
	.service_name_in = MIGRATION_PROTOCOL_QUEUE,
	.service_name_out = MIGRATION_PROTOCOL_DOVEADM,
	.major_version = MIGRATION_PROTOCOL_MAJOR_VERSION,
	.minor_version = MIGRATION_PROTOCOL_MINOR_VERSION,
	.input_max_size = MIGRATION_MAX_LINE_BYTES,
	.output_max_size = MIGRATION_MAX_LINE_BYTES,
	.client = TRUE,
};

static const struct connection_vfuncs queue_conn_vfuncs = {
	.destroy = queue_conn_destroy,
	.handshake_ready = queue_conn_handshake_ready,
	.input_args = queue_conn_input_args,
};

static void queue_ask_connect(struct queue_ask *ask, const char *path)
{
	if (connection_client_connect(&ask->conn) == 0)
		return;
	if (errno == ENOENT || errno == ECONNREFUSED) {
		queue_ask_finish(
			ask, DOVEADM_MIGRATION_QUEUE_NOT_RUNNING,
			t_strdup_printf("The migration service is not running "
					"(start Dovecot): connect(%s): %m",
					path));
	} else {
		queue_ask_finish(
			ask, DOVEADM_MIGRATION_QUEUE_ERROR,
			t_strdup_printf("Cannot reach the migration service: "
					"connect(%s): %m",
					path));
	}
}

static void
queue_ask_killed(const siginfo_t *si ATTR_UNUSED, void *context ATTR_UNUSED)
{
	io_loop_stop(current_ioloop);
}

static void queue_ask_run(struct queue_ask *ask, const char *request)
{
	/* 2.4's own handler stops another loop */
	lib_signals_set_handler(SIGINT, LIBSIG_FLAGS_SAFE, queue_ask_killed,
				ask);
	lib_signals_set_handler(SIGTERM, LIBSIG_FLAGS_SAFE, queue_ask_killed,
				ask);
	/* timeouts count from there */
	io_loop_time_refresh();
	ask->to =
		timeout_add(QUEUE_GREETING_SECS * 1000, queue_ask_expired, ask);
	queue_ask_send(ask, request);
	io_loop_run(current_ioloop);
	timeout_remove(&ask->to);
	lib_signals_unset_handler(SIGTERM, queue_ask_killed, ask);
	lib_signals_unset_handler(SIGINT, queue_ask_killed, ask);
	if (!ask->finished) {
		/* only a signal stops the loop otherwise */
		ask->finished = TRUE;
		ask->result = DOVEADM_MIGRATION_QUEUE_INTERRUPTED;
	}
}

static enum doveadm_migration_queue_result
queue_ask(struct event *event_parent, const char *request,
	  doveadm_migration_queue_next_t *next, unsigned int answer_secs,
	  doveadm_migration_queue_callback_t *callback, void *context,
	  const char **error_r)
{
	const char *path = t_strconcat(doveadm_settings->base_dir,
				       "/" MIGRATION_DOVEADM_SOCKET, NULL);
	struct connection_list *list;
	struct queue_ask ask;

	i_zero(&ask);
	ask.conn.event_parent = event_parent;
	ask.answer_secs = answer_secs;
	ask.next = next;
	ask.callback = callback;
	ask.context = context;

	list = connection_list_init(&queue_conn_set, &queue_conn_vfuncs);
	connection_init_client_unix(list, &ask.conn, path);
	queue_ask_connect(&ask, path);
	if (!ask.finished)
		queue_ask_run(&ask, request);

	/* calls queue_conn_destroy() unless that has happened already */
	connection_list_deinit(&list);
	*error_r = t_strdup(ask.error);
	i_free(ask.error);
	return ask.result;
}

enum doveadm_migration_queue_result
doveadm_migration_queue_ask(struct event *event_parent, const char *request,
			    unsigned int answer_secs,
			    doveadm_migration_queue_callback_t *callback,
			    void *context, const char **error_r)
{
	return queue_ask(event_parent, request, NULL, answer_secs, callback,
			 context, error_r);
}

enum doveadm_migration_queue_result
doveadm_migration_queue_ask_all(struct event *event_parent,
				doveadm_migration_queue_next_t *next,
				unsigned int answer_secs,
				doveadm_migration_queue_callback_t *callback,
				void *context, const char **error_r)
{
	return queue_ask(event_parent, next(context), next, answer_secs,
			 callback, context, error_r);
}

int doveadm_migration_queue_read_refused(const char *const *args,
					 unsigned int *exit_code_r,
					 const char **text_r)
{
	if (strcmp(args[0], MIGRATION_VERB_REFUSED) != 0 ||
	    str_array_length(args) < 3 ||
	    str_to_uint(args[1], exit_code_r) < 0 || *exit_code_r == 0 ||
	    *exit_code_r > 255)
		return -1;
	*text_r = args[2];
	return 0;
}

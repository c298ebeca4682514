/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "connection.h"
#include "ioloop.h"
#include "ostream.h"
#include "str.h"
#include "strescape.h"
#include "migration-limits.h"
#include "migration-protocol.h"
#include "migration-provider-probe.h"
#include "migration-worker-connection.h"

struct migration_worker_connection {
	struct connection conn;
	struct migration_worker_callbacks cb;
	void *context;

	struct timeout *to_failed;
	enum migration_outcome outcome;
	char *error;
	unsigned int retry_after_secs;
	bool finished:1;
	bool aborted:1;
	/* a line of it is being read */
	bool in_input:1;
};

static struct connection_list *worker_connections = NULL;
static unsigned int worker_limit = 0;

static void worker_connection_destroy(struct connection *_conn)
{
	struct migration_worker_connection *conn =
		container_of(_conn, struct migration_worker_connection, conn);

	connection_deinit(_conn);
	timeout_remove(&conn->to_failed);
	if (!conn->aborted) {
		conn->cb.finished(
			conn->outcome, conn->finished,
			conn->finished ?
				conn->error :
				"the worker ended without a result (see "
				"its log lines)",
			conn->retry_after_secs, conn->context);
	}
	i_free(conn->error);
	i_free(conn);
	if (worker_connections->connections == NULL)
		connection_list_deinit(&worker_connections);
}

static int
worker_handshake_args(struct connection *conn, const char *const *args)
{
	int ret;

	if (!conn->version_received) {
		ret = connection_handshake_args_default(conn, args);
		return ret < 1 ? ret : 0;
	}
	if (strcmp(args[0], MIGRATION_VERB_LIMIT) != 0 || args[1] == NULL ||
	    str_to_uint(args[1], &worker_limit) < 0 || worker_limit == 0) {
		e_error(conn->event, "Worker sent no valid process limit");
		return -1;
	}
	return 1;
}

static int worker_input_mailbox(struct migration_worker_connection *conn,
				const char *const *args)
{
	struct migration_mailbox mailbox;

	i_zero(&mailbox);
	if (conn->cb.mailbox == NULL || str_array_length(args) != 4 ||
	    str_to_uint(args[1], &mailbox.messages_done) < 0 ||
	    str_to_uint(args[2], &mailbox.messages_total) < 0 ||
	    str_to_uint64(args[3], &mailbox.bytes_done) < 0)
		return -1;
	mailbox.name = args[0];
	conn->cb.mailbox(&mailbox, conn->context);
	return 1;
}

static int worker_input_progress(struct migration_worker_connection *conn,
				 const char *const *args)
{
	struct migration_worker_report report;

	i_zero(&report);
	if (str_array_length(args) != 7 ||
	    str_to_uint(args[0], &report.messages_done) < 0 ||
	    str_to_uint(args[1], &report.messages_total) < 0 ||
	    str_to_uint64(args[2], &report.bytes_done) < 0 ||
	    str_to_uint(args[4], &report.messages_received) < 0 ||
	    str_to_uint64(args[5], &report.bytes_received) < 0 ||
	    str_to_uint(args[6], &report.messages_waiting) < 0)
		return -1;
	report.mailbox = args[3];
	if (conn->cb.progress != NULL)
		conn->cb.progress(&report, conn->context);
	return 1;
}

static int worker_input_note(struct migration_worker_connection *conn,
			     const char *const *args)
{
	uint32_t uid;

	if (conn->cb.note == NULL || str_array_length(args) != 3 ||
	    str_to_uint32(args[1], &uid) < 0)
		return -1;
	conn->cb.note(args[0], uid, args[2], conn->context);
	return 1;
}

static int worker_input_probe(struct migration_worker_connection *conn,
			      const char *const *args)
{
	struct migration_provider_probe probe;

	if (conn->cb.probe == NULL ||
	    migration_provider_probe_parse(args, &probe) < 0)
		return -1;
	conn->cb.probe(&probe, conn->context);
	return 1;
}

static int worker_input_verified(struct migration_worker_connection *conn,
				 const char *const *args, unsigned int count)
{
	if (conn->cb.verified == NULL || str_array_length(args) != count + 1)
		return -1;
	conn->cb.verified(args[0], args + 1, conn->context);
	return 1;
}

static int worker_input_finished(struct migration_worker_connection *conn,
				 const char *const *args)
{
	/* the figures were in the last PROGRESS already */
	if (str_array_length(args) != 6 ||
	    migration_outcome_parse(args[0], &conn->outcome) < 0 ||
	    str_to_uint(args[5], &conn->retry_after_secs) < 0)
		return -1;
	conn->error = i_strdup(args[4]);
	conn->finished = TRUE;
	/* one job a connection */
	return -1;
}

static int worker_input_args(struct connection *_conn, const char *const *args)
{
	struct migration_worker_connection *conn =
		container_of(_conn, struct migration_worker_connection, conn);
	int ret = -1;

	conn->in_input = TRUE;
	if (strcmp(args[0], MIGRATION_VERB_MAILBOX) == 0)
		ret = worker_input_mailbox(conn, args + 1);
	else if (strcmp(args[0], MIGRATION_VERB_PROGRESS) == 0)
		ret = worker_input_progress(conn, args + 1);
	else if (strcmp(args[0], MIGRATION_VERB_NOTE) == 0)
		ret = worker_input_note(conn, args + 1);
	else if (strcmp(args[0], MIGRATION_VERB_DIFFERENCE) == 0)
		ret = worker_input_verified(conn, args,
					    MIGRATION_DIFFERENCE_ARGS);
	else if (strcmp(args[0], MIGRATION_VERB_VERIFIED) == 0)
		ret = worker_input_verified(conn, args,
					    MIGRATION_VERIFIED_ARGS);
	else if (strcmp(args[0], MIGRATION_VERB_PROBE) == 0)
		ret = worker_input_probe(conn, args + 1);
	else if (strcmp(args[0], MIGRATION_VERB_FINISHED) == 0)
		ret = worker_input_finished(conn, args + 1);
	conn->in_input = FALSE;
	if (conn->aborted)
		return -1;
	if (ret < 0 && !conn->finished)
		e_error(_conn->event, "Worker sent invalid line %s", args[0]);
	return ret;
}

static const struct connection_settings worker_connection_set = {
	.service_name_in = MIGRATION_PROTOCOL_WORKER,
	.service_name_out = MIGRATION_PROTOCOL_QUEUE,
	.major_version = MIGRATION_PROTOCOL_MAJOR_VERSION,
	.minor_version = MIGRATION_PROTOCOL_MINOR_VERSION,
	.input_max_size = MIGRATION_MAX_LINE_BYTES,
	.output_max_size = SIZE_MAX,
	.client = TRUE,
};

static const struct connection_vfuncs worker_connection_vfuncs = {
	.destroy = worker_connection_destroy,
	.handshake_args = worker_handshake_args,
	.input_args = worker_input_args,
};

static const char *worker_task_verb(enum migration_worker_task task)
{
	return task == MIGRATION_WORKER_SYNC ? MIGRATION_VERB_SYNC :
					       MIGRATION_VERB_VERIFY;
}

/* The last argument */
static const char *
worker_task_word(enum migration_worker_task task, const char *capabilities)
{
	switch (task) {
	case MIGRATION_WORKER_SYNC:
		return capabilities;
	case MIGRATION_WORKER_VERIFY_SAMPLE:
		return MIGRATION_WORD_SAMPLE;
	case MIGRATION_WORKER_VERIFY_ALL:
		return MIGRATION_WORD_ALL;
	}
	i_unreached();
}

static void worker_connection_failed(struct migration_worker_connection *conn)
{
	worker_connection_destroy(&conn->conn);
}

struct migration_worker_connection *
migration_worker_connection_start(const char *socket_path,
				  enum migration_worker_task task,
				  const struct migration_record *record,
				  const char *capabilities,
				  const struct migration_worker_callbacks *cb,
				  void *context, struct event *event_parent)
{
	const char *const args[] = { worker_task_verb(task),
				     record->username,
				     record->provider,
				     record->remote_user,
				     record->mechanism,
				     record->credential,
				     worker_task_word(task, capabilities),
				     NULL };
	struct migration_worker_connection *conn;
	string_t *str = t_str_new(1024);
	unsigned int i;

	if (worker_connections == NULL) {
		worker_connections =
			connection_list_init(&worker_connection_set,
					     &worker_connection_vfuncs);
	}
	conn = i_new(struct migration_worker_connection, 1);
	conn->cb = *cb;
	conn->context = context;
	conn->outcome = MIGRATION_OUTCOME_TEMPORARY;
	conn->conn.event_parent = event_parent;
	connection_init_client_unix(worker_connections, &conn->conn,
				    socket_path);
	if (connection_client_connect(&conn->conn) < 0) {
		conn->finished = TRUE;
		conn->error = i_strdup_printf(
			"cannot connect to a worker: connect(%s) failed: %m",
			socket_path);
		conn->to_failed =
			timeout_add_short(0, worker_connection_failed, conn);
		return conn;
	}
	for (i = 0; args[i] != NULL; i++) {
		if (i > 0)
			str_append_c(str, '\t');
		str_append_tabescaped(str, args[i]);
	}
	str_append_c(str, '\n');
	o_stream_nsend(conn->conn.output, str_data(str), str_len(str));
	return conn;
}

void migration_worker_connection_abort(
	struct migration_worker_connection **_conn)
{
	struct migration_worker_connection *conn = *_conn;

	if (conn == NULL)
		return;
	*_conn = NULL;
	conn->aborted = TRUE;
	/* whoever reads still looks at it, and then destroys it */
	if (!conn->in_input)
		worker_connection_destroy(&conn->conn);
}

unsigned int migration_worker_connections_get_limit(void)
{
	return worker_limit;
}

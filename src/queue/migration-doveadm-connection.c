/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "connection.h"
#include "ioloop.h"
#include "ostream.h"
#include "str.h"
#include "strescape.h"
#include "master-service.h"
#include "migration-add.h"
#include "migration-addition.h"
#include "migration-auth-connection.h"
#include "migration-control.h"
#include "migration-job.h"
#include "migration-limits.h"
#include "migration-protocol.h"
#include "migration-provider-list.h"
#include "migration-provider-status.h"
#include "migration-queue.h"
#include "migration-store.h"
#include "migration-verify-job.h"
#include "migration-doveadm-connection.h"

#include <sysexits.h>

/* A doveadm that reads more slowly than the workers compare has time until so
   much waits for it. */
#define DOVEADM_MAX_UNREAD_BYTES (16 * 1024 * 1024)

struct migration_doveadm_connection {
	struct connection conn;
	struct migration_queue *queue;
	/* the connection itself and what the database still answers */
	int refcount;
	struct migration_job *watched;
	struct migration_verify_job *verify_job;
	/* it does not read what the job has found */
	struct timeout *to_unread;
	/* what the record is being looked up for: SYNC or VERIFY */
	bool looking_up, verify, verify_all;
};

static struct connection_list *doveadm_connections = NULL;

static void doveadm_connection_unref(struct migration_doveadm_connection *conn)
{
	i_assert(conn->refcount > 0);
	if (--conn->refcount == 0)
		i_free(conn);
}

static void doveadm_connection_destroy(struct connection *_conn)
{
	struct migration_doveadm_connection *conn =
		container_of(_conn, struct migration_doveadm_connection, conn);

	/* the sync itself goes on */
	if (conn->watched != NULL)
		migration_job_unwatch(conn->watched, conn);
	if (conn->verify_job != NULL)
		migration_verify_job_cancel(conn->verify_job);
	conn->verify_job = NULL;
	timeout_remove(&conn->to_unread);
	connection_deinit(_conn);
	conn->queue = NULL;
	doveadm_connection_unref(conn);
	master_service_client_connection_destroyed(master_service);
}

static void doveadm_send(struct migration_doveadm_connection *conn,
			 const char *verb, const char *const *args)
{
	string_t *str = t_str_new(256);

	if (conn->queue == NULL)
		return;
	str_append(str, verb);
	for (; *args != NULL; args++) {
		str_append_c(str, '\t');
		str_append_tabescaped(str, *args);
	}
	str_append_c(str, '\n');
	o_stream_nsend(conn->conn.output, str_data(str), str_len(str));
}

static void doveadm_refuse(struct migration_doveadm_connection *conn,
			   int exit_code, const char *text)
{
	const char *const args[] = { dec2str(exit_code), text, NULL };

	doveadm_send(conn, MIGRATION_VERB_REFUSED, args);
}

static void doveadm_job_progress(struct migration_job *job, const char *mailbox,
				 void *context)
{
	static const struct migration_mailbox unknown = { .name = "" };
	const struct migration_record *record = migration_job_get_record(job);
	const struct migration_mailbox *box =
		migration_job_find_mailbox(job, mailbox);
	struct migration_rate rate;

	if (box == NULL)
		box = &unknown;
	migration_job_get_rate(job, &rate);
	const char *const args[] = { dec2str(record->messages_done),
				     dec2str(record->messages_total),
				     dec2str(record->bytes_done),
				     mailbox,
				     dec2str(box->messages_done),
				     dec2str(box->messages_total),
				     dec2str(migration_job_get_waiting(job)),
				     dec2str(rate.messages_per_ksec),
				     dec2str(rate.bytes_per_sec),
				     dec2str(rate.eta_secs),
				     NULL };

	doveadm_send(context, MIGRATION_VERB_PROGRESS, args);
}

static void
doveadm_send_finished(struct migration_doveadm_connection *conn,
		      enum migration_outcome outcome,
		      const struct migration_record *record, const char *text)
{
	const char *const args[] = { migration_outcome_to_string(outcome),
				     dec2str(record->messages_done),
				     dec2str(record->messages_total),
				     dec2str(record->bytes_done),
				     text,
				     NULL };

	doveadm_send(conn, MIGRATION_VERB_FINISHED, args);
}

static void
doveadm_job_finished(const struct migration_job_result *result, void *context)
{
	struct migration_doveadm_connection *conn = context;

	conn->watched = NULL;
	doveadm_send_finished(conn, result->outcome, result->record,
			      result->error);
}

static void doveadm_sync_record(struct migration_doveadm_connection *conn,
				const struct migration_record *record)
{
	const struct migration_job_watcher watcher = {
		.progress = doveadm_job_progress,
		.finished = doveadm_job_finished,
		.context = conn,
	};
	const char *error;
	int exit_code;

	conn->watched = migration_queue_sync_now(conn->queue, record,
						 &exit_code, &error);
	if (conn->watched == NULL)
		doveadm_refuse(conn, exit_code, error);
	else
		migration_job_watch(conn->watched, &watcher);
}

static void doveadm_unread(struct migration_doveadm_connection *conn)
{
	timeout_remove(&conn->to_unread);
	migration_verify_job_cancel(conn->verify_job);
	conn->verify_job = NULL;
	doveadm_refuse(conn, EX_TEMPFAIL,
		       "doveadm does not read the differences");
}

static void
doveadm_verify_line(const char *verb, const char *const *args, void *context)
{
	struct migration_doveadm_connection *conn = context;

	if (conn->to_unread != NULL)
		return;
	if (o_stream_get_buffer_used_size(conn->conn.output) >
	    DOVEADM_MAX_UNREAD_BYTES) {
		/* not from inside the worker's connection */
		conn->to_unread = timeout_add_short(0, doveadm_unread, conn);
		return;
	}
	doveadm_send(conn, verb, args);
}

static void doveadm_verify_finished(enum migration_outcome outcome,
				    const struct migration_record *record,
				    const char *error, void *context)
{
	struct migration_doveadm_connection *conn = context;

	if (conn->to_unread != NULL) {
		doveadm_unread(conn);
		return;
	}
	conn->verify_job = NULL;
	doveadm_send_finished(conn, outcome, record, error);
}

static void
doveadm_verify_refused(int exit_code, const char *error, void *context)
{
	struct migration_doveadm_connection *conn = context;

	timeout_remove(&conn->to_unread);
	conn->verify_job = NULL;
	doveadm_refuse(conn, exit_code, error);
}

static void doveadm_verify_record(struct migration_doveadm_connection *conn,
				  const struct migration_record *record)
{
	const struct migration_verify_job_callbacks callbacks = {
		.verified = doveadm_verify_line,
		.finished = doveadm_verify_finished,
		.refused = doveadm_verify_refused,
		.context = conn,
	};
	const char *error;
	int exit_code;

	conn->verify_job = migration_queue_verify(conn->queue, record,
						  conn->verify_all, &callbacks,
						  &exit_code, &error);
	if (conn->verify_job == NULL)
		doveadm_verify_refused(exit_code, error, conn);
}

static void doveadm_looked_up(enum migration_store_found found,
			      const struct migration_record *record,
			      const char *error, void *context)
{
	struct migration_doveadm_connection *conn = context;

	conn->looking_up = FALSE;
	if (conn->queue != NULL) {
		switch (found) {
		case MIGRATION_STORE_ERROR:
			doveadm_refuse(conn, EX_TEMPFAIL, error);
			break;
		case MIGRATION_STORE_NOTHING:
			doveadm_refuse(conn, EX_NOUSER, "no such user");
			break;
		case MIGRATION_STORE_ACCOUNT:
			doveadm_refuse(conn, EX_NOUSER,
				       "the account exists, "
				       "but is not being migrated");
			break;
		case MIGRATION_STORE_RECORD:
			if (conn->verify)
				doveadm_verify_record(conn, record);
			else
				doveadm_sync_record(conn, record);
			break;
		}
	}
	doveadm_connection_unref(conn);
}

static void
doveadm_look_up(struct migration_doveadm_connection *conn, const char *username)
{
	const char *error = migration_queue_get_error(conn->queue);

	if (error != NULL) {
		doveadm_refuse(conn, EX_TEMPFAIL, error);
		return;
	}
	conn->looking_up = TRUE;
	conn->refcount++;
	migration_store_lookup(migration_queue_get_store(conn->queue), username,
			       doveadm_looked_up, conn);
}

static bool doveadm_is_busy(const struct migration_doveadm_connection *conn)
{
	return conn->looking_up || conn->watched != NULL ||
	       conn->verify_job != NULL;
}

static int doveadm_input_sync(struct migration_doveadm_connection *conn,
			      const char *const *args)
{
	if (str_array_length(args) != 1 || doveadm_is_busy(conn))
		return -1;
	conn->verify = FALSE;
	doveadm_look_up(conn, args[0]);
	return 1;
}

static int doveadm_input_verify(struct migration_doveadm_connection *conn,
				const char *const *args)
{
	if (str_array_length(args) != 2 || doveadm_is_busy(conn))
		return -1;
	conn->verify_all = strcmp(args[1], MIGRATION_WORD_ALL) == 0;
	if (!conn->verify_all && strcmp(args[1], MIGRATION_WORD_SAMPLE) != 0)
		return -1;
	conn->verify = TRUE;
	doveadm_look_up(conn, args[0]);
	return 1;
}

static void
doveadm_controlled(const struct migration_control_result *result, void *context)
{
	struct migration_doveadm_connection *conn = context;
	const char *const args[] = { result->change == MIGRATION_CHANGE_DONE ?
					     MIGRATION_WORD_CHANGED :
					     MIGRATION_WORD_UNCHANGED,
				     result->state, result->text, NULL };

	if (result->change == MIGRATION_CHANGE_REFUSED)
		doveadm_refuse(conn, result->exit_code, result->text);
	else
		doveadm_send(conn, MIGRATION_VERB_CONTROLLED, args);
	doveadm_connection_unref(conn);
}

static int doveadm_input_control(struct migration_doveadm_connection *conn,
				 const char *const *args)
{
	enum migration_command command;
	unsigned int count = str_array_length(args);
	const char *error;

	if (count < 2 || count > 3 ||
	    migration_command_parse(args[0], &command) < 0 ||
	    (count == 3 && (command != MIGRATION_COMMAND_DELETE ||
			    strcmp(args[2], MIGRATION_WORD_ACCOUNT) != 0)))
		return -1;
	error = migration_queue_get_error(conn->queue);
	if (error != NULL) {
		doveadm_refuse(conn, EX_TEMPFAIL, error);
		return 1;
	}
	conn->refcount++;
	migration_control(conn->queue, command, args[1], count == 3,
			  conn->conn.event, doveadm_controlled, conn);
	return 1;
}

/* <username> <provider> <remote user> <box> <login> <at home> */
static int doveadm_input_add(struct migration_doveadm_connection *conn,
			     const char *const *args)
{
	struct migration_addition addition;
	const char *error;

	if (str_array_length(args) != 6)
		return -1;
	error = migration_queue_get_error(conn->queue);
	if (error != NULL) {
		doveadm_refuse(conn, EX_TEMPFAIL, error);
		return 1;
	}
	i_zero(&addition);
	addition.username = args[0];
	addition.provider = args[1];
	addition.remote_user = args[2];
	addition.credential = args[3];
	addition.login = args[4];
	addition.at_home = strcmp(args[5], "1") == 0;
	conn->refcount++;
	migration_add(conn->queue, &addition, conn->conn.event,
		      doveadm_controlled, conn);
	return 1;
}

static void doveadm_resealed(int ret, const char *error, void *context)
{
	struct migration_doveadm_connection *conn = context;
	const char *const args[] = { ret > 0 ? MIGRATION_WORD_CHANGED :
					       MIGRATION_WORD_UNCHANGED,
				     NULL };

	if (ret < 0)
		doveadm_refuse(conn, EX_TEMPFAIL, error);
	else
		doveadm_send(conn, MIGRATION_VERB_RESEALED, args);
	doveadm_connection_unref(conn);
}

/* <username> <box> <new box> */
static int doveadm_input_reseal(struct migration_doveadm_connection *conn,
				const char *const *args)
{
	const char *error;

	if (str_array_length(args) != 3 || *args[1] == '\0' || *args[2] == '\0')
		return -1;
	error = migration_queue_get_error(conn->queue);
	if (error != NULL) {
		doveadm_refuse(conn, EX_TEMPFAIL, error);
		return 1;
	}
	conn->refcount++;
	migration_store_reseal(migration_queue_get_store(conn->queue), args[0],
			       args[1], args[2], doveadm_resealed, conn);
	return 1;
}

static int doveadm_input_status(struct migration_doveadm_connection *conn)
{
	struct migration_queue_status status;

	migration_queue_get_status(conn->queue, &status);
	const char *const args[] = { dec2str(status.workers_busy),
				     dec2str(status.workers_limit),
				     dec2str(status.started), NULL };
	doveadm_send(conn, MIGRATION_VERB_STATUS, args);
	return 1;
}

static int doveadm_input_rate(struct migration_doveadm_connection *conn,
			      const char *const *args)
{
	struct migration_job *job;
	struct migration_rate rate;

	if (str_array_length(args) != 1)
		return -1;
	i_zero(&rate);
	job = migration_queue_find_job(conn->queue, args[0]);
	if (job != NULL)
		migration_job_get_rate(job, &rate);
	const char *const answer[] = { dec2str(rate.messages_per_ksec),
				       dec2str(rate.bytes_per_sec),
				       dec2str(rate.eta_secs), NULL };
	doveadm_send(conn, MIGRATION_VERB_RATE, answer);
	return 1;
}

static void
doveadm_send_provider(const char *name,
		      const struct migration_provider_status *status,
		      void *context)
{
	struct migration_doveadm_connection *conn = context;
	string_t *str = t_str_new(128);

	str_append(str, MIGRATION_VERB_PROVIDER "\t");
	str_append_tabescaped(str, name);
	migration_provider_status_append(str, status);
	str_append_c(str, '\n');
	o_stream_nsend(conn->conn.output, str_data(str), str_len(str));
}

static int doveadm_input_providers(struct migration_doveadm_connection *conn)
{
	struct migration_provider_list *list = migration_provider_list_init();
	unsigned int auths = migration_auth_connections_get_providers(list);
	const char *const args[] = { dec2str(auths), NULL };

	migration_provider_list_foreach(list, doveadm_send_provider, conn);
	migration_provider_list_deinit(&list);
	doveadm_send(conn, MIGRATION_VERB_PROVIDERS, args);
	return 1;
}

static int doveadm_input_args(struct connection *_conn, const char *const *args)
{
	struct migration_doveadm_connection *conn =
		container_of(_conn, struct migration_doveadm_connection, conn);
	int ret = -1;

	if (strcmp(args[0], MIGRATION_VERB_SYNC) == 0)
		ret = doveadm_input_sync(conn, args + 1);
	else if (strcmp(args[0], MIGRATION_VERB_VERIFY) == 0)
		ret = doveadm_input_verify(conn, args + 1);
	else if (strcmp(args[0], MIGRATION_VERB_STATUS) == 0)
		ret = doveadm_input_status(conn);
	else if (strcmp(args[0], MIGRATION_VERB_RATE) == 0)
		ret = doveadm_input_rate(conn, args + 1);
	else if (strcmp(args[0], MIGRATION_VERB_CONTROL) == 0)
		ret = doveadm_input_control(conn, args + 1);
	else if (strcmp(args[0], MIGRATION_VERB_ADD) == 0)
		ret = doveadm_input_add(conn, args + 1);
	else if (strcmp(args[0], MIGRATION_VERB_RESEAL) == 0)
		ret = doveadm_input_reseal(conn, args + 1);
	else if (strcmp(args[0], MIGRATION_VERB_PROVIDERS) == 0)
		ret = doveadm_input_providers(conn);
	if (ret < 0)
		e_error(_conn->event, "doveadm sent an invalid line %s",
			args[0]);
	return ret;
}

static const struct connection_settings doveadm_connection_set = {
	.service_name_in = MIGRATION_PROTOCOL_DOVEADM,
	.service_name_out = MIGRATION_PROTOCOL_QUEUE,
	.major_version = MIGRATION_PROTOCOL_MAJOR_VERSION,
	.minor_version = MIGRATION_PROTOCOL_MINOR_VERSION,
	.input_max_size = MIGRATION_MAX_LINE_BYTES,
	.output_max_size = SIZE_MAX,
};

static const struct connection_vfuncs doveadm_connection_vfuncs = {
	.destroy = doveadm_connection_destroy,
	.input_args = doveadm_input_args,
};

void migration_doveadm_connection_create(
	struct master_service_connection *master, struct migration_queue *queue)
{
	struct migration_doveadm_connection *conn;

	if (doveadm_connections == NULL) {
		doveadm_connections =
			connection_list_init(&doveadm_connection_set,
					     &doveadm_connection_vfuncs);
	}
	conn = i_new(struct migration_doveadm_connection, 1);
	conn->refcount = 1;
	conn->queue = queue;
	connection_init_server(doveadm_connections, &conn->conn, master->name,
			       master->fd, master->fd);
}

void migration_doveadm_connections_destroy_all(void)
{
	if (doveadm_connections != NULL)
		connection_list_deinit(&doveadm_connections);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "connection.h"
#include "ioloop.h"
#include "lib-signals.h"
#include "ostream.h"
#include "process-title.h"
#include "str.h"
#include "strescape.h"
#include "master-service.h"
#include "master-service-settings.h"
#include "migration-compat.h"
#include "migration-limits.h"
#include "migration-master.h"
#include "migration-notes.h"
#include "migration-progress.h"
#include "migration-protocol.h"
#include "migration-provider-probe.h"
#include "migration-pull.h"
#include "migration-remote.h"
#include "migration-secret.h"
#include "migration-settings.h"
#include "migration-unseal.h"
#include "migration-verify.h"
#include "migration-queue-connection.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

struct queue_connection {
	struct connection conn;
	struct mail_storage_service_ctx *storage;
	const struct migration_settings *set;
	struct migration_unsealer **unsealer;

	struct timeout *to_run;
	struct migration_progress *progress;
	char *username, *provider, *remote_user, *mechanism, *box,
		*capabilities;
	/* compare only, and the bytes of all messages */
	bool verify, verify_all;
};

static struct connection_list *queue_connections = NULL;

static void queue_connection_destroy(struct connection *_conn)
{
	struct queue_connection *conn =
		container_of(_conn, struct queue_connection, conn);

	timeout_remove(&conn->to_run);
	connection_deinit(_conn);
	i_free(conn->username);
	i_free(conn->provider);
	i_free(conn->remote_user);
	i_free(conn->mechanism);
	i_free(conn->box);
	i_free(conn->capabilities);
	i_free(conn);
	master_service_client_connection_destroyed(master_service);
}

static void
queue_append_counts(string_t *str, const struct migration_progress *progress)
{
	str_printfa(str, "\t%u\t%u\t%" PRIu64,
		    migration_progress_get_done(progress),
		    migration_progress_get_total(progress),
		    migration_progress_get_bytes(progress));
}

static void queue_send_mailboxes(struct queue_connection *conn,
				 struct migration_progress *progress)
{
	struct migration_mailbox mailbox;

	while (migration_progress_next_changed(progress, &mailbox))
		T_BEGIN
		{
			string_t *str = t_str_new(128);

			str_append(str, MIGRATION_VERB_MAILBOX "\t");
			str_append_tabescaped(str, mailbox.name);
			str_printfa(str, "\t%u\t%u\t%" PRIu64 "\n",
				    mailbox.messages_done,
				    mailbox.messages_total, mailbox.bytes_done);
			o_stream_nsend(conn->conn.output, str_data(str),
				       str_len(str));
		}
	T_END;
}

static void queue_send_notes(struct queue_connection *conn,
			     const struct migration_notes *notes)
{
	const struct migration_note *note;
	unsigned int i;

	for (i = 0; (note = migration_notes_get(notes, i)) != NULL; i++)
		T_BEGIN
		{
			string_t *str = t_str_new(128);

			str_append(str, MIGRATION_VERB_NOTE "\t");
			str_append_tabescaped(str, note->mailbox);
			str_printfa(str, "\t%u\t", note->uid);
			str_append_tabescaped(
				str, t_strndup(note->text,
					       MIGRATION_MAX_NOTE_BYTES));
			str_append_c(str, '\n');
			o_stream_nsend(conn->conn.output, str_data(str),
				       str_len(str));
		}
	T_END;
}

static void
queue_send_finished(struct queue_connection *conn,
		    enum migration_outcome outcome, const char *error,
		    unsigned int retry_after_secs)
{
	string_t *str = t_str_new(256);

	str_append(str, MIGRATION_VERB_FINISHED "\t");
	str_append(str, migration_outcome_to_string(outcome));
	queue_append_counts(str, conn->progress);
	str_append_c(str, '\t');
	str_append_tabescaped(str, t_strndup(error, MIGRATION_MAX_ERROR_BYTES));
	str_printfa(str, "\t%u", retry_after_secs);
	str_append_c(str, '\n');
	o_stream_nsend(conn->conn.output, str_data(str), str_len(str));
}

/* Nobody waits for this job any longer: Dovecot is stopping, or the queue has
   gone and will give the job to somebody else. Only async-signal-safe
   calls. */
static void queue_is_gone(const siginfo_t *si, void *context)
{
	struct queue_connection *conn = context;
	struct pollfd pfd = {
		.fd = conn->conn.fd_in,
		.events = POLLIN,
	};

	/* the queue has nothing to say during the job, so input is its end */
	if (si->si_signo == SIGIO && poll(&pfd, 1, 0) <= 0)
		return;
	migration_progress_stop(conn->progress);
}

static void queue_watch(struct queue_connection *conn)
{
	int fd = conn->conn.fd_in, flags;

	lib_signals_set_handler(SIGTERM, LIBSIG_FLAG_RESTART, queue_is_gone,
				conn);
	lib_signals_set_handler(SIGIO, LIBSIG_FLAG_RESTART, queue_is_gone,
				conn);
	if (fcntl(fd, F_SETOWN, getpid()) < 0 ||
	    (flags = fcntl(fd, F_GETFL)) < 0 ||
	    fcntl(fd, F_SETFL, flags | O_ASYNC) < 0)
		e_error(conn->conn.event, "fcntl(O_ASYNC) failed: %m");
	/* it may have gone before that */
	if (raise(SIGIO) != 0)
		e_error(conn->conn.event, "raise(SIGIO) failed: %m");
}

static void queue_unwatch(struct queue_connection *conn)
{
	lib_signals_unset_handler(SIGTERM, queue_is_gone, conn);
	/* its default is to end the process */
	lib_signals_clear_handlers_and_ignore(SIGIO);
}

static void queue_progress(struct migration_progress *progress,
			   const char *mailbox, void *context)
{
	struct queue_connection *conn = context;
	string_t *str = t_str_new(256);

	o_stream_cork(conn->conn.output);
	queue_send_mailboxes(conn, progress);
	str_append(str, MIGRATION_VERB_PROGRESS);
	queue_append_counts(str, progress);
	str_append_c(str, '\t');
	str_append_tabescaped(str, mailbox);
	str_printfa(str, "\t%u\t%" PRIu64 "\t%u\n",
		    migration_progress_get_received(progress),
		    migration_progress_get_received_bytes(progress),
		    migration_progress_get_waiting(progress));
	o_stream_nsend(conn->conn.output, str_data(str), str_len(str));
	/* no ioloop of ours runs during the job: what the queue was too slow
	   for is sent here, with the next report */
	o_stream_uncork(conn->conn.output);
}

static void
queue_probed(const struct migration_provider_probe *probe, void *context)
{
	struct queue_connection *conn = context;
	string_t *str = t_str_new(256);

	str_append(str, MIGRATION_VERB_PROBE);
	migration_provider_probe_append(str, probe);
	str_append_c(str, '\n');
	o_stream_nsend(conn->conn.output, str_data(str), str_len(str));
}

static void
queue_verify_difference(void *context, const char *mailbox, uint32_t uid,
			bool explained, const char *text)
{
	struct queue_connection *conn = context;
	string_t *str = t_str_new(128);

	str_append(str, MIGRATION_VERB_DIFFERENCE "\t");
	str_append_tabescaped(str, mailbox);
	str_printfa(str, "\t%u\t%d\t", uid, explained ? 1 : 0);
	str_append_tabescaped(str, t_strndup(text, MIGRATION_MAX_NOTE_BYTES));
	str_append_c(str, '\n');
	o_stream_nsend(conn->conn.output, str_data(str), str_len(str));
}

static const char *
queue_verify_result(const struct migration_verify_mailbox *mailbox)
{
	if (mailbox->failed)
		return MIGRATION_WORD_FAILED;
	return mailbox->same ? MIGRATION_WORD_SAME : MIGRATION_WORD_DIFFERS;
}

static const char *
queue_uid_validity(enum migration_verify_uid_validity uid_validity)
{
	switch (uid_validity) {
	case MIGRATION_VERIFY_UID_VALIDITY_NONE:
		return "-";
	case MIGRATION_VERIFY_UID_VALIDITY_SAME:
		return MIGRATION_WORD_SAME;
	case MIGRATION_VERIFY_UID_VALIDITY_OTHER:
		return MIGRATION_WORD_OTHER;
	}
	i_unreached();
}

static void queue_verify_mailbox(void *context,
				 const struct migration_verify_mailbox *mailbox)
{
	struct queue_connection *conn = context;
	string_t *str = t_str_new(256);

	str_printfa(str, MIGRATION_VERB_VERIFIED "\t%s\t",
		    queue_verify_result(mailbox));
	str_append_tabescaped(str, mailbox->name);
	str_append_c(str, '\t');
	if (mailbox->remote_name != NULL)
		str_append_tabescaped(
			str, t_strndup(mailbox->remote_name,
				       MIGRATION_MAX_MAILBOX_NAME_BYTES));
	str_printfa(str, "\t%s\t%u\t%u\t%u\t%u\t%u\t%u\t%u\t",
		    queue_uid_validity(mailbox->uid_validity), mailbox->there,
		    mailbox->here, mailbox->missing, mailbox->flags,
		    mailbox->sizes, mailbox->checked, mailbox->bodies);
	str_append_tabescaped(str, t_strndup(mailbox->text,
					     MIGRATION_MAX_ERROR_BYTES));
	str_append_c(str, '\n');
	o_stream_nsend(conn->conn.output, str_data(str), str_len(str));
}

static bool queue_verify_is_stopped(void *context)
{
	struct queue_connection *conn = context;

	return migration_progress_is_stopped(conn->progress);
}

static const struct migration_verify_callbacks queue_verify_callbacks = {
	.difference = queue_verify_difference,
	.mailbox = queue_verify_mailbox,
	.is_stopped = queue_verify_is_stopped,
};

static enum migration_outcome
queue_unseal(struct queue_connection *conn, struct migration_secret **secret_r,
	     const char **error_r)
{
	enum migration_unseal_result result;
	const char *error;

	if (migration_credential_is_master(conn->box)) {
		*error_r = t_strdup_printf(
			"There is no password of the user, and "
			"migration_provider %s has no master_user any longer "
			"(the user's next login brings one)",
			conn->provider);
		return MIGRATION_OUTCOME_CREDENTIAL;
	}
	result = migration_unseal(*conn->unsealer, conn->box, conn->username,
				  conn->provider, secret_r, &error);
	/* before anybody else is talked to */
	migration_unsealer_deinit(conn->unsealer);
	if (result == MIGRATION_UNSEAL_OK)
		return MIGRATION_OUTCOME_DONE;
	*error_r = t_strdup_printf("The stored credential cannot be opened: "
				   "%s (the user's next login renews it)",
				   error);
	return MIGRATION_OUTCOME_CREDENTIAL;
}

static enum migration_outcome
queue_pull(struct queue_connection *conn, struct migration_progress *progress,
	   struct migration_notes *notes, unsigned int *retry_after_secs_r,
	   const char **error_r)
{
	struct migration_remote_settings remote;
	struct migration_pull_settings pull;
	struct migration_secret *secret = NULL;
	enum migration_outcome outcome;

	i_zero(&remote);
	remote.provider =
		migration_settings_find_provider(conn->set, conn->provider);
	if (remote.provider == NULL) {
		*error_r = t_strdup_printf("There is no migration_provider "
					   "%s { } in the configuration",
					   conn->provider);
		return MIGRATION_OUTCOME_PROVIDER;
	}
	if (migration_master_is_set(remote.provider)) {
		migration_unsealer_deinit(conn->unsealer);
		secret = migration_master_get_secret(remote.provider);
		remote.master_user = remote.provider->master_user;
	} else {
		outcome = queue_unseal(conn, &secret, error_r);
		if (outcome != MIGRATION_OUTCOME_DONE)
			return outcome;
	}
	remote.remote_user = conn->remote_user;
	remote.mechanism = conn->mechanism;
	remote.password = secret;
	remote.known_capabilities = conn->capabilities;

	i_zero(&pull);
	pull.storage = conn->storage;
	pull.username = conn->username;
	pull.remote = &remote;
	pull.set = conn->set;
	pull.progress = progress;
	pull.notes = notes;
	pull.probed = queue_probed;
	pull.context = conn;
	if (conn->verify) {
		pull.verify = &queue_verify_callbacks;
		pull.verify_context = conn;
		pull.verify_all = conn->verify_all;
	}
	outcome = migration_pull(&pull, retry_after_secs_r, error_r);
	migration_secret_free(&secret);
	return outcome;
}

/* The figures of many mailboxes may be more than the socket takes at once. */
static int queue_flushed(struct queue_connection *conn)
{
	int ret = o_stream_flush(conn->conn.output);

	if (ret != 0)
		queue_connection_destroy(&conn->conn);
	return ret == 0 ? 0 : 1;
}

static void queue_run_job(struct queue_connection *conn)
{
	struct migration_notes *notes;
	enum migration_outcome outcome;
	unsigned int retry_after_secs = 0;
	const char *error = "";

	timeout_remove(&conn->to_run);
	if (master_service_get_service_settings(master_service)
		    ->verbose_proctitle) {
		process_title_set(t_strdup_printf("[%s %s]", conn->username,
						  conn->provider));
	}
	conn->progress = migration_progress_init(queue_progress, conn);
	queue_watch(conn);
	notes = migration_notes_init();
	outcome = queue_pull(conn, conn->progress, notes, &retry_after_secs,
			     &error);
	queue_progress(conn->progress, "", conn);
	queue_send_notes(conn, notes);
	migration_notes_deinit(&notes);
	queue_send_finished(conn, outcome, error, retry_after_secs);
	queue_unwatch(conn);
	migration_progress_deinit(&conn->progress);
	o_stream_set_flush_callback(conn->conn.output, queue_flushed, conn);
	o_stream_set_flush_pending(conn->conn.output, TRUE);
}

static int
queue_input_verb(struct queue_connection *conn, const char *const *args)
{
	unsigned int count = str_array_length(args);

	if (strcmp(args[0], MIGRATION_VERB_SYNC) == 0)
		return count == 7 ? 0 : -1;
	if (strcmp(args[0], MIGRATION_VERB_VERIFY) != 0 || count != 7)
		return -1;
	conn->verify = TRUE;
	conn->verify_all = strcmp(args[6], MIGRATION_WORD_ALL) == 0;
	return conn->verify_all || strcmp(args[6], MIGRATION_WORD_SAMPLE) == 0 ?
		       0 :
		       -1;
}

static int queue_input_args(struct connection *_conn, const char *const *args)
{
	struct queue_connection *conn =
		container_of(_conn, struct queue_connection, conn);

	if (conn->username != NULL || queue_input_verb(conn, args) < 0) {
		e_error(_conn->event, "The queue sent an invalid line %s",
			args[0]);
		return -1;
	}
	conn->username = i_strdup(args[1]);
	conn->provider = i_strdup(args[2]);
	conn->remote_user = i_strdup(args[3]);
	conn->mechanism = i_strdup(args[4]);
	conn->box = i_strdup(args[5]);
	conn->capabilities = i_strdup(conn->verify ? "" : args[6]);
	/* not from here, where the output is corked */
	conn->to_run = timeout_add_short(0, queue_run_job, conn);
	return 1;
}

static int
queue_handshake_args(struct connection *conn, const char *const *args)
{
	int ret;

	ret = connection_handshake_args_default(conn, args);
	if (ret < 1)
		return ret;
	o_stream_nsend_str(conn->output,
			   t_strdup_printf(MIGRATION_VERB_LIMIT "\t%u\n",
					   master_service_get_process_limit(
						   master_service)));
	return 1;
}

static const struct connection_settings queue_connection_set = {
	.service_name_in = MIGRATION_PROTOCOL_QUEUE,
	.service_name_out = MIGRATION_PROTOCOL_WORKER,
	.major_version = MIGRATION_PROTOCOL_MAJOR_VERSION,
	.minor_version = MIGRATION_PROTOCOL_MINOR_VERSION,
	.input_max_size = MIGRATION_MAX_LINE_BYTES,
	.output_max_size = SIZE_MAX,
};

static const struct connection_vfuncs queue_connection_vfuncs = {
	.destroy = queue_connection_destroy,
	.handshake_args = queue_handshake_args,
	.input_args = queue_input_args,
};

void migration_queue_connection_create(struct master_service_connection *master,
				       struct mail_storage_service_ctx *storage,
				       const struct migration_settings *set,
				       struct migration_unsealer **unsealer)
{
	struct queue_connection *conn;

	if (queue_connections == NULL) {
		queue_connections =
			connection_list_init(&queue_connection_set,
					     &queue_connection_vfuncs);
	}
	conn = i_new(struct queue_connection, 1);
	conn->storage = storage;
	conn->set = set;
	conn->unsealer = unsealer;
	connection_init_server(queue_connections, &conn->conn, master->name,
			       master->fd, master->fd);
}

void migration_queue_connections_destroy_all(void)
{
	if (queue_connections != NULL)
		connection_list_deinit(&queue_connections);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "ioloop.h"
#include "migration-common.h"
#include "migration-job.h"
#include "migration-limits.h"
#include "migration-store.h"
#include "migration-worker-connection.h"
#include "migration-verify-job.h"

#include <sysexits.h>

/* How often is looked whether a sync has ended, and for how long. A free worker
   is waited for as long. */
#define VERIFY_POLL_MSECS 500
#define VERIFY_WAIT_SECS 30
#define VERIFY_LEASE_RENEW_MSECS (MIGRATION_LEASE_SECS * 1000 / 5)

struct migration_verify_job {
	struct migration_job_settings set;
	struct event *event;
	char *username, *provider;
	bool all;
	struct migration_verify_job_callbacks cb;
	migration_verify_job_callback_t *callback;
	void *context;

	pool_t pool;
	/* with which the worker works */
	struct migration_record *record;
	struct migration_worker_connection *worker;
	struct timeout *to_start, *to_look, *to_renew, *to_lease, *to_end;
	time_t wait_until;
	/* when the lease was asked for that is not answered yet, 0 = all are */
	time_t lease_asked;

	/* what is to be told: FINISHED, or REFUSED with this code */
	enum migration_outcome outcome;
	int exit_code;
	char *error;
	/* calls into the store that will still call back */
	unsigned int store_calls;
	bool started:1;
	bool leased:1;
	/* the record was, when it was looked up */
	bool paused:1;
	/* the record may be synced again, since it was looked up */
	bool resumed:1;
	bool broken_off:1;
	bool finished:1;
	/* nothing can change the end any longer */
	bool ending:1;
	/* whoever asked has got the end, or has gone */
	bool answered:1;
	bool freed:1;
};

static void verify_job_look(struct migration_verify_job *job);

static void verify_job_unref_store(struct migration_verify_job *job)
{
	i_assert(job->store_calls > 0);
	if (--job->store_calls > 0 || !job->freed)
		return;
	event_unref(&job->event);
	pool_unref(&job->pool);
	i_free(job->username);
	i_free(job->provider);
	i_free(job->error);
	i_free(job);
}

static void verify_job_tell(struct migration_verify_job *job)
{
	if (job->answered)
		return;
	job->answered = TRUE;
	if (job->finished) {
		job->cb.finished(job->outcome, job->record, job->error,
				 job->cb.context);
	} else {
		job->cb.refused(job->exit_code, job->error, job->cb.context);
	}
}

static void verify_job_stop(struct migration_verify_job *job)
{
	migration_worker_connection_abort(&job->worker);
	timeout_remove(&job->to_start);
	timeout_remove(&job->to_look);
	timeout_remove(&job->to_renew);
	timeout_remove(&job->to_lease);
	timeout_remove(&job->to_end);
}

static void verify_job_ended(struct migration_verify_job *job)
{
	timeout_remove(&job->to_end);
	verify_job_tell(job);
	job->callback(job, job->context);
}

static void verify_job_end_later(struct migration_verify_job *job)
{
	timeout_remove(&job->to_end);
	job->to_end = timeout_add_short(0, verify_job_ended, job);
}

static void verify_job_released(int ret, const char *error, void *context)
{
	struct migration_verify_job *job = context;

	if (ret < 0) {
		e_error(job->event,
			"Cannot give the lease back: %s - it ends by itself",
			error);
	}
	if (!job->freed)
		verify_job_end_later(job);
	verify_job_unref_store(job);
}

/* The lease first, so that whoever has got the answer can sync at once. */
static void verify_job_end(struct migration_verify_job *job)
{
	verify_job_stop(job);
	job->ending = TRUE;
	if (!job->leased) {
		verify_job_end_later(job);
		return;
	}
	job->leased = FALSE;
	job->store_calls++;
	migration_store_keep_lease(job->set.store, job->username,
				   job->set.owner, 0, verify_job_released, job);
}

static void verify_job_fail(struct migration_verify_job *job, int exit_code,
			    const char *error)
{
	job->exit_code = exit_code;
	i_free(job->error);
	job->error = i_strdup(error);
	verify_job_end(job);
}

static void verify_job_start_timeout(struct migration_verify_job *job)
{
	verify_job_fail(job, EX_TEMPFAIL,
			t_strdup_printf("all workers are busy, or "
					"max_connections of %s is reached: try "
					"again later, see: doveadm migration "
					"status",
					job->provider));
}

struct migration_verify_job *
migration_verify_job_create(const struct migration_job_settings *set,
			    const struct migration_record *record, bool all,
			    const struct migration_verify_job_callbacks *cb,
			    migration_verify_job_callback_t *callback,
			    void *context)
{
	struct migration_verify_job *job;

	job = i_new(struct migration_verify_job, 1);
	job->set = *set;
	job->username = i_strdup(record->username);
	job->provider = i_strdup(record->provider);
	job->all = all;
	job->cb = *cb;
	job->callback = callback;
	job->context = context;
	job->pool = pool_alloconly_create("migration verify job", 1024);
	job->event = event_create(set->event_parent);
	event_add_category(job->event, &event_category_migration);
	event_add_str(job->event, "user", job->username);
	event_add_str(job->event, "provider", job->provider);
	event_set_append_log_prefix(job->event,
				    t_strdup_printf("%s: ", job->username));
	job->to_start = timeout_add(VERIFY_WAIT_SECS * 1000,
				    verify_job_start_timeout, job);
	return job;
}

void migration_verify_job_free(struct migration_verify_job **_job)
{
	struct migration_verify_job *job = *_job;

	*_job = NULL;
	if (job->error == NULL) {
		job->exit_code = EX_TEMPFAIL;
		job->error = i_strdup("the migration service is stopping");
	}
	verify_job_tell(job);
	verify_job_stop(job);
	/* if it still has its lease, that is dropped by whoever stops the
	   queue */
	job->freed = TRUE;
	job->store_calls++;
	verify_job_unref_store(job);
}

static void verify_job_worker_verified(const char *verb,
				       const char *const *args, void *context)
{
	struct migration_verify_job *job = context;

	if (!job->answered)
		job->cb.verified(verb, args, job->cb.context);
}

static void
verify_job_worker_finished(enum migration_outcome outcome,
			   bool reported ATTR_UNUSED, const char *error,
			   unsigned int retry_after_secs ATTR_UNUSED,
			   void *context)
{
	struct migration_verify_job *job = context;
	struct event_passthrough *e =
		event_create_passthrough(job->event)
			->set_name("migration_verify_finished")
			->add_str("outcome",
				  migration_outcome_to_string(outcome));

	job->worker = NULL;
	e_debug(e->event(), "Compared with the provider: %s%s%s",
		migration_outcome_to_string(outcome),
		*error == '\0' ? "" : ": ", error);
	job->finished = TRUE;
	job->outcome = outcome;
	job->error = i_strdup(error);
	verify_job_end(job);
}

static const struct migration_worker_callbacks verify_job_worker_callbacks = {
	.verified = verify_job_worker_verified,
	.finished = verify_job_worker_finished,
};

static void verify_job_work(struct migration_verify_job *job)
{
	const enum migration_worker_task task =
		job->all ? MIGRATION_WORKER_VERIFY_ALL :
			   MIGRATION_WORKER_VERIFY_SAMPLE;

	job->worker =
		migration_worker_connection_start(job->set.worker_socket_path,
						  task, job->record, NULL,
						  &verify_job_worker_callbacks,
						  job, job->event);
}

static void verify_job_lease_ends(struct migration_verify_job *job)
{
	migration_verify_job_break_off(job,
				       "the database could not be reached");
}

static void
verify_job_lease_kept(struct migration_verify_job *job, time_t asked)
{
	time_t secs = asked + MIGRATION_LEASE_STOP_SECS -
		      migration_store_now(job->set.store);

	timeout_remove(&job->to_lease);
	job->to_lease =
		timeout_add(I_MAX(secs, 0) * 1000, verify_job_lease_ends, job);
}

static void verify_job_renewed(int ret, const char *error, void *context)
{
	struct migration_verify_job *job = context;
	time_t asked = job->lease_asked;

	job->lease_asked = 0;
	if (ret < 0) {
		e_warning(job->event, "Cannot keep the lease: %s", error);
	} else if (job->freed || !job->leased) {
		/* it is over */
	} else if (ret == 0) {
		migration_verify_job_break_off(
			job, "it was paused, finished or deleted, or another "
			     "node has taken it");
	} else {
		verify_job_lease_kept(job, asked);
	}
	verify_job_unref_store(job);
}

static void verify_job_renew(struct migration_verify_job *job)
{
	/* the database takes its time */
	if (job->lease_asked != 0)
		return;
	job->lease_asked = migration_store_now(job->set.store);
	job->store_calls++;
	migration_store_keep_lease(job->set.store, job->username,
				   job->set.owner,
				   job->lease_asked + MIGRATION_LEASE_SECS,
				   verify_job_renewed, job);
}

static void verify_job_leased(int ret, const char *error, void *context)
{
	struct migration_verify_job *job = context;
	time_t asked = job->lease_asked;

	job->lease_asked = 0;
	if (ret > 0 && !job->broken_off)
		job->leased = TRUE;
	if (job->freed) {
		/* the lease is dropped by whoever stops the queue */
	} else if (job->answered) {
		verify_job_end(job);
	} else if (ret < 0) {
		verify_job_fail(job, EX_TEMPFAIL, error);
	} else if (ret == 0) {
		/* somebody was quicker */
		job->to_look = timeout_add_short(VERIFY_POLL_MSECS,
						 verify_job_look, job);
	} else {
		job->to_renew = timeout_add(VERIFY_LEASE_RENEW_MSECS,
					    verify_job_renew, job);
		verify_job_lease_kept(job, asked);
		verify_job_work(job);
	}
	verify_job_unref_store(job);
}

static void verify_job_wait(struct migration_verify_job *job,
			    const struct migration_record *record)
{
	if (ioloop_time < job->wait_until) {
		job->to_look = timeout_add_short(VERIFY_POLL_MSECS,
						 verify_job_look, job);
		return;
	}
	verify_job_fail(job, EX_TEMPFAIL,
			t_strdup_printf("%s syncs or verifies it just now: "
					"verify it when that is done, see: "
					"doveadm migration show %s",
					record->lease_owner, job->username));
}

static void verify_job_record(struct migration_verify_job *job,
			      const struct migration_record *record)
{
	if (record->phase == MIGRATION_PHASE_FINISHED) {
		verify_job_fail(job, EX_USAGE,
				"the migration is finished and the stored "
				"password destroyed: nobody can log in at the "
				"provider any longer");
	} else if (*record->credential == '\0') {
		verify_job_fail(job, EX_TEMPFAIL,
				"there is no password to log in with at the "
				"provider: wait for the user's next login");
	} else if (record->lease_until > migration_store_now(job->set.store)) {
		verify_job_wait(job, record);
	} else {
		p_clear(job->pool);
		job->record = migration_record_dup(job->pool, record);
		job->paused = !migration_state_may_sync(record);
		if (job->paused && job->resumed) {
			/* no longer so */
			verify_job_look(job);
			return;
		}
		job->lease_asked = migration_store_now(job->set.store);
		job->store_calls++;
		migration_store_lease_to_compare(job->set.store, job->record,
						 job->set.owner,
						 job->lease_asked,
						 job->lease_asked +
							 MIGRATION_LEASE_SECS,
						 verify_job_leased, job);
	}
}

static void verify_job_looked_up(enum migration_store_found found,
				 const struct migration_record *record,
				 const char *error, void *context)
{
	struct migration_verify_job *job = context;

	if (job->freed) {
		/* its end was told */
	} else if (job->answered) {
		verify_job_end(job);
	} else if (found == MIGRATION_STORE_RECORD) {
		verify_job_record(job, record);
	} else if (found == MIGRATION_STORE_ERROR) {
		verify_job_fail(job, EX_TEMPFAIL, error);
	} else {
		verify_job_fail(job, EX_NOUSER, "the record was deleted");
	}
	verify_job_unref_store(job);
}

static void verify_job_look(struct migration_verify_job *job)
{
	timeout_remove(&job->to_look);
	job->resumed = FALSE;
	job->store_calls++;
	migration_store_lookup(job->set.store, job->username,
			       verify_job_looked_up, job);
}

void migration_verify_job_start(struct migration_verify_job *job)
{
	i_assert(migration_verify_job_is_waiting(job));

	timeout_remove(&job->to_start);
	job->started = TRUE;
	job->wait_until = ioloop_time + VERIFY_WAIT_SECS;
	verify_job_look(job);
}

bool migration_verify_job_is_waiting(const struct migration_verify_job *job)
{
	return !job->started && !job->ending;
}

bool migration_verify_job_is_started(const struct migration_verify_job *job)
{
	return job->started;
}

void migration_verify_job_cancel(struct migration_verify_job *job)
{
	job->answered = TRUE;
	/* else the answer of the database ends it */
	if (job->worker != NULL || job->to_look != NULL ||
	    job->to_start != NULL)
		verify_job_end(job);
}

static void
verify_job_refuse(struct migration_verify_job *job, const char *error)
{
	if (job->answered || job->ending)
		return;
	job->exit_code = EX_TEMPFAIL;
	i_free(job->error);
	job->error = i_strdup(error);
	verify_job_tell(job);
	migration_verify_job_cancel(job);
}

void migration_verify_job_break_off(struct migration_verify_job *job,
				    const char *error)
{
	/* somebody else may have it by now */
	job->leased = FALSE;
	job->broken_off = TRUE;
	verify_job_refuse(job, error);
}

void migration_verify_job_resumed(struct migration_verify_job *job,
				  const char *error)
{
	job->resumed = TRUE;
	if (job->worker != NULL && job->paused)
		verify_job_refuse(job, error);
}

const char *
migration_verify_job_get_username(const struct migration_verify_job *job)
{
	return job->username;
}

const char *
migration_verify_job_get_provider(const struct migration_verify_job *job)
{
	return job->provider;
}

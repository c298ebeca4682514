/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "ioloop.h"
#include "randgen.h"
#include "str.h"
#include "time-util.h"
#include "migration-common.h"
#include "migration-limits.h"
#include "migration-provider-probe.h"
#include "migration-sessions.h"
#include "migration-store.h"
#include "migration-job-notes.h"
#include "migration-job-progress.h"
#include "migration-transition.h"
#include "migration-worker-connection.h"
#include "migration-job.h"

/* Progress is written to the database at most this often. */
#define JOB_WRITE_INTERVAL_SECS 1
/* How a sync ended is written again this often, and so many times, if the
   database does not work: about a minute. */
#define JOB_RESULT_RETRY_MSECS 2000
#define JOB_RESULT_MAX_TRIES 30
/* A worker that is silent but alive keeps its lease. */
#define JOB_LEASE_RENEW_MSECS (MIGRATION_LEASE_SECS * 1000 / 5)
/* A worker that is told to stop gets this long before the lease is given
   back. */
#define JOB_STOPPED_MSECS 2000

struct migration_job {
	pool_t pool;
	struct migration_job_settings set;
	struct event *event;
	struct migration_record *record;
	/* what the end of the sync has made of it */
	struct migration_record *ended;
	/* and its state before that */
	const char *state_before;

	migration_job_callback_t *callback;
	void *context;

	struct migration_worker_connection *worker;
	struct migration_sessions *sessions;
	struct timeout *to_renew, *to_lease, *to_finished, *to_hold, *to_result;
	struct migration_job_progress *progress;
	struct migration_job_notes *notes;
	/* what is known about the provider's server, NULL = nothing */
	struct migration_provider_probe *probe;
	/* when it began, the worker of this moment, and the how many-th it is */
	struct timeval sync_started, pull_started, hold_started;
	unsigned int pulls, sessions_ended;
	/* what was here when it began */
	unsigned int messages_before;
	uint64_t bytes_before;
	time_t last_write;
	/* when the lease was asked for that is not answered yet, 0 = all are */
	time_t lease_asked;
	/* calls into the store that will still call back */
	unsigned int store_calls;
	/* how often the result could not be written */
	unsigned int result_tries;

	enum migration_outcome outcome;
	char *error;
	unsigned int retry_after_secs;
	ARRAY(struct migration_job_watcher) watchers;
	bool started:1;
	bool broken_off:1;
	bool switching:1;
	bool freed:1;
};

static void job_finish(struct migration_job *job);
static void job_pull(struct migration_job *job);

struct migration_job *
migration_job_create(const struct migration_job_settings *set,
		     const struct migration_record *record)
{
	struct migration_job *job;
	pool_t pool;

	pool = pool_alloconly_create("migration job", 2048);
	job = p_new(pool, struct migration_job, 1);
	job->pool = pool;
	job->set = *set;
	job->record = migration_record_dup(pool, record);
	job->record->lease_owner = p_strdup(pool, set->owner);
	job->messages_before = record->messages_done;
	job->bytes_before = record->bytes_done;
	job->progress = migration_job_progress_init();
	job->notes = migration_job_notes_init();
	job->outcome = MIGRATION_OUTCOME_TEMPORARY;
	job->event = event_create(set->event_parent);
	event_add_category(job->event, &event_category_migration);
	event_add_str(job->event, "user", record->username);
	event_add_str(job->event, "provider", record->provider);
	event_set_append_log_prefix(job->event,
				    t_strdup_printf("%s: ", record->username));
	i_array_init(&job->watchers, 2);
	return job;
}

static time_t job_now(const struct migration_job *job)
{
	return migration_store_now(job->set.store);
}

static unsigned int job_msecs_since(const struct timeval *started)
{
	int msecs = timeval_diff_msecs(&ioloop_timeval, started);

	return msecs < 0 ? 0 : msecs;
}

static void job_unref_store(struct migration_job *job)
{
	i_assert(job->store_calls > 0);
	job->store_calls--;
	if (!job->freed || job->store_calls > 0)
		return;
	migration_job_progress_deinit(&job->progress);
	migration_job_notes_deinit(&job->notes);
	event_unref(&job->event);
	pool_unref(&job->pool);
}

/* Nothing goes on any longer, whatever it was. */
static void job_stop(struct migration_job *job)
{
	migration_worker_connection_abort(&job->worker);
	migration_sessions_abort(&job->sessions);
	timeout_remove(&job->to_renew);
	timeout_remove(&job->to_lease);
	timeout_remove(&job->to_hold);
}

static void job_tell_finished(struct migration_job *job)
{
	struct migration_job_result result;
	struct migration_job_watcher watcher;

	i_zero(&result);
	result.outcome = job->outcome;
	result.record = job->record;
	result.error = job->error == NULL ? "" : job->error;
	while (array_count(&job->watchers) > 0) {
		watcher = *array_front(&job->watchers);
		array_pop_front(&job->watchers);
		watcher.finished(&result, watcher.context);
	}
}

void migration_job_free(struct migration_job **_job)
{
	struct migration_job *job = *_job;

	*_job = NULL;
	if (job->error == NULL)
		job->error = i_strdup("the migration service is stopping");
	job_tell_finished(job);
	job_stop(job);
	timeout_remove(&job->to_finished);
	if (job->to_result != NULL) {
		timeout_remove(&job->to_result);
		job_unref_store(job);
	}
	array_free(&job->watchers);
	i_free(job->error);
	job->freed = TRUE;
	job->store_calls++;
	job_unref_store(job);
}

static void job_end(struct migration_job *job)
{
	timeout_remove(&job->to_finished);
	job_tell_finished(job);
	job->callback(job, job->context);
}

static void job_end_later(struct migration_job *job)
{
	timeout_remove(&job->to_finished);
	job->to_finished = timeout_add_short(0, job_end, job);
}

void migration_job_break_off(struct migration_job *job, const char *error)
{
	if (job->broken_off)
		return;
	job->broken_off = TRUE;
	i_free(job->error);
	job->error = i_strdup(error);
	job->outcome = MIGRATION_OUTCOME_TEMPORARY;
	/* else the lease or the result is on its way and ends it */
	if (job->to_renew != NULL) {
		job_stop(job);
		job_end_later(job);
	}
}

static const char *job_switch_text(const struct migration_job *job)
{
	if (!job->switching)
		return "";
	return t_strdup_printf(" (sessions ended at the provider: %u, logins "
			       "held for %u.%01u secs)",
			       job->sessions_ended,
			       job_msecs_since(&job->hold_started) / 1000,
			       job_msecs_since(&job->hold_started) / 100 % 10);
}

static struct event_passthrough *job_finished_event(struct migration_job *job)
{
	const struct migration_record *record = job->ended;

	/* what was deleted meanwhile does not count as less than nothing */
	return event_create_passthrough(job->event)
		->set_name("migration_sync_finished")
		->add_str("outcome", migration_outcome_to_string(job->outcome))
		->add_int("duration", timeval_diff_usecs(&ioloop_timeval,
							 &job->sync_started))
		->add_int("messages", record->messages_done)
		->add_int("bytes", record->bytes_done)
		->add_int("new_messages",
			  record->messages_done - I_MIN(record->messages_done,
							job->messages_before))
		->add_int("new_bytes",
			  record->bytes_done -
				  I_MIN(record->bytes_done, job->bytes_before))
		->add_int("notes", record->notes);
}

/* "First full sync done: 5 messages, 700 bytes; ..." */
static const char *job_done_text(const struct migration_job *job)
{
	const struct migration_record *record = job->ended;
	bool first = job->record->phase == MIGRATION_PHASE_INITIAL;
	bool finished = record->phase == MIGRATION_PHASE_FINISHED;
	string_t *str = t_str_new(128);

	str_printfa(str, "%s done: %u messages, %" PRIu64 " bytes",
		    first    ? "First full sync" :
		    finished ? "Last sync" :
			       "Sync",
		    record->messages_done, record->bytes_done);
	if (first) {
		str_printfa(str, "; logins are local from now on%s",
			    job_switch_text(job));
	}
	if (record->notes > 0) {
		str_printfa(str,
			    "; %u notes, see: doveadm migration show -n "
			    "%s",
			    record->notes, record->username);
	}
	if (finished) {
		str_append(str, "; the migration is finished, the stored "
				"password destroyed");
	}
	return str_c(str);
}

static void job_log_result(struct migration_job *job)
{
	const struct migration_record *record = job->ended;
	struct event_passthrough *e = job_finished_event(job);

	switch (job->outcome) {
	case MIGRATION_OUTCOME_DONE:
		e_info(e->event(), "%s", job_done_text(job));
		break;
	case MIGRATION_OUTCOME_TEMPORARY:
		e_warning(e->event(),
			  "Sync failed (attempt %u): %s - next "
			  "attempt in %" PRIdTIME_T
			  " secs, or now with: doveadm "
			  "migration sync -u %s",
			  record->attempts, job->error,
			  record->next_sync - job_now(job), record->username);
		break;
	case MIGRATION_OUTCOME_PASSWORD:
		e_warning(e->event(),
			  "The provider refuses the stored "
			  "password: %s - the user's next login here repairs "
			  "it",
			  job->error);
		break;
	case MIGRATION_OUTCOME_ACCOUNT:
	case MIGRATION_OUTCOME_CREDENTIAL:
	case MIGRATION_OUTCOME_PROVIDER:
	case MIGRATION_OUTCOME_LOCAL:
		e_error(e->event(),
			"Sync stopped: %s - when that is mended: "
			"doveadm migration sync -u %s",
			job->error, record->username);
		break;
	}
}

static void job_result_look(struct migration_job *job);

static void job_result_again(struct migration_job *job)
{
	timeout_remove(&job->to_result);
	job_result_look(job);
}

static void job_result_failed(struct migration_job *job, const char *error)
{
	if (!job->freed && job->result_tries++ < JOB_RESULT_MAX_TRIES) {
		if (job->result_tries == 1) {
			e_warning(job->event,
				  "Cannot write how the sync ended: %s - "
				  "trying again",
				  error);
		}
		job->to_result = timeout_add(JOB_RESULT_RETRY_MSECS,
					     job_result_again, job);
		return;
	}
	e_error(job->event,
		"Cannot write how the sync ended: %s - it runs again when its "
		"lease ends",
		error);
	if (!job->freed)
		job_end_later(job);
	job_unref_store(job);
}

static void job_result_written(int ret, const char *error, void *context)
{
	struct migration_job *job = context;

	if (ret == 0) {
		/* somebody was quicker: what do they want? */
		job_result_look(job);
		return;
	}
	if (ret < 0) {
		migration_job_progress_write_failed(job->progress);
		job_result_failed(job, error);
		return;
	}
	job_log_result(job);
	migration_transition_tell_record(job->event, job->state_before,
					 job->ended);
	if (!job->freed)
		job_end_later(job);
	job_unref_store(job);
}

static void job_result_looked_up(enum migration_store_found found,
				 const struct migration_record *record,
				 const char *error, void *context)
{
	struct migration_job *job = context;
	struct migration_mailbox_changes changes;
	struct migration_note_list notes;
	struct migration_sync_result result;
	struct migration_record now;
	bool noted;

	if (found == MIGRATION_STORE_ERROR) {
		job_result_failed(job, error);
		return;
	}
	if (found != MIGRATION_STORE_RECORD) {
		e_info(job->event, "The record was deleted during the sync");
		if (!job->freed)
			job_end_later(job);
		job_unref_store(job);
		return;
	}
	if (strcmp(record->lease_owner, job->set.owner) != 0) {
		e_info(job->event, "The record was paused or finished during "
				   "the sync, or the lease went to somebody "
				   "else: how it ended does not count");
		if (!job->freed)
			job_end_later(job);
		job_unref_store(job);
		return;
	}
	/* a login may have renewed the record during the sync */
	now = *record;
	now.messages_done = job->record->messages_done;
	now.messages_total = job->record->messages_total;
	now.bytes_done = job->record->bytes_done;
	noted = migration_job_notes_get(job->notes, &notes);
	if (noted)
		now.notes = notes.total;
	i_zero(&result);
	result.outcome = job->outcome;
	result.credential_current =
		strcmp(now.credential, job->record->credential) == 0;
	result.error = t_strndup(job->error == NULL ? "" : job->error,
				 MIGRATION_MAX_ERROR_BYTES);
	result.retry_after_secs = job->retry_after_secs;
	result.progressed = job->record->messages_done > job->messages_before;
	result.finish_was_wanted = job->record->finish_wanted;
	job->state_before =
		p_strdup(job->pool, migration_transition_state(&now));
	migration_state_sync_finished(&now, &result, job_now(job),
				      &job->set.timing, i_rand());
	job->ended = migration_record_dup(job->pool, &now);
	migration_job_progress_take_changes(job->progress, &changes);
	migration_store_finish_sync(job->set.store, record, &now,
				    job->set.owner, &changes,
				    noted ? &notes : NULL, job_result_written,
				    job);
}

static void job_result_look(struct migration_job *job)
{
	migration_store_lookup(job->set.store, job->record->username,
			       job_result_looked_up, job);
}

static void job_finish(struct migration_job *job)
{
	job_stop(job);
	job->store_calls++;
	job_result_look(job);
}

static void job_let_go_written(int ret, const char *error, void *context)
{
	struct migration_job *job = context;

	if (ret < 0) {
		e_warning(job->event,
			  "Cannot give the lease back: %s - it ends by itself",
			  error);
	}
	job_unref_store(job);
}

static void job_let_go(struct migration_job *job)
{
	timeout_remove(&job->to_finished);
	job->store_calls++;
	migration_store_keep_lease(job->set.store, job->record->username,
				   job->set.owner, 0, job_let_go_written, job);
	job_end_later(job);
}

/* Another node has changed the record. The lease, if it still is ours, keeps
   everybody off until the worker has ended. */
static void job_lost(struct migration_job *job)
{
	job->broken_off = TRUE;
	i_free(job->error);
	job->error = i_strdup("it was changed, paused, finished or deleted, or "
			      "another node has taken it");
	job->outcome = MIGRATION_OUTCOME_TEMPORARY;
	job_stop(job);
	job->to_finished = timeout_add(JOB_STOPPED_MSECS, job_let_go, job);
}

static void job_lease_ends(struct migration_job *job)
{
	e_warning(job->event,
		  "Sync stopped: the lease could not be renewed for %u secs, "
		  "and another node may take the job soon",
		  MIGRATION_LEASE_STOP_SECS);
	migration_job_break_off(job, "the database could not be reached");
}

static void job_lease_kept(struct migration_job *job, time_t asked)
{
	time_t secs = asked + MIGRATION_LEASE_STOP_SECS - job_now(job);

	timeout_remove(&job->to_lease);
	job->to_lease = timeout_add(I_MAX(secs, 0) * 1000, job_lease_ends, job);
}

static void job_progress_written(int ret, const char *error, void *context)
{
	struct migration_job *job = context;
	time_t asked = job->lease_asked;

	job->lease_asked = 0;
	if (ret < 0) {
		e_warning(job->event, "Cannot write progress: %s", error);
		migration_job_progress_write_failed(job->progress);
	} else if (job->freed || job->to_renew == NULL) {
		/* it is over */
	} else if (ret == 0) {
		job_lost(job);
	} else {
		job_lease_kept(job, asked);
	}
	job_unref_store(job);
}

static void job_write_progress(struct migration_job *job)
{
	struct migration_mailbox_changes changes;

	/* the database takes its time */
	if (job->lease_asked != 0)
		return;
	job->last_write = ioloop_time;
	job->lease_asked = job_now(job);
	job->record->lease_until = job->lease_asked + MIGRATION_LEASE_SECS;
	job->store_calls++;
	migration_job_progress_take_changes(job->progress, &changes);
	migration_store_progress(job->set.store, job->record, &changes,
				 job_progress_written, job);
}

static void
job_worker_mailbox(const struct migration_mailbox *mailbox, void *context)
{
	struct migration_job *job = context;

	migration_job_progress_mailbox(job->progress, mailbox);
}

static void
job_worker_progress(const struct migration_worker_report *report, void *context)
{
	struct migration_job *job = context;
	const struct migration_job_watcher *watcher;

	migration_job_progress_report(job->progress, report, job->record);
	if (migration_job_progress_has_changes(job->progress) &&
	    ioloop_time - job->last_write >= JOB_WRITE_INTERVAL_SECS)
		job_write_progress(job);
	array_foreach(&job->watchers, watcher)
		watcher->progress(job, report->mailbox, watcher->context);
}

static void job_give_up(struct migration_job *job, const char *error)
{
	job->outcome = MIGRATION_OUTCOME_TEMPORARY;
	i_free(job->error);
	job->error = i_strdup(error);
	job_finish(job);
}

static void job_hold_timeout(struct migration_job *job)
{
	job_give_up(job,
		    t_strdup_printf("the switch took longer than "
				    "migration_switch_timeout (%u secs) and "
				    "was undone: logins go to the provider "
				    "as before",
				    job->set.switch_timeout_secs));
}

static void
job_sessions_ended(unsigned int ended, const char *error, void *context)
{
	struct migration_job *job = context;

	job->sessions = NULL;
	if (error != NULL) {
		job_give_up(job, t_strdup_printf("cannot end the user's "
						 "sessions at the provider "
						 "for the switch: %s",
						 error));
		return;
	}
	job->sessions_ended += ended;
	if (job->outcome == MIGRATION_OUTCOME_DONE && ended == 0) {
		/* nobody has been at the provider during the last pull */
		job_finish(job);
		return;
	}
	job_pull(job);
}

static void job_end_sessions(struct migration_job *job)
{
	job->sessions = migration_sessions_end(job->set.base_dir,
					       job->record->username,
					       job_sessions_ended, job);
}

static void job_held(int ret, const char *error, void *context)
{
	struct migration_job *job = context;

	if (job->freed || job->to_hold == NULL) {
		/* it was broken off; the hold is dropped with the lease */
	} else if (ret < 0) {
		job_give_up(job, t_strdup_printf("cannot hold logins for the "
						 "switch: %s",
						 error));
	} else if (ret == 0) {
		job_lost(job);
	} else {
		job_end_sessions(job);
	}
	job_unref_store(job);
}

static void job_switch(struct migration_job *job)
{
	e_debug(event_create_passthrough(job->event)
			->set_name("migration_switch_started")
			->event(),
		"Everything is here: logins are held for the switch");
	job->switching = TRUE;
	/* set again by the last pull */
	job->outcome = MIGRATION_OUTCOME_TEMPORARY;
	job->hold_started = ioloop_timeval;
	job->to_hold = timeout_add(job->set.switch_timeout_secs * 1000,
				   job_hold_timeout, job);
	/* ends after the timeout, not up to a second before it: until then
	   nobody may get a session at the provider */
	job->record->hold_until =
		job_now(job) + job->set.switch_timeout_secs + 1;
	job->record->lease_until = job_now(job) + MIGRATION_LEASE_SECS;
	job->store_calls++;
	migration_store_hold(job->set.store, job->record,
			     job->record->hold_until, job_held, job);
}

static void job_next_step(struct migration_job *job)
{
	unsigned int secs = (job_msecs_since(&job->pull_started) + 999) / 1000;

	switch (migration_state_next_step(job->record, job->pulls, secs,
					  job->set.switch_timeout_secs)) {
	case MIGRATION_STEP_END:
		job_finish(job);
		return;
	case MIGRATION_STEP_PULL:
		job_pull(job);
		return;
	case MIGRATION_STEP_SWITCH:
		job_switch(job);
		return;
	case MIGRATION_STEP_TOO_SLOW:
		job_give_up(job, t_strdup_printf(
					 "everything is here, but even a sync "
					 "without changes takes %u secs: "
					 "migration_switch_timeout (%u secs) "
					 "is too short for the switch",
					 secs, job->set.switch_timeout_secs));
		return;
	}
	i_unreached();
}

static void job_worker_note(const char *mailbox, uint32_t uid, const char *text,
			    void *context)
{
	struct migration_job *job = context;

	migration_job_notes_add(job->notes, mailbox, uid, text, job_now(job));
}

static void job_probe_written(int ret, const char *error, void *context)
{
	struct migration_job *job = context;

	if (ret < 0) {
		e_warning(job->event,
			  "Cannot write what the provider's server is like: %s",
			  error);
	}
	job_unref_store(job);
}

static void
job_worker_probe(struct migration_provider_probe *probe, void *context)
{
	struct migration_job *job = context;

	if (!migration_provider_probe_update(job->probe, probe, job_now(job)))
		return;
	job->probe = migration_provider_probe_dup(job->pool, probe);
	job->store_calls++;
	migration_store_set_probe(job->set.store, job->record->provider,
				  job->probe, job_probe_written, job);
}

static void job_worker_finished(enum migration_outcome outcome, bool reported,
				const char *error,
				unsigned int retry_after_secs, void *context)
{
	struct migration_job *job = context;

	job->worker = NULL;
	if (reported) {
		migration_job_notes_end(job->notes,
					outcome == MIGRATION_OUTCOME_DONE);
	}
	job->outcome = outcome;
	job->retry_after_secs = retry_after_secs;
	if (outcome != MIGRATION_OUTCOME_DONE) {
		job->error = i_strdup(error);
		job_finish(job);
	} else if (job->switching) {
		/* a session that was only being made may have been overlooked
		   before */
		job_end_sessions(job);
	} else {
		job_next_step(job);
	}
}

static const struct migration_worker_callbacks job_worker_callbacks = {
	.mailbox = job_worker_mailbox,
	.progress = job_worker_progress,
	.note = job_worker_note,
	.probe = job_worker_probe,
	.finished = job_worker_finished,
};

static void job_pull(struct migration_job *job)
{
	job->pulls++;
	job->pull_started = ioloop_timeval;
	migration_job_progress_begin(job->progress);
	migration_job_notes_begin(job->notes);
	job->worker = migration_worker_connection_start(
		job->set.worker_socket_path, MIGRATION_WORKER_SYNC, job->record,
		migration_provider_probe_get_known(job->probe, job_now(job)),
		&job_worker_callbacks, job, job->event);
}

static void
job_probe_looked_up(int ret, const struct migration_provider_probe *probe,
		    const char *error, void *context)
{
	struct migration_job *job = context;

	if (ret < 0) {
		e_warning(job->event,
			  "Cannot read what the provider's server is like: %s",
			  error);
	}
	/* else it was broken off, or the lease is lost */
	if (!job->freed && job->to_renew != NULL) {
		if (ret > 0) {
			job->probe =
				migration_provider_probe_dup(job->pool, probe);
		}
		job_pull(job);
	}
	job_unref_store(job);
}

static void job_leased(int ret, const char *error, void *context)
{
	struct migration_job *job = context;
	time_t asked = job->lease_asked;

	job->lease_asked = 0;
	if (job->freed) {
		/* the lease is dropped by whoever stops the queue */
	} else if (job->broken_off) {
		job_end_later(job);
	} else if (ret <= 0) {
		job->error = i_strdup(
			ret < 0 ? error :
				  "somebody else syncs it, or it was changed, "
				  "paused, finished or deleted just now");
		if (ret < 0)
			e_error(job->event, "Cannot take the job: %s", error);
		job_end_later(job);
	} else {
		e_debug(event_create_passthrough(job->event)
				->set_name("migration_sync_started")
				->event(),
			"Sync started");
		job->to_renew = timeout_add(JOB_LEASE_RENEW_MSECS,
					    job_write_progress, job);
		job_lease_kept(job, asked);
		job->store_calls++;
		migration_store_get_probe(job->set.store, job->record->provider,
					  job_probe_looked_up, job);
	}
	job_unref_store(job);
}

void migration_job_start(struct migration_job *job,
			 migration_job_callback_t *callback, void *context)
{
	i_assert(!job->started);

	job->started = TRUE;
	job->sync_started = ioloop_timeval;
	job->callback = callback;
	job->context = context;
	job->lease_asked = job_now(job);
	job->store_calls++;
	migration_store_lease(job->set.store, job->record, job->set.owner,
			      job->lease_asked,
			      job->lease_asked + MIGRATION_LEASE_SECS,
			      job_leased, job);
}

bool migration_job_is_started(const struct migration_job *job)
{
	return job->started;
}

const struct migration_record *
migration_job_get_record(const struct migration_job *job)
{
	return job->record;
}

const struct migration_mailbox *
migration_job_find_mailbox(struct migration_job *job, const char *mailbox)
{
	return migration_job_progress_find(job->progress, mailbox);
}

unsigned int migration_job_get_waiting(const struct migration_job *job)
{
	return migration_job_progress_get_waiting(job->progress);
}

void migration_job_get_rate(const struct migration_job *job,
			    struct migration_rate *rate_r)
{
	migration_job_progress_get_rate(job->progress, job->record, rate_r);
}

void migration_job_watch(struct migration_job *job,
			 const struct migration_job_watcher *watcher)
{
	array_push_back(&job->watchers, watcher);
}

void migration_job_unwatch(struct migration_job *job, void *context)
{
	const struct migration_job_watcher *watcher;

	array_foreach(&job->watchers, watcher) {
		if (watcher->context == context) {
			array_delete(&job->watchers,
				     array_foreach_idx(&job->watchers, watcher),
				     1);
			return;
		}
	}
}

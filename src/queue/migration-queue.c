/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "ioloop.h"
#include "migration-common.h"
#include "migration-db.h"
#include "migration-finish.h"
#include "migration-job.h"
#include "migration-limits.h"
#include "migration-protocol.h"
#include "migration-settings.h"
#include "migration-store.h"
#include "migration-verify-job.h"
#include "migration-worker-connection.h"
#include "migration-queue.h"

#include <sysexits.h>

/* A database that cannot be opened is tried again this often. */
#define QUEUE_OPEN_RETRY_MSECS (10 * 1000)

struct migration_queue {
	const struct migration_settings *set;
	struct migration_job_settings job_set;
	char *owner, *worker_socket_path, *base_dir;
	struct migration_finish *finish;
	struct event *event;
	time_t started;

	/* why the database cannot be used; NULL if it can */
	char *error;
	struct timeout *to_open, *to_look;

	/* running ones, and those that an administrator wants next */
	ARRAY(struct migration_job *) jobs;
	ARRAY(struct migration_verify_job *) verify_jobs;
	/* providers whose due records are being read */
	unsigned int looking;
	/* the provider to begin with: none is always the last */
	unsigned int first_provider;
	bool look_again:1;
	bool deinitializing:1;
};

struct queue_look {
	struct migration_queue *queue;
	const struct migration_provider_settings *provider;
};

static void queue_open(struct migration_queue *queue);
static void queue_look(struct migration_queue *queue);

static void queue_look_in(struct migration_queue *queue, unsigned int msecs)
{
	timeout_remove(&queue->to_look);
	if (queue->error == NULL && !queue->deinitializing)
		queue->to_look = timeout_add_to(current_ioloop, msecs,
						queue_look, queue);
}

void migration_queue_wake(struct migration_queue *queue)
{
	if (queue->looking > 0)
		queue->look_again = TRUE;
	else
		queue_look_in(queue, 0);
}

static unsigned int
queue_count_jobs(struct migration_queue *queue, const char *provider)
{
	struct migration_verify_job *verify_job;
	struct migration_job *job;
	unsigned int count = 0;

	array_foreach_elem(&queue->jobs, job) {
		if (migration_job_is_started(job) &&
		    (provider == NULL ||
		     strcmp(migration_job_get_record(job)->provider,
			    provider) == 0))
			count++;
	}
	array_foreach_elem(&queue->verify_jobs, verify_job) {
		if (migration_verify_job_is_started(verify_job) &&
		    (provider == NULL ||
		     strcmp(migration_verify_job_get_provider(verify_job),
			    provider) == 0))
			count++;
	}
	return count;
}

struct migration_job *
migration_queue_find_job(struct migration_queue *queue, const char *username)
{
	struct migration_job *job;

	array_foreach_elem(&queue->jobs, job) {
		if (strcmp(migration_job_get_record(job)->username, username) ==
		    0)
			return job;
	}
	return NULL;
}

static unsigned int queue_free_workers(struct migration_queue *queue)
{
	/* one is enough to find out how many there are */
	unsigned int limit = I_MAX(migration_worker_connections_get_limit(), 1);
	unsigned int busy = queue_count_jobs(queue, NULL);

	return busy >= limit ? 0 : limit - busy;
}

/* Syncs need a worker that no comparison takes. */
static bool queue_may_verify(struct migration_queue *queue,
			     const struct migration_verify_job *verify_job)
{
	const char *provider = migration_verify_job_get_provider(verify_job);
	const struct migration_provider_settings *set =
		migration_settings_find_provider(queue->set, provider);
	struct migration_verify_job *other;
	unsigned int limit = migration_worker_connections_get_limit();
	unsigned int verifying = 0;

	if (queue_free_workers(queue) == 0 || set == NULL ||
	    queue_count_jobs(queue, provider) >= set->max_connections)
		return FALSE;
	array_foreach_elem(&queue->verify_jobs, other) {
		if (migration_verify_job_is_started(other))
			verifying++;
	}
	return verifying == 0 || verifying + 1 < limit;
}

static void queue_job_ended(struct migration_job *job, void *context)
{
	struct migration_queue *queue = context;
	struct migration_job *const *jobp;

	array_foreach(&queue->jobs, jobp) {
		if (*jobp == job) {
			array_delete(&queue->jobs,
				     array_foreach_idx(&queue->jobs, jobp), 1);
			break;
		}
	}
	migration_job_free(&job);
	migration_queue_wake(queue);
}

static void queue_verify_ended(struct migration_verify_job *job, void *context)
{
	struct migration_queue *queue = context;
	struct migration_verify_job *const *jobp;

	array_foreach(&queue->verify_jobs, jobp) {
		if (*jobp == job) {
			array_delete(&queue->verify_jobs,
				     array_foreach_idx(&queue->verify_jobs,
						       jobp),
				     1);
			break;
		}
	}
	migration_verify_job_free(&job);
	migration_queue_wake(queue);
}

static void
queue_next_due(int ret, time_t next, const char *error, void *context)
{
	struct migration_queue *queue = context;
	unsigned int msecs = MIGRATION_QUEUE_POLL_MSECS;
	time_t now = migration_queue_now(queue);

	queue->looking--;
	if (queue->deinitializing)
		return;
	if (ret < 0)
		e_error(queue->event, "Cannot read the jobs: %s", error);
	else if (ret > 0 && next <= now + 1)
		msecs = 1000;
	else if (ret > 0 && next - now < MIGRATION_QUEUE_POLL_MSECS / 1000)
		msecs = (next - now) * 1000;
	if (queue->look_again)
		msecs = 0;
	queue->look_again = FALSE;
	queue_look_in(queue, msecs);
}

static void queue_looked(struct migration_queue *queue)
{
	if (--queue->looking > 0 || queue->deinitializing)
		return;
	queue->looking++;
	migration_store_next_due(queue->job_set.store,
				 migration_queue_now(queue), queue_next_due,
				 queue);
}

static void queue_due_record(int ret, const struct migration_record *record,
			     const char *error, void *context)
{
	struct queue_look *look = context;
	struct migration_queue *queue = look->queue;
	struct migration_job *job;

	if (record == NULL) {
		if (ret < 0) {
			e_error(queue->event, "Cannot read the due jobs: %s",
				error);
		}
		i_free(look);
		queue_looked(queue);
		return;
	}
	if (queue->deinitializing || queue_free_workers(queue) == 0 ||
	    queue_count_jobs(queue, record->provider) >=
		    look->provider->max_connections ||
	    migration_queue_find_job(queue, record->username) != NULL)
		return;
	job = migration_job_create(&queue->job_set, record);
	array_push_back(&queue->jobs, &job);
	migration_job_start(job, queue_job_ended, queue);
}

/* What administrators asked for comes before everything that is due. */
static void queue_start_wanted(struct migration_queue *queue)
{
	struct migration_verify_job *verify_job;
	struct migration_job *job;

	array_foreach_elem(&queue->verify_jobs, verify_job) {
		if (migration_verify_job_is_waiting(verify_job) &&
		    queue_may_verify(queue, verify_job))
			migration_verify_job_start(verify_job);
	}
	array_foreach_elem(&queue->jobs, job) {
		if (queue_free_workers(queue) == 0)
			return;
		if (!migration_job_is_started(job))
			migration_job_start(job, queue_job_ended, queue);
	}
}

static void
queue_look_provider(struct migration_queue *queue,
		    const struct migration_provider_settings *provider)
{
	unsigned int running = queue_count_jobs(queue, provider->name);
	unsigned int limit = queue_free_workers(queue);
	struct queue_look *look;

	if (running >= provider->max_connections || limit == 0)
		return;
	limit = I_MIN(limit, provider->max_connections - running);
	look = i_new(struct queue_look, 1);
	look->queue = queue;
	look->provider = provider;
	queue->looking++;
	migration_store_due(queue->job_set.store, provider->name,
			    migration_queue_now(queue),
			    I_MIN(limit, MIGRATION_QUEUE_BATCH),
			    queue_due_record, look);
}

static void queue_look(struct migration_queue *queue)
{
	struct migration_provider_settings *const *providers;
	unsigned int i, count = 0;

	timeout_remove(&queue->to_look);
	if (array_is_created(&queue->set->providers))
		providers = array_get(&queue->set->providers, &count);
	/* counts as one, so that the end is not seen before the last */
	queue->looking++;
	queue_start_wanted(queue);
	for (i = 0; i < count; i++) {
		queue_look_provider(
			queue, providers[(queue->first_provider + i) % count]);
	}
	queue->first_provider++;
	queue_looked(queue);
}

static void queue_login_written(int ret, const char *error, void *context)
{
	struct migration_queue *queue = context;

	if (ret < 0) {
		e_error(queue->event, "Cannot write the login setting: %s",
			error);
	}
}

static void queue_interval_written(int ret, const char *error, void *context)
{
	struct migration_queue *queue = context;

	if (ret < 0) {
		e_error(queue->event, "Cannot write the interval setting: %s",
			error);
	}
}

static void queue_leases_dropped(int ret, const char *error, void *context)
{
	struct migration_queue *queue = context;
	struct migration_provider_settings *provider;

	if (ret < 0) {
		e_error(queue->event,
			"Cannot drop old leases (they end by "
			"themselves): %s",
			error);
	}
	if (queue->deinitializing)
		return;
	if (array_is_created(&queue->set->providers)) {
		array_foreach_elem(&queue->set->providers, provider) {
			migration_store_set_login(queue->job_set.store,
						  provider->name,
						  migration_settings_get_login(
							  queue->set, provider),
						  queue_login_written, queue);
		}
	}
	migration_store_set_interval(queue->job_set.store,
				     migration_queue_now(queue),
				     queue->set->migration_interval,
				     queue_interval_written, queue);
	queue->finish = migration_finish_init(queue, queue->set, queue->event);
	migration_queue_wake(queue);
}

static void queue_opened(int ret, const char *error, void *context)
{
	struct migration_queue *queue = context;
	const char *db =
		migration_db_describe(queue->set->migration_db_driver,
				      queue->set->migration_db_connect);

	i_free(queue->error);
	if (ret < 0) {
		e_error(queue->event,
			"Database %s: %s - no user can be taken "
			"over until this works; next try in %u secs",
			db, error, QUEUE_OPEN_RETRY_MSECS / 1000);
		queue->error = i_strdup_printf("database %s: %s", db, error);
		if (queue->deinitializing)
			return;
		queue->to_open =
			timeout_add(QUEUE_OPEN_RETRY_MSECS, queue_open, queue);
		return;
	}
	if (queue->deinitializing)
		return;
	migration_store_drop_leases(queue->job_set.store, queue->owner,
				    queue_leases_dropped, queue);
}

static void queue_open(struct migration_queue *queue)
{
	timeout_remove(&queue->to_open);
	migration_store_open(queue->job_set.store, queue_opened, queue);
}

struct migration_queue *
migration_queue_init(const struct migration_settings *set,
		     struct migration_store *store, const char *owner,
		     const char *base_dir, struct event *event_parent)
{
	struct migration_queue *queue;

	queue = i_new(struct migration_queue, 1);
	queue->set = set;
	queue->owner = i_strdup(owner);
	queue->worker_socket_path =
		i_strconcat(base_dir, "/" MIGRATION_WORKER_SOCKET, NULL);
	queue->base_dir = i_strdup(base_dir);
	queue->event = event_create(event_parent);
	event_add_category(queue->event, &event_category_migration);
	queue->started = ioloop_time;
	queue->job_set.store = store;
	queue->job_set.owner = queue->owner;
	queue->job_set.worker_socket_path = queue->worker_socket_path;
	queue->job_set.base_dir = queue->base_dir;
	queue->job_set.switch_timeout_secs = set->migration_switch_timeout;
	queue->job_set.timing.retry_min_secs = set->migration_retry_min;
	queue->job_set.timing.retry_max_secs = set->migration_retry_max;
	queue->job_set.timing.interval_secs = set->migration_interval;
	queue->job_set.event_parent = queue->event;
	i_array_init(&queue->jobs, 16);
	i_array_init(&queue->verify_jobs, 4);
	queue->error = i_strdup("the database is being opened");
	queue_open(queue);
	return queue;
}

static void
queue_deinit_leases_dropped(int ret ATTR_UNUSED, const char *error ATTR_UNUSED,
			    void *context ATTR_UNUSED)
{
	/* if it failed the leases end by themselves */
}

void migration_queue_deinit(struct migration_queue **_queue)
{
	struct migration_queue *queue = *_queue;
	struct migration_verify_job *verify_job;
	struct migration_job *job;

	*_queue = NULL;
	queue->deinitializing = TRUE;
	migration_finish_deinit(&queue->finish);
	array_foreach_elem(&queue->verify_jobs, verify_job)
		migration_verify_job_free(&verify_job);
	array_foreach_elem(&queue->jobs, job)
		migration_job_free(&job);
	if (queue->error == NULL) {
		migration_store_drop_leases(queue->job_set.store, queue->owner,
					    queue_deinit_leases_dropped, NULL);
	}
	migration_store_wait_end(queue->job_set.store);
	timeout_remove(&queue->to_open);
	timeout_remove(&queue->to_look);
	array_free(&queue->verify_jobs);
	array_free(&queue->jobs);
	event_unref(&queue->event);
	i_free(queue->error);
	i_free(queue->owner);
	i_free(queue->worker_socket_path);
	i_free(queue->base_dir);
	i_free(queue);
}

const char *migration_queue_get_error(struct migration_queue *queue)
{
	return queue->error;
}

struct migration_store *migration_queue_get_store(struct migration_queue *queue)
{
	return queue->job_set.store;
}

const char *migration_queue_get_owner(struct migration_queue *queue)
{
	return queue->owner;
}

time_t migration_queue_now(struct migration_queue *queue)
{
	return migration_store_now(queue->job_set.store);
}

void migration_queue_get_status(struct migration_queue *queue,
				struct migration_queue_status *status_r)
{
	status_r->workers_busy = queue_count_jobs(queue, NULL);
	status_r->workers_limit = migration_worker_connections_get_limit();
	status_r->started = queue->started;
}

static int queue_check_provider(struct migration_queue *queue,
				const struct migration_record *record,
				int *exit_code_r, const char **error_r)
{
	if (migration_settings_find_provider(queue->set, record->provider) !=
	    NULL)
		return 0;
	*exit_code_r = EX_CONFIG;
	*error_r = t_strdup_printf(
		"there is no migration_provider %s { } in the configuration",
		record->provider);
	return -1;
}

struct migration_job *
migration_queue_sync_now(struct migration_queue *queue,
			 const struct migration_record *record,
			 int *exit_code_r, const char **error_r)
{
	struct migration_job *job =
		migration_queue_find_job(queue, record->username);

	if (job != NULL)
		return job;
	if (queue->deinitializing) {
		*exit_code_r = EX_TEMPFAIL;
		*error_r = "the migration service is stopping";
		return NULL;
	}
	if (queue_check_provider(queue, record, exit_code_r, error_r) < 0)
		return NULL;
	*exit_code_r = EX_TEMPFAIL;
	if (record->phase == MIGRATION_PHASE_FINISHED) {
		*exit_code_r = EX_USAGE;
		*error_r = "the migration is finished";
		return NULL;
	}
	if (record->control == MIGRATION_CONTROL_PAUSED) {
		*error_r = "the migration is paused: resume it";
		return NULL;
	}
	if (!migration_state_is_due(record, migration_queue_now(queue), TRUE)) {
		*error_r = record->lease_until > migration_queue_now(queue) ?
				   t_strdup_printf("%s syncs or verifies it "
						   "already",
						   record->lease_owner) :
				   "nothing to do";
		return NULL;
	}
	job = migration_job_create(&queue->job_set, record);
	array_push_back(&queue->jobs, &job);
	migration_queue_wake(queue);
	return job;
}

struct migration_verify_job *
migration_queue_verify(struct migration_queue *queue,
		       const struct migration_record *record, bool all,
		       const struct migration_verify_job_callbacks *cb,
		       int *exit_code_r, const char **error_r)
{
	struct migration_verify_job *job;

	if (queue->deinitializing) {
		*exit_code_r = EX_TEMPFAIL;
		*error_r = "the migration service is stopping";
		return NULL;
	}
	if (queue_check_provider(queue, record, exit_code_r, error_r) < 0)
		return NULL;
	job = migration_verify_job_create(&queue->job_set, record, all, cb,
					  queue_verify_ended, queue);
	array_push_back(&queue->verify_jobs, &job);
	migration_queue_wake(queue);
	return job;
}

void migration_queue_break_off(struct migration_queue *queue,
			       const char *username, const char *error)
{
	struct migration_verify_job *verify_job;
	struct migration_job *job;

	if (queue->deinitializing)
		return;
	array_foreach_elem(&queue->verify_jobs, verify_job) {
		if (strcmp(migration_verify_job_get_username(verify_job),
			   username) == 0)
			migration_verify_job_break_off(verify_job, error);
	}
	job = migration_queue_find_job(queue, username);
	if (job == NULL)
		return;
	migration_job_break_off(job, error);
	if (!migration_job_is_started(job))
		queue_job_ended(job, queue);
}

void migration_queue_resumed(struct migration_queue *queue,
			     const char *username, const char *error)
{
	struct migration_verify_job *verify_job;

	if (queue->deinitializing)
		return;
	array_foreach_elem(&queue->verify_jobs, verify_job) {
		if (strcmp(migration_verify_job_get_username(verify_job),
			   username) == 0)
			migration_verify_job_resumed(verify_job, error);
	}
}

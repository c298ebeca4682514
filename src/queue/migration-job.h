#ifndef MIGRATION_JOB_H
#define MIGRATION_JOB_H

/* One record on its way: the lease, one worker after the other until everything
   is here, the switch, and whoever watches. Owned by the queue. */

#include "migration-mailbox.h"
#include "migration-rate.h"
#include "migration-record.h"
#include "migration-state.h"

struct migration_store;
struct migration_job;

struct migration_job_settings {
	struct migration_store *store;
	const char *owner;
	const char *worker_socket_path, *base_dir;
	unsigned int switch_timeout_secs;
	struct migration_timing_settings timing;
	struct event *event_parent;
};

/* How it went: what the record is now. */
struct migration_job_result {
	enum migration_outcome outcome;
	const struct migration_record *record;
	/* Empty with MIGRATION_OUTCOME_DONE */
	const char *error;
};

struct migration_job_watcher {
	void (*progress)(struct migration_job *job, const char *mailbox,
			 void *context);
	/* Called once; the watcher is gone afterwards. */
	void (*finished)(const struct migration_job_result *result,
			 void *context);
	void *context;
};

/* Called exactly once when the job is over, never from inside _start().
   limit: how many workers there can be, 0 if still unknown. */
typedef void migration_job_callback_t(struct migration_job *job, void *context);

struct migration_job *
migration_job_create(const struct migration_job_settings *set,
		     const struct migration_record *record);
/* Frees a job. One that runs is broken off: its worker ends when it sees the
   connection closed. Watchers are told. */
void migration_job_free(struct migration_job **job);

/* Takes the lease and hands the job to a worker. */
void migration_job_start(struct migration_job *job,
			 migration_job_callback_t *callback, void *context);
bool migration_job_is_started(const struct migration_job *job);
/* The job may not run any longer: its worker is told to stop at once. One that
   was started is over soon, one that was not is to be freed. error is for
   those who watch. */
void migration_job_break_off(struct migration_job *job, const char *error);

const struct migration_record *
migration_job_get_record(const struct migration_job *job);

/* The figures of one mailbox, NULL if they are not known. */
const struct migration_mailbox *
migration_job_find_mailbox(struct migration_job *job, const char *mailbox);
/* Messages that have come from the provider and are not saved yet. */
unsigned int migration_job_get_waiting(const struct migration_job *job);
void migration_job_get_rate(const struct migration_job *job,
			    struct migration_rate *rate_r);

void migration_job_watch(struct migration_job *job,
			 const struct migration_job_watcher *watcher);
void migration_job_unwatch(struct migration_job *job, void *context);

#endif

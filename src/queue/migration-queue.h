#ifndef MIGRATION_QUEUE_H
#define MIGRATION_QUEUE_H

/* Decides who syncs when. Takes due records from the store by lease, hands
   each to a worker, and writes down how it went. The database is the truth:
   what is in memory here are only the jobs that run at this moment. */

#include "migration-record.h"

struct migration_settings;
struct migration_store;
struct migration_queue;
struct migration_job;
struct migration_verify_job;
struct migration_verify_job_callbacks;

struct migration_queue_status {
	unsigned int workers_busy, workers_limit;
	time_t started;
};

/* owner names this instance in leases and is the same after a restart.
   base_dir has the sockets of the workers and of Dovecot's ipc service. The
   database is opened, and opened again when that fails. */
struct migration_queue *
migration_queue_init(const struct migration_settings *set,
		     struct migration_store *store, const char *owner,
		     const char *base_dir, struct event *event_parent);
void migration_queue_deinit(struct migration_queue **queue);

/* Something may have become due: look soon. */
void migration_queue_wake(struct migration_queue *queue);

/* NULL if the database can be used, else why not. */
const char *migration_queue_get_error(struct migration_queue *queue);
struct migration_store *
migration_queue_get_store(struct migration_queue *queue);
/* This instance, as the owner of leases. */
const char *migration_queue_get_owner(struct migration_queue *queue);
/* The time by the clock that all nodes share: the database's. */
time_t migration_queue_now(struct migration_queue *queue);
void migration_queue_get_status(struct migration_queue *queue,
				struct migration_queue_status *status_r);

/* The job of this user, running or waiting for a free worker, or NULL. */
struct migration_job *
migration_queue_find_job(struct migration_queue *queue, const char *username);

/* An administrator wants this record synced now. Returns the job, running or
   waiting for a free worker, or NULL with a sysexits code and a text. */
struct migration_job *
migration_queue_sync_now(struct migration_queue *queue,
			 const struct migration_record *record,
			 int *exit_code_r, const char **error_r);
/* An administrator wants this record compared with the provider's account: as
   soon as a worker is free and nobody syncs it. Returns the job, or NULL with a
   sysexits code and a text. The job is over after the last of the callbacks, or
   when it is cancelled. */
struct migration_verify_job *
migration_queue_verify(struct migration_queue *queue,
		       const struct migration_record *record, bool all,
		       const struct migration_verify_job_callbacks *cb,
		       int *exit_code_r, const char **error_r);
/* The record may not be synced any longer, and its lease was taken away: stops
   the jobs that run or wait here. error is for those who watch them. */
void migration_queue_break_off(struct migration_queue *queue,
			       const char *username, const char *error);
/* The record may be synced, perhaps again: what is compared without a lease
   would be in the way of that, and is stopped. */
void migration_queue_resumed(struct migration_queue *queue,
			     const char *username, const char *error);

#endif

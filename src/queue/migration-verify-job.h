#ifndef MIGRATION_VERIFY_JOB_H
#define MIGRATION_VERIFY_JOB_H

/* One account compared with the provider's by a worker, while nobody syncs it:
   the lease is taken as for a sync, and given back; nothing else in the record
   changes. Owned by the queue. */

#include "migration-state.h"

struct migration_job_settings;
struct migration_verify_job;

struct migration_verify_job_callbacks {
	/* DIFFERENCE and VERIFIED of migration-protocol.h */
	void (*verified)(const char *verb, const char *const *args,
			 void *context);
	/* One of these is called exactly once. The record is as it was when
	   the worker was given it. exit_code is a sysexits code. */
	void (*finished)(enum migration_outcome outcome,
			 const struct migration_record *record,
			 const char *error, void *context);
	void (*refused)(int exit_code, const char *error, void *context);
	void *context;
};

/* Called exactly once when the job is over and its lease is given back, never
   from inside _start(). */
typedef void migration_verify_job_callback_t(struct migration_verify_job *job,
					     void *context);

/* all: the bytes of all messages are compared, not of a sample. */
struct migration_verify_job *
migration_verify_job_create(const struct migration_job_settings *set,
			    const char *username, const char *provider,
			    bool all,
			    const struct migration_verify_job_callbacks *cb);
/* One that runs is broken off. */
void migration_verify_job_free(struct migration_verify_job **job);

/* Waits a while for a sync that runs. */
void migration_verify_job_start(struct migration_verify_job *job,
				migration_verify_job_callback_t *callback,
				void *context);
bool migration_verify_job_is_started(const struct migration_verify_job *job);
/* Nobody wants to know any longer: no further callbacks but the one of
   _start(), if it was started. */
void migration_verify_job_cancel(struct migration_verify_job *job);

const char *
migration_verify_job_get_provider(const struct migration_verify_job *job);

#endif

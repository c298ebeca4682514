#ifndef MIGRATION_VERIFY_JOB_H
#define MIGRATION_VERIFY_JOB_H

/* One account compared with the provider's by a worker, while nobody syncs it:
   the lease is taken as for a sync, and given back; nothing else in the record
   changes. Owned by the queue. */

#include "migration-state.h"

struct migration_job_settings;
struct migration_record;
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

/* Called exactly once when the job is over and its lease is given back, also if
   it was never started; not if it is freed before. Never from inside one of
   these functions. */
typedef void migration_verify_job_callback_t(struct migration_verify_job *job,
					     void *context);

/* all: the bytes of all messages are compared, not of a sample. One that is not
   started within a while is refused. */
struct migration_verify_job *
migration_verify_job_create(const struct migration_job_settings *set,
			    const struct migration_record *record, bool all,
			    const struct migration_verify_job_callbacks *cb,
			    migration_verify_job_callback_t *callback,
			    void *context);
/* One that runs is broken off. */
void migration_verify_job_free(struct migration_verify_job **job);

/* Waits a while for a sync that runs. */
void migration_verify_job_start(struct migration_verify_job *job);
/* Whether it can be started. */
bool migration_verify_job_is_waiting(const struct migration_verify_job *job);
bool migration_verify_job_is_started(const struct migration_verify_job *job);
/* Nobody wants to know any longer: no further callbacks but the one that it is
   over. */
void migration_verify_job_cancel(struct migration_verify_job *job);
/* The record may not be synced any longer, and nobody has its lease: the job is
   refused with error. */
void migration_verify_job_break_off(struct migration_verify_job *job,
				    const char *error);
/* The record may be synced, which perhaps it might not before: a job that works
   without a lease is refused with error. */
void migration_verify_job_resumed(struct migration_verify_job *job,
				  const char *error);

const char *
migration_verify_job_get_username(const struct migration_verify_job *job);
const char *
migration_verify_job_get_provider(const struct migration_verify_job *job);

#endif

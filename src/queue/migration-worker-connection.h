#ifndef MIGRATION_WORKER_CONNECTION_H
#define MIGRATION_WORKER_CONNECTION_H

/* The queue's line to one worker for one job. */

#include "migration-job-progress.h"
#include "migration-record.h"
#include "migration-state.h"

struct migration_provider_probe;
struct migration_worker_connection;

struct migration_worker_callbacks {
	void (*mailbox)(const struct migration_mailbox *mailbox, void *context);
	void (*progress)(const struct migration_worker_report *report,
			 void *context);
	/* uid is the provider's, 0 = the mailbox itself */
	void (*note)(const char *mailbox, uint32_t uid, const char *text,
		     void *context);
	/* The provider's server is like this; may be changed. */
	void (*probe)(struct migration_provider_probe *probe, void *context);
	/* DIFFERENCE and VERIFIED of migration-protocol.h without a look at
	   them, but for the number of arguments */
	void (*verified)(const char *verb, const char *const *args,
			 void *context);
	/* Called exactly once; the connection is gone afterwards. A worker
	   that died has MIGRATION_OUTCOME_TEMPORARY, and reported is FALSE.
	   retry_after_secs is what the provider asked for, 0 = nothing. */
	void (*finished)(enum migration_outcome outcome, bool reported,
			 const char *error, unsigned int retry_after_secs,
			 void *context);
};

enum migration_worker_task {
	MIGRATION_WORKER_SYNC,
	/* Compare, with the bytes of a sample or of all messages. */
	MIGRATION_WORKER_VERIFY_SAMPLE,
	MIGRATION_WORKER_VERIFY_ALL,
};

/* Connects and sends the job, for a sync with the capabilities that the
   provider's server is known to have. Never calls back from inside. Callbacks
   for what the task does not report may be NULL. */
struct migration_worker_connection *
migration_worker_connection_start(const char *socket_path,
				  enum migration_worker_task task,
				  const struct migration_record *record,
				  const char *capabilities,
				  const struct migration_worker_callbacks *cb,
				  void *context, struct event *event_parent);
/* Closes it: the worker stops. No callback. */
void migration_worker_connection_abort(
	struct migration_worker_connection **conn);

/* How many workers there can be at once; 0 until the first of them said so. */
unsigned int migration_worker_connections_get_limit(void);

#endif

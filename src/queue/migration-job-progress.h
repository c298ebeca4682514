#ifndef MIGRATION_JOB_PROGRESS_H
#define MIGRATION_JOB_PROGRESS_H

/* What the workers of one job report: the account's mailboxes and how fast it
   goes, in memory as long as the job lives. Says what has to be written. */

#include "migration-mailbox.h"
#include "migration-rate.h"
#include "migration-record.h"

struct migration_job_progress;
struct migration_mailbox_changes;

/* PROGRESS of migration-protocol.h. */
struct migration_worker_report {
	unsigned int messages_done, messages_total;
	uint64_t bytes_done;
	const char *mailbox;
	unsigned int messages_received;
	uint64_t bytes_received;
	unsigned int messages_waiting;
};

struct migration_job_progress *migration_job_progress_init(void);
void migration_job_progress_deinit(struct migration_job_progress **progress);

/* A worker begins from the start. What an earlier one has found stays until
   this one knows more: a worker that fails at once knows nothing. */
void migration_job_progress_begin(struct migration_job_progress *progress);

/* A worker has said MAILBOX. */
void migration_job_progress_mailbox(struct migration_job_progress *progress,
				    const struct migration_mailbox *mailbox);
/* A worker has said PROGRESS: changes the figures of the record. */
void migration_job_progress_report(struct migration_job_progress *progress,
				   const struct migration_worker_report *report,
				   struct migration_record *record);

/* Something has changed since the changes were taken last. */
bool migration_job_progress_has_changes(
	const struct migration_job_progress *progress);
/* What is to be written together with the record; valid until the progress is
   used again. It counts as written. */
void migration_job_progress_take_changes(
	struct migration_job_progress *progress,
	struct migration_mailbox_changes *changes_r);
/* It could not be written: the next changes are all mailboxes. */
void migration_job_progress_write_failed(
	struct migration_job_progress *progress);

/* NULL if it is not known. */
const struct migration_mailbox *
migration_job_progress_find(struct migration_job_progress *progress,
			    const char *mailbox);
/* Messages that have been received and not saved yet. */
unsigned int migration_job_progress_get_waiting(
	const struct migration_job_progress *progress);
void migration_job_progress_get_rate(
	const struct migration_job_progress *progress,
	const struct migration_record *record, struct migration_rate *rate_r);

#endif

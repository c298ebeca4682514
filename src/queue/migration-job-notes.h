#ifndef MIGRATION_JOB_NOTES_H
#define MIGRATION_JOB_NOTES_H

/* What the workers of one job note (NOTE of migration-protocol.h), bounded by
   MIGRATION_MAX_NOTES. Those of the newest worker that said how it went are
   the job's; a worker that died has said nothing. */

#include "migration-note.h"

struct migration_job_notes;

struct migration_job_notes *migration_job_notes_init(void);
void migration_job_notes_deinit(struct migration_job_notes **notes);

/* A worker begins. */
void migration_job_notes_begin(struct migration_job_notes *notes);
/* It has said NOTE. What it says twice of the same message is one note. */
void migration_job_notes_add(struct migration_job_notes *notes,
			     const char *mailbox, uint32_t uid,
			     const char *text, time_t now);
/* It has said FINISHED. done: it has looked at everything; one that failed
   before it noted anything leaves what is known. */
void migration_job_notes_end(struct migration_job_notes *notes, bool done);

/* FALSE if no worker has anything to say: what an earlier job has noted stays.
   list_r is valid until the next _begin(). */
bool migration_job_notes_get(struct migration_job_notes *notes,
			     struct migration_note_list *list_r);

#endif

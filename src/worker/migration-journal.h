#ifndef MIGRATION_JOURNAL_H
#define MIGRATION_JOURNAL_H

/* Which workers have begun to pull into an account and not come to an orderly
   end: a small file in the account's control directory, one line for each.
   Found at the next start it tells that a repair is needed, who may have left
   files over, and when: a process id alone comes back some day, and then it is
   that of a delivery. The caller holds the account's lock. */

#include "array.h"

struct migration_journal;

struct migration_journal_entry {
	const char *pid, *host;
	/* The run began at begun, and was dead by ended, by the clock of its
	   host, which file names have. */
	time_t begun, ended;
	/* How far the clock that files' times have was ahead of that. */
	time_t ahead;
};
ARRAY_DEFINE_TYPE(migration_journal_entry, struct migration_journal_entry);

/* Reads the entries of runs that did not end, then adds this process's own
   and waits until it is on disk. */
int migration_journal_begin(const char *dir,
			    struct migration_journal **journal_r,
			    const char **error_r);
/* Returns 1 if there is a run that did not end, 0, or -1. Changes nothing. */
int migration_journal_is_unended(const char *dir, const char **error_r);
/* Empty if every run so far has ended. Valid as long as the journal. */
const ARRAY_TYPE(migration_journal_entry) *
migration_journal_get_unended(const struct migration_journal *journal);
/* This run is alive. To be called every few seconds while it makes files. */
void migration_journal_touch(const struct migration_journal *journal);
/* ended: the run has come to an orderly end, whatever its outcome, and the
   file is removed. Else the next run finds it. */
void migration_journal_close(struct migration_journal **journal, bool ended);

#endif

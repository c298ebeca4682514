#ifndef DOVEADM_MIGRATION_PROGRESS_H
#define DOVEADM_MIGRATION_PROGRESS_H

/* Progress of one sync for people: on a terminal one line of stdout that is
   drawn over and gone at the end, else a line on stderr every few seconds, so
   that stdout stays what the formatter makes. */

#include "migration-rate.h"

struct doveadm_migration_progress;

struct doveadm_migration_progress_report {
	unsigned int messages_done, messages_total;
	uint64_t bytes_done;
	/* received, not saved yet */
	unsigned int messages_waiting;
	/* the mailbox that is being pulled, may be empty */
	const char *mailbox;
	unsigned int mailbox_done, mailbox_total;
	struct migration_rate rate;
};

/* silent: nothing is shown, because nobody sees it. */
struct doveadm_migration_progress *
doveadm_migration_progress_init(const char *username, bool silent);
/* Ends the line, if there is one. */
void doveadm_migration_progress_deinit(
	struct doveadm_migration_progress **progress);

void doveadm_migration_progress_show(
	struct doveadm_migration_progress *progress,
	const struct doveadm_migration_progress_report *report);

#endif

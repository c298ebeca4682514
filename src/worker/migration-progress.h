#ifndef MIGRATION_PROGRESS_H
#define MIGRATION_PROGRESS_H

/* How a sync is doing: its figures, when they are reported, and whether anybody
   still waits for it. */

#include "migration-mailbox.h"

struct migration_journal;
struct migration_progress;
struct migration_remote;

/* Called at most every MIGRATION_PROGRESS_INTERVAL_MSECS, whether mail is saved
   or the provider is waited for. mailbox is the one that is being pulled, empty
   before the first. */
typedef void migration_progress_callback_t(struct migration_progress *progress,
					   const char *mailbox, void *context);

/* There is one at a time. */
struct migration_progress *
migration_progress_init(migration_progress_callback_t *callback, void *context);
void migration_progress_deinit(struct migration_progress **progress);

/* Nobody waits for this sync any longer: the next message is refused, and what
   was saved so far stays. May be called from a signal handler. */
void migration_progress_stop(struct migration_progress *progress);
bool migration_progress_is_stopped(const struct migration_progress *progress);

/* Is aborted when the sync is stopped; NULL = no longer. */
void migration_progress_set_remote(struct migration_progress *progress,
				   struct migration_remote *remote);
/* Is touched as often as the callback is called; NULL = no longer. */
void migration_progress_set_journal(struct migration_progress *progress,
				    const struct migration_journal *journal);

/* How a mailbox is doing: messages that are here, of how many, their size. */
void migration_progress_set_mailbox(struct migration_progress *progress,
				    const char *name, unsigned int done,
				    unsigned int total, uint64_t bytes);
/* All mailboxes have been told about: that is reported at once. */
void migration_progress_set_total_known(struct migration_progress *progress);
/* A message has come from the provider, and then was saved. */
void migration_progress_add_received(struct migration_progress *progress,
				     uint64_t bytes);
void migration_progress_add_saved(struct migration_progress *progress);

/* The sums over all mailboxes that the provider has: messages that are here
   already or were saved now, how many the provider has, 0 while that is not
   known, and the size of those that are here. */
unsigned int
migration_progress_get_done(const struct migration_progress *progress);
unsigned int
migration_progress_get_total(const struct migration_progress *progress);
uint64_t
migration_progress_get_bytes(const struct migration_progress *progress);

/* What has come from the provider in this sync, saved or not, and how many
   messages of that are not saved yet. */
unsigned int
migration_progress_get_received(const struct migration_progress *progress);
uint64_t
migration_progress_get_received_bytes(const struct migration_progress *progress);
unsigned int
migration_progress_get_waiting(const struct migration_progress *progress);

/* Gives each mailbox whose figures have changed since it was given last. The
   name is valid as long as the progress. */
bool migration_progress_next_changed(struct migration_progress *progress,
				     struct migration_mailbox *mailbox_r);

#endif

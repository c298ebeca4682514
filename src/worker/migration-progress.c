/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "hash.h"
#include "ioloop.h"
#include "time-util.h"
#include "migration-journal.h"
#include "migration-limits.h"
#include "migration-remote.h"
#include "migration-ticker.h"
#include "migration-progress.h"

#include <signal.h>

/* Often enough that no report is late. */
#define PROGRESS_TICK_MSECS (MIGRATION_PROGRESS_INTERVAL_MSECS / 4)

struct progress_entry {
	struct migration_mailbox figures;
	struct progress_entry *next_changed;
	bool changed;
};

struct migration_progress {
	migration_progress_callback_t *callback;
	void *context;
	const struct migration_journal *journal;
	struct migration_remote *remote;

	pool_t pool;
	HASH_TABLE(const char *, struct progress_entry *) entries;
	struct progress_entry *changed, **changed_tail;
	/* name of the mailbox that is being pulled */
	const char *current;

	/* sums of the entries */
	unsigned int done, total;
	uint64_t bytes;
	/* by this sync */
	unsigned int saved, received;
	uint64_t received_bytes;

	struct timeval last_call;
	bool total_known;
	volatile sig_atomic_t stopped;
};

static void progress_tell(struct migration_progress *progress, bool now)
{
	struct timeval tv;

	i_gettimeofday(&tv);
	if (!now && timeval_diff_msecs(&tv, &progress->last_call) <
			    MIGRATION_PROGRESS_INTERVAL_MSECS)
		return;
	progress->last_call = tv;
	if (progress->journal != NULL)
		migration_journal_touch(progress->journal);
	progress->callback(progress, progress->current, progress->context);
}

static void progress_tick(void *context)
{
	struct migration_progress *progress = context;

	if (progress->stopped != 0 && progress->remote != NULL)
		migration_remote_abort(progress->remote);
	progress_tell(progress, FALSE);
}

struct migration_progress *
migration_progress_init(migration_progress_callback_t *callback, void *context)
{
	struct migration_progress *progress;

	progress = i_new(struct migration_progress, 1);
	progress->callback = callback;
	progress->context = context;
	progress->current = "";
	i_gettimeofday(&progress->last_call);
	progress->pool = pool_alloconly_create("migration progress", 1024);
	hash_table_create(&progress->entries, default_pool, 0, str_hash,
			  strcmp);
	progress->changed_tail = &progress->changed;
	migration_ticker_start(PROGRESS_TICK_MSECS, progress_tick, progress);
	return progress;
}

void migration_progress_deinit(struct migration_progress **_progress)
{
	struct migration_progress *progress = *_progress;

	*_progress = NULL;
	migration_ticker_stop();
	hash_table_destroy(&progress->entries);
	pool_unref(&progress->pool);
	i_free(progress);
}

void migration_progress_stop(struct migration_progress *progress)
{
	progress->stopped = 1;
}

bool migration_progress_is_stopped(const struct migration_progress *progress)
{
	return progress->stopped != 0;
}

void migration_progress_set_remote(struct migration_progress *progress,
				   struct migration_remote *remote)
{
	progress->remote = remote;
}

void migration_progress_set_journal(struct migration_progress *progress,
				    const struct migration_journal *journal)
{
	progress->journal = journal;
}

void migration_progress_set_mailbox(struct migration_progress *progress,
				    const char *name, unsigned int done,
				    unsigned int total, uint64_t bytes)
{
	struct progress_entry *entry;
	struct migration_mailbox *figures;

	entry = hash_table_lookup(progress->entries, name);
	if (entry == NULL) {
		entry = p_new(progress->pool, struct progress_entry, 1);
		entry->figures.name = p_strdup(progress->pool, name);
		hash_table_insert(progress->entries, entry->figures.name,
				  entry);
	}
	figures = &entry->figures;
	progress->current = figures->name;
	progress->done += done - figures->messages_done;
	progress->total += total - figures->messages_total;
	progress->bytes += bytes - figures->bytes_done;
	figures->messages_done = done;
	figures->messages_total = total;
	figures->bytes_done = bytes;
	if (!entry->changed) {
		entry->changed = TRUE;
		entry->next_changed = NULL;
		*progress->changed_tail = entry;
		progress->changed_tail = &entry->next_changed;
	}
	/* many small mailboxes take long, without any ioloop */
	progress_tell(progress, FALSE);
}

void migration_progress_set_total_known(struct migration_progress *progress)
{
	progress->total_known = TRUE;
	/* what was here before anything is saved */
	progress_tell(progress, TRUE);
}

void migration_progress_add_received(struct migration_progress *progress,
				     uint64_t bytes)
{
	progress->received++;
	progress->received_bytes += bytes;
}

void migration_progress_add_saved(struct migration_progress *progress)
{
	progress->saved++;
}

unsigned int
migration_progress_get_done(const struct migration_progress *progress)
{
	return progress->done;
}

unsigned int
migration_progress_get_total(const struct migration_progress *progress)
{
	return progress->total_known ? progress->total : 0;
}

uint64_t migration_progress_get_bytes(const struct migration_progress *progress)
{
	return progress->bytes;
}

unsigned int
migration_progress_get_received(const struct migration_progress *progress)
{
	return progress->received;
}

uint64_t
migration_progress_get_received_bytes(const struct migration_progress *progress)
{
	return progress->received_bytes;
}

unsigned int
migration_progress_get_waiting(const struct migration_progress *progress)
{
	/* one that was compared and found here is not saved */
	return progress->received > progress->saved ?
		       progress->received - progress->saved :
		       0;
}

bool migration_progress_next_changed(struct migration_progress *progress,
				     struct migration_mailbox *mailbox_r)
{
	struct progress_entry *entry = progress->changed;

	if (entry == NULL)
		return FALSE;
	progress->changed = entry->next_changed;
	if (progress->changed == NULL)
		progress->changed_tail = &progress->changed;
	entry->changed = FALSE;
	*mailbox_r = entry->figures;
	return TRUE;
}

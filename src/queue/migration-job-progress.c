/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "hash.h"
#include "ioloop.h"
#include "migration-limits.h"
#include "migration-store.h"
#include "migration-job-progress.h"

ARRAY_DEFINE_TYPE(progress_mailbox_pointers, const struct migration_mailbox *);

struct progress_mailbox {
	struct migration_mailbox mailbox;
	bool changed;
};

struct migration_job_progress {
	/* of the worker that runs now */
	pool_t pool;
	HASH_TABLE(const char *, struct progress_mailbox *) mailboxes;
	struct migration_rate_samples samples;
	unsigned int waiting;
	/* it knows at least as much as the record did before it */
	bool taken;

	/* not taken by the writer yet */
	ARRAY_TYPE(progress_mailbox_pointers) changed;
	/* what the writer has at the moment */
	ARRAY_TYPE(progress_mailbox_pointers) writing;
	bool figures_changed;
	/* rows of an earlier worker are in the database, or an unknown part of
	   ours */
	bool replace;
};

static uint64_t progress_now_msecs(void)
{
	return (uint64_t)ioloop_timeval.tv_sec * 1000 +
	       ioloop_timeval.tv_usec / 1000;
}

struct migration_job_progress *migration_job_progress_init(void)
{
	struct migration_job_progress *progress;

	progress = i_new(struct migration_job_progress, 1);
	progress->pool = pool_alloconly_create("migration job progress", 1024);
	hash_table_create(&progress->mailboxes, default_pool, 0, str_hash,
			  strcmp);
	i_array_init(&progress->changed, 16);
	i_array_init(&progress->writing, 16);
	progress->replace = TRUE;
	return progress;
}

void migration_job_progress_deinit(struct migration_job_progress **_progress)
{
	struct migration_job_progress *progress = *_progress;

	*_progress = NULL;
	array_free(&progress->writing);
	array_free(&progress->changed);
	hash_table_destroy(&progress->mailboxes);
	pool_unref(&progress->pool);
	i_free(progress);
}

void migration_job_progress_begin(struct migration_job_progress *progress)
{
	array_clear(&progress->writing);
	array_clear(&progress->changed);
	hash_table_clear(progress->mailboxes, TRUE);
	p_clear(progress->pool);
	i_zero(&progress->samples);
	progress->waiting = 0;
	progress->taken = FALSE;
	progress->figures_changed = FALSE;
	progress->replace = TRUE;
}

static struct progress_mailbox *
progress_add(struct migration_job_progress *progress, const char *name)
{
	struct progress_mailbox *mailbox;

	/* what the database would not take must not stop the rest */
	if (strlen(name) > MIGRATION_MAX_MAILBOX_NAME_BYTES ||
	    hash_table_count(progress->mailboxes) >= MIGRATION_MAX_MAILBOXES)
		return NULL;
	mailbox = p_new(progress->pool, struct progress_mailbox, 1);
	mailbox->mailbox.name = p_strdup(progress->pool, name);
	hash_table_insert(progress->mailboxes, mailbox->mailbox.name, mailbox);
	return mailbox;
}

static void progress_set_changed(struct migration_job_progress *progress,
				 struct progress_mailbox *mailbox)
{
	const struct migration_mailbox *pointer = &mailbox->mailbox;

	if (mailbox->changed)
		return;
	mailbox->changed = TRUE;
	array_push_back(&progress->changed, &pointer);
}

void migration_job_progress_mailbox(struct migration_job_progress *progress,
				    const struct migration_mailbox *mailbox)
{
	struct progress_mailbox *entry;

	entry = hash_table_lookup(progress->mailboxes, mailbox->name);
	if (entry == NULL)
		entry = progress_add(progress, mailbox->name);
	if (entry == NULL)
		return;
	entry->mailbox.messages_done = mailbox->messages_done;
	entry->mailbox.messages_total = mailbox->messages_total;
	entry->mailbox.bytes_done = mailbox->bytes_done;
	progress_set_changed(progress, entry);
}

static bool progress_knows_enough(struct migration_job_progress *progress,
				  const struct migration_worker_report *report,
				  const struct migration_record *record)
{
	if (report->messages_total > 0)
		return TRUE;
	return record->messages_total == 0 &&
	       hash_table_count(progress->mailboxes) > 0;
}

void migration_job_progress_report(struct migration_job_progress *progress,
				   const struct migration_worker_report *report,
				   struct migration_record *record)
{
	migration_rate_add(&progress->samples, progress_now_msecs(),
			   report->messages_received, report->bytes_received);
	progress->waiting = report->messages_waiting;
	if (!progress->taken)
		progress->taken =
			progress_knows_enough(progress, report, record);
	if (!progress->taken)
		return;
	if (record->messages_done != report->messages_done ||
	    record->messages_total != report->messages_total ||
	    record->bytes_done != report->bytes_done)
		progress->figures_changed = TRUE;
	record->messages_done = report->messages_done;
	record->messages_total = report->messages_total;
	record->bytes_done = report->bytes_done;
}

bool migration_job_progress_has_changes(
	const struct migration_job_progress *progress)
{
	return progress->taken && (progress->figures_changed ||
				   array_count(&progress->changed) > 0);
}

void migration_job_progress_take_changes(
	struct migration_job_progress *progress,
	struct migration_mailbox_changes *changes_r)
{
	struct progress_mailbox *entry;
	const struct migration_mailbox *mailbox;

	i_zero(changes_r);
	if (!progress->taken)
		return;
	array_clear(&progress->writing);
	array_append_array(&progress->writing, &progress->changed);
	array_clear(&progress->changed);
	array_foreach_elem(&progress->writing, mailbox) {
		entry = hash_table_lookup(progress->mailboxes, mailbox->name);
		entry->changed = FALSE;
	}
	changes_r->mailboxes = array_get(&progress->writing, &changes_r->count);
	changes_r->replace = progress->replace;
	progress->replace = FALSE;
	progress->figures_changed = FALSE;
}

void migration_job_progress_write_failed(struct migration_job_progress *progress)
{
	struct hash_iterate_context *iter;
	struct progress_mailbox *mailbox;
	const char *name;

	iter = hash_table_iterate_init(progress->mailboxes);
	while (hash_table_iterate(iter, progress->mailboxes, &name, &mailbox))
		progress_set_changed(progress, mailbox);
	hash_table_iterate_deinit(&iter);
	progress->replace = TRUE;
}

const struct migration_mailbox *
migration_job_progress_find(struct migration_job_progress *progress,
			    const char *mailbox)
{
	const struct progress_mailbox *entry =
		hash_table_lookup(progress->mailboxes, mailbox);

	return entry == NULL ? NULL : &entry->mailbox;
}

unsigned int
migration_job_progress_get_waiting(const struct migration_job_progress *progress)
{
	return progress->waiting;
}

void migration_job_progress_get_rate(
	const struct migration_job_progress *progress,
	const struct migration_record *record, struct migration_rate *rate_r)
{
	uint64_t here = (uint64_t)record->messages_done + progress->waiting;
	uint64_t remaining = 0;

	/* the record's figures may be an earlier worker's */
	if (progress->taken && record->messages_total > here)
		remaining = record->messages_total - here;
	migration_rate_get(&progress->samples, progress_now_msecs(), remaining,
			   rate_r);
}

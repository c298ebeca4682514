/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "hash.h"
#include "ioloop.h"
#include "istream.h"
#include "module-context.h"
#include "time-util.h"
#include "mail-storage-private.h"
#include "mail-storage-hooks.h"
#include "migration-journal.h"
#include "migration-arrival.h"
#include "migration-limits.h"
#include "migration-ticker.h"
#include "migration-progress.h"

#include <signal.h>

/* Often enough that no report is late. */
#define PROGRESS_TICK_MSECS (MIGRATION_PROGRESS_INTERVAL_MSECS / 4)

#define PROGRESS_CONTEXT(obj) \
	MODULE_CONTEXT_REQUIRE(obj, progress_storage_module)

/* One name on both sides. */
struct progress_entry {
	const char *name;
	/* at the provider */
	unsigned int total;
	/* here before anything was saved, and saved now */
	unsigned int existing, saved;
	uint64_t existing_bytes, saved_bytes;

	struct progress_entry *next_changed;
	/* the provider has it, or what it is called here has got mail: it is
	   part of the sums */
	bool counted:1;
	bool changed:1;
};

struct progress_mailbox {
	union mailbox_module_context module_ctx;
	struct progress_entry *entry;
	struct istream *input;
};

struct migration_progress {
	migration_progress_callback_t *callback;
	void *context;
	struct mail_user *remote_user;
	const struct migration_journal *journal;

	pool_t pool;
	HASH_TABLE(const char *, struct progress_entry *) entries;
	struct progress_entry *changed, **changed_tail;
	/* name of the mailbox that is being pulled */
	const char *current;

	/* sums of the entries that are counted */
	unsigned int done, total;
	uint64_t bytes;
	/* by this sync */
	unsigned int saved, received;
	uint64_t received_bytes;

	struct timeval last_call;
	bool scanning;
	bool total_known;
	/* a look of our own at a mailbox */
	bool measuring;
	volatile sig_atomic_t stopped;
};

static MODULE_CONTEXT_DEFINE_INIT(progress_storage_module,
				  &mail_storage_module_register);
static struct migration_progress *migration_progress = NULL;

static struct progress_entry *
progress_get_entry(struct migration_progress *progress, struct mailbox *box)
{
	struct progress_mailbox *mbox = PROGRESS_CONTEXT(box);
	const char *vname = mailbox_get_vname(box);

	if (mbox->entry != NULL)
		return mbox->entry;
	mbox->entry = hash_table_lookup(progress->entries, vname);
	if (mbox->entry == NULL) {
		mbox->entry = p_new(progress->pool, struct progress_entry, 1);
		mbox->entry->name = p_strdup(progress->pool, vname);
		hash_table_insert(progress->entries, mbox->entry->name,
				  mbox->entry);
	}
	return mbox->entry;
}

static void progress_entry_uncount(struct migration_progress *progress,
				   const struct progress_entry *entry)
{
	if (!entry->counted)
		return;
	progress->done -= entry->existing + entry->saved;
	progress->total -= entry->total;
	progress->bytes -= entry->existing_bytes + entry->saved_bytes;
}

static void progress_entry_count(struct migration_progress *progress,
				 struct progress_entry *entry)
{
	if (!entry->counted)
		return;
	progress->done += entry->existing + entry->saved;
	progress->total += entry->total;
	progress->bytes += entry->existing_bytes + entry->saved_bytes;
	if (entry->changed)
		return;
	entry->changed = TRUE;
	entry->next_changed = NULL;
	*progress->changed_tail = entry;
	progress->changed_tail = &entry->next_changed;
}

static void
progress_set_remote(struct migration_progress *progress,
		    struct progress_entry *entry, unsigned int messages)
{
	/* selected and not yet synced it looks empty */
	if (entry->counted && messages <= entry->total)
		return;
	progress_entry_uncount(progress, entry);
	entry->counted = TRUE;
	entry->total = I_MAX(entry->total, messages);
	progress_entry_count(progress, entry);
}

/* Size of what an earlier sync has left. Looked at apart from dsync's own
   mailbox, so that nothing of it is opened or locked earlier than otherwise. */
static uint64_t
progress_measure(struct migration_progress *progress, struct mailbox *dsync_box)
{
	struct mailbox_metadata metadata;
	struct mailbox *box;
	uint64_t bytes = 0;

	progress->measuring = TRUE;
	box = mailbox_alloc(dsync_box->list, mailbox_get_vname(dsync_box),
			    MAILBOX_FLAG_READONLY);
	/* if it fails dsync will fail too, and say why */
	if (mailbox_get_metadata(box, MAILBOX_METADATA_VIRTUAL_SIZE,
				 &metadata) == 0)
		bytes = metadata.virtual_size;
	mailbox_free(&box);
	progress->measuring = FALSE;
	return bytes;
}

static void
progress_set_local(struct migration_progress *progress, struct mailbox *box,
		   struct progress_entry *entry, unsigned int messages)
{
	uint64_t bytes;

	/* from then on it is we who know */
	if (entry->saved > 0 || entry->existing == messages)
		return;
	bytes = messages == 0 ? 0 : progress_measure(progress, box);
	progress_entry_uncount(progress, entry);
	entry->existing = messages;
	entry->existing_bytes = bytes;
	progress_entry_count(progress, entry);
}

static int
progress_get_status(struct mailbox *box, enum mailbox_status_items items,
		    struct mailbox_status *status_r)
{
	struct progress_mailbox *mbox = PROGRESS_CONTEXT(box);
	struct migration_progress *progress = migration_progress;
	struct progress_entry *entry;

	/* dsync asks for UIDNEXT and UIDVALIDITY of every mailbox before it
	   begins: the number of messages comes with the same answer. Others
	   who ask may hold locks and must not be disturbed. */
	if ((items & STATUS_UIDVALIDITY) == 0 || progress == NULL ||
	    progress->measuring)
		return mbox->module_ctx.super.get_status(box, items, status_r);
	if (!box->opened)
		items |= STATUS_MESSAGES;
	if (mbox->module_ctx.super.get_status(box, items, status_r) < 0)
		return -1;
	if ((items & STATUS_MESSAGES) == 0)
		return 0;
	entry = progress_get_entry(progress, box);
	if (box->storage->user == progress->remote_user)
		progress_set_remote(progress, entry, status_r->messages);
	else
		progress_set_local(progress, box, entry, status_r->messages);
	return 0;
}

static void progress_received(uint64_t bytes)
{
	if (migration_progress == NULL)
		return;
	migration_progress->received++;
	migration_progress->received_bytes += bytes;
}

static int progress_open(struct mailbox *box)
{
	struct progress_mailbox *mbox = PROGRESS_CONTEXT(box);
	struct migration_progress *progress = migration_progress;

	if (mbox->module_ctx.super.open(box) < 0)
		return -1;
	if (progress != NULL && box->storage->user == progress->remote_user) {
		progress->current = progress_get_entry(progress, box)->name;
		if (progress->scanning)
			progress->total_known = TRUE;
		migration_arrival_watch(box, progress_received);
	}
	return 0;
}

static void progress_tell(struct migration_progress *progress)
{
	struct timeval now;

	i_gettimeofday(&now);
	if (timeval_diff_msecs(&now, &progress->last_call) <
	    MIGRATION_PROGRESS_INTERVAL_MSECS)
		return;
	progress->last_call = now;
	if (progress->journal != NULL)
		migration_journal_touch(progress->journal);
	progress->callback(progress, progress->current, progress->context);
}

static void progress_tick(void *context)
{
	progress_tell(context);
}

static int
progress_save_begin(struct mail_save_context *ctx, struct istream *input)
{
	struct mailbox *box = ctx->transaction->box;
	struct progress_mailbox *mbox = PROGRESS_CONTEXT(box);

	if (migration_progress != NULL && migration_progress->stopped != 0) {
		mail_storage_set_error(box->storage, MAIL_ERROR_TEMP,
				       "The sync was stopped");
		return -1;
	}
	if (migration_progress != NULL) {
		migration_progress->current =
			progress_get_entry(migration_progress, box)->name;
		progress_tell(migration_progress);
	}
	mbox->input = input;
	return mbox->module_ctx.super.save_begin(ctx, input);
}

static void progress_saved(struct migration_progress *progress,
			   struct progress_entry *entry, uint64_t bytes)
{
	progress_entry_uncount(progress, entry);
	entry->counted = TRUE;
	entry->saved++;
	entry->saved_bytes += bytes;
	progress_entry_count(progress, entry);
	progress->saved++;
}

static int progress_save_finish(struct mail_save_context *ctx)
{
	struct mailbox *box = ctx->transaction->box;
	struct progress_mailbox *mbox = PROGRESS_CONTEXT(box);
	uint64_t bytes = mbox->input == NULL ? 0 : mbox->input->v_offset;

	mbox->input = NULL;
	if (mbox->module_ctx.super.save_finish(ctx) < 0)
		return -1;
	if (migration_progress != NULL) {
		progress_saved(migration_progress,
			       progress_get_entry(migration_progress, box),
			       bytes);
	}
	return 0;
}

static void progress_mailbox_allocated(struct mailbox *box)
{
	struct mailbox_vfuncs *v = box->vlast;
	struct progress_mailbox *mbox;

	mbox = p_new(box->pool, struct progress_mailbox, 1);
	mbox->module_ctx.super = *v;
	box->vlast = &mbox->module_ctx.super;
	v->open = progress_open;
	v->get_status = progress_get_status;
	v->save_begin = progress_save_begin;
	v->save_finish = progress_save_finish;
	MODULE_CONTEXT_SET(box, progress_storage_module, mbox);
	/* making thousands of mailboxes takes long, without any ioloop */
	if (migration_progress != NULL)
		progress_tell(migration_progress);
}

static const struct mail_storage_hooks progress_hooks = {
	.mailbox_allocated = progress_mailbox_allocated,
};

struct migration_progress *
migration_progress_init(migration_progress_callback_t *callback, void *context)
{
	struct migration_progress *progress;

	i_assert(migration_progress == NULL);

	progress = i_new(struct migration_progress, 1);
	progress->callback = callback;
	progress->context = context;
	progress->current = "";
	i_gettimeofday(&progress->last_call);
	progress->pool = pool_alloconly_create("migration progress", 1024);
	hash_table_create(&progress->entries, default_pool, 0, str_hash,
			  strcmp);
	progress->changed_tail = &progress->changed;
	migration_progress = progress;
	mail_storage_hooks_add_internal(&progress_hooks);
	migration_ticker_start(PROGRESS_TICK_MSECS, progress_tick, progress);
	return progress;
}

void migration_progress_deinit(struct migration_progress **_progress)
{
	struct migration_progress *progress = *_progress;

	*_progress = NULL;
	migration_ticker_stop();
	mail_storage_hooks_remove_internal(&progress_hooks);
	migration_progress = NULL;
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

void migration_progress_set_remote_user(struct migration_progress *progress,
					struct mail_user *user)
{
	progress->remote_user = user;
}

void migration_progress_set_journal(struct migration_progress *progress,
				    const struct migration_journal *journal)
{
	progress->journal = journal;
}

void migration_progress_set_scanning(struct migration_progress *progress)
{
	progress->scanning = TRUE;
}

void migration_progress_set_total_known(struct migration_progress *progress)
{
	progress->total_known = TRUE;
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
	/* one may be saved twice, as a copy, when UIDs collide */
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
	i_zero(mailbox_r);
	mailbox_r->name = entry->name;
	mailbox_r->messages_done = entry->existing + entry->saved;
	mailbox_r->messages_total = entry->total;
	mailbox_r->bytes_done = entry->existing_bytes + entry->saved_bytes;
	return TRUE;
}

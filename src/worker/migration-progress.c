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
#include "migration-limits.h"
#include "migration-progress.h"

#include <signal.h>

#define PROGRESS_CONTEXT(obj) \
	MODULE_CONTEXT_REQUIRE(obj, progress_storage_module)

struct progress_mailbox {
	union mailbox_module_context module_ctx;
	struct istream *input;
};

struct migration_progress {
	migration_progress_callback_t *callback;
	void *context;
	struct mail_user *remote_user;
	const struct migration_journal *journal;

	pool_t pool;
	/* names of the mailboxes that have been counted */
	HASH_TABLE(const char *, const char *) local, remote;
	unsigned int existing, total, saved;
	uint64_t bytes;
	struct timeval last_call;
	bool total_known;
	volatile sig_atomic_t stopped;
};

static MODULE_CONTEXT_DEFINE_INIT(progress_storage_module,
				  &mail_storage_module_register);
static struct migration_progress *migration_progress = NULL;

static void progress_count_mailbox(struct migration_progress *progress,
				   struct mailbox *box, unsigned int messages)
{
	bool remote = box->storage->user == progress->remote_user;
	const char *vname = mailbox_get_vname(box);

	if (hash_table_lookup(remote ? progress->remote : progress->local,
			      vname) != NULL)
		return;
	vname = p_strdup(progress->pool, vname);
	if (remote) {
		hash_table_insert(progress->remote, vname, vname);
		progress->total += messages;
	} else {
		hash_table_insert(progress->local, vname, vname);
		progress->existing += messages;
	}
}

static int
progress_get_status(struct mailbox *box, enum mailbox_status_items items,
		    struct mailbox_status *status_r)
{
	struct progress_mailbox *mbox = PROGRESS_CONTEXT(box);

	/* dsync asks for UIDNEXT and UIDVALIDITY of every mailbox before it
	   begins: the number of messages comes with the same answer */
	if (!box->opened)
		items |= STATUS_MESSAGES;
	if (mbox->module_ctx.super.get_status(box, items, status_r) < 0)
		return -1;
	if (migration_progress != NULL && (items & STATUS_MESSAGES) != 0) {
		progress_count_mailbox(migration_progress, box,
				       status_r->messages);
	}
	return 0;
}

static void
progress_tell(struct migration_progress *progress, struct mailbox *box)
{
	struct timeval now;

	if (gettimeofday(&now, NULL) < 0)
		i_fatal("gettimeofday() failed: %m");
	if (timeval_diff_msecs(&now, &progress->last_call) <
	    MIGRATION_PROGRESS_INTERVAL_MSECS)
		return;
	progress->last_call = now;
	if (progress->journal != NULL)
		migration_journal_touch(progress->journal);
	progress->callback(progress, mailbox_get_vname(box), progress->context);
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
	if (migration_progress != NULL)
		progress_tell(migration_progress, box);
	mbox->input = input;
	return mbox->module_ctx.super.save_begin(ctx, input);
}

static int progress_save_finish(struct mail_save_context *ctx)
{
	struct progress_mailbox *mbox = PROGRESS_CONTEXT(ctx->transaction->box);
	uint64_t bytes = mbox->input == NULL ? 0 : mbox->input->v_offset;

	mbox->input = NULL;
	if (mbox->module_ctx.super.save_finish(ctx) < 0)
		return -1;
	if (migration_progress != NULL) {
		migration_progress->saved++;
		migration_progress->bytes += bytes;
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
	v->get_status = progress_get_status;
	v->save_begin = progress_save_begin;
	v->save_finish = progress_save_finish;
	MODULE_CONTEXT_SET(box, progress_storage_module, mbox);
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
	if (gettimeofday(&progress->last_call, NULL) < 0)
		i_fatal("gettimeofday() failed: %m");
	progress->pool = pool_alloconly_create("migration progress", 1024);
	hash_table_create(&progress->local, default_pool, 0, str_hash, strcmp);
	hash_table_create(&progress->remote, default_pool, 0, str_hash, strcmp);
	migration_progress = progress;
	mail_storage_hooks_add_internal(&progress_hooks);
	return progress;
}

void migration_progress_deinit(struct migration_progress **_progress)
{
	struct migration_progress *progress = *_progress;

	*_progress = NULL;
	mail_storage_hooks_remove_internal(&progress_hooks);
	migration_progress = NULL;
	hash_table_destroy(&progress->local);
	hash_table_destroy(&progress->remote);
	pool_unref(&progress->pool);
	i_free(progress);
}

void migration_progress_stop(struct migration_progress *progress)
{
	progress->stopped = 1;
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

unsigned int
migration_progress_get_done(const struct migration_progress *progress)
{
	return progress->existing + progress->saved;
}

unsigned int
migration_progress_get_total(const struct migration_progress *progress)
{
	return progress->total_known ? progress->total : 0;
}

void migration_progress_set_total_known(struct migration_progress *progress)
{
	progress->total_known = TRUE;
}

uint64_t migration_progress_get_bytes(const struct migration_progress *progress)
{
	return progress->bytes;
}

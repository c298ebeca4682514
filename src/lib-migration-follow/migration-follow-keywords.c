/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "maildir-storage.h"
#include "maildir-keywords.h"
#include "maildir-uidlist.h"
#include "mail-storage-private.h"
#include "migration-follow-private.h"

static bool maildir_has_keywords(struct maildir_mailbox *mbox,
				 const struct mail_keywords *keywords)
{
	struct maildir_keywords_sync_ctx *ctx;
	unsigned int i;
	bool has = TRUE;

	ctx = maildir_keywords_sync_init_readonly(mbox->keywords,
						  mbox->box.index);
	for (i = 0; i < keywords->count && has; i++) {
		has = maildir_keywords_idx_char(ctx, keywords->idx[i]) != '\0';
	}
	maildir_keywords_sync_deinit(&ctx);
	return has;
}

/* Without the lock it is Dovecot that adds them, later. */
static void maildir_add_keywords(struct maildir_mailbox *mbox,
				 const struct mail_keywords *keywords)
{
	struct maildir_keywords_sync_ctx *ctx;
	unsigned int i;

	if (maildir_uidlist_lock(mbox->uidlist) <= 0)
		return;
	ctx = maildir_keywords_sync_init(mbox->keywords, mbox->box.index);
	for (i = 0; i < keywords->count; i++)
		(void)maildir_keywords_idx_char(ctx, keywords->idx[i]);
	maildir_keywords_sync_deinit(&ctx);
	maildir_uidlist_unlock(mbox->uidlist);
}

/* Maildir has letters for keywords in the names of its files, and writes what
   they mean to dovecot-keywords only after the index. Who is killed in between
   leaves letters that mean nothing: Dovecot takes the keywords from the index,
   too, which looks as if the user had. So the names come first. */
struct mail_keywords *
follow_keywords_create(struct mailbox *box, const char *const names[])
{
	struct mail_keywords *keywords;
	struct maildir_mailbox *mbox;

	keywords = mailbox_keywords_create_valid(box, names);
	if (keywords->count > 0 &&
	    strcmp(box->storage->name, MAILDIR_STORAGE_NAME) == 0) {
		mbox = MAILDIR_MAILBOX(box);
		if (!maildir_has_keywords(mbox, keywords))
			maildir_add_keywords(mbox, keywords);
	}
	return keywords;
}

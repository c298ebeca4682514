/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* A folder that has another name now, where the mailbox here cannot simply be
   renamed: the new name is taken by a mailbox of the user's own, or by a mere
   parent that has others below it. */

#include "lib.h"
#include "array.h"
#include "mail-storage-private.h"
#include "migration-follow-private.h"

struct move_context {
	struct follow_mailbox from, to;
	struct mailbox_transaction_context *trans;
	struct mail *mail;
	/* UIDs stay as they are */
	bool keep_uids;
};

/* Of the message's flags and keywords in its new mailbox, where these have other
   numbers. */
static uint32_t move_hash(struct move_context *ctx)
{
	struct mail_keywords *keywords;
	ARRAY_TYPE(keyword_indexes) indexes;

	keywords = follow_keywords_create(ctx->to.box,
					  mail_get_keywords(ctx->mail));
	t_array_init(&indexes, 8);
	array_append(&indexes, keywords->idx, keywords->count);
	mailbox_keywords_unref(&keywords);
	return follow_local_hash(mail_get_flags(ctx->mail), &indexes);
}

static int move_mail(struct move_context *ctx, const struct follow_local *local)
{
	struct migration_mark_record record = local->record;
	struct mail_save_context *save;
	struct mail *dest_mail;
	uint32_t hash;

	mail_set_seq(ctx->mail, local->seq);
	save = mailbox_save_alloc(ctx->trans);
	mailbox_save_copy_flags(save, ctx->mail);
	if (ctx->keep_uids)
		mailbox_save_set_uid(save, local->uid);
	dest_mail = mailbox_save_get_dest_mail(save);
	if (mailbox_copy(&save, ctx->mail) < 0)
		return -1;
	if (record.remote_uid == 0)
		return 0;
	hash = move_hash(ctx);
	/* what the user has changed stays changed */
	record.local_hash = local->hash == record.local_hash ? hash : ~hash;
	migration_mark_write_record(ctx->to.mark, ctx->trans, dest_mail->seq,
				    &record);
	return 0;
}

static int
move_uid_cmp(const struct follow_local *a, const struct follow_local *b)
{
	return a->uid < b->uid ? -1 : 1;
}

static int move_mails(struct move_context *ctx)
{
	struct mailbox_transaction_context *from_trans;
	const struct follow_local *local;
	int ret = 0;

	array_sort(&ctx->from.locals, move_uid_cmp);
	migration_mark_copy(ctx->to.mark, ctx->from.mark);
	ctx->to.hdr->moved_next_uid = ctx->from.next_uid;
	/* else all have new UIDs as it is */
	if (!ctx->keep_uids)
		ctx->to.hdr->adopted_next_uid = 0;
	ctx->to.hdr->local_next_uid =
		ctx->keep_uids ?
			ctx->from.next_uid :
			ctx->to.next_uid + array_count(&ctx->from.locals);
	from_trans = mailbox_transaction_begin(ctx->from.box, 0, __func__);
	ctx->mail = mail_alloc(from_trans, MAIL_FETCH_FLAGS, NULL);
	ctx->trans = mailbox_transaction_begin(
		ctx->to.box,
		MAILBOX_TRANSACTION_FLAG_EXTERNAL |
			MAILBOX_TRANSACTION_FLAG_ASSIGN_UIDS,
		__func__);
	array_foreach(&ctx->from.locals, local) {
		if (ret == 0)
			T_BEGIN
			{
				ret = move_mail(ctx, local);
			}
		T_END;
	}
	if (ret < 0) {
		mailbox_transaction_rollback(&ctx->trans);
	} else {
		migration_mark_write(ctx->to.mark, ctx->trans);
		ret = mailbox_transaction_commit(&ctx->trans);
	}
	mail_free(&ctx->mail);
	(void)mailbox_transaction_commit(&from_trans);
	return ret;
}

/* Marks of another life would be taken for these. */
static int move_forget_marks(struct follow_mailbox *box)
{
	struct mailbox_transaction_context *trans;

	if (box->hdr->uid_validity == 0)
		return 0;
	trans = mailbox_transaction_begin(box->box, 0, __func__);
	migration_mark_reset(box->mark, trans);
	return mailbox_transaction_commit(&trans) < 0 ||
			       mailbox_sync(box->box, 0) < 0 ?
		       -1 :
		       0;
}

int follow_empty(struct follow_mailbox *box, struct follow_mailbox *moved_to)
{
	struct mailbox_transaction_context *trans;
	const struct follow_local *local;
	struct mail *mail;

	trans = mailbox_transaction_begin(box->box, 0, __func__);
	mail = mail_alloc(trans, 0, NULL);
	array_foreach(&box->locals, local) {
		if (moved_to != NULL &&
		    local->uid >= moved_to->hdr->moved_next_uid)
			continue;
		mail_set_seq(mail, local->seq);
		mail_expunge(mail);
	}
	mail_free(&mail);
	/* should the provider have such a folder once more, it comes anew */
	i_zero(box->hdr);
	array_clear(migration_mark_pending(box->mark));
	array_clear(migration_mark_left_out(box->mark));
	migration_mark_write(box->mark, trans);
	return mailbox_transaction_commit(&trans) < 0 ||
			       mailbox_sync(box->box, 0) < 0 ?
		       -1 :
		       0;
}

int follow_move(struct migration_follow *follow,
		struct migration_folder *folder, struct mailbox *from,
		struct mailbox *to, bool keep_uids)
{
	const struct follow_pair pair = { .folder = folder };
	struct move_context ctx = { .keep_uids = keep_uids };
	int ret;

	follow_mailbox_init(&ctx.from, follow, &pair, from);
	follow_mailbox_init(&ctx.to, follow, &pair, to);
	ret = follow_mailbox_end_renumbering(&ctx.from);
	follow_local_read(&ctx.from);
	if (ret < 0) {
		/* not now */
	} else if (ctx.from.hdr->uid_validity == 0 &&
		   ctx.to.hdr->uid_validity == folder->uid_validity) {
		/* a run was killed that had moved and expunged them */
		ret = 0;
	} else if (ctx.from.hdr->uid_validity != 0 &&
		   ctx.from.hdr->uid_validity == ctx.to.hdr->uid_validity) {
		/* a run was killed that had moved them */
		ret = follow_empty(&ctx.from, &ctx.to);
	} else {
		ret = move_forget_marks(&ctx.to);
		if (ret == 0)
			ret = move_mails(&ctx);
		if (ret == 0)
			ret = follow_empty(&ctx.from, NULL);
	}
	follow_mailbox_deinit(&ctx.to);
	follow_mailbox_deinit(&ctx.from);
	return ret;
}

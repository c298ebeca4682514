/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "imap-arg.h"
#include "istream.h"
#include "str.h"
#include "imapc-client.h"
#include "mail-storage-private.h"
#include "migration-remote.h"
#include "migration-follow-private.h"

#include <unistd.h>

/* Asked for in one command, and commands on their way at once. */
#define SAVE_BATCH_MESSAGES 100
#define SAVE_BATCH_BYTES (2 * 1024 * 1024)
#define SAVE_BATCHES 4
/* Above it the provider's UIDs are not kept: there must be some left for what
   is delivered here. */
#define SAVE_MAX_UID 0xefffffffU
/* Messages of a mailbox whose sizes are noted. */
#define SAVE_SIZE_NOTES 100

struct save_context {
	struct follow_mailbox *box;
	struct migration_remote *remote;
	struct follow_match *match;
	/* begun when there is something to write */
	struct mailbox_transaction_context *trans;
	/* for flags of mail that is here already: these must not be external */
	struct mailbox_transaction_context *flags_trans;
	unsigned int trans_messages;
	uoff_t trans_bytes;

	struct follow_remote *mails;
	unsigned int count;
	/* all in front of it are decided, and asked for */
	unsigned int decided, asked;
	/* the next one to be asked for, if that has begun in parts */
	struct save_large *large;

	/* were delivered with another size than the provider says */
	unsigned int odd_sizes;
	/* why the provider has not delivered the last one */
	const char *refused;
	/* pending ones: last_uid is above them */
	bool pending;
	bool failed;
};

struct save_batch {
	struct save_context *ctx;
	unsigned int first, end;
};

/* A message that is asked for in parts, whose answers may come in any order
   (RFC 9051, 5.5): Dovecot itself turns them round when its client reads
   slowly. */
struct save_large {
	struct save_batch batch;
	/* up to there */
	uoff_t asked;
	unsigned int unanswered;
};

static void save_begin(struct save_context *ctx)
{
	if (ctx->trans != NULL)
		return;
	ctx->trans = mailbox_transaction_begin(
		ctx->box->box,
		MAILBOX_TRANSACTION_FLAG_EXTERNAL |
			MAILBOX_TRANSACTION_FLAG_ASSIGN_UIDS,
		__func__);
	ctx->trans_messages = 0;
	ctx->trans_bytes = 0;
}

static void save_commit(struct save_context *ctx)
{
	struct follow_mailbox *box = ctx->box;

	if (ctx->trans == NULL || ctx->failed)
		return;
	if (!ctx->pending && ctx->decided > 0) {
		box->hdr->last_uid = ctx->mails[ctx->decided - 1].uid;
		/* what is expunged until the next run would not show */
		box->hdr->messages = MIGRATION_MARK_UNKNOWN;
	}
	if (!box->hdr->comparing)
		box->hdr->local_next_uid = box->next_uid;
	migration_mark_write(box->mark, ctx->trans);
	if ((ctx->flags_trans != NULL &&
	     mailbox_transaction_commit(&ctx->flags_trans) < 0) ||
	    mailbox_transaction_commit(&ctx->trans) < 0) {
		(void)follow_mailbox_failed(box, box->box);
		ctx->failed = TRUE;
	}
}

static void
save_done(struct save_context *ctx, struct follow_remote *mail, uoff_t size)
{
	struct follow_mailbox *box = ctx->box;

	mail->state = FOLLOW_REMOTE_DONE;
	migration_mark_set_pending(box->mark, mail->uid, FALSE);
	box->hdr->bytes += size;
	if (box->missing > 0)
		box->missing--;
	ctx->trans_messages++;
	ctx->trans_bytes += size;
	follow_mailbox_report(box);
}

/* A run that was killed has saved it, perhaps without its flags. */
static void
save_match_flags(struct save_context *ctx, const struct follow_remote *remote,
		 struct follow_local *local)
{
	struct follow_mailbox *box = ctx->box;
	struct mail_keywords *keywords;
	struct mail *mail;

	if (ctx->flags_trans == NULL) {
		ctx->flags_trans =
			mailbox_transaction_begin(box->box, 0, __func__);
	}
	mail = mail_alloc(ctx->flags_trans, 0, NULL);
	mail_set_seq(mail, local->seq);
	keywords = follow_keywords_create(box->box,
					  follow_keyword_names(box, remote));
	mail_update_flags(mail, MODIFY_ADD, remote->flags.flags);
	mail_update_keywords(mail, MODIFY_ADD, keywords);
	local->hash = follow_local_hash_changed(box, local, &remote->flags);
	mailbox_keywords_unref(&keywords);
	mail_free(&mail);
}

static void save_match(struct save_context *ctx, struct follow_remote *mail,
		       struct follow_local *local)
{
	const struct migration_follow *follow = ctx->box->follow;
	struct migration_mark_record record;

	save_begin(ctx);
	if (ctx->box->hdr->local_next_uid > 0 ||
	    (follow->set->unclean && !follow->complete))
		save_match_flags(ctx, mail, local);
	local->taken = TRUE;
	i_zero(&record);
	record.remote_uid = mail->uid;
	record.seen = mail->flags;
	record.local_hash = local->hash;
	local->record = record;
	migration_mark_write_record(ctx->box->mark, ctx->trans, local->seq,
				    &record);
	save_done(ctx, mail, mail->size == UOFF_T_MAX ? 0 : mail->size);
}

static int save_stream(struct save_context *ctx, struct follow_remote *mail,
		       struct istream *input, uint32_t uid)
{
	struct follow_mailbox *box = ctx->box;
	struct mail_keywords *keywords;
	struct mail_save_context *save;
	struct migration_mark_record record;
	ARRAY_TYPE(keyword_indexes) indexes;
	uint32_t seq;

	keywords = follow_keywords_create(box->box,
					  follow_keyword_names(box, mail));
	t_array_init(&indexes, 8);
	array_append(&indexes, keywords->idx, keywords->count);
	i_zero(&record);
	record.remote_uid = mail->uid;
	record.seen = mail->flags;
	record.local_hash = follow_local_hash(mail->flags.flags, &indexes);

	save = mailbox_save_alloc(ctx->trans);
	mailbox_save_set_flags(save, mail->flags.flags, keywords);
	mailbox_keywords_unref(&keywords);
	if (mail->received != (time_t)-1) {
		mailbox_save_set_received_date(save, mail->received,
					       mail->received_tz);
	}
	mailbox_save_set_uid(save, uid);
	follow_pop3_save(box, mail, save);
	if (mailbox_save_begin(&save, input) < 0)
		return -1;
	do {
		if (mailbox_save_continue(save) < 0) {
			mailbox_save_cancel(&save);
			return -1;
		}
	} while (i_stream_read(input) > 0);
	if (input->stream_errno != 0) {
		mail_storage_set_critical(box->box->storage,
					  "read(%s) failed: %s",
					  i_stream_get_name(input),
					  i_stream_get_error(input));
		mailbox_save_cancel(&save);
		return -1;
	}
	seq = mailbox_save_get_dest_mail(save)->seq;
	if (mailbox_save_finish(&save) < 0)
		return -1;
	migration_mark_write_record(box->mark, ctx->trans, seq, &record);
	follow_pop3_saved(box, mail, ctx->trans, uid);
	return 0;
}

static void save_leave_out(struct save_context *ctx, struct follow_remote *mail)
{
	mail->state = FOLLOW_REMOTE_DONE;
	ctx->box->missing--;
}

/* Taken as it was delivered. */
static void save_note_size(struct save_context *ctx,
			   const struct follow_remote *mail, uoff_t size)
{
	const char *text;

	if (++ctx->odd_sizes > SAVE_SIZE_NOTES)
		return;
	text = t_strdup_printf("The provider says that it has %" PRIuUOFF_T
			       " bytes and delivered %" PRIuUOFF_T,
			       mail->size, size);
	follow_mailbox_note(ctx->box, mail->uid, text);
}

static void save_body(struct save_context *ctx, struct follow_remote *mail,
		      struct istream *input)
{
	struct follow_mailbox *box = ctx->box;
	struct follow_local *local;
	uint32_t uid;

	if (ctx->match != NULL && follow_match_is_possible(ctx->match, mail)) {
		local = follow_match_body(ctx->match, mail, input);
		if (local != NULL) {
			save_match(ctx, mail, local);
			return;
		}
		if (mail->uid <= box->hdr->taken_uid) {
			save_leave_out(ctx, mail);
			return;
		}
	}
	save_begin(ctx);
	uid = mail->uid > SAVE_MAX_UID ? box->next_uid :
					 I_MAX(mail->uid, box->next_uid);
	if (save_stream(ctx, mail, input, uid) < 0) {
		(void)follow_mailbox_failed(box, box->box);
		ctx->failed = TRUE;
		return;
	}
	box->next_uid = uid + 1;
	if (mail->size != UOFF_T_MAX && input->v_offset != mail->size)
		save_note_size(ctx, mail, input->v_offset);
	save_done(ctx, mail, input->v_offset);
	box->follow->set->callbacks->saved(box->follow->set->context);
}

static void save_stashed(struct save_context *ctx, struct follow_remote *mail)
{
	struct istream *input;

	input = follow_stash_open(mail);
	save_body(ctx, mail, input);
	i_stream_unref(&input);
}

static void save_commit_full(struct save_context *ctx)
{
	if (ctx->trans_messages >= FOLLOW_COMMIT_MESSAGES ||
	    ctx->trans_bytes >= FOLLOW_COMMIT_BYTES)
		save_commit(ctx);
}

/* Decides one after the other, in the order of their UIDs. */
static void save_decide(struct save_context *ctx)
{
	struct follow_remote *mail;

	while (ctx->decided < ctx->count && !ctx->failed) {
		mail = &ctx->mails[ctx->decided];
		if (mail->local != NULL) {
			save_match(ctx, mail, mail->local);
			mail->local = NULL;
		} else if (mail->state == FOLLOW_REMOTE_STASHED) {
			save_stashed(ctx, mail);
		} else if (mail->state == FOLLOW_REMOTE_MISSING) {
			save_begin(ctx);
			migration_mark_set_pending(ctx->box->mark, mail->uid,
						   TRUE);
		} else if (mail->state == FOLLOW_REMOTE_WAITING) {
			return;
		}
		ctx->decided++;
		save_commit_full(ctx);
	}
}

static void save_tell_received(struct save_context *ctx, uoff_t size)
{
	const struct migration_follow_settings *set = ctx->box->follow->set;

	set->callbacks->received(set->context, size);
}

static void save_whole(struct save_context *ctx, struct follow_remote *mail,
		       struct istream *input)
{
	uoff_t size;

	if (i_stream_get_size(input, TRUE, &size) <= 0)
		size = 0;
	save_tell_received(ctx, size);
	if (size == 0 && mail->size > 0 && mail->size != UOFF_T_MAX)
		return; /* as bad as nothing */
	if (ctx->pending || mail == &ctx->mails[ctx->decided])
		save_body(ctx, mail, input);
	else if (follow_stash_add(ctx->box, mail, input) == 0)
		mail->state = FOLLOW_REMOTE_STASHED;
}

static void
save_arrived(struct save_context *ctx, const struct imapc_untagged_reply *reply)
{
	const struct imap_arg *list;
	struct follow_remote *mail;
	struct istream *input;
	uint64_t number;
	uoff_t offset;
	bool part;

	if (!imap_arg_get_list(&reply->args[0], &list) ||
	    !migration_remote_get_number(list, "UID", &number) ||
	    number >= (uint32_t)-1)
		return;
	mail = follow_fetch_find(ctx->box, number);
	if (mail == NULL || mail->state == FOLLOW_REMOTE_DONE ||
	    mail->state == FOLLOW_REMOTE_STASHED)
		return;
	input = follow_stash_read_body(reply, list, &part, &offset);
	if (input == NULL)
		return;
	if (part)
		follow_stash_add_part(ctx->box, mail, input, offset);
	else
		save_whole(ctx, mail, input);
	i_stream_unref(&input);
}

static void
save_untagged(const struct imapc_untagged_reply *reply, void *context)
{
	struct save_context *ctx = context;
	const struct migration_follow_settings *set = ctx->box->follow->set;

	if (ctx->failed || strcasecmp(reply->name, "FETCH") != 0)
		return;
	if (set->callbacks->is_stopped(set->context)) {
		migration_remote_abort(ctx->remote);
		return;
	}
	T_BEGIN
	{
		save_arrived(ctx, reply);
		save_decide(ctx);
	}
	T_END;
}

static void
save_batch_answered(const struct imapc_command_reply *reply, void *context)
{
	struct save_batch *batch = context;
	struct save_context *ctx = batch->ctx;
	unsigned int i;

	if (reply->state == IMAPC_COMMAND_STATE_OK ||
	    reply->state == IMAPC_COMMAND_STATE_NO) {
		for (i = batch->first; i < batch->end; i++) {
			if (ctx->mails[i].state == FOLLOW_REMOTE_WAITING &&
			    ctx->mails[i].local == NULL)
				ctx->mails[i].state = FOLLOW_REMOTE_MISSING;
		}
		save_decide(ctx);
	}
}

static void
save_send_part(struct save_context *ctx, migration_remote_callback_t *callback,
	       void *context, const struct follow_remote *mail, uoff_t offset)
{
	migration_remote_send(ctx->remote, callback, context,
			      "UID FETCH %u (BODY.PEEK[]<%1s.%u>)", mail->uid,
			      dec2str(offset), FOLLOW_STASH_PART_BYTES);
}

static void
save_part_answered(const struct imapc_command_reply *reply, void *context);

static void save_ask_large(struct save_large *large)
{
	struct save_context *ctx = large->batch.ctx;
	const uoff_t offset = large->asked;

	large->asked += FOLLOW_STASH_PART_BYTES;
	large->unanswered++;
	save_send_part(ctx, save_part_answered, large,
		       &ctx->mails[large->batch.first], offset);
}

static void
save_part_answered(const struct imapc_command_reply *reply, void *context)
{
	struct save_large *large = context;
	struct save_context *ctx = large->batch.ctx;
	struct follow_remote *mail = &ctx->mails[large->batch.first];

	if (--large->unanswered > 0 || large->asked <= mail->size)
		return;
	if (mail->state == FOLLOW_REMOTE_WAITING) {
		if (follow_stash_is_whole(mail)) {
			save_tell_received(ctx, follow_stash_bytes(mail));
			mail->state = FOLLOW_REMOTE_STASHED;
		} else if (follow_stash_bytes(mail) == large->asked) {
			/* larger than the provider has said */
			save_ask_large(large);
			return;
		}
	}
	save_batch_answered(reply, &large->batch);
}

static void save_ask_part(struct save_context *ctx)
{
	const struct follow_remote *mail = &ctx->mails[ctx->asked];
	struct save_large *large = ctx->large;

	if (large == NULL) {
		large = p_new(ctx->box->pool, struct save_large, 1);
		large->batch.ctx = ctx;
		large->batch.first = ctx->asked;
		large->batch.end = ctx->asked + 1;
		ctx->large = large;
	}
	save_ask_large(large);
	if (large->asked > mail->size) {
		ctx->large = NULL;
		ctx->asked++;
	}
}

/* One that has cost us the connection before is asked for alone. */
static void save_ask(struct save_context *ctx)
{
	const uint32_t suspect_uid = ctx->box->hdr->suspect_uid;
	struct save_batch *batch;
	string_t *set = t_str_new(512);
	unsigned int count = 0, first = 0;
	uoff_t bytes = 0;
	struct follow_remote *mail;

	for (; ctx->asked < ctx->count; ctx->asked++) {
		mail = &ctx->mails[ctx->asked];
		if (mail->local != NULL ||
		    mail->state != FOLLOW_REMOTE_WAITING) {
			/* came as a whole when a part was asked for */
			ctx->large = NULL;
			continue;
		}
		if (count == SAVE_BATCH_MESSAGES || bytes >= SAVE_BATCH_BYTES ||
		    (count > 0 && (mail->uid == suspect_uid ||
				   ctx->mails[first].uid == suspect_uid)))
			break;
		if (follow_stash_is_large(mail->size)) {
			if (count == 0) {
				save_ask_part(ctx);
				return;
			}
			break;
		}
		if (count++ == 0)
			first = ctx->asked;
		bytes += mail->size == UOFF_T_MAX ? 0 : mail->size;
		str_printfa(set, "%s%u", str_len(set) == 0 ? "" : ",",
			    mail->uid);
	}
	if (count == 0)
		return;
	batch = p_new(ctx->box->pool, struct save_batch, 1);
	batch->ctx = ctx;
	batch->first = first;
	batch->end = ctx->asked;
	migration_remote_send(ctx->remote, save_batch_answered, batch,
			      "UID FETCH %1s (BODY.PEEK[])", str_c(set));
}

/* The connection is lost while it owes us messages: the first of these may be
   why. Once is an accident, twice is noted, and the rest goes on. */
static void save_lost(struct save_context *ctx)
{
	const struct migration_follow_settings *set = ctx->box->follow->set;
	struct migration_mark_header *hdr = ctx->box->hdr;
	uint32_t uid;

	if (ctx->failed || (ctx->decided >= ctx->asked && ctx->large == NULL) ||
	    set->callbacks->is_stopped(set->context))
		return;
	uid = ctx->mails[ctx->decided].uid;
	save_begin(ctx);
	if (hdr->suspect_uid != uid) {
		hdr->suspect_uid = uid;
	} else {
		hdr->suspect_uid = 0;
		migration_mark_set_pending(ctx->box->mark, uid, TRUE);
		ctx->decided++;
	}
}

static void save_check_suspect(struct save_context *ctx)
{
	struct migration_mark_header *hdr = ctx->box->hdr;

	if (hdr->suspect_uid != 0 &&
	    (ctx->decided == ctx->count ||
	     ctx->mails[ctx->decided].uid > hdr->suspect_uid))
		hdr->suspect_uid = 0;
}

static int save_all(struct save_context *ctx)
{
	const struct migration_follow_settings *set = ctx->box->follow->set;
	unsigned int window;
	int ret = 0;

	save_decide(ctx);
	while (ctx->asked < ctx->count && ret == 0 && !ctx->failed) {
		save_check_suspect(ctx);
		/* nothing else is on its way with the suspect */
		window = ctx->box->hdr->suspect_uid != 0 ? 1 : SAVE_BATCHES;
		if (set->callbacks->is_stopped(set->context))
			migration_remote_abort(ctx->remote);
		ret = migration_remote_wait(ctx->remote, window - 1);
		if (ret == 0)
			T_BEGIN
			{
				save_ask(ctx);
			}
		T_END;
	}
	if (ret == 0)
		ret = migration_remote_wait(ctx->remote, 0);
	if (ret < 0) {
		save_lost(ctx);
	} else {
		i_assert(ctx->decided == ctx->count || ctx->failed);
		save_check_suspect(ctx);
	}
	return ret;
}

static void
save_one_answered(const struct imapc_command_reply *reply, void *context)
{
	struct save_context *ctx = context;

	if (reply->state == IMAPC_COMMAND_STATE_NO)
		ctx->refused = p_strdup(ctx->box->pool, reply->text_full);
}

/* Until a part is the last one or does not come. Returns 0, or -1 if the
   connection is lost. */
static int
save_one_in_parts(struct save_context *ctx, struct follow_remote *mail)
{
	uoff_t offset = 0;

	follow_stash_drop(mail);
	for (;;) {
		save_send_part(ctx, save_one_answered, ctx, mail, offset);
		if (migration_remote_wait(ctx->remote, 0) < 0)
			return -1;
		if (mail->stash_end > 0 || follow_stash_bytes(mail) <= offset)
			break;
		offset = follow_stash_bytes(mail);
	}
	if (follow_stash_is_whole(mail)) {
		save_tell_received(ctx, follow_stash_bytes(mail));
		save_stashed(ctx, mail);
	}
	return 0;
}

/* Alone: whatever is wrong with it costs nobody else anything. */
static int save_one(struct save_context *ctx, struct follow_remote *mail)
{
	pool_t pool = ctx->box->pool;

	ctx->refused = NULL;
	if (follow_stash_is_large(mail->size)) {
		if (save_one_in_parts(ctx, mail) < 0)
			return -1;
	} else {
		migration_remote_send(ctx->remote, save_one_answered, ctx,
				      "UID FETCH %u (BODY.PEEK[])", mail->uid);
		if (migration_remote_wait(ctx->remote, 0) < 0)
			return -1;
	}
	if (mail->state == FOLLOW_REMOTE_DONE || ctx->failed)
		return 0;
	mail->why =
		ctx->refused == NULL ?
			"The provider delivers nothing" :
			p_strdup_printf(pool,
					"The provider does not deliver it: %s",
					ctx->refused);
	return 0;
}

/* Whatever is still missing of what was asked for. */
static void save_note_pending(struct save_context *ctx)
{
	const struct follow_remote *mail;
	uint32_t uid;

	array_foreach_elem(migration_mark_pending(ctx->box->mark), uid) {
		mail = follow_fetch_find(ctx->box, uid);
		if (mail == NULL)
			continue;
		follow_mailbox_note(ctx->box, uid,
				    mail->why != NULL ?
					    mail->why :
					    "The connection is lost when it is "
					    "asked for");
	}
}

static int save_missing(struct save_context *ctx)
{
	unsigned int i;
	int ret = 0;

	ctx->pending = TRUE;
	for (i = 0; i < ctx->count && ret == 0 && !ctx->failed; i++) {
		if (ctx->mails[i].state != FOLLOW_REMOTE_MISSING)
			continue;
		T_BEGIN
		{
			ret = save_one(ctx, &ctx->mails[i]);
		}
		T_END;
		save_commit_full(ctx);
	}
	return ret;
}

static int save_finish(struct save_context *ctx, int ret)
{
	struct follow_mailbox *box = ctx->box;
	unsigned int i;

	if (ctx->failed && migration_remote_wait(ctx->remote, 0) < 0)
		ret = -1;
	migration_remote_set_untagged(ctx->remote, NULL, NULL);
	for (i = 0; i < ctx->count; i++)
		follow_stash_drop(&ctx->mails[i]);
	if (ctx->failed && ctx->trans != NULL)
		mailbox_transaction_rollback(&ctx->trans);
	if (ctx->failed && ctx->flags_trans != NULL)
		mailbox_transaction_rollback(&ctx->flags_trans);
	save_commit(ctx);
	follow_match_deinit(&ctx->match);
	if (ctx->failed)
		return 0;
	save_note_pending(ctx);
	if (ctx->odd_sizes > SAVE_SIZE_NOTES) {
		follow_mailbox_note(
			box, 0,
			t_strdup_printf("%u messages have another size than "
					"the provider says",
					ctx->odd_sizes));
	}
	if (mailbox_sync(box->box, 0) < 0)
		return follow_mailbox_failed(box, box->box);
	return ret < 0 ? -1 : 1;
}

static void save_init(struct save_context *ctx, struct follow_mailbox *box)
{
	i_zero(ctx);
	ctx->box = box;
	ctx->remote = box->follow->set->remote;
	ctx->mails = array_get_modifiable(&box->fresh, &ctx->count);
	migration_remote_set_untagged(ctx->remote, save_untagged, ctx);
}

static void save_look_here(struct save_context *ctx)
{
	const uoff_t max_size = ctx->box->follow->set->max_size;
	struct follow_remote *mail;
	unsigned int i;

	for (i = 0; i < ctx->count; i++) {
		mail = &ctx->mails[i];
		if (max_size > 0 && mail->size != UOFF_T_MAX &&
		    mail->size > max_size) {
			if (!migration_mark_add_left_out(ctx->box->mark,
							 mail->uid, mail->size))
				ctx->box->left_out_more++;
			save_leave_out(ctx, mail);
			continue;
		}
		if (ctx->match != NULL)
			mail->local = follow_match_certain(ctx->match, mail);
		if (mail->local != NULL)
			mail->local->taken = TRUE;
		else if (mail->uid <= ctx->box->hdr->taken_uid &&
			 (ctx->match == NULL ||
			  !follow_match_is_possible(ctx->match, mail)))
			save_leave_out(ctx, mail);
	}
}

int follow_save(struct follow_mailbox *box)
{
	struct save_context ctx;
	int ret;

	save_init(&ctx, box);
	if (box->hdr->comparing && array_count(&box->locals) > 0) {
		ctx.match = follow_match_init(box, box->hdr->local_next_uid);
	}
	save_look_here(&ctx);
	ret = save_all(&ctx);
	if (ret == 0 && !ctx.failed) {
		save_commit(&ctx);
		ret = save_missing(&ctx);
	}
	return save_finish(&ctx, ret);
}

/* Notes it again, too. */
static bool save_is_untold(struct follow_mailbox *box, uint32_t uid)
{
	const struct follow_untold *untold;

	array_foreach(&box->untold, untold) {
		if (untold->uid == uid) {
			follow_mailbox_note(box, uid, untold->why);
			return TRUE;
		}
	}
	return FALSE;
}

int follow_save_pending(struct follow_mailbox *box)
{
	struct save_context ctx;
	ARRAY_TYPE(uint32_t) *pending = migration_mark_pending(box->mark);
	ARRAY_TYPE(uint32_t) gone;
	uint32_t uid;
	unsigned int i;
	int ret;

	save_init(&ctx, box);
	for (i = 0; i < ctx.count; i++)
		ctx.mails[i].state = FOLLOW_REMOTE_MISSING;
	/* those that are not there any longer */
	t_array_init(&gone, 8);
	array_foreach_elem(pending, uid) {
		if (follow_fetch_find(box, uid) == NULL &&
		    !save_is_untold(box, uid))
			array_push_back(&gone, &uid);
	}
	array_foreach_elem(&gone, uid) {
		save_begin(&ctx);
		migration_mark_set_pending(box->mark, uid, FALSE);
	}
	ret = save_missing(&ctx);
	return save_finish(&ctx, ret);
}

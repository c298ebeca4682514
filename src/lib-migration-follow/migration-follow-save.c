/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "imap-arg.h"
#include "istream.h"
#include "ostream.h"
#include "safe-mkstemp.h"
#include "str.h"
#include "imapc-client.h"
#include "mail-storage-private.h"
#include "mail-user.h"
#include "migration-remote.h"
#include "migration-follow-private.h"

#include <unistd.h>

/* Asked for in one command, and commands on their way at once. */
#define SAVE_BATCH_MESSAGES 100
#define SAVE_BATCH_BYTES (2 * 1024 * 1024)
#define SAVE_BATCHES 4

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

static int uid_cmp(const uint32_t *a, const uint32_t *b)
{
	if (*a == *b)
		return 0;
	return *a < *b ? -1 : 1;
}

static void save_set_pending(struct follow_mailbox *box, uint32_t uid, bool set)
{
	ARRAY_TYPE(uint32_t) *pending = migration_mark_pending(box->mark);
	unsigned int i, count;
	const uint32_t *uids;

	uids = array_get(pending, &count);
	for (i = 0; i < count; i++) {
		if (uids[i] != uid)
			continue;
		if (!set)
			array_delete(pending, i, 1);
		return;
	}
	if (set) {
		array_push_back(pending, &uid);
		array_sort(pending, uid_cmp);
	}
}

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
	save_set_pending(box, mail->uid, FALSE);
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
	keywords = mailbox_keywords_create_valid(box->box,
						 follow_keyword_names(box,
								      remote));
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

	keywords =
		mailbox_keywords_create_valid(box->box,
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
	uid = I_MAX(mail->uid, box->next_uid);
	if (save_stream(ctx, mail, input, uid) < 0) {
		(void)follow_mailbox_failed(box, box->box);
		ctx->failed = TRUE;
		return;
	}
	box->next_uid = uid + 1;
	if (mail->size != UOFF_T_MAX && input->v_offset < mail->size) {
		follow_mailbox_note(
			box, mail->uid,
			t_strdup_printf(
				"The provider says that it has %" PRIuUOFF_T
				" bytes and delivered %" PRIuUOFF_T,
				mail->size, input->v_offset));
	}
	save_done(ctx, mail, input->v_offset);
	box->follow->set->callbacks->saved(box->follow->set->context);
}

/* Decides one after the other, in the order of their UIDs. */
static void save_decide(struct save_context *ctx)
{
	struct follow_remote *mail;
	struct istream *input;

	while (ctx->decided < ctx->count && !ctx->failed) {
		mail = &ctx->mails[ctx->decided];
		if (mail->local != NULL) {
			save_match(ctx, mail, mail->local);
			mail->local = NULL;
		} else if (mail->state == FOLLOW_REMOTE_STASHED) {
			input = i_stream_create_fd_autoclose(&mail->stash_fd,
							     IO_BLOCK_SIZE);
			save_body(ctx, mail, input);
			i_stream_unref(&input);
		} else if (mail->state == FOLLOW_REMOTE_MISSING) {
			save_begin(ctx);
			save_set_pending(ctx->box, mail->uid, TRUE);
		} else if (mail->state == FOLLOW_REMOTE_WAITING) {
			return;
		}
		ctx->decided++;
		if (ctx->trans_messages >= FOLLOW_COMMIT_MESSAGES ||
		    ctx->trans_bytes >= FOLLOW_COMMIT_BYTES)
			save_commit(ctx);
	}
}

static void save_stash(struct save_context *ctx, struct follow_remote *mail,
		       struct istream *input)
{
	struct mail_user *user = ctx->box->box->storage->user;
	string_t *path = t_str_new(128);
	struct ostream *output;

	mail_user_set_get_temp_prefix(path, user->set);
	mail->stash_fd = safe_mkstemp_hostpid(path, 0600, (uid_t)-1, (gid_t)-1);
	if (mail->stash_fd == -1) {
		e_error(ctx->box->box->event, "safe_mkstemp(%s) failed: %m",
			str_c(path));
		return;
	}
	i_unlink(str_c(path));
	output = o_stream_create_fd_file(mail->stash_fd, 0, FALSE);
	if (o_stream_send_istream(output, input) !=
		    OSTREAM_SEND_ISTREAM_RESULT_FINISHED ||
	    o_stream_finish(output) < 0) {
		e_error(ctx->box->box->event, "write(%s) failed: %s",
			str_c(path), o_stream_get_error(output));
		i_close_fd(&mail->stash_fd);
	} else {
		mail->state = FOLLOW_REMOTE_STASHED;
	}
	o_stream_destroy(&output);
}

static void
save_arrived(struct save_context *ctx, const struct imapc_untagged_reply *reply)
{
	const struct imap_arg *list;
	struct follow_remote *mail;
	struct istream *input;
	uint64_t number;
	uoff_t size;

	if (!imap_arg_get_list(&reply->args[0], &list) ||
	    !migration_remote_get_number(list, "UID", &number) ||
	    number >= (uint32_t)-1)
		return;
	mail = follow_fetch_find(ctx->box, number);
	if (mail == NULL || mail->state == FOLLOW_REMOTE_DONE ||
	    mail->state == FOLLOW_REMOTE_STASHED)
		return;
	input = migration_remote_open_value(reply, list, "BODY[]");
	if (input == NULL)
		return;
	if (i_stream_get_size(input, TRUE, &size) > 0) {
		ctx->box->follow->set->callbacks->received(
			ctx->box->follow->set->context, size);
	}
	if (ctx->pending || mail == &ctx->mails[ctx->decided])
		save_body(ctx, mail, input);
	else
		save_stash(ctx, mail, input);
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
		if (mail->local != NULL || mail->state != FOLLOW_REMOTE_WAITING)
			continue;
		if (count == SAVE_BATCH_MESSAGES || bytes >= SAVE_BATCH_BYTES ||
		    (count > 0 && (mail->uid == suspect_uid ||
				   ctx->mails[first].uid == suspect_uid)))
			break;
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

	if (ctx->failed || ctx->decided >= ctx->asked ||
	    set->callbacks->is_stopped(set->context))
		return;
	uid = ctx->mails[ctx->decided].uid;
	save_begin(ctx);
	if (hdr->suspect_uid != uid) {
		hdr->suspect_uid = uid;
	} else {
		hdr->suspect_uid = 0;
		save_set_pending(ctx->box, uid, TRUE);
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
	if (ret == 0)
		save_check_suspect(ctx);
	else
		save_lost(ctx);
	return ret;
}

static void
save_one_answered(const struct imapc_command_reply *reply, void *context)
{
	struct save_context *ctx = context;

	if (reply->state == IMAPC_COMMAND_STATE_NO)
		ctx->refused = p_strdup(ctx->box->pool, reply->text_full);
}

/* Alone: whatever is wrong with it costs nobody else anything. */
static int save_one(struct save_context *ctx, struct follow_remote *mail)
{
	pool_t pool = ctx->box->pool;

	ctx->refused = NULL;
	migration_remote_send(ctx->remote, save_one_answered, ctx,
			      "UID FETCH %u (BODY.PEEK[])", mail->uid);
	if (migration_remote_wait(ctx->remote, 0) < 0)
		return -1;
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
		i_close_fd(&ctx->mails[i].stash_fd);
	if (ctx->failed && ctx->trans != NULL)
		mailbox_transaction_rollback(&ctx->trans);
	if (ctx->failed && ctx->flags_trans != NULL)
		mailbox_transaction_rollback(&ctx->flags_trans);
	save_commit(ctx);
	follow_match_deinit(&ctx->match);
	if (ctx->failed)
		return 0;
	save_note_pending(ctx);
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
		if (follow_fetch_find(box, uid) == NULL)
			array_push_back(&gone, &uid);
	}
	array_foreach_elem(&gone, uid) {
		save_begin(&ctx);
		save_set_pending(box, uid, FALSE);
	}
	ret = save_missing(&ctx);
	return save_finish(&ctx, ret);
}

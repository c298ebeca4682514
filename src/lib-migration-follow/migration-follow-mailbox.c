/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "imap-arg.h"
#include "seq-range-array.h"
#include "imapc-client.h"
#include "mail-storage-private.h"
#include "migration-remote.h"
#include "migration-follow-private.h"

void follow_mailbox_report(struct follow_mailbox *box)
{
	const struct migration_follow_settings *set = box->follow->set;
	unsigned int total = box->exists;

	set->callbacks->mailbox(set->context, box->folder->name,
				total - I_MIN(total, box->missing), total,
				box->hdr->bytes);
}

void follow_mailbox_note(struct follow_mailbox *box, uint32_t uid,
			 const char *text)
{
	const struct migration_follow_settings *set = box->follow->set;

	set->callbacks->note(set->context, box->folder->name, uid, text);
}

int follow_mailbox_failed(struct follow_mailbox *box, struct mailbox *failed)
{
	struct migration_follow *follow = box->follow;
	enum mail_error error;
	const char *text = mailbox_get_last_internal_error(failed, &error);

	box->error = p_strdup(box->pool, text);
	if (error == MAIL_ERROR_NOQUOTA || error == MAIL_ERROR_UNAVAILABLE ||
	    error == MAIL_ERROR_PERM) {
		/* the others will not do better */
		follow->local_error =
			follow_mailbox_error(follow, box->folder, text);
	}
	return 0;
}

static void
mailbox_untagged(const struct imapc_untagged_reply *reply, void *context)
{
	struct follow_mailbox *box = context;
	const char *key = reply->resp_text_key;

	if (strcasecmp(reply->name, "EXISTS") == 0) {
		box->exists = reply->num;
	} else if (key == NULL || reply->resp_text_value == NULL) {
		return;
	} else if (strcasecmp(key, "UIDVALIDITY") == 0) {
		if (str_to_uint32(reply->resp_text_value, &box->uid_validity) <
		    0)
			box->uid_validity = 0;
	} else if (strcasecmp(key, "UIDNEXT") == 0) {
		box->has_uid_next = str_to_uint32(reply->resp_text_value,
						  &box->uid_next) == 0 &&
				    box->uid_next > 0;
	} else if (strcasecmp(key, "HIGHESTMODSEQ") == 0 &&
		   migration_remote_has(box->follow->set->remote,
					"CONDSTORE")) {
		/* Yahoo tells it without CONDSTORE, see following.md */
		if (str_to_uint64(reply->resp_text_value,
				  &box->highest_modseq) < 0)
			box->highest_modseq = 0;
	}
}

static int mailbox_examine(struct follow_mailbox *box)
{
	struct migration_remote *remote = box->follow->set->remote;
	const char *error;
	int ret;

	box->uid_validity = 0;
	box->highest_modseq = 0;
	box->exists = 0;
	box->has_uid_next = FALSE;
	migration_remote_set_untagged(remote, mailbox_untagged, box);
	ret = migration_remote_examine(remote, box->listed->name,
				       migration_remote_has(remote,
							    "CONDSTORE"),
				       &error);
	migration_remote_set_untagged(remote, NULL, NULL);
	if (ret == 0) {
		box->error =
			p_strdup_printf(box->pool,
					"The provider does not open it: %s",
					error);
		box->refused = !migration_remote_refused_for_now(remote);
	} else if (ret > 0 && box->uid_validity == 0) {
		box->error = "The provider gives no UIDVALIDITY";
		box->refused = TRUE;
		ret = 0;
	}
	return ret;
}

/* By the look at all mailboxes. */
static bool mailbox_has_changed(const struct follow_mailbox *box)
{
	const struct migration_overview_folder *listed = box->listed;
	const struct migration_mark_header *hdr = box->hdr;

	return !listed->has_status || hdr->uid_validity == 0 || box->foreign ||
	       listed->uid_validity != hdr->uid_validity ||
	       listed->uid_next != hdr->last_uid + 1 ||
	       listed->messages != hdr->messages ||
	       /* without it nobody knows about flags */
	       (listed->highest_modseq == 0 && listed->messages > 0) ||
	       listed->highest_modseq != hdr->highest_modseq;
}

/* Nothing has been taken yet: the mailbox becomes the provider's. */
static int mailbox_adopt(struct follow_mailbox *box)
{
	const struct mailbox_update update = { .uid_validity =
						       box->uid_validity };
	struct mailbox_status status;

	mailbox_get_open_status(box->box, STATUS_UIDVALIDITY | STATUS_MESSAGES,
				&status);
	/* later on mail programs know those that the user has made */
	if (box->created || !box->follow->complete) {
		if (status.uidvalidity != box->uid_validity &&
		    (mailbox_update(box->box, &update) < 0 ||
		     mailbox_sync(box->box, 0) < 0))
			return follow_mailbox_failed(box, box->box);
		/* also if a run has come no further than to this place */
		if (status.messages > 0)
			box->hdr->adopted_next_uid = box->next_uid;
	}
	box->hdr->comparing = status.messages > 0;
	box->hdr->local_next_uid = 0;
	return 1;
}

static bool mailbox_is_renumbered(const struct follow_mailbox *box,
				  const struct follow_local *local)
{
	return local->record.remote_uid == 0 &&
	       local->uid < box->hdr->adopted_next_uid;
}

/* Files are made by a transaction that is external, and only taken away by one
   that is not. */
static int mailbox_copy_own(struct follow_mailbox *box)
{
	struct mailbox_transaction_context *trans;
	struct mail_save_context *save;
	struct follow_local *local;
	struct mail *mail;
	int ret = 0;

	/* later mail of the provider's must not make it more */
	box->hdr->adopted_next_uid =
		I_MIN(box->hdr->adopted_next_uid, box->hdr->last_uid + 1);
	trans = mailbox_transaction_begin(
		box->box,
		MAILBOX_TRANSACTION_FLAG_EXTERNAL |
			MAILBOX_TRANSACTION_FLAG_ASSIGN_UIDS,
		__func__);
	mail = mail_alloc(trans, MAIL_FETCH_STREAM_HEADER, NULL);
	array_foreach_modifiable(&box->locals, local) {
		if (ret < 0 || !mailbox_is_renumbered(box, local))
			continue;
		mail_set_seq(mail, local->seq);
		save = mailbox_save_alloc(trans);
		mailbox_save_copy_flags(save, mail);
		ret = mailbox_copy(&save, mail);
	}
	mail_free(&mail);
	if (ret < 0) {
		mailbox_transaction_rollback(&trans);
		return -1;
	}
	box->hdr->renumbering = TRUE;
	migration_mark_write(box->mark, trans);
	return mailbox_transaction_commit(&trans) < 0 ||
			       mailbox_sync(box->box, 0) < 0 ?
		       -1 :
		       0;
}

int follow_mailbox_end_renumbering(struct follow_mailbox *box)
{
	struct mailbox_transaction_context *trans;
	struct follow_local *local;
	struct mail *mail;

	if (!box->hdr->renumbering)
		return 0;
	follow_local_read(box);
	trans = mailbox_transaction_begin(box->box, 0, __func__);
	mail = mail_alloc(trans, 0, NULL);
	array_foreach_modifiable(&box->locals, local) {
		if (!mailbox_is_renumbered(box, local))
			continue;
		mail_set_seq(mail, local->seq);
		mail_expunge(mail);
	}
	mail_free(&mail);
	box->hdr->adopted_next_uid = 0;
	box->hdr->renumbering = FALSE;
	migration_mark_write(box->mark, trans);
	return mailbox_transaction_commit(&trans) < 0 ||
			       mailbox_sync(box->box, 0) < 0 ?
		       -1 :
		       0;
}

/* Mail that was here before the provider's UIDVALIDITY came has UIDs that
   belong to other messages for a mail program that knows the provider's
   mailbox: it gets new ones. If a run is killed between the two steps the next
   one goes on with the second. */
static int mailbox_renumber_own(struct follow_mailbox *box)
{
	follow_local_read(box);
	if ((!box->hdr->renumbering && mailbox_copy_own(box) < 0) ||
	    follow_mailbox_end_renumbering(box) < 0)
		return follow_mailbox_failed(box, box->box);
	return 1;
}

/* Another UIDVALIDITY than that of the mark: what is here is compared with
   what is there, and nothing is deleted. */
static int mailbox_rebuild(struct follow_mailbox *box)
{
	struct mailbox_transaction_context *trans;
	struct migration_mark_header *hdr = box->hdr;
	const uint32_t uid_validity = hdr->uid_validity;

	/* it needs the records */
	if (follow_mailbox_end_renumbering(box) < 0)
		return follow_mailbox_failed(box, box->box);
	i_zero(hdr);
	hdr->uid_validity = box->uid_validity;
	hdr->comparing = TRUE;
	array_clear(migration_mark_pending(box->mark));
	array_clear(migration_mark_left_out(box->mark));
	if (uid_validity != box->uid_validity) {
		e_info(box->box->event,
		       "The provider has made the mailbox anew (UIDVALIDITY %u "
		       "-> %u): its messages are compared with those here",
		       uid_validity, box->uid_validity);
	}
	trans = mailbox_transaction_begin(box->box, 0, __func__);
	migration_mark_reset(box->mark, trans);
	migration_mark_write(box->mark, trans);
	if (mailbox_transaction_commit(&trans) < 0 ||
	    mailbox_sync(box->box, 0) < 0)
		return follow_mailbox_failed(box, box->box);
	return 1;
}

static int mailbox_prepare(struct follow_mailbox *box)
{
	struct migration_mark_header *hdr = box->hdr;

	if (hdr->uid_validity != 0) {
		return hdr->uid_validity == box->uid_validity && !box->foreign ?
			       1 :
			       mailbox_rebuild(box);
	}
	hdr->uid_validity = box->uid_validity;
	if (box->folder->uid_validity == box->uid_validity &&
	    box->folder->last_uid > 0) {
		/* it was deleted here, or its index is lost */
		hdr->taken_uid = box->folder->last_uid;
	}
	return mailbox_adopt(box);
}

static unsigned int mailbox_count_missing(const struct follow_mailbox *box)
{
	return array_count(&box->fresh) +
	       array_count(migration_mark_pending(box->mark));
}

/* What was left out and is not there any longer. */
static void mailbox_forget_left_out(struct follow_mailbox *box)
{
	ARRAY_TYPE(migration_mark_left_out) *list =
		migration_mark_left_out(box->mark);
	const struct migration_mark_left_out *left_out;
	unsigned int i;

	if (!box->all_uids_known)
		return;
	for (i = array_count(list); i > 0; i--) {
		left_out = array_idx(list, i - 1);
		if (!seq_range_exists(&box->all_uids, left_out->uid) &&
		    follow_fetch_find(box, left_out->uid) == NULL)
			array_delete(list, i - 1, 1);
	}
}

static void mailbox_note_left_out(struct follow_mailbox *box)
{
	const struct migration_mark_left_out *left_out;

	array_foreach(migration_mark_left_out(box->mark), left_out) {
		follow_mailbox_note(
			box, left_out->uid,
			t_strdup_printf("Left out for its size of %" PRIu64
					" bytes, see max_size",
					migration_mark_left_out_size(left_out)));
	}
	if (box->hdr->left_out_more > 0) {
		follow_mailbox_note(
			box, 0,
			t_strdup_printf("%u more messages were left out for "
					"their size, see max_size",
					box->hdr->left_out_more));
	}
}

/* Followed to the end. */
static int mailbox_finish(struct follow_mailbox *box)
{
	struct mailbox_transaction_context *trans;
	struct migration_mark_header *hdr = box->hdr;
	const struct follow_remote *last;

	if (array_count(&box->fresh) > 0) {
		last = array_back(&box->fresh);
		hdr->last_uid = I_MAX(hdr->last_uid, last->uid);
	}
	if (box->has_uid_next)
		hdr->last_uid = I_MAX(hdr->last_uid, box->uid_next - 1);
	hdr->messages = box->exists;
	if (box->doubtful) {
		hdr->messages = MIGRATION_MARK_UNKNOWN;
		follow_mailbox_note(
			box, 0,
			t_strdup_printf("The provider says that there are "
					"%u messages, but lists others: "
					"nothing is expunged here",
					box->exists));
	}
	if (!box->flags_unknown)
		hdr->highest_modseq = box->highest_modseq;
	mailbox_forget_left_out(box);
	hdr->left_out_more += box->left_out_more;
	hdr->comparing = FALSE;
	hdr->list_losses = 0;
	hdr->taken_uid = 0;
	hdr->moved_next_uid = 0;
	hdr->suspect_uid = 0;
	hdr->local_next_uid = box->next_uid;
	trans = mailbox_transaction_begin(box->box, 0, __func__);
	migration_mark_write(box->mark, trans);
	if (mailbox_transaction_commit(&trans) < 0)
		return follow_mailbox_failed(box, box->box);
	return 1;
}

static int mailbox_follow(struct follow_mailbox *box)
{
	int ret;

	if ((ret = mailbox_examine(box)) <= 0 ||
	    (ret = mailbox_prepare(box)) <= 0 ||
	    (ret = follow_fetch_list(box)) <= 0)
		return ret;
	follow_local_read(box);
	box->missing = mailbox_count_missing(box);
	follow_mailbox_report(box);
	if ((ret = follow_local_update(box)) <= 0)
		return ret;
	follow_local_read(box);
	if (array_count(&box->fresh) > 0) {
		if ((ret = follow_pop3(box)) <= 0 ||
		    (ret = follow_save(box)) <= 0)
			return ret;
	}
	if (box->hdr->adopted_next_uid > 0 &&
	    (ret = mailbox_renumber_own(box)) <= 0)
		return ret;
	ret = mailbox_finish(box);
	box->missing = array_count(migration_mark_pending(box->mark));
	follow_mailbox_report(box);
	return ret;
}

void follow_mailbox_init(struct follow_mailbox *box,
			 struct migration_follow *follow,
			 const struct follow_pair *pair,
			 struct mailbox *mailbox)
{
	struct mailbox_status status;

	i_zero(box);
	box->follow = follow;
	box->listed = pair->listed;
	box->folder = pair->folder;
	box->created = pair->created;
	box->foreign = pair->foreign;
	box->box = mailbox;
	box->pool = pool_alloconly_create("follow mailbox", 1024 * 16);
	box->mark = migration_mark_init(mailbox);
	box->hdr = migration_mark_header(box->mark);
	p_array_init(&box->locals, box->pool, 128);
	p_array_init(&box->known, box->pool, 128);
	p_array_init(&box->fresh, box->pool, 128);
	p_array_init(&box->untold, box->pool, 8);
	i_array_init(&box->all_uids, 128);
	mailbox_get_open_status(mailbox, STATUS_UIDNEXT, &status);
	box->next_uid = status.uidnext;
}

void follow_mailbox_deinit(struct follow_mailbox *box)
{
	array_free(&box->all_uids);
	migration_mark_deinit(&box->mark);
	pool_unref(&box->pool);
}

void follow_mailbox_estimate(struct follow_mailbox *box)
{
	const struct follow_local *local;
	unsigned int here = 0;

	box->exists = box->listed->messages;
	if (mailbox_has_changed(box)) {
		follow_local_read(box);
		array_foreach(&box->locals, local) {
			if (local->record.remote_uid != 0)
				here++;
		}
		box->missing = box->exists - I_MIN(box->exists, here);
	}
	follow_mailbox_report(box);
}

int follow_mailbox_run(struct follow_mailbox *box)
{
	int ret;

	if (!mailbox_has_changed(box)) {
		box->exists = box->listed->messages;
		box->missing = array_count(migration_mark_pending(box->mark));
		follow_local_read(box);
		ret = follow_local_update(box);
		follow_mailbox_report(box);
	} else {
		if (box->follow->set->unclean)
			box->hdr->comparing = TRUE;
		ret = mailbox_follow(box);
		migration_remote_close(box->follow->set->remote);
	}
	follow_pop3_note(box);
	if (ret > 0)
		mailbox_note_left_out(box);
	return ret;
}

/* Of an earlier message it was said why it is missing. */
static void mailbox_note_unasked(struct follow_mailbox *box, const char *why)
{
	uint32_t uid;

	array_foreach_elem(migration_mark_pending(box->mark), uid) {
		if (follow_fetch_find(box, uid) == NULL)
			follow_mailbox_note(box, uid, why);
	}
}

int follow_mailbox_retry_pending(struct follow_mailbox *box)
{
	int ret;

	ret = mailbox_examine(box);
	if (ret > 0 && box->uid_validity == box->hdr->uid_validity) {
		if ((ret = follow_fetch_pending(box)) > 0 &&
		    (ret = follow_pop3(box)) > 0)
			ret = follow_save_pending(box);
	}
	if (ret < 0) {
		mailbox_note_unasked(box, "The connection was lost before it "
					  "could be asked for again");
	} else if (ret == 0) {
		mailbox_note_unasked(box, box->error);
	}
	migration_remote_close(box->follow->set->remote);
	follow_pop3_note(box);
	return ret;
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "imap-arg.h"
#include "imap-date.h"
#include "imap-utf7.h"
#include "imap-util.h"
#include "seq-range-array.h"
#include "str.h"
#include "imapc-client.h"
#include "mail-index.h"
#include "mail-namespace.h"
#include "mail-storage-private.h"
#include "migration-remote.h"
#include "migration-verify-private.h"

void verify_mailbox_tell(struct verify_mailbox *box, uint32_t uid,
			 bool explained, const char *text)
{
	const struct migration_verify_settings *set = box->verify->set;

	if (box->told[explained ? 1 : 0]++ < MIGRATION_VERIFY_MAX_DIFFERENCES) {
		set->callbacks->difference(set->context, box->result.name, uid,
					   explained, text);
	}
}

static int verify_message_uid_cmp(const uint32_t *uid,
				  const struct verify_message *message)
{
	if (*uid == message->uid)
		return 0;
	return *uid < message->uid ? -1 : 1;
}

struct verify_message *
verify_mailbox_find(struct verify_mailbox *box, uint32_t uid)
{
	const struct verify_message *message =
		array_bsearch(&box->messages, &uid, verify_message_uid_cmp);

	return message == NULL ?
		       NULL :
		       array_idx_modifiable(&box->messages,
					    array_ptr_to_idx(&box->messages,
							     message));
}

/* --- here --- */

static void verify_here_failed(struct verify_mailbox *box)
{
	box->error =
		p_strdup(box->pool,
			 mailbox_get_last_internal_error(box->mailbox, NULL));
}

/* What Dovecot believes to have, and then what it finds. */
static int verify_read_here(struct verify_mailbox *box)
{
	ARRAY_TYPE(follow_local) believed;
	const struct follow_local *local, *found;

	follow_local_read(&box->box);
	p_array_init(&believed, box->pool, array_count(&box->box.locals) + 1);
	array_append_array(&believed, &box->box.locals);
	/* Maildir would leave out what was changed in the same second */
	if (mailbox_sync(box->mailbox, MAILBOX_SYNC_FLAG_FULL_READ) < 0)
		return -1;
	follow_local_read(&box->box);
	array_foreach(&believed, local) {
		if (local->record.remote_uid == 0)
			continue;
		found = follow_local_find(&box->box, local->record.remote_uid);
		if (found == NULL) {
			seq_range_array_add(&box->lost_uids,
					    local->record.remote_uid);
		}
	}
	return 0;
}

/* Leaves is_open as it is if there is no such mailbox. */
static void verify_open_here(struct verify_mailbox *box)
{
	const struct follow_pair *pair = box->pair;
	struct mailbox_metadata metadata;
	enum mailbox_existence existence;

	box->mailbox = mailbox_alloc(box->verify->set->ns->list,
				     pair->folder->name, MAILBOX_FLAG_READONLY);
	if (mailbox_exists(box->mailbox, FALSE, &existence) < 0) {
		verify_here_failed(box);
		return;
	}
	if (existence != MAILBOX_EXISTENCE_SELECT) {
		box->not_made = guid_128_is_empty(pair->folder->guid);
		return;
	}
	if (mailbox_open(box->mailbox) < 0) {
		verify_here_failed(box);
		return;
	}
	follow_mailbox_init(&box->box, &box->verify->follow, pair,
			    box->mailbox);
	box->is_open = TRUE;
	if (verify_read_here(box) < 0 ||
	    mailbox_get_metadata(box->mailbox, MAILBOX_METADATA_GUID,
				 &metadata) < 0) {
		verify_here_failed(box);
		return;
	}
	box->box.foreign = !guid_128_equals(pair->folder->guid, metadata.guid);
	box->result.here = array_count(&box->box.locals);
}

/* Which marks there are, and whether they are of the provider's mailbox as it
   is now. */
static void verify_set_mark(struct verify_mailbox *box)
{
	const struct migration_folder *folder = box->pair->folder;
	const struct migration_mark_header *hdr = box->box.hdr;

	box->mark.max_size = box->verify->set->max_size;
	if (box->is_open && !box->box.foreign && hdr->uid_validity != 0) {
		box->marked = hdr->uid_validity == box->uid_validity;
		if (box->marked)
			box->mark.last_uid =
				I_MAX(hdr->last_uid, hdr->taken_uid);
	} else if (folder->last_uid > 0 &&
		   folder->uid_validity == box->uid_validity) {
		/* it was deleted here, or its index is lost */
		box->mark.lost = box->is_open && !box->box.foreign;
		box->mark.last_uid = folder->last_uid;
	}
	if (!box->marked && folder->uid_validity != 0 &&
	    folder->uid_validity != box->uid_validity)
		box->remark = "UIDVALIDITY changed at the provider";
}

static void verify_set_uid_validity(struct verify_mailbox *box)
{
	struct mailbox_status status;

	if (!box->is_open)
		return;
	mailbox_get_open_status(box->mailbox, STATUS_UIDVALIDITY, &status);
	box->result.uid_validity = status.uidvalidity == box->uid_validity ?
					   MIGRATION_VERIFY_UID_VALIDITY_SAME :
					   MIGRATION_VERIFY_UID_VALIDITY_OTHER;
}

/* --- there --- */

static void
verify_examined(const struct imapc_untagged_reply *reply, void *context)
{
	struct verify_mailbox *box = context;

	if (strcasecmp(reply->name, "EXISTS") == 0) {
		box->exists = reply->num;
	} else if (reply->resp_text_key != NULL &&
		   reply->resp_text_value != NULL &&
		   strcasecmp(reply->resp_text_key, "UIDVALIDITY") == 0) {
		if (str_to_uint32(reply->resp_text_value, &box->uid_validity) <
		    0)
			box->uid_validity = 0;
	}
}

static void verify_refused(struct verify_mailbox *box, const char *error)
{
	box->error = p_strdup_printf(box->pool, "The provider refuses it: %s",
				     error);
}

static int verify_examine(struct verify_mailbox *box)
{
	struct migration_remote *remote = box->verify->set->remote;
	const char *error;
	int ret;

	migration_remote_set_untagged(remote, verify_examined, box);
	ret = migration_remote_examine(remote, box->pair->listed->name, FALSE,
				       &error);
	migration_remote_set_untagged(remote, NULL, NULL);
	if (ret == 0) {
		verify_refused(box, error);
	} else if (ret > 0 && box->uid_validity == 0) {
		verify_refused(box, "no UIDVALIDITY");
		ret = 0;
	}
	return ret;
}

static void
verify_parse_flags(struct verify_mailbox *box, const struct imap_arg *list,
		   struct migration_flags *flags_r)
{
	const char *atom;

	for (; !IMAP_ARG_IS_EOL(list); list++) {
		if (!imap_arg_get_atom(list, &atom))
			continue;
		if (*atom == '\\') {
			flags_r->flags |= imap_parse_system_flag(atom) &
					  MIGRATION_FLAGS_MASK;
		} else if (box->is_open) {
			flags_r->keywords |=
				migration_mark_keyword(box->box.mark, atom);
		}
	}
}

static void
verify_listed(struct verify_mailbox *box, const struct imap_arg *args)
{
	const struct imap_arg *list, *flags, *arg;
	struct verify_message *message;
	const char *value;
	uint64_t uid, size;
	int tz;

	if (!imap_arg_get_list(&args[0], &list) ||
	    !migration_remote_get_number(list, "UID", &uid) || uid == 0 ||
	    uid >= (uint32_t)-1 ||
	    (arg = migration_remote_get_value(list, "FLAGS")) == NULL ||
	    !imap_arg_get_list(arg, &flags))
		return;
	message = array_append_space(&box->messages);
	message->uid = uid;
	message->size =
		migration_remote_get_number(list, "RFC822.SIZE", &size) ?
			size :
			UOFF_T_MAX;
	arg = migration_remote_get_value(list, "INTERNALDATE");
	if (arg == NULL || !imap_arg_get_astring(arg, &value) ||
	    !imap_parse_datetime(value, &message->received, &tz))
		message->received = (time_t)-1;
	verify_parse_flags(box, flags, &message->flags);
}

static void
verify_list_untagged(const struct imapc_untagged_reply *reply, void *context)
{
	struct verify_mailbox *box = context;
	const struct migration_verify_settings *set = box->verify->set;

	if (set->callbacks->is_stopped(set->context)) {
		migration_remote_abort(set->remote);
	} else if (strcasecmp(reply->name, "FETCH") == 0) {
		T_BEGIN
		{
			verify_listed(box, reply->args);
		}
		T_END;
	} else if (strcasecmp(reply->name, "EXISTS") == 0) {
		box->exists = reply->num;
	} else if (strcasecmp(reply->name, "EXPUNGE") == 0 && box->exists > 0) {
		box->exists--;
	}
}

static int verify_message_cmp(const struct verify_message *a,
			      const struct verify_message *b)
{
	return verify_message_uid_cmp(&a->uid, b);
}

/* A message may be told about twice, the second time with its flags only. */
static void verify_sort(struct verify_mailbox *box)
{
	struct verify_message *messages;
	unsigned int i, count, kept = 0;

	/* stable */
	array_sort(&box->messages, verify_message_cmp);
	messages = array_get_modifiable(&box->messages, &count);
	for (i = 0; i < count; i++) {
		if (kept > 0 && messages[kept - 1].uid == messages[i].uid)
			messages[kept - 1].flags = messages[i].flags;
		else
			messages[kept++] = messages[i];
	}
	array_delete(&box->messages, kept, count - kept);
}

static int verify_list(struct verify_mailbox *box)
{
	struct migration_remote *remote = box->verify->set->remote;
	const char *error;
	int ret = 1;

	if (box->exists > 0) {
		migration_remote_set_untagged(remote, verify_list_untagged,
					      box);
		ret = migration_remote_command(
			remote, &error,
			"UID FETCH 1:* (UID FLAGS RFC822.SIZE%1s)",
			box->marked && !box->box.hdr->comparing ?
				"" :
				" INTERNALDATE");
		migration_remote_set_untagged(remote, NULL, NULL);
	}
	verify_sort(box);
	box->result.there = array_count(&box->messages);
	if (ret == 0) {
		verify_refused(box, error);
	} else if (ret > 0 && box->result.there != box->exists) {
		box->error = p_strdup_printf(
			box->pool,
			"The provider counts %u messages and lists "
			"%u",
			box->exists, box->result.there);
	}
	return ret;
}

/* --- both --- */

static void verify_pair_up(struct verify_mailbox *box)
{
	struct verify_message *message;
	struct follow_local *local;

	if (!box->is_open)
		return;
	if (box->marked) {
		array_foreach_modifiable(&box->messages, message) {
			local = follow_local_find(&box->box, message->uid);
			if (local == NULL)
				continue;
			local->taken = TRUE;
			message->local_uid = local->uid;
			message->local_seq = local->seq;
		}
	}
	if (!box->marked || box->box.hdr->comparing)
		verify_match(box);
}

/* What is here and not there. */
static void verify_count_rest(struct verify_mailbox *box)
{
	const struct follow_local *local;

	if (!box->is_open)
		return;
	array_foreach(&box->box.locals, local) {
		if (local->taken)
			continue;
		if (box->marked && local->record.remote_uid != 0)
			box->gone_there++;
		else
			box->own++;
	}
}

static bool verify_is_pending(struct verify_mailbox *box, uint32_t uid)
{
	uint32_t pending_uid;

	if (!box->marked)
		return FALSE;
	array_foreach_elem(migration_mark_pending(box->box.mark), pending_uid) {
		if (pending_uid == uid)
			return TRUE;
	}
	return FALSE;
}

static bool verify_is_left_out(struct verify_mailbox *box, uint32_t uid)
{
	const struct migration_mark_left_out *left_out;

	if (!box->marked)
		return FALSE;
	array_foreach(migration_mark_left_out(box->box.mark), left_out) {
		if (left_out->uid == uid)
			return TRUE;
	}
	return FALSE;
}

static void
verify_where(struct verify_mailbox *box, const struct verify_message *message)
{
	const struct migration_verify_message rule = {
		.uid = message->uid,
		.size = message->size,
		.local_uid = message->local_uid,
		.pending = verify_is_pending(box, message->uid),
		.lost = seq_range_exists(&box->lost_uids, message->uid),
		.left_out = verify_is_left_out(box, message->uid),
	};
	enum migration_verify_verdict verdict =
		migration_verify_message(&box->mark, &rule);
	bool missing = migration_verify_is_missing(verdict);
	const char *text = migration_verify_to_text(verdict);

	box->verdicts[verdict]++;
	if (missing)
		box->result.missing++;
	if (verdict == MIGRATION_VERIFY_OTHER_UID) {
		text = t_strdup_printf("has the UID %u here",
				       message->local_uid);
	}
	if (text != NULL)
		verify_mailbox_tell(box, message->uid, !missing, text);
}

static void verify_get_flags(struct verify_mailbox *box, uint32_t seq,
			     struct migration_flags *flags_r, uint32_t *hash_r)
{
	struct mail_index_view *view = box->mailbox->view;
	const ARRAY_TYPE(keywords) *names =
		mail_index_get_keywords(box->mailbox->index);
	ARRAY_TYPE(keyword_indexes) keywords;
	unsigned int idx;

	t_array_init(&keywords, 32);
	mail_index_lookup_keywords(view, seq, &keywords);
	flags_r->flags = mail_index_lookup(view, seq)->flags &
			 MIGRATION_FLAGS_MASK;
	flags_r->keywords = 0;
	*hash_r = follow_local_hash(flags_r->flags, &keywords);
	array_foreach_elem(&keywords, idx) {
		flags_r->keywords |=
			migration_mark_keyword(box->box.mark,
					       array_idx_elem(names, idx));
	}
}

static void verify_compare_flags(struct verify_mailbox *box,
				 const struct verify_message *message)
{
	struct migration_mark_record record;
	struct migration_flags here;
	uint32_t hash;

	verify_get_flags(box, message->local_seq, &here, &hash);
	migration_mark_read_record(box->box.mark, message->local_seq, &record);
	switch (migration_verify_flags(&message->flags, &here,
				       box->marked && record.remote_uid != 0 ?
					       &record.seen :
					       NULL,
				       hash != record.local_hash)) {
	case MIGRATION_VERIFY_FLAGS_SAME:
		return;
	case MIGRATION_VERIFY_FLAGS_CHANGED_HERE:
		box->changed_here++;
		verify_mailbox_tell(box, message->uid, TRUE,
				    "flags were changed here");
		return;
	case MIGRATION_VERIFY_FLAGS_CHANGED_THERE:
		box->changed_there++;
		box->result.flags++;
		verify_mailbox_tell(box, message->uid, FALSE,
				    "flags were changed at the provider since "
				    "the last sync");
		return;
	case MIGRATION_VERIFY_FLAGS_DIFFER:
		box->result.flags++;
		verify_mailbox_tell(box, message->uid, FALSE, "flags differ");
		return;
	}
	i_unreached();
}

static void
verify_compare_size(struct verify_mailbox *box, struct verify_message *message)
{
	struct istream *input;
	uoff_t size;

	mail_set_seq(box->mail, message->local_seq);
	/* its size may be known from a cache when its file is gone */
	if (mail_get_stream(box->mail, NULL, NULL, &input) < 0 ||
	    mail_get_virtual_size(box->mail, &size) < 0) {
		seq_range_array_add(&box->lost_uids, message->uid);
		return;
	}
	if (message->size != UOFF_T_MAX && message->size != size)
		message->size_differs = TRUE;
}

static void
verify_compare(struct verify_mailbox *box, struct verify_message *message)
{
	if (message->local_uid != 0)
		verify_compare_size(box, message);
	verify_where(box, message);
	if (message->local_uid != 0 &&
	    !seq_range_exists(&box->lost_uids, message->uid))
		verify_compare_flags(box, message);
	else
		message->local_uid = 0;
}

static int verify_messages(struct verify_mailbox *box)
{
	const struct migration_verify_settings *set = box->verify->set;
	struct verify_message *message;
	int ret;

	if (box->is_open) {
		box->trans = mailbox_transaction_begin(
			box->mailbox, MAILBOX_TRANSACTION_FLAG_NO_CACHE_DEC,
			__func__);
		box->mail =
			mail_alloc(box->trans, MAIL_FETCH_VIRTUAL_SIZE, NULL);
	}
	array_foreach_modifiable(&box->messages, message) {
		if (set->callbacks->is_stopped(set->context)) {
			migration_remote_abort(set->remote);
			break;
		}
		T_BEGIN
		{
			verify_compare(box, message);
		}
		T_END;
	}
	ret = box->is_open ? verify_bodies(box) : 1;
	if (box->mail != NULL)
		mail_free(&box->mail);
	/* what was learned about the mail here is not written down */
	if (box->trans != NULL)
		mailbox_transaction_rollback(&box->trans);
	return ret;
}

static int verify_compare_all(struct verify_mailbox *box)
{
	const struct migration_overview_folder *listed = box->pair->listed;
	int ret = 1;

	if (box->error != NULL)
		return 0;
	if (listed->has_status && listed->messages == 0)
		box->uid_validity = listed->uid_validity;
	else
		ret = verify_examine(box);
	if (ret <= 0)
		return ret;
	verify_set_mark(box);
	verify_set_uid_validity(box);
	if ((ret = verify_list(box)) <= 0)
		return ret;
	verify_pair_up(box);
	verify_count_rest(box);
	return verify_messages(box);
}

/* --- the result --- */

static void
verify_add_count(string_t *str, unsigned int count, const char *text)
{
	if (count == 0)
		return;
	str_printfa(str, "%s%u %s", str_len(str) == 0 ? "" : ", ", count, text);
}

static const char *verify_get_text(struct verify_mailbox *box)
{
	string_t *str = t_str_new(128);
	unsigned int i;

	if (box->error != NULL)
		return box->error;
	if (box->remark != NULL)
		str_append(str, box->remark);
	else if (box->not_made)
		str_append(str, "not made here yet");
	else if (!box->is_open)
		str_append(str, "the mailbox was deleted or renamed here");
	/* what has to be done comes first */
	for (i = MIGRATION_VERIFY_VERDICTS; i-- > 0;) {
		if (box->verdicts[i] > 0 && i != MIGRATION_VERIFY_SAME) {
			verify_add_count(str, box->verdicts[i],
					 migration_verify_to_count_text(i));
		}
	}
	verify_add_count(str, box->undelivered,
			 "not delivered for the comparison");
	verify_add_count(str, box->changed_there, "changed at the provider");
	verify_add_count(str, box->gone_there, "expunged at the provider");
	verify_add_count(str, box->changed_here, "changed here");
	verify_add_count(str, box->own, "of the user's own");
	verify_add_count(str, box->wrong_sizes,
			 "whose size the provider tells wrong");
	return str_c(str);
}

static void verify_report(struct verify_mailbox *box)
{
	const struct migration_verify_settings *set = box->verify->set;
	struct migration_verify_mailbox *result = &box->result;
	string_t *utf8 = t_str_new(128);

	result->remote_name = box->pair->listed->name;
	if (imap_utf7_to_utf8(result->remote_name, utf8) == 0)
		result->remote_name = str_c(utf8);
	result->failed = box->error != NULL;
	if (result->failed)
		verify_mailbox_tell(box, 0, FALSE, box->error);
	else if (box->not_made)
		verify_mailbox_tell(box, 0, FALSE, "not made here yet");
	result->same = !result->failed && !box->not_made &&
		       result->missing == 0 && result->flags == 0 &&
		       result->sizes == 0 && result->bodies == 0 &&
		       box->undelivered == 0;
	result->text = verify_get_text(box);
	set->callbacks->mailbox(set->context, result);
}

int verify_mailbox_run(struct migration_verify *verify,
		       const struct follow_pair *pair)
{
	struct verify_mailbox box;
	int ret;

	i_zero(&box);
	box.verify = verify;
	box.pair = pair;
	box.pool = pool_alloconly_create("verify mailbox", 1024 * 16);
	box.result.name = pair->folder->name;
	i_array_init(&box.messages, 128);
	p_array_init(&box.lost_uids, box.pool, 8);
	verify_open_here(&box);
	ret = verify_compare_all(&box);
	migration_remote_close(verify->set->remote);
	if (ret >= 0)
		verify_report(&box);
	if (box.is_open)
		follow_mailbox_deinit(&box.box);
	mailbox_free(&box.mailbox);
	array_free(&box.messages);
	pool_unref(&box.pool);
	return ret < 0 ? -1 : 0;
}

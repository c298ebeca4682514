/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "mail-index.h"
#include "mail-storage-private.h"
#include "migration-follow-private.h"

uint32_t follow_local_hash(enum mail_flags flags,
			   const ARRAY_TYPE(keyword_indexes) *keywords)
{
	uint32_t hash = (flags & MIGRATION_FLAGS_MASK) + 1;
	unsigned int idx;

	/* in whatever order they come */
	array_foreach_elem(keywords, idx)
		hash += (idx + 1) * 2654435761U;
	return hash;
}

static int
follow_local_cmp(const struct follow_local *a, const struct follow_local *b)
{
	if (a->record.remote_uid != b->record.remote_uid) {
		return a->record.remote_uid < b->record.remote_uid ? -1 : 1;
	}
	return a->uid < b->uid ? -1 : 1;
}

void follow_local_read(struct follow_mailbox *box)
{
	struct mail_index_view *view = box->box->view;
	ARRAY_TYPE(keyword_indexes) keywords;
	const struct mail_index_record *rec;
	struct follow_local *local;
	uint32_t seq, count = mail_index_view_get_messages_count(view);

	t_array_init(&keywords, 32);
	array_clear(&box->locals);
	for (seq = 1; seq <= count; seq++) {
		rec = mail_index_lookup(view, seq);
		mail_index_lookup_keywords(view, seq, &keywords);
		local = array_append_space(&box->locals);
		local->seq = seq;
		local->uid = rec->uid;
		local->hash = follow_local_hash(rec->flags, &keywords);
		migration_mark_read_record(box->mark, seq, &local->record);
	}
	array_sort(&box->locals, follow_local_cmp);
}

static int follow_local_uid_cmp(const uint32_t *remote_uid,
				const struct follow_local *local)
{
	if (*remote_uid == local->record.remote_uid)
		return 0;
	return *remote_uid < local->record.remote_uid ? -1 : 1;
}

struct follow_local *
follow_local_find(struct follow_mailbox *box, uint32_t remote_uid)
{
	const struct follow_local *local =
		array_bsearch(&box->locals, &remote_uid, follow_local_uid_cmp);

	return local == NULL ?
		       NULL :
		       array_idx_modifiable(&box->locals,
					    array_ptr_to_idx(&box->locals,
							     local));
}

const char *const *follow_keyword_names(struct follow_mailbox *box,
					const struct follow_remote *mail)
{
	ARRAY_TYPE(const_string) names;
	const char *name;
	unsigned int bit;

	t_array_init(&names, 8);
	for (bit = 0; bit < MIGRATION_MARK_KEYWORDS; bit++) {
		if ((mail->flags.keywords & ((uint64_t)1 << bit)) == 0)
			continue;
		name = migration_mark_keyword_name(box->mark, bit);
		array_push_back(&names, &name);
	}
	if (mail->more_keywords != NULL) {
		array_append(&names, mail->more_keywords,
			     str_array_length(mail->more_keywords));
	}
	array_append_zero(&names);
	return array_front(&names);
}

static void local_change_keywords(struct follow_mailbox *box, struct mail *mail,
				  enum modify_type type, uint64_t bits)
{
	const struct follow_remote named = { .flags = { .keywords = bits } };
	struct mail_keywords *keywords;

	if (bits == 0)
		return;
	keywords = follow_keywords_create(box->box,
					  follow_keyword_names(box, &named));
	mail_update_keywords(mail, type, keywords);
	mailbox_keywords_unref(&keywords);
}

/* What the message will look like, for its record. */
static uint32_t
local_hash_changed(struct follow_mailbox *box, const struct follow_local *local,
		   const struct migration_flags_change *change)
{
	struct mail_index_view *view = box->box->view;
	const struct mail_index_record *rec =
		mail_index_lookup(view, local->seq);
	const struct follow_remote add = { .flags = change->add };
	const struct follow_remote remove = { .flags = change->remove };
	ARRAY_TYPE(keyword_indexes) current, result;
	struct mail_keywords *added, *removed;
	unsigned int i, idx;
	enum mail_flags flags;

	t_array_init(&current, 32);
	t_array_init(&result, 32);
	mail_index_lookup_keywords(view, local->seq, &current);
	added = follow_keywords_create(box->box,
				       follow_keyword_names(box, &add));
	removed = follow_keywords_create(box->box,
					 follow_keyword_names(box, &remove));
	for (i = 0; i < added->count; i++) {
		idx = added->idx[i];
		array_push_back(&result, &idx);
	}
	array_foreach_elem(&current, idx) {
		bool skip = FALSE;

		for (i = 0; i < added->count; i++)
			skip = skip || added->idx[i] == idx;
		for (i = 0; i < removed->count; i++)
			skip = skip || removed->idx[i] == idx;
		if (!skip)
			array_push_back(&result, &idx);
	}
	flags = (rec->flags | change->add.flags) &
		ENUM_NEGATE(change->remove.flags);
	mailbox_keywords_unref(&added);
	mailbox_keywords_unref(&removed);
	return follow_local_hash(flags, &result);
}

uint32_t follow_local_hash_changed(struct follow_mailbox *box,
				   const struct follow_local *local,
				   const struct migration_flags *add)
{
	const struct migration_flags_change change = { .add = *add };

	return local_hash_changed(box, local, &change);
}

static void
local_apply(struct follow_mailbox *box,
	    struct mailbox_transaction_context *trans, struct mail *mail,
	    struct follow_local *local, const struct follow_remote *remote)
{
	struct migration_mark_record record = local->record;
	struct migration_flags_change change;
	bool changed_here = local->hash != local->record.local_hash;

	record.local_hash = local->hash;
	record.seen = remote->flags;
	if (migration_flags_rule(&local->record.seen, &remote->flags,
				 changed_here, &change)) {
		mail_set_seq(mail, local->seq);
		record.local_hash = local_hash_changed(box, local, &change);
		if (change.add.flags != 0)
			mail_update_flags(mail, MODIFY_ADD, change.add.flags);
		if (change.remove.flags != 0)
			mail_update_flags(mail, MODIFY_REMOVE,
					  change.remove.flags);
		local_change_keywords(box, mail, MODIFY_ADD,
				      change.add.keywords);
		local_change_keywords(box, mail, MODIFY_REMOVE,
				      change.remove.keywords);
	}
	migration_mark_write_record(box->mark, trans, local->seq, &record);
	local->record = record;
	local->hash = record.local_hash;
}

static void local_expunge(struct follow_mailbox *box,
			  struct mailbox_transaction_context *trans,
			  struct mail *mail, struct follow_local *local)
{
	bool changed_here = local->hash != local->record.local_hash;
	uoff_t size;

	mail_set_seq(mail, local->seq);
	if (mail_get_virtual_size(mail, &size) < 0)
		size = 0;
	box->hdr->bytes -= I_MIN(size, box->hdr->bytes);
	if (migration_flags_expunge(changed_here,
				    box->follow->set->keep_expunged)) {
		mail_expunge(mail);
	} else {
		/* from now on the user's own */
		i_zero(&local->record);
		migration_mark_write_record(box->mark, trans, local->seq,
					    &local->record);
	}
}

int follow_local_update(struct follow_mailbox *box)
{
	struct mailbox_transaction_context *trans;
	struct follow_remote *remote;
	struct follow_local *local;
	struct mail *mail;
	bool changed = FALSE;

	trans = mailbox_transaction_begin(box->box, 0, __func__);
	mail = mail_alloc(trans, 0, NULL);
	array_foreach_modifiable(&box->known, remote) {
		local = follow_local_find(box, remote->uid);
		if (local == NULL)
			continue; /* deleted or moved away here */
		if (migration_flags_equal(&local->record.seen,
					  &remote->flags) &&
		    local->hash == local->record.local_hash)
			continue;
		T_BEGIN
		{
			local_apply(box, trans, mail, local, remote);
		}
		T_END;
		changed = TRUE;
	}
	array_foreach_modifiable(&box->locals, local) {
		if (local->record.remote_uid == 0)
			continue;
		if (box->all_uids_known &&
		    !seq_range_exists(&box->all_uids,
				      local->record.remote_uid)) {
			local_expunge(box, trans, mail, local);
			changed = TRUE;
		} else if (local->hash != local->record.local_hash) {
			/* what the user changed here up to now */
			local->record.local_hash = local->hash;
			migration_mark_write_record(box->mark, trans,
						    local->seq, &local->record);
			changed = TRUE;
		}
	}
	mail_free(&mail);
	if (!changed) {
		mailbox_transaction_rollback(&trans);
		return 1;
	}
	migration_mark_write(box->mark, trans);
	if (mailbox_transaction_commit(&trans) < 0 ||
	    mailbox_sync(box->box, 0) < 0)
		return follow_mailbox_failed(box, box->box);
	return 1;
}

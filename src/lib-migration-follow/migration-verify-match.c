/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "hash.h"
#include "mail-storage-private.h"
#include "migration-verify-private.h"

struct match_candidate {
	struct follow_local *local;
	struct match_candidate *next;
};

struct verify_match {
	struct verify_mailbox *box;
	pool_t pool;
	/* "date size" */
	HASH_TABLE(const char *, struct match_candidate *) candidates;
};

static const char *match_key(time_t received, uoff_t size)
{
	return t_strdup_printf("%" PRIdTIME_T " %" PRIuUOFF_T, received, size);
}

static void match_add(struct verify_match *match, struct mail *mail,
		      struct follow_local *local)
{
	struct match_candidate *candidate, *first;
	time_t received;
	uoff_t size;
	const char *key;

	mail_set_seq(mail, local->seq);
	if (mail_get_received_date(mail, &received) < 0 ||
	    mail_get_virtual_size(mail, &size) < 0)
		return;
	candidate = p_new(match->pool, struct match_candidate, 1);
	candidate->local = local;
	key = match_key(received, size);
	first = hash_table_lookup(match->candidates, key);
	if (first == NULL) {
		key = p_strdup(match->pool, key);
		hash_table_insert(match->candidates, key, candidate);
	} else {
		candidate->next = first->next;
		first->next = candidate;
	}
}

static void match_add_all(struct verify_match *match)
{
	struct verify_mailbox *box = match->box;
	struct mailbox_transaction_context *trans;
	struct follow_local *local;
	struct mail *mail;

	trans = mailbox_transaction_begin(box->mailbox,
					  MAILBOX_TRANSACTION_FLAG_NO_CACHE_DEC,
					  __func__);
	mail = mail_alloc(trans,
			  MAIL_FETCH_RECEIVED_DATE | MAIL_FETCH_VIRTUAL_SIZE,
			  NULL);
	array_foreach_modifiable(&box->box.locals, local) {
		if (local->taken ||
		    (box->marked && local->record.remote_uid != 0))
			continue;
		T_BEGIN
		{
			match_add(match, mail, local);
		}
		T_END;
	}
	mail_free(&mail);
	mailbox_transaction_rollback(&trans);
}

/* The one with the same UID, if there is. */
static struct follow_local *
match_find(struct verify_match *match, const struct verify_message *message)
{
	struct match_candidate *candidate;
	struct follow_local *found = NULL;

	candidate =
		hash_table_lookup(match->candidates,
				  match_key(message->received, message->size));
	for (; candidate != NULL; candidate = candidate->next) {
		if (candidate->local->taken)
			continue;
		if (candidate->local->uid == message->uid)
			return candidate->local;
		if (found == NULL || candidate->local->uid < found->uid)
			found = candidate->local;
	}
	return found;
}

static void match_take_all(struct verify_match *match)
{
	struct verify_message *message;
	struct follow_local *local;

	array_foreach_modifiable(&match->box->messages, message) {
		if (message->local_uid != 0)
			continue;
		T_BEGIN
		{
			local = match_find(match, message);
		}
		T_END;
		if (local == NULL)
			continue;
		local->taken = TRUE;
		message->local_uid = local->uid;
		message->local_seq = local->seq;
	}
}

void verify_match(struct verify_mailbox *box)
{
	struct verify_match match;

	i_zero(&match);
	match.box = box;
	match.pool = pool_alloconly_create("verify match", 1024 * 16);
	hash_table_create(&match.candidates, default_pool, 0, str_hash, strcmp);
	match_add_all(&match);
	match_take_all(&match);
	hash_table_destroy(&match.candidates);
	pool_unref(&match.pool);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "hash.h"
#include "istream.h"
#include "istream-crlf.h"
#include "str.h"
#include "mail-storage-private.h"
#include "migration-follow-private.h"

struct match_candidate {
	struct follow_local *local;
	uoff_t size;
	const char *message_id;
	struct match_candidate *next;
};

struct follow_match {
	struct follow_mailbox *box;
	pool_t pool;
	struct mailbox_transaction_context *trans;
	struct mail *mail;
	/* "date Message-ID" */
	HASH_TABLE(const char *, struct match_candidate *) candidates;
};

static const char *match_key(time_t received, const char *message_id)
{
	return t_strdup_printf("%" PRIdTIME_T " %s", received,
			       message_id == NULL ? "" : message_id);
}

/* Somebody else's message may be the same as one of the provider's. */
static bool match_is_leftover(struct follow_match *match)
{
	const struct migration_follow_settings *set = match->box->follow->set;
	const char *guid;

	return mail_get_special(match->mail, MAIL_FETCH_GUID, &guid) == 0 &&
	       set->callbacks->is_leftover(set->context, guid);
}

static void
match_add(struct follow_match *match, struct follow_local *local, bool leftover)
{
	struct match_candidate *candidate, *first;
	const char *id, *key;
	time_t received;
	uoff_t size;

	mail_set_seq(match->mail, local->seq);
	if (leftover && !match_is_leftover(match))
		return;
	if (mail_get_received_date(match->mail, &received) < 0 ||
	    mail_get_virtual_size(match->mail, &size) < 0)
		return;
	if (mail_get_first_header(match->mail, "Message-ID", &id) <= 0)
		id = "";
	id = t_str_trim(id, " \t\r\n");
	candidate = p_new(match->pool, struct match_candidate, 1);
	candidate->local = local;
	candidate->size = size;
	candidate->message_id = *id == '\0' ? NULL : p_strdup(match->pool, id);
	key = match_key(received, candidate->message_id);
	first = hash_table_lookup(match->candidates, key);
	if (first == NULL) {
		key = p_strdup(match->pool, key);
		hash_table_insert(match->candidates, key, candidate);
	} else {
		while (first->next != NULL)
			first = first->next;
		first->next = candidate;
	}
}

struct follow_match *
follow_match_init(struct follow_mailbox *box, uint32_t min_local_uid)
{
	struct follow_match *match;
	struct follow_local *local;
	pool_t pool;

	pool = pool_alloconly_create("follow match", 1024 * 16);
	match = p_new(pool, struct follow_match, 1);
	match->pool = pool;
	match->box = box;
	hash_table_create(&match->candidates, default_pool, 0, str_hash,
			  strcmp);
	match->trans = mailbox_transaction_begin(box->box, 0, __func__);
	match->mail =
		mail_alloc(match->trans,
			   MAIL_FETCH_RECEIVED_DATE | MAIL_FETCH_VIRTUAL_SIZE,
			   NULL);
	array_foreach_modifiable(&box->locals, local) {
		if (local->record.remote_uid == 0 &&
		    local->uid >= min_local_uid)
			T_BEGIN
			{
				match_add(match, local, min_local_uid > 0);
			}
		T_END;
	}
	return match;
}

void follow_match_deinit(struct follow_match **_match)
{
	struct follow_match *match = *_match;

	if (match == NULL)
		return;
	*_match = NULL;
	mail_free(&match->mail);
	(void)mailbox_transaction_commit(&match->trans);
	hash_table_destroy(&match->candidates);
	pool_unref(&match->pool);
}

static struct match_candidate *
match_lookup(struct follow_match *match, const struct follow_remote *mail)
{
	struct match_candidate *candidate;

	T_BEGIN
	{
		candidate = hash_table_lookup(match->candidates,
					      match_key(mail->received,
							mail->message_id));
	}
	T_END;
	return candidate;
}

struct follow_local *follow_match_certain(struct follow_match *match,
					  const struct follow_remote *mail)
{
	struct match_candidate *candidate, *found = NULL;

	if (mail->message_id == NULL)
		return NULL;
	for (candidate = match_lookup(match, mail); candidate != NULL;
	     candidate = candidate->next) {
		if (candidate->local->taken)
			continue;
		if (found != NULL)
			return NULL;
		found = candidate;
	}
	return found != NULL && found->size == mail->size ? found->local : NULL;
}

bool follow_match_is_possible(struct follow_match *match,
			      const struct follow_remote *mail)
{
	const struct match_candidate *candidate;

	for (candidate = match_lookup(match, mail); candidate != NULL;
	     candidate = candidate->next) {
		if (!candidate->local->taken)
			return TRUE;
	}
	return FALSE;
}

bool follow_streams_equal(struct istream *a, struct istream *b)
{
	const unsigned char *data_a, *data_b;
	size_t size_a, size_b, size;
	int ret_a, ret_b;

	for (;;) {
		ret_a = i_stream_read_more(a, &data_a, &size_a);
		ret_b = i_stream_read_more(b, &data_b, &size_b);
		if (ret_a <= 0 || ret_b <= 0) {
			return ret_a == ret_b && a->stream_errno == 0 &&
			       b->stream_errno == 0;
		}
		size = I_MIN(size_a, size_b);
		if (memcmp(data_a, data_b, size) != 0)
			return FALSE;
		i_stream_skip(a, size);
		i_stream_skip(b, size);
	}
}

struct follow_local *
follow_match_body(struct follow_match *match, const struct follow_remote *mail,
		  struct istream *input)
{
	struct match_candidate *candidate;
	struct istream *local_input, *here, *there;
	bool equal;

	for (candidate = match_lookup(match, mail); candidate != NULL;
	     candidate = candidate->next) {
		if (candidate->local->taken)
			continue;
		mail_set_seq(match->mail, candidate->local->seq);
		if (mail_get_stream(match->mail, NULL, NULL, &local_input) < 0)
			continue;
		i_stream_seek(local_input, 0);
		i_stream_seek(input, 0);
		/* storage formats keep line ends in their own way */
		here = i_stream_create_crlf(local_input);
		there = i_stream_create_crlf(input);
		equal = follow_streams_equal(here, there);
		i_stream_unref(&here);
		i_stream_unref(&there);
		i_stream_seek(input, 0);
		if (equal)
			return candidate->local;
	}
	return NULL;
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "imap-arg.h"
#include "imap-date.h"
#include "imap-seqset.h"
#include "imap-util.h"
#include "istream.h"
#include "message-parser.h"
#include "message-header-parser.h"
#include "seq-range-array.h"
#include "str.h"
#include "imapc-client.h"
#include "mail-storage-private.h"
#include "migration-remote.h"
#include "migration-follow-private.h"

/* Messages that come while their UIDs are asked for */
#define FETCH_MAX_MORE_UIDS 1000

/* What the provider has said to one of the commands. */
struct fetch_answer {
	struct follow_mailbox *box;
	const char *refused;
	bool for_now;
};

static void
fetch_parse_flags(struct follow_mailbox *box, const struct imap_arg *list,
		  struct follow_remote *mail)
{
	ARRAY_TYPE(const_string) more;
	const char *atom;
	uint64_t bit;

	t_array_init(&more, 4);
	for (; !IMAP_ARG_IS_EOL(list); list++) {
		if (!imap_arg_get_atom(list, &atom))
			continue;
		if (*atom == '\\') {
			mail->flags.flags |= imap_parse_system_flag(atom) &
					     MIGRATION_FLAGS_MASK;
			continue;
		}
		bit = migration_mark_keyword(box->mark, atom);
		mail->flags.keywords |= bit;
		if (bit == 0) {
			atom = p_strdup(box->pool, atom);
			array_push_back(&more, &atom);
		}
	}
	if (array_count(&more) > 0) {
		array_append_zero(&more);
		mail->more_keywords =
			p_memdup(box->pool, array_front(&more),
				 (array_count(&more)) * sizeof(const char *));
	}
}

static const char *fetch_parse_message_id(pool_t pool, const char *header)
{
	struct message_header_parser_ctx *parser;
	struct message_header_line *hdr;
	struct istream *input;
	string_t *value = t_str_new(128);
	const char *id;

	input = i_stream_create_from_data(header, strlen(header));
	parser = message_parse_header_init(input, NULL, 0);
	while (message_parse_header_next(parser, &hdr) > 0) {
		if (hdr->eoh || strcasecmp(hdr->name, "Message-ID") != 0)
			continue;
		str_append_data(value, hdr->value, hdr->value_len);
	}
	message_parse_header_deinit(&parser);
	i_stream_destroy(&input);
	id = t_str_trim(str_c(value), " \t\r\n");
	return *id == '\0' ? NULL : p_strdup(pool, id);
}

static void
fetch_parse_fresh(struct follow_mailbox *box, const struct imap_arg *list,
		  struct follow_remote *mail)
{
	const struct imap_arg *arg;
	const char *value;
	uint64_t size;

	mail->stash_fd = -1;
	arg = migration_remote_get_value(list, "INTERNALDATE");
	if (arg == NULL || !imap_arg_get_astring(arg, &value) ||
	    !imap_parse_datetime(value, &mail->received, &mail->received_tz))
		mail->received = (time_t)-1;
	if (migration_remote_get_number(list, "RFC822.SIZE", &size))
		mail->size = size;
	else
		mail->size = UOFF_T_MAX;
	/* BODY[HEADER.FIELDS (MESSAGE-ID)] comes as three arguments */
	arg = migration_remote_get_value(list, "]");
	if (arg != NULL && imap_arg_get_nstring(arg, &value) && value != NULL)
		mail->message_id = fetch_parse_message_id(box->pool, value);
}

static void
fetch_message(struct follow_mailbox *box, const struct imap_arg *args)
{
	const struct imap_arg *list, *flags, *arg;
	struct follow_remote *mail;
	uint64_t uid;

	if (!imap_arg_get_list(&args[0], &list) ||
	    !migration_remote_get_number(list, "UID", &uid) || uid == 0 ||
	    uid >= (uint32_t)-1)
		return;
	arg = migration_remote_get_value(list, "FLAGS");
	if (arg == NULL || !imap_arg_get_list(arg, &flags))
		return;
	if (uid <= box->hdr->last_uid) {
		mail = array_append_space(&box->known);
		mail->uid = uid;
		mail->stash_fd = -1;
	} else if (migration_remote_get_value(list, "RFC822.SIZE") == NULL) {
		/* somebody changes flags just now: the next run sees it */
		return;
	} else {
		mail = array_append_space(&box->fresh);
		mail->uid = uid;
		fetch_parse_fresh(box, list, mail);
	}
	fetch_parse_flags(box, flags, mail);
}

/* (TAG "x") UID ALL 1:3,5 */
static void
fetch_esearch(struct follow_mailbox *box, const struct imap_arg *args)
{
	const char *atom, *set;

	for (; !IMAP_ARG_IS_EOL(&args[0]); args++) {
		if (imap_arg_get_atom(&args[0], &atom) &&
		    strcasecmp(atom, "ALL") == 0 &&
		    imap_arg_get_atom(&args[1], &set)) {
			(void)imap_seq_set_nostar_parse(set, &box->all_uids);
			return;
		}
	}
}

static void
fetch_search(struct follow_mailbox *box, const struct imap_arg *args)
{
	const char *atom;
	uint32_t uid;

	for (; imap_arg_get_atom(&args[0], &atom); args++) {
		if (str_to_uint32(atom, &uid) == 0 && uid > 0 &&
		    uid < (uint32_t)-1)
			seq_range_array_add(&box->all_uids, uid);
	}
}

static void fetch_count(struct follow_mailbox *box,
			const struct imapc_untagged_reply *reply)
{
	if (strcasecmp(reply->name, "EXISTS") == 0)
		box->exists = reply->num;
	else if (strcasecmp(reply->name, "EXPUNGE") == 0 && box->exists > 0)
		box->exists--;
}

static void
fetch_untagged(const struct imapc_untagged_reply *reply, void *context)
{
	struct follow_mailbox *box = context;

	fetch_count(box, reply);
	if (strcasecmp(reply->name, "FETCH") == 0)
		T_BEGIN
		{
			fetch_message(box, reply->args);
		}
	T_END;
}

static void
fetch_uids_untagged(const struct imapc_untagged_reply *reply, void *context)
{
	struct follow_mailbox *box = context;
	const struct imap_arg *list;
	uint64_t uid;

	fetch_count(box, reply);
	if (strcasecmp(reply->name, "ESEARCH") == 0) {
		fetch_esearch(box, reply->args);
	} else if (strcasecmp(reply->name, "SEARCH") == 0) {
		fetch_search(box, reply->args);
	} else if (strcasecmp(reply->name, "FETCH") == 0 &&
		   imap_arg_get_list(&reply->args[0], &list) &&
		   migration_remote_get_number(list, "UID", &uid) && uid > 0 &&
		   uid < (uint32_t)-1) {
		seq_range_array_add(&box->all_uids, uid);
	}
}

static int
follow_remote_cmp(const struct follow_remote *a, const struct follow_remote *b)
{
	if (a->uid == b->uid)
		return 0;
	return a->uid < b->uid ? -1 : 1;
}

/* A message may be told about twice; the last one counts. */
static void fetch_sort(ARRAY_TYPE(follow_remote) *mails)
{
	struct follow_remote *mail;
	unsigned int i, count, kept = 0;

	/* stable, so that the last one stays the last */
	array_sort(mails, follow_remote_cmp);
	mail = array_get_modifiable(mails, &count);
	for (i = 0; i < count; i++) {
		if (kept > 0 && mail[kept - 1].uid == mail[i].uid)
			mail[kept - 1] = mail[i];
		else
			mail[kept++] = mail[i];
	}
	array_delete(mails, kept, count - kept);
}

void follow_fetch_sort(struct follow_mailbox *box)
{
	fetch_sort(&box->known);
	fetch_sort(&box->fresh);
}

void follow_fetch_refused(struct follow_mailbox *box, const char *text,
			  bool for_now)
{
	box->error =
		p_strdup_printf(box->pool,
				"The provider refused to list its messages: %s",
				text);
	box->refused = !for_now;
}

static void
fetch_answered(const struct imapc_command_reply *reply, void *context)
{
	struct fetch_answer *answer = context;
	struct follow_mailbox *box = answer->box;

	switch (reply->state) {
	case IMAPC_COMMAND_STATE_OK:
		break;
	case IMAPC_COMMAND_STATE_NO:
		answer->refused = p_strdup(box->pool, reply->text_full);
		answer->for_now = migration_remote_refused_for_now(
			box->follow->set->remote);
		break;
	case IMAPC_COMMAND_STATE_BAD:
		/* this is no accident; imapc ends the connection */
		box->hdr->list_losses = MIGRATION_MARK_LIST_ALONE - 1;
		break;
	case IMAPC_COMMAND_STATE_AUTH_FAILED:
	case IMAPC_COMMAND_STATE_DISCONNECTED:
		break;
	}
}

static int fetch_wait(struct follow_mailbox *box)
{
	struct migration_remote *remote = box->follow->set->remote;
	int ret = migration_remote_wait(remote, 0);

	migration_remote_set_untagged(remote, NULL, NULL);
	return ret;
}

/* The connection is lost while messages are listed: any of them may be why. */
static void fetch_lost(struct follow_mailbox *box)
{
	const struct migration_follow_settings *set = box->follow->set;
	struct mailbox_transaction_context *trans;
	struct migration_mark_header *hdr = box->hdr;

	if (set->callbacks->is_stopped(set->context))
		return;
	if (hdr->list_losses < MIGRATION_MARK_LIST_ALONE)
		hdr->list_losses++;
	hdr->messages = MIGRATION_MARK_UNKNOWN;
	trans = mailbox_transaction_begin(box->box, 0, __func__);
	migration_mark_write(box->mark, trans);
	if (mailbox_transaction_commit(&trans) < 0)
		(void)follow_mailbox_failed(box, box->box);
}

const char *follow_fetch_more_items(const struct follow_mailbox *box)
{
	return box->hdr->comparing ? " BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]" :
				     "";
}

/* Flags of what is known. Returns TRUE if only of what has changed. */
static bool
fetch_send_known(struct follow_mailbox *box, struct fetch_answer *answer)
{
	struct migration_remote *remote = box->follow->set->remote;
	const struct migration_mark_header *hdr = box->hdr;

	if (hdr->last_uid == 0)
		return FALSE;
	if (hdr->highest_modseq == 0 || box->highest_modseq == 0) {
		migration_remote_send(remote, fetch_answered, answer,
				      "UID FETCH 1:%u (FLAGS)", hdr->last_uid);
		return FALSE;
	}
	migration_remote_send(remote, fetch_answered, answer,
			      "UID FETCH 1:%u (FLAGS) (CHANGEDSINCE %1s)",
			      hdr->last_uid, dec2str(hdr->highest_modseq));
	return TRUE;
}

static void
fetch_send_fresh(struct follow_mailbox *box, struct fetch_answer *answer)
{
	const uint32_t last_uid = box->hdr->last_uid;

	if (box->has_uid_next && box->uid_next <= last_uid + 1)
		return;
	migration_remote_send(box->follow->set->remote, fetch_answered, answer,
			      "UID FETCH %u:* (" FOLLOW_FETCH_ITEMS "%1s)",
			      last_uid + 1, follow_fetch_more_items(box));
}

/* There may be messages between those that are new. */
static bool fetch_has_gap(const struct follow_mailbox *box)
{
	const struct follow_remote *mail;
	uint32_t last_uid = box->hdr->last_uid;

	array_foreach(&box->fresh, mail) {
		if (mail->uid != ++last_uid)
			return TRUE;
	}
	return box->has_uid_next && box->uid_next > last_uid + 1;
}

/* Nobody has to be asked who else is there. What was expunged and what was left
   out would cancel each other out in the numbers. */
static bool fetch_is_complete(const struct follow_mailbox *box)
{
	unsigned int fresh = array_count(&box->fresh);

	if (box->all_uids_known)
		return seq_range_count(&box->all_uids) + fresh == box->exists;
	return box->hdr->messages != MIGRATION_MARK_UNKNOWN &&
	       box->hdr->messages + fresh == box->exists && !fetch_has_gap(box);
}

static bool is_pending(struct follow_mailbox *box, uint32_t uid)
{
	uint32_t pending;

	array_foreach_elem(migration_mark_pending(box->mark), pending) {
		if (pending == uid)
			return TRUE;
	}
	return FALSE;
}

/* Who is there and was not told about? */
static void
fetch_find_missing(struct follow_mailbox *box, ARRAY_TYPE(uint32_t) *missing)
{
	struct seq_range_iter iter;
	unsigned int i = 0;
	uint32_t uid;

	seq_range_array_iter_init(&iter, &box->all_uids);
	while (seq_range_array_iter_nth(&iter, i++, &uid)) {
		if (uid > box->hdr->last_uid &&
		    follow_fetch_find(box, uid) == NULL &&
		    !is_pending(box, uid))
			array_push_back(missing, &uid);
	}
}

/* Asks for the UIDs of all. Returns 1, 0 if the provider refuses, -1 = the
   connection is lost. */
static int fetch_uids(struct follow_mailbox *box)
{
	struct migration_remote *remote = box->follow->set->remote;
	struct fetch_answer answer = { .box = box };

	array_clear(&box->all_uids);
	migration_remote_set_untagged(remote, fetch_uids_untagged, box);
	migration_remote_send(remote, fetch_answered, &answer,
			      "UID SEARCH %1sUID 1:*",
			      migration_remote_has(remote, "ESEARCH") ?
				      "RETURN (ALL) " :
				      "");
	if (fetch_wait(box) < 0)
		return -1;
	if (answer.refused != NULL) {
		answer.refused = NULL;
		migration_remote_set_untagged(remote, fetch_uids_untagged, box);
		migration_remote_send(remote, fetch_answered, &answer,
				      "UID FETCH 1:* (UID)");
		if (fetch_wait(box) < 0)
			return -1;
	}
	if (answer.refused != NULL) {
		follow_fetch_refused(box, answer.refused, answer.for_now);
		return 0;
	}
	return 1;
}

/* Asks about messages, and then which of those that were not told about are
   really there: others have been expunged meanwhile. Returns as
   fetch_uids(). */
static int fetch_ask(struct follow_mailbox *box,
		     const ARRAY_TYPE(uint32_t) *uids, bool alone)
{
	struct migration_remote *remote = box->follow->set->remote;
	const struct follow_untold *untold;
	unsigned int i;
	int ret;

	migration_remote_set_untagged(remote, fetch_untagged, box);
	ret = follow_ask(box, uids, alone);
	migration_remote_set_untagged(remote, NULL, NULL);
	if (ret <= 0 || array_count(&box->untold) == 0)
		return ret;
	if ((ret = fetch_uids(box)) <= 0)
		return ret;
	for (i = array_count(&box->untold); i > 0; i--) {
		untold = array_idx(&box->untold, i - 1);
		if (!seq_range_exists(&box->all_uids, untold->uid))
			array_delete(&box->untold, i - 1, 1);
	}
	return 1;
}

/* The one answer for all has not told about everything. */
static int fetch_rest(struct follow_mailbox *box)
{
	const bool alone = box->hdr->list_losses >= MIGRATION_MARK_LIST_ALONE;
	const struct follow_untold *untold;
	ARRAY_TYPE(uint32_t) missing;
	int ret;

	if ((ret = fetch_uids(box)) <= 0)
		return ret;
	if (seq_range_count(&box->all_uids) >
	    (uint64_t)box->exists + FETCH_MAX_MORE_UIDS) {
		follow_fetch_refused(box,
				     "it lists more UIDs than it has messages",
				     FALSE);
		return 0;
	}
	i_array_init(&missing, 32);
	fetch_find_missing(box, &missing);
	if (array_count(&missing) > 0)
		ret = fetch_ask(box, &missing, alone);
	array_free(&missing);
	if (ret <= 0)
		return ret;
	array_foreach(&box->untold, untold) {
		migration_mark_set_pending(box->mark, untold->uid, TRUE);
		follow_mailbox_note(box, untold->uid, untold->why);
	}
	/* whoever leaves out messages that it has must not make us expunge
	   them */
	box->all_uids_known = seq_range_count(&box->all_uids) == box->exists;
	box->doubtful = !box->all_uids_known;
	return 1;
}

static int fetch_list(struct follow_mailbox *box)
{
	struct migration_remote *remote = box->follow->set->remote;
	struct fetch_answer known = { .box = box }, fresh = { .box = box };
	const bool alone = box->hdr->list_losses >= MIGRATION_MARK_LIST_ALONE;
	const struct follow_remote *mail;
	bool changes = FALSE;

	if (!alone) {
		migration_remote_set_untagged(remote, fetch_untagged, box);
		changes = fetch_send_known(box, &known);
		fetch_send_fresh(box, &fresh);
		if (fetch_wait(box) < 0)
			return -1;
		follow_fetch_sort(box);
	}
	if (known.for_now || fresh.for_now) {
		follow_fetch_refused(box,
				     known.for_now ? known.refused :
						     fresh.refused,
				     TRUE);
		return 0;
	}
	if (known.refused != NULL) {
		follow_mailbox_note(
			box, 0,
			t_strdup_printf("The provider does not tell all flags "
					"of its messages: %s",
					known.refused));
	}
	box->flags_unknown = alone || known.refused != NULL;
	box->all_uids_known = !changes && !box->flags_unknown;
	if (box->all_uids_known) {
		array_foreach(&box->known, mail)
			seq_range_array_add(&box->all_uids, mail->uid);
	}
	if (!alone && fresh.refused == NULL && fetch_is_complete(box))
		return 1;
	return fetch_rest(box);
}

int follow_fetch_list(struct follow_mailbox *box)
{
	int ret;

	array_clear(&box->known);
	array_clear(&box->fresh);
	array_clear(&box->untold);
	array_clear(&box->all_uids);
	ret = fetch_list(box);
	if (ret < 0)
		fetch_lost(box);
	return ret;
}

static int
follow_remote_uid_cmp(const uint32_t *uid, const struct follow_remote *mail)
{
	if (*uid == mail->uid)
		return 0;
	return *uid < mail->uid ? -1 : 1;
}

struct follow_remote *
follow_fetch_find(struct follow_mailbox *box, uint32_t uid)
{
	const struct follow_remote *mail =
		array_bsearch(&box->fresh, &uid, follow_remote_uid_cmp);

	return mail == NULL ? NULL :
			      array_idx_modifiable(&box->fresh,
						   array_ptr_to_idx(&box->fresh,
								    mail));
}

/* Who tells about others must not make us save them once more. */
static void fetch_drop_unasked(struct follow_mailbox *box)
{
	struct follow_remote *mail;
	unsigned int i, count, kept = 0;

	mail = array_get_modifiable(&box->fresh, &count);
	for (i = 0; i < count; i++) {
		if (is_pending(box, mail[i].uid))
			mail[kept++] = mail[i];
	}
	array_delete(&box->fresh, kept, count - kept);
}

int follow_fetch_pending(struct follow_mailbox *box)
{
	uint32_t last_uid = box->hdr->last_uid;
	int ret;

	array_clear(&box->fresh);
	array_clear(&box->untold);
	/* they are below it */
	box->hdr->last_uid = 0;
	ret = fetch_ask(box, migration_mark_pending(box->mark), TRUE);
	box->hdr->last_uid = last_uid;
	fetch_drop_unasked(box);
	return ret;
}

struct fetch_new {
	uint32_t last_uid;
	bool found;
};

static void
fetch_new_untagged(const struct imapc_untagged_reply *reply, void *context)
{
	struct fetch_new *ctx = context;
	const struct imap_arg *list;
	uint64_t uid;

	if (strcasecmp(reply->name, "FETCH") == 0 &&
	    imap_arg_get_list(&reply->args[0], &list) &&
	    migration_remote_get_number(list, "UID", &uid) &&
	    uid > ctx->last_uid)
		ctx->found = TRUE;
}

int follow_fetch_has_new(struct migration_follow *follow, const char *name,
			 uint32_t last_uid)
{
	struct migration_remote *remote = follow->set->remote;
	struct fetch_new ctx = { .last_uid = last_uid };
	const char *error;
	int ret;

	ret = migration_remote_examine(remote, name, FALSE, &error);
	if (ret > 0) {
		/* "*" is the last message, whatever its UID */
		migration_remote_set_untagged(remote, fetch_new_untagged, &ctx);
		ret = migration_remote_command(remote, &error,
					       "UID FETCH %u:* (UID)",
					       last_uid + 1);
		migration_remote_set_untagged(remote, NULL, NULL);
	}
	migration_remote_close(remote);
	if (ret < 0)
		return -1;
	return ret == 0 || ctx.found ? 1 : 0;
}

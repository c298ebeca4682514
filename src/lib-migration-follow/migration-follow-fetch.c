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

struct fetch_context {
	struct follow_mailbox *box;
	bool refused;
	const char *error;
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
		if (str_to_uint32(atom, &uid) == 0)
			seq_range_array_add(&box->all_uids, uid);
	}
}

static void
fetch_untagged(const struct imapc_untagged_reply *reply, void *context)
{
	struct follow_mailbox *box = context;

	T_BEGIN
	{
		if (strcasecmp(reply->name, "FETCH") == 0)
			fetch_message(box, reply->args);
		else if (strcasecmp(reply->name, "EXISTS") == 0)
			box->exists = reply->num;
		else if (strcasecmp(reply->name, "EXPUNGE") == 0 &&
			 box->exists > 0)
			box->exists--;
		else if (strcasecmp(reply->name, "ESEARCH") == 0)
			fetch_esearch(box, reply->args);
		else if (strcasecmp(reply->name, "SEARCH") == 0)
			fetch_search(box, reply->args);
	}
	T_END;
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

static void
fetch_answered(const struct imapc_command_reply *reply, void *context)
{
	struct fetch_context *ctx = context;

	if (reply->state == IMAPC_COMMAND_STATE_OK)
		return;
	ctx->refused = TRUE;
	ctx->error = p_strdup(ctx->box->pool, reply->text_full);
}

static int fetch_wait(struct fetch_context *ctx)
{
	struct migration_remote *remote = ctx->box->follow->set->remote;
	int ret;

	ret = migration_remote_wait(remote, 0);
	migration_remote_set_untagged(remote, NULL, NULL);
	if (ret < 0)
		return -1;
	if (ctx->refused) {
		ctx->box->error = t_strdup_printf(
			"The provider refused to list its messages: %s",
			ctx->error);
		ctx->box->refused = !migration_remote_refused_for_now(remote);
		return 0;
	}
	return 1;
}

/* Whoever leaves out messages that it has must not make us expunge them. */
static void fetch_check_uids(struct follow_mailbox *box)
{
	if (seq_range_count(&box->all_uids) + array_count(&box->fresh) !=
	    box->exists) {
		box->all_uids_known = FALSE;
		box->doubtful = TRUE;
	}
}

int follow_fetch_list(struct follow_mailbox *box)
{
	struct migration_remote *remote = box->follow->set->remote;
	struct fetch_context ctx = { .box = box };
	struct follow_remote *mail;
	bool changes = FALSE;
	int ret;

	array_clear(&box->known);
	array_clear(&box->fresh);
	migration_remote_set_untagged(remote, fetch_untagged, box);
	if (box->hdr->last_uid > 0 && box->hdr->highest_modseq > 0 &&
	    box->highest_modseq > 0) {
		changes = TRUE;
		migration_remote_send(remote, fetch_answered, &ctx,
				      "UID FETCH 1:%u (FLAGS) (CHANGEDSINCE "
				      "%1s)",
				      box->hdr->last_uid,
				      dec2str(box->hdr->highest_modseq));
	} else if (box->hdr->last_uid > 0) {
		migration_remote_send(remote, fetch_answered, &ctx,
				      "UID FETCH 1:%u (FLAGS)",
				      box->hdr->last_uid);
	}
	if (!box->has_uid_next || box->uid_next > box->hdr->last_uid + 1) {
		migration_remote_send(
			remote, fetch_answered, &ctx,
			"UID FETCH %u:* (UID FLAGS INTERNALDATE "
			"RFC822.SIZE%1s)",
			box->hdr->last_uid + 1,
			box->hdr->comparing ?
				" BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]" :
				"");
	}
	ret = fetch_wait(&ctx);
	if (ret <= 0)
		return ret;
	fetch_sort(&box->known);
	fetch_sort(&box->fresh);
	if (changes)
		return 1;
	box->all_uids_known = TRUE;
	array_foreach_modifiable(&box->known, mail)
		seq_range_array_add(&box->all_uids, mail->uid);
	fetch_check_uids(box);
	return 1;
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

int follow_fetch_pending(struct follow_mailbox *box)
{
	struct migration_remote *remote = box->follow->set->remote;
	struct fetch_context ctx = { .box = box };
	string_t *set = t_str_new(128);
	uint32_t uid, last_uid = box->hdr->last_uid;
	int ret;

	array_clear(&box->fresh);
	array_foreach_elem(migration_mark_pending(box->mark), uid)
		str_printfa(set, "%s%u", str_len(set) == 0 ? "" : ",", uid);
	migration_remote_set_untagged(remote, fetch_untagged, box);
	/* they are below it */
	box->hdr->last_uid = 0;
	migration_remote_send(remote, fetch_answered, &ctx,
			      "UID FETCH %1s (UID FLAGS INTERNALDATE "
			      "RFC822.SIZE)",
			      str_c(set));
	ret = fetch_wait(&ctx);
	box->hdr->last_uid = last_uid;
	fetch_sort(&box->fresh);
	return ret;
}

int follow_fetch_uids(struct follow_mailbox *box)
{
	struct migration_remote *remote = box->follow->set->remote;
	struct fetch_context ctx = { .box = box };
	int ret;

	array_clear(&box->all_uids);
	migration_remote_set_untagged(remote, fetch_untagged, box);
	migration_remote_send(remote, fetch_answered, &ctx,
			      "UID SEARCH %1sUID 1:%u",
			      migration_remote_has(remote, "ESEARCH") ?
				      "RETURN (ALL) " :
				      "",
			      box->hdr->last_uid);
	ret = fetch_wait(&ctx);
	box->all_uids_known = ret > 0;
	if (ret > 0)
		fetch_check_uids(box);
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

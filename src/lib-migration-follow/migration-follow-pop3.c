/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "hash.h"
#include "imap-arg.h"
#include "ioloop.h"
#include "istream.h"
#include "str.h"
#include "imapc-client.h"
#include "index-pop3-uidl.h"
#include "mail-namespace.h"
#include "mail-storage-private.h"
#include "migration-header-hash.h"
#include "migration-pop3.h"
#include "migration-pop3-match.h"
#include "migration-remote.h"
#include "migration-follow-private.h"

/* Headers asked for in one command, and commands on their way at once */
#define POP3_BATCH_MESSAGES 200
#define POP3_BATCHES 2
/* A login that is refused is not tried again on the same day: the provider may
   count them. */
#define POP3_REFUSED_SECS (24 * 60 * 60)

/* What a message is to get. */
struct follow_pop3_uidl {
	/* at the provider */
	uint32_t uid;
	const char *uidl;
	uint32_t order;
};

/* What a message here has. */
struct pop3_local {
	uint32_t remote_uid;
	uint32_t order;
};

struct follow_pop3 {
	/* by UID */
	ARRAY(struct follow_pop3_uidl) uidls;
	/* why there are none: in this run, or for good */
	const char *error, *refused;
	/* saved without one */
	unsigned int without;
};

struct pop3_context {
	struct follow_mailbox *box;
	struct migration_remote *remote;
	struct migration_pop3 *pop3;
	struct migration_pop3_match match;
	pool_t pool;
	HASH_TABLE(const char *, struct pop3_local *) locals;
};

static int
pop3_mail_uid_cmp(const uint32_t *uid, const struct migration_pop3_mail *mail)
{
	if (*uid == mail->uid)
		return 0;
	return *uid < mail->uid ? -1 : 1;
}

static struct migration_pop3_mail *
pop3_find_imap(struct pop3_context *ctx, uint32_t uid)
{
	const struct migration_pop3_mail *mail =
		array_bsearch(&ctx->match.imap, &uid, pop3_mail_uid_cmp);

	return mail == NULL ?
		       NULL :
		       array_idx_modifiable(&ctx->match.imap,
					    array_ptr_to_idx(&ctx->match.imap,
							     mail));
}

/* --- what the provider has over IMAP --- */

static bool pop3_is_pending(struct follow_mailbox *box, uint32_t wanted)
{
	uint32_t uid;

	array_foreach_elem(migration_mark_pending(box->mark), uid) {
		if (uid == wanted)
			return TRUE;
	}
	return FALSE;
}

static void
pop3_size_untagged(const struct imapc_untagged_reply *reply, void *context)
{
	struct pop3_context *ctx = context;
	struct migration_pop3_mail *mail;
	const struct imap_arg *list;
	uint64_t uid, size;

	if (strcasecmp(reply->name, "FETCH") != 0 ||
	    !imap_arg_get_list(&reply->args[0], &list) ||
	    !migration_remote_get_number(list, "UID", &uid) || uid == 0 ||
	    uid > ctx->box->hdr->last_uid ||
	    !migration_remote_get_number(list, "RFC822.SIZE", &size))
		return;
	mail = array_append_space(&ctx->match.imap);
	mail->uid = uid;
	mail->size = size;
	mail->fresh = pop3_is_pending(ctx->box, uid);
}

static int pop3_mail_cmp(const struct migration_pop3_mail *a,
			 const struct migration_pop3_mail *b)
{
	return pop3_mail_uid_cmp(&a->uid, b);
}

static void pop3_sort_unique(ARRAY_TYPE(migration_pop3_mail) *mails)
{
	struct migration_pop3_mail *mail;
	unsigned int i, count, kept = 0;

	array_sort(mails, pop3_mail_cmp);
	mail = array_get_modifiable(mails, &count);
	for (i = 0; i < count; i++) {
		if (kept == 0 || mail[kept - 1].uid != mail[i].uid)
			mail[kept++] = mail[i];
	}
	array_delete(mails, kept, count - kept);
}

/* All of INBOX: what is here already must not be taken for something new. */
static int pop3_list_imap(struct pop3_context *ctx)
{
	struct follow_mailbox *box = ctx->box;
	struct migration_pop3_mail *mail;
	const struct follow_remote *fresh;
	const char *error;
	int ret;

	if (box->hdr->last_uid > 0) {
		migration_remote_set_untagged(ctx->remote, pop3_size_untagged,
					      ctx);
		ret = migration_remote_command(ctx->remote, &error,
					       "UID FETCH 1:%u (RFC822.SIZE)",
					       box->hdr->last_uid);
		migration_remote_set_untagged(ctx->remote, NULL, NULL);
		if (ret == 0) {
			/* another could be taken for one that is not told */
			box->follow->pop3->refused = p_strdup_printf(
				box->follow->pool,
				"the provider does not tell the sizes of all "
				"messages: %s",
				error);
			return 0;
		}
		if (ret < 0)
			return -1;
		pop3_sort_unique(&ctx->match.imap);
	}
	array_foreach(&box->fresh, fresh) {
		if (fresh->uid <= box->hdr->last_uid)
			continue;
		mail = array_append_space(&ctx->match.imap);
		mail->uid = fresh->uid;
		mail->size = fresh->size;
		mail->fresh = TRUE;
	}
	return 1;
}

static void
pop3_header_untagged(const struct imapc_untagged_reply *reply, void *context)
{
	struct pop3_context *ctx = context;
	struct migration_pop3_mail *mail;
	const struct imap_arg *list;
	struct istream *input;
	uint64_t uid;

	if (strcasecmp(reply->name, "FETCH") != 0 ||
	    !imap_arg_get_list(&reply->args[0], &list) ||
	    !migration_remote_get_number(list, "UID", &uid) ||
	    uid >= (uint32_t)-1)
		return;
	mail = pop3_find_imap(ctx, uid);
	if (mail == NULL || !mail->want_hash)
		return;
	input = migration_remote_open_value(
		reply, migration_remote_get_value(list, "BODY[HEADER]"));
	if (input == NULL)
		return;
	mail->has_hash = migration_header_hash(input, mail->hash) == 0;
	i_stream_unref(&input);
}

static int pop3_send_headers(struct pop3_context *ctx, string_t *uids)
{
	if (str_len(uids) == 0)
		return 0;
	migration_remote_send(ctx->remote, NULL, NULL,
			      "UID FETCH %1s (BODY.PEEK[HEADER])", str_c(uids));
	str_truncate(uids, 0);
	return migration_remote_wait(ctx->remote, POP3_BATCHES - 1);
}

/* What is refused has no hash, and no match. */
static int pop3_hash_imap(struct pop3_context *ctx)
{
	const struct migration_pop3_mail *mail;
	string_t *uids = t_str_new(1024);
	unsigned int count = 0;
	int ret = 0;

	migration_remote_set_untagged(ctx->remote, pop3_header_untagged, ctx);
	array_foreach(&ctx->match.imap, mail) {
		if (!mail->want_hash)
			continue;
		str_printfa(uids, "%s%u", str_len(uids) == 0 ? "" : ",",
			    mail->uid);
		if (++count % POP3_BATCH_MESSAGES == 0 &&
		    (ret = pop3_send_headers(ctx, uids)) < 0)
			break;
	}
	if (ret == 0 && (ret = pop3_send_headers(ctx, uids)) == 0)
		ret = migration_remote_wait(ctx->remote, 0);
	migration_remote_set_untagged(ctx->remote, NULL, NULL);
	return ret;
}

/* --- what is here --- */

static void pop3_read_local(struct pop3_context *ctx, struct mail *mail,
			    const struct follow_local *local)
{
	struct pop3_local *found;
	const char *uidl, *order;

	mail_set_seq(mail, local->seq);
	if (mail_get_special(mail, MAIL_FETCH_UIDL_BACKEND, &uidl) < 0 ||
	    *uidl == '\0' || hash_table_lookup(ctx->locals, uidl) != NULL)
		return;
	found = p_new(ctx->pool, struct pop3_local, 1);
	found->remote_uid = local->record.remote_uid;
	uidl = p_strdup(ctx->pool, uidl);
	hash_table_insert(ctx->locals, uidl, found);
	if (mail_get_special(mail, MAIL_FETCH_POP3_ORDER, &order) < 0 ||
	    str_to_uint32(order, &found->order) < 0)
		found->order = 0;
}

static void pop3_read_locals(struct pop3_context *ctx)
{
	struct follow_mailbox *box = ctx->box;
	struct mailbox_transaction_context *trans;
	const struct follow_local *local;
	struct mail *mail;

	if (array_count(&box->locals) == 0)
		follow_local_read(box);
	trans = mailbox_transaction_begin(box->box, 0, __func__);
	mail = mail_alloc(trans,
			  MAIL_FETCH_UIDL_BACKEND | MAIL_FETCH_POP3_ORDER,
			  NULL);
	array_foreach(&box->locals, local)
		T_BEGIN
		{
			pop3_read_local(ctx, mail, local);
		}
	T_END;
	mail_free(&mail);
	/* it has nothing but a cache */
	(void)mailbox_transaction_commit(&trans);
}

/* UIDLs that are here already are not given again. */
static void pop3_match_locals(struct pop3_context *ctx)
{
	struct migration_pop3_mail *pop3, *imap;
	const struct pop3_local *local;

	array_foreach_modifiable(&ctx->match.pop3, pop3) {
		local = pop3->uidl == NULL ?
				NULL :
				hash_table_lookup(ctx->locals, pop3->uidl);
		if (local == NULL)
			continue;
		imap = pop3_find_imap(ctx, local->remote_uid);
		if (imap == NULL || imap->match != 0) {
			pop3->uidl = NULL;
			continue;
		}
		pop3->here = TRUE;
		pop3->order = local->order;
		pop3->match = array_ptr_to_idx(&ctx->match.imap, imap) + 1;
		imap->match = array_ptr_to_idx(&ctx->match.pop3, pop3) + 1;
	}
}

/* --- both --- */

static bool pop3_have_hashes(const struct pop3_context *ctx)
{
	const struct migration_pop3_mail *mail;

	array_foreach(&ctx->match.pop3, mail) {
		if (mail->has_hash)
			return TRUE;
	}
	return FALSE;
}

/* Returns 1, 0 if the POP3 server has failed, -1 if the connection to the
   IMAP server is lost. */
static int pop3_match(struct pop3_context *ctx)
{
	struct migration_pop3_match *match = &ctx->match;

	pop3_match_locals(ctx);
	if (!migration_pop3_match_sizes(match,
					migration_pop3_have_headers(ctx->pop3)))
		return 1;
	if (migration_pop3_hash_headers(ctx->pop3, &match->pop3) !=
	    MIGRATION_POP3_OK)
		return 0;
	if (pop3_have_hashes(ctx)) {
		if (pop3_hash_imap(ctx) < 0)
			return -1;
		migration_pop3_match_hashes(match);
	} else {
		/* it only says that it has TOP */
		(void)migration_pop3_match_sizes(match, FALSE);
	}
	return 1;
}

static void pop3_keep(struct pop3_context *ctx)
{
	struct migration_follow *follow = ctx->box->follow;
	const struct migration_pop3_mail *pop3, *imap;
	struct follow_pop3_uidl *uidl;
	unsigned int fresh = 0;

	migration_pop3_match_order(&ctx->match);
	array_foreach(&ctx->match.imap, imap) {
		if (!imap->fresh)
			continue;
		fresh++;
		if (imap->match == 0)
			continue;
		pop3 = array_idx(&ctx->match.pop3, imap->match - 1);
		if (pop3->uidl == NULL)
			continue;
		uidl = array_append_space(&follow->pop3->uidls);
		uidl->uid = imap->uid;
		uidl->uidl = p_strdup(follow->pool, pop3->uidl);
		uidl->order = pop3->order;
	}
	e_debug(ctx->box->box->event,
		"POP3: %u messages there, UIDLs for %u of %u new ones",
		array_count(&ctx->match.pop3),
		array_count(&follow->pop3->uidls), fresh);
}

static uint16_t pop3_today(void)
{
	return ioloop_time / POP3_REFUSED_SECS;
}

/* Returns as follow_mailbox_run(). */
static int
pop3_failed(struct pop3_context *ctx, enum migration_pop3_result result)
{
	struct migration_follow *follow = ctx->box->follow;
	const char *error = migration_pop3_get_error(ctx->pop3);

	switch (result) {
	case MIGRATION_POP3_OK:
		i_unreached();
	case MIGRATION_POP3_TEMPORARY:
		follow->pop3->error = p_strdup_printf(
			follow->pool,
			"POP3 UIDLs cannot be read from %s: mail of INBOX "
			"waits for them, or comes without them once pop3_host "
			"is not set",
			error);
		ctx->box->error = follow->pop3->error;
		return 0;
	case MIGRATION_POP3_REFUSED:
		follow->pop3->refused =
			p_strdup_printf(follow->pool,
					"they cannot be read from %s", error);
		ctx->box->hdr->pop3_refused_day = pop3_today();
		e_warning(ctx->box->box->event,
			  "POP3 UIDLs are not kept, they cannot be read from "
			  "%s",
			  error);
		return 1;
	case MIGRATION_POP3_STOPPED:
		migration_remote_abort(ctx->remote);
		return -1;
	}
	i_unreached();
}

static int pop3_run(struct pop3_context *ctx)
{
	enum migration_pop3_result result;
	int ret;

	result = migration_pop3_login(ctx->pop3);
	if (result == MIGRATION_POP3_OK) {
		result = migration_pop3_list(ctx->pop3, ctx->pool,
					     &ctx->match.pop3);
	}
	if (result != MIGRATION_POP3_OK)
		return pop3_failed(ctx, result);
	if ((ret = pop3_list_imap(ctx)) <= 0)
		return ret < 0 ? -1 : 1;
	pop3_read_locals(ctx);
	if ((ret = pop3_match(ctx)) < 0)
		return -1;
	if (ret == 0) {
		return pop3_failed(ctx, migration_pop3_hash_headers(
						ctx->pop3, &ctx->match.pop3));
	}
	pop3_keep(ctx);
	return 1;
}

static int pop3_ask(struct follow_mailbox *box)
{
	struct migration_follow *follow = box->follow;
	const struct migration_follow_settings *set = follow->set;
	struct pop3_context ctx;
	int ret;

	i_zero(&ctx);
	ctx.box = box;
	ctx.remote = set->remote;
	ctx.pool = pool_alloconly_create("follow pop3", 1024 * 16);
	ctx.pop3 = migration_pop3_init(set->pop3, set->ns->user,
				       set->callbacks->is_stopped,
				       set->context);
	i_array_init(&ctx.match.pop3, 128);
	i_array_init(&ctx.match.imap, 128);
	hash_table_create(&ctx.locals, default_pool, 0, str_hash, strcmp);
	ret = pop3_run(&ctx);
	hash_table_destroy(&ctx.locals);
	array_free(&ctx.match.imap);
	array_free(&ctx.match.pop3);
	migration_pop3_deinit(&ctx.pop3);
	pool_unref(&ctx.pool);
	return ret;
}

/* Once in a run. Returns as follow_mailbox_run(). */
static int pop3_begin(struct follow_mailbox *box)
{
	struct migration_follow *follow = box->follow;

	follow->pop3 = p_new(follow->pool, struct follow_pop3, 1);
	p_array_init(&follow->pop3->uidls, follow->pool, 64);
	if (box->hdr->pop3_refused_day == pop3_today()) {
		follow->pop3->refused = "the provider's POP3 server has "
					"refused them today";
		return 1;
	}
	box->hdr->pop3_refused_day = 0;
	return pop3_ask(box);
}

static int
pop3_uidl_cmp(const uint32_t *uid, const struct follow_pop3_uidl *uidl)
{
	if (*uid == uidl->uid)
		return 0;
	return *uid < uidl->uid ? -1 : 1;
}

static bool pop3_is_wanted(const struct follow_mailbox *box)
{
	return box->follow->set->pop3 != NULL &&
	       strcmp(box->folder->name, "INBOX") == 0;
}

int follow_pop3(struct follow_mailbox *box)
{
	struct migration_follow *follow = box->follow;
	const struct follow_pop3_uidl *uidl;
	struct follow_remote *mail;
	int ret;

	if (!pop3_is_wanted(box) || array_count(&box->fresh) == 0)
		return 1;
	if (follow->pop3 == NULL && (ret = pop3_begin(box)) <= 0)
		return ret;
	if (follow->pop3->error != NULL) {
		box->error = follow->pop3->error;
		return 0;
	}
	array_foreach_modifiable(&box->fresh, mail) {
		uidl = array_bsearch(&follow->pop3->uidls, &mail->uid,
				     pop3_uidl_cmp);
		if (uidl == NULL)
			continue;
		mail->uidl = uidl->uidl;
		mail->pop3_order = uidl->order;
	}
	return 1;
}

void follow_pop3_save(struct follow_mailbox *box,
		      const struct follow_remote *mail,
		      struct mail_save_context *save)
{
	if (mail->uidl != NULL) {
		mailbox_save_set_pop3_uidl(save, mail->uidl);
		if (mail->pop3_order > 0)
			mailbox_save_set_pop3_order(save, mail->pop3_order);
	} else if (pop3_is_wanted(box)) {
		box->follow->pop3->without++;
		box->hdr->without_uidls = TRUE;
	}
}

void follow_pop3_saved(struct follow_mailbox *box,
		       const struct follow_remote *mail,
		       struct mailbox_transaction_context *trans, uint32_t uid)
{
	/* sdbox itself does so only in a mailbox that was empty */
	if (mail->uidl != NULL)
		index_pop3_uidl_set_max_uid(box->box, trans->itrans, uid);
}

void follow_pop3_note(struct follow_mailbox *box)
{
	const struct follow_pop3 *pop3 = box->follow->pop3;
	const char *text;

	if (!pop3_is_wanted(box) || !box->hdr->without_uidls)
		return;
	if (pop3 != NULL && pop3->refused != NULL) {
		text = t_strdup_printf("POP3 UIDLs are not kept, %s",
				       pop3->refused);
	} else if (pop3 != NULL && pop3->without > 0) {
		text = t_strdup_printf("%u messages do not have the provider's "
				       "POP3 UIDL: none is certainly theirs",
				       pop3->without);
	} else {
		text = "Some messages do not have the provider's POP3 UIDLs";
	}
	follow_mailbox_note(box, 0,
			    t_strconcat(text,
					"; mail programs that use POP3 may "
					"fetch them again",
					NULL));
}

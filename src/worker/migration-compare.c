/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "guid.h"
#include "hash.h"
#include "sort.h"
#include "mail-namespace.h"
#include "mail-search-build.h"
#include "mail-storage-private.h"
#include "mail-user.h"
#include "mailbox-list-private.h"
#include "migration-mailboxes.h"
#include "migration-pulled.h"
#include "migration-compare.h"

struct compare_context {
	pool_t pool;
	struct mail_namespace *local, *remote;
	const struct migration_pulled *pulled;
	/* GUID -> name of the local mailboxes */
	HASH_TABLE(const uint8_t *, const char *) guids;
	/* names of the local mailboxes that the provider has */
	HASH_TABLE(const char *, const char *) found;
	unsigned int changed;
};

/* One mailbox's messages in order of their UIDs. */
struct compare_side {
	struct mailbox *box;
	struct mailbox_transaction_context *trans;
	struct mail_search_context *search;
	/* NULL at the end */
	struct mail *mail;
};

static bool mailbox_is_gone(struct mailbox *box)
{
	enum mail_error error;

	(void)mailbox_get_last_internal_error(box, &error);
	return error == MAIL_ERROR_NOTFOUND || error == MAIL_ERROR_NOTPOSSIBLE;
}

static int compare_failed(struct mailbox *box, const char **error_r)
{
	*error_r = t_strdup_printf("Mailbox %s: %s", mailbox_get_vname(box),
				   mailbox_get_last_internal_error(box, NULL));
	return -1;
}

static void side_next(struct compare_side *side)
{
	if (!mailbox_search_next(side->search, &side->mail))
		side->mail = NULL;
}

static void side_begin(struct compare_side *side)
{
	struct mail_search_args *args;

	side->trans = mailbox_transaction_begin(side->box, 0, __func__);
	args = mail_search_build_init();
	mail_search_build_add_all(args);
	side->search = mailbox_search_init(side->trans, args, NULL,
					   MAIL_FETCH_FLAGS, NULL);
	mail_search_args_unref(&args);
	side_next(side);
}

static int side_end(struct compare_side *side, const char **error_r)
{
	int ret = 0;

	if (mailbox_search_deinit(&side->search) < 0)
		ret = compare_failed(side->box, error_r);
	if (mailbox_transaction_commit(&side->trans) < 0 && ret == 0)
		ret = compare_failed(side->box, error_r);
	return ret;
}

static const char *const *mail_get_sorted_keywords(struct mail *mail)
{
	const char *const *keywords = mail_get_keywords(mail);
	ARRAY_TYPE(const_string) sorted;

	t_array_init(&sorted, 8);
	for (; *keywords != NULL; keywords++)
		array_push_back(&sorted, keywords);
	array_sort(&sorted, i_strcmp_p);
	array_append_zero(&sorted);
	return array_front(&sorted);
}

/* Both keyword lists are sorted. */
static bool keywords_are_equal(const char *const *a, const char *const *b)
{
	for (; *a != NULL && *b != NULL; a++, b++) {
		if (strcmp(*a, *b) != 0)
			return FALSE;
	}
	return *a == *b;
}

static void compare_mails(struct compare_context *ctx, struct mail *local,
			  struct mail *remote)
{
	enum mail_flags flags = mail_get_flags(remote) & MAIL_FLAGS_NONRECENT;
	const char *const *keywords = mail_get_sorted_keywords(remote);
	struct mail_keywords *mail_keywords;
	time_t local_date, remote_date;

	if ((mail_get_flags(local) & MAIL_FLAGS_NONRECENT) == flags &&
	    keywords_are_equal(mail_get_sorted_keywords(local), keywords))
		return;
	if (mail_get_received_date(local, &local_date) < 0 ||
	    mail_get_received_date(remote, &remote_date) < 0 ||
	    local_date != remote_date)
		return;
	mail_update_flags(local, MODIFY_REPLACE, flags);
	mail_keywords = mailbox_keywords_create_valid(local->box, keywords);
	mail_update_keywords(local, MODIFY_REPLACE, mail_keywords);
	mailbox_keywords_unref(&mail_keywords);
	ctx->changed++;
}

static int
compare_messages(struct compare_context *ctx, struct mailbox *local_box,
		 struct mailbox *remote_box, const char **error_r)
{
	struct compare_side local = { .box = local_box };
	struct compare_side remote = { .box = remote_box };
	int ret;

	side_begin(&local);
	side_begin(&remote);
	while (local.mail != NULL && remote.mail != NULL) {
		if (local.mail->uid < remote.mail->uid) {
			side_next(&local);
		} else if (local.mail->uid > remote.mail->uid) {
			side_next(&remote);
		} else {
			T_BEGIN
			{
				compare_mails(ctx, local.mail, remote.mail);
			}
			T_END;
			side_next(&local);
			side_next(&remote);
		}
	}
	ret = side_end(&remote, error_r);
	if (side_end(&local, error_r) < 0)
		ret = -1;
	/* writes the flags */
	if (ret == 0 && mailbox_sync(local_box, 0) < 0)
		ret = compare_failed(local_box, error_r);
	return ret;
}

static int compare_boxes(struct compare_context *ctx, struct mailbox *local,
			 struct mailbox *remote, const char **error_r)
{
	struct mailbox_status local_status, remote_status;

	/* deleted by now, or a name that cannot be selected */
	if (mailbox_sync(remote, 0) < 0) {
		return mailbox_is_gone(remote) ?
			       0 :
			       compare_failed(remote, error_r);
	}
	if (mailbox_sync(local, 0) < 0) {
		return mailbox_is_gone(local) ? 0 :
						compare_failed(local, error_r);
	}
	mailbox_get_open_status(local, STATUS_UIDVALIDITY, &local_status);
	mailbox_get_open_status(remote, STATUS_UIDVALIDITY, &remote_status);
	if (local_status.uidvalidity != remote_status.uidvalidity)
		return 0;
	return compare_messages(ctx, local, remote, error_r);
}

/* The mailbox here that holds what is in the provider's: dsync gives one that
   it makes the GUID of the other side's; INBOX may have been there before. */
static const char *
compare_find_local(struct compare_context *ctx, struct mailbox *remote)
{
	struct mailbox_metadata metadata;
	const char *vname = mailbox_get_vname(remote), *local;
	const uint8_t *guid = metadata.guid;

	if (strcasecmp(vname, "INBOX") == 0)
		return "INBOX";
	if (mailbox_get_metadata(remote, MAILBOX_METADATA_GUID, &metadata) < 0)
		return NULL;
	local = hash_table_lookup(ctx->guids, guid);
	if (local != NULL)
		return local;
	/* one that was made here by itself, such as Drafts; without levels the
	   name is the same on both sides */
	return strchr(vname, mail_namespace_get_sep(ctx->remote)) == NULL ?
		       vname :
		       NULL;
}

static int compare_subscription(struct mailbox *local, struct mailbox *remote,
				const char **error_r)
{
	bool subscribed = mailbox_is_subscribed(remote);

	if (mailbox_is_subscribed(local) == subscribed ||
	    mailbox_set_subscribed(local, subscribed) == 0)
		return 0;
	return compare_failed(local, error_r);
}

static int compare_mailbox(const struct mailbox_info *info, void *context,
			   const char **error_r)
{
	struct compare_context *ctx = context;
	struct mailbox *local, *remote;
	const char *local_vname;
	int ret = 0;

	remote = mailbox_alloc(ctx->remote->list, info->vname,
			       MAILBOX_FLAG_READONLY);
	local_vname = compare_find_local(ctx, remote);
	if (local_vname != NULL) {
		local_vname = p_strdup(ctx->pool, local_vname);
		hash_table_update(ctx->found, local_vname, local_vname);
		local = mailbox_alloc(ctx->local->list, local_vname, 0);
		ret = compare_subscription(local, remote, error_r);
		if (ret == 0)
			ret = compare_boxes(ctx, local, remote, error_r);
		mailbox_free(&local);
	}
	mailbox_free(&remote);
	return ret;
}

static int compare_read_guid(const struct mailbox_info *info, void *context,
			     const char **error_r)
{
	struct compare_context *ctx = context;
	const char *vname = info->vname;
	struct mailbox *box =
		mailbox_alloc(ctx->local->list, vname, MAILBOX_FLAG_READONLY);
	struct mailbox_metadata metadata;
	const uint8_t *guid;
	const char *name;
	int ret = 0;

	if (mailbox_get_metadata(box, MAILBOX_METADATA_GUID, &metadata) == 0) {
		guid = p_memdup(ctx->pool, metadata.guid,
				sizeof(metadata.guid));
		name = p_strdup(ctx->pool, vname);
		hash_table_update(ctx->guids, guid, name);
	} else if (!mailbox_is_gone(box)) {
		ret = compare_failed(box, error_r);
	}
	mailbox_free(&box);
	return ret;
}

/* The provider's mailbox of the same name: its GUID is made from the name. */
static struct mailbox *
compare_alloc_remote(struct compare_context *ctx, const char *local_vname)
{
	const char *const *levels;
	char sep[] = { mail_namespace_get_sep(ctx->local), '\0' };
	char remote_sep[] = { mail_namespace_get_sep(ctx->remote), '\0' };

	levels = t_strsplit(local_vname, sep);
	return mailbox_alloc(ctx->remote->list,
			     t_strarray_join(levels, remote_sep),
			     MAILBOX_FLAG_READONLY);
}

/* Does the provider say itself that it has no such mailbox? A list can be
   wrong. */
static bool compare_is_gone(struct mailbox *remote)
{
	enum mail_error error;

	if (mailbox_open(remote) == 0)
		return FALSE;
	(void)mailbox_get_last_internal_error(remote, &error);
	return error == MAIL_ERROR_NOTFOUND;
}

/* Deleted or renamed at the provider after it had been pulled. What was not
   made by a pull, or holds anything else, is left alone. */
static int compare_gone_mailbox(const struct mailbox_info *info, void *context,
				const char **error_r)
{
	struct compare_context *ctx = context;
	const char *vname = info->vname;
	struct mailbox_metadata local_metadata, remote_metadata;
	struct mailbox *local, *remote;
	int ret = 0;

	if (strcasecmp(vname, "INBOX") == 0 ||
	    hash_table_lookup(ctx->found, vname) != NULL)
		return 0;
	local = mailbox_alloc(ctx->local->list, vname, 0);
	remote = compare_alloc_remote(ctx, vname);
	if (mailbox_get_metadata(local, MAILBOX_METADATA_GUID,
				 &local_metadata) < 0) {
		if (!mailbox_is_gone(local))
			ret = compare_failed(local, error_r);
	} else if (mailbox_get_metadata(remote, MAILBOX_METADATA_GUID,
					&remote_metadata) < 0 ||
		   !guid_128_equals(local_metadata.guid,
				    remote_metadata.guid)) {
		/* made here */
	} else if (!compare_is_gone(remote)) {
		/* the provider has it after all */
	} else if (migration_pulled_is_touched(ctx->pulled,
					       local_metadata.guid)) {
		e_warning(local->event,
			  "The provider has no such mailbox any longer; it is "
			  "kept because it may have mail of its own");
	} else if (mailbox_delete(local) < 0 && !mailbox_is_gone(local)) {
		ret = compare_failed(local, error_r);
	}
	mailbox_free(&remote);
	mailbox_free(&local);
	return ret;
}

int migration_compare(struct mail_user *local, struct mail_user *remote,
		      const struct migration_pulled *pulled,
		      const char **error_r)
{
	struct compare_context ctx;
	int ret;

	i_zero(&ctx);
	ctx.pool = pool_alloconly_create("migration compare", 1024 * 4);
	ctx.local = mail_namespace_find_inbox(local->namespaces);
	ctx.remote = mail_namespace_find_inbox(remote->namespaces);
	ctx.pulled = pulled;
	if (mailbox_list_iter_subscriptions_refresh(ctx.local->list) < 0 ||
	    mailbox_list_iter_subscriptions_refresh(ctx.remote->list) < 0) {
		*error_r = "Cannot read the subscriptions";
		pool_unref(&ctx.pool);
		return -1;
	}
	hash_table_create(&ctx.found, default_pool, 0, str_hash, strcmp);
	hash_table_create(&ctx.guids, default_pool, 0, guid_128_hash,
			  guid_128_cmp);
	ret = migration_mailboxes_iterate(ctx.local, compare_read_guid, &ctx,
					  error_r);
	if (ret == 0)
		ret = migration_mailboxes_iterate(ctx.remote, compare_mailbox,
						  &ctx, error_r);
	if (ret == 0) {
		ret = migration_mailboxes_iterate(ctx.local,
						  compare_gone_mailbox, &ctx,
						  error_r);
	}
	if (ctx.changed > 0) {
		e_debug(local->event,
			"Flags of %u messages were changed at "
			"the provider during the sync",
			ctx.changed);
	}
	hash_table_destroy(&ctx.guids);
	hash_table_destroy(&ctx.found);
	pool_unref(&ctx.pool);
	return ret;
}

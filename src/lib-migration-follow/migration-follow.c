/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "imapc-client.h"
#include "mail-namespace.h"
#include "mail-storage-private.h"
#include "mailbox-list-iter.h"
#include "mailbox-list-private.h"
#include "migration-compat.h"
#include "migration-remote.h"
#include "migration-follow-private.h"

static void follow_note(struct migration_follow *follow,
			const struct migration_folder *folder, const char *text)
{
	follow->set->callbacks->note(follow->set->context, folder->name, 0,
				     text);
}

/* Some errors of the storage say which mailbox it is. */
const char *
follow_mailbox_error(struct migration_follow *follow,
		     const struct migration_folder *folder, const char *text)
{
	const char *prefix = t_strdup_printf("Mailbox %s: ", folder->name);

	return str_begins_with(text, prefix) ?
		       p_strdup(follow->pool, text) :
		       p_strconcat(follow->pool, prefix, text, NULL);
}

/* No failure: it is found under another name. */
static void follow_note_name(struct migration_follow *follow,
			     const struct follow_pair *pair)
{
	const char *name = follow_pairs_changed(follow, pair);

	if (name != NULL) {
		follow_note(follow, pair->folder,
			    t_strdup_printf("Called \"%s\" at the provider",
					    name));
	}
}

/* The mailbox cannot be used: now, or at all. */
static void follow_mailbox_unusable(struct migration_follow *follow,
				    const struct migration_folder *folder,
				    struct mailbox *box)
{
	enum mail_error error;
	const char *text = mailbox_get_last_internal_error(box, &error);

	follow_note(follow, folder, text);
	if (error == MAIL_ERROR_PARAMS || error == MAIL_ERROR_NOTPOSSIBLE ||
	    error == MAIL_ERROR_EXISTS) {
		/* a name that cannot be */
		return;
	}
	if (error == MAIL_ERROR_NOQUOTA || error == MAIL_ERROR_PERM) {
		follow->local_error =
			follow_mailbox_error(follow, folder, text);
		return;
	}
	if (follow->incomplete_error == NULL) {
		follow->incomplete_error =
			follow_mailbox_error(follow, folder, text);
	}
}

/* The user has deleted or renamed it, and nothing new is there: it stays away.
   Returns 1, 0, or -1 if the connection is lost. */
static int follow_stays_deleted(struct migration_follow *follow,
				const struct follow_pair *pair)
{
	const struct migration_overview_folder *listed = pair->listed;
	struct migration_folder *folder = pair->folder;
	int ret;

	if (guid_128_is_empty(folder->guid) || !listed->has_status)
		return 0;
	if (listed->messages == 0)
		return 1;
	if (listed->uid_validity != folder->uid_validity)
		return 0;
	if (listed->uid_next <= folder->last_uid + 1)
		return 1;
	ret = follow_fetch_has_new(follow, listed->name, folder->last_uid);
	if (ret != 0)
		return ret < 0 ? -1 : 0;
	/* it was expunged again */
	folder->last_uid = listed->uid_next - 1;
	return 1;
}

bool follow_is_subscribed(struct mailbox *box)
{
	/* reads the file anew if it has changed; else what is in memory */
	(void)mailbox_list_iter_subscriptions_refresh(box->list);
	return mailbox_is_subscribed(box);
}

static void
follow_note_subscription(struct follow_pair *pair, struct mailbox *box)
{
	struct migration_folder *folder = pair->folder;

	folder->subscribed = pair->listed->subscribed;
	folder->subscribed_here = follow_is_subscribed(box);
	folder->subscription_known = TRUE;
}

static void follow_subscribe(struct migration_follow *follow,
			     struct follow_pair *pair, struct mailbox *box)
{
	struct migration_folder *folder = pair->folder;
	const bool there = pair->listed->subscribed;
	const bool inbox = strcmp(folder->name, "INBOX") == 0;

	/* Before everything was here once, a mailbox that was here already may
	   be one that Dovecot has made by itself. */
	if (((inbox && !folder->subscription_known) ||
	     migration_folder_takes_subscription(folder, there,
						 follow_is_subscribed(box),
						 pair->foreign &&
							 follow->complete)) &&
	    mailbox_set_subscribed(box, there) < 0) {
		follow_note(follow, folder,
			    t_strdup_printf("Cannot be subscribed: %s",
					    mailbox_get_last_internal_error(
						    box, NULL)));
		return;
	}
	follow_note_subscription(pair, box);
}

/* Returns 1 = it is open, 0 = it is not to be, or the connection is lost, -1 =
   it cannot be used. */
static int follow_open(struct migration_follow *follow,
		       struct follow_pair *pair, struct mailbox *box)
{
	const struct mailbox_update update = {
		.uid_validity = pair->listed->has_status ?
					pair->listed->uid_validity :
					0
	};
	const bool inbox = strcmp(pair->folder->name, "INBOX") == 0;
	struct mailbox_metadata metadata;
	struct mailbox_status status;
	enum mailbox_existence existence;
	const char *error;

	if (mailbox_exists(box, FALSE, &existence) < 0)
		return -1;
	if (existence != MAILBOX_EXISTENCE_SELECT) {
		if (!inbox && follow_stays_deleted(follow, pair) != 0)
			return 0;
		if (mailbox_create(box, &update, FALSE) < 0 &&
		    mailbox_get_last_mail_error(box) != MAIL_ERROR_EXISTS)
			return -1;
		pair->created = TRUE;
	}
	/* Maildir would leave out what was changed in the same second */
	if (mailbox_open(box) < 0 ||
	    mailbox_sync(box, MAILBOX_SYNC_FLAG_FULL_READ) < 0 ||
	    mailbox_get_metadata(box, MAILBOX_METADATA_GUID, &metadata) < 0)
		return -1;
	if (guid_128_is_empty(pair->folder->guid)) {
		/* one that never had mail may be from a run that was killed
		   when it had just made it */
		mailbox_get_open_status(box, STATUS_UIDNEXT, &status);
		pair->created = pair->created || status.uidnext <= 1;
	}
	if (!guid_128_equals(pair->folder->guid, metadata.guid)) {
		pair->foreign = !pair->created;
		guid_128_copy(pair->folder->guid, metadata.guid);
		if (pair->foreign && follow->complete && !inbox)
			follow_note_subscription(pair, box);
		/* from now on the user may delete it */
		if (migration_folders_write(follow->set->dir, &follow->folders,
					    follow->complete, &error) < 0) {
			mail_storage_set_critical(box->storage, "%s", error);
			return -1;
		}
	}
	follow_subscribe(follow, pair, box);
	return 1;
}

/* Returns 0, or -1 if the connection is lost. */
static int
follow_pair(struct migration_follow *follow, struct follow_pair *pair,
	    int (*callback)(struct follow_mailbox *box, const char **error_r))
{
	struct follow_mailbox box;
	struct mailbox *mailbox;
	const char *error = NULL;
	int ret;

	mailbox = mailbox_alloc(follow->set->ns->list, pair->folder->name, 0);
	ret = follow_open(follow, pair, mailbox);
	if (ret < 0) {
		follow_mailbox_unusable(follow, pair->folder, mailbox);
		ret = 0;
	} else if (ret == 0) {
		follow_note_subscription(pair, mailbox);
		ret = migration_remote_wait(follow->set->remote, 0);
	} else {
		follow_note_name(follow, pair);
		follow_mailbox_init(&box, follow, pair, mailbox);
		ret = callback(&box, &error);
		if (box.hdr->uid_validity != 0) {
			pair->folder->uid_validity = box.hdr->uid_validity;
			pair->folder->last_uid =
				I_MAX(box.hdr->last_uid, box.hdr->taken_uid);
		}
		pair->pending = array_count(migration_mark_pending(box.mark)) >
				0;
		if (ret == 0 && error != NULL) {
			follow_note(follow, pair->folder, error);
			/* nobody can do without INBOX */
			if (follow->incomplete_error == NULL &&
			    (!box.refused ||
			     strcmp(pair->folder->name, "INBOX") == 0)) {
				follow->incomplete_error =
					follow_mailbox_error(follow,
							     pair->folder,
							     error);
			}
		}
		follow_mailbox_deinit(&box);
	}
	mailbox_free(&mailbox);
	return ret < 0 ? -1 : 0;
}

static int follow_run(struct follow_mailbox *box, const char **error_r)
{
	int ret = follow_mailbox_run(box);

	if (ret == 0) {
		*error_r = p_strdup(box->follow->pool, box->error != NULL ?
							       box->error :
							       "Unknown error");
	}
	return ret;
}

static int
follow_retry(struct follow_mailbox *box, const char **error_r ATTR_UNUSED)
{
	return follow_mailbox_retry_pending(box);
}

/* How much is here already. */
static void follow_estimate(struct migration_follow *follow)
{
	const struct migration_follow_settings *set = follow->set;
	const struct follow_pair *pair;
	struct follow_mailbox box;
	enum mailbox_existence existence;
	struct mailbox *mailbox;

	array_foreach(&follow->pairs, pair) {
		mailbox = mailbox_alloc(set->ns->list, pair->folder->name,
					MAILBOX_FLAG_READONLY);
		if (mailbox_exists(mailbox, FALSE, &existence) == 0 &&
		    existence == MAILBOX_EXISTENCE_SELECT &&
		    mailbox_open(mailbox) == 0) {
			follow_mailbox_init(&box, follow, pair, mailbox);
			follow_mailbox_estimate(&box);
			follow_mailbox_deinit(&box);
		} else if (guid_128_is_empty(pair->folder->guid)) {
			set->callbacks->mailbox(set->context,
						pair->folder->name, 0,
						pair->listed->messages, 0);
		}
		mailbox_free(&mailbox);
	}
	set->callbacks->total_known(set->context);
}

static int follow_pairs(struct migration_follow *follow)
{
	const struct migration_follow_settings *set = follow->set;
	struct follow_pair *pair;
	unsigned int i, first, count;

	array_foreach_modifiable(&follow->pairs, pair) {
		if (follow->local_error != NULL)
			return 0;
		if (set->callbacks->is_stopped(set->context)) {
			migration_remote_abort(set->remote);
			return -1;
		}
		if (follow_pair(follow, pair, follow_run) < 0)
			return -1;
	}
	/* last, because it may cost the connection: then the others are only
	   noted, and have their turn in another run */
	count = array_count(&follow->pairs);
	first = count == 0 ? 0 : i_rand_limit(count);
	for (i = 0; i < count; i++) {
		pair = array_idx_modifiable(&follow->pairs,
					    (first + i) % count);
		if (pair->pending)
			(void)follow_pair(follow, pair, follow_retry);
	}
	return 0;
}

static int follow_account(struct migration_follow *follow, const char **error_r)
{
	const struct migration_follow_settings *set = follow->set;
	const char *error;
	int ret;

	if (migration_folders_read(set->dir, follow->pool, &follow->folders,
				   &follow->complete, &error) < 0) {
		follow->local_error = p_strdup(follow->pool, error);
		return 0;
	}
	if (migration_overview_read(set->remote, follow->pool, set->list_prefix,
				    &follow->overview, error_r) < 0)
		return -1;
	if (array_count(&follow->overview.folders) == 0) {
		*error_r = "The provider lists no folders";
		return -1;
	}
	if (migration_remote_is_unknown(set->remote))
		follow_tell_probe(follow);
	if (follow_gone(follow) < 0) {
		*error_r = migration_remote_get_failure(set->remote)->error;
		return -1;
	}
	follow_pairs_init(follow);
	/* from now on the user may delete what we make */
	if (migration_folders_write(set->dir, &follow->folders,
				    follow->complete, &error) < 0) {
		follow->local_error = p_strdup(follow->pool, error);
		return 0;
	}
	follow_tell_foreign(follow);
	follow_tell_views(follow);
	follow_estimate(follow);
	ret = follow_pairs(follow);
	if (ret < 0)
		*error_r = migration_remote_get_failure(set->remote)->error;
	else if (follow->local_error == NULL &&
		 follow->incomplete_error == NULL)
		follow->complete = TRUE;
	if (migration_folders_write(set->dir, &follow->folders,
				    follow->complete, &error) < 0)
		follow->local_error = p_strdup(follow->pool, error);
	if (ret == 0 && migration_remote_is_unknown(set->remote)) {
		migration_remote_ask_name(set->remote);
		follow_tell_probe(follow);
	}
	return ret;
}

enum migration_follow_result
migration_follow(const struct migration_follow_settings *set,
		 const char **error_r)
{
	struct migration_follow *follow;
	enum migration_follow_result result;
	pool_t pool;

	pool = pool_alloconly_create("migration follow", 1024 * 16);
	follow = p_new(pool, struct migration_follow, 1);
	follow->set = set;
	follow->pool = pool;
	p_array_init(&follow->folders, pool, 32);
	p_array_init(&follow->pairs, pool, 32);

	*error_r = "";
	if (follow_account(follow, error_r) < 0) {
		result = MIGRATION_FOLLOW_REMOTE;
	} else if (follow->local_error != NULL) {
		result = MIGRATION_FOLLOW_LOCAL;
		*error_r = follow->local_error;
	} else if (follow->incomplete_error != NULL) {
		result = MIGRATION_FOLLOW_INCOMPLETE;
		*error_r = follow->incomplete_error;
	} else {
		result = MIGRATION_FOLLOW_DONE;
	}
	*error_r = t_strdup(*error_r);
	pool_unref(&pool);
	return result;
}

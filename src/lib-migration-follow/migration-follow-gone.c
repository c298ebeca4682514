/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "hostpid.h"
#include "array.h"
#include "imapc-client.h"
#include "mail-namespace.h"
#include "mail-storage-private.h"
#include "migration-remote.h"
#include "mailbox-list.h"
#include "migration-follow-private.h"

static const struct migration_overview_folder *
gone_find_listed(struct migration_follow *follow, const char *remote_name)
{
	const struct migration_overview_folder *listed;

	array_foreach(&follow->overview.folders, listed) {
		if (strcmp(listed->name, remote_name) == 0)
			return listed->noselect ? NULL : listed;
	}
	return NULL;
}

/* The one new folder that has the UIDVALIDITY of the one that is gone. Servers
   that give all folders the same are not believed. */
static const struct migration_overview_folder *
gone_find_renamed(struct migration_follow *follow,
		  const struct migration_folder *gone)
{
	const struct migration_overview_folder *listed, *found = NULL;
	struct migration_folder *other;

	if (gone->uid_validity <= 1)
		return NULL;
	array_foreach_elem(&follow->folders, other) {
		if (other != gone && other->uid_validity == gone->uid_validity)
			return NULL;
	}
	array_foreach(&follow->overview.folders, listed) {
		if (!listed->has_status ||
		    listed->uid_validity != gone->uid_validity)
			continue;
		if (found != NULL || listed->uid_next <= gone->last_uid ||
		    migration_folders_find(&follow->folders, listed->name) !=
			    NULL)
			return NULL;
		found = listed;
	}
	return found;
}

/* TRUE if it is the mailbox that was made for the folder. */
static bool
gone_is_own(struct mailbox *box, const struct migration_folder *folder)
{
	struct mailbox_metadata metadata;
	enum mailbox_existence existence;

	return mailbox_exists(box, FALSE, &existence) == 0 &&
	       existence == MAILBOX_EXISTENCE_SELECT &&
	       mailbox_get_metadata(box, MAILBOX_METADATA_GUID, &metadata) ==
		       0 &&
	       guid_128_equals(metadata.guid, folder->guid);
}

/* A mailbox that becomes its own parent cannot do so at once: the parent is
   there as a place in the hierarchy. */
static int gone_rename_over(struct mailbox *box, struct mailbox *dest)
{
	struct mailbox_list *list = box->list;
	struct mailbox *temp;
	int ret;

	temp = mailbox_alloc(list,
			     t_strdup_printf("%s-%s", dest->vname, my_pid), 0);
	ret = mailbox_rename(box, temp);
	if (ret == 0) {
		(void)mailbox_list_delete_dir(list, dest->name);
		mailbox_close(temp);
		mailbox_close(dest);
		ret = mailbox_rename(temp, dest);
		if (ret < 0) {
			mailbox_close(temp);
			mailbox_close(box);
			(void)mailbox_rename(temp, box);
		}
	}
	mailbox_free(&temp);
	return ret;
}

static bool
gone_rename(struct migration_follow *follow, struct migration_folder *folder,
	    const struct migration_overview_folder *listed)
{
	struct mail_namespace *ns = follow->set->ns;
	const char *name = follow_pairs_name(follow, listed->name);
	struct mailbox *box, *dest;
	enum mailbox_existence existence;
	bool renamed = FALSE, deleted = FALSE;

	if (name == NULL)
		return FALSE;
	name = p_strconcat(follow->pool, ns->prefix, name, NULL);
	box = mailbox_alloc(ns->list, folder->name, 0);
	dest = mailbox_alloc(ns->list, name, 0);
	if (gone_is_own(dest, folder)) {
		/* together with its parent */
		renamed = TRUE;
	} else if (!gone_is_own(box, folder)) {
		/* the user has deleted it, and that it stays; whatever has its
		   name now is the user's */
		deleted = TRUE;
	} else if (mailbox_exists(dest, FALSE, &existence) == 0 &&
		   existence != MAILBOX_EXISTENCE_SELECT) {
		mailbox_close(dest);
		mailbox_close(box);
		if (mailbox_rename(box, dest) == 0 ||
		    (mailbox_get_last_mail_error(dest) == MAIL_ERROR_EXISTS &&
		     gone_rename_over(box, dest) == 0)) {
			e_info(box->event, "Renamed to %s, as at the provider",
			       name);
			renamed = TRUE;
		}
	}
	/* the provider knows whether the new name is */
	if (renamed)
		(void)mailbox_set_subscribed(box, FALSE);
	if (renamed || deleted) {
		folder->subscribed = FALSE;
		folder->remote_name = listed->name;
		folder->name = name;
	}
	mailbox_free(&dest);
	mailbox_free(&box);
	return renamed || deleted;
}

/* TRUE if everything in it is the provider's, and as it was there. */
static bool
gone_is_untouched(struct migration_follow *follow,
		  struct migration_folder *folder, struct mailbox *mailbox)
{
	const struct follow_pair pair = { .folder = folder };
	struct follow_mailbox box;
	const struct follow_local *local;
	bool untouched = TRUE;

	if (follow->set->keep_expunged || mailbox_sync(mailbox, 0) < 0)
		return FALSE;
	follow_mailbox_init(&box, follow, &pair, mailbox);
	follow_local_read(&box);
	array_foreach(&box.locals, local) {
		if (local->record.remote_uid == 0 ||
		    local->hash != local->record.local_hash)
			untouched = FALSE;
	}
	follow_mailbox_deinit(&box);
	return untouched;
}

static void
gone_delete(struct migration_follow *follow, struct migration_folder *folder)
{
	struct mailbox *box;

	if (strcmp(folder->name, "INBOX") == 0)
		return;
	box = mailbox_alloc(follow->set->ns->list, folder->name, 0);
	if (!gone_is_own(box, folder)) {
		/* the user has deleted it, too */
	} else if (!gone_is_untouched(follow, folder, box)) {
		e_info(box->event, "The provider has no such mailbox any "
				   "longer; it is kept because it has mail or "
				   "changes of its own");
	} else {
		mailbox_close(box);
		if (mailbox_delete(box) < 0) {
			e_warning(box->event,
				  "The provider has no such mailbox any "
				  "longer, but it cannot be deleted: %s",
				  mailbox_get_last_internal_error(box, NULL));
		} else if (folder->subscribed) {
			(void)mailbox_set_subscribed(box, FALSE);
		}
	}
	mailbox_free(&box);
}

/* Parents before their children. */
static int
gone_cmp(struct migration_folder *const *a, struct migration_folder *const *b)
{
	size_t len_a = strlen((*a)->remote_name);
	size_t len_b = strlen((*b)->remote_name);

	if (len_a != len_b)
		return len_a < len_b ? -1 : 1;
	return strcmp((*a)->remote_name, (*b)->remote_name);
}

static void
gone_forget(struct migration_follow *follow, struct migration_folder *folder)
{
	struct migration_folder *const *folders;
	unsigned int i, count;

	folders = array_get(&follow->folders, &count);
	for (i = 0; i < count; i++) {
		if (folders[i] == folder) {
			array_delete(&follow->folders, i, 1);
			return;
		}
	}
}

int follow_gone(struct migration_follow *follow)
{
	struct migration_remote *remote = follow->set->remote;
	const struct migration_overview_folder *renamed;
	struct migration_folder *folder;
	ARRAY_TYPE(migration_folder) gone;
	const char *error;
	int ret;

	t_array_init(&gone, 8);
	array_foreach_elem(&follow->folders, folder) {
		if (gone_find_listed(follow, folder->remote_name) == NULL)
			array_push_back(&gone, &folder);
	}
	array_sort(&gone, gone_cmp);
	array_foreach_elem(&gone, folder) {
		/* only the provider itself may say so */
		if (migration_remote_can_send_name(folder->remote_name)) {
			ret = migration_remote_command(
				remote, &error, "STATUS %1s (UIDVALIDITY)",
				migration_remote_name(remote,
						      folder->remote_name));
			if (ret < 0)
				return -1;
			if (ret > 0 ||
			    !migration_remote_refused_as_gone(remote))
				continue;
		}
		renamed = gone_find_renamed(follow, folder);
		if (renamed != NULL && gone_rename(follow, folder, renamed))
			continue;
		gone_delete(follow, folder);
		gone_forget(follow, folder);
	}
	return 0;
}

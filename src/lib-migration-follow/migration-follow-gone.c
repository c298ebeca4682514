/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "imapc-client.h"
#include "mail-namespace.h"
#include "mail-storage-private.h"
#include "migration-compat.h"
#include "migration-remote.h"
#include "mailbox-list.h"
#include "migration-follow-private.h"

/* A folder that the provider has no longer. */
struct gone_folder {
	struct migration_folder *folder;
	/* here, when the run began */
	const char *old_name;
	/* what it has become there and what that is called here, or NULL */
	const struct migration_overview_folder *renamed;
	const char *new_name;
};
ARRAY_DEFINE_TYPE(gone_folder, struct gone_folder);

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

/* The mailbox that was made for the folder. If it is not under its name a run
   may have been killed that had renamed another one, together with what was
   below it. */
static struct mailbox *gone_find_own(struct migration_follow *follow,
				     const ARRAY_TYPE(gone_folder) *all,
				     const struct migration_folder *folder)
{
	struct mail_namespace *ns = follow->set->ns;
	const char sep[] = { mail_namespace_get_sep(ns), '\0' };
	const struct gone_folder *parent;
	const char *rest;
	struct mailbox *box;

	box = mailbox_alloc(ns->list, folder->name, 0);
	if (gone_is_own(box, folder))
		return box;
	mailbox_free(&box);
	array_foreach(all, parent) {
		if (parent->new_name == NULL ||
		    !str_begins_with(folder->name,
				     t_strconcat(parent->old_name, sep, NULL)))
			continue;
		rest = folder->name + strlen(parent->old_name);
		box = mailbox_alloc(ns->list,
				    t_strconcat(parent->new_name, rest, NULL),
				    0);
		if (gone_is_own(box, folder))
			return box;
		mailbox_free(&box);
	}
	return NULL;
}

static bool gone_open(struct mailbox *box)
{
	return mailbox_open(box) == 0 &&
	       mailbox_sync(box, MAILBOX_SYNC_FLAG_FULL_READ) == 0;
}

/* The name is taken, by a mailbox or by others below it. */
static int gone_move(struct migration_follow *follow,
		     const struct gone_folder *gone, struct mailbox *box,
		     struct mailbox *dest, enum mailbox_existence existence)
{
	struct migration_folder *folder = gone->folder;
	const char *error;
	struct mailbox_update update;
	struct mailbox_status here, there;
	struct mailbox_metadata metadata;
	bool keep_uids;

	if (!gone_open(box))
		return -1;
	mailbox_get_open_status(box, STATUS_UIDVALIDITY, &here);
	if (existence != MAILBOX_EXISTENCE_SELECT) {
		i_zero(&update);
		update.uid_validity = here.uidvalidity;
		if (mailbox_create(dest, &update, FALSE) < 0)
			return -1;
	}
	if (!gone_open(dest) ||
	    mailbox_get_metadata(dest, MAILBOX_METADATA_GUID, &metadata) < 0)
		return -1;
	mailbox_get_open_status(dest, STATUS_UIDVALIDITY | STATUS_UIDNEXT,
				&there);
	keep_uids = there.uidvalidity == here.uidvalidity && there.uidnext <= 1;
	if (follow_move(follow, folder, box, dest, keep_uids) < 0)
		return -1;
	guid_128_copy(folder->guid, metadata.guid);
	folder->remote_name = gone->renamed->name;
	folder->name = gone->new_name;
	/* if this run is killed now, the user has not deleted it */
	if (migration_folders_write(follow->set->dir, &follow->folders,
				    follow->complete, &error) < 0)
		e_error(box->event, "%s", error);
	mailbox_close(box);
	if (mailbox_delete_empty(box) < 0) {
		e_info(box->event, "It is kept because it has mail of its own");
	}
	return 0;
}

/* Dovecot has renamed these with it. */
static void gone_rename_below(struct migration_follow *follow,
			      const char *old_name, const char *new_name)
{
	const char sep[] = { mail_namespace_get_sep(follow->set->ns), '\0' };
	const char *prefix = t_strconcat(old_name, sep, NULL);
	struct migration_folder *folder;

	array_foreach_elem(&follow->folders, folder) {
		if (str_begins_with(folder->name, prefix)) {
			folder->name =
				p_strconcat(follow->pool, new_name,
					    folder->name + strlen(old_name),
					    NULL);
		}
	}
}

/* Returns FALSE if it cannot be renamed. */
static bool gone_rename_here(struct migration_follow *follow,
			     const struct gone_folder *gone,
			     struct mailbox *box, struct mailbox *dest)
{
	enum mailbox_existence existence;

	if (mailbox_exists(dest, FALSE, &existence) < 0)
		return FALSE;
	mailbox_close(dest);
	mailbox_close(box);
	if (existence != MAILBOX_EXISTENCE_SELECT &&
	    mailbox_rename(box, dest) == 0) {
		gone_rename_below(follow, box->vname, dest->vname);
	} else if (gone_move(follow, gone, box, dest, existence) < 0) {
		e_warning(box->event, "Cannot be renamed to %s: %s",
			  dest->vname,
			  mailbox_get_last_internal_error(dest, NULL));
		return FALSE;
	}
	e_info(box->event, "Renamed to %s, as at the provider", dest->vname);
	/* the provider knows whether the new name is */
	(void)mailbox_set_subscribed(box, FALSE);
	return TRUE;
}

/* Returns FALSE if it is as if it were deleted. */
static bool
gone_rename(struct migration_follow *follow, const struct gone_folder *gone,
	    const ARRAY_TYPE(gone_folder) *all)
{
	struct migration_folder *folder = gone->folder;
	struct mailbox *box, *dest;
	bool ret = TRUE;

	dest = mailbox_alloc(follow->set->ns->list, gone->new_name, 0);
	/* else together with its parent */
	if (!gone_is_own(dest, folder)) {
		/* if there is none the user has deleted it, and that it stays;
		   whatever has its name now is the user's */
		box = gone_find_own(follow, all, folder);
		if (box != NULL) {
			ret = gone_rename_here(follow, gone, box, dest);
			mailbox_free(&box);
		}
	}
	if (ret) {
		folder->subscribed = FALSE;
		folder->subscribed_here = follow_is_subscribed(dest);
		folder->subscription_known = TRUE;
		folder->remote_name = gone->renamed->name;
		folder->name = gone->new_name;
	}
	mailbox_free(&dest);
	return ret;
}

/* If everything in it is the provider's, and as it was there. Returns 1 = it is
   empty now, 0 = it is not touched, -1 = error. */
static int gone_empty(struct migration_follow *follow,
		      struct migration_folder *folder, struct mailbox *mailbox)
{
	const struct follow_pair pair = { .folder = folder };
	struct follow_mailbox box;
	const struct follow_local *local;
	int ret = 1;

	if (follow->set->keep_expunged)
		return 0;
	if (!gone_open(mailbox))
		return -1;
	follow_mailbox_init(&box, follow, &pair, mailbox);
	follow_local_read(&box);
	array_foreach(&box.locals, local) {
		if (local->record.remote_uid == 0 ||
		    local->hash != local->record.local_hash)
			ret = 0;
	}
	if (ret > 0 && follow_empty(&box, NULL) < 0)
		ret = -1;
	follow_mailbox_deinit(&box);
	return ret;
}

static void
gone_delete(struct migration_follow *follow, struct migration_folder *folder)
{
	struct mailbox *box;
	const char *error;
	int ret;

	if (strcmp(folder->name, "INBOX") == 0)
		return;
	box = mailbox_alloc(follow->set->ns->list, folder->name, 0);
	if (!gone_is_own(box, folder)) {
		/* the user has deleted it, too */
		mailbox_free(&box);
		return;
	}
	/* if this run is killed now, the next one must not take it for one that
	   the user has deleted */
	folder->uid_validity = 0;
	folder->last_uid = 0;
	if (migration_folders_write(follow->set->dir, &follow->folders,
				    follow->complete, &error) < 0) {
		mail_storage_set_critical(box->storage, "%s", error);
		ret = -1;
	} else {
		ret = gone_empty(follow, folder, box);
	}
	mailbox_close(box);
	/* mail that has come just now keeps it */
	if (ret > 0 && mailbox_delete_empty(box) < 0)
		ret = -1;
	if (ret < 0) {
		e_warning(box->event,
			  "The provider has no such mailbox any longer, but it "
			  "cannot be deleted: %s",
			  mailbox_get_last_internal_error(box, NULL));
	} else if (ret == 0) {
		e_info(box->event, "The provider has no such mailbox any "
				   "longer; it is kept because it has mail or "
				   "changes of its own");
	} else if (folder->subscribed) {
		(void)mailbox_set_subscribed(box, FALSE);
	}
	mailbox_free(&box);
}

/* Parents before their children: renamed ones by their new names, which may be
   a place in the hierarchy only once a child is there; then the others. */
static int gone_cmp(const struct gone_folder *a, const struct gone_folder *b)
{
	const char *name_a = a->new_name, *name_b = b->new_name;
	size_t len_a, len_b;

	if ((name_a == NULL) != (name_b == NULL))
		return name_a != NULL ? -1 : 1;
	if (name_a == NULL) {
		name_a = a->old_name;
		name_b = b->old_name;
	}
	len_a = strlen(name_a);
	len_b = strlen(name_b);
	if (len_a != len_b)
		return len_a < len_b ? -1 : 1;
	return strcmp(name_a, name_b);
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

/* Only the provider itself may say so. Returns 1, 0, or -1 = the connection is
   lost. */
static int gone_is_gone(struct migration_follow *follow,
			const struct migration_folder *folder)
{
	struct migration_remote *remote = follow->set->remote;
	const char *error;
	int ret;

	if (gone_find_listed(follow, folder->remote_name) != NULL)
		return 0;
	if (!migration_remote_can_send_name(folder->remote_name))
		return 1;
	ret = migration_remote_command(
		remote, &error, "STATUS %1s (UIDVALIDITY)",
		migration_remote_name(remote, folder->remote_name));
	if (ret < 0)
		return -1;
	return ret == 0 && migration_remote_refused_as_gone(remote) ? 1 : 0;
}

/* Another folder has it, or will have it. */
static bool
gone_name_is_taken(struct migration_follow *follow,
		   const ARRAY_TYPE(gone_folder) *all,
		   const struct migration_folder *self, const char *name)
{
	const struct gone_folder *gone;
	struct migration_folder *folder;

	array_foreach_elem(&follow->folders, folder) {
		if (folder != self && strcmp(folder->name, name) == 0 &&
		    gone_find_listed(follow, folder->remote_name) != NULL)
			return TRUE;
	}
	array_foreach(all, gone) {
		if (gone->folder != self && gone->new_name != NULL &&
		    strcmp(gone->new_name, name) == 0)
			return TRUE;
	}
	return FALSE;
}

static const char *gone_choose_name(struct migration_follow *follow,
				    const ARRAY_TYPE(gone_folder) *all,
				    const struct gone_folder *gone)
{
	const char *name, *unique;
	unsigned int i;

	name = follow_pairs_name(follow, gone->renamed->name);
	if (name == NULL)
		return NULL;
	name = unique =
		p_strconcat(follow->pool, follow->set->ns->prefix, name, NULL);
	for (i = 2; gone_name_is_taken(follow, all, gone->folder, unique); i++)
		unique = p_strdup_printf(follow->pool, "%s_%u", name, i);
	return unique;
}

int follow_gone(struct migration_follow *follow)
{
	ARRAY_TYPE(gone_folder) all;
	struct migration_folder *folder;
	struct gone_folder *gone;
	int ret;

	t_array_init(&all, 8);
	array_foreach_elem(&follow->folders, folder) {
		ret = gone_is_gone(follow, folder);
		if (ret < 0)
			return -1;
		if (ret == 0)
			continue;
		gone = array_append_space(&all);
		gone->folder = folder;
		gone->old_name = folder->name;
		gone->renamed = gone_find_renamed(follow, folder);
	}
	array_foreach_modifiable(&all, gone) {
		if (gone->renamed != NULL)
			gone->new_name = gone_choose_name(follow, &all, gone);
	}
	array_sort(&all, gone_cmp);
	array_foreach_modifiable(&all, gone) {
		if (gone->new_name != NULL && gone_rename(follow, gone, &all))
			continue;
		gone_delete(follow, gone->folder);
		gone_forget(follow, gone->folder);
	}
	return 0;
}

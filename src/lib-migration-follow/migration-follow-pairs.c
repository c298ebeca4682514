/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "hash.h"
#include "wildcard-match.h"
#include "mail-namespace.h"
#include "mail-storage-private.h"
#include "mail-storage-settings.h"
#include "mailbox-list-private.h"
#include "migration-compat.h"
#include "migration-folder-name.h"
#include "migration-follow-private.h"

static bool pairs_is_excluded(struct migration_follow *follow,
			      const struct follow_pair *pair, const char *name)
{
	const char *const *exclude;

	for (exclude = follow->set->exclude; *exclude != NULL; exclude++) {
		if (**exclude == '\\') {
			if (pair->use != NULL &&
			    strcasecmp(*exclude, pair->use) == 0)
				return TRUE;
		} else if (wildcard_match(name, *exclude)) {
			return TRUE;
		}
	}
	return FALSE;
}

/* The mailbox here that is defined for a use, or NULL. */
static const char *pairs_get_special(struct mail_namespace *ns, const char *use)
{
	const struct mailbox_settings *box_set;
	unsigned int i;

	if (use == NULL || !array_is_created(migration_ns_get_mailboxes(ns)))
		return NULL;
	for (i = 0; i < array_count(migration_ns_get_mailboxes(ns)); i++) {
		box_set = array_idx_elem(migration_ns_get_mailboxes(ns), i);
		if (str_array_icase_find(
			    migration_mailbox_get_special_use(box_set), use))
			return box_set->name;
	}
	return NULL;
}

static bool pairs_has_name(struct migration_follow *follow, const char *name)
{
	const struct follow_pair *pair;

	array_foreach(&follow->pairs, pair) {
		if (pair->folder != NULL &&
		    strcmp(pair->folder->name, name) == 0)
			return TRUE;
	}
	return FALSE;
}

static struct migration_folder *
pairs_new_folder(struct migration_follow *follow, const char *remote_name,
		 const char *name)
{
	struct mail_namespace *ns = follow->set->ns;
	struct migration_folder *folder;
	const char *unique;
	unsigned int i;

	if (strcasecmp(name, "INBOX") != 0)
		name = t_strconcat(ns->prefix, name, NULL);
	unique = name;
	for (i = 2; pairs_has_name(follow, unique); i++)
		unique = t_strdup_printf("%s_%u", name, i);
	folder = p_new(follow->pool, struct migration_folder, 1);
	folder->remote_name = p_strdup(follow->pool, remote_name);
	folder->name = p_strdup(follow->pool, unique);
	array_push_back(&follow->folders, &folder);
	return folder;
}

/* Whether the server itself says what a folder is for, or any of its names
   does. */
static void pairs_set_use(struct migration_follow *follow,
			  struct follow_pair *pair, const char *name)
{
	const struct migration_overview_folder *listed;
	const char *use;

	pair->use = pair->listed->use;
	if (pair->use != NULL)
		return;
	use = migration_folder_use(name);
	if (use == NULL)
		return;
	array_foreach(&follow->overview.folders, listed) {
		if (listed->use != NULL && strcmp(listed->use, use) == 0)
			return;
	}
	pair->use = use;
}

static const struct migration_folder_names *
pairs_get_names(struct migration_follow *follow)
{
	/* of a Maildir whose folders are directories of these */
	static const char *const maildir[] = { "cur", "new", "tmp", NULL };
	struct mail_namespace *ns = follow->set->ns;
	struct migration_folder_names *names;
	const char **reserved;

	names = t_new(struct migration_folder_names, 1);
	names->prefix = follow->overview.prefix;
	names->remote_sep = follow->overview.sep;
	names->local_sep = mail_namespace_get_sep(ns);
	names->storage_sep = mailbox_list_get_hierarchy_sep(ns->list);
	if (*migration_list_get_maildir_name(ns->list) != '\0') {
		reserved = t_new(const char *, 2);
		reserved[0] = migration_list_get_maildir_name(ns->list);
		names->reserved = reserved;
	} else if (ns->list->v.is_internal_name != NULL &&
		   (ns->list->props & MAILBOX_LIST_PROP_NO_INTERNAL_NAMES) ==
			   0) {
		names->reserved = maildir;
	}
	return names;
}

const char *
follow_pairs_name(struct migration_follow *follow, const char *remote_name)
{
	return migration_folder_name(pairs_get_names(follow), remote_name);
}

const char *follow_pairs_foreign_name(struct migration_follow *follow,
				      const char *remote_name)
{
	struct migration_folder_names names = *pairs_get_names(follow);

	names.prefix = "";
	return migration_folder_name(&names, remote_name);
}

const char *follow_pairs_changed(struct migration_follow *follow,
				 const struct follow_pair *pair)
{
	struct mail_namespace *ns = follow->set->ns;
	const char *name = pair->folder->name;
	const char *special = pairs_get_special(ns, pair->use);

	if (str_begins_with(name, ns->prefix))
		name += ns->prefix_len;
	if ((special != NULL && strcmp(name, special) == 0) ||
	    !migration_folder_is_changed(pairs_get_names(follow),
					 pair->listed->name, name))
		return NULL;
	return migration_folder_name_there(pair->listed->name);
}

/* What a new folder is called: that of its use if nobody else is called so. */
static const char *
pairs_choose_name(struct migration_follow *follow,
		  const struct follow_pair *pair, const char *name,
		  const char *const *all_names)
{
	struct mail_namespace *ns = follow->set->ns;
	const char *special;

	special = strcmp(name, "INBOX") == 0 ? NULL :
					       pairs_get_special(ns, pair->use);
	return special == NULL || str_array_find(all_names, special) ||
			       pairs_has_name(follow,
					      t_strconcat(ns->prefix, special,
							  NULL)) ?
		       name :
		       special;
}

void follow_pairs_init(struct migration_follow *follow)
{
	const struct migration_folder_names *names = pairs_get_names(follow);
	const struct migration_overview_folder *listed;
	ARRAY_TYPE(const_string) all_names;
	const char *name;
	struct follow_pair *pair, new_pair;
	unsigned int i, pass;

	/* names first: a special one only moves where nobody is */
	t_array_init(&all_names, 32);
	array_foreach(&follow->overview.folders, listed) {
		name = migration_folder_name(names, listed->name);
		if (listed->noselect || name == NULL)
			continue;
		i_zero(&new_pair);
		new_pair.listed = listed;
		pairs_set_use(follow, &new_pair, name);
		if (pairs_is_excluded(follow, &new_pair, name))
			continue;
		new_pair.folder =
			migration_folders_find(&follow->folders, listed->name);
		array_push_back(&follow->pairs, &new_pair);
		array_push_back(&all_names, &name);
	}
	array_append_zero(&all_names);
	/* who can keep the name comes before those that get it by a change */
	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < array_count(&follow->pairs); i++) {
			pair = array_idx_modifiable(&follow->pairs, i);
			name = array_idx_elem(&all_names, i);
			if (pair->folder != NULL ||
			    (pass == 0 &&
			     migration_folder_is_changed(names,
							 pair->listed->name,
							 name)))
				continue;
			name = pairs_choose_name(follow, pair, name,
						 array_front(&all_names));
			pair->folder = pairs_new_folder(follow,
							pair->listed->name,
							name);
		}
	}
}

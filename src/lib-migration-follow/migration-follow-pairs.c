/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "hash.h"
#include "wildcard-match.h"
#include "mail-namespace.h"
#include "mail-storage-private.h"
#include "mail-storage-settings.h"
#include "mailbox-list-private.h"
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
	struct mailbox_settings *box_set;

	if (use == NULL || !array_is_created(&ns->set->mailboxes))
		return NULL;
	array_foreach_elem(&ns->set->mailboxes, box_set) {
		if (str_array_icase_find(t_strsplit_spaces(box_set->special_use,
							   " "),
					 use))
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

const char *
follow_pairs_name(struct migration_follow *follow, const char *remote_name)
{
	struct mail_namespace *ns = follow->set->ns;
	const struct migration_folder_names names = {
		.prefix = follow->overview.prefix,
		.remote_sep = follow->overview.sep,
		.local_sep = mail_namespace_get_sep(ns),
		.storage_sep = mailbox_list_get_hierarchy_sep(ns->list),
	};

	return migration_folder_name(&names, remote_name);
}

void follow_pairs_init(struct migration_follow *follow)
{
	struct mail_namespace *ns = follow->set->ns;
	const struct migration_overview_folder *listed;
	ARRAY_TYPE(const_string) all_names;
	const char *name, *special;
	struct follow_pair *pair, new_pair;
	unsigned int i;

	/* names first: a special one only moves where nobody is */
	t_array_init(&all_names, 32);
	array_foreach(&follow->overview.folders, listed) {
		name = follow_pairs_name(follow, listed->name);
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
	for (i = 0; i < array_count(&follow->pairs); i++) {
		pair = array_idx_modifiable(&follow->pairs, i);
		if (pair->folder != NULL)
			continue;
		name = array_idx_elem(&all_names, i);
		special = strcmp(name, "INBOX") == 0 ?
				  NULL :
				  pairs_get_special(ns, pair->use);
		if (special != NULL &&
		    !str_array_find(array_front(&all_names), special) &&
		    !pairs_has_name(follow,
				    t_strconcat(ns->prefix, special, NULL)))
			name = special;
		pair->folder =
			pairs_new_folder(follow, pair->listed->name, name);
	}
}

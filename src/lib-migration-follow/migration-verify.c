/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "mail-namespace.h"
#include "mail-storage.h"
#include "mailbox-list-iter.h"
#include "migration-remote.h"
#include "migration-verify-private.h"

static bool verify_has_pair(struct migration_verify *verify, const char *name)
{
	const struct follow_pair *pair;

	array_foreach(&verify->follow.pairs, pair) {
		if (strcmp(pair->folder->name, name) == 0)
			return TRUE;
	}
	return FALSE;
}

static void verify_own(struct migration_verify *verify, const char *name)
{
	const struct migration_verify_settings *set = verify->set;
	struct migration_verify_mailbox result;
	struct mailbox_status status;
	struct mailbox *box;

	i_zero(&result);
	result.name = name;
	box = mailbox_alloc(set->ns->list, name, MAILBOX_FLAG_READONLY);
	/* one that cannot be read is no loss of the provider's */
	if (mailbox_get_status(box, STATUS_MESSAGES, &status) < 0) {
		result.text = mailbox_get_last_internal_error(box, NULL);
	} else {
		result.here = status.messages;
		result.text = "only here";
	}
	result.same = TRUE;
	set->callbacks->mailbox(set->context, &result);
	mailbox_free(&box);
}

/* Mailboxes that no folder of the provider has: the user's own. */
static int verify_all_own(struct migration_verify *verify, const char **error_r)
{
	struct mail_namespace *ns = verify->set->ns;
	struct mailbox_list_iterate_context *iter;
	const struct mailbox_info *info;

	iter = mailbox_list_iter_init(ns->list, "*",
				      MAILBOX_LIST_ITER_NO_AUTO_BOXES);
	while ((info = mailbox_list_iter_next(iter)) != NULL)
		T_BEGIN
		{
			if ((info->flags &
			     (MAILBOX_NOSELECT | MAILBOX_NONEXISTENT)) == 0 &&
			    !verify_has_pair(verify, info->vname))
				verify_own(verify, info->vname);
		}
	T_END;
	if (mailbox_list_iter_deinit(&iter) < 0) {
		*error_r = mailbox_list_get_last_internal_error(ns->list, NULL);
		return -1;
	}
	return 0;
}

static enum migration_verify_result
verify_account(struct migration_verify *verify, const char **error_r)
{
	const struct migration_verify_settings *set = verify->set;
	struct migration_follow *follow = &verify->follow;
	const struct follow_pair *pair;

	if (migration_folders_read(set->dir, follow->pool, &follow->folders,
				   &follow->complete, error_r) < 0)
		return MIGRATION_VERIFY_LOCAL;
	if (migration_overview_read(set->remote, follow->pool, set->list_prefix,
				    &follow->overview, error_r) < 0)
		return MIGRATION_VERIFY_REMOTE;
	if (array_count(&follow->overview.folders) == 0) {
		*error_r = "The provider lists no folders";
		return MIGRATION_VERIFY_REMOTE;
	}
	follow_pairs_init(follow);
	array_foreach(&follow->pairs, pair) {
		if (set->callbacks->is_stopped(set->context))
			migration_remote_abort(set->remote);
		if (verify_mailbox_run(verify, pair) < 0) {
			*error_r =
				migration_remote_get_failure(set->remote)->error;
			return MIGRATION_VERIFY_REMOTE;
		}
	}
	return verify_all_own(verify, error_r) < 0 ? MIGRATION_VERIFY_LOCAL :
						     MIGRATION_VERIFY_DONE;
}

enum migration_verify_result
migration_verify(const struct migration_verify_settings *set,
		 const char **error_r)
{
	struct migration_verify verify;
	struct migration_follow *follow = &verify.follow;
	enum migration_verify_result result;

	i_zero(&verify);
	verify.set = set;
	verify.follow_set.ns = set->ns;
	verify.follow_set.remote = set->remote;
	verify.follow_set.dir = set->dir;
	verify.follow_set.exclude = set->exclude;
	verify.follow_set.max_size = set->max_size;
	follow->set = &verify.follow_set;
	follow->pool = pool_alloconly_create("migration verify", 1024 * 16);
	p_array_init(&follow->folders, follow->pool, 32);
	p_array_init(&follow->pairs, follow->pool, 32);

	*error_r = "";
	result = verify_account(&verify, error_r);
	*error_r = t_strdup(*error_r);
	pool_unref(&follow->pool);
	return result;
}

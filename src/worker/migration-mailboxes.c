/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "mail-namespace.h"
#include "mail-storage.h"
#include "migration-mailboxes.h"

int migration_mailboxes_iterate(struct mail_namespace *ns,
				migration_mailbox_callback_t *callback,
				void *context, const char **error_r)
{
	struct mailbox_list_iterate_context *iter;
	const struct mailbox_info *info;
	int ret = 0;

	iter = mailbox_list_iter_init(
		ns->list, "*",
		MAILBOX_LIST_ITER_NO_AUTO_BOXES |
			MAILBOX_LIST_ITER_SKIP_ALIASES |
			MAILBOX_LIST_ITER_RETURN_SUBSCRIBED);
	while (ret == 0 && (info = mailbox_list_iter_next(iter)) != NULL) {
		if ((info->flags & (MAILBOX_NOSELECT | MAILBOX_NONEXISTENT)) !=
		    0)
			continue;
		T_BEGIN
		{
			ret = callback(info, context, error_r);
		}
		T_END_PASS_STR_IF(ret < 0, error_r);
	}
	if (mailbox_list_iter_deinit(&iter) < 0 && ret == 0) {
		*error_r = t_strdup(
			mailbox_list_get_last_internal_error(ns->list, NULL));
		ret = -1;
	}
	return ret;
}

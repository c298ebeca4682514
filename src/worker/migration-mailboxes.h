#ifndef MIGRATION_MAILBOXES_H
#define MIGRATION_MAILBOXES_H

/* All mailboxes of a namespace that can be selected, one after the other. */

#include "mailbox-list-iter.h"

struct mail_namespace;

/* Returns 0, or -1 with an error to stop. */
typedef int migration_mailbox_callback_t(const struct mailbox_info *info,
					 void *context, const char **error_r);

/* Returns 0, or -1 with the callback's or the list's error. */
int migration_mailboxes_iterate(struct mail_namespace *ns,
				migration_mailbox_callback_t *callback,
				void *context, const char **error_r);

#endif

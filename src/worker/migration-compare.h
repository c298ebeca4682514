#ifndef MIGRATION_COMPARE_H
#define MIGRATION_COMPARE_H

/* What one-way dsync does not carry: makes flags and keywords of every message
   the provider's, removed ones included, and deletes mailboxes that were
   pulled before they were deleted or renamed there. Only for an account in
   which nobody has changed anything yet. Messages are matched by UID and
   received date, so that what was delivered here meanwhile is left alone, and
   so is a mailbox with anything of its own in it. */

struct mail_user;
struct migration_pulled;

/* The remote user is connected and only read. Returns 0, or -1 with an
   error. */
int migration_compare(struct mail_user *local, struct mail_user *remote,
		      const struct migration_pulled *pulled,
		      const char **error_r);

#endif

#ifndef MIGRATION_PULLED_H
#define MIGRATION_PULLED_H

/* Which mailboxes here hold nothing but what was pulled? A file in the
   account's control directory has GUID and next UID of each mailbox as the last
   complete pull left it. A mailbox that looks otherwise when the next pull
   begins has had a delivery, and no pull may delete it. */

#include "guid.h"

struct mail_namespace;
struct migration_pulled;

/* Looks at all mailboxes of the namespace. Returns 0, or -1 with an error. */
int migration_pulled_init(const char *dir, struct mail_namespace *ns,
			  struct migration_pulled **pulled_r,
			  const char **error_r);
/* Writes the file anew. Returns 0, or -1 with an error. */
int migration_pulled_write(struct migration_pulled *pulled,
			   const char **error_r);
void migration_pulled_deinit(struct migration_pulled **pulled);

/* TRUE if the mailbox had something else in it when the pull began. */
bool migration_pulled_is_touched(const struct migration_pulled *pulled,
				 const guid_128_t guid);

#endif

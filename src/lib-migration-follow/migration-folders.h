#ifndef MIGRATION_FOLDERS_H
#define MIGRATION_FOLDERS_H

/* Which folders of the provider have a mailbox here: a small file in the
   account's control directory. A mailbox of which it knows, and which is not
   there any longer, was deleted or renamed by the user. It is replaced as a
   whole; a kill leaves the old or the new one. */

#include "guid.h"

struct migration_folder {
	/* As the provider gives it, and here */
	const char *remote_name, *name;
	/* Of the mailbox here; empty = it was not made yet. */
	guid_128_t guid;
	/* The provider's UIDVALIDITY, and the last UID that was taken. */
	uint32_t uid_validity, last_uid;
	/* At the provider and here, at the end of the last run. Not known: that
	   run has not come to it. */
	bool subscribed, subscribed_here, subscription_known;
};
ARRAY_DEFINE_TYPE(migration_folder, struct migration_folder *);

/* The one of that name at the provider, or NULL. */
struct migration_folder *
migration_folders_find(const ARRAY_TYPE(migration_folder) *folders,
		       const char *remote_name);

/* Is the subscription at the provider to be brought here? there and here: as it
   is now; own: the mailbox here is one of the user's, and became this folder's
   just now. What the user has changed here stays. */
bool migration_folder_takes_subscription(const struct migration_folder *folder,
					 bool there, bool here, bool own);

/* complete: a sync has brought everything once. A file that is not there, or is
   damaged, gives no folders. Returns 0, or -1 if it cannot be read. */
int migration_folders_read(const char *dir, pool_t pool,
			   ARRAY_TYPE(migration_folder) *folders,
			   bool *complete_r, const char **error_r);
int migration_folders_write(const char *dir,
			    const ARRAY_TYPE(migration_folder) *folders,
			    bool complete, const char **error_r);

#endif

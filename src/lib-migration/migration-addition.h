#ifndef MIGRATION_ADDITION_H
#define MIGRATION_ADDITION_H

/* What becomes of a user whom an administrator wants to be moved before the
   first login. Pure rules; the queue looks and writes. */

#include "migration-state.h"

struct migration_addition {
	/* As in struct migration_record */
	const char *username, *provider, *remote_user, *login;
	/* What the worker logs in with at the provider */
	const char *credential;
	/* A userdb here knows the name. */
	bool at_home;
};

/* There is neither account nor record. Returns MIGRATION_CHANGE_DONE if they are
   to be made, or MIGRATION_CHANGE_REFUSED with why in text_r. */
enum migration_change
migration_addition_new(const struct migration_addition *addition,
		       const char **text_r);

/* There is a record. Only with MIGRATION_CHANGE_DONE it has changed: it was
   blocked or had nothing to log in with, and gets the new credential. text_r is
   for people and may be empty. */
enum migration_change
migration_addition_again(struct migration_record *record,
			 const struct migration_addition *addition, time_t now,
			 const char **text_r);

#endif

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-addition.h"

enum migration_change
migration_addition_new(const struct migration_addition *addition,
		       const char **text_r)
{
	if (addition->at_home) {
		*text_r = "the user is at home here: a userdb knows the name";
		return MIGRATION_CHANGE_REFUSED;
	}
	*text_r = "the mail moves; the first login is checked at the provider";
	return MIGRATION_CHANGE_DONE;
}

/* Why it cannot be this user's migration, or NULL. */
static const char *addition_differs(const struct migration_record *record,
				    const struct migration_addition *addition)
{
	if (record->phase == MIGRATION_PHASE_FINISHED)
		return "the migration is finished";
	if (strcmp(record->provider, addition->provider) != 0) {
		return t_strdup_printf("is being moved from "
				       "migration_provider %s",
				       record->provider);
	}
	/* users may have typed it in another case */
	if (strcasecmp(record->remote_user, addition->remote_user) != 0) {
		return t_strdup_printf("is being moved as %s",
				       record->remote_user);
	}
	return NULL;
}

enum migration_change
migration_addition_again(struct migration_record *record,
			 const struct migration_addition *addition, time_t now,
			 const char **text_r)
{
	*text_r = addition_differs(record, addition);
	if (*text_r != NULL)
		return MIGRATION_CHANGE_REFUSED;
	*text_r = "";
	if (*addition->credential == '\0' ||
	    strcmp(record->credential, addition->credential) == 0)
		return MIGRATION_CHANGE_NONE;
	if (*record->credential != '\0' &&
	    !migration_state_wants_renewal(record)) {
		*text_r = "what is stored to log in with stays";
		return MIGRATION_CHANGE_NONE;
	}
	record->credential = addition->credential;
	migration_state_renew_credential(record, now);
	*text_r = "with something new to log in with";
	return MIGRATION_CHANGE_DONE;
}

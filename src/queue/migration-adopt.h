#ifndef MIGRATION_ADOPT_H
#define MIGRATION_ADOPT_H

/* What becomes of a user whom the provider has just accepted: a new account
   and record, a renewed record, or nothing because the user is at home. */

#include "migration-record.h"

struct migration_store;
struct migration_adoption;

enum migration_adopt_result {
	MIGRATION_ADOPT_FAILED = -1,
	/* An account that is not, or no longer, ours to change. */
	MIGRATION_ADOPT_HOME,
	MIGRATION_ADOPT_CREATED,
	MIGRATION_ADOPT_RENEWED,
};

/* phase, login (what IMAP and POP3 logins get in phase initial) and held
   (logins are, by the switch) are set with CREATED and RENEWED, error with
   FAILED. */
typedef void
migration_adopt_callback_t(enum migration_adopt_result result,
			   enum migration_phase phase, const char *login,
			   bool held, const char *error, void *context);

/* The callback is called exactly once, perhaps from inside. The adoption is
   copied, and referenced is the event, whose children tell about it. */
void migration_adopt(struct migration_store *store, struct event *event,
		     const struct migration_adoption *adoption,
		     migration_adopt_callback_t *callback, void *context);

/* TRUE if the account is not, or no longer, being migrated: a wrong password is
   nobody else's business. */
bool migration_record_is_home(const struct migration_record *record);
/* TRUE if the local password is not the one that was adopted last. */
bool migration_record_password_changed(const struct migration_record *record);

#endif

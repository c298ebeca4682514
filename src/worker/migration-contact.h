#ifndef MIGRATION_CONTACT_H
#define MIGRATION_CONTACT_H

/* After a sync that failed: is it the password, the provider, or neither? Logs
   in once more and looks at the tagged answer's code, which the mail storage
   does not pass on. */

#include "migration-verdict.h"

struct migration_remote_settings;
struct mail_user;

struct migration_contact_answer {
	enum migration_verdict verdict;
	/* Gone or disabled at the provider. */
	bool account_gone;
	/* What the provider asked for, 0 = nothing. */
	unsigned int retry_after_secs;
};

/* Blocks for at most a connection's time limits. user is the local user, for
   its directories and events. */
void migration_contact_diagnose(const struct migration_remote_settings *set,
				struct mail_user *user,
				struct migration_contact_answer *answer_r);

#endif

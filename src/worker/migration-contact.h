#ifndef MIGRATION_CONTACT_H
#define MIGRATION_CONTACT_H

/* After a sync that failed: is it the password, the provider, or neither? Logs
   in once more and looks at the tagged answer's code, which the mail storage
   does not pass on. */

#include "migration-verdict.h"

struct migration_remote_settings;
struct mail_user;

/* Blocks for at most a connection's time limits. user is the local user, for
   its directories and events. */
enum migration_verdict
migration_contact_diagnose(const struct migration_remote_settings *set,
			   struct mail_user *user);

#endif

#ifndef MIGRATION_PULL_H
#define MIGRATION_PULL_H

/* The pulls of the first sync: dsync through imapc, one way ("doveadm sync -1
   -R"), onto an account that nobody has touched yet. Interrupted anywhere it
   continues at the next run. Gives up root for good. */

#include "migration-progress.h"
#include "migration-state.h"

struct mail_storage_service_ctx;
struct migration_remote_settings;

struct migration_pull_settings {
	struct mail_storage_service_ctx *storage;
	/* Local account */
	const char *username;
	const struct migration_remote_settings *remote;
	struct migration_progress *progress;
	/* The user waits for the INBOX. */
	bool inbox_first;
	/* Nobody has changed anything here: what was changed at the provider
	   is changed here, too. */
	bool compare;
};

/* Blocks until it is over. retry_after_secs_r is what the provider asked for,
   0 = nothing. error_r is for people: what failed and, if known, why; empty
   with MIGRATION_OUTCOME_DONE. */
enum migration_outcome
migration_pull(const struct migration_pull_settings *set,
	       unsigned int *retry_after_secs_r, const char **error_r);

#endif

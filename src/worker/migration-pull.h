#ifndef MIGRATION_PULL_H
#define MIGRATION_PULL_H

/* One sync of one account: becomes the mail user, takes the account's lock,
   repairs what a killed run left, logs in at the provider and follows it.
   Interrupted anywhere it continues at the next run. Or the account is only
   compared with the provider's. Gives up root for good. */

#include "migration-progress.h"
#include "migration-state.h"

struct mail_storage_service_ctx;
struct migration_notes;
struct migration_provider_probe;
struct migration_remote_settings;
struct migration_settings;
struct migration_verify_callbacks;

struct migration_pull_settings {
	struct mail_storage_service_ctx *storage;
	const struct migration_settings *set;
	/* Local account */
	const char *username;
	const struct migration_remote_settings *remote;
	struct migration_progress *progress;
	struct migration_notes *notes;
	/* What the provider's server is like, see migration-follow.h */
	void (*probed)(const struct migration_provider_probe *probe,
		       void *context);
	void *context;

	/* Compare only, with the bytes of all messages or of a sample; NULL =
	   sync. is_stopped is not looked at. */
	const struct migration_verify_callbacks *verify;
	void *verify_context;
	bool verify_all;
};

/* Blocks until it is over. retry_after_secs_r is what the provider asked for,
   0 = nothing. error_r is for people: what failed and, if known, why; empty
   with MIGRATION_OUTCOME_DONE. */
enum migration_outcome
migration_pull(const struct migration_pull_settings *set,
	       unsigned int *retry_after_secs_r, const char **error_r);

#endif

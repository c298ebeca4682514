#ifndef DOVEADM_MIGRATION_CONTACT_H
#define DOVEADM_MIGRATION_CONTACT_H

/* One visit to a provider for "provider test", step by step, as auth and the
   worker will do it: resolve, connect, tls, greeting, capability, and with a
   user also login, namespace, folders; then logout. Nothing is selected or
   changed there. Runs the current ioloop until it is over, at most
   timeout_msecs. Nothing is logged; what was observed is judged by
   migration_verdict(). */

#include "migration-verdict.h"

struct migration_provider_settings;
struct migration_secret;

struct doveadm_migration_contact_settings {
	const struct migration_provider_settings *provider;
	/* Name at the provider and password; NULL = do not log in */
	const char *user;
	const struct migration_secret *secret;
	unsigned int timeout_msecs;
};

struct doveadm_migration_contact_result {
	/* If no login was wanted, OK means that one could be tried. */
	enum migration_verdict verdict;
	/* The step that failed and why; set unless the verdict is OK or the
	   visit was interrupted. From the data stack. */
	const char *check, *error;
	/* Somebody pressed Ctrl-C. */
	bool interrupted;
};

/* One step: result is "ok", "failed" or "skipped". */
typedef void
doveadm_migration_contact_callback_t(const char *check, const char *result,
				     const char *detail, void *context);

void doveadm_migration_contact(
	const struct doveadm_migration_contact_settings *set,
	doveadm_migration_contact_callback_t *callback, void *context,
	struct doveadm_migration_contact_result *result_r);

#endif

#ifndef MIGRATION_PROBE_H
#define MIGRATION_PROBE_H

/* Is this password right at the provider? One IMAP connection by libcurl that
   logs in, asks one thing that only an authenticated session is answered, and
   closes; nothing is selected or changed there. Only auth links this. Nothing
   blocks, and what the provider sends is bounded in bytes, lines and time.

   At most max_logins checks of a provider run at the same time; a bounded line
   waits behind them, within the same time limit. */

#include "migration-verdict.h"

struct migration_provider_settings;
struct migration_secret;
struct migration_prober;
struct migration_probe;

struct migration_probe_result {
	enum migration_verdict verdict;
	struct migration_contact contact;
	/* "PLAIN" (AUTHENTICATE) or "LOGIN": how the provider took the
	   password */
	const char *mechanism;
	/* The address that was used; empty if there was no connection. */
	const char *ip;
	/* One line for the log: what failed and the provider's own words,
	   sanitized. Empty with MIGRATION_VERDICT_OK. */
	const char *error;
};

/* Called exactly once, never from inside _start(), never after _cancel(). */
typedef void
migration_probe_callback_t(const struct migration_probe_result *result,
			   void *context);

int migration_prober_init(struct migration_prober **prober_r,
			  const char **error_r);
/* All probes must have finished or been cancelled. */
void migration_prober_deinit(struct migration_prober **prober);

/* provider must outlive the probe; user and secret are copied. */
struct migration_probe *
migration_probe_start(struct migration_prober *prober,
		      const struct migration_provider_settings *provider,
		      const char *user, const struct migration_secret *secret,
		      unsigned int timeout_msecs,
		      migration_probe_callback_t *callback, void *context);
void migration_probe_cancel(struct migration_probe **probe);

#endif

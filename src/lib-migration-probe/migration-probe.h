#ifndef MIGRATION_PROBE_H
#define MIGRATION_PROBE_H

/* Is this password right at the provider? One IMAP connection by libcurl that
   logs in, asks one thing that only an authenticated session is answered, and
   closes; nothing is selected or changed there. Only auth links this. Nothing
   blocks, and what the provider sends is bounded in bytes, lines and time.

   At most max_logins checks of a provider run at the same time; a bounded line
   waits behind them, within the same time limit. A breaker for each provider
   keeps checks away from one that cannot be talked to. */

#include "migration-breaker.h"
#include "migration-verdict.h"

struct migration_provider_settings;
struct migration_provider_status;
struct migration_secret;
struct migration_prober;
struct migration_probe;

/* Why the provider was not asked. */
enum migration_probe_limit {
	MIGRATION_PROBE_LIMIT_NONE,
	/* The line is full, or it took too long. */
	MIGRATION_PROBE_LIMIT_LINE,
	MIGRATION_PROBE_LIMIT_BREAKER,
};

struct migration_probe_result {
	enum migration_verdict verdict;
	/* The provider was asked for this login. If not, the verdict is not
	   its answer, and contact is empty. */
	bool asked;
	enum migration_probe_limit limit;
	struct migration_contact contact;
	/* "PLAIN" (AUTHENTICATE) or "LOGIN": how the provider took the
	   password */
	const char *mechanism;
	/* The address that was connected to, empty if there was no
	   connection. */
	const char *ip;
	/* One line for the log: what failed and the provider's own words,
	   sanitized. Empty with MIGRATION_VERDICT_OK. */
	const char *error;
};

/* Called exactly once, never from inside _start(), never after _cancel(). */
typedef void
migration_probe_callback_t(const struct migration_probe_result *result,
			   void *context);

/* Counts or breaker of a provider have changed. breaker_cause is NULL unless
   the breaker has changed its state or opened anew: the failure, or empty.
   Must not start or cancel a probe. */
typedef void
migration_prober_changed_t(const struct migration_provider_settings *provider,
			   const struct migration_provider_status *status,
			   const char *breaker_cause, void *context);

struct migration_prober_settings {
	/* What a login may take in all. */
	unsigned int timeout_msecs;
	/* Logins that wait in line for one provider. */
	unsigned int max_waiting;
	struct migration_breaker_settings breaker;

	migration_prober_changed_t *changed;
	void *context;
};

int migration_prober_init(const struct migration_prober_settings *set,
			  struct migration_prober **prober_r,
			  const char **error_r);
/* All probes must have finished or been cancelled. */
void migration_prober_deinit(struct migration_prober **prober);

/* provider must outlive the prober; user and secret are copied. timeout_msecs
   is what is left for this login, at most that of the settings. */
struct migration_probe *
migration_probe_start(struct migration_prober *prober,
		      const struct migration_provider_settings *provider,
		      const char *user, const struct migration_secret *secret,
		      unsigned int timeout_msecs,
		      migration_probe_callback_t *callback, void *context);
void migration_probe_cancel(struct migration_probe **probe);

#endif

#ifndef MIGRATION_AUTH_LIMITS_H
#define MIGRATION_AUTH_LIMITS_H

/* Between a login and the provider: whether the provider is asked at all, so
   that nobody tries passwords there through us, no user is locked out there,
   and it is neither asked too often nor while it is down. Logs whom it did not
   ask, with event migration_login_limited, and breakers that open and close;
   the caller logs what a provider that was asked said.

   A remote user's password is checked once at a time; what is remembered of
   refusals is in memory only, see migration-refusals.h. Owns the prober.
   Nothing blocks. */

#include "migration-probe.h"

struct migration_secret;
struct migration_settings;
struct migration_provider_settings;
struct migration_auth_queue;
struct migration_auth_limits;
struct migration_auth_check;

/* Tells the queue how it is doing. Settings and queue must outlive it. */
int migration_auth_limits_init(const struct migration_settings *set,
			       struct migration_auth_queue *queue,
			       struct event *event_parent,
			       struct migration_auth_limits **limits_r,
			       const char **error_r);
/* All checks must have finished or been cancelled. */
void migration_auth_limits_deinit(struct migration_auth_limits **limits);

/* Something is remembered that would be lost with the process: refusals, or
   that a provider is down. */
bool migration_auth_limits_in_use(struct migration_auth_limits *limits);

/* Asks the provider unless a limit forbids it: then the result says so
   (asked), its verdict is what the user shall be told, and it has been logged.
   event is the login's. The callback is called exactly once, never from inside
   this function, never after _cancel(). user and secret must stay until
   then. */
struct migration_auth_check *migration_auth_limits_check(
	struct migration_auth_limits *limits, struct event *event,
	const struct migration_provider_settings *provider,
	const char *remote_user, const struct migration_secret *secret,
	migration_probe_callback_t *callback, void *context);
void migration_auth_limits_cancel(struct migration_auth_check **check);

#endif

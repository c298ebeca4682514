#ifndef MIGRATION_AUTH_LIMITS_LOG_H
#define MIGRATION_AUTH_LIMITS_LOG_H

/* What migration-auth-limits.c tells the administrator: the words and events,
   no decisions. */

#include "migration-refusals.h"

struct migration_settings;
struct migration_probe_result;
struct migration_provider_settings;
struct migration_provider_status;

struct migration_auth_login {
	struct event *event;
	const struct migration_provider_settings *provider;
	const char *remote_user;
};

/* Result of a login that the prober did not send; nothing if it did. */
void migration_auth_log_limit(const struct migration_auth_login *login,
			      const struct migration_probe_result *result);
/* The user is told what the provider has said before; nothing for ASK. */
void migration_auth_log_refused(const struct migration_auth_login *login,
				enum migration_refusals_answer answer,
				time_t until,
				const struct migration_settings *set);
/* Another login with the same password was answered, but not refused. */
void migration_auth_log_shared(const struct migration_auth_login *login,
			       const struct migration_probe_result *result);

void migration_auth_log_breaker(
	struct event *event, const struct migration_provider_settings *provider,
	const struct migration_provider_status *status, const char *cause,
	const struct migration_settings *set);

#endif

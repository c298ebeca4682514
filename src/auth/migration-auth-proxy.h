#ifndef MIGRATION_AUTH_PROXY_H
#define MIGRATION_AUTH_PROXY_H

/* What tells Dovecot's login processes to pass a session through to its
   provider: the passdb extra fields of a proxy, for IMAP and POP3. */

#include "migration-settings.h"

struct auth_request;
struct migration_auth_trust;

struct migration_proxy {
	const struct migration_provider_settings *provider;
	const char *remote_user;
	/* "PLAIN" or "LOGIN": how the IMAP server takes the password */
	const char *mechanism;
	/* Of the host for the request's service */
	const char *ip;
	/* What the login there may take */
	unsigned int timeout_secs;
};

/* The password is the one that the user typed; auth adds it. */
void migration_proxy_set_fields(struct auth_request *request,
				const struct migration_proxy *proxy);

/* TRUE if the service's sessions ("imap" or "pop3") of all providers that have
   "proxy" can be passed through: login processes are chrooted and verify
   certificates only with what comes with the settings. */
bool migration_proxy_check(const struct migration_settings *set,
			   const char *service,
			   const struct migration_auth_trust *trust,
			   const char **error_r);

#endif

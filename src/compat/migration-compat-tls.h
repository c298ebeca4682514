#ifndef MIGRATION_COMPAT_TLS_H
#define MIGRATION_COMPAT_TLS_H

/* TLS over the streams of a connection to a provider: protocols and ciphers as
   for Dovecot's other connections to the outside, trust as its block says. */

#include "iostream-ssl.h"
#include "migration-config.h"

struct migration_compat_tls {
	const char *host;
	const char *ca_file;
	bool verify;
	/* Whose settings count: the event's in 2.4 (NULL = the process's own),
	   these in 2.3. */
	struct event *event;
	const struct ssl_iostream_settings *base;
};

/* What is to be base, empty in 2.4. */
#ifdef HAVE_SSL_CLIENT_SETTINGS_GET
#define migration_compat_tls_user_base(user, base_r) i_zero(base_r)
#define migration_compat_tls_doveadm_base(base_r) i_zero(base_r)
#else
#define migration_compat_tls_user_base(user, base_r) \
	mail_user_init_ssl_client_settings(user, base_r)
#define migration_compat_tls_doveadm_base(base_r) \
	doveadm_get_ssl_settings(base_r, pool_datastack_create())
#endif

/* Returns 0, or -1; a context that was made is to be unreferenced in any
   case. */
int migration_compat_tls_client(const struct migration_compat_tls *tls,
				struct istream **input, struct ostream **output,
				struct ssl_iostream_context **ctx_r,
				struct ssl_iostream **ssl_r,
				const char **error_r);

#endif

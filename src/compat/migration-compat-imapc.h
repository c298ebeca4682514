#ifndef MIGRATION_COMPAT_IMAPC_H
#define MIGRATION_COMPAT_IMAPC_H

/* Makes a client of Dovecot's imapc, whose settings are a struct in 2.3 and
   those of the configuration in 2.4. */

#include "imapc-client.h"

struct mail_user;
struct migration_compat_imapc;

struct migration_compat_imapc_settings {
	const char *host;
	in_port_t port;
	const char *username, *password;
	/* Whose password it is, NULL = the user's own */
	const char *master_user;
	/* NULL = the command LOGIN */
	const char *sasl_mechanism;
	/* "imaps", "starttls" or "no" */
	const char *ssl;
	const char *ssl_ca_file;
	bool ssl_verify;

	unsigned int connect_timeout_secs, command_timeout_secs;
	size_t max_line_length;
};

/* Names are resolved in this process, and lost connections are not made again.
   Protocols and ciphers of TLS are those of the user's settings. */
struct migration_compat_imapc *
migration_compat_imapc_init(const struct migration_compat_imapc_settings *set,
			    struct mail_user *user);
void migration_compat_imapc_deinit(struct migration_compat_imapc **imapc);

struct imapc_client *
migration_compat_imapc_get_client(struct migration_compat_imapc *imapc);

#endif

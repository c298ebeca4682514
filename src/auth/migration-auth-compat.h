#ifndef MIGRATION_AUTH_COMPAT_H
#define MIGRATION_AUTH_COMPAT_H

/* What is different about auth in Dovecot 2.3 and 2.4. Include it after auth's
   headers. */

#include "migration-compat.h"

struct auth_request;
struct auth_userdb;

/* "imap", "pop3", "submission" and so on */
#ifdef HAVE_STRUCT_AUTH_PASSDB_SETTINGS_USE_WORKER
#define migration_auth_get_protocol(request) ((request)->fields.protocol)
#else
#define migration_auth_get_protocol(request) ((request)->fields.service)
#endif

/* Before a login succeeds: fields that the passdb block adds, which 2.3 does
   by itself. Returns 0, or -1 if they cannot be made, which has been logged. */
#ifdef HAVE_STRUCT_AUTH_PASSDB_SETTINGS_USE_WORKER
#define migration_auth_set_fields(request) \
	auth_request_set_passdb_fields(request, NULL)
#else
#define migration_auth_set_fields(request) 0
#endif

/* TRUE if it is userdb static with allow_all_users. */
bool migration_auth_userdb_allows_everybody(const struct auth_userdb *userdb);

/* What login processes verify the certificates of other servers with. They are
   chrooted: it has to come with the settings. */
struct migration_auth_trust {
	/* of the setting, and what stands before the name of a file in it */
	const char *name, *file_prefix;
	/* certificates */
	const char *ca;
	bool require_crl;
};

/* Of a protocol, allocated from pool. Returns 0, or -1. */
int migration_auth_get_trust(const char *protocol, pool_t pool,
			     struct migration_auth_trust *trust_r,
			     const char **error_r);

#endif

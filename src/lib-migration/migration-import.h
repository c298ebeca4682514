#ifndef MIGRATION_IMPORT_H
#define MIGRATION_IMPORT_H

/* What can be imported, and which rows are right. Pure rules: an importer makes
   a row of what it reads, migration_import_names_add() says what is to be done
   with it, the store writes it. Texts that are returned without a pool are from
   the data stack, or are the given ones. */

#include "migration-limits.h"

enum migration_import_type {
	MIGRATION_IMPORT_DOMAIN,
	MIGRATION_IMPORT_DOMAIN_ALIAS,
	MIGRATION_IMPORT_RELAY_DOMAIN,
	MIGRATION_IMPORT_ACCOUNT,
	MIGRATION_IMPORT_ALIAS,
	MIGRATION_IMPORT_FORWARD,
	MIGRATION_IMPORT_DLIST,
	/* a mailbox that is to be moved, with its account */
	MIGRATION_IMPORT_MIGRATION,

	MIGRATION_IMPORT_TYPE_COUNT
};

#define MIGRATION_IMPORT_QUOTA_OF_DOMAIN (-1)
/* Longest name, such as a first name, and longest hash of a password. */
#define MIGRATION_IMPORT_MAX_NAME_BYTES 255
#define MIGRATION_IMPORT_MAX_HASH_BYTES 512

struct migration_import_row {
	enum migration_import_type type;
	/* Domain, alias domain or relay domain; address of the account or of
	   the alias. Lower case. */
	const char *name;
	bool enabled;

	/* Domain: bytes, 0 = no limit. */
	uint64_t quota, mailbox_quota;

	/* Alias domain */
	const char *target;

	/* Relay domain; no host = by its MX record. */
	const char *host, *service;
	unsigned int port;
	bool verify_recipients;

	/* Account. Without a name it is an administrator who has no mailbox. */
	const char *login;
	/* As it was read, then with {SCHEME}. */
	const char *password;
	const char *first_name, *last_name;
	/* bytes, 0 = no limit, or MIGRATION_IMPORT_QUOTA_OF_DOMAIN */
	int64_t account_quota;
	/* The domains that an administrator has, ends with NULL. */
	const char *const *domains;

	/* Alias, forward, dlist; ends with NULL. */
	const char *const *recipients;

	/* Migration, which makes account and domain if need be: the password is
	   the provider's, and goes no further than into the credential. */
	const char *provider, *remote_user;
	/* Why nobody could log in to a new account, or NULL. */
	const char *no_login;
	/* base64, or the word for the provider's master user */
	const char *credential;
	/* proxy, wait or local */
	const char *job_login;
	bool new_account, new_domain;
	/* There is a record, which gets the credential. */
	bool renew;
};

/* The word in Modoboa's CSV, also for people. */
const char *migration_import_type_to_string(enum migration_import_type type);

/* A row of Modoboa's CSV. Returns 0, or -1 if it is not right by itself. */
int migration_import_parse_modoboa(const char *const *fields,
				   struct migration_import_row *row_r,
				   const char **error_r);

/* Adds {SCHEME}. A hash without one is of the scheme that its first letters
   say, else of default_scheme (NULL = none). Returns -1 if it cannot be a
   hash. */
int migration_import_add_scheme(const char *hash, const char *default_scheme,
				const char **password_r, const char **error_r);

/* For the importers: each returns the value in lower case, or -1. */
int migration_import_get_domain(const char *field, const char **domain_r,
				const char **error_r);
/* user@domain */
int migration_import_get_address(const char *field, const char **address_r,
				 const char **error_r);
/* user@domain or @domain, that is everybody else there */
int migration_import_get_alias(const char *field, const char **address_r,
			       const char **error_r);
/* An address that becomes a folder here as well. */
int migration_import_get_account(const char *field, const char **address_r,
				 const char **error_r);
int migration_import_get_bool(const char *field, bool *value_r,
			      const char **error_r);

struct migration_import_row *
migration_import_row_dup(pool_t pool, const struct migration_import_row *row);

#endif

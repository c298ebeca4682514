#ifndef MIGRATION_SETTINGS_H
#define MIGRATION_SETTINGS_H

/* The settings of dovecot.conf. One definition is linked into all programs:
   the settings module (doveconf and the config process check with it), auth,
   the queue, the worker and doveadm. Each reads them in its own way; the
   structs stay valid as long as the pool that the reader chose. */

#include "array.h"
#include "net.h"

struct migration_finish_settings;

struct migration_provider_settings {
	pool_t pool;
	/* The block's title. */
	const char *name;

	const char *host;
	in_port_t port;
	/* "imaps", "starttls" or "no" */
	const char *ssl;
	bool ssl_verify;
	const char *ssl_ca_file;
	/* "domain" or "domain=new-domain", blank separated */
	const char *domains;
	/* Name at the provider: %u, %n, %d */
	const char *user;
	/* With master_password, see migration-master.h */
	const char *master_user;
	const char *master_password;
	const char *list_prefix;
	/* As migration_features_parse() takes it */
	const char *features;
	const char *exclude;
	/* Bytes, 0 = unlimited */
	uoff_t max_size;
	unsigned int max_connections;
	unsigned int max_logins;
	const char *pop3_host;
	in_port_t pop3_port;
	const char *pop3_ssl;
	/* Empty = migration_login */
	const char *login;
	/* As migration_date_parse() takes it, empty = never */
	const char *finish_at;
};
ARRAY_DEFINE_TYPE(migration_provider_settings,
		  struct migration_provider_settings *);

struct migration_settings {
	pool_t pool;
	const char *migration_db_driver;
	const char *migration_db_connect;
	const char *migration_login;
	unsigned int migration_login_timeout;
	/* Refused passwords of a user before it is left alone, 0 = no limit */
	unsigned int migration_login_refusals;
	/* How long a refusal is remembered, 0 = not at all */
	unsigned int migration_login_refusal_time;
	/* Logins that wait in line behind max_logins, for each provider */
	unsigned int migration_login_line;
	/* Connection failures in a row, 0 = no breaker */
	unsigned int migration_breaker_failures;
	unsigned int migration_breaker_time;
	unsigned int migration_interval;
	unsigned int migration_finish_after;
	unsigned int migration_switch_timeout;
	unsigned int migration_retry_min;
	unsigned int migration_retry_max;
	const char *migration_password_scheme;
	const char *migration_public_key_file;
	const char *migration_private_key_file;
	const char *migration_quota;
	const char *migration_remote_deletes;
	/* As migration_own_tables_parse() takes them */
	const char *migration_account_lookup;
	const char *migration_account_create;
	const char *migration_account_password;
	const char *migration_domain_create;

	ARRAY_TYPE(migration_provider_settings) providers;
	/* What Dovecot 2.4's parser sees of them */
	ARRAY_TYPE(const_string) provider_names;
};

extern const struct setting_parser_info migration_setting_parser_info;
extern const struct setting_parser_info migration_provider_setting_parser_info;

/* Checks that only make sense where the files are at hand: when Dovecot is
   started, not in every process. Called by the settings module. */
extern bool (*hook_migration_settings_check_files)(
	const struct migration_settings *set, const char **error_r);

/* The provider's settings, or NULL if there is no block of that name. */
const struct migration_provider_settings *
migration_settings_find_provider(const struct migration_settings *set,
				 const char *name);
/* "wait" or "local": what IMAP and POP3 logins get until the first full sync
   of an account of this provider is done. */
const char *
migration_settings_get_login(const struct migration_settings *set,
			     const struct migration_provider_settings *provider);
/* When migrations from this provider end by themselves. */
void migration_settings_get_finish(
	const struct migration_settings *set,
	const struct migration_provider_settings *provider,
	struct migration_finish_settings *finish_r);

#endif

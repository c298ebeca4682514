/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "buffer.h"
#include "settings-parser.h"
#include "migration-compat-settings.h"
#include "migration-date.h"
#include "migration-db.h"
#include "migration-exclude.h"
#include "migration-features.h"
#include "migration-limits.h"
#include "migration-master.h"
#include "migration-own-tables.h"
#include "migration-provider.h"
#include "migration-settings.h"
#include "migration-state.h"

#include <ctype.h>
#include <stddef.h>

#define SWITCH_TIMEOUT_MAX_SECS (10 * 60)

bool (*hook_migration_settings_check_files)(
	const struct migration_settings *set, const char **error_r) = NULL;

static bool migration_settings_check(MIGRATION_EXT_CHECK_ARGS);
static bool migration_provider_settings_check(void *_set, pool_t pool,
					      const char **error_r);

#undef DEF
#define DEF(type, name) \
	SETTING_DEFINE_STRUCT_##type(MIGRATION_BLOCK_KEY("migration_provider", \
							 #name), \
				     name, struct migration_provider_settings)

static const struct setting_define migration_provider_setting_defines[] = {
	DEF(STR_NOVARS, name),        DEF(STR_NOVARS, host),
	DEF(IN_PORT, port),           DEF(ENUM, ssl),
	DEF(BOOL, ssl_verify),        DEF(STR_NOVARS, ssl_ca_file),
	DEF(STR_NOVARS, domains),     DEF(STR_NOVARS, user),
	DEF(STR_NOVARS, master_user), DEF(STR_NOVARS, master_password),
	DEF(STR_NOVARS, list_prefix), DEF(STR_NOVARS, features),
	DEF(STR_NOVARS, exclude),     DEF(SIZE, max_size),
	DEF(UINT, max_connections),   DEF(UINT, max_logins),
	DEF(STR_NOVARS, pop3_host),   DEF(IN_PORT, pop3_port),
	DEF(ENUM, pop3_ssl),          DEF(ENUM, login),
	DEF(STR_NOVARS, finish_at),

	SETTING_DEFINE_LIST_END
};

/* clang-format off */
static const struct migration_provider_settings
migration_provider_default_settings = {
	.name = "",
	.host = "",
	.port = 993,
	.ssl = "imaps:starttls:no",
	.ssl_verify = TRUE,
	.ssl_ca_file = "",
	.domains = "",
	.user = "%u",
	.master_user = "",
	.master_password = "",
	.list_prefix = "",
	.features = "",
	.exclude = "",
	.max_size = 0,
	.max_connections = 5,
	.max_logins = 20,
	.pop3_host = "",
	.pop3_port = 995,
	.pop3_ssl = "pop3s:starttls:no",
	.login = ":proxy:wait:local",
	.finish_at = "",
};
/* clang-format on */

const struct setting_parser_info migration_provider_setting_parser_info = {
	.defines = migration_provider_setting_defines,
	.defaults = &migration_provider_default_settings,

	MIGRATION_BLOCK_INFO("migration_provider",
			     struct migration_provider_settings, name,
			     &migration_setting_parser_info),
	.struct_size = sizeof(struct migration_provider_settings),

	.check_func = migration_provider_settings_check,
};

#undef DEF
#define DEF(type, name) \
	SETTING_DEFINE_STRUCT_##type(#name, name, struct migration_settings)

static const struct setting_define migration_setting_defines[] = {
	DEF(ENUM, migration_db_driver),
	DEF(STR_NOVARS, migration_db_connect),
	DEF(ENUM, migration_login),
	DEF(TIME, migration_login_timeout),
	DEF(UINT, migration_login_refusals),
	DEF(TIME, migration_login_refusal_time),
	DEF(UINT, migration_login_line),
	DEF(UINT, migration_breaker_failures),
	DEF(TIME, migration_breaker_time),
	DEF(TIME, migration_interval),
	DEF(TIME, migration_finish_after),
	DEF(TIME, migration_switch_timeout),
	DEF(TIME, migration_retry_min),
	DEF(TIME, migration_retry_max),
	DEF(STR_NOVARS, migration_password_scheme),
	DEF(STR_NOVARS, migration_public_key_file),
	DEF(STR_NOVARS, migration_private_key_file),
	DEF(ENUM, migration_quota),
	DEF(ENUM, migration_remote_deletes),
	DEF(STR_NOVARS, migration_account_lookup),
	DEF(STR_NOVARS, migration_account_create),
	DEF(STR_NOVARS, migration_account_password),
	DEF(STR_NOVARS, migration_domain_create),

	MIGRATION_BLOCKS_DEFINE("migration_provider", struct migration_settings,
				providers, provider_names,
				&migration_provider_setting_parser_info),

	SETTING_DEFINE_LIST_END
};

/* clang-format off */
static const struct migration_settings migration_default_settings = {
	.migration_db_driver = "sqlite:pgsql:mysql",
	.migration_db_connect = PKG_STATEDIR"/migration/migration.sqlite",
	.migration_login = "proxy:wait:local",
	.migration_login_timeout = 15,
	.migration_login_refusals = 3,
	.migration_login_refusal_time = 10*60,
	.migration_login_line = 1000,
	.migration_breaker_failures = 5,
	.migration_breaker_time = 30,
	.migration_interval = 60*60,
	.migration_finish_after = 0,
	.migration_switch_timeout = 30,
	.migration_retry_min = 60,
	.migration_retry_max = 6*60*60,
	.migration_password_scheme = "SHA512-CRYPT",
	.migration_public_key_file = MIGRATION_KEYDIR"/public.pem",
	.migration_private_key_file = MIGRATION_KEYDIR"/private.pem",
	.migration_quota = "ignore:enforce",
	.migration_remote_deletes = "follow:keep",
	.migration_account_lookup = "",
	.migration_account_create = "",
	.migration_account_password = "",
	.migration_domain_create = "",

	.providers = ARRAY_INIT,
	.provider_names = ARRAY_INIT,
};
/* clang-format on */

const struct setting_parser_info migration_setting_parser_info = {
	.defines = migration_setting_defines,
	.defaults = &migration_default_settings,

	MIGRATION_ROOT_INFO("migration", struct migration_settings,
			    migration_settings_check),
	.struct_size = sizeof(struct migration_settings),
};

/* <settings checks> */
static bool check_host(const char *where, const char *key, const char *host,
		       const char **error_r)
{
	struct ip_addr ip;
	const char *p;
	bool valid = TRUE;

	if (strchr(host, ':') != NULL) {
		valid = net_addr2ip(host, &ip) == 0;
	} else {
		for (p = host; *p != '\0'; p++) {
			if (!i_isalnum(*p) && strchr(".-_", *p) == NULL)
				valid = FALSE;
		}
	}
	if (!valid) {
		*error_r = t_strdup_printf(
			"%s%s: '%s' is not a host name or address (the port "
			"has a setting of its own)",
			where, key, host);
	}
	return valid;
}

static bool check_port(const char *where, const char *key, in_port_t port,
		       const char **error_r)
{
	if (port != 0)
		return TRUE;
	*error_r = t_strdup_printf("%s%s must not be 0", where, key);
	return FALSE;
}

static bool check_provider_master(const struct migration_provider_settings *set,
				  const char *where, const char **error_r)
{
	const char *error = migration_master_check(set);

	if (error == NULL)
		return TRUE;
	*error_r = t_strconcat(where, error, NULL);
	return FALSE;
}

static bool check_provider_names(const struct migration_provider_settings *set,
				 const char *where, const char **error_r)
{
	const char *const *excludes;
	const char *user, *error;

	if (*set->user == '\0' ||
	    migration_provider_expand_user(set->user, "user@example.com", &user,
					   &error) < 0) {
		*error_r = t_strdup_printf(
			"%suser: '%s' must be made of text, %%u, %%n and %%d",
			where, set->user);
		return FALSE;
	}
	if (migration_exclude_parse(pool_datastack_create(), set->exclude,
				    &excludes, &error) < 0) {
		*error_r = t_strdup_printf("%sexclude: %s: %s", where, error,
					   set->exclude);
		return FALSE;
	}
	return TRUE;
}

static bool
check_provider_features(const struct migration_provider_settings *set,
			const char *where, const char **error_r)
{
	enum migration_feature features;
	const char *error;

	if (migration_features_parse(set->features, &features, &error) == 0)
		return TRUE;
	*error_r = t_strdup_printf("%sfeatures: %s", where, error);
	return FALSE;
}

static bool check_finish_at(const struct migration_provider_settings *set,
			    const char *where, const char **error_r)
{
	time_t at;

	if (*set->finish_at == '\0' ||
	    migration_date_parse(set->finish_at, &at) == 0)
		return TRUE;
	*error_r = t_strdup_printf(
		"%sfinish_at: '%s' is not a date like 2030-01-31, "
		"2030-01-31 12:00 or 2030-01-31T12:00:00+01:00",
		where, set->finish_at);
	return FALSE;
}

static bool
migration_provider_settings_check(void *_set, pool_t pool ATTR_UNUSED,
				  const char **error_r)
{
	const struct migration_provider_settings *set = _set;
	const char *where;

	if (*set->name == '\0' && MIGRATION_BLOCK_DEFAULTS_ARE_CHECKED)
		return TRUE;
	where = t_strdup_printf("migration_provider %s: ", set->name);
	if (*set->name == '\0') {
		*error_r = "migration_provider: the block needs a name: "
			   "migration_provider NAME { }";
		return FALSE;
	}
	if (*set->host == '\0') {
		*error_r = t_strconcat(where, "host is missing", NULL);
		return FALSE;
	}
	if (!check_host(where, "host", set->host, error_r) ||
	    !check_port(where, "port", set->port, error_r) ||
	    !check_host(where, "pop3_host", set->pop3_host, error_r) ||
	    !check_port(where, "pop3_port", set->pop3_port, error_r))
		return FALSE;
	if (set->max_connections == 0 || set->max_logins == 0) {
		*error_r = t_strdup_printf("%s%s must not be 0", where,
					   set->max_logins == 0 ?
						   "max_logins" :
						   "max_connections");
		return FALSE;
	}
	return check_provider_names(set, where, error_r) &&
	       check_provider_features(set, where, error_r) &&
	       check_finish_at(set, where, error_r) &&
	       check_provider_master(set, where, error_r);
}

static bool
check_own_tables(const struct migration_settings *set, const char **error_r)
{
	const struct migration_own_tables *own;

	return migration_own_tables_parse(pool_datastack_create(), set, &own,
					  error_r) >= 0;
}

static bool
check_login_limits(const struct migration_settings *set, const char **error_r)
{
	if (set->migration_login_timeout == 0 ||
	    set->migration_login_timeout > 60) {
		*error_r = "migration_login_timeout: must be 1..60 seconds, "
			   "because mail programs give up after that";
		return FALSE;
	}
	if (set->migration_login_refusals > MIGRATION_MAX_LOGIN_REFUSALS) {
		*error_r = t_strdup_printf(
			"migration_login_refusals: must not be above %u (0 = "
			"no limit)",
			MIGRATION_MAX_LOGIN_REFUSALS);
		return FALSE;
	}
	if (set->migration_login_refusal_time > 24 * 60 * 60) {
		*error_r = "migration_login_refusal_time: must not be above "
			   "1 day, because users who have mended their "
			   "password are kept out as long";
		return FALSE;
	}
	if (set->migration_login_line > 100000) {
		*error_r = "migration_login_line: must not be above 100000, "
			   "because nobody would wait so long";
		return FALSE;
	}
	if (set->migration_breaker_time == 0 ||
	    set->migration_breaker_time > 60 * 60) {
		*error_r = "migration_breaker_time: must be 1 second to "
			   "1 hour (migration_breaker_failures = 0 switches "
			   "the breaker off)";
		return FALSE;
	}
	return TRUE;
}

static bool migration_settings_check(MIGRATION_EXT_CHECK_ARGS)
{
	struct migration_settings *set = _set;
	struct migration_providers *providers;

	if (MIGRATION_BLOCKS_GET(event, "migration_provider",
				 &migration_provider_setting_parser_info,
				 &set->provider_names, &set->providers, pool,
				 error_r) < 0)
		return FALSE;
	if (!check_own_tables(set, error_r))
		return FALSE;
	if (!migration_db_connect_is_valid(set->migration_db_driver,
					   set->migration_db_connect,
					   error_r)) {
		*error_r =
			t_strdup_printf("migration_db_connect: %s", *error_r);
		return FALSE;
	}
	if (!check_login_limits(set, error_r))
		return FALSE;
	if (set->migration_switch_timeout == 0 ||
	    set->migration_switch_timeout > SWITCH_TIMEOUT_MAX_SECS) {
		*error_r = t_strdup_printf("migration_switch_timeout: must be "
					   "1..%u seconds, because logins "
					   "wait so long",
					   SWITCH_TIMEOUT_MAX_SECS);
		return FALSE;
	}
	if (set->migration_interval == 0) {
		*error_r = "migration_interval: must be at least 1 second: "
			   "what changes at the provider is fetched so often "
			   "until a migration is finished";
		return FALSE;
	}
	if (set->migration_retry_min == 0 ||
	    set->migration_retry_min > set->migration_retry_max) {
		*error_r = "migration_retry_min: must be at least 1 second and "
			   "not above migration_retry_max";
		return FALSE;
	}
	if (*set->migration_password_scheme == '\0') {
		*error_r = "migration_password_scheme: must not be empty";
		return FALSE;
	}
	if (migration_providers_init(set, &providers, error_r) < 0)
		return FALSE;
	migration_providers_deinit(&providers);

	if (hook_migration_settings_check_files != NULL)
		return hook_migration_settings_check_files(set, error_r);
	return TRUE;
}
/* </settings checks> */

const struct migration_provider_settings *
migration_settings_find_provider(const struct migration_settings *set,
				 const char *name)
{
	struct migration_provider_settings *provider;

	if (!array_is_created(&set->providers))
		return NULL;
	array_foreach_elem(&set->providers, provider) {
		if (strcmp(provider->name, name) == 0)
			return provider;
	}
	return NULL;
}

const char *
migration_settings_get_login(const struct migration_settings *set,
			     const struct migration_provider_settings *provider)
{
	return *provider->login != '\0' ? provider->login :
					  set->migration_login;
}

void migration_settings_get_finish(
	const struct migration_settings *set,
	const struct migration_provider_settings *provider,
	struct migration_finish_settings *finish_r)
{
	i_zero(finish_r);
	finish_r->after_secs = set->migration_finish_after;
	/* the settings were checked */
	if (*provider->finish_at != '\0' &&
	    migration_date_parse(provider->finish_at, &finish_r->at) < 0)
		finish_r->at = 0;
}

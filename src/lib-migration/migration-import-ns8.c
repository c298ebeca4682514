/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "net.h"
#include "str.h"
#include "migration-import-ns8.h"
#include "migration-master.h"
#include "migration-provider.h"
#include "migration-settings.h"

static const char *const ns8_column_names[] = {
	[MIGRATION_NS8_LOCAL_USER] = "localusername",
	[MIGRATION_NS8_REMOTE_USER] = "remoteusername",
	[MIGRATION_NS8_REMOTE_PASSWORD] = "remotepassword",
	[MIGRATION_NS8_REMOTE_HOST] = "remotehostname",
	[MIGRATION_NS8_REMOTE_PORT] = "remoteport",
	[MIGRATION_NS8_SECURITY] = "security",
	[MIGRATION_NS8_COLUMN_COUNT] = NULL,
};

/* What security says, and what it is in a provider's ssl. */
static const struct ns8_security {
	const char *name, *ssl;
	in_port_t port;
} ns8_securities[] = {
	{ "ssl", "imaps", 993 },
	{ "tls", "starttls", 143 },
	{ "none", "no", 143 },
	{ "", "no", 143 },
};

static bool
ns8_find_field(const char *const *fields, const char *name, unsigned int *idx_r)
{
	unsigned int i;

	for (i = 0; fields[i] != NULL; i++) {
		if (strcasecmp(fields[i], name) == 0) {
			*idx_r = i;
			return TRUE;
		}
	}
	return FALSE;
}

int migration_import_ns8_header(const char *const *fields,
				struct migration_import_ns8 *ns8_r,
				const char **error_r)
{
	unsigned int i;

	i_zero(ns8_r);
	for (i = 0; i < MIGRATION_NS8_COLUMN_COUNT; i++) {
		if (!ns8_find_field(fields, ns8_column_names[i],
				    &ns8_r->columns[i]))
			break;
	}
	/* each is there once, and nothing else */
	if (i < MIGRATION_NS8_COLUMN_COUNT ||
	    str_array_length(fields) != MIGRATION_NS8_COLUMN_COUNT) {
		*error_r = t_strdup_printf(
			"the first row must have the names of the columns: %s",
			t_strarray_join(ns8_column_names, ","));
		return -1;
	}
	return 0;
}

static const struct ns8_security *ns8_find_security(const char *name)
{
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(ns8_securities); i++) {
		if (strcasecmp(ns8_securities[i].name, name) == 0)
			return &ns8_securities[i];
	}
	return NULL;
}

static const char *ns8_list_providers(const struct migration_settings *set)
{
	struct migration_provider_settings *provider;
	string_t *str = t_str_new(128);

	if (!array_is_created(&set->providers) ||
	    array_count(&set->providers) == 0)
		return "none is configured";
	array_foreach_elem(&set->providers, provider) {
		str_printfa(str, "%s%s with host %s, port %u, ssl %s",
			    str_len(str) == 0 ? "there are " : "; ",
			    provider->name, provider->host, provider->port,
			    provider->ssl);
	}
	return str_c(str);
}

/* Of several it is the one that serves the user's domain: the first login is
   checked there. */
static const struct migration_provider_settings *
ns8_find_provider(const struct migration_settings *set,
		  const struct migration_providers *providers, const char *host,
		  in_port_t port, const char *ssl,
		  struct migration_import_row *row)
{
	struct migration_provider_settings *provider, *found = NULL;
	struct migration_user user;
	const char *error;

	if (!array_is_created(&set->providers))
		return NULL;
	array_foreach_elem(&set->providers, provider) {
		if (strcasecmp(provider->host, host) != 0 ||
		    provider->port != port || strcmp(provider->ssl, ssl) != 0)
			continue;
		if (migration_providers_find_added(providers, provider,
						   row->name, row->remote_user,
						   &user, &error) == 0) {
			row->name = user.local_user;
			return provider;
		}
		if (found == NULL)
			found = provider;
	}
	if (found != NULL) {
		row->no_login = t_strdup_printf(
			"there is no such account, and logins of the domain of "
			"localusername are not checked at migration_provider "
			"%s (its domains are: %s)",
			found->name, found->domains);
	}
	return found;
}

static int
ns8_parse_provider(const struct migration_settings *set,
		   const struct migration_providers *providers,
		   const char *host, const char *port_field,
		   const char *security_field, struct migration_import_row *row,
		   const struct migration_provider_settings **provider_r,
		   const char **error_r)
{
	const struct ns8_security *security;
	in_port_t port;

	security = ns8_find_security(security_field);
	if (security == NULL) {
		*error_r = "security must be ssl, tls (STARTTLS) or none";
		return -1;
	}
	port = security->port;
	if (*port_field != '\0' && net_str2port(port_field, &port) < 0) {
		*error_r = "remoteport is not a port";
		return -1;
	}
	*provider_r = ns8_find_provider(set, providers, host, port,
					security->ssl, row);
	if (*provider_r == NULL) {
		*error_r = t_strdup_printf("no migration_provider has its "
					   "host, port and security: %s",
					   ns8_list_providers(set));
		return -1;
	}
	return 0;
}

int migration_import_parse_ns8(const struct migration_import_ns8 *ns8,
			       const struct migration_settings *set,
			       const struct migration_providers *providers,
			       const char *const *fields,
			       struct migration_import_row *row_r,
			       const char **error_r)
{
	const struct migration_provider_settings *provider;
	const char *values[MIGRATION_NS8_COLUMN_COUNT], *error;
	unsigned int i;

	i_zero(row_r);
	if (str_array_length(fields) != MIGRATION_NS8_COLUMN_COUNT) {
		*error_r = t_strdup_printf(
			"%u fields, but there have to be %u: the names of the "
			"columns say which (a field that has a separator must "
			"be in double quotes)",
			str_array_length(fields), MIGRATION_NS8_COLUMN_COUNT);
		return -1;
	}
	for (i = 0; i < MIGRATION_NS8_COLUMN_COUNT; i++)
		values[i] = fields[ns8->columns[i]];
	row_r->type = MIGRATION_IMPORT_MIGRATION;
	row_r->enabled = TRUE;
	if (migration_import_get_account(values[MIGRATION_NS8_LOCAL_USER],
					 &row_r->name, &error) < 0) {
		*error_r = "localusername must be user@domain, not begin with "
			   "a dot and have no slash";
		return -1;
	}
	row_r->remote_user = values[MIGRATION_NS8_REMOTE_USER];
	if (*row_r->remote_user == '\0' ||
	    strlen(row_r->remote_user) > MIGRATION_MAX_USERNAME_BYTES) {
		*error_r = "remoteusername is missing or too long";
		return -1;
	}
	row_r->password = values[MIGRATION_NS8_REMOTE_PASSWORD];
	if (ns8_parse_provider(set, providers,
			       values[MIGRATION_NS8_REMOTE_HOST],
			       values[MIGRATION_NS8_REMOTE_PORT],
			       values[MIGRATION_NS8_SECURITY], row_r, &provider,
			       error_r) < 0)
		return -1;
	if (*row_r->password == '\0' && !migration_master_is_set(provider)) {
		*error_r = "remotepassword is missing";
		return -1;
	}
	row_r->provider = provider->name;
	row_r->job_login = migration_settings_get_login(set, provider);
	return 0;
}

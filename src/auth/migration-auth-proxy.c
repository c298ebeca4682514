/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "auth-common.h"
#include "array.h"
#include "istream.h"
#include "str.h"
#include "auth-request.h"
#include "migration-config.h"
#include "migration-auth-compat.h"
#include "migration-auth-proxy.h"

#include <ctype.h>

static void
proxy_set(struct auth_request *request, const char *key, const char *value)
{
	auth_request_set_field(request, key, value, NULL);
}

/* tls: "imaps", "pop3s", "starttls" or "no" */
static void proxy_set_server(struct auth_request *request, const char *host,
			     in_port_t port, const char *tls, bool verify)
{
	proxy_set(request, "host", host);
	proxy_set(request, "port", t_strdup_printf("%u", port));
	if (strcmp(tls, "no") == 0)
		return;
	proxy_set(request, strcmp(tls, "starttls") == 0 ? "starttls" : "ssl",
		  verify ? "yes" : "any-cert");
}

void migration_proxy_set_fields(struct auth_request *request,
				const struct migration_proxy *proxy)
{
	const struct migration_provider_settings *set = proxy->provider;

	proxy_set(request, "proxy", "y");
	if (strcmp(migration_auth_get_protocol(request), "pop3") == 0) {
		proxy_set_server(request, set->pop3_host, set->pop3_port,
				 set->pop3_ssl, set->ssl_verify);
	} else {
		proxy_set_server(request, set->host, set->port, set->ssl,
				 set->ssl_verify);
		if (strcmp(proxy->mechanism, "PLAIN") == 0)
			proxy_set(request, "proxy_mech", "PLAIN");
	}
	proxy_set(request, "hostip", proxy->ip);
	proxy_set(request, "destuser", proxy->remote_user);
	proxy_set(request, "proxy_timeout",
		  t_strdup_printf("%u", proxy->timeout_secs));
	/* a stranger is not told where our users are, nor hurried */
	proxy_set(request, "proxy_not_trusted", "y");
	proxy_set(request, "proxy_nopipelining", "y");
}

static bool proxy_is_verified(const struct migration_provider_settings *set,
			      const char *service)
{
	if (!set->ssl_verify)
		return FALSE;
	if (strcmp(service, "pop3") == 0) {
		return *set->pop3_host != '\0' &&
		       strcmp(set->pop3_ssl, "no") != 0;
	}
	return strcmp(set->ssl, "no") != 0;
}

static void pem_append(string_t *str, const char *text)
{
	for (; *text != '\0'; text++) {
		if (!i_isspace(*text))
			str_append_c(str, *text);
	}
}

/* Are all certificates of the file in ssl_ca, too? */
static bool
proxy_check_ca_file(const char *path, const struct migration_auth_trust *trust,
		    const char **error_r)
{
	struct istream *input = i_stream_create_file(path, IO_BLOCK_SIZE);
	string_t *trusted = str_new(default_pool, strlen(trust->ca));
	string_t *cert = str_new(default_pool, 4096);
	bool inside = FALSE, missing = FALSE;
	const char *line;

	pem_append(trusted, trust->ca);
	while ((line = i_stream_read_next_line(input)) != NULL) {
		if (str_begins_with(line, "-----BEGIN CERTIFICATE-----")) {
			inside = TRUE;
			str_truncate(cert, 0);
		} else if (str_begins_with(line, "-----END CERTIFICATE-----")) {
			inside = FALSE;
			if (strstr(str_c(trusted), str_c(cert)) == NULL)
				missing = TRUE;
		} else if (inside) {
			pem_append(cert, line);
		}
	}
	*error_r = NULL;
	if (input->stream_errno != 0) {
		*error_r = t_strdup_printf("%s } cannot be compared with "
					   "ssl_ca_file: read(%s) failed: %s",
					   trust->name, path,
					   i_stream_get_error(input));
	} else if (missing) {
		*error_r = t_strdup_printf(
			"%s } does not have the "
			"certificates of ssl_ca_file, which login processes "
			"verify the provider with: set %s = %sFILE with "
			"those of %s and whatever else it is to have",
			trust->name, trust->name, trust->file_prefix, path);
	}
	str_free(&cert);
	str_free(&trusted);
	i_stream_destroy(&input);
	return *error_r == NULL;
}

bool migration_proxy_check(const struct migration_settings *set,
			   const char *service,
			   const struct migration_auth_trust *trust,
			   const char **error_r)
{
	struct migration_provider_settings *provider;
	const char *error;

	if (!array_is_created(&set->providers))
		return TRUE;
	array_foreach_elem(&set->providers, provider) {
		if (strcmp(migration_settings_get_login(set, provider),
			   "proxy") != 0 ||
		    !proxy_is_verified(provider, service))
			continue;
		if (*trust->ca == '\0') {
			error = t_strdup_printf(
				"%s } is empty, which login processes verify "
				"providers with: set %s = %s" MIGRATION_CA_FILE,
				trust->name, trust->name, trust->file_prefix);
		} else if (trust->require_crl &&
			   strstr(trust->ca, "BEGIN X509 CRL") == NULL) {
			error = "ssl_ca } has no revocation lists: set "
				"ssl_require_crl = no";
		} else if (*provider->ssl_ca_file != '\0' &&
			   !proxy_check_ca_file(provider->ssl_ca_file, trust,
						&error)) {
			/* the error is set */
		} else {
			continue;
		}
		*error_r = t_strdup_printf("migration_provider %s: protocol "
					   "%s { %s",
					   provider->name, service, error);
		return FALSE;
	}
	return TRUE;
}

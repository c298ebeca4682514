/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "auth-common.h"
#include "array.h"
#include "auth-request.h"
#include "migration-config.h"
#include "migration-auth-proxy.h"

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
	if (strcmp(request->fields.service, "pop3") == 0) {
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

bool migration_proxy_check(const struct migration_settings *set,
			   const char *service, const char *ssl_ca,
			   bool ssl_require_crl, const char **error_r)
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
		if (*ssl_ca == '\0') {
			error = "ssl_ca } is empty, which login processes "
				"verify providers with: "
				"set ssl_ca = <" MIGRATION_CA_FILE;
		} else if (ssl_require_crl &&
			   strstr(ssl_ca, "BEGIN X509 CRL") == NULL) {
			error = "ssl_ca } has no revocation lists: set "
				"ssl_require_crl = no";
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

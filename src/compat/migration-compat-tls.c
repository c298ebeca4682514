/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-compat-tls.h"

#ifdef HAVE_SSL_CLIENT_SETTINGS_GET

#include "settings.h"
#include "master-service.h"

int migration_compat_tls_client(const struct migration_compat_tls *tls,
				struct istream **input, struct ostream **output,
				struct ssl_iostream_context **ctx_r,
				struct ssl_iostream **ssl_r,
				const char **error_r)
{
	struct event *event = tls->event != NULL ?
				      tls->event :
				      master_service_get_event(master_service);
	const struct ssl_settings *common_set;
	const struct ssl_iostream_settings *client_set;
	struct ssl_iostream_settings set;
	const char *ca;
	int ret;

	if (settings_parse_read_file(tls->ca_file, tls->ca_file,
				     pool_datastack_create(), &ca,
				     error_r) < 0 ||
	    ssl_client_settings_get(event, &common_set, error_r) < 0)
		return -1;
	ssl_client_settings_to_iostream_set(common_set, &client_set);
	set = *client_set;
	set.ca_dir = NULL;
	settings_file_get(ca, pool_datastack_create(), &set.ca);
	i_zero(&set.cert);
	set.verify_remote_cert = TRUE;
	set.allow_invalid_cert = !tls->verify;
	ret = ssl_iostream_context_init_client(&set, ctx_r, error_r);
	if (ret == 0) {
		ret = io_stream_create_ssl_client(*ctx_r, tls->host, event, 0,
						  input, output, ssl_r,
						  error_r);
	}
	settings_free(client_set);
	settings_free(common_set);
	return ret;
}

#else

int migration_compat_tls_client(const struct migration_compat_tls *tls,
				struct istream **input, struct ostream **output,
				struct ssl_iostream_context **ctx_r,
				struct ssl_iostream **ssl_r,
				const char **error_r)
{
	struct ssl_iostream_settings set = *tls->base;

	set.ca = set.ca_dir = NULL;
	set.ca_file = tls->ca_file;
	i_zero(&set.cert);
	set.verify_remote_cert = TRUE;
	set.allow_invalid_cert = !tls->verify;
	/* the error says it all, no need to log it as well */
	set.verbose_invalid_cert = FALSE;

	if (ssl_iostream_context_init_client(&set, ctx_r, error_r) < 0)
		return -1;
	return io_stream_create_ssl_client(*ctx_r, tls->host, &set, input,
					   output, ssl_r, error_r);
}

#endif

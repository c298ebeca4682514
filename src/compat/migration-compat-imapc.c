/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "str.h"
#include "mail-user.h"
#include "migration-config.h"
#include "migration-compat-imapc.h"

#ifdef HAVE_IMAPC_PARAMETER_CLIENT_DISABLED
#include "settings.h"
#endif

struct migration_compat_imapc {
	struct imapc_client *client;
#ifdef HAVE_IMAPC_PARAMETER_CLIENT_DISABLED
	struct event *event;
	struct settings_instance *instance;
#endif
};

#ifdef HAVE_IMAPC_PARAMETER_CLIENT_DISABLED

/* The user's settings with ours above them. */
static void imapc_override(struct migration_compat_imapc *imapc,
			   const struct migration_compat_imapc_settings *set)
{
	const struct {
		const char *key, *value;
	} settings[] = {
		{ "imapc_host", set->host },
		{ "imapc_port", t_strdup_printf("%u", set->port) },
		{ "imapc_user", set->username },
		{ "imapc_master_user",
		  set->master_user == NULL ? "" : set->master_user },
		{ "imapc_sasl_mechanisms",
		  set->sasl_mechanism == NULL ? "" : set->sasl_mechanism },
		{ "imapc_ssl", set->ssl },
		{ "imapc_features", "" },
		{ "imapc_rawlog_dir", "" },
		{ "imapc_connection_timeout_interval",
		  t_strdup_printf("%u secs", set->connect_timeout_secs) },
		{ "imapc_cmd_timeout",
		  t_strdup_printf("%u secs", set->command_timeout_secs) },
		{ "imapc_max_line_length",
		  t_strdup_printf("%zu", set->max_line_length) },
		{ "imapc_connection_retry_count", "0" },
		{ "ssl_client_ca_dir", "" },
		{ "ssl_client_ca_file", set->ssl_ca_file },
		{ "ssl_client_require_valid_cert",
		  set->ssl_verify ? "yes" : "no" },
	};
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(settings); i++) {
		settings_override(imapc->instance, settings[i].key,
				  settings[i].value,
				  SETTINGS_OVERRIDE_TYPE_CODE);
	}
}

static void imapc_create(struct migration_compat_imapc *imapc,
			 const struct migration_compat_imapc_settings *set,
			 struct mail_user *user, const char *temp_prefix)
{
	const struct imapc_parameters params = {
		.temp_path_prefix = temp_prefix,
		.override_dns_client_socket_path = "",
		.override_password = set->password,
	};

	imapc->instance =
		settings_instance_dup(settings_instance_find(user->event));
	imapc_override(imapc, set);
	imapc->event = event_create(user->event);
	event_set_ptr(imapc->event, SETTINGS_EVENT_INSTANCE, imapc->instance);
	imapc->client = imapc_client_init(&params, imapc->event);
}

static void imapc_free(struct migration_compat_imapc *imapc)
{
	event_unref(&imapc->event);
	settings_instance_free(&imapc->instance);
}

#else

static void imapc_create(struct migration_compat_imapc *imapc,
			 const struct migration_compat_imapc_settings *set,
			 struct mail_user *user, const char *temp_prefix)
{
	struct imapc_client_settings client_set;

	i_zero(&client_set);
	client_set.host = set->host;
	client_set.port = set->port;
	client_set.username = set->username;
	client_set.master_user = set->master_user;
	client_set.password = set->password;
	client_set.sasl_mechanisms =
		set->sasl_mechanism == NULL ? "" : set->sasl_mechanism;
	client_set.dns_client_socket_path = "";
	client_set.temp_path_prefix = temp_prefix;
	client_set.ssl_mode = strcmp(set->ssl, "imaps") == 0 ?
				      IMAPC_CLIENT_SSL_MODE_IMMEDIATE :
			      strcmp(set->ssl, "starttls") == 0 ?
				      IMAPC_CLIENT_SSL_MODE_STARTTLS :
				      IMAPC_CLIENT_SSL_MODE_NONE;
	mail_user_init_ssl_client_settings(user, &client_set.ssl_set);
	client_set.ssl_set.ca_dir = NULL;
	client_set.ssl_set.ca_file = set->ssl_ca_file;
	client_set.ssl_set.allow_invalid_cert = !set->ssl_verify;
	client_set.rawlog_dir = "";
	client_set.connect_timeout_msecs = set->connect_timeout_secs * 1000;
	client_set.cmd_timeout_msecs = set->command_timeout_secs * 1000;
	client_set.max_idle_time = IMAPC_DEFAULT_MAX_IDLE_TIME;
	client_set.max_line_length = set->max_line_length;
	client_set.connect_retry_count = 0;

	imapc->client = imapc_client_init(&client_set, user->event);
}

static void imapc_free(struct migration_compat_imapc *imapc ATTR_UNUSED)
{
}

#endif

struct migration_compat_imapc *
migration_compat_imapc_init(const struct migration_compat_imapc_settings *set,
			    struct mail_user *user)
{
	struct migration_compat_imapc *imapc;
	string_t *prefix = t_str_new(128);

	imapc = i_new(struct migration_compat_imapc, 1);
	mail_user_set_get_temp_prefix(prefix, user->set);
	imapc_create(imapc, set, user, str_c(prefix));
	return imapc;
}

void migration_compat_imapc_deinit(struct migration_compat_imapc **_imapc)
{
	struct migration_compat_imapc *imapc = *_imapc;

	*_imapc = NULL;
	imapc_client_deinit(&imapc->client);
	imapc_free(imapc);
	i_free(imapc);
}

struct imapc_client *
migration_compat_imapc_get_client(struct migration_compat_imapc *imapc)
{
	return imapc->client;
}

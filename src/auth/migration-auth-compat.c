/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "auth-common.h"
#include "array.h"
#include "auth.h"
#include "auth-request.h"
#include "master-service.h"
#include "migration-compat-settings.h"
#include "migration-auth-compat.h"

#ifdef HAVE_STRUCT_AUTH_PASSDB_SETTINGS_USE_WORKER

#include "ssl-settings.h"
#include "auth-settings.h"

bool migration_auth_userdb_allows_everybody(const struct auth_userdb *userdb)
{
	const struct auth_static_settings *set;
	struct event *event;
	const char *error;
	bool ret;

	if (strcmp(userdb->userdb->iface->name, "static") != 0)
		return FALSE;
	event = event_create(master_service_get_event(master_service));
	settings_event_add_filter_name(event, "userdb_static");
	settings_event_add_list_filter_name(event, "userdb", userdb->name);
	if (settings_get(event, &auth_static_setting_parser_info, 0, &set,
			 &error) < 0) {
		e_error(event, "%s", error);
		ret = FALSE;
	} else {
		ret = set->userdb_static_allow_all_users;
		settings_free(set);
	}
	event_unref(&event);
	return ret;
}

int migration_auth_get_trust(const char *protocol, pool_t pool,
			     struct migration_auth_trust *trust_r,
			     const char **error_r)
{
	const struct ssl_settings *set;
	const void *setp = NULL;
	struct settings_file file;
	struct event *event;
	int ret;

	event = event_create(master_service_get_event(master_service));
	event_add_str(event, "protocol", protocol);
	ret = migration_compat_settings_get(event, &ssl_setting_parser_info,
					    protocol, pool, &setp, error_r);
	event_unref(&event);
	if (ret < 0)
		return -1;
	set = setp;
	settings_file_get(set->ssl_client_ca_file, pool, &file);
	i_zero(trust_r);
	trust_r->name = "ssl_client_ca_file";
	trust_r->file_prefix = "";
	trust_r->ca = file.content;
	return 0;
}

#else

#include "master-service-ssl-settings.h"

bool migration_auth_userdb_allows_everybody(const struct auth_userdb *userdb)
{
	const char *const *args;

	if (strcmp(userdb->userdb->iface->name, "static") != 0)
		return FALSE;
	args = t_strsplit_spaces(userdb->set->args, " ");
	for (; *args != NULL; args++) {
		if (strcmp(*args, "allow_all_users") == 0 ||
		    strcasecmp(*args, "allow_all_users=yes") == 0)
			return TRUE;
	}
	return FALSE;
}

int migration_auth_get_trust(const char *protocol, pool_t pool,
			     struct migration_auth_trust *trust_r,
			     const char **error_r)
{
	const struct master_service_ssl_settings *set;
	const void *setp;

	if (migration_compat_settings_get(
		    NULL, &master_service_ssl_setting_parser_info, protocol,
		    pool, &setp, error_r) < 0)
		return -1;
	set = setp;
	i_zero(trust_r);
	trust_r->name = "ssl_ca";
	trust_r->file_prefix = "<";
	trust_r->ca = set->ssl_ca;
	trust_r->require_crl = set->ssl_require_crl;
	return 0;
}

#endif

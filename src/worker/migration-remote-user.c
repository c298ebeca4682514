/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "mail-namespace.h"
#include "mail-storage-service.h"
#include "mail-storage-settings.h"
#include "mail-user.h"
#include "mailbox-list-private.h"
#include "dsync-brain.h"
#include "migration-config.h"
#include "migration-secret.h"
#include "migration-settings.h"
#include "migration-remote-user.h"

/* Bodies asked for in one command. More means fewer round trips and more
   memory; measured in FIELD terms, 1000 is hardly faster than this. */
#define REMOTE_PREFETCH_COUNT "500"
#define REMOTE_FEATURES "rfc822.size fetch-headers modseq"

/* As dsync does: how names that the local side cannot hold are escaped. */
#define DSYNC_ESCAPE_CHAR '%'
#define DSYNC_ALT_ESCAPE_CHAR '~'

static int remote_set(struct mail_storage_service_user *user, const char *key,
		      const char *value, const char **error_r)
{
	const char *error;

	if (mail_storage_service_user_set_setting(user, key, value, &error) > 0)
		return 0;
	/* not the value: it may be the password */
	*error_r = t_strdup_printf("Cannot set %s", key);
	return -1;
}

/* The whole provider is one tree and stands in for the local namespace of
   INBOX; the others have nothing to do with it. */
static int remote_set_namespaces(struct mail_storage_service_user *user,
				 const char **error_r)
{
	const struct mail_user_settings *set =
		mail_storage_service_user_get_set(user)[0];
	struct mail_namespace_settings *ns_set;
	const char *prefix;
	int ret = 0;

	if (!array_is_created(&set->namespaces))
		return 0;
	array_foreach_elem(&set->namespaces, ns_set) {
		prefix = t_strdup_printf("namespace/%s/", ns_set->name);
		if (!ns_set->inbox) {
			ret = remote_set(user,
					 t_strconcat(prefix, "disabled", NULL),
					 "yes", error_r);
		} else {
			ret = remote_set(user,
					 t_strconcat(prefix, "location", NULL),
					 "", error_r);
		}
		if (ret < 0)
			break;
	}
	return ret;
}

static int remote_set_imapc(struct mail_storage_service_user *user,
			    const struct migration_remote_settings *set,
			    const char **error_r)
{
	const struct migration_provider_settings *provider = set->provider;
	const struct {
		const char *key, *value;
	} settings[] = {
		{ "mail_location", "imapc:" },
		{ "mail_plugins", "" },
		/* resolved in here, without the dns-client service: imapc does
		   not survive it when the provider goes away meanwhile */
		{ "base_dir", "" },
		{ "mail_prefetch_count", REMOTE_PREFETCH_COUNT },
		{ "imapc_host", provider->host },
		{ "imapc_port", t_strdup_printf("%u", provider->port) },
		{ "imapc_ssl", provider->ssl },
		{ "imapc_ssl_verify", provider->ssl_verify ? "yes" : "no" },
		{ "ssl_client_ca_dir", "" },
		{ "ssl_client_ca_file", *provider->ssl_ca_file != '\0' ?
						provider->ssl_ca_file :
						MIGRATION_CA_FILE },
		{ "imapc_user", set->remote_user },
		{ "imapc_master_user", "" },
		{ "imapc_password", migration_secret_get(set->password) },
		{ "imapc_sasl_mechanisms",
		  strcmp(set->mechanism, "PLAIN") == 0 ? "plain" : "" },
		{ "imapc_list_prefix", provider->list_prefix },
		{ "imapc_features",
		  t_strconcat(REMOTE_FEATURES " ", provider->features, NULL) },
		{ "imapc_rawlog_dir", "" },
		/* imapc's own reconnects have no pause and, after a failed
		   STARTTLS or with several addresses, no end. The queue tries
		   again, and later each time. */
		{ "imapc_connection_retry_count", "0" },
	};
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(settings); i++) {
		if (remote_set(user, settings[i].key, settings[i].value,
			       error_r) < 0)
			return -1;
	}
	return 0;
}

int migration_remote_user_lookup(struct mail_storage_service_ctx *storage,
				 const struct mail_storage_service_input *input,
				 const struct migration_remote_settings *set,
				 struct mail_storage_service_user **user_r,
				 const char **error_r)
{
	struct mail_storage_service_input remote_input = *input;
	int ret;

	/* by then the local user's privileges are the process's */
	remote_input.flags_override_add =
		MAIL_STORAGE_SERVICE_FLAG_NO_RESTRICT_ACCESS |
		MAIL_STORAGE_SERVICE_FLAG_NO_CHDIR |
		MAIL_STORAGE_SERVICE_FLAG_NO_LOG_INIT;
	ret = mail_storage_service_lookup(storage, &remote_input, user_r,
					  error_r);
	if (ret <= 0) {
		if (ret == 0)
			*error_r = "User is gone";
		return -1;
	}
	if (remote_set_namespaces(*user_r, error_r) < 0 ||
	    remote_set_imapc(*user_r, set, error_r) < 0) {
		mail_storage_service_user_unref(user_r);
		return -1;
	}
	return 0;
}

int migration_remote_user_connect(struct mail_storage_service_ctx *storage,
				  struct mail_storage_service_user *service_user,
				  struct mail_storage_service_user *local_user,
				  struct mail_user **user_r,
				  const char **error_r)
{
	int ret;

	ret = mail_storage_service_next(storage, service_user, user_r, error_r);
	/* it has switched to the remote user's ioloop context, also when it
	   failed, and the local user's is the one that is ended later */
	if (ret < 0) {
		mail_storage_service_io_activate_user(local_user);
		return -1;
	}
	mail_storage_service_io_deactivate_user(service_user);
	mail_storage_service_io_activate_user(local_user);
	return 0;
}

void migration_user_init_dsync(struct mail_user *user)
{
	char separator = mail_namespaces_get_root_sep(user->namespaces);
	struct mail_namespace *ns;
	struct dsync_mailbox_list *dlist;

	user->dsyncing = TRUE;
	for (ns = user->namespaces; ns != NULL; ns = ns->next) {
		dlist = p_new(ns->list->pool, struct dsync_mailbox_list, 1);
		MODULE_CONTEXT_SET(ns->list, dsync_mailbox_list_module, dlist);
		dlist->have_orig_escape_char =
			ns->list->set.vname_escape_char != '\0';
		if (!dlist->have_orig_escape_char) {
			ns->list->set.vname_escape_char =
				separator != DSYNC_ESCAPE_CHAR ?
					DSYNC_ESCAPE_CHAR :
					DSYNC_ALT_ESCAPE_CHAR;
		}
	}
}

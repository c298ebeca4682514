/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "ioloop.h"
#include "str.h"
#include "imapc-client.h"
#include "mail-storage-private.h"
#include "mail-user.h"
#include "migration-backoff.h"
#include "migration-config.h"
#include "migration-secret.h"
#include "migration-settings.h"
#include "migration-remote-user.h"
#include "migration-contact.h"

#define CONTACT_TIMEOUT_MSECS (30 * 1000)

struct contact_context {
	struct imapc_client *client;
	struct migration_contact_answer answer;
};

static void
contact_login_callback(const struct imapc_command_reply *reply, void *context)
{
	struct contact_context *ctx = context;

	switch (reply->state) {
	case IMAPC_COMMAND_STATE_OK:
		ctx->answer.verdict = MIGRATION_VERDICT_OK;
		break;
	case IMAPC_COMMAND_STATE_NO:
	case IMAPC_COMMAND_STATE_AUTH_FAILED:
		ctx->answer.verdict =
			migration_verdict_login_no(reply->resp_text_key);
		ctx->answer.account_gone =
			migration_verdict_is_account(reply->resp_text_key);
		break;
	case IMAPC_COMMAND_STATE_BAD:
	case IMAPC_COMMAND_STATE_DISCONNECTED:
		ctx->answer.verdict = MIGRATION_VERDICT_TEMPORARY;
		break;
	}
	if (ctx->answer.verdict == MIGRATION_VERDICT_TEMPORARY) {
		ctx->answer.retry_after_secs =
			migration_backoff_secs(reply->resp_text_key,
					       reply->text_full);
	}
	imapc_client_stop(ctx->client);
}

void migration_contact_diagnose(const struct migration_remote_settings *set,
				struct mail_user *user,
				struct migration_contact_answer *answer_r)
{
	const struct migration_provider_settings *provider = set->provider;
	struct imapc_client_settings client_set;
	struct contact_context ctx;
	string_t *prefix = t_str_new(128);

	i_zero(&client_set);
	client_set.host = provider->host;
	client_set.port = provider->port;
	client_set.username = set->remote_user;
	client_set.password = migration_secret_get(set->password);
	client_set.sasl_mechanisms =
		strcmp(set->mechanism, "PLAIN") == 0 ? "plain" : "";
	client_set.dns_client_socket_path = "";
	mail_user_set_get_temp_prefix(prefix, user->set);
	client_set.temp_path_prefix = str_c(prefix);
	client_set.ssl_mode = strcmp(provider->ssl, "imaps") == 0 ?
				      IMAPC_CLIENT_SSL_MODE_IMMEDIATE :
			      strcmp(provider->ssl, "starttls") == 0 ?
				      IMAPC_CLIENT_SSL_MODE_STARTTLS :
				      IMAPC_CLIENT_SSL_MODE_NONE;
	mail_user_init_ssl_client_settings(user, &client_set.ssl_set);
	client_set.ssl_set.ca_dir = NULL;
	client_set.ssl_set.ca_file = *provider->ssl_ca_file != '\0' ?
					     provider->ssl_ca_file :
					     MIGRATION_CA_FILE;
	client_set.ssl_set.allow_invalid_cert = !provider->ssl_verify;
	client_set.rawlog_dir = "";
	client_set.connect_timeout_msecs = CONTACT_TIMEOUT_MSECS;
	client_set.cmd_timeout_msecs = CONTACT_TIMEOUT_MSECS;
	client_set.max_idle_time = IMAPC_DEFAULT_MAX_IDLE_TIME;

	i_zero(&ctx);
	ctx.answer.verdict = MIGRATION_VERDICT_TEMPORARY;
	ctx.client = imapc_client_init(&client_set, user->event);
	imapc_client_set_login_callback(ctx.client, contact_login_callback,
					&ctx);
	imapc_client_login(ctx.client);
	imapc_client_run(ctx.client);
	imapc_client_deinit(&ctx.client);
	*answer_r = ctx.answer;
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "imap-arg.h"
#include "imap-util.h"
#include "ioloop.h"
#include "istream.h"
#include "str.h"
#include "mail-storage-private.h"
#include "mail-user.h"
#include "migration-backoff.h"
#include "migration-compat-imapc.h"
#include "migration-config.h"
#include "migration-provider-probe.h"
#include "migration-secret.h"
#include "migration-settings.h"
#include "migration-remote.h"

#define REMOTE_CONNECT_TIMEOUT_SECS 30
/* Without a byte from the provider while it owes us an answer */
#define REMOTE_COMMAND_TIMEOUT_SECS (5 * 60)
/* Bodies are part of it, whatever imapc intends: doc/dovecot-notes.md. */
#define REMOTE_MAX_LINE_BYTES (64 * 1024 * 1024)
/* Some want to know it, see always-id. */
#define REMOTE_ID \
	"ID (\"name\" \"" MIGRATION_NAME "\" \"version\" \"" MIGRATION_VERSION \
	"\")"

struct migration_remote {
	pool_t pool;
	struct migration_compat_imapc *imapc;
	/* of imapc */
	struct imapc_client *client;
	struct imapc_client_mailbox *box;
	/* of whoever waits */
	struct ioloop *ioloop;
	struct migration_remote_failure failure;
	/* of the setting */
	enum migration_feature set;
	const char *known_capabilities;
	const char *const *capabilities;
	struct migration_features features;
	/* by ID */
	const char *name, *version;

	migration_remote_untagged_t *untagged_callback;
	void *untagged_context;

	/* commands without an answer, and how many of them may be left for
	   the call that waits to return */
	unsigned int unanswered, wanted;
	/* of the command that migration_remote_command() waits for */
	int status;
	const char *error;

	bool refused_for_now:1;
	bool refused_as_gone:1;
	bool logged_in:1;
	bool lost:1;
};

struct remote_command {
	struct migration_remote *remote;
	migration_remote_callback_t *callback;
	void *context;
};

static void remote_lose(struct migration_remote *remote, const char *error)
{
	if (!remote->lost) {
		remote->lost = TRUE;
		remote->failure.error = p_strdup(remote->pool, error);
	}
	imapc_client_stop(remote->client);
}

static void remote_read_text(struct migration_remote *remote,
			     const struct imapc_command_reply *reply)
{
	unsigned int secs =
		migration_backoff_secs(reply->resp_text_key, reply->text_full);

	remote->failure.retry_after_secs =
		I_MAX(remote->failure.retry_after_secs, secs);
	remote->refused_as_gone =
		reply->resp_text_key == NULL ||
		strcasecmp(reply->resp_text_key, "NONEXISTENT") == 0;
	/* whatever the server has done wrong, it will do again */
	remote->refused_for_now =
		migration_verdict_login_no(reply->resp_text_key) ==
			MIGRATION_VERDICT_TEMPORARY &&
		strcasecmp(reply->resp_text_key, "SERVERBUG") != 0;
}

static void
remote_logged_in(const struct imapc_command_reply *reply, void *context)
{
	struct migration_remote *remote = context;
	struct migration_remote_failure *failure = &remote->failure;

	switch (reply->state) {
	case IMAPC_COMMAND_STATE_OK:
		failure->verdict = MIGRATION_VERDICT_OK;
		remote->logged_in = TRUE;
		imapc_client_stop(remote->client);
		return;
	case IMAPC_COMMAND_STATE_NO:
	case IMAPC_COMMAND_STATE_AUTH_FAILED:
		failure->verdict =
			migration_verdict_login_no(reply->resp_text_key);
		failure->account_gone =
			migration_verdict_is_account(reply->resp_text_key);
		break;
	case IMAPC_COMMAND_STATE_BAD:
	case IMAPC_COMMAND_STATE_DISCONNECTED:
		failure->verdict = MIGRATION_VERDICT_TEMPORARY;
		break;
	}
	if (failure->verdict == MIGRATION_VERDICT_TEMPORARY)
		remote_read_text(remote, reply);
	remote_lose(remote, reply->text_full);
}

static void remote_capability(struct migration_remote *remote,
			      const struct imapc_untagged_reply *reply)
{
	remote->capabilities = (const char *const *)p_strsplit_spaces(
		remote->pool, imap_args_to_str(reply->args), " ");
}

/* NIL or (field value ...) */
static void remote_id(struct migration_remote *remote,
		      const struct imapc_untagged_reply *reply)
{
	const struct imap_arg *list;
	const char *field, *value;

	if (!imap_arg_get_list(&reply->args[0], &list))
		return;
	for (; !IMAP_ARG_IS_EOL(&list[0]) && !IMAP_ARG_IS_EOL(&list[1]);
	     list += 2) {
		if (!imap_arg_get_astring(&list[0], &field) ||
		    !imap_arg_get_astring(&list[1], &value))
			continue;
		if (strcasecmp(field, "name") == 0)
			remote->name = p_strdup(remote->pool, value);
		else if (strcasecmp(field, "version") == 0)
			remote->version = p_strdup(remote->pool, value);
	}
}

/* Callbacks use the mail storage here, and what that leaves behind in an ioloop
   must outlive the client's own, which is gone after each wait. */
static void
remote_untagged(const struct imapc_untagged_reply *reply, void *context)
{
	struct migration_remote *remote = context;
	struct ioloop *ioloop = current_ioloop;

	if (strcasecmp(reply->name, "CAPABILITY") == 0)
		remote_capability(remote, reply);
	else if (strcasecmp(reply->name, "ID") == 0)
		remote_id(remote, reply);
	if (remote->untagged_callback != NULL && !remote->lost) {
		io_loop_set_current(remote->ioloop);
		remote->untagged_callback(reply, remote->untagged_context);
		io_loop_set_current(ioloop);
	}
}

const char *
migration_remote_get_ca_file(const struct migration_provider_settings *provider)
{
	return *provider->ssl_ca_file != '\0' ? provider->ssl_ca_file :
						MIGRATION_CA_FILE;
}

static void remote_init_client(struct migration_remote *remote,
			       const struct migration_remote_settings *set,
			       struct mail_user *user)
{
	const struct migration_provider_settings *provider = set->provider;
	const struct migration_compat_imapc_settings imapc_set = {
		.host = provider->host,
		.port = provider->port,
		.username = set->remote_user,
		.password = migration_secret_get(set->password),
		.master_user = set->master_user,
		.sasl_mechanism =
			set->master_user != NULL ||
					strcmp(set->mechanism, "PLAIN") == 0 ?
				"plain" :
				NULL,
		.ssl = provider->ssl,
		.ssl_ca_file = migration_remote_get_ca_file(provider),
		.ssl_verify = provider->ssl_verify,
		.connect_timeout_secs = REMOTE_CONNECT_TIMEOUT_SECS,
		.command_timeout_secs = REMOTE_COMMAND_TIMEOUT_SECS,
		.max_line_length = REMOTE_MAX_LINE_BYTES,
	};

	/* Without the dns-client service: imapc does not survive it when the
	   provider goes away meanwhile. Without imapc's own reconnects: they
	   have no pause and, after a failed STARTTLS or with several addresses,
	   no end. The queue tries again, and later each time. */
	remote->imapc = migration_compat_imapc_init(&imapc_set, user);
	remote->client = migration_compat_imapc_get_client(remote->imapc);
	imapc_client_register_untagged(remote->client, remote_untagged, remote);
}

struct migration_remote *
migration_remote_init(const struct migration_remote_settings *set,
		      struct mail_user *user)
{
	struct migration_remote *remote;
	const char *error;
	pool_t pool;

	pool = pool_alloconly_create("migration remote", 1024 * 4);
	remote = p_new(pool, struct migration_remote, 1);
	remote->pool = pool;
	remote->ioloop = current_ioloop;
	remote->failure.verdict = MIGRATION_VERDICT_TEMPORARY;
	remote->name = remote->version = "";
	remote->known_capabilities = p_strdup(pool, set->known_capabilities);
	if (migration_features_parse(set->provider->features, &remote->set,
				     &error) < 0)
		i_unreached(); /* the settings were checked */
	remote_init_client(remote, set, user);
	return remote;
}

void migration_remote_deinit(struct migration_remote **_remote)
{
	struct migration_remote *remote = *_remote;

	*_remote = NULL;
	migration_remote_close(remote);
	remote->untagged_callback = NULL;
	if (!remote->lost)
		imapc_client_logout(remote->client);
	migration_compat_imapc_deinit(&remote->imapc);
	pool_unref(&remote->pool);
}

int migration_remote_connect(struct migration_remote *remote)
{
	const char *error;

	imapc_client_set_login_callback(remote->client, remote_logged_in,
					remote);
	imapc_client_login(remote->client);
	imapc_client_run(remote->client);
	if (!remote->logged_in) {
		remote_lose(remote, "Not logged in");
		return -1;
	}
	/* what it has said before the login may be less */
	if (migration_remote_command(remote, &error, "CAPABILITY") < 0)
		return -1;
	if (remote->capabilities == NULL)
		remote->capabilities = p_new(remote->pool, const char *, 1);
	migration_features_get(remote->pool, remote->set, remote->capabilities,
			       &remote->features);
	if ((remote->set & MIGRATION_FEATURE_ALWAYS_ID) != 0 &&
	    migration_remote_has(remote, "ID"))
		migration_remote_send(remote, NULL, NULL, REMOTE_ID);
	return 0;
}

void migration_remote_abort(struct migration_remote *remote)
{
	remote_lose(remote, "The sync was stopped");
}

const struct migration_remote_failure *
migration_remote_get_failure(const struct migration_remote *remote)
{
	return &remote->failure;
}

bool migration_remote_has(const struct migration_remote *remote,
			  const char *capability)
{
	return migration_features_has(&remote->features, capability);
}

const struct migration_features *
migration_remote_get_features(const struct migration_remote *remote)
{
	return &remote->features;
}

bool migration_remote_is_unknown(const struct migration_remote *remote)
{
	return remote->known_capabilities != NULL &&
	       strcmp(remote->known_capabilities,
		      migration_features_known(remote->capabilities)) != 0;
}

void migration_remote_ask_name(struct migration_remote *remote)
{
	const char *error;

	if (*remote->name == '\0' && migration_remote_has(remote, "ID"))
		(void)migration_remote_command(remote, &error, REMOTE_ID);
}

void migration_remote_get_probe(const struct migration_remote *remote,
				struct migration_provider_probe *probe_r)
{
	i_zero(probe_r);
	probe_r->name = remote->name;
	probe_r->version = remote->version;
	probe_r->capabilities = migration_features_known(remote->capabilities);
	probe_r->prefix = probe_r->sep = "";
}

void migration_remote_set_untagged(struct migration_remote *remote,
				   migration_remote_untagged_t *callback,
				   void *context)
{
	remote->untagged_callback = callback;
	remote->untagged_context = context;
}

static void
remote_answered(const struct imapc_command_reply *reply, void *context)
{
	struct remote_command *cmd = context;
	struct migration_remote *remote = cmd->remote;
	struct ioloop *ioloop = current_ioloop;

	i_assert(remote->unanswered > 0);
	remote->unanswered--;
	if (reply->state != IMAPC_COMMAND_STATE_OK)
		remote_read_text(remote, reply);
	/* whoever waited for it may have gone */
	if (cmd->callback != NULL && !remote->lost) {
		io_loop_set_current(remote->ioloop);
		cmd->callback(reply, cmd->context);
		io_loop_set_current(ioloop);
	}
	i_free(cmd);

	/* who wants to be left alone is not asked anything more */
	if (reply->state == IMAPC_COMMAND_STATE_DISCONNECTED ||
	    reply->state == IMAPC_COMMAND_STATE_BAD ||
	    (reply->state == IMAPC_COMMAND_STATE_NO &&
	     remote->failure.retry_after_secs > 0))
		remote_lose(remote, reply->text_full);
	else if (remote->unanswered <= remote->wanted)
		imapc_client_stop(remote->client);
}

static struct imapc_command *
remote_new_command(struct migration_remote *remote,
		   migration_remote_callback_t *callback, void *context)
{
	struct remote_command *cmd;

	cmd = i_new(struct remote_command, 1);
	cmd->remote = remote;
	cmd->callback = callback;
	cmd->context = context;
	remote->unanswered++;
	if (remote->box != NULL) {
		return imapc_client_mailbox_cmd(remote->box, remote_answered,
						cmd);
	}
	return imapc_client_cmd(remote->client, remote_answered, cmd);
}

static void remote_refuse(migration_remote_callback_t *callback, void *context)
{
	static const struct imapc_command_reply reply = {
		.state = IMAPC_COMMAND_STATE_DISCONNECTED,
		.text_full = "The connection is lost",
		.text_without_resp = "The connection is lost",
	};

	if (callback != NULL)
		callback(&reply, context);
}

bool migration_remote_can_send_name(const char *name)
{
	return strpbrk(name, "\r\n") == NULL;
}

static bool remote_name_is_ascii(const char *name)
{
	for (; *name != '\0'; name++) {
		if ((unsigned char)*name >= 0x80)
			return FALSE;
	}
	return TRUE;
}

const char *
migration_remote_name(const struct migration_remote *remote, const char *name)
{
	string_t *str = t_str_new(64);

	i_assert(migration_remote_can_send_name(name));

	if (!remote_name_is_ascii(name) &&
	    migration_remote_has(remote, "LITERAL+")) {
		str_printfa(str, "{%zu+}\r\n%s", strlen(name), name);
		return str_c(str);
	}
	/* imap_append_quoted() would leave out 8-bit characters */
	str_append_c(str, '"');
	for (; *name != '\0'; name++) {
		if (*name == '"' || *name == '\\')
			str_append_c(str, '\\');
		str_append_c(str, *name);
	}
	str_append_c(str, '"');
	return str_c(str);
}

void migration_remote_send(struct migration_remote *remote,
			   migration_remote_callback_t *callback, void *context,
			   const char *format, ...)
{
	va_list args;

	if (remote->lost) {
		remote_refuse(callback, context);
		return;
	}
	va_start(args, format);
	imapc_command_sendvf(remote_new_command(remote, callback, context),
			     format, args);
	va_end(args);
}

int migration_remote_wait(struct migration_remote *remote,
			  unsigned int unanswered)
{
	remote->wanted = unanswered;
	while (!remote->lost && remote->unanswered > unanswered)
		imapc_client_run(remote->client);
	return remote->lost ? -1 : 0;
}

static void
remote_command_answered(const struct imapc_command_reply *reply, void *context)
{
	struct migration_remote *remote = context;

	remote->status = reply->state == IMAPC_COMMAND_STATE_OK ? 1 : 0;
	remote->error = p_strdup(remote->pool, reply->text_full);
}

static int
remote_command_wait(struct migration_remote *remote, const char **error_r)
{
	if (migration_remote_wait(remote, 0) < 0) {
		*error_r = remote->failure.error;
		return -1;
	}
	*error_r = remote->error;
	return remote->status;
}

int migration_remote_command(struct migration_remote *remote,
			     const char **error_r, const char *format, ...)
{
	va_list args;

	if (remote->lost) {
		*error_r = remote->failure.error;
		return -1;
	}
	va_start(args, format);
	imapc_command_sendvf(remote_new_command(remote, remote_command_answered,
						remote),
			     format, args);
	va_end(args);
	return remote_command_wait(remote, error_r);
}

bool migration_remote_refused_as_gone(const struct migration_remote *remote)
{
	return remote->refused_as_gone;
}

bool migration_remote_refused_for_now(const struct migration_remote *remote)
{
	return remote->refused_for_now;
}

int migration_remote_examine(struct migration_remote *remote, const char *name,
			     bool condstore, const char **error_r)
{
	struct imapc_command *cmd;

	migration_remote_close(remote);
	if (remote->lost) {
		*error_r = remote->failure.error;
		return -1;
	}
	if (!migration_remote_can_send_name(name)) {
		remote->refused_for_now = FALSE;
		*error_r = "its name has a line end";
		return 0;
	}
	remote->box = imapc_client_mailbox_open(remote->client, remote);
	cmd = remote_new_command(remote, remote_command_answered, remote);
	imapc_command_set_flags(cmd, IMAPC_COMMAND_FLAG_SELECT);
	imapc_command_sendf(cmd,
			    condstore ? "EXAMINE %1s (CONDSTORE)" :
					"EXAMINE %1s",
			    migration_remote_name(remote, name));
	return remote_command_wait(remote, error_r);
}

void migration_remote_close(struct migration_remote *remote)
{
	if (remote->box != NULL)
		imapc_client_mailbox_close(&remote->box);
}

const struct imap_arg *
migration_remote_get_value(const struct imap_arg *list, const char *name)
{
	const char *key;

	for (; !IMAP_ARG_IS_EOL(&list[0]) && !IMAP_ARG_IS_EOL(&list[1]);
	     list += 2) {
		if (imap_arg_get_atom(&list[0], &key) &&
		    strcasecmp(key, name) == 0)
			return &list[1];
	}
	return NULL;
}

struct istream *
migration_remote_open_value(const struct imapc_untagged_reply *reply,
			    const struct imap_arg *value)
{
	const struct imapc_arg_file *file;
	const char *str;
	unsigned int i;

	if (value == NULL)
		return NULL;
	for (i = 0; i < reply->file_args_count; i++) {
		file = &reply->file_args[i];
		if (&imap_arg_as_list(file->parent_arg)[file->list_idx] ==
		    value)
			return i_stream_create_fd(file->fd, IO_BLOCK_SIZE);
	}
	if (!imap_arg_get_nstring(value, &str) || str == NULL)
		return NULL;
	return i_stream_create_from_data(str, value->str_len);
}

bool migration_remote_get_number(const struct imap_arg *list, const char *name,
				 uint64_t *number_r)
{
	const struct imap_arg *value = migration_remote_get_value(list, name);
	const char *str;

	return value != NULL && imap_arg_get_atom(value, &str) &&
	       str_to_uint64(str, number_r) == 0;
}

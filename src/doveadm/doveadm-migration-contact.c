/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "ioloop.h"
#include "str.h"
#include "str-sanitize.h"
#include "migration-compat.h"
#include "migration-config.h"
#include "migration-limits.h"
#include "migration-reply.h"
#include "migration-settings.h"
#include "doveadm-migration-link.h"
#include "doveadm-migration-login.h"
#include "doveadm-migration-contact.h"

/* All folders of one account */
#define CONTACT_MAX_LIST_BYTES (4 * 1024 * 1024)
/* Of a list of capabilities */
#define CONTACT_MAX_TEXT_BYTES 300

enum contact_step {
	/* Name, TCP, and TLS that starts at once */
	CONTACT_STEP_LINK,
	CONTACT_STEP_GREETING,
	/* CAPABILITY and STARTTLS: what it says unencrypted is not believed */
	CONTACT_STEP_PLAIN_CAPABILITY,
	CONTACT_STEP_STARTTLS,
	CONTACT_STEP_CAPABILITY,
	CONTACT_STEP_LOGIN,
	/* CAPABILITY again, many tell the rest only now */
	CONTACT_STEP_SESSION,
	CONTACT_STEP_NAMESPACE,
	CONTACT_STEP_FOLDERS,
	CONTACT_STEP_LOGOUT,
	CONTACT_STEP_DONE
};

struct contact_capabilities {
	bool starttls, plain, sasl_ir, login_disabled, namespaces;
	/* as the server listed them, for people */
	const char *text;
};

struct contact {
	struct doveadm_migration_contact_settings set;
	doveadm_migration_contact_callback_t *callback;
	void *context;
	pool_t pool;

	struct doveadm_migration_link *link;
	struct doveadm_migration_login *login;

	enum contact_step step;
	/* name in the output of what is going on */
	const char *check;
	unsigned int tag_counter, lines;
	const char *tag;

	struct contact_capabilities caps;
	const char *namespaces;
	unsigned int folders, closed_folders;
	/* the next line is the rest of one that a literal has interrupted */
	bool after_literal;

	struct migration_contact seen;
	/* the server's words when it hung up */
	const char *bye;
	/* what decided that it failed */
	const char *failed_check, *error;
};

struct contact_step_vfuncs {
	const char *check;
	void (*begin)(struct contact *contact);
	void (*untagged)(struct contact *contact,
			 const struct migration_reply *reply);
	/* "+" */
	void (*proceed)(struct contact *contact);
	void (*tagged)(struct contact *contact,
		       const struct migration_reply *reply);
};

static const struct contact_step_vfuncs contact_steps[CONTACT_STEP_DONE];

static void contact_begin(struct contact *contact, enum contact_step step)
{
	contact->step = step;
	contact->check = contact_steps[step].check;
	if (contact_steps[step].begin != NULL)
		contact_steps[step].begin(contact);
}

static void contact_done(struct contact *contact)
{
	contact->step = CONTACT_STEP_DONE;
	doveadm_migration_link_stop(contact->link);
	io_loop_stop(current_ioloop);
}

static void
contact_report(struct contact *contact, const char *result, const char *detail)
{
	contact->callback(contact->check, result, detail, contact->context);
}

static void contact_ok(struct contact *contact, const char *detail)
{
	contact_report(contact, "ok", detail);
}

/* What goes on has failed, and with it the visit. */
static void contact_failed(struct contact *contact, const char *error)
{
	contact_report(contact, "failed", error);
	contact->failed_check = contact->check;
	contact->error = p_strdup(contact->pool, error);
}

/* The connection is of no use any more. */
static void contact_end(struct contact *contact,
			enum migration_transport transport, const char *detail)
{
	contact->seen.transport = transport;
	contact_failed(contact,
		       t_strconcat(migration_transport_to_string(transport),
				   *detail == '\0' ? "" : ": ", detail, NULL));
	contact_done(contact);
}

static const char *contact_said(const struct migration_reply *reply)
{
	if (reply->code == NULL)
		return t_strdup_printf("server said: %s", reply->text);
	return t_strdup_printf("server said: [%s] %s",
			       str_sanitize(reply->code, 50), reply->text);
}

static void contact_send(struct contact *contact, const char *command)
{
	contact->tag =
		p_strdup_printf(contact->pool, "t%u", ++contact->tag_counter);
	command = t_strdup_printf("%s %s\r\n", contact->tag, command);
	doveadm_migration_link_send(contact->link, command, strlen(command));
}

/* --- greeting --- */

static void contact_greeting_untagged(struct contact *contact,
				      const struct migration_reply *reply)
{
	switch (reply->status) {
	case MIGRATION_REPLY_STATUS_OK:
		contact->seen.greeting_ok = TRUE;
		contact_ok(contact, reply->text);
		contact_begin(contact, strcmp(contact->set.provider->ssl,
					      "starttls") == 0 ?
					       CONTACT_STEP_PLAIN_CAPABILITY :
					       CONTACT_STEP_CAPABILITY);
		return;
	case MIGRATION_REPLY_STATUS_PREAUTH:
		contact->seen.greeting_preauth = TRUE;
		contact_failed(
			contact,
			t_strdup_printf(
				"the server checks no password (PREAUTH): %s",
				contact_said(reply)));
		contact_done(contact);
		return;
	case MIGRATION_REPLY_STATUS_BYE:
		contact_failed(
			contact,
			t_strdup_printf(
				"the server turned the connection away: %s",
				contact_said(reply)));
		contact_done(contact);
		return;
	case MIGRATION_REPLY_STATUS_NONE:
	case MIGRATION_REPLY_STATUS_NO:
	case MIGRATION_REPLY_STATUS_BAD:
		contact_end(contact, MIGRATION_TRANSPORT_GARBAGE,
			    contact_said(reply));
		return;
	}
	i_unreached();
}

/* --- capabilities and STARTTLS --- */

static void contact_capability_begin(struct contact *contact)
{
	i_zero(&contact->caps);
	contact->caps.text = "";
	contact_send(contact, "CAPABILITY");
}

static void contact_capability_untagged(struct contact *contact,
					const struct migration_reply *reply)
{
	struct contact_capabilities *caps = &contact->caps;
	const char *text = reply->text;

	if (reply->code == NULL || strcmp(reply->code, "CAPABILITY") != 0)
		return;
	if (strncasecmp(text, "CAPABILITY ", 11) == 0)
		text += 11;
	caps->starttls = migration_reply_has_capability(reply, "STARTTLS");
	caps->plain = migration_reply_has_capability(reply, "AUTH=PLAIN");
	caps->sasl_ir = migration_reply_has_capability(reply, "SASL-IR");
	caps->login_disabled =
		migration_reply_has_capability(reply, "LOGINDISABLED");
	caps->namespaces = migration_reply_has_capability(reply, "NAMESPACE");
	caps->text = p_strdup(contact->pool,
			      str_sanitize(text, CONTACT_MAX_TEXT_BYTES));
}

static void contact_plain_capability_tagged(struct contact *contact,
					    const struct migration_reply *reply)
{
	if (reply->status != MIGRATION_REPLY_STATUS_OK ||
	    !contact->caps.starttls) {
		contact_end(contact, MIGRATION_TRANSPORT_NO_STARTTLS,
			    contact->caps.text);
	} else {
		contact_begin(contact, CONTACT_STEP_STARTTLS);
	}
}

static void contact_starttls_begin(struct contact *contact)
{
	contact_send(contact, "STARTTLS");
}

static void contact_starttls_tagged(struct contact *contact,
				    const struct migration_reply *reply)
{
	if (reply->status != MIGRATION_REPLY_STATUS_OK) {
		contact_end(contact, MIGRATION_TRANSPORT_NO_STARTTLS,
			    contact_said(reply));
		return;
	}
	/* goes on when TLS is up; nothing is expected until then */
	contact->tag = NULL;
	doveadm_migration_link_start_tls(contact->link);
}

static void contact_capability_tagged(struct contact *contact,
				      const struct migration_reply *reply)
{
	const struct contact_capabilities *caps = &contact->caps;

	if (reply->status != MIGRATION_REPLY_STATUS_OK) {
		contact_end(contact, MIGRATION_TRANSPORT_GARBAGE,
			    contact_said(reply));
	} else if (!caps->plain && caps->login_disabled) {
		/* most often only because there is no TLS */
		contact_end(contact, MIGRATION_TRANSPORT_NO_MECHANISM,
			    caps->starttls ? t_strconcat("try ssl = starttls: ",
							 caps->text, NULL) :
					     caps->text);
	} else {
		contact_ok(contact, caps->text);
		contact_begin(contact, contact->set.user == NULL ?
					       CONTACT_STEP_LOGOUT :
					       CONTACT_STEP_LOGIN);
	}
}

/* --- login --- */

static void contact_send_login_part(struct contact *contact)
{
	const void *data;
	size_t size;

	data = doveadm_migration_login_next(contact->login, &size);
	if (data == NULL) {
		contact_end(contact, MIGRATION_TRANSPORT_GARBAGE,
			    "the server wants more than the password");
		return;
	}
	doveadm_migration_link_send(contact->link, data, size);
}

static void contact_login_begin(struct contact *contact)
{
	struct doveadm_migration_login_settings set;

	contact->tag =
		p_strdup_printf(contact->pool, "t%u", ++contact->tag_counter);
	i_zero(&set);
	set.tag = contact->tag;
	set.user = contact->set.user;
	set.secret = contact->set.secret;
	set.plain = contact->caps.plain;
	set.sasl_ir = contact->caps.sasl_ir;
	contact->login = doveadm_migration_login_init(&set);
	contact_send_login_part(contact);
}

static void contact_login_tagged(struct contact *contact,
				 const struct migration_reply *reply)
{
	struct migration_contact *seen = &contact->seen;

	doveadm_migration_login_deinit(&contact->login);
	seen->login_code = p_strdup(contact->pool, reply->code);
	if (reply->status == MIGRATION_REPLY_STATUS_OK) {
		seen->login = MIGRATION_ANSWER_OK;
		contact_ok(contact,
			   t_strdup_printf("%s as %s",
					   contact->caps.plain ?
						   "AUTHENTICATE PLAIN" :
						   "LOGIN",
					   contact->set.user));
		contact_begin(contact, CONTACT_STEP_SESSION);
		return;
	}
	if (reply->status == MIGRATION_REPLY_STATUS_NO) {
		seen->login = MIGRATION_ANSWER_NO;
		contact_failed(
			contact,
			t_strdup_printf("%s: %s",
					migration_verdict_to_string(
						migration_verdict_login_no(
							reply->code)),
					contact_said(reply)));
	} else {
		seen->login = MIGRATION_ANSWER_BAD;
		contact_failed(
			contact,
			t_strdup_printf(
				"the server does not understand the login: %s",
				contact_said(reply)));
	}
	contact_begin(contact, CONTACT_STEP_LOGOUT);
}

/* --- what only a session can ask --- */

static void
contact_session_tagged(struct contact *contact,
		       const struct migration_reply *reply ATTR_UNUSED)
{
	contact_begin(contact, CONTACT_STEP_NAMESPACE);
}

static void contact_namespace_begin(struct contact *contact)
{
	if (contact->caps.namespaces) {
		contact_send(contact, "NAMESPACE");
	} else {
		contact_report(contact, "skipped",
			       "the server does not offer NAMESPACE");
		contact_begin(contact, CONTACT_STEP_FOLDERS);
	}
}

static void contact_namespace_untagged(struct contact *contact,
				       const struct migration_reply *reply)
{
	if (strncasecmp(reply->text, "NAMESPACE ", 10) == 0) {
		contact->namespaces = p_strdup(contact->pool, reply->text + 10);
	}
}

/* Folders that all lie below "INBOX." do not come to lie below INBOX here. */
static const char *contact_namespace_hint(const struct contact *contact)
{
	const char *prefix, *end;

	if (*contact->set.provider->list_prefix != '\0' ||
	    !str_begins_with(contact->namespaces, "((\""))
		return "";
	prefix = contact->namespaces + 3;
	end = strchr(prefix, '"');
	if (end == NULL || end - prefix < 2)
		return "";
	return t_strdup_printf(", folders arrive without the prefix %s",
			       t_strdup_until(prefix, end));
}

static void contact_namespace_tagged(struct contact *contact,
				     const struct migration_reply *reply)
{
	if (reply->status == MIGRATION_REPLY_STATUS_OK &&
	    contact->namespaces != NULL) {
		contact_ok(contact,
			   t_strconcat(contact->namespaces,
				       contact_namespace_hint(contact), NULL));
	} else {
		/* the migration does without it */
		contact_report(contact, "failed", contact_said(reply));
	}
	contact_begin(contact, CONTACT_STEP_FOLDERS);
}

static void contact_folders_begin(struct contact *contact)
{
	doveadm_migration_link_set_budget(contact->link,
					  CONTACT_MAX_LIST_BYTES);
	contact_send(contact, "LIST \"\" \"*\"");
}

static void contact_folders_untagged(struct contact *contact,
				     const struct migration_reply *reply)
{
	const char *flags;

	if (strncasecmp(reply->text, "LIST (", 6) != 0)
		return;
	contact->folders++;
	flags = t_str_lcase(t_strcut(reply->text + 6, ')'));
	if (strstr(flags, "\\noselect") != NULL ||
	    strstr(flags, "\\nonexistent") != NULL)
		contact->closed_folders++;
}

static void contact_folders_tagged(struct contact *contact,
				   const struct migration_reply *reply)
{
	if (reply->status != MIGRATION_REPLY_STATUS_OK) {
		contact_failed(
			contact,
			t_strdup_printf(
				"the login was answered OK, but the session does not "
				"work: %s",
				contact_said(reply)));
	} else {
		contact->seen.session_ok = TRUE;
		contact_ok(contact,
			   contact->closed_folders == 0 ?
				   t_strdup_printf("%u", contact->folders) :
				   t_strdup_printf(
					   "%u, of which %u cannot hold mail",
					   contact->folders,
					   contact->closed_folders));
	}
	contact_begin(contact, CONTACT_STEP_LOGOUT);
}

static void contact_logout_begin(struct contact *contact)
{
	contact_send(contact, "LOGOUT");
}

static void contact_logout_tagged(struct contact *contact,
				  const struct migration_reply *reply)
{
	contact_ok(contact, reply->text);
	contact_done(contact);
}

static const struct contact_step_vfuncs contact_steps[CONTACT_STEP_DONE] = {
	[CONTACT_STEP_LINK] = { .check = "resolve" },
	[CONTACT_STEP_GREETING] = {
		.check = "greeting",
		.untagged = contact_greeting_untagged,
	},
	[CONTACT_STEP_PLAIN_CAPABILITY] = {
		.check = "tls",
		.begin = contact_capability_begin,
		.untagged = contact_capability_untagged,
		.tagged = contact_plain_capability_tagged,
	},
	[CONTACT_STEP_STARTTLS] = {
		.check = "tls",
		.begin = contact_starttls_begin,
		.tagged = contact_starttls_tagged,
	},
	[CONTACT_STEP_CAPABILITY] = {
		.check = "capability",
		.begin = contact_capability_begin,
		.untagged = contact_capability_untagged,
		.tagged = contact_capability_tagged,
	},
	[CONTACT_STEP_LOGIN] = {
		.check = "login",
		.begin = contact_login_begin,
		.proceed = contact_send_login_part,
		.tagged = contact_login_tagged,
	},
	[CONTACT_STEP_SESSION] = {
		.check = "namespace",
		.begin = contact_capability_begin,
		.untagged = contact_capability_untagged,
		.tagged = contact_session_tagged,
	},
	[CONTACT_STEP_NAMESPACE] = {
		.check = "namespace",
		.begin = contact_namespace_begin,
		.untagged = contact_namespace_untagged,
		.tagged = contact_namespace_tagged,
	},
	[CONTACT_STEP_FOLDERS] = {
		.check = "folders",
		.begin = contact_folders_begin,
		.untagged = contact_folders_untagged,
		.tagged = contact_folders_tagged,
	},
	[CONTACT_STEP_LOGOUT] = {
		.check = "logout",
		.begin = contact_logout_begin,
		.tagged = contact_logout_tagged,
	},
};

/* --- lines --- */

static void
contact_reply(struct contact *contact, const struct migration_reply *reply)
{
	const struct contact_step_vfuncs *step = &contact_steps[contact->step];

	switch (reply->kind) {
	case MIGRATION_REPLY_UNTAGGED:
		if (reply->status == MIGRATION_REPLY_STATUS_BYE)
			contact->bye =
				p_strdup(contact->pool, contact_said(reply));
		if (step->untagged != NULL)
			step->untagged(contact, reply);
		return;
	case MIGRATION_REPLY_CONTINUE:
		if (step->proceed != NULL) {
			step->proceed(contact);
			return;
		}
		break;
	case MIGRATION_REPLY_TAGGED:
		if (step->tagged != NULL &&
		    null_strcmp(contact->tag, reply->tag) == 0) {
			step->tagged(contact, reply);
			return;
		}
		break;
	case MIGRATION_REPLY_GARBAGE:
		break;
	}
	contact_end(contact, MIGRATION_TRANSPORT_GARBAGE,
		    *reply->text == '\0' ? "" : contact_said(reply));
}

static bool
contact_literal_size(const unsigned char *line, size_t size, uoff_t *size_r)
{
	const char *str = t_strndup(line, size), *start, *end;

	start = strrchr(str, '{');
	return start != NULL && str_parse_uoff(start + 1, size_r, &end) == 0 &&
	       (strcmp(end, "}") == 0 || strcmp(end, "+}") == 0);
}

/* Steps over the literal that the line announces. */
static void
contact_literal(struct contact *contact, const unsigned char *line, size_t size)
{
	uoff_t literal_size;

	if (contact->step <= CONTACT_STEP_LOGIN ||
	    !contact_literal_size(line, size, &literal_size)) {
		contact_end(contact, MIGRATION_TRANSPORT_GARBAGE,
			    "a literal where none belongs");
		return;
	}
	contact->after_literal = TRUE;
	doveadm_migration_link_skip(contact->link, literal_size);
}

static void contact_line(const unsigned char *line, size_t size, void *context)
{
	struct contact *contact = context;
	struct migration_reply reply;
	bool rest = contact->after_literal;

	if (++contact->lines > MIGRATION_MAX_ANSWER_LINES &&
	    contact->step <= CONTACT_STEP_LOGIN) {
		contact_end(contact, MIGRATION_TRANSPORT_GARBAGE,
			    "the server sends too many lines");
		return;
	}
	migration_reply_parse(line, size, &reply);
	contact->after_literal = FALSE;
	if (reply.literal && (rest || contact->step <= CONTACT_STEP_LOGIN ||
			      (reply.kind == MIGRATION_REPLY_UNTAGGED &&
			       reply.status == MIGRATION_REPLY_STATUS_NONE)))
		contact_literal(contact, line, size);
	if (!rest && contact->step != CONTACT_STEP_DONE)
		contact_reply(contact, &reply);
}

/* --- the connection --- */

static void contact_link_event(enum doveadm_migration_link_event event,
			       const char *detail, void *context)
{
	struct contact *contact = context;
	const char *ssl = contact->set.provider->ssl;

	contact_ok(contact, detail);
	switch (event) {
	case DOVEADM_MIGRATION_LINK_RESOLVED:
		contact->check = "connect";
		return;
	case DOVEADM_MIGRATION_LINK_CONNECTED:
		contact->check = "tls";
		if (strcmp(ssl, "imaps") == 0)
			return;
		if (strcmp(ssl, "no") == 0) {
			contact_report(
				contact, "skipped",
				"ssl = no: "
				"passwords and mail are sent unencrypted");
		}
		contact_begin(contact, CONTACT_STEP_GREETING);
		return;
	case DOVEADM_MIGRATION_LINK_SECURED:
		contact_begin(contact, strcmp(ssl, "imaps") == 0 ?
					       CONTACT_STEP_GREETING :
					       CONTACT_STEP_CAPABILITY);
		return;
	}
	i_unreached();
}

static void contact_link_failed(enum migration_transport transport,
				const char *error, void *context)
{
	struct contact *contact = context;

	if (contact->step == CONTACT_STEP_LOGOUT) {
		/* all that matters is known */
		contact_report(contact, contact->bye != NULL ? "ok" : "failed",
			       migration_transport_to_string(transport));
		contact_done(contact);
		return;
	}
	if (contact->bye != NULL) {
		error = t_strconcat(contact->bye, *error == '\0' ? "" : ": ",
				    error, NULL);
	}
	contact_end(contact, transport, error);
}

static const struct doveadm_migration_link_vfuncs contact_link_vfuncs = {
	.event = contact_link_event,
	.line = contact_line,
	.failed = contact_link_failed,
};

static void contact_run(struct contact *contact)
{
	const struct migration_provider_settings *provider =
		contact->set.provider;
	const struct doveadm_migration_link_settings link_set = {
		.host = provider->host,
		.port = provider->port,
		.tls_at_once = strcmp(provider->ssl, "imaps") == 0,
		.verify = provider->ssl_verify,
		.ca_file = *provider->ssl_ca_file != '\0' ?
				   provider->ssl_ca_file :
				   MIGRATION_CA_FILE,
		.timeout_msecs = contact->set.timeout_msecs,
	};

	contact->link = doveadm_migration_link_init(&link_set,
						    &contact_link_vfuncs,
						    contact);
	contact_begin(contact, CONTACT_STEP_LINK);
	doveadm_migration_link_connect(contact->link);
	if (contact->step != CONTACT_STEP_DONE)
		io_loop_run(current_ioloop);
	doveadm_migration_login_deinit(&contact->login);
	doveadm_migration_link_deinit(&contact->link);
}

void doveadm_migration_contact(
	const struct doveadm_migration_contact_settings *set,
	doveadm_migration_contact_callback_t *callback, void *context,
	struct doveadm_migration_contact_result *result_r)
{
	struct contact contact;

	i_zero(&contact);
	contact.set = *set;
	contact.callback = callback;
	contact.context = context;
	contact.pool = pool_alloconly_create("doveadm migration contact", 2048);
	contact_run(&contact);

	i_zero(result_r);
	result_r->interrupted = contact.step != CONTACT_STEP_DONE;
	/* without a login there is nothing more to be asked */
	if (set->user == NULL && contact.failed_check == NULL)
		result_r->verdict = MIGRATION_VERDICT_OK;
	else
		result_r->verdict = migration_verdict(&contact.seen);
	result_r->check = contact.failed_check;
	result_r->error = t_strdup(contact.error);
	pool_unref(&contact.pool);
}

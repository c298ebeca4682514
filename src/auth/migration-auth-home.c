/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "auth-common.h"
#include "lib-event-private.h"
#include "event-filter.h"
#include "auth.h"
#include "auth-request.h"
#include "migration-auth-home.h"
#include "migration-auth-compat.h"

#define HOME_EVENT_NAME "auth_passdb_request_finished"
/* Set in the request's event. */
#define HOME_PTR_KNOWN "migration_passdb_knows_user"
#define HOME_PTR_PAM "migration_passdb_pam_refused"

struct home_userdb_check {
	migration_home_callback_t *callback;
	void *context;
};

static struct event_filter *home_filter = NULL;

static void home_userdb_lookup(struct auth_request *lookup,
			       struct home_userdb_check *check);

/* What a passdb's answer says about the user, as a HOME_PTR. "user_unknown" and
   "internal_failure" leave it open (NULL). PAM says "wrong password" of
   everybody in most set-ups, Debian's among them. Any other answer means that
   the passdb has the user. */
static const char *home_event_says(struct event *event)
{
	const char *result = event_find_field_recursive_str(event, "result");
	const char *driver;

	if (result == NULL || strcmp(result, "user_unknown") == 0 ||
	    strcmp(result, "internal_failure") == 0)
		return NULL;
	/* 2.4's "passdb" is the name of the block */
	driver = event_find_field_recursive_str(event, "passdb_driver");
	if (driver == NULL)
		driver = event_find_field_recursive_str(event, "passdb");
	if (strcmp(result, "password_mismatch") == 0 &&
	    null_strcmp(driver, "pam") == 0)
		return HOME_PTR_PAM;
	return HOME_PTR_KNOWN;
}

static bool
home_event_callback(struct event *event, enum event_callback_type type,
		    struct failure_context *ctx ATTR_UNUSED,
		    const char *fmt ATTR_UNUSED, va_list args ATTR_UNUSED)
{
	struct event *authdb_event;
	const char *ptr;

	if (type != EVENT_CALLBACK_TYPE_SEND || event->sending_name == NULL ||
	    strcmp(event->sending_name, HOME_EVENT_NAME) != 0 ||
	    (ptr = home_event_says(event)) == NULL)
		return TRUE;
	/* passthrough -> passdb's event -> request's event */
	authdb_event = event->passthrough ? event->parent : event;
	if (authdb_event != NULL && authdb_event->parent != NULL)
		event_set_ptr(authdb_event->parent, ptr, home_filter);
	return TRUE;
}

void migration_auth_home_watch(void)
{
	struct event_filter *filter = event_get_global_debug_send_filter();
	const char *error;

	if (filter != NULL && filter == home_filter)
		return;
	event_filter_unref(&home_filter);
	home_filter = event_filter_create();
	if (event_filter_parse("event=" HOME_EVENT_NAME, home_filter, &error) <
	    0)
		i_unreached();
	if (filter != NULL)
		event_filter_merge(home_filter, filter,
				   EVENT_FILTER_MERGE_OP_OR);
	event_set_global_debug_send_filter(home_filter);
}

void migration_auth_home_init(void)
{
	event_register_callback(home_event_callback);
	migration_auth_home_watch();
}

void migration_auth_home_deinit(void)
{
	event_unregister_callback(home_event_callback);
	event_filter_unref(&home_filter);
}

/* Whoever PAM knows, userdb passwd knows: both ask the system. So where it is
   asked about the name that PAM was asked about, PAM need not be believed. */
static bool
home_has_userdb_passwd(struct auth_request *request, const char *username)
{
	const struct auth_userdb *userdb =
		auth_request_get_auth(request)->userdbs;

	if (strcasecmp(request->fields.user, username) != 0)
		return FALSE;
	for (; userdb != NULL; userdb = userdb->next) {
		if (strcmp(userdb->userdb->iface->name, "passwd") == 0)
			return TRUE;
	}
	return FALSE;
}

enum migration_home
migration_auth_home_passdbs(struct auth_request *request, const char *username)
{
	struct auth_passdb *passdb = auth_request_get_auth(request)->passdbs;
	bool pam_refused = event_get_ptr(request->event, HOME_PTR_PAM) != NULL;

	if (event_get_ptr(request->event, HOME_PTR_KNOWN) != NULL)
		return MIGRATION_HOME_PASSDB;
	if (pam_refused && !home_has_userdb_passwd(request, username))
		return MIGRATION_HOME_PASSDB;
	if (request->passdbs_seen_internal_failure)
		return MIGRATION_HOME_UNSURE;
	/* somebody was asked before us and nobody said "unknown" */
	if (passdb != request->passdb && !pam_refused &&
	    !request->passdbs_seen_user_unknown)
		return MIGRATION_HOME_PASSDB;
	return MIGRATION_HOME_UNKNOWN_USER;
}

static struct auth_request *
home_lookup_create(struct auth_request *request, const char *username,
		   struct auth_userdb *userdb)
{
	struct auth_request *lookup;

	lookup = auth_request_new_dummy(request->event);
	(void)auth_request_import_info(lookup, "service",
				       migration_auth_get_protocol(request));
	auth_request_init(lookup);
	auth_request_set_username_forced(lookup, username);
	lookup->userdb = userdb;
	return lookup;
}

static void
home_userdb_callback(enum userdb_result result, struct auth_request *lookup)
{
	struct home_userdb_check *check = lookup->context;
	struct auth_userdb *userdb = lookup->userdb;
	enum migration_home home = MIGRATION_HOME_UNSURE;
	struct auth_request *next;

	if (lookup->userdb_lookup_tempfailed)
		result = USERDB_RESULT_INTERNAL_FAILURE;
	switch (result) {
	case USERDB_RESULT_OK:
		home = MIGRATION_HOME_USERDB;
		if (!migration_auth_userdb_allows_everybody(userdb))
			break;
		home = MIGRATION_HOME_UNKNOWN_USER;
		if (userdb->next == NULL)
			break;
		next = home_lookup_create(lookup, lookup->fields.user,
					  userdb->next);
		auth_request_unref(&lookup);
		home_userdb_lookup(next, check);
		return;
	case USERDB_RESULT_USER_UNKNOWN:
		home = MIGRATION_HOME_UNKNOWN_USER;
		break;
	case USERDB_RESULT_INTERNAL_FAILURE:
		break;
	}
	auth_request_unref(&lookup);
	check->callback(home, check->context);
	i_free(check);
}

static void
home_userdb_lookup(struct auth_request *lookup, struct home_userdb_check *check)
{
	lookup->context = check;
	auth_request_set_state(lookup, AUTH_REQUEST_STATE_USERDB);
	auth_request_lookup_user(lookup, home_userdb_callback);
}

void migration_auth_home_userdbs(struct auth_request *request,
				 const char *username,
				 migration_home_callback_t *callback,
				 void *context)
{
	struct auth_userdb *userdb = auth_request_get_auth(request)->userdbs;
	struct home_userdb_check *check;

	if (userdb == NULL) {
		callback(MIGRATION_HOME_UNKNOWN_USER, context);
		return;
	}
	check = i_new(struct home_userdb_check, 1);
	check->callback = callback;
	check->context = context;
	home_userdb_lookup(home_lookup_create(request, username, userdb),
			   check);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "auth-common.h"
#include "ioloop.h"
#include "llist.h"
#include "time-util.h"
#include "auth.h"
#include "auth-request.h"
#include "passdb-cache.h"
#include "migration-common.h"
#include "migration-limits.h"
#include "migration-login.h"
#include "migration-master.h"
#include "migration-protocol.h"
#include "migration-provider.h"
#include "migration-seal.h"
#include "migration-secret.h"
#include "migration-auth-address.h"
#include "migration-auth-compat.h"
#include "migration-auth-home.h"
#include "migration-auth-limits.h"
#include "migration-auth-password.h"
#include "migration-auth-proxy.h"
#include "migration-auth-queue.h"
#include "migration-auth-request.h"

#define WAIT_REASON "Your mailbox is being moved, try again in a few minutes"

struct migration_auth {
	const struct migration_settings *set;
	struct event *event;
	struct migration_providers *providers;
	struct migration_sealer *sealer;
	struct migration_auth_limits *limits;
	struct migration_auth_queue *queue;
	struct migration_addresses *addresses;
	struct migration_auth_request *requests;
	/* sessions can be passed through to providers */
	bool can_proxy;
};

struct migration_auth_request {
	struct migration_auth_request *prev, *next;
	struct migration_auth *auth;
	pool_t pool;
	struct event *event;

	/* NULL once it has been answered; what goes on is for the record */
	struct auth_request *request;
	verify_plain_callback_t *callback;
	/* The provider and the name there are NULL until the record is known,
	   if the user typed the new name of a renamed domain. */
	struct migration_user user;
	struct migration_secret *secret;

	struct migration_auth_question *question;
	struct migration_auth_check *check;
	struct timeval probe_started;
	struct migration_address_lookup *lookup;
	struct migration_home_search home;
	/* What the queue said about the record */
	struct migration_login login;
	const char *mechanism;
	/* The switch has held this login since then. */
	time_t held_since;
	/* The password is the one known here, whatever the provider says. */
	bool known_here:1;
	/* the userdbs are being asked and will call back even after the end */
	bool asking_userdbs:1;
	bool finished:1;
};

static void login_go_on(struct migration_auth_request *req,
			const struct migration_auth_answer *answer);
static void
login_held(const struct migration_auth_answer *answer, void *context);

static void login_free(struct migration_auth_request *req)
{
	event_unref(&req->event);
	pool_unref(&req->pool);
}

/* The parent of a request's event writes what is known of the request, which
   is somebody else's after the answer. */
static void login_detach_event(struct migration_auth_request *req)
{
	event_unref(&req->event);
	req->event = event_create(req->auth->event);
	event_add_str(req->event, "user", req->user.local_user);
	event_add_str(req->event, "provider", req->user.provider->name);
	event_set_append_log_prefix(req->event,
				    t_strconcat(req->user.local_user, ": ",
						NULL));
}

/* Tells auth. What the record needs may go on behind it. */
static void
login_answer(struct migration_auth_request *req, enum passdb_result result)
{
	struct auth_request *request = req->request;

	if (request == NULL)
		return;
	req->request = NULL;
	if (result == PASSDB_RESULT_OK &&
	    migration_auth_set_fields(request) < 0)
		result = PASSDB_RESULT_INTERNAL_FAILURE;
	req->callback(result, request);
	auth_request_unref(&request);
}

static void
login_finish(struct migration_auth_request *req, enum passdb_result result)
{
	req->finished = TRUE;
	DLLIST_REMOVE(&req->auth->requests, req);
	migration_auth_queue_cancel(&req->question);
	migration_auth_limits_cancel(&req->check);
	migration_address_lookup_cancel(&req->lookup);
	migration_secret_free(&req->secret);

	login_answer(req, result);
	if (!req->asking_userdbs)
		login_free(req);
}

/* A cached "unknown user", or fields that said "wait", would outlive what has
   just changed. */
static void login_flush_cache(struct migration_auth_request *req)
{
	const char *const usernames[] = { req->user.local_user,
					  req->request->fields.user, NULL };

	if (passdb_cache != NULL)
		(void)auth_cache_clear_users(passdb_cache, usernames);
}

/* The password is right, but the mailbox is not here yet. IMAP shows the user
   our words; what pop3-login makes of a plain temporary failure has none. */
static void login_wait(struct migration_auth_request *req)
{
	struct auth_request *request = req->request;

	/* each mail program says this every few minutes: with auth_verbose */
	e_info(authdb_event(request),
	       "The mailbox is being moved, the user waits for it");
	auth_request_set_field(request, "nodelay", "", NULL);
	if (strcmp(migration_auth_get_protocol(request), "imap") == 0) {
		auth_request_set_field(request, "reason",
				       "[UNAVAILABLE] " WAIT_REASON, NULL);
		login_finish(req, PASSDB_RESULT_USER_DISABLED);
	} else {
		login_finish(req, PASSDB_RESULT_INTERNAL_FAILURE);
	}
}

static void login_set_user(struct migration_auth_request *req)
{
	if (strcmp(req->request->fields.user, req->user.local_user) != 0) {
		auth_request_set_field(req->request, "user",
				       req->user.local_user, NULL);
	}
}

static void login_ask_held(struct migration_auth_request *req)
{
	req->question = migration_auth_queue_held(req->auth->queue,
						  req->user.local_user,
						  login_held, req);
}

static void login_proxy_to(const char *ip, const char *error, void *context)
{
	struct migration_auth_request *req = context;
	const struct migration_proxy proxy = {
		.provider = req->user.provider,
		.remote_user = req->user.remote_user,
		.mechanism = req->mechanism,
		.ip = ip,
		.timeout_secs = req->auth->set->migration_login_timeout,
	};
	bool waited;

	waited = req->lookup != NULL;
	req->lookup = NULL;
	if (error != NULL) {
		e_error(req->event,
			"Cannot pass the session through to provider %s: %s",
			req->user.provider->name, error);
		login_finish(req, PASSDB_RESULT_INTERNAL_FAILURE);
		return;
	}
	if (waited) {
		/* the switch may have begun or even ended meanwhile; the
		   address is known now */
		login_ask_held(req);
		return;
	}
	login_set_user(req);
	migration_proxy_set_fields(req->request, &proxy);
	login_finish(req, PASSDB_RESULT_OK);
}

static void login_proxy(struct migration_auth_request *req)
{
	const struct migration_provider_settings *provider = req->user.provider;
	bool pop3 = strcmp(migration_auth_get_protocol(req->request), "pop3") ==
		    0;
	struct migration_address_lookup *lookup;

	/* what has been called back has no request any more */
	lookup = migration_addresses_lookup(req->auth->addresses,
					    pop3 ? provider->pop3_host :
						   provider->host,
					    login_proxy_to, req);
	if (lookup != NULL)
		req->lookup = lookup;
}

/* Until the switch is over or has been undone. */
static void login_hold(struct migration_auth_request *req)
{
	if (req->held_since == 0)
		req->held_since = ioloop_time;
	if ((ioloop_time - req->held_since) * 1000 >=
	    MIGRATION_HELD_TIMEOUT_MSECS) {
		login_wait(req);
		return;
	}
	e_debug(req->event, "The login is held until the switch is over");
	login_ask_held(req);
}

/* The password is right. */
static void login_success(struct migration_auth_request *req)
{
	if (req->request == NULL) {
		/* it was only for the record */
		login_finish(req, PASSDB_RESULT_OK);
		return;
	}
	login_flush_cache(req);
	req->login.service = migration_auth_get_protocol(req->request);
	req->login.pop3 = *req->user.provider->pop3_host != '\0';
	switch (migration_login_action(&req->login)) {
	case MIGRATION_LOGIN_LOCAL:
		login_set_user(req);
		login_finish(req, PASSDB_RESULT_OK);
		return;
	case MIGRATION_LOGIN_PROXY:
		if (req->auth->can_proxy)
			login_proxy(req);
		else
			login_wait(req);
		return;
	case MIGRATION_LOGIN_WAIT:
		login_wait(req);
		return;
	case MIGRATION_LOGIN_HOLD:
		login_hold(req);
		return;
	}
	i_unreached();
}

static void login_set_record(struct migration_auth_request *req,
			     const struct migration_auth_answer *answer)
{
	req->login.phase = answer->phase;
	req->login.login = p_strdup(req->pool, answer->login);
	req->login.held = answer->held;
	if (answer->type != MIGRATION_AUTH_ANSWER_RECORD)
		return;
	req->login.password_changed = answer->password_changed;
	req->mechanism = p_strdup(req->pool, answer->mechanism);
}

static void
login_held(const struct migration_auth_answer *answer, void *context)
{
	struct migration_auth_request *req = context;

	req->question = NULL;
	switch (answer->type) {
	case MIGRATION_AUTH_ANSWER_RECORD:
		login_set_record(req, answer);
		break;
	case MIGRATION_AUTH_ANSWER_HOME:
	case MIGRATION_AUTH_ANSWER_NONE:
		/* finished, or deleted: the account stays */
		req->login.phase = MIGRATION_PHASE_FINISHED;
		break;
	case MIGRATION_AUTH_ANSWER_FAIL:
	case MIGRATION_AUTH_ANSWER_ADOPTED:
		e_warning(req->event,
			  "The login was held by the switch for too long (the "
			  "user was told to try again): %s",
			  answer->error != NULL ? answer->error :
						  "unexpected answer");
		login_wait(req);
		return;
	}
	login_success(req);
}

static void
login_adopted(const struct migration_auth_answer *answer, void *context)
{
	struct migration_auth_request *req = context;

	req->question = NULL;
	switch (answer->type) {
	case MIGRATION_AUTH_ANSWER_ADOPTED:
		login_set_record(req, answer);
		login_success(req);
		return;
	case MIGRATION_AUTH_ANSWER_HOME:
		req->home.not_taken = TRUE;
		req->home.asked_again = FALSE;
		login_go_on(req, NULL);
		return;
	case MIGRATION_AUTH_ANSWER_FAIL:
	case MIGRATION_AUTH_ANSWER_NONE:
	case MIGRATION_AUTH_ANSWER_RECORD:
		e_error(req->event,
			"The provider accepted the login, but the "
			"account could not be taken over (the user can try "
			"again): %s",
			answer->error != NULL ? answer->error :
						"unexpected answer");
		login_finish(req, PASSDB_RESULT_INTERNAL_FAILURE);
		return;
	}
	i_unreached();
}

static void
login_hand_over(struct migration_auth_request *req, const char *mechanism)
{
	struct migration_auth *auth = req->auth;
	struct migration_auth_adoption adoption;
	const char *error;

	i_zero(&adoption);
	if (migration_master_is_set(req->user.provider)) {
		adoption.box = MIGRATION_CREDENTIAL_MASTER;
	} else if (migration_seal(auth->sealer, req->secret,
				  req->user.local_user,
				  req->user.provider->name, &adoption.box,
				  &error) < 0) {
		e_error(req->event, "Cannot seal the password: %s", error);
		login_finish(req, PASSDB_RESULT_INTERNAL_FAILURE);
		return;
	}
	adoption.username = req->user.local_user;
	adoption.provider = req->user.provider->name;
	adoption.remote_user = req->user.remote_user;
	adoption.mechanism = mechanism;
	req->mechanism = p_strdup(req->pool, mechanism);
	adoption.password_hash = migration_auth_password_hash(
		req->user.local_user, req->secret,
		auth->set->migration_password_scheme);
	adoption.login =
		migration_settings_get_login(auth->set, req->user.provider);
	req->question = migration_auth_queue_adopt(auth->queue, &adoption,
						   login_adopted, req);
}

static void login_log_probe(struct migration_auth_request *req,
			    const struct migration_probe_result *result)
{
	struct event_passthrough *e =
		event_create_passthrough(req->event)
			->set_name("migration_login_finished")
			->add_str("verdict",
				  migration_verdict_to_string(result->verdict))
			->add_int("duration",
				  timeval_diff_usecs(&ioloop_timeval,
						     &req->probe_started));
	const char *text;

	text = t_strdup_printf("Login of %s at provider %s (%s:%u): %s",
			       req->user.remote_user, req->user.provider->name,
			       req->user.provider->host,
			       req->user.provider->port,
			       result->verdict == MIGRATION_VERDICT_OK ?
				       "ok" :
				       result->error);
	switch (result->verdict) {
	case MIGRATION_VERDICT_OK:
	case MIGRATION_VERDICT_PASSWORD:
	case MIGRATION_VERDICT_EXPIRED:
		e_info(e->event(), "%s", text);
		break;
	case MIGRATION_VERDICT_TEMPORARY:
		e_warning(e->event(),
			  "%s - the user was told to try again "
			  "later",
			  text);
		break;
	case MIGRATION_VERDICT_BROKEN:
		e_error(e->event(),
			"%s - nobody can log in from this "
			"provider until it is mended; check with: doveadm "
			"migration provider test %s",
			text, req->user.provider->name);
		break;
	}
}

static void
login_probed(const struct migration_probe_result *result, void *context)
{
	struct migration_auth_request *req = context;

	req->check = NULL;
	if (result->asked)
		login_log_probe(req, result);
	if (req->known_here && result->verdict != MIGRATION_VERDICT_OK) {
		/* it was only to renew what the worker needs */
		login_success(req);
		return;
	}
	switch (result->verdict) {
	case MIGRATION_VERDICT_OK:
		if (*result->ip != '\0') {
			migration_addresses_found(req->auth->addresses,
						  req->user.provider->host,
						  result->ip);
		}
		login_hand_over(req, result->mechanism);
		return;
	case MIGRATION_VERDICT_PASSWORD:
		login_finish(req, PASSDB_RESULT_PASSWORD_MISMATCH);
		return;
	case MIGRATION_VERDICT_EXPIRED:
		login_finish(req, PASSDB_RESULT_PASS_EXPIRED);
		return;
	case MIGRATION_VERDICT_TEMPORARY:
	case MIGRATION_VERDICT_BROKEN:
		login_finish(req, PASSDB_RESULT_INTERNAL_FAILURE);
		return;
	}
	i_unreached();
}

static void login_probe(struct migration_auth_request *req)
{
	struct migration_auth *auth = req->auth;

	if (!migration_secret_is_sendable(req->secret)) {
		e_info(req->event, "The password is empty, too long or has "
				   "characters that IMAP cannot send");
		login_finish(req, PASSDB_RESULT_PASSWORD_MISMATCH);
		return;
	}
	req->probe_started = ioloop_timeval;
	req->check = migration_auth_limits_check(auth->limits, req->event,
						 req->user.provider,
						 req->user.remote_user,
						 req->secret, login_probed,
						 req);
}

static void login_home_checked(enum migration_home home, void *context)
{
	struct migration_auth_request *req = context;

	req->asking_userdbs = FALSE;
	if (req->finished) {
		/* deinit was faster */
		login_free(req);
		return;
	}
	req->home.databases = home;
	login_go_on(req, NULL);
}

static void login_check_home(struct migration_auth_request *req)
{
	enum migration_home home =
		migration_auth_home_passdbs(req->request, req->user.local_user);

	req->asking_userdbs = TRUE;
	if (home != MIGRATION_HOME_UNKNOWN_USER) {
		login_home_checked(home, req);
		return;
	}
	migration_auth_home_userdbs(req->request, req->user.local_user,
				    login_home_checked, req);
}

/* Nobody has compared the password with the account as it is now. */
static void login_changed(struct migration_auth_request *req)
{
	e_info(req->event, "The account was changed here while its login was "
			   "on its way - the user was told to try again");
	login_finish(req, PASSDB_RESULT_INTERNAL_FAILURE);
}

static void login_unfinished(struct migration_auth_request *req,
			     const struct migration_auth_answer *answer)
{
	login_set_record(req, answer);
	/* The local password already is the user's, as with a renamed domain
	   or while the mailbox is on its way: the provider need not be asked
	   again. */
	req->known_here = migration_auth_password_verify(req->event,
							 req->user.local_user,
							 req->secret,
							 answer->password) > 0;
	if (req->known_here && (!answer->renew || answer->password_changed ||
				req->home.not_taken)) {
		login_success(req);
		return;
	}
	if (req->known_here && answer->phase != MIGRATION_PHASE_INITIAL) {
		/* nobody at home here waits for a provider */
		login_set_user(req);
		login_answer(req, PASSDB_RESULT_OK);
		login_detach_event(req);
	}
	if (answer->password_changed) {
		e_info(req->event, "The password was changed here: the "
				   "provider is not asked");
		login_finish(req, PASSDB_RESULT_PASSWORD_MISMATCH);
		return;
	}
	if (req->home.not_taken) {
		login_changed(req);
		return;
	}
	/* perhaps it was changed at the provider */
	login_probe(req);
}

/* The record knows whose mailbox is being moved, which may be under a name of its
   own. As typed, as long as that is the same name. */
static void login_set_remote_user(struct migration_auth_request *req,
				  const struct migration_auth_answer *answer)
{
	if (answer->type != MIGRATION_AUTH_ANSWER_RECORD ||
	    strcmp(answer->provider, req->user.provider->name) != 0 ||
	    strcasecmp(answer->remote_user, req->user.remote_user) == 0)
		return;
	req->user.remote_user = p_strdup(req->pool, answer->remote_user);
}

/* Returns FALSE if there is none: no record has said which, or it is not there
   any longer. */
static bool login_set_provider(struct migration_auth_request *req,
			       const struct migration_auth_answer *answer)
{
	if (req->user.provider != NULL) {
		login_set_remote_user(req, answer);
		return TRUE;
	}
	if (answer->type != MIGRATION_AUTH_ANSWER_RECORD)
		return FALSE;
	req->user.provider = migration_settings_find_provider(req->auth->set,
							      answer->provider);
	req->user.remote_user = p_strdup(req->pool, answer->remote_user);
	if (req->user.provider == NULL)
		return FALSE;
	event_add_str(req->event, "provider", req->user.provider->name);
	return TRUE;
}

static void
login_looked_up(const struct migration_auth_answer *answer, void *context)
{
	struct migration_auth_request *req = context;

	req->question = NULL;
	switch (answer->type) {
	case MIGRATION_AUTH_ANSWER_NONE:
		req->home.record = MIGRATION_HOME_RECORD_NONE;
		break;
	case MIGRATION_AUTH_ANSWER_RECORD:
		req->home.record = MIGRATION_HOME_RECORD_UNFINISHED;
		break;
	case MIGRATION_AUTH_ANSWER_HOME:
		req->home.record = MIGRATION_HOME_RECORD_ACCOUNT;
		break;
	case MIGRATION_AUTH_ANSWER_FAIL:
	case MIGRATION_AUTH_ANSWER_ADOPTED:
		e_error(req->event, "Cannot look up the account: %s",
			answer->error != NULL ? answer->error :
						"unexpected answer");
		login_finish(req, PASSDB_RESULT_INTERNAL_FAILURE);
		return;
	}
	if (login_set_provider(req, answer))
		login_go_on(req, answer);
	else
		login_finish(req, PASSDB_RESULT_USER_UNKNOWN);
}

static void login_look_up(struct migration_auth_request *req)
{
	req->question = migration_auth_queue_lookup(req->auth->queue,
						    req->user.local_user,
						    login_looked_up, req);
}

/* answer: the queue's, if it has just been looked up */
static void login_go_on(struct migration_auth_request *req,
			const struct migration_auth_answer *answer)
{
	if (req->request == NULL) {
		/* it was only for the record */
		login_finish(req, PASSDB_RESULT_OK);
		return;
	}
	switch (migration_home_next(&req->home)) {
	case MIGRATION_HOME_STEP_DATABASES:
		login_check_home(req);
		return;
	case MIGRATION_HOME_STEP_ASK_AGAIN:
		req->home.asked_again = TRUE;
		login_look_up(req);
		return;
	case MIGRATION_HOME_STEP_RECORD:
		i_assert(answer != NULL);
		login_unfinished(req, answer);
		return;
	case MIGRATION_HOME_STEP_PROVIDER:
		login_probe(req);
		return;
	case MIGRATION_HOME_STEP_AT_HOME:
		e_debug(req->event, "The user is at home here: the provider "
				    "is not asked");
		login_finish(req, PASSDB_RESULT_PASSWORD_MISMATCH);
		return;
	case MIGRATION_HOME_STEP_CHANGED:
		login_changed(req);
		return;
	case MIGRATION_HOME_STEP_UNSURE:
		e_warning(req->event,
			  "Cannot tell whether the user is at "
			  "home here, because a local user database failed: "
			  "the provider is not asked");
		login_finish(req, PASSDB_RESULT_INTERNAL_FAILURE);
		return;
	}
	i_unreached();
}

/* Returns FALSE and the result if nothing needs to be asked at all. */
static bool
login_is_ours(struct migration_auth *auth, struct auth_request *request,
	      struct migration_user *user_r, enum passdb_result *result_r)
{
	*result_r = PASSDB_RESULT_USER_UNKNOWN;
	/* a master user's password is nobody's at a provider */
	if (request->fields.requested_login_user != NULL ||
	    request->fields.master_user != NULL ||
	    request->fields.skip_password_check)
		return FALSE;
	switch (migration_providers_find_user(auth->providers,
					      request->fields.user, user_r)) {
	case MIGRATION_USER_OK:
		break;
	case MIGRATION_USER_FOREIGN:
		if (!migration_providers_is_new_name(auth->providers,
						     request->fields.user))
			return FALSE;
		user_r->local_user = t_str_lcase(request->fields.user);
		break;
	case MIGRATION_USER_REFUSED:
		e_info(authdb_event(request),
		       "The user name is too long or "
		       "has characters that no provider accepts");
		*result_r = PASSDB_RESULT_PASSWORD_MISMATCH;
		return FALSE;
	}
	if (request->passdb->next != NULL) {
		e_error(authdb_event(request),
			"passdb migration must be the "
			"last passdb: users of those behind it could be "
			"asked for at a provider");
		*result_r = PASSDB_RESULT_INTERNAL_FAILURE;
		return FALSE;
	}
	return TRUE;
}

void migration_auth_verify(struct migration_auth *auth,
			   struct auth_request *request, const char *password,
			   verify_plain_callback_t *callback)
{
	struct migration_auth_request *req;
	struct migration_user user;
	enum passdb_result result;
	pool_t pool;

	if (!login_is_ours(auth, request, &user, &result)) {
		callback(result, request);
		return;
	}
	pool = pool_alloconly_create("migration auth request", 512);
	req = p_new(pool, struct migration_auth_request, 1);
	req->pool = pool;
	req->auth = auth;
	req->request = request;
	req->callback = callback;
	req->user.provider = user.provider;
	req->user.local_user = p_strdup(pool, user.local_user);
	req->user.remote_user = p_strdup(pool, user.remote_user);
	req->secret = migration_secret_create(password, strlen(password));
	req->event = event_create(authdb_event(request));
	event_add_category(req->event, &event_category_migration);
	if (user.provider != NULL)
		event_add_str(req->event, "provider", user.provider->name);
	/* without auth_verbose the parent lets warnings through only */
	event_set_min_log_level(req->event, LOG_TYPE_INFO);
	DLLIST_PREPEND(&auth->requests, req);
	auth_request_ref(request);
	login_look_up(req);
}

bool migration_auth_can_die(struct migration_auth *auth)
{
	return !migration_auth_limits_in_use(auth->limits);
}

int migration_auth_init(const struct migration_settings *set,
			const char *base_dir, bool can_proxy,
			struct migration_auth **auth_r, const char **error_r)
{
	struct migration_auth *auth;

	auth = i_new(struct migration_auth, 1);
	auth->set = set;
	auth->event = event_create(NULL);
	event_add_category(auth->event, &event_category_migration);
	event_set_append_log_prefix(auth->event, "migration: ");
	auth->queue = migration_auth_queue_init(
		t_strconcat(base_dir, "/" MIGRATION_AUTH_SOCKET, NULL),
		auth->event);
	if (migration_auth_password_check_scheme(set->migration_password_scheme,
						 error_r) < 0 ||
	    migration_providers_init(set, &auth->providers, error_r) < 0 ||
	    migration_auth_limits_init(set, auth->queue, auth->event,
				       &auth->limits, error_r) < 0 ||
	    (array_is_created(&set->providers) &&
	     array_count(&set->providers) > 0 &&
	     migration_sealer_init(set->migration_public_key_file,
				   &auth->sealer, error_r) < 0)) {
		migration_auth_deinit(&auth);
		return -1;
	}
	auth->can_proxy = can_proxy;
	auth->addresses = migration_addresses_init(base_dir, auth->event);
	*auth_r = auth;
	return 0;
}

void migration_auth_deinit(struct migration_auth **_auth)
{
	struct migration_auth *auth = *_auth;

	if (auth == NULL)
		return;
	*_auth = NULL;
	while (auth->requests != NULL) {
		login_finish(auth->requests, PASSDB_RESULT_INTERNAL_FAILURE);
	}
	migration_auth_limits_deinit(&auth->limits);
	migration_auth_queue_deinit(&auth->queue);
	migration_addresses_deinit(&auth->addresses);
	if (auth->sealer != NULL)
		migration_sealer_deinit(&auth->sealer);
	migration_providers_deinit(&auth->providers);
	event_unref(&auth->event);
	i_free(auth);
}

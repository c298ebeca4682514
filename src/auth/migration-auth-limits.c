/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "hash.h"
#include "ioloop.h"
#include "llist.h"
#include "randgen.h"
#include "safe-memset.h"
#include "time-util.h"
#include "migration-limits.h"
#include "migration-provider-status.h"
#include "migration-refusals.h"
#include "migration-secret.h"
#include "migration-settings.h"
#include "migration-auth-limits.h"
#include "migration-auth-limits-log.h"
#include "migration-auth-status.h"

struct migration_auth_limits {
	const struct migration_settings *set;
	struct event *event;
	struct migration_prober *prober;
	struct migration_auth_status *status;
	struct migration_refusals *refusals;
	HASH_TABLE(unsigned char *, struct limits_user *) users;
	struct limits_provider *providers;
};

struct limits_provider {
	struct limits_provider *prev, *next;
	const struct migration_provider_settings *set;
	/* of all users, behind their own other logins */
	unsigned int waiting;
	/* the prober's */
	struct migration_provider_status status;
};

/* A remote user whose password is being checked. One check at a time, or many
   at once could each be the last that is allowed; those with the same password
   get the same answer. */
struct limits_user {
	struct migration_auth_limits *limits;
	unsigned char hash[MIGRATION_REFUSALS_HASH_BYTES];
	struct migration_auth_check *running;
	struct migration_auth_check *waiting_head, *waiting_tail;
	struct timeout *to;
	/* callbacks are being called: everything else waits for the end */
	bool busy;
};

struct migration_auth_check {
	struct migration_auth_check *prev, *next;
	struct migration_auth_limits *limits;
	struct limits_user *user;
	struct limits_provider *provider;
	struct migration_auth_login login;
	const struct migration_secret *secret;
	struct migration_refusals_key key;
	struct timeval deadline;

	struct migration_probe *probe;
	struct timeout *to;
	bool in_waiting;
	migration_probe_callback_t *callback;
	void *context;
};

static struct limits_provider *
limits_get_provider(struct migration_auth_limits *limits,
		    const struct migration_provider_settings *set)
{
	struct limits_provider *provider;

	for (provider = limits->providers; provider != NULL;
	     provider = provider->next) {
		if (provider->set == set)
			return provider;
	}
	provider = i_new(struct limits_provider, 1);
	provider->set = set;
	DLLIST_PREPEND(&limits->providers, provider);
	return provider;
}

static void limits_tell(struct migration_auth_limits *limits,
			const struct limits_provider *provider)
{
	struct migration_provider_status status = provider->status;

	status.waiting += provider->waiting;
	migration_auth_status_update(limits->status, provider->set->name,
				     &status);
}

static void limits_changed(const struct migration_provider_settings *provider,
			   const struct migration_provider_status *status,
			   const char *breaker_cause, void *context)
{
	struct migration_auth_limits *limits = context;

	struct limits_provider *limited = limits_get_provider(limits, provider);

	limited->status = *status;
	limits_tell(limits, limited);
	if (breaker_cause != NULL)
		migration_auth_log_breaker(limits->event, provider, status,
					   breaker_cause, limits->set);
}

/* The provider was asked for another login with the same password. */
static void check_log_shared(struct migration_auth_check *check,
			     const struct migration_probe_result *result)
{
	const struct migration_settings *set = check->limits->set;

	if (!result->asked)
		migration_auth_log_limit(&check->login, result);
	else if (result->verdict != MIGRATION_VERDICT_PASSWORD)
		migration_auth_log_shared(&check->login, result);
	else {
		migration_auth_log_refused(
			&check->login, MIGRATION_REFUSALS_REFUSED_BEFORE,
			ioloop_time + (time_t)set->migration_login_refusal_time,
			set);
	}
}

static void check_expired(struct migration_auth_check *check);

static void check_wait(struct migration_auth_check *check)
{
	struct limits_user *user = check->user;
	const struct migration_settings *set = check->limits->set;

	DLLIST2_APPEND(&user->waiting_head, &user->waiting_tail, check);
	check->in_waiting = TRUE;
	check->provider->waiting++;
	limits_tell(check->limits, check->provider);
	check->to = timeout_add(set->migration_login_timeout * 1000,
				check_expired, check);
}

static void check_unwait(struct migration_auth_check *check)
{
	struct limits_user *user = check->user;

	DLLIST2_REMOVE(&user->waiting_head, &user->waiting_tail, check);
	check->in_waiting = FALSE;
	check->provider->waiting--;
	limits_tell(check->limits, check->provider);
	timeout_remove(&check->to);
}

static void check_free(struct migration_auth_check *check)
{
	if (check->in_waiting)
		check_unwait(check);
	timeout_remove(&check->to);
	migration_probe_cancel(&check->probe);
	i_free(check);
}

static void check_finish(struct migration_auth_check *check,
			 const struct migration_probe_result *result)
{
	migration_probe_callback_t *callback = check->callback;
	void *context = check->context;

	check_free(check);
	callback(result, context);
}

static void check_finish_refused(struct migration_auth_check *check)
{
	const struct migration_probe_result result = {
		.verdict = MIGRATION_VERDICT_PASSWORD,
		.mechanism = "",
		.ip = "",
		.error = "",
	};

	check_finish(check, &result);
}

static void
check_finish_limited(struct migration_auth_check *check, const char *text)
{
	const struct migration_probe_result result = {
		.verdict = MIGRATION_VERDICT_TEMPORARY,
		.limit = MIGRATION_PROBE_LIMIT_LINE,
		.mechanism = "",
		.ip = "",
		.error = text,
	};

	migration_auth_log_limit(&check->login, &result);
	check_finish(check, &result);
}

static void check_expired(struct migration_auth_check *check)
{
	check_finish_limited(check, "timed out in line behind another login "
				    "of this user");
}

static void check_no_room(struct migration_auth_check *check)
{
	check_finish_limited(check, "too many logins wait in line already "
				    "(migration_login_line)");
}

static bool check_is_refused(struct migration_auth_check *check)
{
	enum migration_refusals_answer answer;
	time_t until = 0;

	answer = migration_refusals_check(check->limits->refusals, &check->key,
					  ioloop_time, &until);
	migration_auth_log_refused(&check->login, answer, until,
				   check->limits->set);
	return answer != MIGRATION_REFUSALS_ASK;
}

static void user_free(struct limits_user *user)
{
	hash_table_remove(user->limits->users, &user->hash[0]);
	timeout_remove(&user->to);
	i_free(user);
}

static struct migration_auth_check *
user_find_waiting(const struct limits_user *user,
		  const struct migration_refusals_key *key)
{
	struct migration_auth_check *check = user->waiting_head;

	while (check != NULL &&
	       !mem_equals_timing_safe(check->key.password, key->password,
				       sizeof(key->password)))
		check = check->next;
	return check;
}

static void
check_probed(const struct migration_probe_result *result, void *context);

static void check_send(struct migration_auth_check *check)
{
	struct migration_auth_limits *limits = check->limits;
	int msecs = timeval_diff_msecs(&check->deadline, &ioloop_timeval);

	check->user->running = check;
	check->probe =
		migration_probe_start(limits->prober, check->login.provider,
				      check->login.remote_user, check->secret,
				      I_MAX(msecs, 1), check_probed, check);
}

/* The next one that the provider may be asked about. Frees the user if there
   is nobody left. */
static void user_run_next(struct limits_user *user)
{
	struct migration_auth_check *check;

	timeout_remove(&user->to);
	user->busy = TRUE;
	while (user->running == NULL && user->waiting_head != NULL)
		T_BEGIN
		{
			check = user->waiting_head;
			check_unwait(check);
			if (check_is_refused(check))
				check_finish_refused(check);
			else
				check_send(check);
		}
	T_END;
	user->busy = FALSE;
	if (user->running == NULL)
		user_free(user);
}

static void check_remember(struct migration_auth_check *check,
			   const struct migration_probe_result *result)
{
	struct migration_refusals *refusals = check->limits->refusals;

	if (!result->asked)
		return;
	switch (result->verdict) {
	case MIGRATION_VERDICT_OK:
		migration_refusals_clear(refusals, &check->key);
		break;
	case MIGRATION_VERDICT_PASSWORD:
		migration_refusals_add(refusals, &check->key, ioloop_time);
		break;
	case MIGRATION_VERDICT_EXPIRED:
	case MIGRATION_VERDICT_TEMPORARY:
	case MIGRATION_VERDICT_BROKEN:
		break;
	}
}

static void
check_probed(const struct migration_probe_result *result, void *context)
{
	struct migration_auth_check *check = context;
	struct limits_user *user = check->user;
	const struct migration_refusals_key key = check->key;
	struct migration_probe_result shared = *result;

	check->probe = NULL;
	check_remember(check, result);
	migration_auth_log_limit(&check->login, result);
	user->running = NULL;
	user->busy = TRUE;
	check_finish(check, result);

	shared.asked = FALSE;
	while ((check = user_find_waiting(user, &key)) != NULL)
		T_BEGIN
		{
			check_log_shared(check, result);
			check_finish(check, &shared);
		}
	T_END;
	user_run_next(user);
}

static struct limits_user *user_get(struct migration_auth_limits *limits,
				    const struct migration_refusals_key *key)
{
	struct limits_user *user;

	user = hash_table_lookup(limits->users, &key->user[0]);
	if (user != NULL)
		return user;
	user = i_new(struct limits_user, 1);
	user->limits = limits;
	memcpy(user->hash, key->user, sizeof(user->hash));
	hash_table_insert(limits->users, &user->hash[0], user);
	return user;
}

static void check_start(struct migration_auth_check *check)
{
	struct migration_auth_limits *limits = check->limits;
	struct limits_user *user;

	migration_refusals_get_key(limits->refusals,
				   check->login.provider->name,
				   check->login.remote_user, check->secret,
				   &check->key);
	if (check_is_refused(check)) {
		check->to = timeout_add_short(0, check_finish_refused, check);
		return;
	}
	user = user_get(limits, &check->key);
	if (user->running == NULL && !user->busy && user->to == NULL) {
		check->user = user;
		check_send(check);
	} else if (check->provider->waiting >=
		   limits->set->migration_login_line) {
		check->to = timeout_add_short(0, check_no_room, check);
	} else {
		check->user = user;
		check_wait(check);
	}
}

bool migration_auth_limits_in_use(struct migration_auth_limits *limits)
{
	const struct limits_provider *provider;

	for (provider = limits->providers; provider != NULL;
	     provider = provider->next) {
		if (migration_provider_status_breaker(&provider->status,
						      ioloop_time) ==
		    MIGRATION_BREAKER_OPEN)
			return TRUE;
	}
	return migration_refusals_count(limits->refusals, ioloop_time) > 0;
}

struct migration_auth_check *
migration_auth_limits_check(struct migration_auth_limits *limits,
			    struct event *event,
			    const struct migration_provider_settings *provider,
			    const char *remote_user,
			    const struct migration_secret *secret,
			    migration_probe_callback_t *callback, void *context)
{
	struct migration_auth_check *check;

	check = i_new(struct migration_auth_check, 1);
	check->limits = limits;
	check->provider = limits_get_provider(limits, provider);
	check->login.event = event;
	check->login.provider = provider;
	check->login.remote_user = remote_user;
	check->secret = secret;
	check->callback = callback;
	check->context = context;
	check->deadline = ioloop_timeval;
	timeval_add_msecs(&check->deadline,
			  limits->set->migration_login_timeout * 1000);
	check_start(check);
	return check;
}

void migration_auth_limits_cancel(struct migration_auth_check **_check)
{
	struct migration_auth_check *check = *_check;
	struct limits_user *user;

	if (check == NULL)
		return;
	*_check = NULL;
	user = check->user;
	if (user != NULL && user->running == check) {
		user->running = NULL;
		/* not from in here: it may call others' callbacks */
		if (!user->busy)
			user->to = timeout_add_short(0, user_run_next, user);
	}
	check_free(check);
}

static void limits_init_refusals(struct migration_auth_limits *limits)
{
	struct migration_refusals_settings set;

	i_zero(&set);
	random_fill(set.key, sizeof(set.key));
	set.max_entries = MIGRATION_MAX_REFUSALS;
	set.max_refusals = limits->set->migration_login_refusals;
	set.secs = limits->set->migration_login_refusal_time;
	limits->refusals = migration_refusals_init(&set);
	safe_memset(set.key, 0, sizeof(set.key));
	hash_table_create(&limits->users, default_pool, 0,
			  migration_refusals_hash, migration_refusals_hash_cmp);
}

/* Those whose last check was cancelled. */
static void limits_deinit_users(struct migration_auth_limits *limits)
{
	struct hash_iterate_context *iter;
	struct limits_user *user;
	unsigned char *hash;

	iter = hash_table_iterate_init(limits->users);
	while (hash_table_iterate(iter, limits->users, &hash, &user)) {
		i_assert(user->running == NULL && user->waiting_head == NULL);
		user_free(user);
	}
	hash_table_iterate_deinit(&iter);
	hash_table_destroy(&limits->users);
}

int migration_auth_limits_init(const struct migration_settings *set,
			       struct migration_auth_queue *queue,
			       struct event *event_parent,
			       struct migration_auth_limits **limits_r,
			       const char **error_r)
{
	struct migration_auth_limits *limits;
	struct migration_prober_settings prober_set;

	limits = i_new(struct migration_auth_limits, 1);
	limits->set = set;
	limits->event = event_create(event_parent);
	limits->status = migration_auth_status_init(queue);
	limits_init_refusals(limits);
	i_zero(&prober_set);
	prober_set.timeout_msecs = set->migration_login_timeout * 1000;
	prober_set.max_waiting = set->migration_login_line;
	prober_set.breaker.failures = set->migration_breaker_failures;
	prober_set.breaker.open_secs = set->migration_breaker_time;
	prober_set.changed = limits_changed;
	prober_set.context = limits;
	if (migration_prober_init(&prober_set, &limits->prober, error_r) < 0) {
		migration_auth_limits_deinit(&limits);
		return -1;
	}
	*limits_r = limits;
	return 0;
}

void migration_auth_limits_deinit(struct migration_auth_limits **_limits)
{
	struct migration_auth_limits *limits = *_limits;
	struct limits_provider *provider;

	if (limits == NULL)
		return;
	*_limits = NULL;
	limits_deinit_users(limits);
	migration_refusals_deinit(&limits->refusals);
	migration_prober_deinit(&limits->prober);
	while (limits->providers != NULL) {
		provider = limits->providers;
		i_assert(provider->waiting == 0);
		DLLIST_REMOVE(&limits->providers, provider);
		i_free(provider);
	}
	migration_auth_status_deinit(&limits->status);
	event_unref(&limits->event);
	i_free(limits);
}

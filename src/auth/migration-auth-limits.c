/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "ioloop.h"
#include "migration-common.h"
#include "migration-provider-status.h"
#include "migration-secret.h"
#include "migration-settings.h"
#include "migration-auth-limits.h"

struct migration_auth_limits {
	const struct migration_settings *set;
	struct event *event;
	struct migration_prober *prober;
};

struct migration_auth_check {
	struct migration_auth_limits *limits;
	struct event *event;
	const struct migration_provider_settings *provider;
	const char *remote_user;
	struct migration_probe *probe;
	migration_probe_callback_t *callback;
	void *context;
};

static void
limits_log_breaker(struct migration_auth_limits *limits,
		   const struct migration_provider_settings *provider,
		   const struct migration_provider_status *status,
		   const char *cause)
{
	const char *state = migration_breaker_state_to_string(status->breaker);
	struct event_passthrough *e =
		event_create_passthrough(limits->event)
			->set_name("migration_breaker_changed")
			->add_str("provider", provider->name)
			->add_str("breaker", state)
			->add_int("failures", status->failures);
	const char *name = t_strdup_printf("Provider %s (%s:%u)",
					   provider->name, provider->host,
					   provider->port);

	switch (status->breaker) {
	case MIGRATION_BREAKER_CLOSED:
		e_info(e->event(),
		       "%s answers again: logins are passed on to it", name);
		break;
	case MIGRATION_BREAKER_HALF_OPEN:
		e_debug(e->event(), "%s is tried with one login", name);
		break;
	case MIGRATION_BREAKER_OPEN:
		/* the login that was the trial has a line of its own */
		if (*cause == '\0' ||
		    status->failures >
			    limits->set->migration_breaker_failures) {
			e_debug(e->event(), "%s still cannot be talked to: %s",
				name, cause);
			break;
		}
		e_warning(e->event(),
			  "%s: %u connection failures in a row, the last: %s - "
			  "nobody is asked for there for %u secs, then one "
			  "login is tried",
			  name, status->failures, cause,
			  limits->set->migration_breaker_time);
		break;
	}
}

static void limits_changed(const struct migration_provider_settings *provider,
			   const struct migration_provider_status *status,
			   const char *breaker_cause, void *context)
{
	struct migration_auth_limits *limits = context;

	if (breaker_cause != NULL)
		limits_log_breaker(limits, provider, status, breaker_cause);
}

static struct event_passthrough *
check_limited_event(struct migration_auth_check *check, const char *reason)
{
	return event_create_passthrough(check->event)
		->set_name("migration_login_limited")
		->add_str("reason", reason);
}

static const char *check_describe(const struct migration_auth_check *check)
{
	return t_strdup_printf("Login of %s at provider %s (%s:%u): the "
			       "provider was not asked",
			       check->remote_user, check->provider->name,
			       check->provider->host, check->provider->port);
}

static void check_log_limit(struct migration_auth_check *check,
			    const struct migration_probe_result *result)
{
	switch (result->limit) {
	case MIGRATION_PROBE_LIMIT_NONE:
		break;
	case MIGRATION_PROBE_LIMIT_LINE:
		e_warning(check_limited_event(check, "line")->event(),
			  "%s: %s - the user was told to try again later",
			  check_describe(check), result->error);
		break;
	case MIGRATION_PROBE_LIMIT_BREAKER:
		/* that it is open was logged once */
		e_debug(check_limited_event(check, "breaker")->event(),
			"%s: %s", check_describe(check), result->error);
		break;
	}
}

static void
check_probed(const struct migration_probe_result *result, void *context)
{
	struct migration_auth_check *check = context;
	migration_probe_callback_t *callback = check->callback;

	check_log_limit(check, result);
	context = check->context;
	i_free(check);
	callback(result, context);
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
	check->event = event;
	check->provider = provider;
	check->remote_user = remote_user;
	check->callback = callback;
	check->context = context;
	check->probe = migration_probe_start(
		limits->prober, provider, remote_user, secret,
		limits->set->migration_login_timeout * 1000, check_probed,
		check);
	return check;
}

void migration_auth_limits_cancel(struct migration_auth_check **_check)
{
	struct migration_auth_check *check = *_check;

	if (check == NULL)
		return;
	*_check = NULL;
	migration_probe_cancel(&check->probe);
	i_free(check);
}

int migration_auth_limits_init(const struct migration_settings *set,
			       struct event *event_parent,
			       struct migration_auth_limits **limits_r,
			       const char **error_r)
{
	struct migration_auth_limits *limits;
	struct migration_prober_settings prober_set;

	limits = i_new(struct migration_auth_limits, 1);
	limits->set = set;
	limits->event = event_create(event_parent);
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

	if (limits == NULL)
		return;
	*_limits = NULL;
	migration_prober_deinit(&limits->prober);
	event_unref(&limits->event);
	i_free(limits);
}

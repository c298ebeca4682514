/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "time-util.h"
#include "migration-probe.h"
#include "migration-provider-status.h"
#include "migration-settings.h"
#include "migration-auth-limits-log.h"

static struct event_passthrough *
login_limited_event(const struct migration_auth_login *login,
		    const char *reason)
{
	return event_create_passthrough(login->event)
		->set_name("migration_login_limited")
		->add_str("reason", reason);
}

static const char *login_describe(const struct migration_auth_login *login)
{
	return t_strdup_printf("Login of %s at provider %s (%s:%u): the "
			       "provider was not asked",
			       login->remote_user, login->provider->name,
			       login->provider->host, login->provider->port);
}

void migration_auth_log_limit(const struct migration_auth_login *login,
			      const struct migration_probe_result *result)
{
	switch (result->limit) {
	case MIGRATION_PROBE_LIMIT_NONE:
		break;
	case MIGRATION_PROBE_LIMIT_LINE:
		e_warning(login_limited_event(login, "line")->event(),
			  "%s: %s - the user was told to try again later",
			  login_describe(login), result->error);
		break;
	case MIGRATION_PROBE_LIMIT_BREAKER:
		/* that it is open was logged once */
		e_debug(login_limited_event(login, "breaker")->event(),
			"%s: %s", login_describe(login), result->error);
		break;
	}
}

void migration_auth_log_refused(const struct migration_auth_login *login,
				enum migration_refusals_answer answer,
				time_t until,
				const struct migration_settings *set)
{
	const char *again = t_strflocaltime("%Y-%m-%d %H:%M:%S", until);

	switch (answer) {
	case MIGRATION_REFUSALS_ASK:
		break;
	case MIGRATION_REFUSALS_REFUSED_BEFORE:
		e_info(login_limited_event(login, "refused_before")->event(),
		       "%s until %s: it has refused this password",
		       login_describe(login), again);
		break;
	case MIGRATION_REFUSALS_TOO_MANY:
		e_info(login_limited_event(login, "refusals")->event(),
		       "%s until %s: it has refused %u logins of this user",
		       login_describe(login), again,
		       set->migration_login_refusals);
		break;
	}
}

void migration_auth_log_shared(const struct migration_auth_login *login,
			       const struct migration_probe_result *result)
{
	e_debug(login->event,
		"%s: another login with the same password was answered: %s",
		login_describe(login),
		migration_verdict_to_string(result->verdict));
}

void migration_auth_log_breaker(
	struct event *event, const struct migration_provider_settings *provider,
	const struct migration_provider_status *status, const char *cause,
	const struct migration_settings *set)
{
	const char *state = migration_breaker_state_to_string(status->breaker);
	struct event_passthrough *e =
		event_create_passthrough(event)
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
		    status->failures > set->migration_breaker_failures) {
			e_debug(e->event(), "%s still cannot be talked to: %s",
				name, cause);
			break;
		}
		e_warning(e->event(),
			  "%s: %u connection failures in a row, the last: %s - "
			  "nobody is asked for there for %u secs, then one "
			  "login is tried",
			  name, status->failures, cause,
			  set->migration_breaker_time);
		break;
	}
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "ioloop.h"
#include "migration-common.h"
#include "migration-state.h"
#include "migration-transition.h"

const char *migration_transition_state(const struct migration_record *record)
{
	struct migration_record without_lease = *record;

	without_lease.lease_until = 0;
	return migration_state_to_string(
		migration_state(&without_lease, ioloop_time));
}

void migration_transition_tell(struct event *event, const char *username,
			       const char *provider, const char *from,
			       const char *to, const char *reason)
{
	if (strcmp(from, to) == 0)
		return;

	struct event_passthrough *e =
		event_create_passthrough(event)
			->set_name("migration_state_changed")
			->add_str("user", username)
			->add_str("provider", provider)
			->add_str("from", from)
			->add_str("to", to)
			->add_str("reason", reason);

	e_debug(e->event(), "State of %s: %s, was %s", username, to, from);
}

void migration_transition_tell_record(struct event *event, const char *from,
				      const struct migration_record *record)
{
	migration_transition_tell(event, record->username, record->provider,
				  from, migration_transition_state(record),
				  migration_reason_to_string(record->reason));
}

void migration_transition_tell_adopted(struct event *event,
				       const char *username,
				       const char *provider, bool created,
				       const char *from, const char *to)
{
	const char *result = created ? "created" : "renewed";
	struct event_passthrough *e = event_create_passthrough(event)
					      ->set_name("migration_adopted")
					      ->add_str("user", username)
					      ->add_str("provider", provider)
					      ->add_str("result", result);

	e_debug(e->event(), "Record of %s %s", username, result);
	migration_transition_tell(event, username, provider, from, to, "");
}

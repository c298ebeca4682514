#ifndef MIGRATION_TRANSITION_H
#define MIGRATION_TRANSITION_H

/* Tells by the event migration_state_changed that a record has another state.
   A lease is no state of its own here: that a sync runs is told by the events
   of the sync. */

struct migration_record;

/* There is no record yet, or no longer. */
#define MIGRATION_TRANSITION_NONE "none"

/* The word of its state. */
const char *migration_transition_state(const struct migration_record *record);

/* Nothing happens if both are the same. reason is what blocks it, may be
   empty. */
void migration_transition_tell(struct event *event, const char *username,
			       const char *provider, const char *from,
			       const char *to, const char *reason);
/* The same with what the record is now. */
void migration_transition_tell_record(struct event *event, const char *from,
				      const struct migration_record *record);

#endif

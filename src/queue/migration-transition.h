#ifndef MIGRATION_TRANSITION_H
#define MIGRATION_TRANSITION_H

/* Tells by events that a record was made or renewed (migration_adopted) and
   that it has another state (migration_state_changed). A lease is no state of
   its own here: that a sync runs is told by the events of the sync. */

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
/* The record was made, or it has something new to log in with; and its
   state. */
void migration_transition_tell_adopted(struct event *event,
				       const char *username,
				       const char *provider, bool created,
				       const char *from, const char *to);

#endif

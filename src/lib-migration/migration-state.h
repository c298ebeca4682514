#ifndef MIGRATION_STATE_H
#define MIGRATION_STATE_H

/* The life of a record: DESIGN in doc/states.md. Pure rules on struct
   migration_record; nobody else decides about phase, control or times. */

#include "migration-record.h"

/* What people see. */
enum migration_state {
	MIGRATION_STATE_QUEUED,
	MIGRATION_STATE_SYNCING,
	MIGRATION_STATE_FOLLOWING,
	MIGRATION_STATE_RETRYING,
	MIGRATION_STATE_PAUSED,
	MIGRATION_STATE_BLOCKED,
	MIGRATION_STATE_FINISHED,
};

/* How a sync ended. Sent by the worker by name. */
enum migration_outcome {
	/* Everything that the provider has is here. */
	MIGRATION_OUTCOME_DONE,
	/* May work later without anybody doing anything. */
	MIGRATION_OUTCOME_TEMPORARY,
	/* The provider refuses the stored password. */
	MIGRATION_OUTCOME_PASSWORD,
	/* The sealed password cannot be opened: key lost or box changed. Our
	   fault, but the user's next good login repairs it. */
	MIGRATION_OUTCOME_CREDENTIAL,
	/* The provider cannot be used as configured. */
	MIGRATION_OUTCOME_PROVIDER,
	/* The account or its storage here is at fault. */
	MIGRATION_OUTCOME_LOCAL,
};

struct migration_retry_settings {
	unsigned int min_secs, max_secs;
};

/* What a worker does for a record before its sync is over. */
enum migration_step {
	/* Nothing more: the sync is over. */
	MIGRATION_STEP_END,
	/* Pull what has changed meanwhile. */
	MIGRATION_STEP_PULL,
	/* Hold logins, end the sessions at the provider, pull once more. */
	MIGRATION_STEP_SWITCH,
	/* The same, but it cannot be done in time. */
	MIGRATION_STEP_TOO_SLOW,
};

const char *migration_phase_to_string(enum migration_phase phase);
const char *migration_control_to_string(enum migration_control control);
const char *migration_reason_to_string(enum migration_reason reason);
const char *migration_state_to_string(enum migration_state state);
const char *migration_outcome_to_string(enum migration_outcome outcome);

/* Return 0, or -1 if the name is unknown. */
int migration_phase_parse(const char *str, enum migration_phase *phase_r);
int migration_control_parse(const char *str, enum migration_control *control_r);
int migration_reason_parse(const char *str, enum migration_reason *reason_r);
int migration_state_parse(const char *str, enum migration_state *state_r);
int migration_outcome_parse(const char *str, enum migration_outcome *outcome_r);

enum migration_state
migration_state(const struct migration_record *record, time_t now);

/* TRUE if a worker may start on it now. force: an administrator asked for it,
   so neither next_sync nor a block stands in the way. */
bool migration_state_is_due(const struct migration_record *record, time_t now,
			    bool force);

/* TRUE while logins are held by the switch. */
bool migration_state_is_held(const struct migration_record *record, time_t now);

/* What follows on a pull that has brought everything. pulls: how many have
   there been under this lease, secs: how long did the last one take, which the
   one within the switch takes, too. Not to be called after the switch. */
enum migration_step
migration_state_next_step(const struct migration_record *record,
			  unsigned int pulls, unsigned int secs,
			  unsigned int switch_timeout);

/* A sync has ended: changes phase, control, reason, attempts, error and times,
   and gives the lease back. error is for people and is kept; it is ignored
   with MIGRATION_OUTCOME_DONE. credential_current: the credential that the
   worker used is still the record's; a newer one is tried at once. */
void migration_state_sync_finished(struct migration_record *record,
				   enum migration_outcome outcome,
				   bool credential_current, const char *error,
				   time_t now,
				   const struct migration_retry_settings *set,
				   uint32_t random);

/* TRUE if a login with the password that is known here already should still be
   confirmed by the provider, because the sealed one may be unusable or the
   trouble here may be over. */
bool migration_state_wants_renewal(const struct migration_record *record);
/* The provider has accepted the user's password again: what was blocked by
   the password, or by something here, goes on at once. */
void migration_state_renewed(struct migration_record *record, time_t now);

/* Whole percentage, 0..100; 100 only when nothing is missing. */
unsigned int migration_record_progress(const struct migration_record *record);

#endif

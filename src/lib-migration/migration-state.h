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
	/* The account is gone or disabled, at the provider or here. */
	MIGRATION_OUTCOME_ACCOUNT,
	/* The sealed password cannot be opened: key lost or box changed. Our
	   fault, but the user's next good login repairs it. */
	MIGRATION_OUTCOME_CREDENTIAL,
	/* The provider cannot be used as configured. */
	MIGRATION_OUTCOME_PROVIDER,
	/* The account or its storage here is at fault. */
	MIGRATION_OUTCOME_LOCAL,
};

/* When the next sync is. */
struct migration_timing_settings {
	/* After a temporary failure */
	unsigned int retry_min_secs, retry_max_secs;
	/* After a sync, in phase following */
	unsigned int interval_secs;
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

/* How a sync ended, for migration_state_sync_finished(). */
struct migration_sync_result {
	enum migration_outcome outcome;
	/* The credential that the worker used is still the record's; a newer
	   one is tried at once. */
	bool credential_current;
	/* For people and kept; ignored with MIGRATION_OUTCOME_DONE. */
	const char *error;
	/* What the provider asked for, 0 = nothing. */
	unsigned int retry_after_secs;
	/* It has brought something: not one more failure in a row. */
	bool progressed;
	/* The wish to finish was known when it began: what had arrived at the
	   provider by then is here. */
	bool finish_was_wanted;
};

/* What an administrator can ask for. */
enum migration_command {
	MIGRATION_COMMAND_PAUSE,
	MIGRATION_COMMAND_RESUME,
	MIGRATION_COMMAND_RETRY,
	MIGRATION_COMMAND_FINISH,
	MIGRATION_COMMAND_DELETE,
};

/* What became of it. */
enum migration_change {
	MIGRATION_CHANGE_REFUSED = -1,
	/* It was so already. */
	MIGRATION_CHANGE_NONE = 0,
	MIGRATION_CHANGE_DONE = 1,
};

/* When migrations end by themselves; 0 = never. */
struct migration_finish_settings {
	/* Seconds after following has begun. */
	unsigned int after_secs;
	/* UNIX timestamp of the provider's end. */
	time_t at;
};

const char *migration_phase_to_string(enum migration_phase phase);
const char *migration_control_to_string(enum migration_control control);
const char *migration_reason_to_string(enum migration_reason reason);
const char *migration_state_to_string(enum migration_state state);
const char *migration_outcome_to_string(enum migration_outcome outcome);
const char *migration_command_to_string(enum migration_command command);

/* Return 0, or -1 if the name is unknown. */
int migration_phase_parse(const char *str, enum migration_phase *phase_r);
int migration_control_parse(const char *str, enum migration_control *control_r);
int migration_reason_parse(const char *str, enum migration_reason *reason_r);
int migration_state_parse(const char *str, enum migration_state *state_r);
int migration_outcome_parse(const char *str, enum migration_outcome *outcome_r);
int migration_command_parse(const char *str, enum migration_command *command_r);

enum migration_state
migration_state(const struct migration_record *record, time_t now);

/* TRUE if a worker may start on it now. force: an administrator asked for it,
   so neither next_sync nor a block stands in the way. */
bool migration_state_is_due(const struct migration_record *record, time_t now,
			    bool force);

/* TRUE if a sync that runs may go on: nobody has paused or finished it. */
bool migration_state_may_sync(const struct migration_record *record);

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
   and gives the lease back. What was paused meanwhile stays paused, what was
   finished is left alone. */
void migration_state_sync_finished(struct migration_record *record,
				   const struct migration_sync_result *result,
				   time_t now,
				   const struct migration_timing_settings *set,
				   uint32_t random);

/* What an administrator asks for. text_r is for people: why it was refused or
   what it means; it may be empty. Only with MIGRATION_CHANGE_DONE the record
   has changed. A pause, and a finish that is not only a wish for a last sync,
   give the lease back, so that a sync that runs stops:
   migration_state_may_sync() says so. */
enum migration_change
migration_state_pause(struct migration_record *record, const char **text_r);
enum migration_change migration_state_resume(struct migration_record *record,
					     time_t now, const char **text_r);
enum migration_change migration_state_retry(struct migration_record *record,
					    time_t now, const char **text_r);
enum migration_change migration_state_finish(struct migration_record *record,
					     time_t now, const char **text_r);
/* The rule of the command. MIGRATION_COMMAND_DELETE is always done, and it is
   the caller who deletes. */
enum migration_change migration_state_command(struct migration_record *record,
					      enum migration_command command,
					      time_t now, const char **text_r);

/* Who has been following since then or longer is finished now; 0 = nobody
   is. */
time_t
migration_state_finish_before(const struct migration_finish_settings *set,
			      time_t now);
/* TRUE if migration_state_finish() is due without anybody asking for it. */
bool migration_state_finish_is_due(const struct migration_record *record,
				   const struct migration_finish_settings *set,
				   time_t now);
/* When that will be, 0 = not as things are. */
time_t migration_state_finish_time(const struct migration_record *record,
				   const struct migration_finish_settings *set);

/* TRUE if a login with the password that is known here already should still be
   confirmed by the provider, because the sealed one may be unusable or the
   trouble here may be over. */
bool migration_state_wants_renewal(const struct migration_record *record);
/* There is something new to log in with at the provider: what was blocked by
   the password, or by something here, goes on at once. */
void migration_state_renew_credential(struct migration_record *record,
				      time_t now);
/* The provider has accepted the user's password again: what was blocked by
   the password, or by something here, goes on at once. */
void migration_state_renewed(struct migration_record *record, time_t now);

/* Whole percentage, 0..100; 100 only when nothing is missing. */
unsigned int migration_record_progress(const struct migration_record *record);

#endif

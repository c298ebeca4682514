/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "time-util.h"
#include "migration-retry.h"
#include "migration-state.h"

/* Pulls in a row before the switch is tried even though it may be late. */
#define STEP_MAX_PULLS 3
#define STATE_TIME_FORMAT "%Y-%m-%d %H:%M:%S"

static const char *const phase_names[] = {
	[MIGRATION_PHASE_INITIAL] = "initial",
	[MIGRATION_PHASE_FOLLOWING] = "following",
	[MIGRATION_PHASE_FINISHED] = "finished",
};

static const char *const control_names[] = {
	[MIGRATION_CONTROL_ACTIVE] = "active",
	[MIGRATION_CONTROL_PAUSED] = "paused",
	[MIGRATION_CONTROL_BLOCKED] = "blocked",
};

static const char *const reason_names[] = {
	[MIGRATION_REASON_NONE] = "",
	[MIGRATION_REASON_PASSWORD] = "password",
	[MIGRATION_REASON_ACCOUNT] = "account",
	[MIGRATION_REASON_PROVIDER] = "provider",
	[MIGRATION_REASON_LOCAL] = "local",
};

static const char *const state_names[] = {
	[MIGRATION_STATE_QUEUED] = "queued",
	[MIGRATION_STATE_SYNCING] = "syncing",
	[MIGRATION_STATE_FOLLOWING] = "following",
	[MIGRATION_STATE_RETRYING] = "retrying",
	[MIGRATION_STATE_PAUSED] = "paused",
	[MIGRATION_STATE_BLOCKED] = "blocked",
	[MIGRATION_STATE_FINISHED] = "finished",
};

static const char *const outcome_names[] = {
	[MIGRATION_OUTCOME_DONE] = "done",
	[MIGRATION_OUTCOME_TEMPORARY] = "temporary",
	[MIGRATION_OUTCOME_PASSWORD] = "password",
	[MIGRATION_OUTCOME_ACCOUNT] = "account",
	[MIGRATION_OUTCOME_CREDENTIAL] = "credential",
	[MIGRATION_OUTCOME_PROVIDER] = "provider",
	[MIGRATION_OUTCOME_LOCAL] = "local",
};

static const char *const command_names[] = {
	[MIGRATION_COMMAND_PAUSE] = "pause",
	[MIGRATION_COMMAND_RESUME] = "resume",
	[MIGRATION_COMMAND_RETRY] = "retry",
	[MIGRATION_COMMAND_FINISH] = "finish",
	[MIGRATION_COMMAND_DELETE] = "delete",
};

static int name_find(const char *const *names, unsigned int count,
		     const char *str, unsigned int *idx_r)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (strcmp(names[i], str) == 0) {
			*idx_r = i;
			return 0;
		}
	}
	return -1;
}

#define NAME_FUNCTIONS(type) \
	const char *migration_##type##_to_string(enum migration_##type value) \
	{ \
		i_assert((unsigned int)value < N_ELEMENTS(type##_names)); \
		return type##_names[value]; \
	} \
	int migration_##type##_parse(const char *str, \
				     enum migration_##type *value_r) \
	{ \
		unsigned int idx; \
		if (name_find(type##_names, N_ELEMENTS(type##_names), str, \
			      &idx) < 0) \
			return -1; \
		*value_r = (enum migration_##type)idx; \
		return 0; \
	}

NAME_FUNCTIONS(phase)
NAME_FUNCTIONS(control)
NAME_FUNCTIONS(reason)
NAME_FUNCTIONS(state)
NAME_FUNCTIONS(outcome)
NAME_FUNCTIONS(command)

enum migration_state
migration_state(const struct migration_record *record, time_t now)
{
	if (record->phase == MIGRATION_PHASE_FINISHED)
		return MIGRATION_STATE_FINISHED;
	/* a worker that still runs is about to be stopped, or only compares */
	if (record->control == MIGRATION_CONTROL_PAUSED)
		return MIGRATION_STATE_PAUSED;
	if (record->lease_until > now)
		return MIGRATION_STATE_SYNCING;
	switch (record->control) {
	case MIGRATION_CONTROL_PAUSED:
		i_unreached();
	case MIGRATION_CONTROL_BLOCKED:
		return MIGRATION_STATE_BLOCKED;
	case MIGRATION_CONTROL_ACTIVE:
		break;
	}
	if (record->attempts > 0)
		return MIGRATION_STATE_RETRYING;
	return record->phase == MIGRATION_PHASE_FOLLOWING ?
		       MIGRATION_STATE_FOLLOWING :
		       MIGRATION_STATE_QUEUED;
}

bool migration_state_is_due(const struct migration_record *record, time_t now,
			    bool force)
{
	if (record->phase == MIGRATION_PHASE_FINISHED ||
	    record->lease_until > now || *record->credential == '\0')
		return FALSE;
	if (force)
		return record->control != MIGRATION_CONTROL_PAUSED;
	return record->control == MIGRATION_CONTROL_ACTIVE &&
	       record->next_sync <= now;
}

bool migration_state_is_held(const struct migration_record *record, time_t now)
{
	return record->phase == MIGRATION_PHASE_INITIAL &&
	       record->hold_until > now && record->lease_until > now;
}

enum migration_step
migration_state_next_step(const struct migration_record *record,
			  unsigned int pulls, unsigned int secs,
			  unsigned int switch_timeout)
{
	if (record->phase != MIGRATION_PHASE_INITIAL ||
	    strcmp(record->login, "proxy") != 0)
		return MIGRATION_STEP_END;
	if (secs <= switch_timeout / 2)
		return MIGRATION_STEP_SWITCH;
	/* the next one has less to do */
	if (pulls < STEP_MAX_PULLS)
		return MIGRATION_STEP_PULL;
	return secs < switch_timeout ? MIGRATION_STEP_SWITCH :
				       MIGRATION_STEP_TOO_SLOW;
}

bool migration_state_may_sync(const struct migration_record *record)
{
	return record->phase != MIGRATION_PHASE_FINISHED &&
	       record->control != MIGRATION_CONTROL_PAUSED;
}

static void record_drop_lease(struct migration_record *record)
{
	record->lease_owner = "";
	record->lease_until = 0;
	record->hold_until = 0;
}

static void
record_block(struct migration_record *record, enum migration_reason reason)
{
	/* an administrator has the last word */
	if (record->control == MIGRATION_CONTROL_PAUSED)
		return;
	record->control = MIGRATION_CONTROL_BLOCKED;
	record->reason = reason;
	record->next_sync = 0;
}

/* Whatever was wrong is over or may be over. */
static void record_go_on(struct migration_record *record, time_t now)
{
	record->control = MIGRATION_CONTROL_ACTIVE;
	record->reason = MIGRATION_REASON_NONE;
	record->attempts = 0;
	record->error = "";
	record->next_sync = now;
}

static void record_finish(struct migration_record *record)
{
	record->phase = MIGRATION_PHASE_FINISHED;
	record_go_on(record, 0);
	record->finish_wanted = FALSE;
	record->credential = "";
	record_drop_lease(record);
}

static void
record_sync_done(struct migration_record *record, bool finish_was_wanted,
		 time_t now, unsigned int interval_secs)
{
	if (record->phase == MIGRATION_PHASE_INITIAL) {
		record->phase = MIGRATION_PHASE_FOLLOWING;
		record->following_since = now;
		/* whoever asked meanwhile asked for the end of this one */
		finish_was_wanted = TRUE;
	}
	if (record->control == MIGRATION_CONTROL_BLOCKED)
		record->control = MIGRATION_CONTROL_ACTIVE;
	record->reason = MIGRATION_REASON_NONE;
	record->attempts = 0;
	record->error = "";
	record->last_sync = now;
	if (record->control == MIGRATION_CONTROL_PAUSED)
		record->next_sync = 0;
	else if (!record->finish_wanted)
		record->next_sync = now + interval_secs;
	else if (finish_was_wanted)
		record_finish(record);
	else
		record->next_sync = now; /* the last one */
}

void migration_state_sync_finished(struct migration_record *record,
				   const struct migration_sync_result *result,
				   time_t now,
				   const struct migration_timing_settings *set,
				   uint32_t random)
{
	unsigned int wait_secs;

	record_drop_lease(record);
	if (record->phase == MIGRATION_PHASE_FINISHED)
		return;
	record->error = result->error;

	switch (result->outcome) {
	case MIGRATION_OUTCOME_DONE:
		record_sync_done(record, result->finish_was_wanted, now,
				 migration_retry_interval_secs(
					 set->interval_secs, random));
		return;
	case MIGRATION_OUTCOME_TEMPORARY:
		/* a line that is cut again and again gets there as well */
		record->attempts = result->progressed ? 1 :
							record->attempts + 1;
		wait_secs = result->retry_after_secs;
		if (wait_secs == 0) {
			wait_secs =
				migration_retry_delay_secs(record->attempts,
							   set->retry_min_secs,
							   set->retry_max_secs,
							   random);
		}
		record->next_sync = now + wait_secs;
		return;
	case MIGRATION_OUTCOME_PASSWORD:
	case MIGRATION_OUTCOME_ACCOUNT:
	case MIGRATION_OUTCOME_CREDENTIAL:
		/* the user's next good login brings a new one, unless it has
		   already done so during the sync */
		if (!result->credential_current)
			record->next_sync = now;
		else if (result->outcome == MIGRATION_OUTCOME_PASSWORD)
			record_block(record, MIGRATION_REASON_PASSWORD);
		else if (result->outcome == MIGRATION_OUTCOME_ACCOUNT)
			record_block(record, MIGRATION_REASON_ACCOUNT);
		else
			record_block(record, MIGRATION_REASON_LOCAL);
		return;
	case MIGRATION_OUTCOME_PROVIDER:
		record_block(record, MIGRATION_REASON_PROVIDER);
		return;
	case MIGRATION_OUTCOME_LOCAL:
		record_block(record, MIGRATION_REASON_LOCAL);
		return;
	}
	i_unreached();
}

enum migration_change
migration_state_pause(struct migration_record *record, const char **text_r)
{
	*text_r = "";
	if (record->phase == MIGRATION_PHASE_FINISHED) {
		*text_r = "the migration is finished";
		return MIGRATION_CHANGE_REFUSED;
	}
	if (record->control == MIGRATION_CONTROL_PAUSED)
		return MIGRATION_CHANGE_NONE;
	record->control = MIGRATION_CONTROL_PAUSED;
	record->reason = MIGRATION_REASON_NONE;
	record->next_sync = 0;
	record_drop_lease(record);
	return MIGRATION_CHANGE_DONE;
}

enum migration_change migration_state_resume(struct migration_record *record,
					     time_t now, const char **text_r)
{
	*text_r = "";
	if (record->phase == MIGRATION_PHASE_FINISHED) {
		*text_r = "the migration is finished";
		return MIGRATION_CHANGE_REFUSED;
	}
	switch (record->control) {
	case MIGRATION_CONTROL_ACTIVE:
		return MIGRATION_CHANGE_NONE;
	case MIGRATION_CONTROL_BLOCKED:
		*text_r = "it is not paused but blocked: see retry";
		return MIGRATION_CHANGE_NONE;
	case MIGRATION_CONTROL_PAUSED:
		break;
	}
	record->control = MIGRATION_CONTROL_ACTIVE;
	record->next_sync = now;
	return MIGRATION_CHANGE_DONE;
}

enum migration_change migration_state_retry(struct migration_record *record,
					    time_t now, const char **text_r)
{
	*text_r = "";
	if (record->phase == MIGRATION_PHASE_FINISHED) {
		*text_r = "the migration is finished";
		return MIGRATION_CHANGE_REFUSED;
	}
	if (record->control == MIGRATION_CONTROL_PAUSED) {
		*text_r = "the migration is paused: resume it";
		return MIGRATION_CHANGE_REFUSED;
	}
	if (record->control == MIGRATION_CONTROL_ACTIVE &&
	    record->attempts == 0)
		return MIGRATION_CHANGE_NONE;
	record_go_on(record, now);
	return MIGRATION_CHANGE_DONE;
}

static enum migration_change
state_finish_now(struct migration_record *record, const char **text_r)
{
	*text_r = t_strdup_printf(
		"without a last sync: what has arrived at the provider since "
		"%s is not fetched",
		t_strflocaltime(STATE_TIME_FORMAT, record->last_sync));
	record_finish(record);
	return MIGRATION_CHANGE_DONE;
}

/* A failing provider is not asked any sooner for that. */
static enum migration_change
state_finish_after_sync(struct migration_record *record, time_t now,
			const char **text_r)
{
	const char *when = "";

	if (record->control == MIGRATION_CONTROL_PAUSED) {
		when = " when it is resumed";
	} else if (record->attempts == 0) {
		record->next_sync = now;
	} else if (record->next_sync > now) {
		when = t_strdup_printf(" at %s",
				       t_strflocaltime(STATE_TIME_FORMAT,
						       record->next_sync));
	}
	*text_r = t_strdup_printf("ends after one last sync%s; asked again it "
				  "ends at once, without that",
				  when);
	record->finish_wanted = TRUE;
	return MIGRATION_CHANGE_DONE;
}

enum migration_change migration_state_finish(struct migration_record *record,
					     time_t now, const char **text_r)
{
	*text_r = "";
	switch (record->phase) {
	case MIGRATION_PHASE_FINISHED:
		return MIGRATION_CHANGE_NONE;
	case MIGRATION_PHASE_INITIAL:
		*text_r = "ends as soon as the first full sync is done";
		if (record->finish_wanted)
			return MIGRATION_CHANGE_NONE;
		record->finish_wanted = TRUE;
		return MIGRATION_CHANGE_DONE;
	case MIGRATION_PHASE_FOLLOWING:
		/* there can be no last sync, or somebody does not want to wait
		   for it */
		if (record->control == MIGRATION_CONTROL_BLOCKED ||
		    *record->credential == '\0' || record->finish_wanted)
			return state_finish_now(record, text_r);
		return state_finish_after_sync(record, now, text_r);
	}
	i_unreached();
}

enum migration_change migration_state_command(struct migration_record *record,
					      enum migration_command command,
					      time_t now, const char **text_r)
{
	switch (command) {
	case MIGRATION_COMMAND_PAUSE:
		return migration_state_pause(record, text_r);
	case MIGRATION_COMMAND_RESUME:
		return migration_state_resume(record, now, text_r);
	case MIGRATION_COMMAND_RETRY:
		return migration_state_retry(record, now, text_r);
	case MIGRATION_COMMAND_FINISH:
		return migration_state_finish(record, now, text_r);
	case MIGRATION_COMMAND_DELETE:
		*text_r = "";
		return MIGRATION_CHANGE_DONE;
	}
	i_unreached();
}

time_t
migration_state_finish_before(const struct migration_finish_settings *set,
			      time_t now)
{
	if (set->at != 0 && set->at <= now)
		return now;
	return set->after_secs == 0 ? 0 : now - (time_t)set->after_secs;
}

bool migration_state_finish_is_due(const struct migration_record *record,
				   const struct migration_finish_settings *set,
				   time_t now)
{
	time_t before = migration_state_finish_before(set, now);

	/* one who is blocked, before the last sync or by it, is not waited
	   for */
	return record->phase == MIGRATION_PHASE_FOLLOWING &&
	       record->control != MIGRATION_CONTROL_PAUSED && before != 0 &&
	       (record->control == MIGRATION_CONTROL_BLOCKED ||
		!record->finish_wanted) &&
	       record->following_since <= before && record->lease_until <= now;
}

time_t migration_state_finish_time(const struct migration_record *record,
				   const struct migration_finish_settings *set)
{
	time_t after = 0;

	if (record->phase != MIGRATION_PHASE_FOLLOWING ||
	    record->control == MIGRATION_CONTROL_PAUSED)
		return 0;
	if (set->after_secs != 0)
		after = record->following_since + (time_t)set->after_secs;
	if (set->at != 0 && (after == 0 || set->at < after))
		return set->at;
	return after;
}

bool migration_state_wants_renewal(const struct migration_record *record)
{
	return record->control == MIGRATION_CONTROL_BLOCKED &&
	       (record->reason == MIGRATION_REASON_PASSWORD ||
		record->reason == MIGRATION_REASON_LOCAL);
}

void migration_state_renew_credential(struct migration_record *record,
				      time_t now)
{
	if (migration_state_wants_renewal(record))
		record_go_on(record, now);
}

void migration_state_renewed(struct migration_record *record, time_t now)
{
	record->last_login = now;
	migration_state_renew_credential(record, now);
}

unsigned int migration_record_progress(const struct migration_record *record)
{
	if (record->phase != MIGRATION_PHASE_INITIAL)
		return 100;
	if (record->messages_total == 0)
		return 0;
	if (record->messages_done >= record->messages_total)
		return 99;
	return (unsigned int)((uint64_t)record->messages_done * 100 /
			      record->messages_total);
}

#ifndef MIGRATION_CONTROL_H
#define MIGRATION_CONTROL_H

/* What an administrator asks for: looks at the record, applies the rule of the
   command (migration-state.h), writes it by compare-and-set, and stops a sync
   that may not go on. Never blocks; the database must be usable. */

#include "migration-record.h"
#include "migration-state.h"

struct migration_queue;

struct migration_control_result {
	enum migration_change change;
	/* With MIGRATION_CHANGE_REFUSED: a sysexits code, EX_USAGE if the
	   command does not fit the state of the record. */
	int exit_code;
	/* Else: what people see now. "deleted" if the record is gone. */
	const char *state;
	/* Why it was refused, or what it means; may be empty. */
	const char *text;
};

/* The result is valid during the callback only. */
typedef void
migration_control_callback_t(const struct migration_control_result *result,
			     void *context);

/* with_account is for MIGRATION_COMMAND_DELETE only. The callback is called
   exactly once, perhaps from inside. */
void migration_control(struct migration_queue *queue,
		       enum migration_command command, const char *username,
		       bool with_account, struct event *event_parent,
		       migration_control_callback_t *callback, void *context);

/* Logs that the record is now what record says; by is who wanted it. */
void migration_control_log(struct event *event, enum migration_command command,
			   const struct migration_record *record,
			   const char *by, const char *text);

#endif

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "ioloop.h"
#include "migration-common.h"
#include "migration-queue.h"
#include "migration-store.h"
#include "migration-transition.h"
#include "migration-control.h"

#include <sysexits.h>

/* Logins and syncs may change the row between look and write. */
#define CONTROL_MAX_TRIES 5

#define CONTROL_STATE_DELETED "deleted"

struct control_request {
	struct migration_queue *queue;
	struct event *event;
	enum migration_command command;
	char *username;
	bool with_account;
	migration_control_callback_t *callback;
	void *context;

	unsigned int tries;
	/* what is being written */
	pool_t pool;
	struct migration_record *record;
	const char *text;
	/* its state before */
	const char *from;
	/* its account was deleted by hand */
	bool missing;
};

static void control_look(struct control_request *control);

static void control_end(struct control_request *control,
			const struct migration_control_result *result)
{
	control->callback(result, control->context);
	pool_unref(&control->pool);
	event_unref(&control->event);
	i_free(control->username);
	i_free(control);
}

static void
control_refuse(struct control_request *control, int exit_code, const char *text)
{
	const struct migration_control_result result = {
		.change = MIGRATION_CHANGE_REFUSED,
		.exit_code = exit_code,
		.state = "",
		.text = text,
	};

	control_end(control, &result);
}

static void
control_answer(struct control_request *control, enum migration_change change,
	       const struct migration_record *record, const char *text)
{
	const struct migration_control_result result = {
		.change = change,
		.state = record == NULL ?
				 CONTROL_STATE_DELETED :
				 migration_state_to_string(migration_state(
					 record,
					 migration_queue_now(control->queue))),
		.text = text,
	};

	control_end(control, &result);
}

void migration_control_log(struct event *event, enum migration_command command,
			   const struct migration_record *record,
			   const char *by, const char *text)
{
	struct event_passthrough *e =
		event_create_passthrough(event)
			->set_name("migration_command_finished")
			->add_str("user", record->username)
			->add_str("provider", record->provider)
			->add_str("command",
				  migration_command_to_string(command))
			->add_str("by", by);

	e_info(e->event(), "%s: %s, as wanted by %s%s%s", record->username,
	       migration_command_to_string(command), by,
	       *text == '\0' ? "" : ": ", text);
}

static bool control_stops_sync(const struct control_request *control)
{
	return control->command == MIGRATION_COMMAND_DELETE ||
	       !migration_state_may_sync(control->record);
}

static void control_tell_transition(struct control_request *control)
{
	const struct migration_record *record = control->record;

	if (control->command == MIGRATION_COMMAND_DELETE) {
		migration_transition_tell(control->event, record->username,
					  record->provider, control->from,
					  MIGRATION_TRANSITION_NONE, "");
	} else {
		migration_transition_tell_record(control->event, control->from,
						 record);
	}
}

static void control_written(int ret, const char *error, void *context)
{
	struct control_request *control = context;
	const char *stopped;

	if (ret < 0) {
		control_refuse(control, EX_TEMPFAIL, error);
		return;
	}
	if (ret == 0 && control->missing) {
		control_refuse(control, EX_NOUSER, "no such user");
		return;
	}
	if (ret == 0) {
		if (control->tries >= CONTROL_MAX_TRIES) {
			control_refuse(control, EX_TEMPFAIL,
				       "the record keeps changing");
		} else {
			control_look(control);
		}
		return;
	}
	migration_control_log(control->event, control->command, control->record,
			      "an administrator", control->text);
	control_tell_transition(control);
	stopped =
		t_strdup_printf("stopped by an administrator (%s)",
				migration_command_to_string(control->command));
	if (control_stops_sync(control)) {
		migration_queue_break_off(control->queue, control->username,
					  stopped);
	} else {
		migration_queue_resumed(control->queue, control->username,
					stopped);
	}
	/* something may have become due, or a worker free */
	migration_queue_wake(control->queue);
	control_answer(control, MIGRATION_CHANGE_DONE,
		       control->command == MIGRATION_COMMAND_DELETE ?
			       NULL :
			       control->record,
		       control->text);
}

static void control_delete(struct control_request *control,
			   const struct migration_record *record)
{
	control->record = migration_record_dup(control->pool, record);
	control->text = control->with_account ?
				"the account as well; its mail stays" :
				"the account and its mail stay";
	migration_store_delete(migration_queue_get_store(control->queue),
			       control->username, control->with_account,
			       control_written, control);
}

/* Another node's worker is stopped when that node renews the lease next. Until
   then nobody may take it, even if the record may be synced again. */
static void control_leave_lease(struct control_request *control,
				const struct migration_record *before,
				struct migration_record *record)
{
	if (strcmp(before->lease_owner,
		   migration_queue_get_owner(control->queue)) == 0)
		return;
	record->lease_owner = before->lease_owner;
	record->lease_until = before->lease_until;
	record->hold_until = before->hold_until;
}

static void control_record(struct control_request *control,
			   const struct migration_record *before)
{
	struct migration_record record = *before;
	enum migration_change change;
	const char *text;

	control->from =
		p_strdup(control->pool, migration_transition_state(before));
	if (control->command == MIGRATION_COMMAND_DELETE) {
		control_delete(control, before);
		return;
	}
	change = migration_state_command(&record, control->command,
					 migration_queue_now(control->queue),
					 &text);
	switch (change) {
	case MIGRATION_CHANGE_REFUSED:
		control_refuse(control, EX_USAGE, text);
		return;
	case MIGRATION_CHANGE_NONE:
		control_answer(control, change, before, text);
		return;
	case MIGRATION_CHANGE_DONE:
		break;
	}
	control_leave_lease(control, before, &record);
	control->record = migration_record_dup(control->pool, &record);
	control->text = p_strdup(control->pool, text);
	migration_store_control(migration_queue_get_store(control->queue),
				before, &record, control_written, control);
}

/* Its account may have been deleted by hand, and the record be left. */
static void control_nothing(struct control_request *control)
{
	const struct migration_record nothing = {
		.username = control->username,
		.provider = "",
	};

	if (control->command != MIGRATION_COMMAND_DELETE ||
	    control->with_account) {
		control_refuse(control, EX_NOUSER, "no such user");
		return;
	}
	control->from = MIGRATION_TRANSITION_NONE;
	control->missing = TRUE;
	control_delete(control, &nothing);
}

/* An account that is not, or no longer, being migrated. */
static void control_account(struct control_request *control)
{
	const struct migration_record nothing = {
		.username = control->username,
		.provider = "",
	};

	control->from = MIGRATION_TRANSITION_NONE;
	if (control->command == MIGRATION_COMMAND_DELETE &&
	    control->with_account)
		control_delete(control, &nothing);
	else
		control_refuse(control, EX_NOUSER,
			       "the account exists, but is not being migrated");
}

static void control_looked_up(enum migration_store_found found,
			      const struct migration_record *record,
			      const char *error, void *context)
{
	struct control_request *control = context;

	switch (found) {
	case MIGRATION_STORE_ERROR:
		control_refuse(control, EX_TEMPFAIL, error);
		return;
	case MIGRATION_STORE_NOTHING:
		control_nothing(control);
		return;
	case MIGRATION_STORE_ACCOUNT:
		control_account(control);
		return;
	case MIGRATION_STORE_RECORD:
		control_record(control, record);
		return;
	}
	i_unreached();
}

static void control_look(struct control_request *control)
{
	control->tries++;
	p_clear(control->pool);
	migration_store_lookup(migration_queue_get_store(control->queue),
			       control->username, control_looked_up, control);
}

void migration_control(struct migration_queue *queue,
		       enum migration_command command, const char *username,
		       bool with_account, struct event *event_parent,
		       migration_control_callback_t *callback, void *context)
{
	struct control_request *control;

	control = i_new(struct control_request, 1);
	control->queue = queue;
	control->event = event_create(event_parent);
	event_add_category(control->event, &event_category_migration);
	control->command = command;
	control->username = i_strdup(username);
	control->with_account = with_account;
	control->callback = callback;
	control->context = context;
	control->pool = pool_alloconly_create("migration control", 1024);
	control_look(control);
}

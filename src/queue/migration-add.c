/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "ioloop.h"
#include "migration-addition.h"
#include "migration-common.h"
#include "migration-queue.h"
#include "migration-store.h"
#include "migration-transition.h"
#include "migration-add.h"

#include <sysexits.h>

/* Logins and syncs may change the row between look and write. */
#define ADD_MAX_TRIES 5

struct add_request {
	pool_t pool;
	struct migration_queue *queue;
	struct event *event;
	struct migration_addition addition;
	migration_control_callback_t *callback;
	void *context;

	unsigned int tries;
	/* what is being written */
	struct migration_record record;
	bool created;
	/* states before and after */
	const char *from, *to;
	const char *text;
	char *error;
};

static void add_look(struct add_request *add);

static void
add_end(struct add_request *add, const struct migration_control_result *result)
{
	add->callback(result, add->context);
	event_unref(&add->event);
	i_free(add->error);
	pool_unref(&add->pool);
}

static void add_refuse(struct add_request *add, int exit_code, const char *text)
{
	const struct migration_control_result result = {
		.change = MIGRATION_CHANGE_REFUSED,
		.exit_code = exit_code,
		.state = "",
		.text = text,
	};

	add_end(add, &result);
}

static void add_answer(struct add_request *add, enum migration_change change,
		       const struct migration_record *record)
{
	const struct migration_control_result result = {
		.change = change,
		.state = migration_state_to_string(
			migration_state(record,
					migration_queue_now(add->queue))),
		.text = add->text,
	};

	add_end(add, &result);
}

static void add_log(struct add_request *add)
{
	struct event_passthrough *e =
		event_create_passthrough(add->event)
			->set_name("migration_command_finished")
			->add_str("user", add->addition.username)
			->add_str("provider", add->addition.provider)
			->add_str("command", "add")
			->add_str("by", "an administrator");

	e_info(e->event(), "%s: add, as wanted by an administrator: %s",
	       add->addition.username, add->text);
}

static void add_written(int ret, const char *error, void *context)
{
	struct add_request *add = context;

	if (ret > 0) {
		add_log(add);
		migration_transition_tell_adopted(add->event,
						  add->addition.username,
						  add->addition.provider,
						  add->created, add->from,
						  add->to);
		migration_queue_wake(add->queue);
		add_answer(add, MIGRATION_CHANGE_DONE, &add->record);
		return;
	}
	/* the user may have logged in at this moment: look again */
	i_free(add->error);
	add->error =
		i_strdup(error != NULL ? error : "the record keeps changing");
	if (add->tries >= ADD_MAX_TRIES)
		add_refuse(add, EX_TEMPFAIL, add->error);
	else
		add_look(add);
}

static void add_new(struct add_request *add)
{
	const char *at = strrchr(add->addition.username, '@');
	const struct migration_adoption adoption = {
		.username = add->addition.username,
		.domain = at == NULL ? "" : at + 1,
		.provider = add->addition.provider,
		.remote_user = add->addition.remote_user,
		.mechanism = "",
		.password = "",
		.credential = add->addition.credential,
		.login = add->addition.login,
		.in_advance = TRUE,
	};

	if (migration_addition_new(&add->addition, &add->text) ==
	    MIGRATION_CHANGE_REFUSED) {
		add_refuse(add, EX_USAGE, add->text);
		return;
	}
	i_zero(&add->record);
	add->created = TRUE;
	add->from = MIGRATION_TRANSITION_NONE;
	add->to = migration_state_to_string(MIGRATION_STATE_QUEUED);
	migration_store_adopt(migration_queue_get_store(add->queue), &adoption,
			      migration_queue_now(add->queue), add_written,
			      add);
}

static void
add_again(struct add_request *add, const struct migration_record *before)
{
	enum migration_change change;

	add->record = *migration_record_dup(add->pool, before);
	add->created = FALSE;
	add->from = migration_transition_state(before);
	change = migration_addition_again(&add->record, &add->addition,
					  migration_queue_now(add->queue),
					  &add->text);
	add->text = p_strdup(add->pool, add->text);
	switch (change) {
	case MIGRATION_CHANGE_REFUSED:
		add_refuse(add, EX_USAGE, add->text);
		return;
	case MIGRATION_CHANGE_NONE:
		add_answer(add, change, before);
		return;
	case MIGRATION_CHANGE_DONE:
		add->to = migration_transition_state(&add->record);
		migration_store_control(migration_queue_get_store(add->queue),
					before, &add->record, add_written, add);
		return;
	}
	i_unreached();
}

static void add_looked_up(enum migration_store_found found,
			  const struct migration_record *record,
			  const char *error, void *context)
{
	struct add_request *add = context;

	switch (found) {
	case MIGRATION_STORE_ERROR:
		/* see migration-adopt.c */
		add_refuse(add, EX_TEMPFAIL,
			   add->error != NULL ? add->error : error);
		return;
	case MIGRATION_STORE_NOTHING:
		add_new(add);
		return;
	case MIGRATION_STORE_ACCOUNT:
		add_refuse(add, EX_USAGE,
			   "the user is at home here: the account exists and "
			   "is not being migrated");
		return;
	case MIGRATION_STORE_RECORD:
		add_again(add, record);
		return;
	}
	i_unreached();
}

static void add_look(struct add_request *add)
{
	add->tries++;
	migration_store_lookup(migration_queue_get_store(add->queue),
			       add->addition.username, add_looked_up, add);
}

void migration_add(struct migration_queue *queue,
		   const struct migration_addition *addition,
		   struct event *event_parent,
		   migration_control_callback_t *callback, void *context)
{
	struct add_request *add;
	pool_t pool;

	pool = pool_alloconly_create("migration add", 2048);
	add = p_new(pool, struct add_request, 1);
	add->pool = pool;
	add->queue = queue;
	add->event = event_create(event_parent);
	event_add_category(add->event, &event_category_migration);
	add->callback = callback;
	add->context = context;
	add->addition.username = p_strdup(pool, addition->username);
	add->addition.provider = p_strdup(pool, addition->provider);
	add->addition.remote_user = p_strdup(pool, addition->remote_user);
	add->addition.login = p_strdup(pool, addition->login);
	add->addition.credential = p_strdup(pool, addition->credential);
	add->addition.at_home = addition->at_home;
	add_look(add);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "ioloop.h"
#include "migration-common.h"
#include "migration-control.h"
#include "migration-limits.h"
#include "migration-queue.h"
#include "migration-settings.h"
#include "migration-state.h"
#include "migration-store.h"
#include "migration-transition.h"
#include "migration-finish.h"

/* A full batch is followed by the next one after this time. */
#define FINISH_MORE_MSECS 100

struct migration_finish {
	struct migration_queue *queue;
	const struct migration_settings *set;
	struct event *event;
	struct timeout *to;
	/* itself, and what the database still answers */
	int refcount;
	bool deinitialized;
};

struct finish_look {
	struct migration_finish *finish;
	struct migration_finish_settings set;
	unsigned int records;
};

struct finish_write {
	struct migration_finish *finish;
	pool_t pool;
	struct migration_record *record;
	const char *text;
	/* its state before */
	const char *from;
};

static void finish_look_in(struct migration_finish *finish, unsigned int msecs);

static void finish_unref(struct migration_finish *finish)
{
	i_assert(finish->refcount > 0);
	if (--finish->refcount > 0)
		return;
	event_unref(&finish->event);
	i_free(finish);
}

static void finish_written(int ret, const char *error, void *context)
{
	struct finish_write *write = context;
	struct migration_finish *finish = write->finish;

	if (ret < 0) {
		e_error(finish->event, "Cannot finish %s: %s",
			write->record->username, error);
	} else if (ret > 0) {
		migration_control_log(finish->event, MIGRATION_COMMAND_FINISH,
				      write->record, "the configuration",
				      write->text);
		migration_transition_tell_record(finish->event, write->from,
						 write->record);
		if (finish->deinitialized) {
			/* nobody is left to tell */
		} else if (migration_state_may_sync(write->record)) {
			/* one last sync */
			migration_queue_wake(finish->queue);
		} else {
			migration_queue_break_off(finish->queue,
						  write->record->username,
						  "the migration has ended");
		}
	}
	/* if somebody was quicker it is looked at again next time */
	pool_unref(&write->pool);
	i_free(write);
	finish_unref(finish);
}

static void finish_record(struct migration_finish *finish,
			  const struct migration_record *record)
{
	struct finish_write *write;
	const char *text;

	write = i_new(struct finish_write, 1);
	write->finish = finish;
	write->pool = pool_alloconly_create("migration finish", 1024);
	write->record = migration_record_dup(write->pool, record);
	write->from = migration_transition_state(record);
	if (migration_state_finish(write->record,
				   migration_queue_now(finish->queue),
				   &text) != MIGRATION_CHANGE_DONE)
		i_unreached(); /* it is following */
	write->text = p_strdup(write->pool, text);
	finish->refcount++;
	migration_store_control(migration_queue_get_store(finish->queue),
				record, write->record, finish_written, write);
}

static void finish_due_record(int ret, const struct migration_record *record,
			      const char *error, void *context)
{
	struct finish_look *look = context;
	struct migration_finish *finish = look->finish;

	if (record != NULL) {
		look->records++;
		if (!finish->deinitialized &&
		    migration_state_finish_is_due(record, &look->set,
						  migration_queue_now(
							  finish->queue)))
			finish_record(finish, record);
		return;
	}
	if (ret < 0) {
		e_error(finish->event, "Cannot read who has to be finished: %s",
			error);
	}
	/* there may be more */
	if (look->records >= MIGRATION_QUEUE_BATCH && !finish->deinitialized)
		finish_look_in(finish, FINISH_MORE_MSECS);
	i_free(look);
	finish_unref(finish);
}

static void
finish_look_provider(struct migration_finish *finish,
		     const struct migration_provider_settings *provider)
{
	struct finish_look *look;
	struct migration_finish_settings set;
	time_t before;

	migration_settings_get_finish(finish->set, provider, &set);
	before = migration_state_finish_before(&set, migration_queue_now(
							     finish->queue));
	if (before == 0)
		return;
	look = i_new(struct finish_look, 1);
	look->finish = finish;
	look->set = set;
	finish->refcount++;
	migration_store_finish_due(migration_queue_get_store(finish->queue),
				   provider->name, before,
				   migration_queue_now(finish->queue),
				   MIGRATION_QUEUE_BATCH, finish_due_record,
				   look);
}

static void finish_look(struct migration_finish *finish)
{
	struct migration_provider_settings *provider;

	finish_look_in(finish, MIGRATION_QUEUE_POLL_MSECS);
	migration_store_scrub(migration_queue_get_store(finish->queue));
	array_foreach_elem(&finish->set->providers, provider)
		finish_look_provider(finish, provider);
}

static void finish_look_in(struct migration_finish *finish, unsigned int msecs)
{
	timeout_remove(&finish->to);
	finish->to = timeout_add_to(current_ioloop, msecs, finish_look, finish);
}

struct migration_finish *
migration_finish_init(struct migration_queue *queue,
		      const struct migration_settings *set,
		      struct event *event_parent)
{
	struct migration_finish *finish;

	finish = i_new(struct migration_finish, 1);
	finish->refcount = 1;
	finish->queue = queue;
	finish->set = set;
	finish->event = event_create(event_parent);
	event_add_category(finish->event, &event_category_migration);
	if (array_is_created(&set->providers))
		finish_look_in(finish, 0);
	return finish;
}

void migration_finish_deinit(struct migration_finish **_finish)
{
	struct migration_finish *finish = *_finish;

	if (finish == NULL)
		return;
	*_finish = NULL;
	finish->deinitialized = TRUE;
	timeout_remove(&finish->to);
	finish_unref(finish);
}

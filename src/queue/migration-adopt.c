/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "ioloop.h"
#include "llist.h"
#include "migration-common.h"
#include "migration-login.h"
#include "migration-state.h"
#include "migration-store.h"
#include "migration-transition.h"
#include "migration-adopt.h"

/* Somebody else may change the row between look and write, each at most a few
   times in the life of a login. */
#define ADOPT_MAX_TRIES 5

struct migration_adopt {
	struct migration_adopt *prev, *next;
	pool_t pool;
	struct migration_store *store;
	struct event *event;
	struct migration_adoption adoption;
	migration_adopt_callback_t *callback;
	void *context;

	unsigned int tries;
	enum migration_phase phase;
	const char *login;
	bool held;
	enum migration_adopt_result expected;
	/* states before and after */
	const char *from, *to;
	char *error;
};

/* In the order of their logins. Of one user only the first is looked at: they
   would take each other's record from under them. */
static struct migration_adopt *adopts_head = NULL, *adopts_tail = NULL;

static void adopt_look(struct migration_adopt *adopt);

static struct migration_adopt *adopt_find_first(const char *username)
{
	struct migration_adopt *adopt = adopts_head;

	while (adopt != NULL && strcmp(adopt->adoption.username, username) != 0)
		adopt = adopt->next;
	return adopt;
}

static void adopt_finish(struct migration_adopt *adopt,
			 enum migration_adopt_result result, const char *error)
{
	struct migration_adopt *next;

	adopt->callback(result, adopt->phase, adopt->login, adopt->held, error,
			adopt->context);
	DLLIST2_REMOVE(&adopts_head, &adopts_tail, adopt);
	next = adopt_find_first(adopt->adoption.username);
	i_free(adopt->error);
	event_unref(&adopt->event);
	pool_unref(&adopt->pool);
	if (next != NULL)
		adopt_look(next);
}

static void adopt_written(int ret, const char *error, void *context)
{
	struct migration_adopt *adopt = context;

	if (ret > 0) {
		migration_transition_tell_adopted(
			adopt->event, adopt->adoption.username,
			adopt->adoption.provider,
			adopt->expected == MIGRATION_ADOPT_CREATED, adopt->from,
			adopt->to);
		adopt_finish(adopt, adopt->expected, NULL);
		return;
	}
	/* The same user may have logged in twice: look again. */
	i_free(adopt->error);
	adopt->error =
		i_strdup(error != NULL ? error : "the record keeps changing");
	if (adopt->tries >= ADOPT_MAX_TRIES)
		adopt_finish(adopt, MIGRATION_ADOPT_FAILED, adopt->error);
	else
		adopt_look(adopt);
}

bool migration_record_is_home(const struct migration_record *record)
{
	if (record->account_disabled)
		return TRUE;
	/* who was added and has never logged in has no password here */
	return record->phase == MIGRATION_PHASE_FINISHED &&
	       !migration_record_awaits_login(record);
}

bool migration_record_password_changed(const struct migration_record *record)
{
	return strcmp(record->account_password, record->adopted_password) != 0;
}

static void adopt_looked(enum migration_store_found found,
			 const struct migration_record *record,
			 const char *error, void *context)
{
	struct migration_adopt *adopt = context;
	struct migration_adoption adoption;
	struct migration_record renewed;

	switch (found) {
	case MIGRATION_STORE_ERROR:
		/* after a statement that has failed PostgreSQL's connection is
		   made anew: that is not why */
		adopt_finish(adopt, MIGRATION_ADOPT_FAILED,
			     adopt->error != NULL ? adopt->error : error);
		return;
	case MIGRATION_STORE_ACCOUNT:
		adopt_finish(adopt, MIGRATION_ADOPT_HOME, NULL);
		return;
	case MIGRATION_STORE_NOTHING:
		adopt->expected = MIGRATION_ADOPT_CREATED;
		adopt->phase = MIGRATION_PHASE_INITIAL;
		adopt->login = adopt->adoption.login;
		adopt->held = FALSE;
		adopt->from = MIGRATION_TRANSITION_NONE;
		adopt->to = migration_state_to_string(MIGRATION_STATE_QUEUED);
		migration_store_adopt(adopt->store, &adopt->adoption,
				      migration_store_now(adopt->store),
				      adopt_written, adopt);
		return;
	case MIGRATION_STORE_RECORD:
		break;
	}
	if (migration_record_is_home(record) ||
	    migration_record_password_changed(record)) {
		adopt_finish(adopt, MIGRATION_ADOPT_HOME, NULL);
		return;
	}
	adopt->expected = MIGRATION_ADOPT_RENEWED;
	adopt->phase = record->phase;
	adopt->login = p_strdup(adopt->pool,
				migration_login_renew(record->login,
						      adopt->adoption.login));
	adopt->held = migration_state_is_held(record, migration_store_now(
							      adopt->store));
	renewed = *record;
	renewed.login = adopt->login;
	adopt->from = migration_transition_state(record);
	migration_state_renewed(&renewed, migration_store_now(adopt->store));
	adopt->to = migration_transition_state(&renewed);
	adoption = adopt->adoption;
	/* nothing is stored again of what has ended */
	if (record->phase == MIGRATION_PHASE_FINISHED)
		adoption.credential = "";
	migration_store_renew(adopt->store, record, &renewed, &adoption,
			      adopt_written, adopt);
}

static void adopt_look(struct migration_adopt *adopt)
{
	adopt->tries++;
	migration_store_lookup(adopt->store, adopt->adoption.username,
			       adopt_looked, adopt);
}

void migration_adopt(struct migration_store *store, struct event *event,
		     const struct migration_adoption *src,
		     migration_adopt_callback_t *callback, void *context)
{
	struct migration_adopt *adopt;
	pool_t pool;

	pool = pool_alloconly_create("migration adopt", 1024);
	adopt = p_new(pool, struct migration_adopt, 1);
	adopt->pool = pool;
	adopt->store = store;
	adopt->event = event_create(event);
	event_add_category(adopt->event, &event_category_migration);
	adopt->callback = callback;
	adopt->context = context;
	adopt->adoption.username = p_strdup(pool, src->username);
	adopt->adoption.domain = p_strdup(pool, src->domain);
	adopt->adoption.provider = p_strdup(pool, src->provider);
	adopt->adoption.remote_user = p_strdup(pool, src->remote_user);
	adopt->adoption.mechanism = p_strdup(pool, src->mechanism);
	adopt->adoption.password = p_strdup(pool, src->password);
	adopt->adoption.credential = p_strdup(pool, src->credential);
	adopt->adoption.login = p_strdup(pool, src->login);
	DLLIST2_APPEND(&adopts_head, &adopts_tail, adopt);
	if (adopt_find_first(src->username) == adopt)
		adopt_look(adopt);
}

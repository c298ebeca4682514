/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "ioloop.h"
#include "migration-login.h"
#include "migration-state.h"
#include "migration-store.h"
#include "migration-adopt.h"

/* Somebody else may change the row between look and write, each at most a few
   times in the life of a login. */
#define ADOPT_MAX_TRIES 5

struct migration_adopt {
	pool_t pool;
	struct migration_store *store;
	struct migration_adoption adoption;
	migration_adopt_callback_t *callback;
	void *context;

	unsigned int tries;
	enum migration_phase phase;
	const char *login;
	bool held;
	enum migration_adopt_result expected;
	char *error;
};

static void adopt_look(struct migration_adopt *adopt);

static void adopt_finish(struct migration_adopt *adopt,
			 enum migration_adopt_result result, const char *error)
{
	adopt->callback(result, adopt->phase, adopt->login, adopt->held, error,
			adopt->context);
	i_free(adopt->error);
	pool_unref(&adopt->pool);
}

static void adopt_written(int ret, const char *error, void *context)
{
	struct migration_adopt *adopt = context;

	if (ret > 0) {
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

bool migration_record_password_changed(const struct migration_record *record)
{
	return strcmp(record->account_password, record->adopted_password) != 0;
}

static void adopt_looked(enum migration_store_found found,
			 const struct migration_record *record,
			 const char *error, void *context)
{
	struct migration_adopt *adopt = context;
	struct migration_record renewed;

	switch (found) {
	case MIGRATION_STORE_ERROR:
		adopt_finish(adopt, MIGRATION_ADOPT_FAILED, error);
		return;
	case MIGRATION_STORE_ACCOUNT:
		adopt_finish(adopt, MIGRATION_ADOPT_HOME, NULL);
		return;
	case MIGRATION_STORE_NOTHING:
		adopt->expected = MIGRATION_ADOPT_CREATED;
		adopt->phase = MIGRATION_PHASE_INITIAL;
		adopt->login = adopt->adoption.login;
		adopt->held = FALSE;
		migration_store_adopt(adopt->store, &adopt->adoption,
				      ioloop_time, adopt_written, adopt);
		return;
	case MIGRATION_STORE_RECORD:
		break;
	}
	if (record->phase == MIGRATION_PHASE_FINISHED ||
	    record->account_disabled ||
	    migration_record_password_changed(record)) {
		adopt_finish(adopt, MIGRATION_ADOPT_HOME, NULL);
		return;
	}
	adopt->expected = MIGRATION_ADOPT_RENEWED;
	adopt->phase = record->phase;
	adopt->login = p_strdup(adopt->pool,
				migration_login_renew(record->login,
						      adopt->adoption.login));
	adopt->held = migration_state_is_held(record, ioloop_time);
	renewed = *record;
	renewed.login = adopt->login;
	migration_state_renewed(&renewed, ioloop_time);
	migration_store_renew(adopt->store, record, &renewed, &adopt->adoption,
			      adopt_written, adopt);
}

static void adopt_look(struct migration_adopt *adopt)
{
	adopt->tries++;
	migration_store_lookup(adopt->store, adopt->adoption.username,
			       adopt_looked, adopt);
}

void migration_adopt(struct migration_store *store,
		     const struct migration_adoption *src,
		     migration_adopt_callback_t *callback, void *context)
{
	struct migration_adopt *adopt;
	pool_t pool;

	pool = pool_alloconly_create("migration adopt", 1024);
	adopt = p_new(pool, struct migration_adopt, 1);
	adopt->pool = pool;
	adopt->store = store;
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
	adopt_look(adopt);
}

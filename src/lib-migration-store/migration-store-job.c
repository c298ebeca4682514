/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* Who syncs what: leases, progress, ends of syncs. */

#include "lib.h"
#include "migration-store-private.h"

/* The two values that migration_state_may_sync() does not want. */
static void store_bind_may_sync(struct sql_statement *stmt, unsigned int idx)
{
	migration_store_bind_control(stmt, idx, MIGRATION_CONTROL_PAUSED);
	migration_store_bind_phase(stmt, idx + 1, MIGRATION_PHASE_FINISHED);
}

static void store_lease(struct migration_store *store,
			const struct migration_record *record, bool paused_too,
			const char *owner, time_t now, time_t until,
			migration_store_callback_t *callback, void *context)
{
	struct migration_store_write *write;
	struct sql_statement *stmt;

	write = migration_store_write_begin(store, callback, context);
	stmt = sql_statement_init(
		store->db,
		t_strdup_printf("UPDATE migration_job SET lease_owner = ?, "
				"lease_until = %s, hold_until = 0 "
				"WHERE username = ? AND lease_until <= %s "
				"AND phase = ? AND control = ? "
				"AND credential = ? AND phase <> ?%s",
				migration_store_sql_time(store, until),
				migration_store_sql_time(store, now),
				paused_too ? "" : " AND control <> ?"));
	sql_statement_bind_str(stmt, 0, owner);
	sql_statement_bind_str(stmt, 1, record->username);
	migration_store_bind_phase(stmt, 2, record->phase);
	migration_store_bind_control(stmt, 3, record->control);
	sql_statement_bind_str(stmt, 4, record->credential);
	migration_store_bind_phase(stmt, 5, MIGRATION_PHASE_FINISHED);
	if (!paused_too)
		migration_store_bind_control(stmt, 6, MIGRATION_CONTROL_PAUSED);
	migration_store_write_decide(write, &stmt);
	migration_store_write_commit(&write);
}

void migration_store_lease(struct migration_store *store,
			   const struct migration_record *record,
			   const char *owner, time_t now, time_t until,
			   migration_store_callback_t *callback, void *context)
{
	store_lease(store, record, FALSE, owner, now, until, callback, context);
}

void migration_store_lease_to_compare(struct migration_store *store,
				      const struct migration_record *record,
				      const char *owner, time_t now,
				      time_t until,
				      migration_store_callback_t *callback,
				      void *context)
{
	store_lease(store, record, TRUE, owner, now, until, callback, context);
}

void migration_store_progress(struct migration_store *store,
			      const struct migration_record *record,
			      const struct migration_mailbox_changes *changes,
			      migration_store_callback_t *callback,
			      void *context)
{
	struct migration_store_write *write;
	struct sql_statement *stmt;

	write = migration_store_write_begin(store, callback, context);
	migration_store_write_mailboxes(write, record, changes);
	stmt = sql_statement_init(
		store->db,
		t_strdup_printf("UPDATE migration_job SET messages_done = ?, "
				"messages_total = ?, bytes_done = ?, "
				"lease_until = %s "
				"WHERE username = ? AND lease_owner = ? "
				"AND control <> ? AND phase <> ?",
				migration_store_sql_time(store,
							 record->lease_until)));
	sql_statement_bind_int64(stmt, 0, record->messages_done);
	sql_statement_bind_int64(stmt, 1, record->messages_total);
	sql_statement_bind_int64(stmt, 2, record->bytes_done);
	sql_statement_bind_str(stmt, 3, record->username);
	sql_statement_bind_str(stmt, 4, record->lease_owner);
	store_bind_may_sync(stmt, 5);
	migration_store_write_decide(write, &stmt);
	migration_store_write_commit(&write);
}

void migration_store_keep_lease(struct migration_store *store,
				const char *username, const char *owner,
				time_t until,
				migration_store_callback_t *callback,
				void *context)
{
	struct migration_store_write *write;
	struct sql_statement *stmt;

	write = migration_store_write_begin(store, callback, context);
	stmt = sql_statement_init(
		store->db,
		t_strdup_printf("UPDATE migration_job SET lease_owner = ?, "
				"lease_until = %s%s "
				"WHERE username = ? AND lease_owner = ?",
				migration_store_sql_time(store, until),
				until == 0 ? ", hold_until = 0" : ""));
	sql_statement_bind_str(stmt, 0, until == 0 ? "" : owner);
	sql_statement_bind_str(stmt, 1, username);
	sql_statement_bind_str(stmt, 2, owner);
	migration_store_write_decide(write, &stmt);
	migration_store_write_commit(&write);
}

void migration_store_hold(struct migration_store *store,
			  const struct migration_record *record,
			  time_t hold_until,
			  migration_store_callback_t *callback, void *context)
{
	struct migration_store_write *write;
	struct sql_statement *stmt;

	write = migration_store_write_begin(store, callback, context);
	stmt = sql_statement_init(
		store->db,
		t_strdup_printf("UPDATE migration_job SET hold_until = %s, "
				"lease_until = %s WHERE username = ? "
				"AND lease_owner = ? AND phase = ? "
				"AND control = ?",
				migration_store_sql_time(store, hold_until),
				migration_store_sql_time(store,
							 record->lease_until)));
	sql_statement_bind_str(stmt, 0, record->username);
	sql_statement_bind_str(stmt, 1, record->lease_owner);
	migration_store_bind_phase(stmt, 2, record->phase);
	migration_store_bind_control(stmt, 3, record->control);
	migration_store_write_decide(write, &stmt);
	migration_store_write_commit(&write);
}

void migration_store_finish_sync(
	struct migration_store *store, const struct migration_record *before,
	const struct migration_record *record, const char *owner,
	const struct migration_mailbox_changes *changes,
	const struct migration_note_list *notes,
	migration_store_callback_t *callback, void *context)
{
	struct migration_record leased = *record;
	struct migration_store_write *write;
	struct sql_statement *stmt;

	write = migration_store_write_begin(store, callback, context);
	/* what has been finished has no owner any longer */
	leased.lease_owner = owner;
	migration_store_write_mailboxes(write, &leased, changes);
	if (notes != NULL && (notes->count > 0 || before->notes > 0))
		migration_store_write_notes(write, &leased, notes);
	stmt = sql_statement_init(
		store->db,
		"UPDATE migration_job SET phase = ?, control = ?, "
		"reason = ?, attempts = ?, error = ?, last_sync = ?, "
		"next_sync = ?, messages_done = ?, messages_total = ?, "
		"bytes_done = ?, credential = ?, finish_wanted = ?, "
		"following_since = ?, notes = ?, hold_until = 0, "
		"lease_owner = '', "
		"lease_until = 0 "
		"WHERE username = ? AND lease_owner = ? AND phase = ? "
		"AND control = ? AND finish_wanted = ? AND credential = ?");
	migration_store_bind_phase(stmt, 0, record->phase);
	migration_store_bind_control(stmt, 1, record->control);
	migration_store_bind_reason(stmt, 2, record->reason);
	sql_statement_bind_int64(stmt, 3, record->attempts);
	sql_statement_bind_str(stmt, 4, record->error);
	sql_statement_bind_int64(stmt, 5, record->last_sync);
	sql_statement_bind_int64(stmt, 6, record->next_sync);
	sql_statement_bind_int64(stmt, 7, record->messages_done);
	sql_statement_bind_int64(stmt, 8, record->messages_total);
	sql_statement_bind_int64(stmt, 9, record->bytes_done);
	sql_statement_bind_str(stmt, 10, record->credential);
	sql_statement_bind_int64(stmt, 11, record->finish_wanted ? 1 : 0);
	sql_statement_bind_int64(stmt, 12, record->following_since);
	sql_statement_bind_int64(stmt, 13, record->notes);
	sql_statement_bind_str(stmt, 14, record->username);
	sql_statement_bind_str(stmt, 15, owner);
	migration_store_bind_phase(stmt, 16, before->phase);
	migration_store_bind_control(stmt, 17, before->control);
	sql_statement_bind_int64(stmt, 18, before->finish_wanted ? 1 : 0);
	sql_statement_bind_str(stmt, 19, before->credential);
	migration_store_write_decide(write, &stmt);
	migration_store_write_commit(&write);
	if (*record->credential == '\0')
		store->scrub_wanted = TRUE;
}

void migration_store_drop_leases(struct migration_store *store,
				 const char *owner,
				 migration_store_callback_t *callback,
				 void *context)
{
	struct migration_store_write *write;
	struct sql_statement *stmt;

	write = migration_store_write_begin(store, callback, context);
	stmt = sql_statement_init(
		store->db,
		"UPDATE migration_job SET lease_owner = '', lease_until = 0, "
		"hold_until = 0 WHERE lease_owner = ?");
	sql_statement_bind_str(stmt, 0, owner);
	migration_store_write_add(write, &stmt);
	migration_store_write_commit(&write);
}

void migration_store_set_interval(struct migration_store *store, time_t now,
				  unsigned int interval_secs,
				  migration_store_callback_t *callback,
				  void *context)
{
	struct migration_store_write *write;
	struct sql_statement *stmt;

	write = migration_store_write_begin(store, callback, context);
	stmt = sql_statement_init(
		store->db,
		"UPDATE migration_job SET next_sync = ? + next_sync % ? "
		"WHERE phase = ? AND control = ? AND next_sync > ? "
		"AND attempts = 0");
	sql_statement_bind_int64(stmt, 0, now);
	sql_statement_bind_int64(stmt, 1, interval_secs);
	migration_store_bind_phase(stmt, 2, MIGRATION_PHASE_FOLLOWING);
	migration_store_bind_control(stmt, 3, MIGRATION_CONTROL_ACTIVE);
	sql_statement_bind_int64(stmt, 4, now + interval_secs);
	migration_store_write_add(write, &stmt);
	migration_store_write_commit(&write);
}

void migration_store_set_login(struct migration_store *store,
			       const char *provider, const char *login,
			       migration_store_callback_t *callback,
			       void *context)
{
	struct migration_store_write *write;
	struct sql_statement *stmt;

	write = migration_store_write_begin(store, callback, context);
	stmt = sql_statement_init(
		store->db, "UPDATE migration_job SET login = ? "
			   "WHERE provider = ? AND phase = ? AND login <> ? "
			   "AND login <> 'local'");
	sql_statement_bind_str(stmt, 0, login);
	sql_statement_bind_str(stmt, 1, provider);
	migration_store_bind_phase(stmt, 2, MIGRATION_PHASE_INITIAL);
	sql_statement_bind_str(stmt, 3, login);
	migration_store_write_add(write, &stmt);
	migration_store_write_commit(&write);
}

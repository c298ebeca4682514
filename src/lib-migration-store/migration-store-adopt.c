/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-store-private.h"

static void adopt_domain(struct migration_store_write *write,
			 const struct migration_adoption *adoption, time_t now)
{
	struct sql_statement *stmt;

	stmt = sql_statement_init(
		write->store->db,
		"INSERT INTO migration_domain (name, created) "
		"SELECT ?, ? WHERE NOT EXISTS "
		"(SELECT 1 FROM migration_domain WHERE name = ?)");
	sql_statement_bind_str(stmt, 0, adoption->domain);
	sql_statement_bind_int64(stmt, 1, now);
	sql_statement_bind_str(stmt, 2, adoption->domain);
	migration_store_write_add(write, &stmt);
}

static void adopt_account(struct migration_store_write *write,
			  const struct migration_adoption *adoption, time_t now)
{
	struct sql_statement *stmt;

	stmt = sql_statement_init(
		write->store->db,
		"INSERT INTO migration_account "
		"(username, domain, password, enabled, created) "
		"VALUES (?, ?, ?, 1, ?)");
	sql_statement_bind_str(stmt, 0, adoption->username);
	sql_statement_bind_str(stmt, 1, adoption->domain);
	sql_statement_bind_str(stmt, 2, adoption->password);
	sql_statement_bind_int64(stmt, 3, now);
	migration_store_write_add(write, &stmt);
}

static void adopt_record(struct migration_store_write *write,
			 const struct migration_adoption *adoption, time_t now)
{
	struct sql_statement *stmt;

	/* left behind by an account that was deleted by hand */
	stmt = sql_statement_init(
		write->store->db,
		"DELETE FROM migration_job WHERE username = ?");
	sql_statement_bind_str(stmt, 0, adoption->username);
	migration_store_write_add(write, &stmt);
	migration_store_delete_details(write, adoption->username);

	stmt = sql_statement_init(
		write->store->db,
		"INSERT INTO migration_job "
		"(username, provider, remote_user, mechanism, phase, control, "
		"adopted_password, credential, login, created, last_login, "
		"next_sync) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	sql_statement_bind_str(stmt, 0, adoption->username);
	sql_statement_bind_str(stmt, 1, adoption->provider);
	sql_statement_bind_str(stmt, 2, adoption->remote_user);
	sql_statement_bind_str(stmt, 3, adoption->mechanism);
	migration_store_bind_phase(stmt, 4, MIGRATION_PHASE_INITIAL);
	migration_store_bind_control(stmt, 5, MIGRATION_CONTROL_ACTIVE);
	sql_statement_bind_str(stmt, 6, adoption->password);
	sql_statement_bind_str(stmt, 7, adoption->credential);
	sql_statement_bind_str(stmt, 8, adoption->login);
	sql_statement_bind_int64(stmt, 9, now);
	sql_statement_bind_int64(stmt, 10, adoption->in_advance ? 0 : now);
	sql_statement_bind_int64(stmt, 11, now);
	migration_store_write_add(write, &stmt);
}

void migration_store_adopt(struct migration_store *store,
			   const struct migration_adoption *adoption,
			   time_t now, migration_store_callback_t *callback,
			   void *context)
{
	struct migration_store_write *write;

	write = migration_store_write_begin(store, callback, context);
	adopt_domain(write, adoption, now);
	adopt_account(write, adoption, now);
	adopt_record(write, adoption, now);
	migration_store_write_commit(&write);
}

void migration_store_renew(struct migration_store *store,
			   const struct migration_record *before,
			   const struct migration_record *record,
			   const struct migration_adoption *adoption,
			   migration_store_callback_t *callback, void *context)
{
	struct migration_store_write *write;
	struct sql_statement *stmt;

	write = migration_store_write_begin(store, callback, context);
	/* The account's password is ours to change only while it is still the
	   one that we wrote, and the record only together with it. */
	stmt = sql_statement_init(
		store->db,
		"UPDATE migration_job SET provider = ?, remote_user = ?, "
		"mechanism = ?, adopted_password = ?, credential = ?, "
		"login = ?, control = ?, reason = ?, attempts = ?, "
		"error = ?, last_login = ?, next_sync = ? "
		"WHERE username = ? AND phase = ? AND control = ? "
		"AND reason = ? AND adopted_password = ? "
		"AND EXISTS (SELECT 1 FROM migration_account a WHERE "
		"a.username = migration_job.username AND a.password = ?)");
	sql_statement_bind_str(stmt, 0, adoption->provider);
	sql_statement_bind_str(stmt, 1, adoption->remote_user);
	sql_statement_bind_str(stmt, 2, adoption->mechanism);
	sql_statement_bind_str(stmt, 3, adoption->password);
	sql_statement_bind_str(stmt, 4, adoption->credential);
	sql_statement_bind_str(stmt, 5, record->login);
	migration_store_bind_control(stmt, 6, record->control);
	migration_store_bind_reason(stmt, 7, record->reason);
	sql_statement_bind_int64(stmt, 8, record->attempts);
	sql_statement_bind_str(stmt, 9, record->error);
	sql_statement_bind_int64(stmt, 10, record->last_login);
	sql_statement_bind_int64(stmt, 11, record->next_sync);
	sql_statement_bind_str(stmt, 12, record->username);
	migration_store_bind_phase(stmt, 13, record->phase);
	migration_store_bind_control(stmt, 14, before->control);
	migration_store_bind_reason(stmt, 15, before->reason);
	sql_statement_bind_str(stmt, 16, record->adopted_password);
	sql_statement_bind_str(stmt, 17, record->adopted_password);
	migration_store_write_decide(write, &stmt);

	/* only if the record has just got this credential */
	stmt = sql_statement_init(
		store->db, "UPDATE migration_account SET password = ? "
			   "WHERE username = ? AND password = ? "
			   "AND EXISTS (SELECT 1 FROM migration_job j WHERE "
			   "j.username = migration_account.username AND "
			   "j.credential = ?)");
	sql_statement_bind_str(stmt, 0, adoption->password);
	sql_statement_bind_str(stmt, 1, record->username);
	sql_statement_bind_str(stmt, 2, record->adopted_password);
	sql_statement_bind_str(stmt, 3, adoption->credential);
	migration_store_write_add(write, &stmt);
	migration_store_write_commit(&write);
}

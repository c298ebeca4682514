/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-store-private.h"

/* Somebody else may do the same at this moment, for the same user or the same
   domain. No statement fails because of that: with PostgreSQL that would cost
   the connection. */

/* Left behind by an account that was deleted by hand. */
static void adopt_leftovers(struct migration_store_write *write,
			    const struct migration_adoption *adoption)
{
	static const char *const tables[] = { "migration_mailbox",
					      "migration_note",
					      "migration_job" };
	struct sql_statement *stmt;
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(tables); i++) {
		stmt = sql_statement_init(
			write->store->db,
			t_strdup_printf("DELETE FROM %s WHERE username = ? "
					"AND NOT EXISTS (SELECT 1 FROM "
					"migration_account a "
					"WHERE a.username = ?)",
					tables[i]));
		sql_statement_bind_str(stmt, 0, adoption->username);
		sql_statement_bind_str(stmt, 1, adoption->username);
		migration_store_write_add(write, &stmt);
	}
}

static void adopt_account(struct migration_store_write *write,
			  const struct migration_adoption *adoption, time_t now)
{
	struct sql_statement *stmt;

	stmt = sql_statement_init(
		write->store->db,
		t_strconcat("INSERT INTO migration_account "
			    "(username, domain, password, enabled, created) "
			    "VALUES (?, ?, ?, 1, ?)",
			    migration_dialect_unless_exists(
				    write->store->dialect, "username"),
			    NULL));
	sql_statement_bind_str(stmt, 0, adoption->username);
	sql_statement_bind_str(stmt, 1, adoption->domain);
	sql_statement_bind_str(stmt, 2, adoption->password);
	sql_statement_bind_int64(stmt, 3, now);
	migration_store_write_add(write, &stmt);
}

/* Only with the account that we have just made. */
static void adopt_domain(struct migration_store_write *write,
			 const struct migration_adoption *adoption, time_t now)
{
	struct sql_statement *stmt;

	stmt = sql_statement_init(
		write->store->db,
		t_strconcat("INSERT INTO migration_domain (name, created) "
			    "SELECT a.domain, a.created "
			    "FROM migration_account a WHERE a.username = ? "
			    "AND a.password = ? AND a.created = ?",
			    migration_dialect_unless_exists(
				    write->store->dialect, "name"),
			    NULL));
	sql_statement_bind_str(stmt, 0, adoption->username);
	sql_statement_bind_str(stmt, 1, adoption->password);
	sql_statement_bind_int64(stmt, 2, now);
	migration_store_write_add(write, &stmt);
}

/* Decides: the account must be the one that we have just made. */
static void adopt_record(struct migration_store_write *write,
			 const struct migration_adoption *adoption, time_t now)
{
	struct sql_statement *stmt;

	stmt = sql_statement_init(
		write->store->db,
		"INSERT INTO migration_job "
		"(username, provider, remote_user, mechanism, phase, control, "
		"adopted_password, credential, login, created, last_login, "
		"next_sync) SELECT username, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? "
		"FROM migration_account a WHERE a.username = ? "
		"AND a.password = ? AND a.created = ? "
		"AND NOT EXISTS (SELECT 1 FROM migration_job j "
		"WHERE j.username = ?)");
	sql_statement_bind_str(stmt, 0, adoption->provider);
	sql_statement_bind_str(stmt, 1, adoption->remote_user);
	sql_statement_bind_str(stmt, 2, adoption->mechanism);
	migration_store_bind_phase(stmt, 3, MIGRATION_PHASE_INITIAL);
	migration_store_bind_control(stmt, 4, MIGRATION_CONTROL_ACTIVE);
	sql_statement_bind_str(stmt, 5, adoption->password);
	sql_statement_bind_str(stmt, 6, adoption->credential);
	sql_statement_bind_str(stmt, 7, adoption->login);
	sql_statement_bind_int64(stmt, 8, now);
	sql_statement_bind_int64(stmt, 9, adoption->in_advance ? 0 : now);
	sql_statement_bind_int64(stmt, 10, now);
	sql_statement_bind_str(stmt, 11, adoption->username);
	sql_statement_bind_str(stmt, 12, adoption->password);
	sql_statement_bind_int64(stmt, 13, now);
	sql_statement_bind_str(stmt, 14, adoption->username);
	migration_store_write_decide(write, &stmt);
}

void migration_store_adopt(struct migration_store *store,
			   const struct migration_adoption *adoption,
			   time_t now, migration_store_callback_t *callback,
			   void *context)
{
	struct migration_store_write *write;

	write = migration_store_write_begin(store, callback, context);
	adopt_leftovers(write, adoption);
	adopt_account(write, adoption, now);
	adopt_domain(write, adoption, now);
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

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-store-private.h"

/* Somebody else may do the same at this moment, for the same user or the same
   domain. No statement fails because of that: with PostgreSQL that would cost
   the connection. */

static const char *const record_tables[] = { "migration_mailbox",
					     "migration_note",
					     "migration_job" };

/* Left behind by an account that was deleted by hand. */
static void adopt_leftovers(struct migration_store_write *write,
			    const struct migration_adoption *adoption)
{
	struct sql_statement *stmt;
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(record_tables); i++) {
		stmt = sql_statement_init(
			write->store->db,
			t_strdup_printf("DELETE FROM %s WHERE username = ? "
					"AND NOT EXISTS (SELECT 1 FROM "
					"migration_account a "
					"WHERE a.username = ?)",
					record_tables[i]));
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

/* All but username, which comes last. */
static void
adopt_bind_record(struct sql_statement *stmt,
		  const struct migration_adoption *adoption, time_t now)
{
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
}

/* Decides: the account must be the one that we have just made. */
static void adopt_record(struct migration_store_write *write,
			 const struct migration_adoption *adoption, time_t now)
{
	struct sql_statement *stmt;

	stmt = sql_statement_init(
		write->store->db,
		"INSERT INTO migration_job "
		"(provider, remote_user, mechanism, phase, control, "
		"adopted_password, credential, login, created, last_login, "
		"next_sync, username) "
		"SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, username "
		"FROM migration_account a WHERE a.username = ? "
		"AND a.password = ? AND a.created = ? "
		"AND NOT EXISTS (SELECT 1 FROM migration_job j "
		"WHERE j.username = ?)");
	adopt_bind_record(stmt, adoption, now);
	sql_statement_bind_str(stmt, 11, adoption->username);
	sql_statement_bind_str(stmt, 12, adoption->password);
	sql_statement_bind_int64(stmt, 13, now);
	sql_statement_bind_str(stmt, 14, adoption->username);
	migration_store_write_decide(write, &stmt);
}

static void adopt_own_leftovers(struct migration_store_write *write,
				const struct migration_own_values *values)
{
	const struct migration_statement *lookup = &write->store->own->lookup;
	struct sql_statement *stmt;
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(record_tables); i++) {
		stmt = sql_statement_init(
			write->store->db,
			t_strdup_printf("DELETE FROM %s WHERE username = ? "
					"AND NOT EXISTS (%s)",
					record_tables[i],
					migration_store_own_sql(lookup)));
		sql_statement_bind_str(stmt, 0, values->user);
		(void)migration_store_own_bind(stmt, 1, lookup, values);
		if (i == 0)
			migration_store_write_add_part(write, NULL, &stmt);
		else
			migration_store_write_add(write, &stmt);
	}
}

/* Fails, and all before it is undone, if the account is not there with its
   password: the name would be NULL. Also if there is such a record. */
static void
adopt_own_record(struct migration_store_write *write,
		 const struct migration_adoption *adoption,
		 const struct migration_own_values *values, time_t now)
{
	const struct migration_statement *lookup = &write->store->own->lookup;
	struct sql_statement *stmt;
	unsigned int idx;

	stmt = sql_statement_init(
		write->store->db,
		t_strconcat("INSERT INTO migration_job "
			    "(provider, remote_user, mechanism, phase, control, "
			    "adopted_password, credential, login, created, "
			    "last_login, next_sync, username) "
			    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
			    "(SELECT CASE WHEN COUNT(*) > 0 THEN ? END FROM (",
			    migration_store_own_sql(lookup),
			    ") a WHERE a.password = ?))", NULL));
	adopt_bind_record(stmt, adoption, now);
	sql_statement_bind_str(stmt, 11, adoption->username);
	idx = migration_store_own_bind(stmt, 12, lookup, values);
	sql_statement_bind_str(stmt, idx, adoption->password);
	migration_store_write_add_part(write, "migration_account_lookup",
				       &stmt);
}

static void adopt_own(struct migration_store_write *write,
		      const struct migration_adoption *adoption, time_t now)
{
	const struct migration_own_tables *own = write->store->own;
	struct migration_own_values values;

	migration_own_values_init(&values, adoption);
	adopt_own_leftovers(write, &values);
	migration_store_write_add_own(write, "migration_domain_create",
				      &own->domain_create, &values);
	migration_store_write_add_own(write, "migration_account_create",
				      &own->account_create, &values);
	adopt_own_record(write, adoption, &values, now);
}

void migration_store_adopt(struct migration_store *store,
			   const struct migration_adoption *adoption,
			   time_t now, migration_store_callback_t *callback,
			   void *context)
{
	struct migration_store_write *write;

	write = migration_store_write_begin(store, callback, context);
	if (store->own != NULL) {
		adopt_own(write, adoption, now);
	} else {
		adopt_leftovers(write, adoption);
		adopt_account(write, adoption, now);
		adopt_domain(write, adoption, now);
		adopt_record(write, adoption, now);
	}
	migration_store_write_commit(&write);
}

#define RENEW_RECORD \
	"UPDATE migration_job SET provider = ?, remote_user = ?, " \
	"mechanism = ?, adopted_password = ?, credential = ?, " \
	"login = ?, control = ?, reason = ?, attempts = ?, " \
	"error = ?, last_login = ?, next_sync = ? " \
	"WHERE username = ? AND phase = ? AND control = ? " \
	"AND reason = ? AND adopted_password = ? "

/* Returns the index behind. */
static unsigned int renew_bind_record(struct sql_statement *stmt,
				      const struct migration_record *before,
				      const struct migration_record *record,
				      const struct migration_adoption *adoption)
{
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
	return 17;
}

static void renew_account(struct migration_store_write *write,
			  const struct migration_record *before,
			  const struct migration_record *record,
			  const struct migration_adoption *adoption)
{
	struct sql_statement *stmt;
	unsigned int idx;

	stmt = sql_statement_init(
		write->store->db, RENEW_RECORD
		"AND EXISTS (SELECT 1 FROM migration_account a WHERE "
		"a.username = migration_job.username AND a.password = ?)");
	idx = renew_bind_record(stmt, before, record, adoption);
	sql_statement_bind_str(stmt, idx, record->adopted_password);
	migration_store_write_decide(write, &stmt);

	/* only if the record has just got this credential */
	stmt = sql_statement_init(
		write->store->db,
		"UPDATE migration_account SET password = ? "
		"WHERE username = ? AND password = ? "
		"AND EXISTS (SELECT 1 FROM migration_job j WHERE "
		"j.username = migration_account.username AND "
		"j.credential = ?)");
	sql_statement_bind_str(stmt, 0, adoption->password);
	sql_statement_bind_str(stmt, 1, record->username);
	sql_statement_bind_str(stmt, 2, record->adopted_password);
	sql_statement_bind_str(stmt, 3, adoption->credential);
	migration_store_write_add(write, &stmt);
}

static void renew_own(struct migration_store_write *write,
		      const struct migration_record *before,
		      const struct migration_record *record,
		      const struct migration_adoption *adoption)
{
	const struct migration_own_tables *own = write->store->own;
	struct migration_own_values values;
	struct sql_statement *stmt;
	unsigned int idx;

	migration_own_values_init(&values, adoption);
	values.old_password = record->adopted_password;
	stmt = sql_statement_init(
		write->store->db,
		t_strconcat(RENEW_RECORD "AND EXISTS (SELECT 1 FROM (",
			    migration_store_own_sql(&own->lookup),
			    ") a WHERE a.password = ?)", NULL));
	idx = renew_bind_record(stmt, before, record, adoption);
	idx = migration_store_own_bind(stmt, idx, &own->lookup, &values);
	sql_statement_bind_str(stmt, idx, record->adopted_password);
	migration_store_write_decide(write, &stmt);

	migration_store_write_add_own(write, "migration_account_password",
				      &own->account_password, &values);
}

/* The account's password is ours to change only while it is still the one that
   we wrote, and the record only together with it. */
void migration_store_renew(struct migration_store *store,
			   const struct migration_record *before,
			   const struct migration_record *record,
			   const struct migration_adoption *adoption,
			   migration_store_callback_t *callback, void *context)
{
	struct migration_store_write *write;

	write = migration_store_write_begin(store, callback, context);
	if (store->own != NULL)
		renew_own(write, before, record, adoption);
	else
		renew_account(write, before, record, adoption);
	migration_store_write_commit(&write);
}

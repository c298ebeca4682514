/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* What administrators and the calendar do to a record. */

#include "lib.h"
#include "migration-store-private.h"

#define CONTROL_SET \
	"UPDATE migration_job SET phase = ?, control = ?, reason = ?, " \
	"attempts = ?, error = ?, next_sync = ?, credential = ?, " \
	"finish_wanted = ?"
/* What a command looks at, and what logins and syncs change. */
#define CONTROL_WHERE \
	" WHERE username = ? AND phase = ? AND control = ? AND reason = ? " \
	"AND attempts = ? AND next_sync = ? AND credential = ? " \
	"AND finish_wanted = ?"

void migration_store_control(struct migration_store *store,
			     const struct migration_record *before,
			     const struct migration_record *record,
			     migration_store_callback_t *callback,
			     void *context)
{
	struct migration_store_write *write;
	struct sql_statement *stmt;
	bool drops_lease;

	write = migration_store_write_begin(store, callback, context);
	/* not the lease of a sync that may go on, which progress extends */
	drops_lease = *before->lease_owner != '\0' &&
		      *record->lease_owner == '\0';
	stmt = sql_statement_init(store->db,
				  !drops_lease ? CONTROL_SET CONTROL_WHERE :
						 CONTROL_SET
					  ", lease_owner = '', "
					  "lease_until = 0" CONTROL_WHERE);
	migration_store_bind_phase(stmt, 0, record->phase);
	migration_store_bind_control(stmt, 1, record->control);
	migration_store_bind_reason(stmt, 2, record->reason);
	sql_statement_bind_int64(stmt, 3, record->attempts);
	sql_statement_bind_str(stmt, 4, record->error);
	sql_statement_bind_int64(stmt, 5, record->next_sync);
	sql_statement_bind_str(stmt, 6, record->credential);
	sql_statement_bind_int64(stmt, 7, record->finish_wanted ? 1 : 0);
	sql_statement_bind_str(stmt, 8, before->username);
	migration_store_bind_phase(stmt, 9, before->phase);
	migration_store_bind_control(stmt, 10, before->control);
	migration_store_bind_reason(stmt, 11, before->reason);
	sql_statement_bind_int64(stmt, 12, before->attempts);
	sql_statement_bind_int64(stmt, 13, before->next_sync);
	sql_statement_bind_str(stmt, 14, before->credential);
	sql_statement_bind_int64(stmt, 15, before->finish_wanted ? 1 : 0);
	migration_store_write_decide(write, &stmt);
	migration_store_write_commit(&write);
	if (*record->credential == '\0')
		store->scrub_wanted = TRUE;
}

void migration_store_reseal(struct migration_store *store, const char *username,
			    const char *before, const char *credential,
			    migration_store_callback_t *callback, void *context)
{
	struct migration_store_write *write;
	struct sql_statement *stmt;

	write = migration_store_write_begin(store, callback, context);
	stmt = sql_statement_init(store->db,
				  "UPDATE migration_job SET credential = ? "
				  "WHERE username = ? AND credential = ?");
	sql_statement_bind_str(stmt, 0, credential);
	sql_statement_bind_str(stmt, 1, username);
	sql_statement_bind_str(stmt, 2, before);
	migration_store_write_decide(write, &stmt);
	migration_store_write_commit(&write);
	store->scrub_wanted = TRUE;
}

static void
store_delete_from(struct migration_store_write *write, const char *sql,
		  const char *username, bool decides)
{
	struct sql_statement *stmt;

	stmt = sql_statement_init(write->store->db, sql);
	sql_statement_bind_str(stmt, 0, username);
	if (decides)
		migration_store_write_decide(write, &stmt);
	else
		migration_store_write_add(write, &stmt);
}

void migration_store_delete(struct migration_store *store, const char *username,
			    bool with_account,
			    migration_store_callback_t *callback, void *context)
{
	struct migration_store_write *write;

	i_assert(!with_account || store->own == NULL);
	write = migration_store_write_begin(store, callback, context);
	migration_store_delete_details(write, username);
	store_delete_from(write, "DELETE FROM migration_job WHERE username = ?",
			  username, !with_account);
	if (with_account) {
		store_delete_from(
			write,
			"DELETE FROM migration_account WHERE username = ?",
			username, TRUE);
	}
	migration_store_write_commit(&write);
	store->scrub_wanted = TRUE;
}

static void
store_scrubbed(struct sql_result *result, const char *error, void *context)
{
	struct migration_store *store = context;
	const char *busy;
	int ret;

	/* somebody reads, or writes, at this moment: again next time */
	ret = migration_store_next_row(result, &error);
	busy = ret <= 0 ? NULL : sql_result_get_field_value(result, 0);
	if (busy == NULL || strcmp(busy, "0") != 0)
		store->scrub_wanted = TRUE;
	while (ret > 0)
		ret = sql_result_next_row(result);
}

void migration_store_scrub(struct migration_store *store)
{
	struct sql_statement *stmt;

	if (!store->scrub_wanted || store->sqlite_path == NULL)
		return;
	store->scrub_wanted = FALSE;
	stmt = sql_statement_init(store->db, "PRAGMA wal_checkpoint(TRUNCATE)");
	migration_store_query(store, &stmt, store_scrubbed, store);
}

#define FINISH_DUE(also) \
	"j.provider = ? AND j.phase = ? AND j.control = ? " \
	"AND j.following_since <= ? AND j.lease_until <= ?" also " LIMIT ?"

static struct sql_statement *
store_finish_statement(struct migration_store *store, const char *sql,
		       enum migration_control control, const char *provider,
		       time_t before, time_t now, unsigned int limit)
{
	struct sql_statement *stmt;

	stmt = sql_statement_init(
		store->db,
		t_strconcat(migration_store_select_records(store), sql, NULL));
	sql_statement_bind_str(stmt, 0, provider);
	migration_store_bind_phase(stmt, 1, MIGRATION_PHASE_FOLLOWING);
	migration_store_bind_control(stmt, 2, control);
	sql_statement_bind_int64(stmt, 3, before);
	sql_statement_bind_int64(stmt, 4, now);
	sql_statement_bind_int64(stmt, 5, limit);
	return stmt;
}

void migration_store_finish_due(struct migration_store *store,
				const char *provider, time_t before, time_t now,
				unsigned int limit,
				migration_store_record_callback_t *callback,
				void *context)
{
	struct sql_statement *active, *blocked;

	active = store_finish_statement(store,
					FINISH_DUE(" AND j.finish_wanted = 0"),
					MIGRATION_CONTROL_ACTIVE, provider,
					before, now, limit);
	blocked = store_finish_statement(store, FINISH_DUE(""),
					 MIGRATION_CONTROL_BLOCKED, provider,
					 before, now, limit);
	migration_store_query_records(store, &active, &blocked, limit, callback,
				      context);
}

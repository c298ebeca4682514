#ifndef MIGRATION_STORE_PRIVATE_H
#define MIGRATION_STORE_PRIVATE_H

/* For the files of this folder only. */

#include "migration-compat-sql.h"
#include "migration-state.h"
#include "migration-store.h"

struct migration_store {
	struct migration_compat_sql *sql;
	/* of sql */
	struct sql_db *db;
	struct event *event;
	bool create;
	/* SQLite only, NULL otherwise */
	char *sqlite_path;
	/* a credential was destroyed since the last migration_store_scrub() */
	bool scrub_wanted;
};

/* A transaction of statements with the rows that the last compare-and-set in
   it affected, and whom to tell. */
struct migration_store_write {
	struct migration_store *store;
	struct sql_transaction_context *trans;
	migration_store_callback_t *callback;
	void *context;
	/* rows of the statement that decides, or UINT_MAX */
	unsigned int rows;
	char *error;
	/* sql_transaction_commit() has not returned yet */
	bool committing:1;
	bool committed:1;
};

struct migration_store_write *
migration_store_write_begin(struct migration_store *store,
			    migration_store_callback_t *callback,
			    void *context);
/* Adds a statement whose rows do not matter. */
void migration_store_write_add(struct migration_store_write *write,
			       struct sql_statement **stmt);
/* Adds the statement that decides: no row = ret 0. */
void migration_store_write_decide(struct migration_store_write *write,
				  struct sql_statement **stmt);
void migration_store_write_commit(struct migration_store_write **write);

/* By their names, as the columns have them. */
void migration_store_bind_phase(struct sql_statement *stmt, unsigned int idx,
				enum migration_phase phase);
void migration_store_bind_control(struct sql_statement *stmt, unsigned int idx,
				  enum migration_control control);
void migration_store_bind_reason(struct sql_statement *stmt, unsigned int idx,
				 enum migration_reason reason);
/* Nothing is changed for an owner who has lost the lease: username and
   lease_owner of record are bound at idx. Returns the index behind them. */
#define MIGRATION_STORE_LEASE_IS_HELD \
	"EXISTS (SELECT 1 FROM migration_job j WHERE j.username = ? " \
	"AND j.lease_owner = ?)"
unsigned int
migration_store_bind_lease(struct sql_statement *stmt, unsigned int idx,
			   const struct migration_record *record);

/* Adds the changed rows of migration_mailbox, NULL = none, if record's
   lease_owner holds the lease: must come before a statement that gives the
   lease back. */
void migration_store_write_mailboxes(
	struct migration_store_write *write,
	const struct migration_record *record,
	const struct migration_mailbox_changes *changes);
/* Replaces the rows of migration_note, likewise. */
void migration_store_write_notes(struct migration_store_write *write,
				 const struct migration_record *record,
				 const struct migration_note_list *list);
/* Goes with every deletion of a record: its mailboxes and notes. */
void migration_store_delete_details(struct migration_store_write *write,
				    const char *username);

/* Columns of a record: what lookup, due and list select, in this order. */
#define MIGRATION_RECORD_COLUMNS \
	"j.username, j.provider, j.remote_user, j.mechanism, j.phase, " \
	"j.control, j.reason, a.password, j.adopted_password, j.credential, " \
	"j.login, j.attempts, j.error, j.created, j.last_login, j.last_sync, " \
	"j.next_sync, j.messages_done, j.messages_total, j.bytes_done, " \
	"j.lease_owner, j.lease_until, a.enabled, j.finish_wanted, " \
	"j.following_since, j.hold_until, j.notes"

/* Reads the current row into record, allocated from the data stack. Returns
   0, or -1 if the row is not one of ours. */
int migration_store_read_record(struct sql_result *result,
				struct migration_record *record_r,
				const char **error_r);
/* Runs two statements, each of which selects up to limit rows of
   MIGRATION_RECORD_COLUMNS; the second only if the first found fewer, and both
   together give no more. All rows of a statement are read before the first
   callback. */
void migration_store_query_records(struct migration_store *store,
				   struct sql_statement **first,
				   struct sql_statement **then,
				   unsigned int limit,
				   migration_store_record_callback_t *callback,
				   void *context);

#endif

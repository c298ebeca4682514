#ifndef MIGRATION_STORE_PRIVATE_H
#define MIGRATION_STORE_PRIVATE_H

/* For the files of this folder only. */

#include "migration-compat-sql.h"
#include "migration-limits.h"
#include "migration-state.h"
#include "migration-store.h"
#include "migration-store-dialect.h"

/* Domain, account, and two of ours around them. */
#define MIGRATION_STORE_OWN_PARTS (2 * MIGRATION_MAX_STATEMENTS + 2)

struct migration_store_op;

struct migration_store {
	/* all that are open */
	struct migration_store *prev, *next;
	struct migration_compat_sql *sql;
	/* of sql */
	struct sql_db *db;
	struct event *event;
	enum migration_dialect dialect;
	/* as the driver wants it */
	char *driver, *connect;
	bool create;
	const struct migration_own_tables *own;

	/* the server's clock, once it was asked */
	time_t clock_offset;
	bool clock_is_known;

	/* given to the driver and not answered yet */
	struct migration_store_op *started;
	/* to be given to it, in this order */
	struct migration_store_op *ops_head, *ops_tail;
	struct timeout *to_connect, *to_next, *to_watch;
	/* why the last attempt failed, NULL = none did */
	char *connect_error;
	bool open_failed;
	/* an administrator has to change something */
	bool trouble_is_lasting;
	/* doveadm's, while it waits for a server; NULL otherwise */
	struct ioloop *ioloop;
	/* in migration_store_wait() */
	bool waiting;
	bool closing;
	/* callbacks that are running */
	unsigned int telling;
	/* SQLite only, NULL otherwise */
	char *sqlite_path;
	/* a credential was destroyed since the last migration_store_scrub() */
	bool scrub_wanted;
};

/* migration-store-connection.c: all that is asked goes through it. Callbacks are
   called exactly once, possibly from within the call. */

/* result is NULL if there was no connection; then error says so. */
typedef void
migration_store_result_callback_t(struct sql_result *result, const char *error,
				  void *context);
/* error is NULL if it was committed. */
typedef void
migration_store_committed_callback_t(const char *error, void *context);

/* migration-store-sqlite.c. Blocks for some time at most. */
void migration_store_sqlite_prepare(struct migration_store *store);

void migration_store_connection_init(struct migration_store *store);
void migration_store_connection_deinit(struct migration_store *store);
/* Makes a connection anew; nothing must be asked for over the old one. */
void migration_store_connection_renew(struct migration_store *store);
/* Waits for the connection, if one can be made, and selects
   migration_store_sql_now(). */
void migration_store_connect(struct migration_store *store,
			     migration_store_result_callback_t *callback,
			     void *context);
void migration_store_query(struct migration_store *store,
			   struct sql_statement **stmt,
			   migration_store_result_callback_t *callback,
			   void *context);
/* context was allocated with i_new() and is freed when the driver is done. */
void migration_store_commit(struct migration_store *store,
			    struct sql_transaction_context **trans,
			    migration_store_committed_callback_t *callback,
			    void *context);
/* 1 = a row, 0 = no more, -1 = error; *error_r is left as the callback got it
   if there is no result. */
int migration_store_next_row(struct sql_result *result, const char **error_r);

/* Of a setting, see migration_store_write_add_own(). */
struct migration_store_own_part {
	const char *setting;
	/* among the setting's, from 1 */
	unsigned int number;
	/* UINT_MAX until it was executed */
	unsigned int rows;
};

/* migration-store-clock.c. What migration_store_sql_now() selects; SQLite's is
   ignored. */
void migration_store_clock_set(struct migration_store *store,
			       const char *value);
/* The server's time, in seconds, at the moment when the statement runs. */
const char *migration_store_sql_now(const struct migration_store *store);
/* A time by migration_store_now(), put as a distance from the server's time at
   that moment; 0 stays 0. */
const char *
migration_store_sql_time(const struct migration_store *store, time_t when);

/* A transaction of statements with the rows that the last compare-and-set in
   it affected, and whom to tell. */
struct migration_store_write {
	struct migration_store *store;
	struct sql_transaction_context *trans;
	migration_store_callback_t *callback;
	void *context;
	/* rows of the statement that decides, or UINT_MAX */
	unsigned int rows;
	/* whose failure is told with the name of the setting */
	struct migration_store_own_part own[MIGRATION_STORE_OWN_PARTS];
	unsigned int own_count;
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

/* migration-store-own.c: statements of the administrator's. */

struct migration_own_values {
	const char *user, *domain;
	const char *provider, *remote_user;
	const char *password;
	/* What is left away of a password that is set: see
	   migration_store_own_sql(). */
	const char *old_password;
};

/* As adoption says, without old_password. */
void migration_own_values_init(struct migration_own_values *values_r,
			       const struct migration_adoption *adoption);
/* For the lookup. */
void migration_own_values_init_user(struct migration_own_values *values_r,
				    const char *username);

/* SQL text with ?, to be used as a whole or within another statement.
   %{old_password} is the old password only if the record in the same
   transaction has the new one: otherwise nothing is equal to it. */
const char *migration_store_own_sql(const struct migration_statement *own);
/* Binds what is in it; returns the index behind. */
unsigned int
migration_store_own_bind(struct sql_statement *stmt, unsigned int idx,
			 const struct migration_statement *own,
			 const struct migration_own_values *values);
/* Adds all of them, under the name of their setting. */
void migration_store_write_add_own(struct migration_store_write *write,
				   const char *setting,
				   const ARRAY_TYPE(migration_statement) *own,
				   const struct migration_own_values *values);
/* Adds one of ours; setting is what must be wrong if it fails, or NULL. */
void migration_store_write_add_part(struct migration_store_write *write,
				    const char *setting,
				    struct sql_statement **stmt);
/* Names the statement that has failed and says what to do. */
const char *migration_store_own_error(const struct migration_store_write *write,
				      const char *error);
/* The same for the lookup. */
const char *migration_store_own_lookup_error(struct migration_store *store,
					     const char *error);

/* Columns of a record: what lookup, due and list select, in this order. */
#define MIGRATION_RECORD_COLUMNS_OF(password, enabled) \
	"j.username, j.provider, j.remote_user, j.mechanism, j.phase, " \
	"j.control, j.reason, " password \
	", j.adopted_password, j.credential, " \
	"j.login, j.attempts, j.error, j.created, j.last_login, j.last_sync, " \
	"j.next_sync, j.messages_done, j.messages_total, j.bytes_done, " \
	"j.lease_owner, j.lease_until, " enabled ", j.finish_wanted, " \
	"j.following_since, j.hold_until, j.notes"
#define MIGRATION_RECORD_COLUMNS \
	MIGRATION_RECORD_COLUMNS_OF("a.password", "a.enabled")

/* SELECT of records j up to WHERE; the account is not looked at if it is in
   tables of the administrator's. */
const char *migration_store_select_records(struct migration_store *store);

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

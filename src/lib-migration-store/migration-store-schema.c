/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* The tables, made and upgraded by the plugin itself. Each step is one
   transaction that begins with its version; of two nodes that try the same step
   the second fails on the version's primary key and looks again. MySQL has no
   transactions for such statements: there each stands for itself, may be
   repeated, and the version comes last.

   Statements are written as migration_dialect_ddl() wants them. */

#include "lib.h"
#include "migration-db.h"
#include "migration-store-private.h"

#include <unistd.h>

/* Upgrade attempts before giving up: another node may win each step once. */
#define SCHEMA_MAX_TRIES 10
/* With the default migration_retry_* this many failures take a day. */
#define DEFER_MAX_ATTEMPTS "12"

static const char *const schema_step_1[] = {
	"CREATE TABLE migration_domain ("
	" name VARCHAR(255) NOT NULL PRIMARY KEY,"
	" created BIGINT NOT NULL)",

	"CREATE TABLE migration_account ("
	" username VARCHAR(320) NOT NULL PRIMARY KEY,"
	" domain VARCHAR(255) NOT NULL,"
	" password VARCHAR(512) NOT NULL,"
	" enabled INTEGER NOT NULL DEFAULT 1,"
	" created BIGINT NOT NULL)",

	"CREATE TABLE migration_job ("
	" username VARCHAR(320) NOT NULL PRIMARY KEY,"
	" provider VARCHAR(255) NOT NULL,"
	" remote_user VARCHAR(320) NOT NULL,"
	" mechanism VARCHAR(32) NOT NULL,"
	" phase VARCHAR(16) NOT NULL,"
	" control VARCHAR(16) NOT NULL,"
	" reason VARCHAR(16) NOT NULL DEFAULT '',"
	" adopted_password VARCHAR(512) NOT NULL,"
	" credential TEXT NOT NULL,"
	" login VARCHAR(16) NOT NULL,"
	" attempts INTEGER NOT NULL DEFAULT 0,"
	" error VARCHAR(1000) NOT NULL DEFAULT '',"
	" created BIGINT NOT NULL,"
	" last_login BIGINT NOT NULL DEFAULT 0,"
	" last_sync BIGINT NOT NULL DEFAULT 0,"
	" next_sync BIGINT NOT NULL DEFAULT 0,"
	" messages_done BIGINT NOT NULL DEFAULT 0,"
	" messages_total BIGINT NOT NULL DEFAULT 0,"
	" bytes_done BIGINT NOT NULL DEFAULT 0,"
	" lease_owner VARCHAR(255) NOT NULL DEFAULT '',"
	" lease_until BIGINT NOT NULL DEFAULT 0)",

	/* What Dovecot's own sql passdb asks (conf.d). hold: passdb migration
	   has the last word, because IMAP and POP3 logins wait for the mailbox
	   or because the sealed password may have to be renewed. */
	"CREATE VIEW migration_passdb AS"
	" SELECT a.username, a.password,"
	" CASE WHEN (j.phase = 'initial' AND j.login = 'wait')"
	" OR (j.phase <> 'finished' AND j.control = 'blocked'"
	" AND j.reason = 'local')"
	" THEN 1 ELSE 0 END AS hold"
	" FROM migration_account a"
	" LEFT JOIN migration_job j ON j.username = a.username"
	" WHERE a.enabled = 1",

	"CREATE VIEW migration_userdb AS"
	" SELECT username, domain FROM migration_account WHERE enabled = 1",

	NULL
};

static const char *const schema_step_2[] = {
	"CREATE TABLE migration_mailbox ("
	" username VARCHAR(320) NOT NULL,"
	" name VARCHAR(440) NOT NULL,"
	" messages_done BIGINT NOT NULL DEFAULT 0,"
	" messages_total BIGINT NOT NULL DEFAULT 0,"
	" bytes_done BIGINT NOT NULL DEFAULT 0,"
	" PRIMARY KEY (username, name))",

	NULL
};

/* Sessions are passed through to the provider until the switch. */
static const char *const schema_step_3[] = {
	"ALTER TABLE migration_job"
	" ADD COLUMN hold_until BIGINT NOT NULL DEFAULT 0",

	/* who is next without sorting, and when: also of a million */
	"CREATE INDEX migration_job_turn ON migration_job"
	" (provider, phase, control, last_login DESC, next_sync)",
	"CREATE INDEX migration_job_next"
	" ON migration_job (phase, control, next_sync)",

	/* hold as above, and also while the password that the provider
	   refused may be good again */
	"DROP VIEW migration_passdb",
	"CREATE VIEW migration_passdb AS"
	" SELECT a.username, a.password,"
	" CASE WHEN (j.phase = 'initial' AND j.login IN ('proxy', 'wait'))"
	" OR (j.phase <> 'finished' AND j.control = 'blocked'"
	" AND j.reason IN ('local', 'password'))"
	" THEN 1 ELSE 0 END AS hold"
	" FROM migration_account a"
	" LEFT JOIN migration_job j ON j.username = a.username"
	" WHERE a.enabled = 1",

	/* defer: mail delivered now would take the UIDs of mail that is still
	   on its way. Not while nothing is on its way, and not for longer than
	   about a day of failures, because the sender's server gives up. */
	"DROP VIEW migration_userdb",
	"CREATE VIEW migration_userdb AS"
	" SELECT a.username, a.domain,"
	" CASE WHEN j.phase = 'initial' AND j.login IN ('proxy', 'wait')"
	" AND j.control = 'active' AND j.attempts < " DEFER_MAX_ATTEMPTS
	" THEN 1 ELSE 0 END AS defer_delivery"
	" FROM migration_account a"
	" LEFT JOIN migration_job j ON j.username = a.username"
	" WHERE a.enabled = 1",

	NULL
};

static const char *const schema_step_4[] = {
	"ALTER TABLE migration_job"
	" ADD COLUMN finish_wanted INTEGER NOT NULL DEFAULT 0",
	"ALTER TABLE migration_job"
	" ADD COLUMN following_since BIGINT NOT NULL DEFAULT 0",
	/* up to here nothing was synced after that */
	"UPDATE migration_job SET following_since = last_sync"
	" WHERE phase = 'following'",
	"CREATE INDEX migration_job_finish"
	" ON migration_job (provider, phase, control, following_since)",

	NULL
};

/* Who has had the first full sync is synced again and again, and once more
   before the end. */
static const char *const schema_step_5[] = {
	/* the most overdue without sorting */
	"CREATE INDEX migration_job_overdue"
	" ON migration_job (provider, phase, control, next_sync)",
	/* who waits for the last sync is not looked at again and again */
	"DROP INDEX migration_job_finish ON migration_job",
	"CREATE INDEX migration_job_finish ON migration_job"
	" (provider, phase, control, finish_wanted, following_since)",

	NULL
};

/* What a sync could not bring. earlier: of the sync before, while the rows of a
   new one are written. */
static const char *const schema_step_6[] = {
	"CREATE TABLE migration_note ("
	" username VARCHAR(320) NOT NULL,"
	" mailbox VARCHAR(440) NOT NULL,"
	" uid BIGINT NOT NULL,"
	" earlier INTEGER NOT NULL DEFAULT 0,"
	" text VARCHAR(1000) NOT NULL,"
	" since BIGINT NOT NULL,"
	" PRIMARY KEY (username, mailbox, uid, earlier))",
	"ALTER TABLE migration_job ADD COLUMN notes INTEGER NOT NULL DEFAULT 0",

	NULL
};

/* What the provider's server is like. */
static const char *const schema_step_7[] = {
	"CREATE TABLE migration_probe ("
	" provider VARCHAR(255) NOT NULL PRIMARY KEY,"
	" name VARCHAR(255) NOT NULL,"
	" version VARCHAR(255) NOT NULL,"
	" capabilities VARCHAR(255) NOT NULL,"
	" prefix VARCHAR(255) NOT NULL,"
	" sep VARCHAR(255) NOT NULL,"
	" probed BIGINT NOT NULL)",

	NULL
};

/* What mail servers have besides accounts, made by an import and served by
   Postfix (conf.d/postfix). */
static const char *const schema_step_8[] = {
	"ALTER TABLE migration_domain"
	" ADD COLUMN enabled INTEGER NOT NULL DEFAULT 1",
	/* bytes, 0 = no limit */
	"ALTER TABLE migration_domain"
	" ADD COLUMN quota BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE migration_domain"
	" ADD COLUMN mailbox_quota BIGINT NOT NULL DEFAULT 0",

	"ALTER TABLE migration_account"
	" ADD COLUMN first_name VARCHAR(255) NOT NULL DEFAULT ''",
	"ALTER TABLE migration_account"
	" ADD COLUMN last_name VARCHAR(255) NOT NULL DEFAULT ''",
	/* the same, -1 = the domain's mailbox_quota */
	"ALTER TABLE migration_account"
	" ADD COLUMN quota BIGINT NOT NULL DEFAULT -1",

	"CREATE TABLE migration_domain_alias ("
	" name VARCHAR(255) NOT NULL PRIMARY KEY,"
	" target VARCHAR(255) NOT NULL,"
	" enabled INTEGER NOT NULL DEFAULT 1,"
	" created BIGINT NOT NULL)",

	/* host '' = where its MX record says */
	"CREATE TABLE migration_relay_domain ("
	" name VARCHAR(255) NOT NULL PRIMARY KEY,"
	" host VARCHAR(255) NOT NULL,"
	" port INTEGER NOT NULL,"
	" service VARCHAR(64) NOT NULL,"
	" verify_recipients INTEGER NOT NULL DEFAULT 0,"
	" enabled INTEGER NOT NULL DEFAULT 1,"
	" created BIGINT NOT NULL)",

	/* @domain as address is everybody else there */
	"CREATE TABLE migration_alias ("
	" address VARCHAR(320) NOT NULL,"
	" recipient VARCHAR(320) NOT NULL,"
	" type VARCHAR(16) NOT NULL,"
	" enabled INTEGER NOT NULL DEFAULT 1,"
	" created BIGINT NOT NULL,"
	" PRIMARY KEY (address, recipient))",

	/* quota: NULL if nobody has said anything */
	"DROP VIEW migration_userdb",
	"CREATE VIEW migration_userdb AS"
	" SELECT a.username, a.domain,"
	" CASE WHEN j.phase = 'initial' AND j.login IN ('proxy', 'wait')"
	" AND j.control = 'active' AND j.attempts < " DEFER_MAX_ATTEMPTS
	" THEN 1 ELSE 0 END AS defer_delivery,"
	" CASE WHEN a.quota >= 0 THEN a.quota"
	" WHEN d.mailbox_quota > 0 THEN d.mailbox_quota END AS quota"
	" FROM migration_account a"
	" LEFT JOIN migration_domain d ON d.name = a.domain"
	" LEFT JOIN migration_job j ON j.username = a.username"
	" WHERE a.enabled = 1",

	NULL
};

/* For accounts in other tables: hold and defer_delivery as above. */
static const char *const schema_step_9[] = {
	"CREATE VIEW migration_user_state AS"
	" SELECT username,"
	" CASE WHEN (phase = 'initial' AND login IN ('proxy', 'wait'))"
	" OR (phase <> 'finished' AND control = 'blocked'"
	" AND reason IN ('local', 'password'))"
	" THEN 1 ELSE 0 END AS hold,"
	" CASE WHEN phase = 'initial' AND login IN ('proxy', 'wait')"
	" AND control = 'active' AND attempts < " DEFER_MAX_ATTEMPTS
	" THEN 1 ELSE 0 END AS defer_delivery"
	" FROM migration_job",

	NULL
};

static const char *const *const schema_steps[] = {
	schema_step_1, schema_step_2, schema_step_3,
	schema_step_4, schema_step_5, schema_step_6,
	schema_step_7, schema_step_8, schema_step_9,
};

struct store_open {
	struct migration_store *store;
	migration_store_callback_t *callback;
	void *context;
	unsigned int tries;
	/* why the last attempt to write failed */
	char *error;
	/* no other node changes the schema */
	bool locked;

	/* what comes next in a step whose statements stand for themselves */
	unsigned int version, statement;
};

static void store_open_find(struct store_open *open);

static void
store_open_unlocked(struct sql_result *result ATTR_UNUSED,
		    const char *error ATTR_UNUSED, void *context ATTR_UNUSED)
{
	/* else the connection is lost, and the lock with it */
}

static void store_open_unlock(struct store_open *open)
{
	struct sql_statement *stmt;

	if (!open->locked)
		return;
	stmt = sql_statement_init(open->store->db,
				  migration_dialect_unlock(
					  open->store->dialect));
	migration_store_query(open->store, &stmt, store_open_unlocked, NULL);
}

static void
store_open_finish(struct store_open *open, int ret, const char *error)
{
	struct migration_store *store = open->store;
	enum migration_db_trouble trouble;

	store_open_unlock(open);
	store->open_failed = ret < 0;
	store->trouble_is_lasting = FALSE;
	if (ret < 0 && store->sqlite_path == NULL) {
		trouble = migration_db_trouble_find(error);
		store->trouble_is_lasting =
			migration_db_trouble_is_lasting(trouble);
		error = t_strconcat(error, migration_db_trouble_advice(trouble),
				    NULL);
	}
	open->callback(ret, error, open->context);
	i_free(open->error);
	i_free(open);
}

bool migration_store_needs_admin(const struct migration_store *store)
{
	return store->trouble_is_lasting;
}

/* What was to be written may be another node's success: looks again, a few
   times. */
static void
store_open_again(struct store_open *open, const char *what, const char *error)
{
	if (error != NULL && open->tries >= SCHEMA_MAX_TRIES) {
		store_open_finish(open, -1,
				  t_strdup_printf("%s: %s", what, error));
		return;
	}
	i_free(open->error);
	open->error = i_strdup(error);
	store_open_find(open);
}

static void store_open_stepped(int ret, const char *error, void *context)
{
	struct store_open *open = context;

	store_open_again(open, "Cannot make or upgrade the tables",
			 ret < 0 ? error : NULL);
}

static void store_open_add(struct migration_store_write *write, const char *sql)
{
	sql_update(write->trans,
		   migration_dialect_ddl(write->store->dialect, sql));
}

static const char *store_open_version_row(unsigned int version)
{
	return t_strdup_printf(
		"INSERT INTO migration_schema (version) VALUES (%u)", version);
}

static void store_open_next_statement(struct store_open *open);

static void store_open_stated(int ret, const char *error, void *context)
{
	struct store_open *open = context;

	if (ret < 0 || schema_steps[open->version][open->statement] == NULL) {
		store_open_stepped(ret, error, open);
		return;
	}
	open->statement++;
	store_open_next_statement(open);
}

static void store_open_next_statement(struct store_open *open)
{
	const char *sql = schema_steps[open->version][open->statement];
	struct migration_store_write *write;

	write = migration_store_write_begin(open->store, store_open_stated,
					    open);
	store_open_add(write,
		       sql != NULL ? sql :
				     store_open_version_row(open->version + 1));
	migration_store_write_commit(&write);
}

static void store_open_step(struct store_open *open, unsigned int version)
{
	struct migration_store_write *write;
	const char *const *sql;

	open->tries++;
	if (!migration_dialect_has_transactional_ddl(open->store->dialect)) {
		open->version = version;
		open->statement = 0;
		store_open_next_statement(open);
		return;
	}
	write = migration_store_write_begin(open->store, store_open_stepped,
					    open);
	store_open_add(write, store_open_version_row(version + 1));
	for (sql = schema_steps[version]; *sql != NULL; sql++)
		store_open_add(write, *sql);
	migration_store_write_commit(&write);
}

static void
store_open_have_version(struct store_open *open, unsigned int version)
{
	if (version > N_ELEMENTS(schema_steps)) {
		store_open_finish(
			open, -1,
			t_strdup_printf(
				"The database has schema version %u, this program "
				"knows up to %zu: it belongs to a newer "
				"dovecot-migration",
				version, N_ELEMENTS(schema_steps)));
	} else if (version == N_ELEMENTS(schema_steps)) {
		store_open_finish(open, 1, NULL);
	} else if (version > 0 && !open->store->create) {
		store_open_finish(
			open, -1,
			t_strdup_printf(
				"The database has schema version %u, this "
				"program needs %zu: Dovecot's migration service "
				"upgrades it when it starts anew (doveadm "
				"reload)",
				version, N_ELEMENTS(schema_steps)));
	} else if (!open->store->create) {
		store_open_finish(
			open, -1,
			"The tables do not exist yet: "
			"start Dovecot, its migration service makes them");
	} else {
		store_open_step(open, version);
	}
}

static void
store_open_version(struct sql_result *result, const char *error, void *context)
{
	struct store_open *open = context;
	unsigned int version = 0;
	const char *value;
	int ret;

	ret = migration_store_next_row(result, &error);
	if (ret < 0) {
		store_open_finish(
			open, -1,
			t_strdup_printf("Cannot read the schema version: %s",
					error));
		return;
	}
	if (ret > 0) {
		value = sql_result_get_field_value(result, 0);
		if (value != NULL && str_to_uint(value, &version) < 0)
			version = UINT_MAX;
	}
	while (ret > 0)
		ret = sql_result_next_row(result);
	store_open_have_version(open, version);
}

static void store_open_prepared(int ret, const char *error, void *context)
{
	struct store_open *open = context;

	store_open_again(open, "Cannot write to the database",
			 ret < 0 ? error : NULL);
}

static void store_open_prepare(struct store_open *open)
{
	struct migration_store_write *write;

	if (open->error != NULL) {
		/* nobody else has made it, either */
		store_open_finish(
			open, -1,
			t_strdup_printf("Cannot write to the database: %s",
					open->error));
		return;
	}
	open->tries++;
	write = migration_store_write_begin(open->store, store_open_prepared,
					    open);
	sql_update(write->trans, "CREATE TABLE IF NOT EXISTS migration_schema"
				 " (version INTEGER NOT NULL PRIMARY KEY)");
	migration_store_write_commit(&write);
}

/* A query that fails would cost the connection with PostgreSQL. */
static void
store_open_found(struct sql_result *result, const char *error, void *context)
{
	struct store_open *open = context;
	struct sql_statement *stmt;
	const char *value;
	bool found = FALSE;
	int ret;

	while ((ret = migration_store_next_row(result, &error)) > 0) {
		value = sql_result_get_field_value(result, 0);
		found = value != NULL && strcmp(value, "0") != 0;
	}
	if (ret < 0) {
		store_open_finish(open, -1,
				  t_strdup_printf("Cannot use the database: %s",
						  open->error != NULL ?
							  open->error :
							  error));
	} else if (found) {
		stmt = sql_statement_init(
			open->store->db,
			"SELECT MAX(version) FROM migration_schema");
		migration_store_query(open->store, &stmt, store_open_version,
				      open);
	} else if (open->store->create) {
		store_open_prepare(open);
	} else {
		store_open_have_version(open, 0);
	}
}

static void store_open_find(struct store_open *open)
{
	struct sql_statement *stmt;

	stmt = sql_statement_init(
		open->store->db,
		migration_dialect_table_exists(open->store->dialect,
					       "migration_schema"));
	migration_store_query(open->store, &stmt, store_open_found, open);
}

static void
store_open_ready(struct sql_result *result, const char *error, void *context)
{
	struct store_open *open = context;
	int ret;

	while ((ret = migration_store_next_row(result, &error)) > 0)
		;
	if (ret < 0) {
		store_open_finish(
			open, -1,
			t_strdup_printf("Cannot open the database: %s", error));
	} else {
		store_open_find(open);
	}
}

static void
store_open_locked(struct sql_result *result, const char *error, void *context)
{
	struct store_open *open = context;

	open->locked = TRUE;
	store_open_ready(result, error, open);
}

static void store_open_connected(struct sql_result *result, const char *error,
				 void *context)
{
	struct store_open *open = context;
	struct sql_statement *stmt;
	int ret;

	while ((ret = migration_store_next_row(result, &error)) > 0) {
		migration_store_clock_set(open->store,
					  sql_result_get_field_value(result,
								     0));
	}
	if (ret < 0 || !open->store->create) {
		store_open_ready(result, error, open);
		return;
	}
	stmt = sql_statement_init(open->store->db,
				  migration_dialect_lock(open->store->dialect));
	migration_store_query(open->store, &stmt, store_open_locked, open);
}

/* Readers (auth, doveadm) never wait for the writer. */
static void store_open_wal(struct store_open *open)
{
	struct sql_statement *stmt;

	stmt = sql_statement_init(open->store->db, "PRAGMA journal_mode=WAL");
	migration_store_query(open->store, &stmt, store_open_ready, open);
}

/* Opening would make an empty file with our owner. */
static bool store_open_has_file(struct store_open *open)
{
	const char *path = open->store->sqlite_path;

	if (access(path, R_OK | W_OK) == 0)
		return TRUE;
	store_open_finish(
		open, -1,
		t_strdup_printf(
			"Cannot use the database %s: %m%s", path,
			errno != ENOENT ?
				"" :
				" (Dovecot's migration service makes it when "
				"it starts)"));
	return FALSE;
}

void migration_store_open(struct migration_store *store,
			  migration_store_callback_t *callback, void *context)
{
	struct store_open *open;

	open = i_new(struct store_open, 1);
	open->store = store;
	open->callback = callback;
	open->context = context;

	if (store->sqlite_path == NULL) {
		migration_store_connect(store, store_open_connected, open);
	} else if (store->create || store_open_has_file(open)) {
		migration_store_sqlite_prepare(store);
		if (store->create)
			store_open_wal(open);
		else
			store_open_find(open);
	}
}

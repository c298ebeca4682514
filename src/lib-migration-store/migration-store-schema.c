/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* The tables, made and upgraded by the plugin itself. Each step is one
   transaction that ends with its version; of two nodes that try the same step
   the second fails on the version's primary key and looks again. */

#include "lib.h"
#include "str.h"
#include "migration-store-private.h"

#include <fcntl.h>
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
	"DROP INDEX migration_job_finish",
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

static const char *const *const schema_steps[] = {
	schema_step_1, schema_step_2, schema_step_3, schema_step_4,
	schema_step_5, schema_step_6, schema_step_7, schema_step_8,
};

struct store_open {
	struct migration_store *store;
	migration_store_callback_t *callback;
	void *context;
	unsigned int tries;
};

static void store_open_check(struct store_open *open);

static void
store_open_finish(struct store_open *open, int ret, const char *error)
{
	open->callback(ret, error, open->context);
	i_free(open);
}

static void
store_open_stepped(int ret, const char *error ATTR_UNUSED, void *context)
{
	struct store_open *open = context;

	/* a failure may be another node's success: look again */
	if (ret < 0 && open->tries >= SCHEMA_MAX_TRIES) {
		store_open_finish(
			open, -1,
			t_strdup_printf("Cannot make or upgrade the tables: %s",
					error));
	} else {
		store_open_check(open);
	}
}

static void store_open_step(struct store_open *open, unsigned int version)
{
	struct migration_store_write *write;
	const char *const *sql;

	open->tries++;
	write = migration_store_write_begin(open->store, store_open_stepped,
					    open);
	for (sql = schema_steps[version]; *sql != NULL; sql++)
		sql_update(write->trans, *sql);
	sql_update(write->trans,
		   t_strdup_printf(
			   "INSERT INTO migration_schema (version) VALUES (%u)",
			   version + 1));
	migration_store_write_commit(&write);
}

static void
store_open_version(struct sql_result *result, struct store_open *open)
{
	unsigned int version = 0;
	const char *value;
	int ret;

	ret = sql_result_next_row(result);
	if (ret < 0) {
		store_open_finish(
			open, -1,
			t_strdup_printf(
				"Cannot read the schema version: %s%s",
				sql_result_get_error(result),
				open->store->create ?
					"" :
					" (Dovecot's migration "
					"service makes the tables when it starts)"));
		return;
	}
	if (ret > 0) {
		value = sql_result_get_field_value(result, 0);
		if (value != NULL && str_to_uint(value, &version) < 0)
			version = UINT_MAX;
	}
	while (ret > 0)
		ret = sql_result_next_row(result);

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

static void store_open_check(struct store_open *open)
{
	sql_query(open->store->db, "SELECT MAX(version) FROM migration_schema",
		  store_open_version, open);
}

static void store_open_prepared(int ret, const char *error, void *context)
{
	struct store_open *open = context;

	if (ret < 0) {
		store_open_finish(
			open, -1,
			t_strdup_printf("Cannot write to the database: %s",
					error));
	} else {
		store_open_check(open);
	}
}

static void store_open_wal(struct sql_result *result, struct store_open *open)
{
	struct migration_store_write *write;
	int ret;

	/* readers (auth, doveadm) never wait for the writer */
	while ((ret = sql_result_next_row(result)) > 0)
		;
	if (ret < 0) {
		store_open_finish(
			open, -1,
			t_strdup_printf("Cannot open the database: %s",
					sql_result_get_error(result)));
		return;
	}
	write = migration_store_write_begin(open->store, store_open_prepared,
					    open);
	sql_update(write->trans, "CREATE TABLE IF NOT EXISTS migration_schema"
				 " (version INTEGER NOT NULL PRIMARY KEY)");
	migration_store_write_commit(&write);
}

void migration_store_open(struct migration_store *store,
			  migration_store_callback_t *callback, void *context)
{
	struct store_open *open;

	open = i_new(struct store_open, 1);
	open->store = store;
	open->callback = callback;
	open->context = context;

	if (!store->create) {
		/* opening would make an empty file with our owner */
		if (store->sqlite_path != NULL &&
		    access(store->sqlite_path, R_OK | W_OK) < 0) {
			store_open_finish(
				open, -1,
				t_strdup_printf(
					"Cannot use the database %s: %m%s",
					store->sqlite_path,
					errno != ENOENT ?
						"" :
						" (Dovecot's migration service makes it when "
						"it starts)"));
			return;
		}
		store_open_check(open);
	} else {
		sql_query(store->db, "PRAGMA journal_mode=WAL", store_open_wal,
			  open);
	}
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* SQLite's files beside the database, -wal and -shm, go with the last one who
   has it open, and the next one makes them. If that is root (doveadm, an auth
   worker) they are root's for a moment, before SQLite gives them to the owner
   of the database. Who opens it in that moment cannot, or may only read until
   it is opened once more. */

#include "lib.h"
#include "migration-store-private.h"

#include <sys/stat.h>
#include <unistd.h>

#define SQLITE_MAX_TRIES 10
#define SQLITE_WAIT_USECS (20 * 1000)

/* Changes nothing, but has to be allowed to write. */
#define SQLITE_WRITE "PRAGMA user_version = 0"
#define SQLITE_READ "SELECT COUNT(*) FROM sqlite_master"

static const char *const sqlite_transient_errors[] = {
	"unable to open database file",
	"attempt to write a readonly database",
};

static void
sqlite_written(const struct sql_commit_result *result, const char **error_r)
{
	*error_r = t_strdup(migration_compat_sql_error(result->error));
}

/* Returns why it failed, or NULL. The driver calls back at once;
   sql_transaction_commit_s() would not say why. */
static const char *sqlite_try_write(struct migration_store *store)
{
	struct sql_transaction_context *trans =
		sql_transaction_begin(store->db);
	const char *error = NULL;

	sql_update(trans, SQLITE_WRITE);
	sql_transaction_commit(&trans, sqlite_written, &error);
	return error;
}

static bool sqlite_is_transient(const char *error)
{
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(sqlite_transient_errors); i++) {
		if (strstr(error, sqlite_transient_errors[i]) != NULL)
			return TRUE;
	}
	return FALSE;
}

/* root makes them as the owner. */
static void sqlite_read_as_owner(struct migration_store *store)
{
	struct sql_result *result;
	gid_t gid = getegid();
	struct stat st;

	if (geteuid() != 0 || stat(store->sqlite_path, &st) < 0)
		return;
	if (setegid(st.st_gid) == 0 && seteuid(st.st_uid) == 0) {
		/* whether it works is seen by what comes next */
		result = sql_query_s(store->db, SQLITE_READ);
		sql_result_unref(result);
	}
	if (seteuid(0) < 0 || setegid(gid) < 0)
		i_fatal("Cannot become root again: %m");
}

void migration_store_sqlite_prepare(struct migration_store *store)
{
	const char *error;
	unsigned int i;

	if (!store->create) {
		sqlite_read_as_owner(store);
		return;
	}
	for (i = 0; i < SQLITE_MAX_TRIES; i++) {
		error = sqlite_try_write(store);
		/* others are reported by what comes next */
		if (error == NULL || !sqlite_is_transient(error))
			return;
		(void)usleep(SQLITE_WAIT_USECS);
		migration_store_connection_renew(store);
	}
}

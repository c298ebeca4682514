/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* What administrators and the calendar do to a record. */

#include "lib.h"
#include "str.h"
#include "migration-state.h"
#include "test-common.h"
#include "migration-test-common.h"
#include "migration-test-store.h"

#include <fcntl.h>
#include <unistd.h>

#define USER "user@old.example"
#define OTHER "other@old.example"
#define MAX_FILE_BYTES (4 * 1024 * 1024)

static int
test_control(struct migration_store *store,
	     const struct migration_record *before,
	     const struct migration_record *record)
{
	int ret;

	TEST_STORE(&ret, migration_store_control, store, before, record);
	return ret;
}

static void test_job_set(struct migration_store *store, const char *set)
{
	test_store_exec(store, t_strdup_printf(
		"UPDATE migration_job SET %s WHERE username = '"USER"'", set));
}

static void test_job_init(struct migration_store *store, const char *set)
{
	test_store_exec(store, "DELETE FROM migration_job");
	test_store_exec(store, "DELETE FROM migration_account");
	test_store_adopt(store, USER, NOW);
	test_store_adopt(store, OTHER, NOW);
	test_job_set(store, set);
}

static void test_migration_store_control(void)
{
	static const struct {
		const char *set;
		enum migration_command command;
		/* phase, control, reason, attempts, next_sync, credential,
		   finish_wanted, lease_owner */
		const char *after;
	} tests[] = {
		{ "lease_owner = 'n', lease_until = 1700000060",
		  MIGRATION_COMMAND_PAUSE,
		  "initial|paused||0|0|Ym94|0|" },
		{ "control = 'blocked', reason = 'local', attempts = 2",
		  MIGRATION_COMMAND_PAUSE,
		  "initial|paused||2|0|Ym94|0|" },
		{ "control = 'paused', next_sync = 0, attempts = 2",
		  MIGRATION_COMMAND_RESUME,
		  "initial|active||2|1700000005|Ym94|0|" },
		{ "control = 'blocked', reason = 'account', attempts = 2",
		  MIGRATION_COMMAND_RETRY,
		  "initial|active||0|1700000005|Ym94|0|" },
		/* the sync that runs goes on */
		{ "lease_owner = 'n', lease_until = 1700000060",
		  MIGRATION_COMMAND_FINISH,
		  "initial|active||0|1700000000|Ym94|1|n" },
		{ "phase = 'following', lease_owner = 'n', "
		  "lease_until = 1700000060", MIGRATION_COMMAND_FINISH,
		  "following|active||0|1700000005|Ym94|1|n" },
		{ "phase = 'following', finish_wanted = 1, "
		  "lease_owner = 'n', lease_until = 1700000060",
		  MIGRATION_COMMAND_FINISH, "finished|active||0|0||0|" },
		{ "phase = 'following', control = 'blocked', "
		  "reason = 'local'",
		  MIGRATION_COMMAND_FINISH, "finished|active||0|0||0|" },
	};
	struct migration_store *store;
	struct migration_record before, record;
	const char *text;
	unsigned int i;

	test_begin("migration store control");
	store = test_store_open();
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_job_init(store, tests[i].set);
		before = record = test_store_record(store, USER);
		test_assert_idx(migration_state_command(
			&record, tests[i].command, NOW + 5, &text) ==
			MIGRATION_CHANGE_DONE, i);
		test_assert_idx(test_control(store, &before, &record) == 1, i);
		test_assert_strcmp_idx(test_store_value(store,
			"SELECT phase || '|' || control || '|' || reason || "
			"'|' || attempts || '|' || next_sync || '|' || "
			"credential || '|' || finish_wanted || '|' || "
			"lease_owner FROM migration_job WHERE username = '"
			USER"'"), tests[i].after, i);
		/* once, unless nothing that it looks at has changed */
		test_assert_idx(test_control(store, &before, &record) == 0, i);
		/* nobody else */
		record = test_store_record(store, OTHER);
		test_assert_idx(record.phase == MIGRATION_PHASE_INITIAL &&
				record.control == MIGRATION_CONTROL_ACTIVE &&
				*record.credential != '\0', i);
	}
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

/* Logins and syncs change records too. */
/* Whoever has the lease of another node leaves it in the record. */
static void test_migration_store_control_leaves_lease(void)
{
	static const char *const leases[] = {
		"lease_owner = 'n', lease_until = 1700000060, hold_until = 7",
		"lease_owner = '', lease_until = 0, hold_until = 0",
	};
	struct migration_store *store;
	struct migration_record before, record;
	const char *text;
	unsigned int i;

	test_begin("migration store control: another node's lease");
	store = test_store_open();
	for (i = 0; i < N_ELEMENTS(leases); i++) {
		test_job_init(store, leases[i]);
		before = record = test_store_record(store, USER);
		test_assert(migration_state_pause(&record, &text) ==
			    MIGRATION_CHANGE_DONE);
		record.lease_owner = before.lease_owner;
		/* taken after the look */
		if (i == 1)
			test_job_set(store, leases[0]);
		test_assert_idx(test_control(store, &before, &record) == 1, i);
		record = test_store_record(store, USER);
		test_assert_idx(record.control == MIGRATION_CONTROL_PAUSED, i);
		test_assert_strcmp_idx(record.lease_owner, "n", i);
		test_assert_idx(record.lease_until == NOW + 60, i);
	}
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_control_changed(void)
{
	static const struct {
		const char *set;
		int ret;
	} tests[] = {
		{ "messages_done = 7, lease_until = 1700000070", 1 },
		{ "phase = 'following'", 0 },
		{ "control = 'blocked'", 0 },
		{ "reason = 'local'", 0 },
		{ "attempts = 1", 0 },
		{ "next_sync = 5", 0 },
		{ "credential = 'bmV3'", 0 },
		{ "finish_wanted = 1", 0 },
	};
	struct migration_store *store;
	struct migration_record before, record;
	const char *text;
	unsigned int i;

	test_begin("migration store control: changed since");
	store = test_store_open();
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_job_init(store, "lease_owner = 'n'");
		before = record = test_store_record(store, USER);
		test_assert(migration_state_pause(&record, &text) ==
			    MIGRATION_CHANGE_DONE);
		test_job_set(store, tests[i].set);
		test_assert_idx(test_control(store, &before, &record) ==
				tests[i].ret, i);
		record = test_store_record(store, USER);
		test_assert_idx((record.control == MIGRATION_CONTROL_PAUSED) ==
				(tests[i].ret == 1), i);
	}
	/* deleted */
	test_store_exec(store, "DELETE FROM migration_job");
	test_assert(test_control(store, &before, &record) == 0);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static int
test_delete(struct migration_store *store, const char *username, bool account)
{
	int ret;

	TEST_STORE(&ret, migration_store_delete, store, username, account);
	return ret;
}

static void test_migration_store_delete(void)
{
	struct migration_store *store;
	struct migration_record record;

	test_begin("migration store delete");
	store = test_store_open();
	test_job_init(store, "attempts = 1");
	test_assert(test_delete(store, USER, FALSE) == 1);
	test_assert(test_store_lookup(store, USER, &record) ==
		    MIGRATION_STORE_ACCOUNT);
	test_assert(test_delete(store, USER, FALSE) == 0);
	/* the account that is left */
	test_assert(test_delete(store, USER, TRUE) == 1);
	test_assert(test_store_lookup(store, USER, &record) ==
		    MIGRATION_STORE_NOTHING);
	test_assert(test_delete(store, USER, TRUE) == 0);
	/* both at once, and nobody else */
	test_job_init(store, "attempts = 1");
	test_assert(test_delete(store, USER, TRUE) == 1);
	test_assert(test_store_lookup(store, USER, &record) ==
		    MIGRATION_STORE_NOTHING);
	test_assert(test_store_lookup(store, OTHER, &record) ==
		    MIGRATION_STORE_RECORD);
	test_assert_strcmp(test_store_value(store,
		"SELECT COUNT(*) FROM migration_job"), "1");
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void
test_due_record(int ret, const struct migration_record *record,
		const char *error, void *context)
{
	string_t *str = context;

	test_assert((ret == 1) == (record != NULL));
	test_assert((ret < 0) == (error != NULL));
	if (record == NULL)
		str_append_c(str, '.');
	else
		str_append(str, t_strcut(record->username, '@'));
}

static const char *
test_finish_due(struct migration_store *store, const char *provider,
		time_t before, unsigned int limit)
{
	string_t *str = str_new(test_store_pool, 64);

	migration_store_finish_due(store, provider, before, NOW, limit,
				   test_due_record, str);
	return str_c(str);
}

/* The query and the pure rule say the same. */
static void test_migration_store_finish_due(void)
{
	static const struct {
		const char *set;
		bool due;
	} tests[] = {
		{ "phase = 'following', following_since = 1699999990", TRUE },
		{ "phase = 'following', following_since = 1699999991", FALSE },
		{ "phase = 'following', following_since = 5, "
		  "control = 'blocked', reason = 'account'", TRUE },
		{ "phase = 'following', following_since = 5, "
		  "control = 'paused'", FALSE },
		{ "phase = 'following', following_since = 5, "
		  "lease_until = 1700000001", FALSE },
		{ "phase = 'following', following_since = 5, "
		  "lease_until = 1700000000", TRUE },
		/* waits for the last sync, which those who are blocked cannot
		   have */
		{ "phase = 'following', following_since = 5, "
		  "finish_wanted = 1", FALSE },
		{ "phase = 'following', following_since = 5, "
		  "finish_wanted = 1, control = 'blocked'", TRUE },
		{ "phase = 'following', following_since = 5, "
		  "finish_wanted = 1, control = 'paused'", FALSE },
		{ "phase = 'initial', following_since = 0", FALSE },
		{ "phase = 'finished', following_since = 5", FALSE },
	};
	static const struct migration_finish_settings set = { 10, 0 };
	time_t before = migration_state_finish_before(&set, NOW);
	struct migration_store *store;
	struct migration_record record;
	unsigned int i;

	test_begin("migration store finish due");
	store = test_store_open();
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_job_init(store, tests[i].set);
		record = test_store_record(store, USER);
		test_assert_idx(migration_state_finish_is_due(&record, &set,
							      NOW) ==
				tests[i].due, i);
		test_assert_strcmp_idx(test_finish_due(store, "oldhost",
						       before, 10),
				       tests[i].due ? "user." : ".", i);
		test_assert_strcmp_idx(test_finish_due(store, "elsewhere",
						       before, 10), ".", i);
	}
	test_job_init(store, "attempts = 0");
	test_store_exec(store, "UPDATE migration_job SET phase = 'following', "
			"following_since = 5");
	test_assert_strcmp(test_finish_due(store, "oldhost", before, 1) + 4,
			   strcmp(test_finish_due(store, "oldhost", before, 1),
				  "user.") == 0 ? "." : "r.");
	/* by the index */
	test_assert(strstr(test_store_value(store,
		"SELECT group_concat(sql) FROM sqlite_master "
		"WHERE name = 'migration_job_finish'"),
		"(provider, phase, control, finish_wanted, following_since)") != NULL);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

/* A file as text, NULs replaced. */
static const char *test_read_binary(const char *path)
{
	char *data;
	ssize_t i, size = 0;
	int fd;

	data = t_malloc0(MAX_FILE_BYTES + 1);
	fd = open(path, O_RDONLY);
	if (fd == -1)
		i_fatal("open(%s) failed: %m", path);
	size = read(fd, data, MAX_FILE_BYTES);
	if (size < 0 || size == MAX_FILE_BYTES)
		i_fatal("read(%s) failed: %m", path);
	i_close_fd(&fd);
	for (i = 0; i < size; i++) {
		if (data[i] == '\0')
			data[i] = ' ';
	}
	return data;
}

/* TRUE if one of the database's files has the text. */
static bool test_files_have(const char *text)
{
	return strstr(test_read_binary(test_store_path()), text) != NULL ||
		strstr(test_read_binary(t_strconcat(test_store_path(), "-wal",
						    NULL)), text) != NULL;
}

static void test_migration_store_scrub(void)
{
	static const char *const ways[] = { "control", "delete", "sync" };
	struct migration_store *store;
	struct migration_record before, record;
	const char *text;
	unsigned int i;
	int ret;

	test_begin("migration store scrub");
	for (i = 0; i < N_ELEMENTS(ways); i++) {
		store = test_store_open();
		test_job_init(store, "credential = 'Sealed-In-A-Box', "
			      "phase = 'following', lease_owner = 'one'");
		test_assert_idx(test_files_have("Sealed-In-A-Box"), i);
		/* nothing to do */
		migration_store_scrub(store);
		before = record = test_store_record(store, USER);
		record.finish_wanted = TRUE;
		(void)migration_state_finish(&record, NOW, &text);
		if (strcmp(ways[i], "control") == 0) {
			test_assert(test_control(store, &before, &record) == 1);
		} else if (strcmp(ways[i], "delete") == 0) {
			test_assert(test_delete(store, USER, FALSE) == 1);
		} else {
			TEST_STORE(&ret, migration_store_finish_sync, store,
				   &before, &record, "one", NULL, NULL);
			test_assert(ret == 1);
		}
		/* or there would be nothing to test */
		test_assert_idx(test_files_have("Sealed-In-A-Box"), i);
		migration_store_scrub(store);
		test_assert_idx(!test_files_have("Sealed-In-A-Box"), i);
		migration_store_deinit(&store);
		test_tmp_remove();
	}
	test_end();
}

/* An older database: what follows already has followed since its sync. */
static void test_migration_store_upgrade(void)
{
	struct migration_store *store;
	struct migration_record record;

	test_begin("migration store: upgrade of records");
	store = test_store_open();
	test_job_init(store, "phase = 'following', last_sync = 1699999000");
	test_store_undo_to_7(store);
	test_store_exec(store, "DROP INDEX migration_job_overdue");
	test_store_exec(store, "DROP INDEX migration_job_finish");
	test_store_exec(store,
		"ALTER TABLE migration_job DROP COLUMN finish_wanted");
	test_store_exec(store,
		"ALTER TABLE migration_job DROP COLUMN following_since");
	test_store_exec(store, "ALTER TABLE migration_job DROP COLUMN notes");
	test_store_exec(store, "DROP TABLE migration_note");
	test_store_exec(store, "DROP TABLE migration_probe");
	/* as version 3 left it, as far as it matters */
	test_store_exec(store, "DELETE FROM migration_schema "
			"WHERE version > 3");
	migration_store_deinit(&store);

	store = test_store_open();
	record = test_store_record(store, USER);
	test_assert(record.following_since == 1699999000);
	test_assert(!record.finish_wanted);
	record = test_store_record(store, OTHER);
	test_assert(record.following_since == 0);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static int test_reseal(struct migration_store *store, const char *username,
		       const char *before, const char *credential)
{
	int ret;

	TEST_STORE(&ret, migration_store_reseal, store, username, before,
		   credential);
	return ret;
}

static void test_migration_store_reseal(void)
{
	struct migration_store *store;
	struct migration_record before, record;

	test_begin("migration store: sealed anew");
	store = test_store_open();
	test_store_adopt(store, "user@old.example", NOW);
	test_store_adopt(store, "other@old.example", NOW);
	before = test_store_record(store, "user@old.example");
	test_assert(test_reseal(store, before.username, before.credential,
				"bmV3") == 1);
	record = test_store_record(store, before.username);
	test_assert_strcmp(record.credential, "bmV3");
	test_assert(record.next_sync == before.next_sync &&
		    record.phase == before.phase);
	/* a login was quicker */
	test_assert(test_reseal(store, before.username, before.credential,
				"bGF0ZQ==") == 0);
	test_assert(test_reseal(store, "nobody@old.example", "x", "y") == 0);
	record = test_store_record(store, before.username);
	test_assert_strcmp(record.credential, "bmV3");
	test_assert_strcmp(test_store_value(store,
		"SELECT COUNT(*) FROM migration_job WHERE "
		"credential = 'bmV3'"), "1");
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_store_control,
		test_migration_store_control_changed,
		test_migration_store_control_leaves_lease,
		test_migration_store_delete,
		test_migration_store_finish_due,
		test_migration_store_scrub,
		test_migration_store_upgrade,
		test_migration_store_reseal,
		NULL
	};
	return test_store_run(test_functions);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* What syncs could not bring. */

#include "lib.h"
#include "str.h"
#include "test-common.h"
#include "migration-test-common.h"
#include "migration-test-store.h"

#define USER "user@old.example"
#define OTHER "other@old.example"
#define MANY_NOTES 1000

static string_t *list;
static unsigned int list_ends;
static int list_ret;

static void
test_list_callback(int ret, const struct migration_note *note,
		   const char *error, void *context ATTR_UNUSED)
{
	test_assert((note != NULL) == (ret > 0));
	test_assert((error != NULL) == (ret < 0));
	if (note == NULL) {
		list_ends++;
		list_ret = ret;
		return;
	}
	str_printfa(list, "%s %u %s %ld|", note->mailbox, note->uid,
		    note->text, (long)(note->since - NOW));
}

/* "mailbox uid text since|" for each, since from NOW on */
static const char *test_list(struct migration_store *store, const char *user)
{
	list = str_new(test_store_pool, 256);
	list_ends = 0;
	migration_store_list_notes(store, user, test_list_callback, NULL);
	test_assert_ucmp(list_ends, ==, 1);
	return str_c(list);
}

static void test_lease(struct migration_store *store, const char *user)
{
	test_store_exec(store, t_strdup_printf(
		"UPDATE migration_job SET lease_owner = 'one', "
		"lease_until = %ld WHERE username = '%s'", (long)NOW + 60,
		user));
}

static struct migration_store *test_note_store(void)
{
	struct migration_store *store = test_store_open();

	test_store_adopt(store, USER, NOW);
	test_store_adopt(store, OTHER, NOW);
	return store;
}

/* A sync of the user ends with these notes, by owner "one". */
static int
test_sync_end(struct migration_store *store, const char *user, const char *owner,
	 const struct migration_note *notes, unsigned int count,
	 unsigned int total)
{
	const struct migration_note **pointers =
		t_new(const struct migration_note *, count + 1);
	const struct migration_note_list note_list = {
		.notes = pointers, .count = count, .total = total,
	};
	struct migration_record before, record;
	unsigned int i;
	int ret;

	for (i = 0; i < count; i++)
		pointers[i] = &notes[i];
	before = record = test_store_record(store, user);
	record.notes = total;
	TEST_STORE(&ret, migration_store_finish_sync, store, &before, &record,
		   owner, NULL, &note_list);
	return ret;
}
#define TEST_SYNC_END(store, notes, total) \
	test_sync_end(store, USER, "one", notes, N_ELEMENTS(notes), total)

static void test_migration_store_notes(void)
{
	static const struct migration_note first[] = {
		{ "INBOX", 7, "too large", NOW },
		{ "INBOX", 0, "it's \"odd\" \\ %_ ?", NOW },
		{ "Entwürfe/日本", UINT32_MAX, "gone", NOW },
	};
	static const struct migration_note second[] = {
		{ "INBOX", 7, "still too large", NOW + 50 },
		{ "INBOX", 8, "too large", NOW + 50 },
		{ "inbox", 0, "another one", NOW + 50 },
	};
	static const struct migration_note other[] = {
		{ "INBOX", 7, "mine", NOW },
	};
	struct migration_store *store;
	struct migration_record before, record;
	int ret;

	test_begin("migration store notes");
	store = test_note_store();
	test_assert_strcmp(test_list(store, USER), "");
	test_assert_ucmp(test_store_record(store, USER).notes, ==, 0);
	test_lease(store, OTHER);
	test_assert(test_sync_end(store, OTHER, "one", other, 1, 1) == 1);
	test_lease(store, USER);
	test_assert(TEST_SYNC_END(store, first, 3) == 1);
	test_assert_strcmp(test_list(store, USER),
			   "Entwürfe/日本 4294967295 gone 0|"
			   "INBOX 0 it's \"odd\" \\ %_ ? 0|"
			   "INBOX 7 too large 0|");
	test_assert_ucmp(test_store_record(store, USER).notes, ==, 3);

	/* what is still so keeps its time, what is not is gone */
	test_lease(store, USER);
	test_assert(TEST_SYNC_END(store, second, 1005) == 1);
	test_assert_strcmp(test_list(store, USER),
			   "INBOX 7 still too large 0|INBOX 8 too large 50|"
			   "inbox 0 another one 50|");
	test_assert_ucmp(test_store_record(store, USER).notes, ==, 1005);

	/* a sync that has nothing to say about it */
	test_lease(store, USER);
	before = record = test_store_record(store, USER);
	TEST_STORE(&ret, migration_store_finish_sync, store, &before, &record,
		   "one", NULL, NULL);
	test_assert(ret == 1);
	test_assert_strcmp(test_list(store, USER),
			   "INBOX 7 still too large 0|INBOX 8 too large 50|"
			   "inbox 0 another one 50|");

	/* nothing is wrong any longer */
	test_lease(store, USER);
	test_assert(test_sync_end(store, USER, "one", NULL, 0, 0) == 1);
	test_assert_strcmp(test_list(store, USER), "");
	test_assert_ucmp(test_store_record(store, USER).notes, ==, 0);
	/* seen again, it begins anew */
	test_lease(store, USER);
	test_assert(TEST_SYNC_END(store, second, 3) == 1);
	test_assert(strstr(test_list(store, USER),
			   "INBOX 7 still too large 50|") != NULL);
	/* nobody else's */
	test_assert_strcmp(test_list(store, OTHER), "INBOX 7 mine 0|");
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

/* Who has lost the lease changes nothing; who has to look again because
   something else has changed writes the same once more. */
static void test_migration_store_notes_changed(void)
{
	static const struct migration_note first[] = {
		{ "INBOX", 7, "first", NOW },
	};
	static const struct migration_note second[] = {
		{ "INBOX", 7, "second", NOW + 50 },
	};
	struct migration_store *store;
	struct migration_record before, record;
	const struct migration_note *pointer = &second[0];
	const struct migration_note_list note_list = { &pointer, 1, 1 };
	int ret;

	test_begin("migration store notes: changed since");
	store = test_note_store();
	test_lease(store, USER);
	test_assert(TEST_SYNC_END(store, first, 1) == 1);
	test_lease(store, USER);
	test_assert(test_sync_end(store, USER, "two", second, 1, 1) == 0);
	test_assert_strcmp(test_list(store, USER), "INBOX 7 first 0|");

	before = record = test_store_record(store, USER);
	test_store_exec(store, "UPDATE migration_job SET finish_wanted = 1");
	TEST_STORE(&ret, migration_store_finish_sync, store, &before, &record,
		   "one", NULL, &note_list);
	test_assert(ret == 0);
	test_assert(TEST_SYNC_END(store, second, 1) == 1);
	test_assert_strcmp(test_list(store, USER), "INBOX 7 second 0|");
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_notes_many(void)
{
	struct migration_note notes[MANY_NOTES];
	struct migration_store *store;
	unsigned int i, round;

	test_begin("migration store notes: many");
	store = test_note_store();
	for (round = 0; round < 2; round++) {
		for (i = 0; i < MANY_NOTES; i++) {
			notes[i].mailbox = i % 2 == 0 ? "INBOX" : "Sent";
			notes[i].uid = i + 1;
			notes[i].text = "text";
			notes[i].since = NOW + round;
		}
		test_lease(store, USER);
		test_assert(test_sync_end(store, USER, "one", notes, MANY_NOTES,
				     MANY_NOTES) == 1);
		test_assert_strcmp(test_store_value(store,
			"SELECT COUNT(*) || ' ' || SUM(uid) || ' ' || "
			"MAX(since) FROM migration_note "
			"WHERE earlier = 0"), "1000 500500 1700000000");
	}
	test_assert_strcmp(test_store_value(store,
		"SELECT COUNT(*) FROM migration_note"), "1000");
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_notes_deleted(void)
{
	static const struct migration_note notes[] = {
		{ "INBOX", 7, "text", NOW },
	};
	struct migration_store *store;
	int ret;

	test_begin("migration store notes: with the record");
	store = test_note_store();
	test_lease(store, USER);
	test_assert(TEST_SYNC_END(store, notes, 1) == 1);
	TEST_STORE(&ret, migration_store_delete, store, USER, FALSE);
	test_assert(ret == 1);
	test_assert_strcmp(test_list(store, USER), "");

	/* left behind by an account that was deleted by hand */
	test_lease(store, OTHER);
	test_assert(test_sync_end(store, OTHER, "one", notes, 1, 1) == 1);
	test_store_exec(store, "DELETE FROM migration_account");
	test_store_adopt(store, OTHER, NOW);
	test_assert_strcmp(test_list(store, OTHER), "");
	test_assert_ucmp(test_store_record(store, OTHER).notes, ==, 0);

	test_store_exec(store, "DROP TABLE migration_note");
	(void)test_list(store, USER);
	test_assert(list_ret == -1);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

/* A row of somebody's hand does not hide the others. */
static void test_migration_store_notes_unreadable(void)
{
	static const struct migration_note notes[] = {
		{ "A", 1, "a", NOW },
		{ "B", 2, "b", NOW },
		{ "C", 3, "c", NOW },
	};
	static const char *const changes[] = {
		"uid = 'x'", "uid = -1", "uid = 4294967296", "since = ''",
	};
	struct migration_store *store;
	unsigned int i;

	test_begin("migration store notes: a bad row");
	store = test_note_store();
	for (i = 0; i < N_ELEMENTS(changes); i++) {
		test_lease(store, USER);
		test_assert_idx(TEST_SYNC_END(store, notes, 3) == 1, i);
		test_store_exec(store, t_strdup_printf(
			"UPDATE migration_note SET %s WHERE mailbox = 'B'",
			changes[i]));
		test_assert_strcmp_idx(test_list(store, USER),
				       "A 1 a 0|C 3 c 0|", i);
	}
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_store_notes,
		test_migration_store_notes_changed,
		test_migration_store_notes_many,
		test_migration_store_notes_deleted,
		test_migration_store_notes_unreadable,
		NULL
	};
	return test_store_run(test_functions);
}

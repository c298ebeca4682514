/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "str.h"
#include "unichar.h"
#include "migration-job-notes.h"
#include "migration-limits.h"
#include "test-common.h"

/* "mailbox uid text since|" for each, and the total; NULL if nobody has
   anything to say */
static const char *test_notes(struct migration_job_notes *notes)
{
	struct migration_note_list list;
	string_t *str = t_str_new(128);
	unsigned int i;

	if (!migration_job_notes_get(notes, &list))
		return NULL;
	for (i = 0; i < list.count; i++) {
		str_printfa(str, "%s %u %s %ld|", list.notes[i]->mailbox,
			    list.notes[i]->uid, list.notes[i]->text,
			    (long)list.notes[i]->since);
	}
	str_printfa(str, "%u", list.total);
	return str_c(str);
}

static void test_migration_job_notes(void)
{
	struct migration_job_notes *notes = migration_job_notes_init();

	test_begin("migration job notes");
	test_assert(test_notes(notes) == NULL);
	migration_job_notes_begin(notes);
	migration_job_notes_add(notes, "INBOX", 7, "too large", 100);
	migration_job_notes_add(notes, "INBOX", 0, "read-only", 101);
	migration_job_notes_add(notes, "Entwürfe", 7, "too large", 102);
	/* not before it has said how it went */
	test_assert(test_notes(notes) == NULL);
	migration_job_notes_end(notes, TRUE);
	test_assert_strcmp(test_notes(notes),
			   "INBOX 7 too large 100|INBOX 0 read-only 101|"
			   "Entwürfe 7 too large 102|3");
	migration_job_notes_deinit(&notes);
	test_assert(notes == NULL);
	test_end();
}

/* The newest worker that came to its end. */
static void test_migration_job_notes_workers(void)
{
	static const struct {
		/* what the second worker says, if anything */
		const char *text;
		bool ends, done;
		const char *after;
	} tests[] = {
		{ "b", TRUE, TRUE, "B 2 b 2|1" },
		{ "b", TRUE, FALSE, "B 2 b 2|1" },
		/* it died, or was told to stop */
		{ "b", FALSE, FALSE, "A 1 a 1|1" },
		{ NULL, FALSE, FALSE, "A 1 a 1|1" },
		/* nothing is wrong any longer */
		{ NULL, TRUE, TRUE, "0" },
		/* it got nowhere */
		{ NULL, TRUE, FALSE, "A 1 a 1|1" },
	};
	struct migration_job_notes *notes;
	unsigned int i;

	test_begin("migration job notes: several workers");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		notes = migration_job_notes_init();
		migration_job_notes_begin(notes);
		migration_job_notes_add(notes, "A", 1, "a", 1);
		migration_job_notes_end(notes, TRUE);
		migration_job_notes_begin(notes);
		if (tests[i].text != NULL) {
			migration_job_notes_add(notes, "B", 2, tests[i].text,
						2);
		}
		if (tests[i].ends)
			migration_job_notes_end(notes, tests[i].done);
		test_assert_strcmp_idx(test_notes(notes), tests[i].after, i);
		migration_job_notes_deinit(&notes);
	}
	/* the first got nowhere: what an earlier job has said stays */
	notes = migration_job_notes_init();
	migration_job_notes_begin(notes);
	migration_job_notes_end(notes, FALSE);
	test_assert(test_notes(notes) == NULL);
	migration_job_notes_deinit(&notes);
	test_end();
}

static void test_migration_job_notes_same(void)
{
	struct migration_job_notes *notes = migration_job_notes_init();

	test_begin("migration job notes: the same message");
	migration_job_notes_begin(notes);
	migration_job_notes_add(notes, "INBOX", 7, "no keywords", 1);
	migration_job_notes_add(notes, "INBOX", 7, "another UID", 2);
	migration_job_notes_add(notes, "INBOX", 7, "no keywords", 3);
	/* a name with a blank is another one */
	migration_job_notes_add(notes, "7 INBOX", 7, "x", 4);
	migration_job_notes_add(notes, "INBOX", 77, "y", 5);
	migration_job_notes_end(notes, TRUE);
	test_assert_strcmp(test_notes(notes),
			   "INBOX 7 no keywords; another UID 1|"
			   "7 INBOX 7 x 4|INBOX 77 y 5|3");
	migration_job_notes_deinit(&notes);
	test_end();
}

static void test_migration_job_notes_bounds(void)
{
	struct migration_job_notes *notes = migration_job_notes_init();
	struct migration_note_list list;
	string_t *text = t_str_new(10000);
	unsigned int i;

	test_begin("migration job notes: bounds");
	for (i = 0; i < 9999; i++)
		str_append_c(text, i % 10 == 9 ? '\n' : 'x');
	migration_job_notes_begin(notes);
	/* the database would not take the name */
	migration_job_notes_add(notes, str_c(text), 1, "y", 1);
	migration_job_notes_add(notes, "INBOX", 1, str_c(text), 1);
	for (i = 0; i < 100; i++) {
		migration_job_notes_add(notes, "INBOX", 2,
					t_strdup_printf("%u %s", i,
							str_c(text)), 1);
	}
	/* the end of a character is cut off */
	str_truncate(text, MIGRATION_MAX_NOTE_BYTES - 1);
	str_append(text, "ü");
	migration_job_notes_add(notes, "INBOX", 3, str_c(text), 1);
	for (i = 4; i < MIGRATION_MAX_NOTES * 2; i++)
		migration_job_notes_add(notes, "INBOX", i, "z", 1);
	migration_job_notes_end(notes, TRUE);

	test_assert(migration_job_notes_get(notes, &list));
	test_assert_ucmp(list.count, ==, MIGRATION_MAX_NOTES);
	test_assert_ucmp(list.total, ==, MIGRATION_MAX_NOTES * 2);
	for (i = 0; i < list.count; i++) {
		/* what is replaced is at most 3 bytes long */
		test_assert_idx(strlen(list.notes[i]->text) <=
				MIGRATION_MAX_NOTE_BYTES * 3, i);
		test_assert_idx(strchr(list.notes[i]->text, '\n') == NULL, i);
		test_assert_idx(uni_utf8_str_is_valid(list.notes[i]->text), i);
	}
	migration_job_notes_deinit(&notes);
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_job_notes,
		test_migration_job_notes_workers,
		test_migration_job_notes_same,
		test_migration_job_notes_bounds,
		NULL
	};
	return test_run(test_functions);
}

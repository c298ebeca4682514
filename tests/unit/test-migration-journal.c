/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "hostpid.h"
#include "ioloop.h"
#include "migration-journal.h"
#include "test-common.h"
#include "migration-test-common.h"

#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#define TEST_JOURNAL "dovecot-migration.journal"
#define TEST_SLACK_SECS 60
#define TEST_MTIME 2000

static const char *test_journal_path(void)
{
	return test_tmp_path(TEST_JOURNAL);
}

static const char *test_journal_dir(void)
{
	const char *path = test_journal_path();

	return t_strdup_until(path, strrchr(path, '/'));
}

static struct migration_journal *test_journal_begin(void)
{
	struct migration_journal *journal;
	const char *error;

	if (migration_journal_begin(test_journal_dir(), &journal, &error) < 0)
		i_fatal("migration_journal_begin() failed: %s", error);
	return journal;
}

/* What an interrupted run has left, as "<pid> <host> <begun>-<ended>|..." */
static const char *test_journal_unended(struct migration_journal *journal)
{
	const struct migration_journal_entry *entry;
	const char *str = "";

	array_foreach(migration_journal_get_unended(journal), entry) {
		str = t_strdup_printf("%s%s %s %" PRIdTIME_T "-%" PRIdTIME_T
				      "|", str, entry->pid, entry->host,
				      entry->begun, entry->ended);
	}
	return str;
}

static void test_migration_journal_ended(void)
{
	struct migration_journal *journal;
	const char *error;
	struct stat st;

	test_begin("migration journal: runs that ended");
	for (unsigned int i = 0; i < 2; i++) {
		journal = test_journal_begin();
		test_assert_idx(migration_journal_is_unended(
					test_journal_dir(), &error) == 1, i);
		test_assert_strcmp_idx(test_journal_unended(journal), "", i);
		test_assert_idx(stat(test_journal_path(), &st) == 0 &&
				(st.st_mode & 07777) == 0600, i);
		migration_journal_close(&journal, TRUE);
		test_assert_idx(journal == NULL, i);
		test_assert_idx(stat(test_journal_path(), &st) < 0 &&
				errno == ENOENT, i);
		test_assert_idx(migration_journal_is_unended(
					test_journal_dir(), &error) == 0, i);
	}
	/* somebody has removed it meanwhile */
	journal = test_journal_begin();
	i_unlink(test_journal_path());
	migration_journal_touch(journal);
	migration_journal_close(&journal, TRUE);
	test_tmp_remove();
	test_end();
}

static void test_migration_journal_unended(void)
{
	struct migration_journal *journal;
	const struct migration_journal_entry *entry;
	const ARRAY_TYPE(migration_journal_entry) *unended;
	struct stat st;

	test_begin("migration journal: runs that did not end");
	ioloop_time = 1000;
	for (unsigned int i = 0; i < 3; i++) {
		journal = test_journal_begin();
		unended = migration_journal_get_unended(journal);
		test_assert_ucmp_idx(array_count(unended), ==, i, i);
		if (stat(test_journal_path(), &st) < 0)
			i_fatal("stat() failed: %m");
		array_foreach(unended, entry) {
			unsigned int idx = array_foreach_idx(unended, entry);

			test_assert_strcmp_idx(entry->pid, my_pid, idx);
			test_assert_strcmp_idx(entry->host, my_hostname, idx);
			test_assert_idx(entry->begun == 1000 + (time_t)idx,
					idx);
			/* by the next one's begin, or the file's time */
			if (idx + 1 < i) {
				test_assert_idx(entry->ended ==
						1001 + (time_t)idx +
						TEST_SLACK_SECS, idx);
			} else {
				test_assert_idx(entry->ended >
						st.st_mtime - TEST_SLACK_SECS,
						idx);
			}
		}
		migration_journal_close(&journal, FALSE);
		ioloop_time++;
	}
	/* one orderly end settles all of them */
	journal = test_journal_begin();
	migration_journal_close(&journal, TRUE);
	journal = test_journal_begin();
	test_assert_strcmp(test_journal_unended(journal), "");
	migration_journal_close(&journal, TRUE);
	test_tmp_remove();
	test_end();
}

static void test_migration_journal_lines(void)
{
	static const struct {
		const char *text, *unended;
	} tests[] = {
		{ "", "" },
		{ "\n\n", "" },
		{ "\n1 a 100 begun\n", "1 a 100-2060|" },
		{ "\n1 a 100 begun\n\n2 b 200 begun\n",
		  "1 a 100-260|2 b 200-2060|" },
		/* half a line, alone or before a whole one */
		{ "\n1 a 100 beg", "" },
		{ "\n1 a 10\n2 b 200 begun\n", "2 b 200-2060|" },
		{ "\n1 a\n2 b 200 begun\n", "2 b 200-2060|" },
		/* the clocks of two hosts differ by 600 seconds, and what has
		   the times of files is between them */
		{ "\n1 a 500 -300 begun\n\n2 b 0 300 begun\n",
		  "1 a 500-660|2 b 0-2060|" },
		{ "\n1 a 100 x begun\n", "" },
		{ "\n1 a 100 3 4 begun\n", "" },
		{ "\n1\n2 b 200 begun\n", "2 b 200-2060|" },
		/* the end of the file is lost but for its line feed */
		{ "\n1 a 100 begun", "" },
		{ "\n1 a x begun\n", "" },
		{ "\n1 a 100 begun 3\n", "" },
	};
	const struct utimbuf times = { TEST_MTIME, TEST_MTIME };
	struct migration_journal *journal;

	test_begin("migration journal: lines");
	for (unsigned int i = 0; i < N_ELEMENTS(tests); i++) {
		test_write_file(test_journal_path(), 0600, tests[i].text);
		if (utime(test_journal_path(), &times) < 0)
			i_fatal("utime() failed: %m");
		journal = test_journal_begin();
		test_assert_strcmp_idx(test_journal_unended(journal),
				       tests[i].unended, i);
		migration_journal_close(&journal, FALSE);
		/* whatever was there, this run's own line is whole */
		journal = test_journal_begin();
		test_assert_idx(array_count(migration_journal_get_unended(
					journal)) > 0, i);
		migration_journal_close(&journal, TRUE);
	}
	test_tmp_remove();
	test_end();
}

static void test_migration_journal_touch(void)
{
	const struct utimbuf times = { TEST_MTIME, TEST_MTIME };
	struct migration_journal *journal;
	struct stat st;

	test_begin("migration journal: sign of life");
	journal = test_journal_begin();
	if (utime(test_journal_path(), &times) < 0)
		i_fatal("utime() failed: %m");
	migration_journal_touch(journal);
	test_assert(stat(test_journal_path(), &st) == 0 &&
		    st.st_mtime > TEST_MTIME);
	migration_journal_close(&journal, TRUE);
	test_tmp_remove();
	test_end();
}

static void test_migration_journal_errors(void)
{
	struct migration_journal *journal;
	const char *dir = test_journal_dir(), *error;

	test_begin("migration journal: errors");
	test_assert(migration_journal_begin(t_strconcat(dir, "/none", NULL),
					    &journal, &error) < 0);
	test_assert(strstr(error, TEST_JOURNAL) != NULL &&
		    strstr(error, strerror(ENOENT)) != NULL);
	/* never another's file */
	if (symlink("elsewhere", test_journal_path()) < 0)
		i_fatal("symlink() failed: %m");
	test_assert(migration_journal_begin(dir, &journal, &error) < 0);
	test_assert(access(test_tmp_path("elsewhere"), F_OK) < 0);
	test_tmp_remove();
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_journal_ended,
		test_migration_journal_unended,
		test_migration_journal_lines,
		test_migration_journal_touch,
		test_migration_journal_errors,
		NULL
	};
	int ret;

	hostpid_init();
	ret = test_run(test_functions);
	hostpid_deinit();
	return ret;
}

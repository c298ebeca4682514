/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "hostpid.h"
#include "ioloop.h"
#include "istream.h"
#include "write-full.h"
#include "migration-journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#define JOURNAL_FILENAME "dovecot-migration.journal"
#define JOURNAL_MAX_LINE 1024
/* Ends each line: one without it is half a line, and its writer never came to
   pull. */
#define JOURNAL_LINE_END "begun"
/* Since a run's last sign of life it may have made files, and the run behind
   it noted its own begin before it waited for the lock: more than the interval
   between the signs and that waiting together. */
#define JOURNAL_SLACK_SECS 60
/* Clocks that differ by less are the same. */
#define JOURNAL_SAME_CLOCK_SECS 3

struct migration_journal {
	pool_t pool;
	const char *path;
	ARRAY_TYPE(migration_journal_entry) unended;
};

/* "<pid> <host> <begun> begun", or "<pid> <host> <begun> <ahead> begun" if the
   file server has another clock. */
static void
journal_read_line(struct migration_journal *journal, const char *line)
{
	const char *const *args = t_strsplit_spaces(line, " ");
	unsigned int count = str_array_length(args);
	struct migration_journal_entry *entry;
	intmax_t ahead = 0;
	time_t begun;

	if ((count != 4 && count != 5) ||
	    strcmp(args[count - 1], JOURNAL_LINE_END) != 0 ||
	    str_to_time(args[2], &begun) < 0 ||
	    (count == 5 && str_to_intmax(args[3], &ahead) < 0))
		return;
	entry = array_append_space(&journal->unended);
	entry->pid = p_strdup(journal->pool, args[0]);
	entry->host = p_strdup(journal->pool, args[1]);
	entry->begun = begun;
	entry->ahead = ahead;
}

/* A run was dead when the next one had the lock, perhaps on a host with another
   clock, and the last one soon after the file's time. */
static void journal_set_ends(struct migration_journal *journal, time_t mtime)
{
	struct migration_journal_entry *entries;
	unsigned int i, count;

	entries = array_get_modifiable(&journal->unended, &count);
	for (i = 0; i < count; i++) {
		entries[i].ended = JOURNAL_SLACK_SECS + mtime;
		if (i + 1 < count) {
			entries[i].ended =
				JOURNAL_SLACK_SECS + entries[i + 1].begun +
				entries[i + 1].ahead - entries[i].ahead;
		}
	}
}

static int
journal_read(struct migration_journal *journal, int fd, const char **error_r)
{
	struct istream *input;
	struct stat st;
	const char *line;
	int ret = 0;

	if (fstat(fd, &st) < 0) {
		*error_r = t_strdup_printf("fstat failed: %m");
		return -1;
	}
	input = i_stream_create_fd(fd, JOURNAL_MAX_LINE);
	while ((line = i_stream_read_next_line(input)) != NULL) {
		T_BEGIN
		{
			journal_read_line(journal, line);
		}
		T_END;
	}
	if (input->stream_errno != 0) {
		*error_r = t_strdup_printf("read failed: %s",
					   i_stream_get_error(input));
		ret = -1;
	}
	i_stream_destroy(&input);
	journal_set_ends(journal, st.st_mtime);
	return ret;
}

/* The file was written just now. Returns "", or the difference and a blank. */
static int journal_get_ahead(int fd, const char **ahead_r)
{
	struct stat st;
	time_t ahead;

	if (fstat(fd, &st) < 0)
		return -1;
	ahead = st.st_mtime - time(NULL);
	*ahead_r = ahead > -JOURNAL_SAME_CLOCK_SECS &&
				   ahead < JOURNAL_SAME_CLOCK_SECS ?
			   "" :
			   t_strdup_printf("%" PRIdTIME_T " ", ahead);
	return 0;
}

static int journal_add(int fd, const char **error_r)
{
	const char *line, *ahead;
	int ret;

	ret = lseek(fd, 0, SEEK_END) == (off_t)-1 ? -1 :
						    write_full(fd, "\n", 1);
	if (ret == 0)
		ret = journal_get_ahead(fd, &ahead);
	if (ret == 0) {
		/* file names have the ioloop's time, too */
		line = t_strdup_printf("%s %s %" PRIdTIME_T
				       " %s" JOURNAL_LINE_END "\n",
				       my_pid, my_hostname, ioloop_time, ahead);
		ret = write_full(fd, line, strlen(line));
	}
	if (ret < 0 || fdatasync(fd) < 0) {
		*error_r = t_strdup_printf("write failed: %m");
		return -1;
	}
	return 0;
}

int migration_journal_is_unended(const char *dir, const char **error_r)
{
	const char *path = t_strconcat(dir, "/" JOURNAL_FILENAME, NULL);

	/* whoever has the lock and has ended has removed it */
	if (access(path, F_OK) == 0)
		return 1;
	if (errno == ENOENT)
		return 0;
	*error_r = t_strdup_printf("access(%s) failed: %m", path);
	return -1;
}

int migration_journal_begin(const char *dir,
			    struct migration_journal **journal_r,
			    const char **error_r)
{
	struct migration_journal *journal;
	const char *path, *error;
	pool_t pool;
	int fd;

	path = t_strconcat(dir, "/" JOURNAL_FILENAME, NULL);
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
	if (fd == -1) {
		*error_r = t_strdup_printf("open(%s) failed: %m", path);
		return -1;
	}
	pool = pool_alloconly_create("migration journal", 512);
	journal = p_new(pool, struct migration_journal, 1);
	journal->pool = pool;
	journal->path = p_strdup(pool, path);
	p_array_init(&journal->unended, pool, 4);
	if (journal_read(journal, fd, &error) < 0 ||
	    journal_add(fd, &error) < 0) {
		*error_r = t_strdup_printf("%s: %s", path, error);
		i_close_fd(&fd);
		pool_unref(&pool);
		return -1;
	}
	i_close_fd(&fd);
	migration_journal_touch(journal);
	*journal_r = journal;
	return 0;
}

const ARRAY_TYPE(migration_journal_entry) *
migration_journal_get_unended(const struct migration_journal *journal)
{
	return &journal->unended;
}

void migration_journal_touch(const struct migration_journal *journal)
{
	/* the clock that file names have, also where a file server has another */
	time_t now = time(NULL);
	const struct utimbuf times = { .actime = now, .modtime = now };

	if (utime(journal->path, &times) < 0 && errno != ENOENT)
		i_error("utime(%s) failed: %m", journal->path);
}

void migration_journal_close(struct migration_journal **_journal, bool ended)
{
	struct migration_journal *journal = *_journal;

	*_journal = NULL;
	if (ended && unlink(journal->path) < 0 && errno != ENOENT) {
		/* only costs a needless repair */
		i_error("unlink(%s) failed: %m", journal->path);
	}
	pool_unref(&journal->pool);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "hostpid.h"
#include "istream.h"
#include "write-full.h"
#include "migration-journal.h"

#include <fcntl.h>
#include <unistd.h>

#define JOURNAL_FILENAME "dovecot-migration.journal"
#define JOURNAL_MAX_LINE 1024

struct migration_journal {
	pool_t pool;
	const char *path;
	ARRAY_TYPE(migration_journal_entry) unended;
};

static void journal_read(struct migration_journal *journal, int fd)
{
	struct istream *input = i_stream_create_fd(fd, JOURNAL_MAX_LINE);
	struct migration_journal_entry *entry;
	const char *line, *p;

	while ((line = i_stream_read_next_line(input)) != NULL) {
		p = strchr(line, ' ');
		/* half a line was never followed by a pull */
		if (p == NULL || p == line || p[1] == '\0')
			continue;
		entry = array_append_space(&journal->unended);
		entry->pid = p_strdup_until(journal->pool, line, p);
		entry->host = p_strdup(journal->pool, p + 1);
	}
	i_stream_destroy(&input);
}

static int journal_add(int fd, const char **error_r)
{
	const char *line = t_strdup_printf("\n%s %s\n", my_pid, my_hostname);

	if (lseek(fd, 0, SEEK_END) == (off_t)-1 ||
	    write_full(fd, line, strlen(line)) < 0 || fdatasync(fd) < 0) {
		*error_r = t_strdup_printf("write failed: %m");
		return -1;
	}
	return 0;
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
	journal_read(journal, fd);
	if (journal_add(fd, &error) < 0) {
		*error_r = t_strdup_printf("%s: %s", path, error);
		i_close_fd(&fd);
		pool_unref(&pool);
		return -1;
	}
	i_close_fd(&fd);
	*journal_r = journal;
	return 0;
}

const ARRAY_TYPE(migration_journal_entry) *
migration_journal_get_unended(const struct migration_journal *journal)
{
	return &journal->unended;
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

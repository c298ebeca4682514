/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "read-full.h"
#include "unlink-directory.h"
#include "write-full.h"
#include "migration-test-common.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char *test_tmp_dir;

const char *test_tmp_path(const char *name)
{
	const char *parent;

	if (test_tmp_dir == NULL) {
		parent = getenv("TMPDIR");
		test_tmp_dir = i_strdup_printf("%s/test-migration.XXXXXX",
					       parent != NULL ? parent :
					       "/tmp");
		if (mkdtemp(test_tmp_dir) == NULL)
			i_fatal("mkdtemp(%s) failed: %m", test_tmp_dir);
	}
	return t_strdup_printf("%s/%s", test_tmp_dir, name);
}

void test_tmp_remove(void)
{
	const char *error;

	if (test_tmp_dir == NULL)
		return;
	if (unlink_directory(test_tmp_dir, UNLINK_DIRECTORY_FLAG_RMDIR,
			     &error) < 0)
		i_fatal("unlink_directory(%s) failed: %s", test_tmp_dir,
			error);
	i_free(test_tmp_dir);
}

void test_write_file(const char *path, mode_t mode, const char *text)
{
	int fd;

	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd == -1)
		i_fatal("open(%s) failed: %m", path);
	if (write_full(fd, text, strlen(text)) < 0)
		i_fatal("write(%s) failed: %m", path);
	if (fchmod(fd, mode) < 0)
		i_fatal("fchmod(%s) failed: %m", path);
	i_close_fd(&fd);
}

const char *test_read_file(const char *path)
{
	struct stat st;
	char *text;
	int fd;

	fd = open(path, O_RDONLY);
	if (fd == -1)
		i_fatal("open(%s) failed: %m", path);
	if (fstat(fd, &st) < 0)
		i_fatal("fstat(%s) failed: %m", path);
	text = t_malloc0(st.st_size + 1);
	if (read_full(fd, text, st.st_size) <= 0)
		i_fatal("read(%s) failed: %m", path);
	i_close_fd(&fd);
	return text;
}

unsigned int test_random(unsigned int limit)
{
	static uint32_t state = 2463534242;

	/* xorshift32 (Marsaglia) */
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % limit;
}

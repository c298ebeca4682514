/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* Preloaded into a program: kills it with SIGKILL just before its Nth call that
   changes something on disk. The file $CRASHER has two numbers of 64 bits: the
   calls that are left (0: never), and the calls that there were. With
   $CRASHER_FILE only those that put a file of that name into its place. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int64_t *numbers;
static const char *only_file;

__attribute__((constructor)) static void crasher_init(void)
{
	const char *path = getenv("CRASHER");
	void *map;
	int fd;

	if (path == NULL)
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd == -1)
		abort();
	map = mmap(NULL, 2 * sizeof(int64_t), PROT_READ | PROT_WRITE,
		   MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		abort();
	close(fd);
	numbers = map;
	only_file = getenv("CRASHER_FILE");
	/* the environment makes room for the title of the process */
	if (only_file != NULL)
		only_file = strdup(only_file);
}

static void changes_now(void)
{
	if (numbers == NULL)
		return;
	numbers[1]++;
	if (numbers[0] > 0 && --numbers[0] == 0)
		kill(getpid(), SIGKILL);
}

static void changes(void)
{
	if (only_file == NULL)
		changes_now();
}

static void changes_name(const char *path)
{
	const char *name = strrchr(path, '/');

	if (only_file == NULL ||
	    strcmp(name == NULL ? path : name + 1, only_file) == 0)
		changes_now();
}

static void changes_fd(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		changes();
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define FUNCTION(type, name, parameters, arguments, before) \
	type name parameters \
	{ \
		static __typeof__(&name) real; \
\
		if (real == NULL) \
			real = REAL(name); \
		before; \
		return real arguments; \
	}

#define OPEN(name, parameters, arguments) \
	int name parameters \
	{ \
		static __typeof__(&name) real; \
		mode_t mode = 0; \
		va_list args; \
\
		if (real == NULL) \
			real = REAL(name); \
		if ((flags & O_CREAT) != 0) { \
			va_start(args, flags); \
			mode = va_arg(args, mode_t); \
			va_end(args); \
			changes(); \
		} \
		return real arguments; \
	}

OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
OPEN(openat, (int dir, const char *path, int flags, ...),
     (dir, path, flags, mode))
OPEN(openat64, (int dir, const char *path, int flags, ...),
     (dir, path, flags, mode))

FUNCTION(int, rename, (const char *from, const char *to), (from, to),
	 changes_name(to))
FUNCTION(int, link, (const char *from, const char *to), (from, to),
	 changes_name(to))
FUNCTION(int, symlink, (const char *from, const char *to), (from, to),
	 changes())
FUNCTION(int, unlink, (const char *path), (path), changes())
FUNCTION(int, mkdir, (const char *path, mode_t mode), (path, mode), changes())
FUNCTION(int, rmdir, (const char *path), (path), changes())
FUNCTION(int, ftruncate, (int fd, off_t size), (fd, size), changes_fd(fd))
FUNCTION(int, ftruncate64, (int fd, off64_t size), (fd, size), changes_fd(fd))
FUNCTION(ssize_t, write, (int fd, const void *data, size_t size),
	 (fd, data, size), changes_fd(fd))
FUNCTION(ssize_t, writev, (int fd, const struct iovec *iov, int count),
	 (fd, iov, count), changes_fd(fd))
FUNCTION(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t offset),
	 (fd, data, size, offset), changes_fd(fd))
FUNCTION(ssize_t, pwrite64,
	 (int fd, const void *data, size_t size, off64_t offset),
	 (fd, data, size, offset), changes_fd(fd))

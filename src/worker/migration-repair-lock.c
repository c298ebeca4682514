/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "sleep.h"
#include "mailbox-list-private.h"
#include "migration-compat.h"
#include "migration-leftover.h"
#include "migration-repair-lock.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Dovecot's file-dotlock.c and mail-transaction-log-file.c */
#define LOCK_SUFFIX ".lock"
#define LOCK_NEW_SUFFIX ".newlock"
/* Who lives has long gone on after that. */
#define LOCK_WAIT_MSECS 500

struct repair_lock {
	const ARRAY_TYPE(migration_journal_entry) *killed;
	const char *path;
	struct stat st;
	/* "<pid>:<host>", or whatever is to become the file */
	char content[256];
};

/* Returns FALSE if there is no such file. */
static bool lock_read(struct repair_lock *lock)
{
	ssize_t size = -1;
	int fd;

	fd = open(lock->path, O_RDONLY | O_NOFOLLOW);
	if (fd == -1)
		return FALSE;
	if (fstat(fd, &lock->st) == 0)
		size = read(fd, lock->content, sizeof(lock->content) - 1);
	i_close_fd(&fd);
	lock->content[I_MAX(size, 0)] = '\0';
	return size >= 0;
}

/* "<pid>:<host>", as Dovecot's file-dotlock.c writes it. */
static bool lock_has_owner(const struct repair_lock *lock)
{
	const char *p;
	uintmax_t pid;

	return str_parse_uintmax(lock->content, &pid, &p) == 0 && *p == ':' &&
	       p[1] != '\0';
}

/* Its owner is a killed run; or it has no name in it, was made while a killed
   run lived, and nothing happens to it any longer. */
static bool lock_is_dead(struct repair_lock *lock)
{
	struct stat before;

	if (!lock_read(lock))
		return FALSE;
	if (migration_leftover_is_lock(lock->killed, lock->content))
		return TRUE;
	/* Dovecot knows whether that one lives */
	if (lock_has_owner(lock))
		return FALSE;
	if (!migration_leftover_is_time(lock->killed, lock->st.st_mtime))
		return FALSE;
	before = lock->st;
	i_sleep_msecs(LOCK_WAIT_MSECS);
	return lock_read(lock) && lock->st.st_ino == before.st_ino &&
	       lock->st.st_size == before.st_size &&
	       lock->st.st_mtime == before.st_mtime;
}

static int
lock_remove(const char *path, const ARRAY_TYPE(migration_journal_entry) *killed,
	    const char **error_r)
{
	struct repair_lock lock = { .killed = killed, .path = path };

	if (!lock_is_dead(&lock))
		return 0;
	if (unlink(path) < 0 && errno != ENOENT) {
		*error_r = t_strdup_printf("unlink(%s) failed: %m", path);
		return -1;
	}
	return 0;
}

static bool lock_is_name(struct mailbox_list *list, const char *name)
{
	const char *suffix = strrchr(name, '.');

	if (suffix == NULL)
		return FALSE;
	if (strcmp(suffix, LOCK_NEW_SUFFIX) == 0)
		return TRUE;
	if (strcmp(suffix, LOCK_SUFFIX) != 0)
		return FALSE;
	name = t_strdup_until(name, suffix);
	return strcmp(name, "dovecot-uidlist") == 0 ||
	       strcmp(name, "dovecot-keywords") == 0 ||
	       strcmp(name, migration_list_get_subscriptions_filename(list)) ==
		       0;
}

/* Maildir's folders of messages have no locks, and may be large. */
static bool lock_is_dir(const struct dirent *d, const char *path)
{
	struct stat st;

	if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
	    strcmp(d->d_name, "cur") == 0 || strcmp(d->d_name, "new") == 0 ||
	    strcmp(d->d_name, "tmp") == 0)
		return FALSE;
	if (d->d_type != DT_UNKNOWN)
		return d->d_type == DT_DIR;
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int lock_remove_below(struct mailbox_list *list, const char *root,
			     const ARRAY_TYPE(migration_journal_entry) *killed,
			     const char **error_r)
{
	struct dirent *d;
	DIR *dir;
	int ret = 0;

	dir = opendir(root);
	if (dir == NULL)
		return 0;
	while (ret == 0 && (d = readdir(dir)) != NULL) {
		T_BEGIN
		{
			const char *path =
				t_strconcat(root, "/", d->d_name, NULL);

			if (lock_is_name(list, d->d_name))
				ret = lock_remove(path, killed, error_r);
			else if (lock_is_dir(d, path))
				ret = lock_remove_below(list, path, killed,
							error_r);
		}
		T_END_PASS_STR_IF(ret < 0, error_r);
	}
	(void)closedir(dir);
	return ret;
}

int migration_repair_locks(struct mailbox_list *list,
			   const ARRAY_TYPE(migration_journal_entry) *killed,
			   const char **error_r)
{
	static const enum mailbox_list_path_type types[] = {
		MAILBOX_LIST_PATH_TYPE_DIR,
		MAILBOX_LIST_PATH_TYPE_INDEX,
		MAILBOX_LIST_PATH_TYPE_CONTROL,
	};
	const char *root, *seen[N_ELEMENTS(types) + 1] = { NULL };
	unsigned int i, count = 0;

	for (i = 0; i < N_ELEMENTS(types); i++) {
		if (!mailbox_list_get_root_path(list, types[i], &root) ||
		    str_array_find(seen, root))
			continue;
		seen[count++] = root;
		if (lock_remove_below(list, root, killed, error_r) < 0)
			return -1;
	}
	return 0;
}

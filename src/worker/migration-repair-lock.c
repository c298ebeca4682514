/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "sleep.h"
#include "mailbox-list-private.h"
#include "migration-leftover.h"
#include "migration-repair-lock.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Dovecot's file-dotlock.c */
#define LOCK_SUFFIX ".lock"
#define LOCK_UIDLIST "dovecot-uidlist" LOCK_SUFFIX
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

/* Its owner has its name in it, or it was made while a killed run lived and
   nothing happens to it any longer. */
static bool lock_is_dead(struct repair_lock *lock)
{
	struct stat before;

	if (!lock_read(lock))
		return FALSE;
	if (migration_leftover_is_lock(lock->killed, lock->content))
		return TRUE;
	if (!migration_leftover_is_time(lock->killed, lock->st.st_mtime))
		return FALSE;
	before = lock->st;
	i_sleep_msecs(LOCK_WAIT_MSECS);
	return lock_read(lock) && lock->st.st_ino == before.st_ino &&
	       lock->st.st_size == before.st_size &&
	       lock->st.st_mtime == before.st_mtime;
}

int migration_repair_lock(const char *path,
			  const ARRAY_TYPE(migration_journal_entry) *killed,
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

int migration_repair_locks(struct mailbox_list *list,
			   const ARRAY_TYPE(migration_journal_entry) *killed,
			   const char **error_r)
{
	const char *root, *path;
	struct dirent *d;
	DIR *dir;
	int ret;

	if (!mailbox_list_get_root_path(list, MAILBOX_LIST_PATH_TYPE_CONTROL,
					&root))
		return 0;
	path = t_strdup_printf("%s/%s" LOCK_SUFFIX, root,
			       list->set.subscription_fname);
	ret = migration_repair_lock(path, killed, error_r);
	dir = opendir(root);
	if (dir == NULL)
		return ret;
	/* INBOX is ".", the others are ".name" */
	while (ret == 0 && (d = readdir(dir)) != NULL) {
		if (d->d_name[0] != '.' || strcmp(d->d_name, "..") == 0)
			continue;
		T_BEGIN
		{
			path = t_strdup_printf("%s/%s/" LOCK_UIDLIST, root,
					       d->d_name);
			ret = migration_repair_lock(path, killed, error_r);
		}
		T_END_PASS_STR_IF(ret < 0, error_r);
	}
	(void)closedir(dir);
	return ret;
}

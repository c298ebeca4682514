/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "hash.h"
#include "istream.h"
#include "str.h"
#include "mail-namespace.h"
#include "mail-storage-private.h"
#include "mailbox-list-iter.h"
#include "migration-compat.h"
#include "migration-leftover.h"
#include "migration-repair-lock.h"
#include "migration-repair-mdbox.h"
#include "migration-repair.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* See Dovecot's maildir-uidlist.c and maildir-keywords.c */
#define MAILDIR_UIDLIST "dovecot-uidlist"
#define MAILDIR_KEYWORDS "dovecot-keywords"

struct repair_maildir {
	pool_t pool;
	const ARRAY_TYPE(migration_journal_entry) *killed;
	/* base names that have a UID */
	HASH_TABLE(const char *, const char *) known;
	/* which letters a..z stand for a keyword */
	bool keywords[MIGRATION_LEFTOVER_KEYWORDS];
};

struct repair_sdbox {
	const ARRAY_TYPE(migration_journal_entry) *killed;
	uint32_t next_uid;
};

/* Calls for every name in the directory; one that does not exist is empty. */
static int repair_dir(const char *path,
		      int (*callback)(const char *dir, const char *name,
				      void *context, const char **error_r),
		      void *context, const char **error_r)
{
	struct dirent *d;
	DIR *dir;
	int ret = 0;

	dir = opendir(path);
	if (dir == NULL) {
		if (errno == ENOENT)
			return 0;
		*error_r = t_strdup_printf("opendir(%s) failed: %m", path);
		return -1;
	}
	while (ret == 0 && (d = readdir(dir)) != NULL) {
		if (d->d_name[0] == '.')
			continue;
		T_BEGIN
		{
			ret = callback(path, d->d_name, context, error_r);
		}
		T_END_PASS_STR_IF(ret < 0, error_r);
	}
	(void)closedir(dir);
	return ret;
}

static int
repair_unlink(const char *dir, const char *name, const char **error_r)
{
	const char *path = t_strdup_printf("%s/%s", dir, name);

	if (unlink(path) < 0 && errno != ENOENT) {
		*error_r = t_strdup_printf("unlink(%s) failed: %m", path);
		return -1;
	}
	return 0;
}

/* Lines of a file; NULL if there is none. */
static int
repair_open(const char *path, struct istream **input_r, const char **error_r)
{
	int fd = open(path, O_RDONLY);

	*input_r = NULL;
	if (fd == -1) {
		if (errno == ENOENT)
			return 0;
		*error_r = t_strdup_printf("open(%s) failed: %m", path);
		return -1;
	}
	*input_r = i_stream_create_fd_autoclose(&fd, SIZE_MAX);
	return 0;
}

/* Letters of keywords that dovecot-keywords does not know (yet): their names
   are lost. Without them the next pull sets the keywords again. */
static int
maildir_strip_keywords(const struct repair_maildir *repair, const char *dir,
		       const char *name, const char **error_r)
{
	const char *stripped, *src, *dest;

	stripped = migration_leftover_strip_keywords(name, repair->keywords);
	if (strcmp(stripped, name) == 0)
		return 0;
	src = t_strdup_printf("%s/%s", dir, name);
	dest = t_strdup_printf("%s/%s", dir, stripped);
	if (rename(src, dest) < 0 && errno != ENOENT) {
		*error_r =
			t_strdup_printf("rename(%s, %s) failed: %m", src, dest);
		return -1;
	}
	return 0;
}

static int maildir_check_file(const char *dir, const char *name, void *context,
			      const char **error_r)
{
	const struct repair_maildir *repair = context;

	if (!migration_leftover_is_maildir(repair->killed, name))
		return 0;
	if (hash_table_lookup(repair->known, t_strcut(name, ':')) == NULL)
		return repair_unlink(dir, name, error_r);
	return maildir_strip_keywords(repair, dir, name, error_r);
}

/* "3 <header>", then "<uid> [<extensions>] :<filename>" */
static int maildir_read_uidlist(struct repair_maildir *repair, const char *dir,
				const char **error_r)
{
	struct istream *input;
	const char *line, *name;
	bool header = TRUE;

	if (repair_open(t_strconcat(dir, "/" MAILDIR_UIDLIST, NULL), &input,
			error_r) < 0)
		return -1;
	if (input == NULL)
		return 0;
	while ((line = i_stream_read_next_line(input)) != NULL) {
		name = header ? NULL : strstr(line, " :");
		header = FALSE;
		if (name == NULL)
			continue;
		name = p_strdup(repair->pool, t_strcut(name + 2, ':'));
		hash_table_update(repair->known, name, name);
	}
	i_stream_destroy(&input);
	return 0;
}

/* "<index> <name>" */
static int maildir_read_keywords(struct repair_maildir *repair, const char *dir,
				 const char **error_r)
{
	struct istream *input;
	const char *line;
	unsigned int idx;

	i_zero(&repair->keywords);
	if (repair_open(t_strconcat(dir, "/" MAILDIR_KEYWORDS, NULL), &input,
			error_r) < 0)
		return -1;
	if (input == NULL)
		return 0;
	while ((line = i_stream_read_next_line(input)) != NULL) {
		if (str_to_uint(t_strcut(line, ' '), &idx) == 0 &&
		    idx < MIGRATION_LEFTOVER_KEYWORDS)
			repair->keywords[idx] = TRUE;
	}
	i_stream_destroy(&input);
	return 0;
}

static int repair_maildir(struct mailbox_list *list, const char *name,
			  const ARRAY_TYPE(migration_journal_entry) *killed,
			  const char **error_r)
{
	struct repair_maildir repair;
	const char *path, *control;
	int ret = -1;

	if (mailbox_list_get_path(list, name, MAILBOX_LIST_PATH_TYPE_MAILBOX,
				  &path) <= 0 ||
	    mailbox_list_get_path(list, name, MAILBOX_LIST_PATH_TYPE_CONTROL,
				  &control) <= 0)
		return 0;
	i_zero(&repair);
	repair.pool = pool_alloconly_create("migration repair", 1024 * 16);
	repair.killed = killed;
	hash_table_create(&repair.known, default_pool, 0, str_hash, strcmp);
	if (maildir_read_uidlist(&repair, control, error_r) == 0 &&
	    maildir_read_keywords(&repair, control, error_r) == 0 &&
	    repair_dir(t_strconcat(path, "/new", NULL), maildir_check_file,
		       &repair, error_r) == 0 &&
	    repair_dir(t_strconcat(path, "/cur", NULL), maildir_check_file,
		       &repair, error_r) == 0)
		ret = 0;
	hash_table_destroy(&repair.known);
	pool_unref(&repair.pool);
	return ret;
}

static int sdbox_check_file(const char *dir, const char *name, void *context,
			    const char **error_r)
{
	const struct repair_sdbox *repair = context;
	const char *path = t_strdup_printf("%s/%s", dir, name);
	struct stat st;

	if (lstat(path, &st) < 0) {
		if (errno == ENOENT)
			return 0;
		*error_r = t_strdup_printf("lstat(%s) failed: %m", path);
		return -1;
	}
	if (!migration_leftover_is_sdbox(repair->killed, name, st.st_ctime,
					 repair->next_uid))
		return 0;
	return repair_unlink(dir, name, error_r);
}

/* With the index's lock nobody is between taking a UID and noting it. */
static int
repair_sdbox_locked(struct mailbox *box, const char *path,
		    const ARRAY_TYPE(migration_journal_entry) *killed,
		    const char **error_r)
{
	struct repair_sdbox repair = { .killed = killed };
	struct mail_index_sync_ctx *sync_ctx;
	struct mail_index_view *view;
	struct mail_index_transaction *trans;
	int ret;

	if (mail_index_sync_begin(box->index, &sync_ctx, &view, &trans, 0) <=
	    0) {
		*error_r = t_strdup_printf("%s: cannot lock the index: %s",
					   mailbox_get_vname(box),
					   mail_index_get_error_message(
						   box->index));
		return -1;
	}
	repair.next_uid = mail_index_get_header(view)->next_uid;
	ret = repair_dir(path, sdbox_check_file, &repair, error_r);
	mail_index_sync_rollback(&sync_ctx);
	return ret;
}

static int repair_sdbox(struct mailbox_list *list, const char *name,
			const ARRAY_TYPE(migration_journal_entry) *killed,
			const char **error_r)
{
	struct mailbox *box;
	const char *path;
	int ret = 0;

	if (mailbox_list_get_path(list, name, MAILBOX_LIST_PATH_TYPE_MAILBOX,
				  &path) <= 0)
		return 0;
	box = mailbox_alloc(list, mailbox_list_get_vname(list, name),
			    MAILBOX_FLAG_READONLY);
	if (mailbox_open(box) == 0) {
		ret = repair_sdbox_locked(box, path, killed, error_r);
	} else if (mailbox_get_last_mail_error(box) != MAIL_ERROR_NOTFOUND) {
		*error_r =
			t_strdup_printf("%s: %s", mailbox_get_vname(box),
					mailbox_get_last_internal_error(box,
									NULL));
		ret = -1;
	}
	mailbox_free(&box);
	return ret;
}

/* Emptied and marked as deleted, but still there. Dovecot takes the mark away
   once it is 30 seconds old, and until then nobody can open it. What is to
   become of it is decided anew. */
static void repair_deleted(struct mailbox_list *list, const char *vname,
			   const ARRAY_TYPE(migration_journal_entry) *killed)
{
	struct mailbox *box;
	time_t mtime;

	/* with READONLY the mark stays */
	box = mailbox_alloc(list, vname, MAILBOX_FLAG_READONLY);
	if (mailbox_open(box) < 0 && box->mailbox_deleted &&
	    mail_index_get_modification_time(box->index, &mtime) == 0 &&
	    migration_leftover_is_time(killed, mtime)) {
		mailbox_free(&box);
		box = mailbox_alloc(list, vname, 0);
		if (mailbox_mark_index_deleted(box, FALSE) < 0) {
			e_warning(box->event,
				  "It was not deleted to its end, and cannot be "
				  "opened: %s",
				  mailbox_get_last_internal_error(box, NULL));
		}
	}
	mailbox_free(&box);
}

static int repair_mailbox(struct mailbox_list *list, const char *vname,
			  const ARRAY_TYPE(migration_journal_entry) *killed,
			  const char **error_r)
{
	const char *driver = mailbox_list_get_namespace(list)->storage->name;
	const char *name = mailbox_list_get_storage_name(list, vname);
	int ret = 0;

	if (strcmp(driver, "maildir") == 0)
		ret = repair_maildir(list, name, killed, error_r);
	else if (strcmp(driver, "sdbox") == 0)
		ret = repair_sdbox(list, name, killed, error_r);
	if (ret == 0)
		repair_deleted(list, vname, killed);
	return ret;
}

int migration_repair(struct mail_namespace *ns,
		     const ARRAY_TYPE(migration_journal_entry) *killed,
		     const char **error_r)
{
	struct mailbox_list_iterate_context *iter;
	const struct mailbox_info *info;
	int ret = 0;

	if (migration_repair_locks(ns->list, killed, error_r) < 0)
		return -1;
	/* before anybody opens a mailbox */
	if (strcmp(ns->storage->name, "mdbox") == 0 &&
	    migration_repair_mdbox(ns->list, error_r) < 0)
		return -1;
	iter = mailbox_list_iter_init(ns->list, "*",
				      MAILBOX_LIST_ITER_NO_AUTO_BOXES |
					      MAILBOX_LIST_ITER_SKIP_ALIASES |
					      MAILBOX_LIST_ITER_RETURN_NO_FLAGS);
	while (ret == 0 && (info = mailbox_list_iter_next(iter)) != NULL) {
		T_BEGIN
		{
			ret = repair_mailbox(ns->list, info->vname, killed,
					     error_r);
		}
		T_END_PASS_STR_IF(ret < 0, error_r);
	}
	if (mailbox_list_iter_deinit(&iter) < 0 && ret == 0) {
		*error_r = mailbox_list_get_last_internal_error(ns->list, NULL);
		ret = -1;
	}
	return ret;
}

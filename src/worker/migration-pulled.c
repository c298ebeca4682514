/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "hash.h"
#include "istream.h"
#include "str.h"
#include "write-full.h"
#include "mail-namespace.h"
#include "mail-storage.h"
#include "migration-mailboxes.h"
#include "migration-pulled.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define PULLED_FILENAME "dovecot-migration.pulled"
#define PULLED_MAX_LINE 256

struct migration_pulled {
	pool_t pool;
	const char *path;
	struct mail_namespace *ns;
	/* GUID in hex of each mailbox with something else in it */
	HASH_TABLE(const char *, const char *) touched;
};

typedef void
pulled_callback_t(const char *guid, uint32_t uid_next, void *context);

struct pulled_look {
	struct migration_pulled *pulled;
	/* lines of the file: "<GUID> <next UID>" */
	HASH_TABLE(const char *, const char *) lines;
};

static const char *pulled_line(const char *guid, uint32_t uid_next)
{
	return t_strdup_printf("%s %u", guid, uid_next);
}

struct pulled_iter {
	struct mail_namespace *ns;
	pulled_callback_t *callback;
	void *context;
};

static int pulled_mailbox(const struct mailbox_info *info, void *context,
			  const char **error_r)
{
	struct pulled_iter *iter = context;
	struct mailbox *box = mailbox_alloc(iter->ns->list, info->vname,
					    MAILBOX_FLAG_READONLY);
	struct mailbox_metadata metadata;
	struct mailbox_status status;
	enum mail_error error = MAIL_ERROR_NONE;

	if (mailbox_get_metadata(box, MAILBOX_METADATA_GUID, &metadata) < 0 ||
	    mailbox_get_status(box, STATUS_UIDNEXT, &status) < 0) {
		*error_r = t_strdup_printf(
			"Mailbox %s: %s", info->vname,
			mailbox_get_last_internal_error(box, &error));
	} else {
		iter->callback(guid_128_to_string(metadata.guid),
			       status.uidnext, iter->context);
	}
	mailbox_free(&box);
	return error == MAIL_ERROR_NONE || error == MAIL_ERROR_NOTFOUND ||
			       error == MAIL_ERROR_NOTPOSSIBLE ?
		       0 :
		       -1;
}

static int
pulled_iterate(struct mail_namespace *ns, pulled_callback_t *callback,
	       void *context, const char **error_r)
{
	struct pulled_iter iter = {
		.ns = ns,
		.callback = callback,
		.context = context,
	};

	return migration_mailboxes_iterate(ns, pulled_mailbox, &iter, error_r);
}

static void pulled_look(const char *guid, uint32_t uid_next, void *context)
{
	struct pulled_look *look = context;

	if (hash_table_lookup(look->lines, pulled_line(guid, uid_next)) != NULL)
		return;
	guid = p_strdup(look->pulled->pool, guid);
	hash_table_update(look->pulled->touched, guid, guid);
}

static int pulled_read(struct pulled_look *look, const char **error_r)
{
	const char *path = look->pulled->path, *line;
	struct istream *input;
	int fd, ret = 0;

	fd = open(path, O_RDONLY | O_NOFOLLOW);
	if (fd == -1) {
		if (errno == ENOENT)
			return 0;
		*error_r = t_strdup_printf("open(%s) failed: %m", path);
		return -1;
	}
	input = i_stream_create_fd_autoclose(&fd, PULLED_MAX_LINE);
	while ((line = i_stream_read_next_line(input)) != NULL) {
		line = p_strdup(look->pulled->pool, line);
		hash_table_update(look->lines, line, line);
	}
	if (input->stream_errno != 0) {
		*error_r = t_strdup_printf("read(%s) failed: %s", path,
					   i_stream_get_error(input));
		ret = -1;
	}
	i_stream_destroy(&input);
	return ret;
}

int migration_pulled_init(const char *dir, struct mail_namespace *ns,
			  struct migration_pulled **pulled_r,
			  const char **error_r)
{
	struct migration_pulled *pulled;
	struct pulled_look look;
	pool_t pool;
	int ret;

	pool = pool_alloconly_create("migration pulled", 1024);
	pulled = p_new(pool, struct migration_pulled, 1);
	pulled->pool = pool;
	pulled->path = p_strconcat(pool, dir, "/" PULLED_FILENAME, NULL);
	pulled->ns = ns;
	hash_table_create(&pulled->touched, default_pool, 0, str_hash, strcmp);

	i_zero(&look);
	look.pulled = pulled;
	hash_table_create(&look.lines, default_pool, 0, str_hash, strcmp);
	ret = pulled_read(&look, error_r);
	if (ret == 0)
		ret = pulled_iterate(ns, pulled_look, &look, error_r);
	hash_table_destroy(&look.lines);
	if (ret < 0) {
		migration_pulled_deinit(&pulled);
		return -1;
	}
	*pulled_r = pulled;
	return 0;
}

static void pulled_append(const char *guid, uint32_t uid_next, void *context)
{
	string_t *str = context;

	str_append(str, pulled_line(guid, uid_next));
	str_append_c(str, '\n');
}

int migration_pulled_write(struct migration_pulled *pulled,
			   const char **error_r)
{
	const char *temp_path = t_strconcat(pulled->path, ".tmp", NULL);
	string_t *str = str_new(default_pool, 1024);
	int fd = -1, ret;

	ret = pulled_iterate(pulled->ns, pulled_append, str, error_r);
	if (ret == 0) {
		/* only one pull has the account's lock */
		fd = open(temp_path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW,
			  0600);
		if (fd == -1 ||
		    write_full(fd, str_data(str), str_len(str)) < 0 ||
		    fdatasync(fd) < 0 || rename(temp_path, pulled->path) < 0) {
			*error_r = t_strdup_printf("Cannot write %s: %m",
						   pulled->path);
			ret = -1;
		}
	}
	i_close_fd(&fd);
	str_free(&str);
	return ret;
}

void migration_pulled_deinit(struct migration_pulled **_pulled)
{
	struct migration_pulled *pulled = *_pulled;

	if (pulled == NULL)
		return;
	*_pulled = NULL;
	hash_table_destroy(&pulled->touched);
	pool_unref(&pulled->pool);
}

bool migration_pulled_is_touched(const struct migration_pulled *pulled,
				 const guid_128_t guid)
{
	return hash_table_lookup(pulled->touched, guid_128_to_string(guid)) !=
	       NULL;
}

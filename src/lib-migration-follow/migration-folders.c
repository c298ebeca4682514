/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "istream.h"
#include "str.h"
#include "strescape.h"
#include "write-full.h"
#include "migration-folders.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define FOLDERS_FILENAME "dovecot-migration.folders"
#define FOLDERS_HEADER "dovecot-migration folders 1"
#define FOLDERS_HEADER_COMPLETE FOLDERS_HEADER " complete"

struct migration_folder *
migration_folders_find(const ARRAY_TYPE(migration_folder) *folders,
		       const char *remote_name)
{
	struct migration_folder *folder;

	array_foreach_elem(folders, folder) {
		if (strcmp(folder->remote_name, remote_name) == 0)
			return folder;
	}
	return NULL;
}

bool migration_folder_takes_subscription(const struct migration_folder *folder,
					 bool there, bool here, bool own)
{
	if (!folder->subscription_known)
		return there && !own;
	return there != folder->subscribed && here == folder->subscribed_here;
}

static struct migration_folder *
folders_parse_line(pool_t pool, const char *line)
{
	const char *const *args = t_strsplit_tabescaped(line);
	struct migration_folder *folder;

	if (str_array_length(args) != 6)
		return NULL;
	folder = p_new(pool, struct migration_folder, 1);
	folder->remote_name = p_strdup(pool, args[0]);
	folder->name = p_strdup(pool, args[1]);
	if ((*args[2] != '\0' &&
	     guid_128_from_string(args[2], folder->guid) < 0) ||
	    str_to_uint32(args[3], &folder->uid_validity) < 0 ||
	    str_to_uint32(args[4], &folder->last_uid) < 0)
		return NULL;
	folder->subscription_known = strlen(args[5]) == 2;
	if (folder->subscription_known) {
		folder->subscribed = args[5][0] == '1';
		folder->subscribed_here = args[5][1] == '1';
	}
	return folder;
}

int migration_folders_read(const char *dir, pool_t pool,
			   ARRAY_TYPE(migration_folder) *folders,
			   bool *complete_r, const char **error_r)
{
	const char *path = t_strconcat(dir, "/" FOLDERS_FILENAME, NULL), *line;
	struct migration_folder *folder;
	struct istream *input;
	int fd, ret = 0;

	*complete_r = FALSE;
	fd = open(path, O_RDONLY | O_NOFOLLOW);
	if (fd == -1) {
		if (errno == ENOENT)
			return 0;
		*error_r = t_strdup_printf("open(%s) failed: %m", path);
		return -1;
	}
	/* the provider says how long its names are */
	input = i_stream_create_fd_autoclose(&fd, SIZE_MAX);
	line = i_stream_read_next_line(input);
	*complete_r = line != NULL &&
		      strcmp(line, FOLDERS_HEADER_COMPLETE) == 0;
	if (*complete_r ||
	    (line != NULL && strcmp(line, FOLDERS_HEADER) == 0)) {
		while ((line = i_stream_read_next_line(input)) != NULL)
			T_BEGIN
			{
				folder = folders_parse_line(pool, line);
				if (folder != NULL)
					array_push_back(folders, &folder);
			}
		T_END;
	}
	if (input->stream_errno != 0) {
		*error_r = t_strdup_printf("read(%s) failed: %s", path,
					   i_stream_get_error(input));
		ret = -1;
	}
	i_stream_destroy(&input);
	return ret;
}

static void folders_append(string_t *str, const struct migration_folder *folder)
{
	str_append_tabescaped(str, folder->remote_name);
	str_append_c(str, '\t');
	str_append_tabescaped(str, folder->name);
	str_append_c(str, '\t');
	if (!guid_128_is_empty(folder->guid))
		str_append(str, guid_128_to_string(folder->guid));
	str_printfa(str, "\t%u\t%u\t", folder->uid_validity, folder->last_uid);
	if (folder->subscription_known) {
		str_printfa(str, "%d%d", folder->subscribed ? 1 : 0,
			    folder->subscribed_here ? 1 : 0);
	}
	str_append_c(str, '\n');
}

int migration_folders_write(const char *dir,
			    const ARRAY_TYPE(migration_folder) *folders,
			    bool complete, const char **error_r)
{
	const char *path = t_strconcat(dir, "/" FOLDERS_FILENAME, NULL);
	const char *temp_path = t_strconcat(path, ".tmp", NULL);
	string_t *str = str_new(default_pool, 1024);
	struct migration_folder *folder;
	int fd, ret = 0;

	str_append(str, complete ? FOLDERS_HEADER_COMPLETE : FOLDERS_HEADER);
	str_append_c(str, '\n');
	array_foreach_elem(folders, folder)
		T_BEGIN
		{
			folders_append(str, folder);
		}
	T_END;
	/* only one sync has the account's lock */
	fd = open(temp_path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
	if (fd == -1 || write_full(fd, str_data(str), str_len(str)) < 0 ||
	    fdatasync(fd) < 0 || rename(temp_path, path) < 0) {
		*error_r = t_strdup_printf("Cannot write %s: %m", path);
		ret = -1;
	}
	i_close_fd(&fd);
	str_free(&str);
	return ret;
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "auth-master.h"
#include "istream.h"
#include "net.h"
#include "str.h"
#include "strescape.h"
#include "write-full.h"
#include "doveadm.h"
#include "doveadm-settings.h"
#include "doveadm-migration-compat.h"
#include "doveadm-migration-home.h"

#include <sys/socket.h>
#include <sys/time.h>

/* Root's. auth-userdb, which others may use as well, flushes no cache. */
#define HOME_AUTH_SOCKET "auth-master"

#define HOME_VERSION "VERSION\t1\t0\n"
/* Lookups that auth does at the same time. */
#define HOME_MAX_ASKED 64
/* auth itself gives up before. */
#define HOME_ANSWER_SECS 120
/* auth reads no longer lines than 1024 bytes, and names are up to 255. */
#define HOME_MAX_FLUSHED_BYTES 700

struct doveadm_migration_home {
	struct auth_master_connection *conn;
	char *path;
};

/* libdovecot's client asks for one after the other. */
struct home_lookups {
	int fd;
	struct istream *input;
	const char *const *usernames;
	unsigned int count, asked, answered;
};

struct doveadm_migration_home *doveadm_migration_home_init(void)
{
	const char *path = t_strconcat(doveadm_settings->base_dir,
				       "/" HOME_AUTH_SOCKET, NULL);
	struct doveadm_migration_home *home;

	home = i_new(struct doveadm_migration_home, 1);
	home->path = i_strdup(path);
	home->conn = auth_master_init(path, 0);
	return home;
}

void doveadm_migration_home_deinit(struct doveadm_migration_home **_home)
{
	struct doveadm_migration_home *home = *_home;

	if (home == NULL)
		return;
	*_home = NULL;
	auth_master_deinit(&home->conn);
	i_free(home->path);
	i_free(home);
}

int doveadm_migration_home_lookup(struct doveadm_migration_home *home,
				  const char *username)
{
	struct auth_user_info info;
	const char *const *fields;
	const char *found;
	pool_t pool;
	int ret;

	i_zero(&info);
	doveadm_migration_compat_set_protocol(&info, "doveadm");
	pool = pool_alloconly_create("doveadm migration home", 512);
	ret = auth_master_user_lookup(home->conn, username, &info, pool, &found,
				      &fields);
	pool_unref(&pool);
	return ret < 0 ? -1 : ret;
}

static int home_lookups_open(struct home_lookups *lookups, const char *path)
{
	const struct timeval timeout = { .tv_sec = HOME_ANSWER_SECS };

	lookups->fd = net_connect_unix(path);
	if (lookups->fd == -1)
		return -1;
	net_set_nonblock(lookups->fd, FALSE);
	if (setsockopt(lookups->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout,
		       sizeof(timeout)) < 0)
		return -1;
	lookups->input = i_stream_create_fd(lookups->fd, IO_BLOCK_SIZE);
	return write_full(lookups->fd, HOME_VERSION, strlen(HOME_VERSION));
}

static void home_lookups_close(struct home_lookups *lookups)
{
	i_stream_unref(&lookups->input);
	i_close_fd(&lookups->fd);
}

static int home_lookups_ask(struct home_lookups *lookups)
{
	struct auth_user_info info;
	string_t *str = t_str_new(256);

	i_zero(&info);
	doveadm_migration_compat_set_protocol(&info, "doveadm");
	while (lookups->asked < lookups->count &&
	       lookups->asked - lookups->answered < HOME_MAX_ASKED) {
		str_printfa(str, "USER\t%u\t", lookups->asked + 1);
		str_append_tabescaped(str,
				      lookups->usernames[lookups->asked++]);
		auth_user_info_export(str, &info);
		str_append_c(str, '\n');
	}
	return write_full(lookups->fd, str_data(str), str_len(str));
}

/* Returns 1 if it was an answer, 0 if it was something else. */
static int home_lookups_read(struct home_lookups *lookups, unsigned int *idx_r,
			     bool *known_r)
{
	const char *line, *const *args;
	unsigned int id;

	line = i_stream_read_next_line(lookups->input);
	if (line == NULL)
		return -1;
	args = t_strsplit_tabescaped(line);
	*known_r = strcmp(args[0], "USER") == 0;
	if (!*known_r && strcmp(args[0], "NOTFOUND") != 0)
		return strcmp(args[0], "FAIL") == 0 ? -1 : 0;
	if (args[1] == NULL || str_to_uint(args[1], &id) < 0 || id == 0 ||
	    id > lookups->asked)
		return -1;
	*idx_r = id - 1;
	lookups->answered++;
	return 1;
}

static int
home_lookups_run(struct home_lookups *lookups,
		 doveadm_migration_home_callback_t *callback, void *context)
{
	unsigned int idx = 0;
	bool known = FALSE;
	int ret = 0;

	while (ret >= 0 && lookups->answered < lookups->count)
		T_BEGIN
		{
			ret = home_lookups_ask(lookups);
			if (ret == 0)
				ret = home_lookups_read(lookups, &idx, &known);
			if (ret > 0)
				callback(idx, known, context);
		}
	T_END;
	return ret < 0 ? -1 : 0;
}

int doveadm_migration_home_lookup_all(
	struct doveadm_migration_home *home, const char *const *usernames,
	unsigned int count, doveadm_migration_home_callback_t *callback,
	void *context)
{
	struct home_lookups lookups = {
		.fd = -1,
		.usernames = usernames,
		.count = count,
	};
	int ret;

	ret = home_lookups_open(&lookups, home->path);
	if (ret == 0)
		ret = home_lookups_run(&lookups, callback, context);
	home_lookups_close(&lookups);
	return ret;
}

void doveadm_migration_home_forget_all(struct doveadm_migration_home *home,
				       const char *const *usernames,
				       unsigned int count)
{
	ARRAY_TYPE(const_string) names;
	unsigned int i, flushed;
	size_t size = 0;

	t_array_init(&names, 64);
	for (i = 0; i < count; i++) {
		array_push_back(&names, &usernames[i]);
		size += strlen(usernames[i]) + 1;
		if (size < HOME_MAX_FLUSHED_BYTES && i + 1 < count)
			continue;
		array_append_zero(&names);
		/* without a cache there is nothing to forget */
		(void)auth_master_cache_flush(home->conn, array_front(&names),
					      &flushed);
		array_clear(&names);
		size = 0;
	}
}

void doveadm_migration_home_forget(struct doveadm_migration_home *home,
				   const char *username)
{
	doveadm_migration_home_forget_all(home, &username, 1);
}

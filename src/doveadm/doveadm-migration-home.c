/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "auth-master.h"
#include "doveadm.h"
#include "doveadm-settings.h"
#include "doveadm-migration-compat.h"
#include "doveadm-migration-home.h"

/* Root's. auth-userdb, which others may use as well, flushes no cache. */
#define HOME_AUTH_SOCKET "auth-master"

struct doveadm_migration_home {
	struct auth_master_connection *conn;
};

struct doveadm_migration_home *doveadm_migration_home_init(void)
{
	const char *path = t_strconcat(doveadm_settings->base_dir,
				       "/" HOME_AUTH_SOCKET, NULL);
	struct doveadm_migration_home *home;

	home = i_new(struct doveadm_migration_home, 1);
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

void doveadm_migration_home_forget(struct doveadm_migration_home *home,
				   const char *username)
{
	const char *const usernames[] = { username, NULL };
	unsigned int count;

	/* without a cache there is nothing to forget */
	(void)auth_master_cache_flush(home->conn, usernames, &count);
}

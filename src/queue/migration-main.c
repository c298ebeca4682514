/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* The queue service: one process that owns the records. Started as root only
   to make the database's directory; runs as the internal user. */

#include "lib.h"
#include "hostpid.h"
#include "mkdir-parents.h"
#include "restrict-access.h"
#include "master-service-private.h"
#include "master-service-settings.h"
#include "migration-auth-connection.h"
#include "migration-common.h"
#include "migration-compat.h"
#include "migration-compat-settings.h"
#include "migration-doveadm-connection.h"
#include "migration-protocol.h"
#include "migration-queue.h"
#include "migration-settings.h"
#include "migration-store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static struct migration_store *store;
static struct migration_queue *queue;

static void client_connected(struct master_service_connection *conn)
{
	master_service_client_connection_accept(conn);
	if (strcmp(conn->name, MIGRATION_DOVEADM_SOCKET) == 0)
		migration_doveadm_connection_create(conn, queue);
	else
		migration_auth_connection_create(conn, queue);
}

/* auth keeps its connection open for good */
static void main_die(void)
{
	master_service_stop(master_service);
}

/* The directory and an empty file with the right owner, before anybody who
   reads the database as root could make them with root's. */
static void create_sqlite_file(const char *path)
{
	struct restrict_access_settings set;
	const char *dir, *p;
	int fd;

	if (geteuid() != 0)
		return;
	restrict_access_get_env(&set);
	p = strrchr(path, '/');
	dir = t_strdup_until(path, p);
	if (mkdir_parents_chown(dir, 0700, set.uid, set.gid) < 0 &&
	    errno != EEXIST)
		i_fatal("migration_db_connect: mkdir(%s) failed: %m", dir);
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
	if (fd == -1)
		i_fatal("migration_db_connect: open(%s) failed: %m", path);
	if (fchown(fd, set.uid, set.gid) < 0)
		i_fatal("migration_db_connect: fchown(%s) failed: %m", path);
	i_close_fd(&fd);
}

static void main_init(const struct migration_settings *set, pool_t own_pool)
{
	const char *base_dir =
		master_service_get_service_settings(master_service)->base_dir;
	struct migration_store_settings store_set;
	const char *error;

	i_zero(&store_set);
	store_set.driver = set->migration_db_driver;
	store_set.connect = set->migration_db_connect;
	store_set.create = TRUE;
	store_set.own = migration_own_tables_get(own_pool, set);
	if (migration_store_init(&store_set, &store, &error) < 0)
		i_fatal("migration_db_driver: %s", error);

	/* the same after a restart, different for every instance */
	queue = migration_queue_init(set, store,
				     t_strdup_printf("%s:%s", my_hostname,
						     base_dir),
				     base_dir, NULL);
	/* whoever connects meanwhile need not be told to try again later */
	master_service_io_listeners_remove(master_service);
	migration_store_wait_briefly(store);
	master_service_io_listeners_add(master_service);
}

static void main_deinit(void)
{
	migration_auth_connections_destroy_all();
	migration_queue_deinit(&queue);
	migration_doveadm_connections_destroy_all();
	migration_store_deinit(&store);
}

int main(int argc, char *argv[])
{
	const struct migration_settings *set;
	pool_t set_pool;

	master_service = master_service_init("migration",
					     MASTER_SERVICE_FLAG_NO_IDLE_DIE,
					     &argc, &argv, "");
	if (master_getopt(master_service) > 0)
		return FATAL_DEFAULT;

	set_pool = pool_alloconly_create("migration settings", 4096);
	set = migration_compat_settings_read(&migration_setting_parser_info,
					     "migration", set_pool);
	master_service_init_log(master_service);

	if (strcmp(set->migration_db_driver, "sqlite") == 0)
		create_sqlite_file(set->migration_db_connect);
	restrict_access_by_env(RESTRICT_ACCESS_FLAG_ALLOW_ROOT, NULL);
	restrict_access_allow_coredumps(TRUE);
	master_service_set_die_callback(master_service, main_die);
	master_service_init_finish(master_service);

	main_init(set, set_pool);
	master_service_run(master_service, client_connected);
	main_deinit();

	pool_unref(&set_pool);
	master_service_deinit(&master_service);
	return 0;
}

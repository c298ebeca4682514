/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* One process for one job: started as root, reads the private keys, opens the
   job's credential, forgets the keys, becomes the mail user, pulls, ends. */

#include "lib.h"
#include "array.h"
#include "restrict-access.h"
#include "mail-storage-service.h"
#include "master-service.h"
#include "master-service-settings.h"
#include "migration-compat.h"
#include "migration-compat-settings.h"
#include "migration-queue-connection.h"
#include "migration-settings.h"
#include "migration-unseal.h"

static struct mail_storage_service_ctx *storage_service;
static struct migration_unsealer *unsealer;
static const struct migration_settings *migration_set;
static pool_t migration_set_pool;
static bool client_seen = FALSE;

static void client_connected(struct master_service_connection *conn)
{
	if (client_seen) {
		i_error("migration-worker must be configured with "
			"client_limit=1 and service_count=1");
		return;
	}
	client_seen = TRUE;
	master_service_client_connection_accept(conn);
	migration_queue_connection_create(conn, storage_service, migration_set,
					  &unsealer);
}

int main(int argc, char *argv[])
{
	const enum master_service_flags service_flags =
		MASTER_SERVICE_FLAG_KEEP_CONFIG_OPEN;
	const enum mail_storage_service_flags storage_service_flags =
		MAIL_STORAGE_SERVICE_FLAG_USERDB_LOOKUP |
		MAIL_STORAGE_SERVICE_FLAG_NO_IDLE_TIMEOUT;
	const char *error;

	master_service = master_service_init("migration-worker", service_flags,
					     &argc, &argv, "");
	if (master_getopt(master_service) > 0)
		return FATAL_DEFAULT;

	migration_set_pool = pool_alloconly_create("migration settings", 4096);
	migration_set =
		migration_compat_settings_read(&migration_setting_parser_info,
					       "migration-worker",
					       migration_set_pool);
	master_service_init_log_with_pid(master_service);
	if (migration_unsealer_init(migration_set->migration_private_key_file,
				    &unsealer, &error) < 0)
		i_fatal("migration_private_key_file: %s", error);

	restrict_access_by_env(RESTRICT_ACCESS_FLAG_ALLOW_ROOT, NULL);
	storage_service = migration_storage_service_init(master_service,
							 storage_service_flags);
	master_service_init_finish(master_service);

	master_service_run(master_service, client_connected);

	migration_queue_connections_destroy_all();
	if (unsealer != NULL)
		migration_unsealer_deinit(&unsealer);
	mail_storage_service_deinit(&storage_service);
	pool_unref(&migration_set_pool);
	master_service_deinit(&master_service);
	return 0;
}

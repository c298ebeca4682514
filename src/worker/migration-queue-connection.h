#ifndef MIGRATION_QUEUE_CONNECTION_H
#define MIGRATION_QUEUE_CONNECTION_H

/* The worker's line to the queue: takes one job, runs it, reports. */

struct master_service_connection;
struct mail_storage_service_ctx;
struct migration_settings;
struct migration_unsealer;

/* The unsealer is freed as soon as it has opened the job's credential. */
void migration_queue_connection_create(struct master_service_connection *master,
				       struct mail_storage_service_ctx *storage,
				       const struct migration_settings *set,
				       struct migration_unsealer **unsealer);
void migration_queue_connections_destroy_all(void);

#endif

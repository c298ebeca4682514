#ifndef MIGRATION_DOVEADM_CONNECTION_H
#define MIGRATION_DOVEADM_CONNECTION_H

/* Answers doveadm: SYNC, VERIFY, RATE, CONTROL, STATUS and PROVIDERS of
   migration-protocol.h. */

struct master_service_connection;
struct migration_queue;

void migration_doveadm_connection_create(
	struct master_service_connection *master,
	struct migration_queue *queue);
void migration_doveadm_connections_destroy_all(void);

#endif

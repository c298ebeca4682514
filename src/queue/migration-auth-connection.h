#ifndef MIGRATION_AUTH_CONNECTION_H
#define MIGRATION_AUTH_CONNECTION_H

/* Answers auth's questions: LOOKUP and ADOPT of migration-protocol.h. */

struct master_service_connection;
struct migration_queue;

void migration_auth_connection_create(struct master_service_connection *master,
				      struct migration_queue *queue);
void migration_auth_connections_destroy_all(void);

#endif

#ifndef MIGRATION_AUTH_CONNECTION_H
#define MIGRATION_AUTH_CONNECTION_H

/* Answers auth's questions, LOOKUP, HELD and ADOPT of migration-protocol.h, and
   remembers what it tells with PROVIDER as long as it is connected. */

struct master_service_connection;
struct migration_provider_list;
struct migration_queue;

void migration_auth_connection_create(struct master_service_connection *master,
				      struct migration_queue *queue);
void migration_auth_connections_destroy_all(void);

/* Adds up what all have told. Returns how many are connected. */
unsigned int
migration_auth_connections_get_providers(struct migration_provider_list *list);

#endif

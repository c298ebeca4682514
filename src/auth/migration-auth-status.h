#ifndef MIGRATION_AUTH_STATUS_H
#define MIGRATION_AUTH_STATUS_H

/* Tells the queue how the login checks at each provider are doing, so that
   doveadm can show it: a new state of a breaker at once, counts at most once a
   second. Nobody waits for it: what cannot be sent now is sent when auth is
   connected to the queue for another reason. */

struct migration_auth_queue;
struct migration_auth_status;
struct migration_provider_status;

/* The queue must outlive it. */
struct migration_auth_status *
migration_auth_status_init(struct migration_auth_queue *queue);
void migration_auth_status_deinit(struct migration_auth_status **status);

/* provider is the name of a migration_provider block and must outlive it. */
void migration_auth_status_update(
	struct migration_auth_status *status, const char *provider,
	const struct migration_provider_status *provider_status);

#endif

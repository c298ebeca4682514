#ifndef MIGRATION_AUTH_ADDRESS_H
#define MIGRATION_AUTH_ADDRESS_H

/* Addresses of the providers' hosts for Dovecot's login proxy. Given a name
   only, auth would ask the dns-client service at every login, which fails
   when many log in at once. So the address that the last login check used is
   kept for a while, and any number of logins that need another one wait for
   the same lookup. */

struct migration_addresses;
struct migration_address_lookup;

/* ip is NULL if the name cannot be resolved, else error is NULL. */
typedef void
migration_address_callback_t(const char *ip, const char *error, void *context);

struct migration_addresses *
migration_addresses_init(const char *base_dir, struct event *event);
/* Lookups must have finished or been cancelled. */
void migration_addresses_deinit(struct migration_addresses **addresses);

/* This address of the host has just worked. */
void migration_addresses_found(struct migration_addresses *addresses,
			       const char *host, const char *ip);

/* Returns NULL if the callback has been called already, from inside. */
struct migration_address_lookup *
migration_addresses_lookup(struct migration_addresses *addresses,
			   const char *host,
			   migration_address_callback_t *callback,
			   void *context);
/* No callback any more. *lookup may be NULL. */
void migration_address_lookup_cancel(struct migration_address_lookup **lookup);

#endif

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "dns-lookup.h"
#include "hash.h"
#include "ioloop.h"
#include "llist.h"
#include "net.h"
#include "migration-auth-address.h"

/* An address that worked is used for so long without asking again. */
#define ADDRESS_FOUND_SECS (5 * 60)
/* One that was only looked up may not work. */
#define ADDRESS_LOOKED_UP_SECS 30
#define ADDRESS_TIMEOUT_MSECS (10 * 1000)

struct migration_address {
	struct migration_addresses *addresses;
	char *host;
	char *ip;
	time_t valid_until;

	struct dns_lookup *dns;
	struct migration_address_lookup *lookups;
};

struct migration_addresses {
	struct dns_lookup_settings dns_set;
	char *dns_socket_path;
	HASH_TABLE(char *, struct migration_address *) hosts;
};

struct migration_address_lookup {
	struct migration_address_lookup *prev, *next;
	struct migration_address *address;
	migration_address_callback_t *callback;
	void *context;
};

struct migration_addresses *
migration_addresses_init(const char *base_dir, struct event *event)
{
	struct migration_addresses *addresses;

	addresses = i_new(struct migration_addresses, 1);
	addresses->dns_socket_path =
		i_strconcat(base_dir, "/" DNS_CLIENT_SOCKET_NAME, NULL);
	addresses->dns_set.dns_client_socket_path = addresses->dns_socket_path;
	addresses->dns_set.timeout_msecs = ADDRESS_TIMEOUT_MSECS;
	addresses->dns_set.event_parent = event;
	hash_table_create(&addresses->hosts, default_pool, 0, strcase_hash,
			  strcasecmp);
	return addresses;
}

void migration_addresses_deinit(struct migration_addresses **_addresses)
{
	struct migration_addresses *addresses = *_addresses;
	struct hash_iterate_context *iter;
	struct migration_address *address;
	char *host;

	if (addresses == NULL)
		return;
	*_addresses = NULL;
	iter = hash_table_iterate_init(addresses->hosts);
	while (hash_table_iterate(iter, addresses->hosts, &host, &address)) {
		i_assert(address->lookups == NULL);
		if (address->dns != NULL)
			dns_lookup_abort(&address->dns);
		i_free(address->host);
		i_free(address->ip);
		i_free(address);
	}
	hash_table_iterate_deinit(&iter);
	hash_table_destroy(&addresses->hosts);
	i_free(addresses->dns_socket_path);
	i_free(addresses);
}

/* There are as many as there are providers. */
static struct migration_address *
address_get(struct migration_addresses *addresses, const char *host)
{
	struct migration_address *address;

	address = hash_table_lookup(addresses->hosts, host);
	if (address == NULL) {
		address = i_new(struct migration_address, 1);
		address->addresses = addresses;
		address->host = i_strdup(host);
		hash_table_insert(addresses->hosts, address->host, address);
	}
	return address;
}

static void
address_set(struct migration_address *address, const char *ip, time_t secs)
{
	i_free(address->ip);
	address->ip = i_strdup(ip);
	address->valid_until = ioloop_time + secs;
}

static void address_tell(struct migration_address *address, const char *ip,
			 const char *error)
{
	struct migration_address_lookup *lookup;

	while ((lookup = address->lookups) != NULL) {
		DLLIST_REMOVE(&address->lookups, lookup);
		lookup->callback(ip, error, lookup->context);
		i_free(lookup);
	}
}

static void address_resolved(const struct dns_lookup_result *result,
			     struct migration_address *address)
{
	const char *ip;

	address->dns = NULL;
	if (result->ret != 0) {
		address_tell(address, NULL,
			     t_strdup_printf("DNS lookup of %s failed: %s",
					     address->host, result->error));
		return;
	}
	i_assert(result->ips_count > 0);
	ip = net_ip2addr(&result->ips[0]);
	address_set(address, ip, ADDRESS_LOOKED_UP_SECS);
	address_tell(address, ip, NULL);
}

void migration_addresses_found(struct migration_addresses *addresses,
			       const char *host, const char *ip)
{
	address_set(address_get(addresses, host), ip, ADDRESS_FOUND_SECS);
}

struct migration_address_lookup *
migration_addresses_lookup(struct migration_addresses *addresses,
			   const char *host,
			   migration_address_callback_t *callback,
			   void *context)
{
	struct migration_address_lookup *lookup;
	struct migration_address *address;
	struct ip_addr ip;

	if (net_addr2ip(host, &ip) == 0) {
		callback(host, NULL, context);
		return NULL;
	}
	address = address_get(addresses, host);
	if (address->ip != NULL && address->valid_until > ioloop_time) {
		callback(t_strdup(address->ip), NULL, context);
		return NULL;
	}
	lookup = i_new(struct migration_address_lookup, 1);
	lookup->address = address;
	lookup->callback = callback;
	lookup->context = context;
	DLLIST_PREPEND(&address->lookups, lookup);
	if (address->dns == NULL &&
	    dns_lookup(host, &addresses->dns_set, address_resolved, address,
		       &address->dns) < 0)
		return NULL; /* the callback has been called */
	return lookup;
}

void migration_address_lookup_cancel(struct migration_address_lookup **_lookup)
{
	struct migration_address_lookup *lookup = *_lookup;

	if (lookup == NULL)
		return;
	*_lookup = NULL;
	DLLIST_REMOVE(&lookup->address->lookups, lookup);
	i_free(lookup);
}

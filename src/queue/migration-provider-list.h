#ifndef MIGRATION_PROVIDER_LIST_H
#define MIGRATION_PROVIDER_LIST_H

/* What auth processes have told about their login checks at each provider, by
   the provider's name. Bounded, whatever they tell. */

struct migration_provider_list;
struct migration_provider_status;

typedef void migration_provider_list_callback_t(
	const char *name, const struct migration_provider_status *status,
	void *context);

struct migration_provider_list *migration_provider_list_init(void);
void migration_provider_list_deinit(struct migration_provider_list **list);

/* Replaces what is known about this provider. */
void migration_provider_list_set(struct migration_provider_list *list,
				 const char *name,
				 const struct migration_provider_status *status);
/* Adds what another auth process has told. */
void migration_provider_list_add(struct migration_provider_list *dest,
				 const struct migration_provider_list *src);
void migration_provider_list_foreach(
	const struct migration_provider_list *list,
	migration_provider_list_callback_t *callback, void *context);

#endif

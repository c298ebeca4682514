/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "migration-limits.h"
#include "migration-provider-status.h"
#include "migration-provider-list.h"

struct list_provider {
	char *name;
	struct migration_provider_status status;
};

struct migration_provider_list {
	ARRAY(struct list_provider) providers;
};

struct migration_provider_list *migration_provider_list_init(void)
{
	struct migration_provider_list *list;

	list = i_new(struct migration_provider_list, 1);
	i_array_init(&list->providers, 8);
	return list;
}

void migration_provider_list_deinit(struct migration_provider_list **_list)
{
	struct migration_provider_list *list = *_list;
	struct list_provider *provider;

	if (list == NULL)
		return;
	*_list = NULL;
	array_foreach_modifiable(&list->providers, provider)
		i_free(provider->name);
	array_free(&list->providers);
	i_free(list);
}

/* NULL if there are too many. */
static struct list_provider *
list_get(struct migration_provider_list *list, const char *name)
{
	struct list_provider *provider;

	array_foreach_modifiable(&list->providers, provider) {
		if (strcmp(provider->name, name) == 0)
			return provider;
	}
	if (array_count(&list->providers) >= MIGRATION_MAX_STATUS_PROVIDERS)
		return NULL;
	provider = array_append_space(&list->providers);
	provider->name = i_strdup(name);
	return provider;
}

void migration_provider_list_set(struct migration_provider_list *list,
				 const char *name,
				 const struct migration_provider_status *status)
{
	struct list_provider *provider = list_get(list, name);

	if (provider != NULL)
		provider->status = *status;
}

void migration_provider_list_add(struct migration_provider_list *dest,
				 const struct migration_provider_list *src)
{
	const struct list_provider *provider;
	struct list_provider *sum;

	array_foreach(&src->providers, provider) {
		sum = list_get(dest, provider->name);
		if (sum != NULL) {
			migration_provider_status_add(&sum->status,
						      &provider->status);
		}
	}
}

void migration_provider_list_foreach(
	const struct migration_provider_list *list,
	migration_provider_list_callback_t *callback, void *context)
{
	const struct list_provider *provider;

	array_foreach(&list->providers, provider)
		callback(provider->name, &provider->status, context);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* The "domains" setting of two providers, with a NUL between them. */

#include "lib.h"
#include "array.h"
#include "migration-provider.h"
#include "migration-fuzz.h"

/* Each domain leads to the provider that claims it. */
static void
fuzz_check_words(const struct migration_providers *providers,
		 const struct migration_provider_settings *set)
{
	const char *const *words = t_strsplit_spaces(set->domains, " \t\n");
	struct migration_user user;
	const char *name, *new_name;

	for (; *words != NULL; words++) T_BEGIN {
		name = t_strcut(*words, '=');
		new_name = strchr(*words, '=');
		new_name = new_name == NULL ? name : new_name + 1;
		i_assert(migration_providers_find_user(
			providers, t_strconcat("U@", name, NULL), &user) ==
			MIGRATION_USER_OK);
		i_assert(user.provider == set);
		i_assert(strcmp(user.local_user, t_str_lcase(t_strconcat(
			"u@", new_name, NULL))) == 0);
		i_assert(strcmp(user.remote_user, "U") == 0);
	} T_END;
}

static void fuzz_domains(const char *first, const char *second)
{
	struct migration_provider_settings provider_sets[] = {
		{ .name = "one", .domains = first, .user = "%n" },
		{ .name = "two", .domains = second, .user = "%n" },
	};
	struct migration_providers *providers;
	struct migration_settings set;
	const char *error = NULL;
	unsigned int i;

	i_zero(&set);
	t_array_init(&set.providers, N_ELEMENTS(provider_sets));
	for (i = 0; i < N_ELEMENTS(provider_sets); i++) {
		struct migration_provider_settings *provider =
			&provider_sets[i];

		array_push_back(&set.providers, &provider);
	}
	if (migration_providers_init(&set, &providers, &error) < 0) {
		i_assert(providers == NULL);
		i_assert(error != NULL);
		return;
	}
	for (i = 0; i < N_ELEMENTS(provider_sets); i++)
		fuzz_check_words(providers, &provider_sets[i]);
	migration_providers_deinit(&providers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size == 0 ? NULL : memchr(data, '\0', size);

	if (!lib_is_initialized())
		lib_init();
	T_BEGIN {
		if (nul == NULL)
			fuzz_domains(t_strndup(data, size), "");
		else {
			fuzz_domains(t_strndup(data, nul - data),
				     t_strndup(nul + 1,
					       data + size - (nul + 1)));
		}
	} T_END;
	return 0;
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "migration-limits.h"
#include "migration-provider.h"
#include "migration-fuzz.h"

static struct migration_provider_settings fuzz_provider_settings[] = {
	{
		.name = "oldhost",
		.domains = "old.example brand.example=new.example",
		.user = "%u",
	},
	{
		.name = "other",
		.domains = "short.example a \xc3\xa4.example=b",
		.user = "%d/%n%%",
	},
};

static struct migration_providers *fuzz_providers;

static void fuzz_providers_deinit(void)
{
	migration_providers_deinit(&fuzz_providers);
}

static void fuzz_providers_init(void)
{
	struct migration_settings set;
	const char *error;
	unsigned int i;

	i_zero(&set);
	t_array_init(&set.providers, N_ELEMENTS(fuzz_provider_settings));
	for (i = 0; i < N_ELEMENTS(fuzz_provider_settings); i++) {
		struct migration_provider_settings *provider =
			&fuzz_provider_settings[i];

		array_push_back(&set.providers, &provider);
	}
	if (migration_providers_init(&set, &fuzz_providers, &error) < 0)
		i_fatal("migration_providers_init() failed: %s", error);
	lib_atexit(fuzz_providers_deinit);
}

static void fuzz_check_name(const char *name)
{
	i_assert(strlen(name) <= MIGRATION_MAX_USERNAME_BYTES);
	for (; *name != '\0'; name++)
		i_assert((unsigned char)*name >= 0x20 && *name != 0x7f);
}

static void fuzz_user(const char *username)
{
	struct migration_user user;

	switch (migration_providers_find_user(fuzz_providers, username,
					      &user)) {
	case MIGRATION_USER_OK:
		i_assert(user.provider == &fuzz_provider_settings[0] ||
			 user.provider == &fuzz_provider_settings[1]);
		fuzz_check_name(username);
		fuzz_check_name(user.local_user);
		fuzz_check_name(user.remote_user);
		i_assert(strcmp(user.local_user,
				t_str_lcase(user.local_user)) == 0);
		i_assert(strchr(user.local_user, '@') != NULL);
		break;
	case MIGRATION_USER_FOREIGN:
	case MIGRATION_USER_REFUSED:
		i_assert(user.local_user == NULL || user.provider != NULL);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!lib_is_initialized())
		lib_init();
	T_BEGIN {
		if (fuzz_providers == NULL)
			fuzz_providers_init();
		fuzz_user(t_strndup(data, size));
	} T_END;
	return 0;
}

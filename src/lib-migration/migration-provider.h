#ifndef MIGRATION_PROVIDER_H
#define MIGRATION_PROVIDER_H

/* Whose provider is it? From a name as the user typed it to the provider that
   serves its domain, the name there and the name here. Pure rules; the index
   is built once from the settings and only read afterwards. Used by auth and
   by the checks of the settings. */

#include "migration-settings.h"

struct migration_providers;

enum migration_user_result {
	/* A provider serves the domain. */
	MIGRATION_USER_OK = 1,
	/* No domain, or nobody serves it: not ours, no I/O at all. */
	MIGRATION_USER_FOREIGN = 0,
	/* Control characters or too long: never sent anywhere. */
	MIGRATION_USER_REFUSED = -1,
};

struct migration_user {
	const struct migration_provider_settings *provider;
	/* Lower-cased name here, with the new domain if it is renamed. */
	const char *local_user;
	/* Name at the provider, after the provider's "user" setting. */
	const char *remote_user;
};

/* Returns 0, or -1 if a block's domains are not valid or a domain is claimed
   twice. The settings must outlive the index. */
int migration_providers_init(const struct migration_settings *set,
			     struct migration_providers **providers_r,
			     const char **error_r);
void migration_providers_deinit(struct migration_providers **providers);

/* The results are allocated from the data stack; local_user and remote_user
   are set only with MIGRATION_USER_OK. */
enum migration_user_result
migration_providers_find_user(const struct migration_providers *providers,
			      const char *username,
			      struct migration_user *user_r);

/* Is it a name in a domain that others were renamed to? The account's record
   knows whose user that is. */
bool migration_providers_is_new_name(
	const struct migration_providers *providers, const char *username);

/* Somebody who has not logged in yet and is to be moved from this provider: the
   name as users type it there, or as it is here if the domain is renamed. The
   name there is remote_user, or NULL = by the provider's "user" setting. Returns
   0, or -1 if the provider does not serve the domain, if a name cannot be used,
   or if it cannot be told what the name there is. */
int migration_providers_find_added(
	const struct migration_providers *providers,
	const struct migration_provider_settings *provider,
	const char *username, const char *remote_user,
	struct migration_user *user_r, const char **error_r);

/* Expands %u, %n and %d of a provider's "user" setting. Returns 0, or -1 for
   any other variable. The result is allocated from the data stack. */
int migration_provider_expand_user(const char *format, const char *username,
				   const char **remote_user_r,
				   const char **error_r);

#endif

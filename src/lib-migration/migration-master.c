/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-limits.h"
#include "migration-master.h"
#include "migration-secret.h"
#include "migration-settings.h"

bool migration_master_is_set(const struct migration_provider_settings *provider)
{
	return *provider->master_user != '\0';
}

bool migration_credential_is_master(const char *credential)
{
	return strcmp(credential, MIGRATION_CREDENTIAL_MASTER) == 0;
}

struct migration_secret *
migration_master_get_secret(const struct migration_provider_settings *provider)
{
	size_t size = strlen(provider->master_password);

	/* </path is read with it */
	if (size > 0 && provider->master_password[size - 1] == '\n')
		size--;
	if (size > 0 && provider->master_password[size - 1] == '\r')
		size--;
	return migration_secret_create(provider->master_password, size);
}

static bool master_user_is_safe(const char *user)
{
	const unsigned char *p;

	for (p = (const unsigned char *)user; *p != '\0'; p++) {
		if (*p < 0x20 || *p == 0x7f)
			return FALSE;
	}
	return p - (const unsigned char *)user <= MIGRATION_MAX_USERNAME_BYTES;
}

const char *
migration_master_check(const struct migration_provider_settings *provider)
{
	struct migration_secret *secret;
	bool sendable;

	if (*provider->master_user == '\0') {
		return *provider->master_password == '\0' ?
			       NULL :
			       "master_password: master_user is missing";
	}
	if (!master_user_is_safe(provider->master_user)) {
		return "master_user: it is too long or has control "
		       "characters";
	}
	if (*provider->master_password == '\0')
		return "master_user: master_password is missing";
	secret = migration_master_get_secret(provider);
	sendable = migration_secret_is_sendable(secret);
	migration_secret_free(&secret);
	return sendable ? NULL :
			  "master_password: it is empty, too long, or has "
			  "characters that cannot be sent (of a file the first "
			  "line is all)";
}

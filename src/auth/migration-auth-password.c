/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "auth-common.h"
#include "password-scheme.h"
#include "migration-secret.h"
#include "migration-auth-password.h"

int migration_auth_password_verify(struct event *event, const char *username,
				   const struct migration_secret *secret,
				   const char *crypted)
{
	const struct password_generate_params params = {
		.user = username,
	};
	const unsigned char *raw;
	const char *scheme, *error;
	size_t size;
	int ret;

	scheme = password_get_scheme(&crypted);
	if (scheme == NULL) {
		scheme = "CRYPT";
		if (*crypted == '\0')
			return 0;
	}
	ret = password_decode(crypted, scheme, &raw, &size, &error);
	if (ret > 0) {
		ret = password_verify(migration_secret_get(secret), &params,
				      scheme, raw, size, &error);
	} else {
		ret = -1;
	}
	if (ret < 0)
		e_error(event,
			"The account's password hash (scheme %s) "
			"is not usable",
			scheme);
	return ret;
}

const char *migration_auth_password_hash(const char *username,
					 const struct migration_secret *secret,
					 const char *scheme)
{
	const struct password_generate_params params = {
		.user = username,
	};
	const char *hash;

	if (!password_generate_encoded(migration_secret_get(secret), &params,
				       scheme, &hash)) {
		/* checked at start */
		i_unreached();
	}
	return t_strdup_printf("{%s}%s", scheme, hash);
}

int migration_auth_password_check_scheme(const char *scheme,
					 const char **error_r)
{
	const struct password_generate_params params = { .user = "" };
	const char *hash;

	if (password_generate_encoded("", &params, scheme, &hash))
		return 0;
	*error_r = t_strdup_printf(
		"migration_password_scheme: unknown scheme %s (list them "
		"with: doveadm pw -l)",
		scheme);
	return -1;
}

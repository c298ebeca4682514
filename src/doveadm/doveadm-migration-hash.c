/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "password-scheme.h"
#include "migration-compat.h"
#include "doveadm-migration-hash.h"

/* Weak, or the plugin could not be loaded into doveadm-server. */
#pragma weak password_schemes_init
#pragma weak password_schemes_register_all
#pragma weak password_schemes_allow_weak
#pragma weak password_schemes_deinit
#pragma weak password_decode
#pragma weak password_generate_encoded

static bool hash_available = FALSE;

bool doveadm_migration_hash_init(void)
{
	if (password_schemes_register_all == NULL)
		return FALSE;
	password_schemes_register_all();
	password_schemes_allow_weak(TRUE);
	hash_available = TRUE;
	return TRUE;
}

void doveadm_migration_hash_deinit(void)
{
	if (hash_available)
		password_schemes_deinit();
	hash_available = FALSE;
}

int doveadm_migration_hash(const char *username, const char *password,
			   const char *scheme, const char **hash_r,
			   const char **error_r)
{
	const struct password_generate_params params = { .user = username };
	const char *hash;

	if (!hash_available) {
		*error_r = "Passwords can be hashed on the command line only";
		return -1;
	}
	if (!password_generate_encoded(password, &params, scheme, &hash)) {
		*error_r = t_strdup_printf("Unknown password scheme %s (list "
					   "them with: doveadm pw -l)",
					   scheme);
		return -1;
	}
	*hash_r = t_strdup_printf("{%s}%s", scheme, hash);
	return 0;
}

static bool scheme_is_plain(const char *scheme)
{
	static const char *const schemes[] = { "PLAIN", "CLEAR", "CLEARTEXT",
					       NULL };

	return str_array_icase_find(schemes, scheme);
}

int doveadm_migration_hash_check(const char *password, const char **plain_r,
				 const char **error_r)
{
	const char *scheme, *end, *error;
	const unsigned char *raw;
	size_t size;
	int ret;

	i_assert(*password == '{');
	end = strchr(password, '}');
	i_assert(end != NULL);
	scheme = t_strdup_until(password + 1, end);
	password = end + 1;
	if (scheme_is_plain(scheme)) {
		*plain_r = password;
		return 0;
	}
	if (!hash_available)
		return 1;
	ret = password_decode(password, scheme, &raw, &size, &error);
	if (ret == 0) {
		*error_r = "the password's scheme is unknown (list the known "
			   "ones with: doveadm pw -l)";
		return -1;
	}
	if (ret < 0 || size == 0) {
		*error_r = t_strdup_printf(
			"the password is no hash of the scheme %s", scheme);
		return -1;
	}
	return 1;
}

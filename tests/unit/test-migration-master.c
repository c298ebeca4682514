/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-limits.h"
#include "migration-master.h"
#include "migration-secret.h"
#include "migration-settings.h"
#include "test-common.h"

static void test_migration_master_check(void)
{
	static const struct {
		const char *user, *password;
		/* part of what is wrong, or NULL */
		const char *error;
		const char *secret;
	} tests[] = {
		{ "", "", NULL, "" },
		{ "admin", "secret", NULL, "secret" },
		/* read from a file */
		{ "admin", "secret\n", NULL, "secret" },
		{ "admin", "secret\r\n", NULL, "secret" },
		{ "admin", " sec ret ", NULL, " sec ret " },
		{ "admin@old.example", "p\xc3\xa4\xc3\x9f", NULL,
		  "p\xc3\xa4\xc3\x9f" },
		{ "", "secret", "master_user is missing", NULL },
		{ "admin", "", "master_password is missing", NULL },
		{ "admin", "\n", "cannot be sent", NULL },
		{ "admin", "secret\n\n", "cannot be sent", NULL },
		{ "admin", "secret\nmore\n", "cannot be sent", NULL },
		{ "ad\tmin", "secret", "control", NULL },
		{ "ad\rmin", "secret", "control", NULL },
	};
	struct migration_provider_settings set;
	struct migration_secret *secret;
	const char *error;
	unsigned int i;

	test_begin("migration master: settings");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		i_zero(&set);
		set.master_user = tests[i].user;
		set.master_password = tests[i].password;
		error = migration_master_check(&set);
		test_assert_idx((error == NULL) == (tests[i].error == NULL),
				i);
		test_assert_idx(migration_master_is_set(&set) ==
				(*tests[i].user != '\0'), i);
		if (error != NULL) {
			test_assert_idx(strstr(error, tests[i].error) != NULL,
					i);
			continue;
		}
		secret = migration_master_get_secret(&set);
		test_assert_strcmp_idx(migration_secret_get(secret),
				       tests[i].secret, i);
		migration_secret_free(&secret);
	}
	set.master_user = t_strdup_printf("%0*d",
					  MIGRATION_MAX_USERNAME_BYTES + 1, 0);
	set.master_password = "secret";
	test_assert(migration_master_check(&set) != NULL);
	set.master_user = "admin";
	set.master_password = t_strdup_printf("%0*d",
					      MIGRATION_MAX_PASSWORD_BYTES + 1,
					      0);
	test_assert(migration_master_check(&set) != NULL);
	test_end();
}

static void test_migration_credential_is_master(void)
{
	test_begin("migration master: credential");
	test_assert(migration_credential_is_master("master"));
	test_assert(!migration_credential_is_master(""));
	test_assert(!migration_credential_is_master("Master"));
	test_assert(!migration_credential_is_master("masterAA"));
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_master_check,
		test_migration_credential_is_master,
		NULL
	};

	return test_run(test_functions);
}

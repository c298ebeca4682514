/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "base64.h"
#include "buffer.h"
#include "hex-binary.h"
#include "migration-compat.h"
#include "migration-keygen.h"
#include "migration-seal.h"
#include "migration-secret.h"
#include "migration-unseal.h"
#include "test-common.h"
#include "migration-test-common.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned int test_count_files(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int count = 0;

	if (dir == NULL)
		i_fatal("opendir(%s) failed: %m", path);
	while (readdir(dir) != NULL)
		count++;
	if (closedir(dir) < 0)
		i_fatal("closedir(%s) failed: %m", path);
	/* . and .. */
	return count - 2;
}

static mode_t test_mode(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		i_fatal("stat(%s) failed: %m", path);
	return st.st_mode & 07777;
}

static void test_migration_keygen_new(void)
{
	const char *private_path = test_tmp_path("a/b/private.pem");
	const char *public_path = test_tmp_path("a/c/public.pem");
	const char *key_id = NULL, *error, *text;
	mode_t old_umask;

	test_begin("migration keygen: new pair");
	/* as the master process has it */
	old_umask = umask(0077);
	test_assert(migration_keygen(private_path, public_path, &key_id,
				     &error) == 0);
	umask(old_umask);
	test_assert(test_mode(private_path) == 0600);
	test_assert(test_mode(public_path) == 0644);
	test_assert(test_mode(test_tmp_path("a")) == 0755);
	test_assert(test_mode(test_tmp_path("a/b")) == 0755);
	test_assert(test_mode(test_tmp_path("a/c")) == 0755);
	test_assert(test_count_files(test_tmp_path("a/b")) == 1);
	test_assert(test_count_files(test_tmp_path("a/c")) == 1);
	test_assert(key_id != NULL && strlen(key_id) == 16 &&
		    strspn(key_id, "0123456789abcdef") == 16);

	text = test_read_file(private_path);
	test_assert(str_begins_with(text, "-----BEGIN PRIVATE KEY-----\nMC4CAQAw"));
	/* 48 bytes in base64 on one line */
	test_assert_ucmp(strlen(text), ==, 28 + 64 + 1 + 26);
	text = test_read_file(public_path);
	test_assert(str_begins_with(text, "-----BEGIN PUBLIC KEY-----\nMCowBQYD"));
	test_assert_ucmp(strlen(text), ==, 27 + 60 + 1 + 25);
	test_tmp_remove();
	test_end();
}

static void test_migration_keygen_pair(void)
{
	const char *private_path = test_tmp_path("private.pem");
	const char *public_path = test_tmp_path("public.pem");
	const char *key_id, *key_id2, *box = "", *error;
	struct migration_sealer *sealer;
	struct migration_unsealer *unsealer;
	struct migration_secret *secret, *secret2 = NULL;

	test_begin("migration keygen: both halves belong together");
	test_assert(migration_keygen(private_path, public_path, &key_id,
				     &error) == 0);
	test_assert(migration_sealer_init(public_path, &sealer, &error) == 0);
	test_assert(migration_unsealer_init(private_path, &unsealer,
					    &error) == 0);
	secret = migration_secret_create("password", 8);
	test_assert(migration_seal(sealer, secret, "user", "provider", &box,
				   &error) == 0);
	test_assert_strcmp(binary_to_hex(CONST_PTR_OFFSET(
		t_base64_decode_str(box)->data, 1), 8), key_id);
	test_assert(migration_unseal(unsealer, box, "user", "provider",
				     &secret2, &error) == MIGRATION_UNSEAL_OK);
	test_assert_strcmp(migration_secret_get(secret2), "password");
	migration_secret_free(&secret);
	migration_secret_free(&secret2);
	migration_sealer_deinit(&sealer);
	migration_unsealer_deinit(&unsealer);

	/* and no pair is like another */
	test_assert(migration_keygen(test_tmp_path("private2.pem"),
				     test_tmp_path("public2.pem"), &key_id2,
				     &error) == 0);
	test_assert(strcmp(key_id, key_id2) != 0);
	test_tmp_remove();
	test_end();
}

static void test_migration_keygen_exists(void)
{
	const char *private_path = test_tmp_path("private.pem");
	const char *public_path = test_tmp_path("public.pem");
	const char *key_id, *error;

	test_begin("migration keygen: nothing is overwritten");
	/* only the private one */
	test_write_file(private_path, 0644, "mine");
	test_assert(migration_keygen(private_path, public_path, &key_id,
				     &error) < 0);
	test_assert_strcmp(error, t_strdup_printf(
		"Cannot make the keys: the private key is there, %s, and only "
		"the public key %s is missing: make it with: openssl pkey "
		"-in %s -pubout -out %s",
		private_path, public_path, private_path, public_path));
	test_assert_strcmp(test_read_file(private_path), "mine");
	test_assert(test_mode(private_path) == 0644);
	test_assert(test_count_files(test_tmp_path("")) == 1);
	/* both */
	test_write_file(public_path, 0600, "mine too");
	test_assert(migration_keygen(private_path, public_path, &key_id,
				     &error) < 0);
	test_assert_strcmp(error, t_strdup_printf(
		"Cannot make the keys: there are keys already: %s and %s are "
		"not overwritten", private_path, public_path));
	test_assert_strcmp(test_read_file(private_path), "mine");
	test_assert_strcmp(test_read_file(public_path), "mine too");
	test_assert(test_count_files(test_tmp_path("")) == 2);
	/* only the public one */
	i_unlink(private_path);
	test_assert(migration_keygen(private_path, public_path, &key_id,
				     &error) < 0);
	test_assert_strcmp(error, t_strdup_printf(
		"Cannot make the keys: the public key is there, %s, but the "
		"private key %s is missing: put it back from your copy. If "
		"there is none, remove the public key and run this again; "
		"users who are on their way must then log in once more",
		public_path, private_path));
	test_assert_strcmp(test_read_file(public_path), "mine too");
	test_assert(test_count_files(test_tmp_path("")) == 1);
	/* a link that leads nowhere */
	i_unlink(public_path);
	if (symlink("/nonexistent/key.pem", private_path) < 0)
		i_fatal("symlink(%s) failed: %m", private_path);
	test_assert(migration_keygen(private_path, public_path, &key_id,
				     &error) < 0);
	test_assert(test_count_files(test_tmp_path("")) == 1);
	test_tmp_remove();
	test_end();
}

static void test_migration_keygen_not_half(void)
{
	const char *private_path = test_tmp_path("private.pem");
	const char *file = test_tmp_path("file");
	const char *public_path = test_tmp_path("file/public.pem");
	const char *key_id, *error = NULL;

	test_begin("migration keygen: never half a pair");
	/* a file stands where a directory should */
	test_write_file(file, 0600, "x");
	test_assert(migration_keygen(private_path, public_path, &key_id,
				     &error) < 0);
	test_assert(error != NULL &&
		    str_begins_with(error, "Cannot make the keys: ") &&
		    strstr(error, file) != NULL);
	test_assert(test_count_files(test_tmp_path("")) == 1);
	test_assert(migration_keygen(public_path, private_path, &key_id,
				     &error) < 0);
	test_assert(test_count_files(test_tmp_path("")) == 1);
	/* one name for both: the second cannot appear */
	test_assert(migration_keygen(private_path, private_path, &key_id,
				     &error) < 0);
	test_assert_strcmp(error, t_strdup_printf(
		"Cannot make the keys: %s exists already and is not "
		"overwritten", private_path));
	test_assert(test_count_files(test_tmp_path("")) == 1);
	test_tmp_remove();
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_keygen_new,
		test_migration_keygen_pair,
		test_migration_keygen_exists,
		test_migration_keygen_not_half,
		NULL
	};
	return test_run(test_functions);
}

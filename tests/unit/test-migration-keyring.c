/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-keygen.h"
#include "migration-keyring.h"
#include "migration-seal.h"
#include "migration-secret.h"
#include "migration-unseal.h"
#include "test-common.h"
#include "migration-test-common.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PRIVATE test_tmp_path("private.pem")
#define PUBLIC test_tmp_path("public.pem")

static const char *test_generate(void)
{
	const char *key_id, *error;

	if (migration_keygen(PRIVATE, PUBLIC, &key_id, &error) < 0)
		i_fatal("%s", error);
	return key_id;
}

static const char *test_seal(void)
{
	struct migration_sealer *sealer;
	struct migration_secret *secret;
	const char *box, *error;

	if (migration_sealer_init(PUBLIC, &sealer, &error) < 0)
		i_fatal("%s", error);
	secret = migration_secret_create("password", 8);
	if (migration_seal(sealer, secret, "user", "provider", &box,
			   &error) < 0)
		i_fatal("%s", error);
	test_assert_strcmp(migration_unseal_get_key_id(box),
			   migration_sealer_get_key_id(sealer));
	migration_secret_free(&secret);
	migration_sealer_deinit(&sealer);
	return box;
}

static enum migration_unseal_result test_unseal(const char *box)
{
	struct migration_unsealer *unsealer;
	struct migration_secret *secret = NULL;
	enum migration_unseal_result result;
	const char *error;

	if (migration_unsealer_init(PRIVATE, &unsealer, &error) < 0)
		i_fatal("%s", error);
	result = migration_unseal(unsealer, box, "user", "provider", &secret,
				  &error);
	if (result == MIGRATION_UNSEAL_OK)
		test_assert_strcmp(migration_secret_get(secret), "password");
	migration_secret_free(&secret);
	migration_unsealer_deinit(&unsealer);
	return result;
}

/* Ids of the private file, with blanks in between. */
static const char *test_ids(void)
{
	struct migration_unsealer *unsealer;
	const char *ids, *error;

	if (migration_unsealer_init(PRIVATE, &unsealer, &error) < 0)
		i_fatal("%s", error);
	ids = t_strarray_join(migration_unsealer_get_key_ids(unsealer), " ");
	migration_unsealer_deinit(&unsealer);
	return ids;
}

static mode_t test_mode(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		i_fatal("stat(%s) failed: %m", path);
	return st.st_mode & 07777;
}

static void test_migration_keyring_rotate(void)
{
	const char *id1, *id2 = "", *id3 = "", *box1, *box2, *error;

	test_begin("migration keyring: rotate and forget");
	id1 = test_generate();
	box1 = test_seal();
	test_assert(migration_keyring_rotate(PRIVATE, PUBLIC, &id2,
					     &error) == 0);
	test_assert_strcmp(test_ids(), t_strconcat(id2, " ", id1, NULL));
	test_assert(test_mode(PRIVATE) == 0600);
	test_assert(test_mode(PUBLIC) == 0644);
	/* the old box opens, the next one is for the new key */
	test_assert(test_unseal(box1) == MIGRATION_UNSEAL_OK);
	box2 = test_seal();
	test_assert_strcmp(migration_unseal_get_key_id(box2), id2);
	test_assert(test_unseal(box2) == MIGRATION_UNSEAL_OK);

	test_assert(migration_keyring_rotate(PRIVATE, PUBLIC, &id3,
					     &error) == 0);
	test_assert_strcmp(test_ids(), t_strconcat(id3, " ", id2, " ", id1,
						   NULL));
	test_assert(migration_keyring_forget_old(PRIVATE, PUBLIC,
						 &error) == 2);
	test_assert_strcmp(test_ids(), id3);
	test_assert(test_mode(PRIVATE) == 0600);
	test_assert(test_unseal(box1) == MIGRATION_UNSEAL_NO_KEY);
	test_assert(test_unseal(test_seal()) == MIGRATION_UNSEAL_OK);
	/* nothing to do */
	test_assert(migration_keyring_forget_old(PRIVATE, PUBLIC,
						 &error) == 0);
	test_assert_strcmp(test_ids(), id3);
	test_tmp_remove();
	test_end();
}

static void test_migration_keyring_unusable(void)
{
	const char *id, *before, *error;

	test_begin("migration keyring: unusable files stay as they are");
	test_assert(migration_keyring_rotate(PRIVATE, PUBLIC, &id,
					     &error) < 0);
	test_assert(strstr(error, "Cannot rotate the keys: ") == error &&
		    strstr(error, PRIVATE) != NULL);
	/* not a key */
	test_write_file(PRIVATE, 0600, "nonsense");
	test_assert(migration_keyring_rotate(PRIVATE, PUBLIC, &id,
					     &error) < 0);
	test_assert(strstr(error, "no private key in PEM form") != NULL);
	test_assert_strcmp(test_read_file(PRIVATE), "nonsense");
	i_unlink(PRIVATE);
	/* open to others */
	(void)test_generate();
	before = test_read_file(PRIVATE);
	if (chmod(PRIVATE, 0644) < 0)
		i_fatal("chmod() failed: %m");
	test_assert(migration_keyring_rotate(PRIVATE, PUBLIC, &id,
					     &error) < 0);
	test_assert(strstr(error, "chmod 600") != NULL);
	test_assert_strcmp(test_read_file(PRIVATE), before);
	test_tmp_remove();
	test_end();
}

/* The key that boxes are sealed for must never be taken out. */
static void test_migration_keyring_forget_other(void)
{
	const char *ids, *id1, *id2, *public_pem, *error;

	test_begin("migration keyring: the public key is another one");
	id1 = test_generate();
	public_pem = test_read_file(PUBLIC);
	test_assert(migration_keyring_rotate(PRIVATE, PUBLIC, &id2,
					     &error) == 0);
	ids = test_ids();
	test_write_file(PUBLIC, 0644, public_pem);
	test_assert(migration_keyring_forget_old(PRIVATE, PUBLIC,
						 &error) < 0);
	test_assert(strstr(error, id1) != NULL && strstr(error, id2) != NULL);
	test_assert_strcmp(test_ids(), ids);
	test_write_file(PUBLIC, 0644, "nonsense");
	test_assert(migration_keyring_forget_old(PRIVATE, PUBLIC,
						 &error) < 0);
	test_assert_strcmp(test_ids(), ids);
	test_tmp_remove();
	test_end();
}

/* Another process holds the lock. */
static void test_migration_keyring_locked(void)
{
	const char *id, *error = "";
	int fd, status, to_child[2], to_parent[2];
	char c = 0;
	pid_t pid;

	test_begin("migration keyring: two at once");
	(void)test_generate();
	if (pipe(to_child) < 0 || pipe(to_parent) < 0)
		i_fatal("pipe() failed: %m");
	pid = fork();
	if (pid == 0) {
		fd = open(test_tmp_path("."), O_RDONLY | O_DIRECTORY);
		status = flock(fd, LOCK_EX) == 0 &&
			write(to_parent[1], &c, 1) == 1 &&
			read(to_child[0], &c, 1) == 1 ? 0 : 1;
		_exit(status);
	}
	test_assert(read(to_parent[0], &c, 1) == 1);
	test_assert(migration_keyring_rotate(PRIVATE, PUBLIC, &id,
					     &error) < 0);
	test_assert(strstr(error, "at this moment") != NULL);
	test_assert(write(to_child[1], &c, 1) == 1);
	test_assert(waitpid(pid, &status, 0) == pid && status == 0);
	test_assert(migration_keyring_rotate(PRIVATE, PUBLIC, &id,
					     &error) == 0);
	i_close_fd(&to_child[0]);
	i_close_fd(&to_child[1]);
	i_close_fd(&to_parent[0]);
	i_close_fd(&to_parent[1]);
	test_tmp_remove();
	test_end();
}

static pid_t test_fork_rotate(void)
{
	const char *id, *error;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	_exit(migration_keyring_rotate(PRIVATE, PUBLIC, &id, &error) == 0 ?
	      0 : 1);
}

/* No key is lost that somebody could have sealed with. */
static void test_migration_keyring_race(void)
{
	unsigned int i, round, rotated = 0;
	pid_t pids[8];
	int status;

	test_begin("migration keyring: many at the same time");
	(void)test_generate();
	for (round = 0; round < 10; round++) {
		for (i = 0; i < N_ELEMENTS(pids); i++)
			pids[i] = test_fork_rotate();
		for (i = 0; i < N_ELEMENTS(pids); i++) {
			test_assert(waitpid(pids[i], &status, 0) == pids[i]);
			if (status == 0)
				rotated++;
		}
		test_assert_idx(test_unseal(test_seal()) == MIGRATION_UNSEAL_OK,
				round);
		test_assert_idx(str_array_length(t_strsplit(test_ids(), " ")) ==
				1 + rotated, round);
	}
	test_assert(rotated >= 10);
	test_tmp_remove();
	test_end();
}

static void test_migration_unseal_key_id(void)
{
	test_begin("migration unseal: key of a box");
	(void)test_generate();
	test_assert(migration_unseal_get_key_id("") == NULL);
	test_assert(migration_unseal_get_key_id("nonsense") == NULL);
	test_assert(migration_unseal_get_key_id(
		t_strconcat(test_seal(), " ", NULL)) == NULL);
	test_tmp_remove();
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_keyring_rotate,
		test_migration_keyring_unusable,
		test_migration_keyring_forget_other,
		test_migration_keyring_locked,
		test_migration_keyring_race,
		test_migration_unseal_key_id,
		NULL
	};

	return test_run(test_functions);
}

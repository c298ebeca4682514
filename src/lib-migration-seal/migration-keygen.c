/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "hex-binary.h"
#include "migration-key-file.h"
#include "migration-keygen.h"

#include <sys/stat.h>
#include <unistd.h>

static const char *keygen_exists_error(const char *path)
{
	return t_strdup_printf("%s exists already and is not overwritten",
			       path);
}

/* Returns 1 if something has the name, 0 if not. */
static int keygen_exists(const char *path, const char **error_r)
{
	struct stat st;

	if (lstat(path, &st) == 0)
		return 1;
	if (errno == ENOENT)
		return 0;
	*error_r = t_strdup_printf("lstat(%s) failed: %m", path);
	return -1;
}

static int keygen_check_free(const char *private_path, const char *public_path,
			     const char **error_r)
{
	int have_private, have_public;

	have_private = keygen_exists(private_path, error_r);
	have_public = have_private < 0 ? -1 :
					 keygen_exists(public_path, error_r);
	if (have_public < 0)
		return -1;
	if (have_private > 0 && have_public > 0) {
		*error_r = t_strdup_printf(
			"there are keys already: %s and %s are not overwritten",
			private_path, public_path);
	} else if (have_private > 0) {
		*error_r = t_strdup_printf(
			"the private key is there, %s, and only the public key "
			"%s is missing: make it with: openssl pkey -in %s "
			"-pubout -out %s",
			private_path, public_path, private_path, public_path);
	} else if (have_public > 0) {
		*error_r = t_strdup_printf(
			"the public key is there, %s, but the private key %s "
			"is missing: put it back from your copy. If there is "
			"none, remove the public key and run this again; users "
			"who are on their way must then log in once more",
			public_path, private_path);
	} else {
		return 0;
	}
	return -1;
}

/* link() and not rename(): it fails if the name is taken. */
static int
keygen_publish(const char *temp_path, const char *path, const char **error_r)
{
	if (link(temp_path, path) == 0)
		return 0;
	*error_r = errno == EEXIST ? keygen_exists_error(path) :
				     t_strdup_printf("link(%s, %s) failed: %m",
						     temp_path, path);
	return -1;
}

/* The private key appears first and disappears last: a public key that nobody
   can open boxes for must not be seen. */
static int
keygen_publish_pair(const char *private_temp, const char *private_path,
		    const char *public_temp, const char *public_path,
		    const char **error_r)
{
	if (keygen_publish(private_temp, private_path, error_r) < 0)
		return -1;
	if (migration_key_file_sync_dir(private_path, error_r) < 0 ||
	    keygen_publish(public_temp, public_path, error_r) < 0) {
		i_unlink(private_path);
		return -1;
	}
	if (migration_key_file_sync_dir(public_path, error_r) < 0) {
		i_unlink(public_path);
		i_unlink(private_path);
		return -1;
	}
	return 0;
}

static int
keygen_write_pair(const char *private_path, const buffer_t *private_pem,
		  const char *public_path, const buffer_t *public_pem,
		  const char **error_r)
{
	const char *private_temp = NULL, *public_temp = NULL;
	int ret = -1;

	if (keygen_check_free(private_path, public_path, error_r) == 0 &&
	    migration_key_file_write_temp(private_path, 0600, private_pem,
					  &private_temp, error_r) == 0 &&
	    migration_key_file_write_temp(public_path, 0644, public_pem,
					  &public_temp, error_r) == 0)
		ret = keygen_publish_pair(private_temp, private_path,
					  public_temp, public_path, error_r);
	if (private_temp != NULL)
		i_unlink(private_temp);
	if (public_temp != NULL)
		i_unlink(public_temp);
	return ret;
}

int migration_keygen(const char *private_path, const char *public_path,
		     const char **key_id_r, const char **error_r)
{
	struct migration_key_pair pair;
	const char *error;
	int ret = -1;

	if (migration_key_pair_create(&pair, &error) == 0) {
		ret = keygen_write_pair(private_path, &pair.private_pem,
					public_path, &pair.public_pem, &error);
	}
	migration_key_pair_wipe(&pair);
	if (ret < 0) {
		*error_r = t_strdup_printf("Cannot make the keys: %s", error);
		return -1;
	}
	*key_id_r = binary_to_hex(pair.id, sizeof(pair.id));
	return 0;
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "base64.h"
#include "buffer.h"
#include "eacces-error.h"
#include "fdatasync-path.h"
#include "hex-binary.h"
#include "mkdir-parents.h"
#include "safe-mkstemp.h"
#include "str.h"
#include "write-full.h"
#include "migration-box.h"
#include "migration-keygen.h"

#include <unistd.h>

/* Both halves fit well into it. */
#define KEY_PEM_MAX_BYTES 512
#define KEY_DER_MAX_BYTES 128
#define PEM_LINE_BYTES 64

/* SubjectPublicKeyInfo of X25519 up to the raw key: RFC 8410 section 4 */
static const unsigned char public_key_der_prefix[] = { 0x30, 0x2a, 0x30, 0x05,
						       0x06, 0x03, 0x2b, 0x65,
						       0x6e, 0x03, 0x21, 0x00 };

static EVP_PKEY *keygen_create_key(const char **error_r)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_X25519, NULL);
	EVP_PKEY *key = NULL;

	if (ctx == NULL || EVP_PKEY_keygen_init(ctx) <= 0 ||
	    EVP_PKEY_keygen(ctx, &key) <= 0) {
		*error_r = migration_box_openssl_error("Making the key");
		key = NULL;
	}
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void keygen_append_pem(buffer_t *pem, const char *label,
			      const unsigned char *der, size_t der_size)
{
	/* not str_printfa(), which wants more room than it needs */
	str_append(pem, "-----BEGIN ");
	str_append(pem, label);
	str_append(pem, "-----\n");
	base64_scheme_encode(&base64_scheme, 0, PEM_LINE_BYTES, der, der_size,
			     pem);
	str_append(pem, "\n-----END ");
	str_append(pem, label);
	str_append(pem, "-----\n");
}

static int
keygen_private_pem(EVP_PKEY *key, buffer_t *pem, const char **error_r)
{
	unsigned char der[KEY_DER_MAX_BYTES], *p = der;
	int size;

	size = i2d_PrivateKey(key, NULL);
	if (size <= 0 || size > (int)sizeof(der) ||
	    i2d_PrivateKey(key, &p) != size) {
		*error_r = migration_box_openssl_error("Encoding the key");
		return -1;
	}
	keygen_append_pem(pem, "PRIVATE KEY", der, size);
	OPENSSL_cleanse(der, sizeof(der));
	return 0;
}

static int keygen_public_pem(EVP_PKEY *key, buffer_t *pem, const char **error_r)
{
	unsigned char der[sizeof(public_key_der_prefix) +
			  MIGRATION_BOX_PUBLIC_KEY_BYTES];

	memcpy(der, public_key_der_prefix, sizeof(public_key_der_prefix));
	if (migration_box_public_key(key, der + sizeof(public_key_der_prefix),
				     error_r) < 0)
		return -1;
	keygen_append_pem(pem, "PUBLIC KEY", der, sizeof(der));
	return 0;
}

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

static const char *keygen_parent_dir(const char *path)
{
	const char *p = strrchr(path, '/');

	if (p == NULL)
		return ".";
	return p == path ? "/" : t_strdup_until(path, p);
}

static int keygen_write_fd(int fd, const char *path, const buffer_t *pem,
			   const char **error_r)
{
	if (write_full(fd, pem->data, pem->used) < 0) {
		*error_r = t_strdup_printf("write(%s) failed: %m", path);
		return -1;
	}
	if (fsync(fd) < 0) {
		*error_r = t_strdup_printf("fsync(%s) failed: %m", path);
		return -1;
	}
	return 0;
}

/* temp_path_r is set only if there is a file to remove. */
static int keygen_write_temp(const char *path, mode_t mode, const buffer_t *pem,
			     const char **temp_path_r, const char **error_r)
{
	const char *dir = keygen_parent_dir(path);
	string_t *temp_path = t_str_new(256);
	int fd, ret;

	if (mkdir_parents(dir, 0755) < 0 && errno != EEXIST) {
		*error_r = t_strdup_printf("mkdir(%s) failed: %m", dir);
		return -1;
	}
	str_printfa(temp_path, "%s.tmp.", path);
	fd = safe_mkstemp_hostpid(temp_path, mode, (uid_t)-1, (gid_t)-1);
	if (fd == -1) {
		*error_r =
			errno == EACCES ?
				eacces_error_get_creating("creat", path) :
				t_strdup_printf("creat(%s) failed: %m", path);
		return -1;
	}
	*temp_path_r = str_c(temp_path);
	ret = keygen_write_fd(fd, *temp_path_r, pem, error_r);
	i_close_fd(&fd);
	return ret;
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

static int keygen_sync_dir(const char *path, const char **error_r)
{
	const char *dir = keygen_parent_dir(path);

	if (fdatasync_path(dir) == 0)
		return 0;
	*error_r = t_strdup_printf("fdatasync(%s) failed: %m", dir);
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
	if (keygen_sync_dir(private_path, error_r) < 0 ||
	    keygen_publish(public_temp, public_path, error_r) < 0) {
		i_unlink(private_path);
		return -1;
	}
	if (keygen_sync_dir(public_path, error_r) < 0) {
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
	    keygen_write_temp(private_path, 0600, private_pem, &private_temp,
			      error_r) == 0 &&
	    keygen_write_temp(public_path, 0644, public_pem, &public_temp,
			      error_r) == 0)
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
	unsigned char private_data[KEY_PEM_MAX_BYTES];
	unsigned char public_data[KEY_PEM_MAX_BYTES];
	unsigned char id[MIGRATION_BOX_KEY_ID_BYTES];
	buffer_t private_pem, public_pem;
	const char *error;
	EVP_PKEY *key;
	int ret = -1;

	buffer_create_from_data(&private_pem, private_data,
				sizeof(private_data));
	buffer_create_from_data(&public_pem, public_data, sizeof(public_data));
	key = keygen_create_key(&error);
	if (key != NULL && migration_box_key_id(key, id, &error) == 0 &&
	    keygen_private_pem(key, &private_pem, &error) == 0 &&
	    keygen_public_pem(key, &public_pem, &error) == 0)
		ret = keygen_write_pair(private_path, &private_pem, public_path,
					&public_pem, &error);
	EVP_PKEY_free(key);
	OPENSSL_cleanse(private_data, sizeof(private_data));
	if (ret < 0) {
		*error_r = t_strdup_printf("Cannot make the keys: %s", error);
		return -1;
	}
	*key_id_r = binary_to_hex(id, sizeof(id));
	return 0;
}

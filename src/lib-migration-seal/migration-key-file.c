/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "base64.h"
#include "eacces-error.h"
#include "fdatasync-path.h"
#include "mkdir-parents.h"
#include "safe-mkstemp.h"
#include "str.h"
#include "write-full.h"
#include "migration-key-file.h"

#include <unistd.h>

#define KEY_DER_MAX_BYTES 128
#define PEM_LINE_BYTES 64

/* SubjectPublicKeyInfo of X25519 up to the raw key: RFC 8410 section 4 */
static const unsigned char public_key_der_prefix[] = { 0x30, 0x2a, 0x30, 0x05,
						       0x06, 0x03, 0x2b, 0x65,
						       0x6e, 0x03, 0x21, 0x00 };

static EVP_PKEY *key_create(const char **error_r)
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

static void key_append_pem(buffer_t *pem, const char *label,
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

static int key_private_pem(EVP_PKEY *key, buffer_t *pem, const char **error_r)
{
	unsigned char der[KEY_DER_MAX_BYTES], *p = der;
	int size;

	size = i2d_PrivateKey(key, NULL);
	if (size <= 0 || size > (int)sizeof(der) ||
	    i2d_PrivateKey(key, &p) != size) {
		*error_r = migration_box_openssl_error("Encoding the key");
		return -1;
	}
	key_append_pem(pem, "PRIVATE KEY", der, size);
	OPENSSL_cleanse(der, sizeof(der));
	return 0;
}

static int key_public_pem(EVP_PKEY *key, buffer_t *pem, const char **error_r)
{
	unsigned char der[sizeof(public_key_der_prefix) +
			  MIGRATION_BOX_PUBLIC_KEY_BYTES];

	memcpy(der, public_key_der_prefix, sizeof(public_key_der_prefix));
	if (migration_box_public_key(key, der + sizeof(public_key_der_prefix),
				     error_r) < 0)
		return -1;
	key_append_pem(pem, "PUBLIC KEY", der, sizeof(der));
	return 0;
}

int migration_key_pair_create(struct migration_key_pair *pair_r,
			      const char **error_r)
{
	EVP_PKEY *key;
	int ret = -1;

	i_zero(pair_r);
	buffer_create_from_data(&pair_r->private_pem, pair_r->private_data,
				sizeof(pair_r->private_data));
	buffer_create_from_data(&pair_r->public_pem, pair_r->public_data,
				sizeof(pair_r->public_data));
	key = key_create(error_r);
	if (key != NULL &&
	    migration_box_key_id(key, pair_r->id, error_r) == 0 &&
	    key_private_pem(key, &pair_r->private_pem, error_r) == 0 &&
	    key_public_pem(key, &pair_r->public_pem, error_r) == 0)
		ret = 0;
	EVP_PKEY_free(key);
	return ret;
}

void migration_key_pair_wipe(struct migration_key_pair *pair)
{
	OPENSSL_cleanse(pair->private_data, sizeof(pair->private_data));
}

const char *migration_key_file_parent_dir(const char *path)
{
	const char *p = strrchr(path, '/');

	if (p == NULL)
		return ".";
	return p == path ? "/" : t_strdup_until(path, p);
}

static int key_file_write_fd(int fd, const char *path, const buffer_t *contents,
			     const char **error_r)
{
	if (write_full(fd, contents->data, contents->used) < 0) {
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
int migration_key_file_write_temp(const char *path, mode_t mode,
				  const buffer_t *contents,
				  const char **temp_path_r,
				  const char **error_r)
{
	const char *dir = migration_key_file_parent_dir(path);
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
	ret = key_file_write_fd(fd, *temp_path_r, contents, error_r);
	i_close_fd(&fd);
	return ret;
}

int migration_key_file_sync_dir(const char *path, const char **error_r)
{
	const char *dir = migration_key_file_parent_dir(path);

	if (fdatasync_path(dir) == 0)
		return 0;
	*error_r = t_strdup_printf("fdatasync(%s) failed: %m", dir);
	return -1;
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "base64.h"
#include "buffer.h"
#include "eacces-error.h"
#include "hex-binary.h"
#include "randgen.h"
#include "read-full.h"
#include "str.h"
#include "migration-box.h"
#include "migration-limits.h"
#include "migration-secret.h"
#include "migration-seal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PEM_BEGIN "-----BEGIN PUBLIC KEY-----"
#define PEM_END "-----END PUBLIC KEY-----"
#define KEY_FILE_MAX_BYTES (64 * 1024)

#define BOX_MAX_BYTES \
	(MIGRATION_BOX_HEADER_BYTES + MIGRATION_BOX_NONCE_BYTES + \
	 MIGRATION_MAX_PASSWORD_BYTES + MIGRATION_BOX_TAG_BYTES)

/* SubjectPublicKeyInfo of X25519 up to the raw key: RFC 8410 section 4 */
static const unsigned char public_key_der_prefix[] = { 0x30, 0x2a, 0x30, 0x05,
						       0x06, 0x03, 0x2b, 0x65,
						       0x6e, 0x03, 0x21, 0x00 };

struct migration_sealer {
	EVP_PKEY *key;
	unsigned char raw[MIGRATION_BOX_PUBLIC_KEY_BYTES];
	unsigned char key_id[MIGRATION_BOX_KEY_ID_BYTES];
};

static int key_file_read_fd(int fd, const char *path, const char **pem_r,
			    const char **error_r)
{
	struct stat st;
	char *pem;
	int ret;

	if (fstat(fd, &st) < 0) {
		*error_r = t_strdup_printf("fstat(%s) failed: %m", path);
		return -1;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > KEY_FILE_MAX_BYTES) {
		*error_r = t_strdup_printf("%s is not a key file", path);
		return -1;
	}
	pem = t_malloc0(st.st_size + 1);
	ret = read_full(fd, pem, st.st_size);
	if (ret <= 0) {
		*error_r = t_strdup_printf("read(%s) failed: %s", path,
					   ret < 0 ? strerror(errno) :
						     "File became shorter");
		return -1;
	}
	*pem_r = pem;
	return 0;
}

static int
key_file_read(const char *path, const char **pem_r, const char **error_r)
{
	int fd, ret;

	fd = open(path, O_RDONLY);
	if (fd == -1) {
		*error_r = errno == EACCES ?
				   eacces_error_get("open", path) :
				   t_strdup_printf("open(%s) failed: %m", path);
		return -1;
	}
	ret = key_file_read_fd(fd, path, pem_r, error_r);
	i_close_fd(&fd);
	return ret;
}

static EVP_PKEY *public_key_parse(const char *pem)
{
	const char *begin, *end;
	const unsigned char *data;
	buffer_t *der;

	begin = strstr(pem, PEM_BEGIN);
	end = begin == NULL ? NULL : strstr(begin, PEM_END);
	if (end == NULL)
		return NULL;
	begin += strlen(PEM_BEGIN);
	der = t_base64_decode(0, begin, end - begin);
	data = der->data;
	if (der->used != sizeof(public_key_der_prefix) +
				 MIGRATION_BOX_PUBLIC_KEY_BYTES ||
	    memcmp(data, public_key_der_prefix,
		   sizeof(public_key_der_prefix)) != 0)
		return NULL;
	return EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL,
					   data + sizeof(public_key_der_prefix),
					   MIGRATION_BOX_PUBLIC_KEY_BYTES);
}

int migration_sealer_init(const char *path, struct migration_sealer **sealer_r,
			  const char **error_r)
{
	struct migration_sealer *sealer;
	const char *pem, *error;

	if (key_file_read(path, &pem, &error) < 0) {
		*error_r = t_strdup_printf("Cannot read the public key: %s",
					   error);
		return -1;
	}
	sealer = i_new(struct migration_sealer, 1);
	sealer->key = public_key_parse(pem);
	if (sealer->key == NULL) {
		*error_r = t_strdup_printf(
			"Cannot read the public key: %s has no X25519 public "
			"key in PEM form",
			path);
		migration_sealer_deinit(&sealer);
		return -1;
	}
	if (migration_box_public_key(sealer->key, sealer->raw, &error) < 0 ||
	    migration_box_key_id(sealer->key, sealer->key_id, &error) < 0) {
		*error_r = t_strdup_printf("Cannot use the public key %s: %s",
					   path, error);
		migration_sealer_deinit(&sealer);
		return -1;
	}
	*sealer_r = sealer;
	return 0;
}

void migration_sealer_deinit(struct migration_sealer **_sealer)
{
	struct migration_sealer *sealer = *_sealer;

	if (sealer == NULL)
		return;
	*_sealer = NULL;
	EVP_PKEY_free(sealer->key);
	i_free(sealer);
}

const char *migration_sealer_get_key_id(const struct migration_sealer *sealer)
{
	return binary_to_hex(sealer->key_id, sizeof(sealer->key_id));
}

/* A key pair that is used for one box and forgotten. */
static EVP_PKEY *ephemeral_key_create(const char **error_r)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_X25519, NULL);
	EVP_PKEY *key = NULL;

	if (ctx == NULL || EVP_PKEY_keygen_init(ctx) <= 0 ||
	    EVP_PKEY_keygen(ctx, &key) <= 0) {
		*error_r =
			migration_box_openssl_error("Making an ephemeral key");
		key = NULL;
	}
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* Writes the header and agrees on the key that goes with it. */
static int
seal_header(struct migration_sealer *sealer, unsigned char *header,
	    unsigned char cipher_key_r[MIGRATION_BOX_CIPHER_KEY_BYTES],
	    const char **error_r)
{
	unsigned char *ephemeral_raw = header + 1 + MIGRATION_BOX_KEY_ID_BYTES;
	EVP_PKEY *ephemeral;
	int ret = -1;

	ephemeral = ephemeral_key_create(error_r);
	if (ephemeral == NULL)
		return -1;
	header[0] = MIGRATION_BOX_VERSION;
	memcpy(header + 1, sealer->key_id, MIGRATION_BOX_KEY_ID_BYTES);
	if (migration_box_public_key(ephemeral, ephemeral_raw, error_r) == 0)
		ret = migration_box_derive(ephemeral, sealer->key,
					   ephemeral_raw, sealer->raw,
					   cipher_key_r, error_r);
	EVP_PKEY_free(ephemeral);
	return ret;
}

/* Writes ciphertext and tag after the nonce. */
static int
seal_encrypt(const unsigned char cipher_key[MIGRATION_BOX_CIPHER_KEY_BYTES],
	     unsigned char *nonce, const void *aad, size_t aad_size,
	     const struct migration_secret *secret, const char **error_r)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const char *password = migration_secret_get(secret);
	int size = migration_secret_get_size(secret), len, ret = 0;
	unsigned char *ciphertext = nonce + MIGRATION_BOX_NONCE_BYTES;

	if (ctx == NULL ||
	    EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, cipher_key,
			       nonce) <= 0 ||
	    EVP_EncryptUpdate(ctx, NULL, &len, aad, aad_size) <= 0 ||
	    EVP_EncryptUpdate(ctx, ciphertext, &len,
			      (const unsigned char *)password, size) <= 0 ||
	    len != size ||
	    EVP_EncryptFinal_ex(ctx, ciphertext + size, &len) <= 0 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG,
				MIGRATION_BOX_TAG_BYTES,
				ciphertext + size) <= 0) {
		*error_r = migration_box_openssl_error("AES-256-GCM");
		ret = -1;
	}
	EVP_CIPHER_CTX_free(ctx);
	return ret;
}

int migration_seal(struct migration_sealer *sealer,
		   const struct migration_secret *secret, const char *account,
		   const char *provider, const char **box_r,
		   const char **error_r)
{
	unsigned char box[BOX_MAX_BYTES];
	unsigned char *nonce = box + MIGRATION_BOX_HEADER_BYTES;
	unsigned char cipher_key[MIGRATION_BOX_CIPHER_KEY_BYTES];
	size_t aad_size, size = migration_secret_get_size(secret);
	const void *aad;
	int ret;

	if (size > MIGRATION_MAX_PASSWORD_BYTES) {
		*error_r =
			t_strdup_printf("The password is longer than %u bytes",
					MIGRATION_MAX_PASSWORD_BYTES);
		return -1;
	}
	if (seal_header(sealer, box, cipher_key, error_r) < 0)
		return -1;
	random_fill(nonce, MIGRATION_BOX_NONCE_BYTES);
	migration_box_associated_data(box, account, provider, &aad, &aad_size);
	ret = seal_encrypt(cipher_key, nonce, aad, aad_size, secret, error_r);
	OPENSSL_cleanse(cipher_key, sizeof(cipher_key));
	if (ret < 0)
		return -1;
	*box_r = str_c(t_base64_encode(0, 0, box,
				       BOX_MAX_BYTES -
					       MIGRATION_MAX_PASSWORD_BYTES +
					       size));
	return 0;
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "base64.h"
#include "buffer.h"
#include "eacces-error.h"
#include "hex-binary.h"
#include "read-full.h"
#include "str.h"
#include "migration-box.h"
#include "migration-limits.h"
#include "migration-secret.h"
#include "migration-unseal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PEM_BEGIN "-----BEGIN PRIVATE KEY-----"
#define PEM_END "-----END PRIVATE KEY-----"
#define KEY_FILE_MAX_BYTES (64 * 1024)
/* An X25519 key is 64 letters. */
#define KEY_BASE64_MAX_BYTES 512

#define BOX_MIN_BYTES \
	(MIGRATION_BOX_HEADER_BYTES + MIGRATION_BOX_NONCE_BYTES + \
	 MIGRATION_BOX_TAG_BYTES)
#define BOX_MAX_BYTES (BOX_MIN_BYTES + MIGRATION_MAX_PASSWORD_BYTES)

struct unseal_key {
	EVP_PKEY *key;
	unsigned char raw[MIGRATION_BOX_PUBLIC_KEY_BYTES];
	unsigned char id[MIGRATION_BOX_KEY_ID_BYTES];
};

struct migration_unsealer {
	char *path;
	ARRAY(struct unseal_key) keys;
};

static EVP_PKEY *
private_key_decode(const char *base64, size_t size, const char **error_r)
{
	unsigned char der_data[MAX_BASE64_DECODED_SIZE(KEY_BASE64_MAX_BYTES)];
	const unsigned char *p = der_data;
	EVP_PKEY *key = NULL;
	buffer_t der;

	buffer_create_from_data(&der, der_data, sizeof(der_data));
	if (size > KEY_BASE64_MAX_BYTES) {
		*error_r = "It is too long for an X25519 key";
	} else if (base64_scheme_decode(&base64_scheme, 0, base64, size, &der) <
		   0) {
		*error_r = "It is not base64";
	} else {
		key = d2i_AutoPrivateKey(NULL, &p, der.used);
		if (key == NULL)
			*error_r = migration_box_openssl_error("Decoding it");
	}
	OPENSSL_cleanse(der_data, sizeof(der_data));
	return key;
}

static int
unsealer_add_key(struct migration_unsealer *unsealer, const char *base64,
		 size_t size, const char **error_r)
{
	struct unseal_key *key = array_append_space(&unsealer->keys);

	key->key = private_key_decode(base64, size, error_r);
	if (key->key == NULL ||
	    migration_box_public_key(key->key, key->raw, error_r) < 0 ||
	    migration_box_key_id(key->key, key->id, error_r) < 0)
		return -1;
	return 0;
}

static int unsealer_parse(struct migration_unsealer *unsealer, const char *pem,
			  const char **error_r)
{
	const char *begin, *end, *error;
	unsigned int count = 0;
	int ret;

	for (begin = strstr(pem, PEM_BEGIN); begin != NULL;
	     begin = strstr(end, PEM_BEGIN)) {
		begin += strlen(PEM_BEGIN);
		end = strstr(begin, PEM_END);
		if (end != NULL)
			ret = unsealer_add_key(unsealer, begin, end - begin,
					       &error);
		else {
			error = "Its end is missing";
			ret = -1;
		}
		count++;
		if (ret < 0) {
			*error_r = t_strdup_printf("Private key %u of %s: %s",
						   count, unsealer->path,
						   error);
			return -1;
		}
	}
	if (count == 0) {
		*error_r = t_strdup_printf("%s has no private key in PEM form",
					   unsealer->path);
		return -1;
	}
	return 0;
}

static int unsealer_check_file(int fd, const char *path, size_t *size_r,
			       const char **error_r)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		*error_r = t_strdup_printf("fstat(%s) failed: %m", path);
		return -1;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > KEY_FILE_MAX_BYTES) {
		*error_r = t_strdup_printf("%s is not a key file", path);
		return -1;
	}
	if ((st.st_mode & 077) != 0) {
		*error_r = t_strdup_printf(
			"%s is open to others than its owner (mode %04o): "
			"chmod 600 %s",
			path, (unsigned int)st.st_mode & 07777, path);
		return -1;
	}
	*size_r = st.st_size;
	return 0;
}

static int unsealer_read_fd(struct migration_unsealer *unsealer, int fd,
			    const char **error_r)
{
	size_t size;
	char *pem;
	int ret;

	if (unsealer_check_file(fd, unsealer->path, &size, error_r) < 0)
		return -1;
	pem = i_malloc(size + 1);
	ret = read_full(fd, pem, size);
	if (ret > 0)
		ret = unsealer_parse(unsealer, pem, error_r);
	else {
		*error_r = t_strdup_printf("read(%s) failed: %s",
					   unsealer->path,
					   ret < 0 ? strerror(errno) :
						     "File became shorter");
		ret = -1;
	}
	OPENSSL_cleanse(pem, size);
	i_free(pem);
	return ret;
}

int migration_unsealer_init(const char *path,
			    struct migration_unsealer **unsealer_r,
			    const char **error_r)
{
	struct migration_unsealer *unsealer;
	const char *error;
	int fd, ret = -1;

	unsealer = i_new(struct migration_unsealer, 1);
	unsealer->path = i_strdup(path);
	i_array_init(&unsealer->keys, 2);

	fd = open(path, O_RDONLY);
	if (fd != -1) {
		ret = unsealer_read_fd(unsealer, fd, &error);
		i_close_fd(&fd);
	} else if (errno == EACCES) {
		error = eacces_error_get("open", path);
	} else {
		error = t_strdup_printf("open(%s) failed: %m", path);
	}
	if (ret < 0) {
		*error_r = t_strdup_printf("Cannot read the private key: %s",
					   error);
		migration_unsealer_deinit(&unsealer);
		return -1;
	}
	*unsealer_r = unsealer;
	return 0;
}

void migration_unsealer_deinit(struct migration_unsealer **_unsealer)
{
	struct migration_unsealer *unsealer = *_unsealer;
	struct unseal_key *key;

	if (unsealer == NULL)
		return;
	*_unsealer = NULL;
	/* OpenSSL overwrites what it frees of an X25519 key */
	array_foreach_modifiable(&unsealer->keys, key)
		EVP_PKEY_free(key->key);
	array_free(&unsealer->keys);
	i_free(unsealer->path);
	i_free(unsealer);
}

const char *const *
migration_unsealer_get_key_ids(struct migration_unsealer *unsealer)
{
	ARRAY_TYPE(const_string) ids;
	const struct unseal_key *key;
	const char *id;

	t_array_init(&ids, array_count(&unsealer->keys) + 1);
	array_foreach(&unsealer->keys, key) {
		id = binary_to_hex(key->id, sizeof(key->id));
		array_push_back(&ids, &id);
	}
	array_append_zero(&ids);
	return array_front(&ids);
}

static const struct unseal_key *
unsealer_find_key(struct migration_unsealer *unsealer,
		  const unsigned char id[MIGRATION_BOX_KEY_ID_BYTES])
{
	const struct unseal_key *key;

	array_foreach(&unsealer->keys, key) {
		if (memcmp(key->id, id, MIGRATION_BOX_KEY_ID_BYTES) == 0)
			return key;
	}
	return NULL;
}

/* Only what sealing makes: neither white space nor other spellings of the
   same bytes. */
static bool box_decode(const char *box, const buffer_t **data_r)
{
	size_t size = strlen(box);
	buffer_t *data;

	if (size > MAX_BASE64_ENCODED_SIZE(BOX_MAX_BYTES))
		return FALSE;
	data = t_base64_decode(0, box, size);
	if (strcmp(str_c(t_base64_encode(0, 0, data->data, data->used)), box) !=
	    0)
		return FALSE;
	*data_r = data;
	return data->used >= BOX_MIN_BYTES && data->used <= BOX_MAX_BYTES;
}

const char *migration_unseal_get_key_id(const char *box)
{
	const unsigned char *header;
	const buffer_t *data;

	if (!box_decode(box, &data))
		return NULL;
	header = data->data;
	if (header[0] != MIGRATION_BOX_VERSION)
		return NULL;
	return binary_to_hex(header + 1, MIGRATION_BOX_KEY_ID_BYTES);
}

static int
unseal_derive(const struct unseal_key *key, const unsigned char *header,
	      unsigned char cipher_key_r[MIGRATION_BOX_CIPHER_KEY_BYTES],
	      const char **error_r)
{
	const unsigned char *ephemeral_raw =
		header + 1 + MIGRATION_BOX_KEY_ID_BYTES;
	EVP_PKEY *ephemeral;
	int ret;

	ephemeral = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL,
						ephemeral_raw,
						MIGRATION_BOX_PUBLIC_KEY_BYTES);
	if (ephemeral == NULL) {
		*error_r = migration_box_openssl_error(
			"Reading the ephemeral key");
		return -1;
	}
	ret = migration_box_derive(key->key, ephemeral, ephemeral_raw, key->raw,
				   cipher_key_r, error_r);
	EVP_PKEY_free(ephemeral);
	return ret;
}

/* plain_r must be overwritten whatever the result. */
static int
unseal_decrypt(const unsigned char cipher_key[MIGRATION_BOX_CIPHER_KEY_BYTES],
	       const unsigned char *nonce, size_t size, const void *aad,
	       size_t aad_size, unsigned char *plain_r)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const unsigned char *ciphertext = nonce + MIGRATION_BOX_NONCE_BYTES;
	unsigned char tag[MIGRATION_BOX_TAG_BYTES];
	int len, ret = 0;

	memcpy(tag, ciphertext + size, sizeof(tag));
	if (ctx == NULL ||
	    EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, cipher_key,
			       nonce) <= 0 ||
	    EVP_DecryptUpdate(ctx, NULL, &len, aad, aad_size) <= 0 ||
	    EVP_DecryptUpdate(ctx, plain_r, &len, ciphertext, size) <= 0 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) <=
		    0 ||
	    EVP_DecryptFinal_ex(ctx, plain_r + size, &len) <= 0)
		ret = -1;
	EVP_CIPHER_CTX_free(ctx);
	return ret;
}

static int unseal_open(const struct unseal_key *key, const buffer_t *box,
		       const char *account, const char *provider,
		       struct migration_secret **secret_r, const char **error_r)
{
	unsigned char cipher_key[MIGRATION_BOX_CIPHER_KEY_BYTES];
	/* GCM writes no more than there is ciphertext */
	unsigned char plain[MIGRATION_MAX_PASSWORD_BYTES];
	const unsigned char *header = box->data;
	size_t aad_size, size = box->used - BOX_MIN_BYTES;
	const void *aad;
	int ret;

	if (unseal_derive(key, header, cipher_key, error_r) < 0)
		return -1;
	migration_box_associated_data(header, account, provider, &aad,
				      &aad_size);
	ret = unseal_decrypt(cipher_key, header + MIGRATION_BOX_HEADER_BYTES,
			     size, aad, aad_size, plain);
	if (ret == 0)
		*secret_r = migration_secret_create(plain, size);
	else {
		(void)migration_box_openssl_error("AES-256-GCM");
		*error_r = "It was changed, or sealed for another account or "
			   "provider";
	}
	OPENSSL_cleanse(plain, sizeof(plain));
	OPENSSL_cleanse(cipher_key, sizeof(cipher_key));
	return ret;
}

enum migration_unseal_result
migration_unseal(struct migration_unsealer *unsealer, const char *box,
		 const char *account, const char *provider,
		 struct migration_secret **secret_r, const char **error_r)
{
	const struct unseal_key *key;
	const unsigned char *header;
	const buffer_t *data;
	const char *error;

	if (!box_decode(box, &data)) {
		*error_r = "Cannot open the sealed password: It is not a "
			   "sealed box in base64";
		return MIGRATION_UNSEAL_MALFORMED;
	}
	header = data->data;
	if (header[0] != MIGRATION_BOX_VERSION) {
		*error_r = t_strdup_printf(
			"Cannot open the sealed password: Version %u of the "
			"box is not known here",
			header[0]);
		return MIGRATION_UNSEAL_MALFORMED;
	}
	key = unsealer_find_key(unsealer, header + 1);
	if (key == NULL) {
		*error_r = t_strdup_printf(
			"Cannot open the sealed password: It was sealed for "
			"key %s, which is not in %s",
			binary_to_hex(header + 1, MIGRATION_BOX_KEY_ID_BYTES),
			unsealer->path);
		return MIGRATION_UNSEAL_NO_KEY;
	}
	if (unseal_open(key, data, account, provider, secret_r, &error) < 0) {
		*error_r =
			t_strconcat("Cannot open the sealed password: ", error,
				    NULL);
		return MIGRATION_UNSEAL_FORGED;
	}
	return MIGRATION_UNSEAL_OK;
}

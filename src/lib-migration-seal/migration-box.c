/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "buffer.h"
#include "byteorder.h"
#include "migration-box.h"

#include <openssl/err.h>
#include <openssl/kdf.h>

#define BOX_HKDF_INFO "dovecot-migration box 1"
#define BOX_SHARED_SECRET_BYTES 32

const char *migration_box_openssl_error(const char *what)
{
	unsigned long code = ERR_get_error();
	const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);

	ERR_clear_error();
	return t_strdup_printf("%s failed: %s", what,
			       reason != NULL ? reason :
						"OpenSSL gives no reason");
}

int migration_box_public_key(EVP_PKEY *key,
			     unsigned char raw_r[MIGRATION_BOX_PUBLIC_KEY_BYTES],
			     const char **error_r)
{
	size_t size = MIGRATION_BOX_PUBLIC_KEY_BYTES;

	if (EVP_PKEY_base_id(key) != EVP_PKEY_X25519) {
		*error_r = "It is not an X25519 key";
		return -1;
	}
	if (EVP_PKEY_get_raw_public_key(key, raw_r, &size) <= 0 ||
	    size != MIGRATION_BOX_PUBLIC_KEY_BYTES) {
		*error_r = migration_box_openssl_error(
			"Reading the public half of the key");
		return -1;
	}
	return 0;
}

int migration_box_key_id(EVP_PKEY *key,
			 unsigned char id_r[MIGRATION_BOX_KEY_ID_BYTES],
			 const char **error_r)
{
	unsigned char raw[MIGRATION_BOX_PUBLIC_KEY_BYTES];
	unsigned char hash[EVP_MAX_MD_SIZE];

	if (migration_box_public_key(key, raw, error_r) < 0)
		return -1;
	if (EVP_Digest(raw, sizeof(raw), hash, NULL, EVP_sha256(), NULL) <= 0) {
		*error_r = migration_box_openssl_error("SHA-256");
		return -1;
	}
	memcpy(id_r, hash, MIGRATION_BOX_KEY_ID_BYTES);
	return 0;
}

static int
box_agree(EVP_PKEY *private_key, EVP_PKEY *public_key,
	  unsigned char shared_r[BOX_SHARED_SECRET_BYTES], const char **error_r)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(private_key, NULL);
	size_t size = BOX_SHARED_SECRET_BYTES;
	int ret = 0;

	/* fails also for the few public keys that lead to a known secret */
	if (ctx == NULL || EVP_PKEY_derive_init(ctx) <= 0 ||
	    EVP_PKEY_derive_set_peer(ctx, public_key) <= 0 ||
	    EVP_PKEY_derive(ctx, shared_r, &size) <= 0 ||
	    size != BOX_SHARED_SECRET_BYTES) {
		*error_r = migration_box_openssl_error("X25519 key agreement");
		ret = -1;
	}
	EVP_PKEY_CTX_free(ctx);
	return ret;
}

static int box_hkdf(const unsigned char shared[BOX_SHARED_SECRET_BYTES],
		    const unsigned char *salt, size_t salt_size,
		    unsigned char cipher_key_r[MIGRATION_BOX_CIPHER_KEY_BYTES],
		    const char **error_r)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
	const unsigned char *info = (const unsigned char *)BOX_HKDF_INFO;
	size_t size = MIGRATION_BOX_CIPHER_KEY_BYTES;
	int ret = 0;

	if (ctx == NULL || EVP_PKEY_derive_init(ctx) <= 0 ||
	    EVP_PKEY_CTX_set_hkdf_md(ctx, EVP_sha256()) <= 0 ||
	    EVP_PKEY_CTX_set1_hkdf_key(ctx, shared, BOX_SHARED_SECRET_BYTES) <=
		    0 ||
	    EVP_PKEY_CTX_set1_hkdf_salt(ctx, salt, salt_size) <= 0 ||
	    EVP_PKEY_CTX_add1_hkdf_info(ctx, info, sizeof(BOX_HKDF_INFO) - 1) <=
		    0 ||
	    EVP_PKEY_derive(ctx, cipher_key_r, &size) <= 0 ||
	    size != MIGRATION_BOX_CIPHER_KEY_BYTES) {
		*error_r = migration_box_openssl_error("HKDF-SHA256");
		ret = -1;
	}
	EVP_PKEY_CTX_free(ctx);
	return ret;
}

int migration_box_derive(
	EVP_PKEY *private_key, EVP_PKEY *public_key,
	const unsigned char ephemeral_raw[MIGRATION_BOX_PUBLIC_KEY_BYTES],
	const unsigned char recipient_raw[MIGRATION_BOX_PUBLIC_KEY_BYTES],
	unsigned char cipher_key_r[MIGRATION_BOX_CIPHER_KEY_BYTES],
	const char **error_r)
{
	unsigned char shared[BOX_SHARED_SECRET_BYTES];
	unsigned char salt[2 * MIGRATION_BOX_PUBLIC_KEY_BYTES];
	int ret;

	if (box_agree(private_key, public_key, shared, error_r) < 0)
		return -1;
	memcpy(salt, ephemeral_raw, MIGRATION_BOX_PUBLIC_KEY_BYTES);
	memcpy(salt + MIGRATION_BOX_PUBLIC_KEY_BYTES, recipient_raw,
	       MIGRATION_BOX_PUBLIC_KEY_BYTES);
	ret = box_hkdf(shared, salt, sizeof(salt), cipher_key_r, error_r);
	OPENSSL_cleanse(shared, sizeof(shared));
	return ret;
}

static void box_append_name(buffer_t *data, const char *name)
{
	uint32_t size = cpu32_to_be(strlen(name));

	buffer_append(data, &size, sizeof(size));
	buffer_append(data, name, strlen(name));
}

void migration_box_associated_data(
	const unsigned char header[MIGRATION_BOX_HEADER_BYTES],
	const char *account, const char *provider, const void **data_r,
	size_t *size_r)
{
	buffer_t *data = t_buffer_create(256);

	buffer_append(data, header, MIGRATION_BOX_HEADER_BYTES);
	box_append_name(data, account);
	box_append_name(data, provider);
	*data_r = data->data;
	*size_r = data->used;
}

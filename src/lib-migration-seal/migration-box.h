#ifndef MIGRATION_BOX_H
#define MIGRATION_BOX_H

/* The envelope that a sealed password travels in, and what sealing, unsealing
   and key generation share. Layout of version 1, before base64:

     1  version (1)
     8  key id: first bytes of SHA-256 of the raw public key
    32  ephemeral X25519 public key
    12  AES-GCM nonce
     n  ciphertext
    16  AES-GCM tag

   Key: HKDF-SHA256 over the X25519 shared secret, salt = ephemeral public key
   || recipient public key, info = "dovecot-migration box 1", 32 bytes (RFC
   7748, RFC 5869). Associated data: the bytes before the nonce, then account
   and provider, each with its length as 4 bytes big-endian in front.

   The only header of the project that includes OpenSSL. */

#include <openssl/evp.h>

#define MIGRATION_BOX_VERSION 1
#define MIGRATION_BOX_KEY_ID_BYTES 8
#define MIGRATION_BOX_PUBLIC_KEY_BYTES 32
#define MIGRATION_BOX_NONCE_BYTES 12
#define MIGRATION_BOX_TAG_BYTES 16
#define MIGRATION_BOX_CIPHER_KEY_BYTES 32
#define MIGRATION_BOX_HEADER_BYTES \
	(1 + MIGRATION_BOX_KEY_ID_BYTES + MIGRATION_BOX_PUBLIC_KEY_BYTES)

/* Id of a public or private X25519 key. Returns 0, or -1 if it is not one. */
int migration_box_key_id(EVP_PKEY *key,
			 unsigned char id_r[MIGRATION_BOX_KEY_ID_BYTES],
			 const char **error_r);
/* Raw public half of a key. */
int migration_box_public_key(EVP_PKEY *key,
			     unsigned char raw_r[MIGRATION_BOX_PUBLIC_KEY_BYTES],
			     const char **error_r);

/* Agrees on the AES key between one private and one public key. The caller
   overwrites cipher_key_r after use. */
int migration_box_derive(
	EVP_PKEY *private_key, EVP_PKEY *public_key,
	const unsigned char ephemeral_raw[MIGRATION_BOX_PUBLIC_KEY_BYTES],
	const unsigned char recipient_raw[MIGRATION_BOX_PUBLIC_KEY_BYTES],
	unsigned char cipher_key_r[MIGRATION_BOX_CIPHER_KEY_BYTES],
	const char **error_r);

/* Associated data from the data stack. */
void migration_box_associated_data(
	const unsigned char header[MIGRATION_BOX_HEADER_BYTES],
	const char *account, const char *provider, const void **data_r,
	size_t *size_r);

/* "<what> failed: <OpenSSL's reason>", empties OpenSSL's error queue. */
const char *migration_box_openssl_error(const char *what);

#endif

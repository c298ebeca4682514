#ifndef MIGRATION_SEAL_H
#define MIGRATION_SEAL_H

/* Seals a user's password for the worker, in auth and in doveadm: whoever has
   only the public key can never open what it sealed. Does not block. */

struct migration_secret;
struct migration_sealer;

/* Reads the first public key of a PEM file (X25519, "-----BEGIN PUBLIC
   KEY-----"). */
int migration_sealer_init(const char *path, struct migration_sealer **sealer_r,
			  const char **error_r);
void migration_sealer_deinit(struct migration_sealer **sealer);

/* 16 hex digits from the data stack. */
const char *migration_sealer_get_key_id(const struct migration_sealer *sealer);

/* Binds the box to account and provider: it opens for no other. Returns 0 and
   the box in base64 from the data stack, or -1. */
int migration_seal(struct migration_sealer *sealer,
		   const struct migration_secret *secret, const char *account,
		   const char *provider, const char **box_r,
		   const char **error_r);

#endif

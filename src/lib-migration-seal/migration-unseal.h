#ifndef MIGRATION_UNSEAL_H
#define MIGRATION_UNSEAL_H

/* Opens what auth sealed. The worker reads the private keys as root, opens one
   box, and forgets the keys before it talks to anybody; doveadm does it for
   root. */

struct migration_secret;
struct migration_unsealer;

enum migration_unseal_result {
	MIGRATION_UNSEAL_OK = 1,
	/* Not base64, unknown version, too short. */
	MIGRATION_UNSEAL_MALFORMED = -1,
	/* Sealed for a key that is not in the file. */
	MIGRATION_UNSEAL_NO_KEY = -2,
	/* Changed, or sealed for another account or provider. */
	MIGRATION_UNSEAL_FORGED = -3,
};

/* Reads all private keys of a PEM file. Refuses a file that others than its
   owner can read. */
int migration_unsealer_init(const char *path,
			    struct migration_unsealer **unsealer_r,
			    const char **error_r);
/* Overwrites the keys. */
void migration_unsealer_deinit(struct migration_unsealer **unsealer);

/* Ids of its keys in the order of the file, 16 hex digits each, NULL-terminated,
   from the data stack. */
const char *const *
migration_unsealer_get_key_ids(struct migration_unsealer *unsealer);
/* Id of the key that a box was sealed for, from the data stack, or NULL if it is
   no box. */
const char *migration_unseal_get_key_id(const char *box);

/* On success the caller frees *secret_r. error_r names what is wrong, never
   any of the contents. */
enum migration_unseal_result
migration_unseal(struct migration_unsealer *unsealer, const char *box,
		 const char *account, const char *provider,
		 struct migration_secret **secret_r, const char **error_r);

#endif

#ifndef MIGRATION_KEYRING_H
#define MIGRATION_KEYRING_H

/* The private key file as a ring: the key that is sealed with stands first,
   those behind it still open what was sealed with their public halves. Only
   doveadm links this, as root; blocks. A file is replaced as a whole, the
   private one first, so that a crash leaves no public key that nobody can open
   boxes for. Several at once keep out of each other's way. */

/* Makes a new key, puts it in front of those of private_path and its public half
   into public_path. Returns 0 and the id of the key (16 hex digits) from the
   data stack, or -1 if the files cannot be read or written. */
int migration_keyring_rotate(const char *private_path, const char *public_path,
			     const char **key_id_r, const char **error_r);

/* Takes all keys but the first one, which has to be that of public_path, out of
   private_path. Returns how many there were, or -1. */
int migration_keyring_forget_old(const char *private_path,
				 const char *public_path, const char **error_r);

#endif

#ifndef MIGRATION_KEYGEN_H
#define MIGRATION_KEYGEN_H

/* Makes the key pair. Only doveadm links this. */

/* Writes a new X25519 key pair as PEM: private_path mode 0600, public_path
   mode 0644, missing parent directories are made (0755). Existing files are
   never overwritten: -1 with an error that says which half is there, which is
   missing and what to do. Both are written under a
   temporary name first, so that there is never half a pair. Returns the key's
   id (16 hex digits) from the data stack. */
int migration_keygen(const char *private_path, const char *public_path,
		     const char **key_id_r, const char **error_r);

#endif

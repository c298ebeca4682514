#ifndef DOVEADM_MIGRATION_HASH_H
#define DOVEADM_MIGRATION_HASH_H

/* Hashes of passwords, made and checked by Dovecot's own library, which doveadm
   has and doveadm-server has not. */

/* Must be called first, and ended with deinit. Returns FALSE if the library is
   not there; then only passwords that are hashed already can be had. */
bool doveadm_migration_hash_init(void);
void doveadm_migration_hash_deinit(void);

/* Returns 0 and the hash with {SCHEME} from the data stack, or -1 if the scheme
   is unknown or the library is not there. */
int doveadm_migration_hash(const char *username, const char *password,
			   const char *scheme, const char **hash_r,
			   const char **error_r);
/* password has {SCHEME}. Returns 1 if it is a hash that Dovecot can verify, or
   cannot be checked here; 0 if it is the password itself, from *plain_r on; -1
   if it is nothing of both. No error has a part of it. */
int doveadm_migration_hash_check(const char *password, const char **plain_r,
				 const char **error_r);

#endif

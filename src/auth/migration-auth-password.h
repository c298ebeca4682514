#ifndef MIGRATION_AUTH_PASSWORD_H
#define MIGRATION_AUTH_PASSWORD_H

/* Hashes of passwords: those that accounts have here, and those of new ones. By
   auth's own schemes, at once and without I/O; hashing takes its time. */

struct migration_secret;

/* Is the password the one of the hash? 1 = yes, 0 = another one or none, -1 =
   the hash cannot be read, which has been logged. */
int migration_auth_password_verify(struct event *event, const char *username,
				   const struct migration_secret *secret,
				   const char *crypted);
/* With {scheme}, which must be a known one. From the data stack. */
const char *migration_auth_password_hash(const char *username,
					 const struct migration_secret *secret,
					 const char *scheme);
/* Returns 0, or -1 if it is not known. */
int migration_auth_password_check_scheme(const char *scheme,
					 const char **error_r);

#endif

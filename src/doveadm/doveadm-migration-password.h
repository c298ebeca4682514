#ifndef DOVEADM_MIGRATION_PASSWORD_H
#define DOVEADM_MIGRATION_PASSWORD_H

/* Passwords from stdin, one a line. */

/* More than a terminal gives as one line. */
#define DOVEADM_MIGRATION_PASSWORD_BUFFER_BYTES (8 * 1024)

/* One line, without what ends it; the caller overwrites buf_r. Returns 1, 0 if
   there is nothing more, -1 if it does not fit. Reads nothing beyond it. */
int doveadm_migration_password_read(char *buf_r, size_t buf_size,
				    size_t *size_r);

#endif

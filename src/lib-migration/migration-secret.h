#ifndef MIGRATION_SECRET_H
#define MIGRATION_SECRET_H

/* A password on its way. It lives in a pool that is overwritten when freed and
   is never part of a string that may grow, so that no copy stays behind in a
   reallocated buffer or in the data stack. It has no printable form: whoever
   needs the bytes asks for them by name. */

struct migration_secret;

/* Copies size bytes. The caller wipes its own copy. */
struct migration_secret *migration_secret_create(const void *data, size_t size);
/* Overwrites and frees. *secret may be NULL. */
void migration_secret_free(struct migration_secret **secret);

/* NUL-terminated, valid until the secret is freed. */
const char *migration_secret_get(const struct migration_secret *secret);
size_t migration_secret_get_size(const struct migration_secret *secret);

/* FALSE if it has a NUL, CR or LF, or is empty or too long: no provider could
   ever have accepted it, and it must not be sent. */
bool migration_secret_is_sendable(const struct migration_secret *secret);

#endif

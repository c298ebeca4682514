/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-limits.h"
#include "migration-secret.h"

struct migration_secret {
	pool_t pool;
	size_t size;
	unsigned char *data;
};

struct migration_secret *migration_secret_create(const void *data, size_t size)
{
	struct migration_secret *secret;
	pool_t pool;

	pool = pool_alloconly_create_clean("migration secret",
					   sizeof(*secret) + size + 64);
	secret = p_new(pool, struct migration_secret, 1);
	secret->pool = pool;
	secret->size = size;
	secret->data = p_malloc(pool, size + 1);
	memcpy(secret->data, data, size);
	return secret;
}

void migration_secret_free(struct migration_secret **_secret)
{
	struct migration_secret *secret = *_secret;

	if (secret == NULL)
		return;
	*_secret = NULL;
	pool_unref(&secret->pool);
}

const char *migration_secret_get(const struct migration_secret *secret)
{
	return (const char *)secret->data;
}

size_t migration_secret_get_size(const struct migration_secret *secret)
{
	return secret->size;
}

bool migration_secret_is_sendable(const struct migration_secret *secret)
{
	size_t i;

	if (secret->size == 0 || secret->size > MIGRATION_MAX_PASSWORD_BYTES)
		return FALSE;
	for (i = 0; i < secret->size; i++) {
		if (secret->data[i] == '\0' || secret->data[i] == '\r' ||
		    secret->data[i] == '\n')
			return FALSE;
	}
	return TRUE;
}

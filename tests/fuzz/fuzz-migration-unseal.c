/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* The input as a box in base64, as a box before base64, and as one that claims
   to be of the right version and for the right key. */

#include "lib.h"
#include "base64.h"
#include "buffer.h"
#include "str.h"
#include "write-full.h"
#include "migration-limits.h"
#include "migration-secret.h"
#include "migration-unseal.h"
#include "migration-fuzz.h"

#include <stdlib.h>
#include <unistd.h>

#define FUZZ_ACCOUNT "user@old.example"
#define FUZZ_PROVIDER "oldhost"
/* what the one box in the corpus that opens contains */
#define FUZZ_PASSWORD "s3cret p\xc3\xa4ss"
/* all but the ciphertext */
#define FUZZ_BOX_MIN_BYTES (1 + 8 + 32 + 12 + 16)

static const char *const fuzz_private_key =
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VuBCIEIKD9v5VvaZ7sykzKGq6l7I0oaCciFyEvPjw1QrCbHzp5\n"
	"-----END PRIVATE KEY-----\n";
/* version and key id */
static const unsigned char fuzz_box_start[] = {
	0x01, 0x45, 0xb8, 0x0d, 0xa1, 0x1a, 0x67, 0x0e, 0xc8
};

static struct migration_unsealer *fuzz_unsealer;

static void fuzz_unsealer_deinit(void)
{
	migration_unsealer_deinit(&fuzz_unsealer);
}

static void fuzz_unsealer_init(void)
{
	const char *dir = getenv("TMPDIR"), *error;
	char *path = p_strdup_printf(unsafe_data_stack_pool,
				     "%s/fuzz-migration.XXXXXX",
				     dir == NULL ? "/tmp" : dir);
	int fd;

	fd = mkstemp(path);
	if (fd == -1)
		i_fatal("mkstemp(%s) failed: %m", path);
	if (write_full(fd, fuzz_private_key, strlen(fuzz_private_key)) < 0)
		i_fatal("write(%s) failed: %m", path);
	i_close_fd(&fd);
	if (migration_unsealer_init(path, &fuzz_unsealer, &error) < 0)
		i_fatal("%s", error);
	i_unlink(path);
	lib_atexit(fuzz_unsealer_deinit);
}

static enum migration_unseal_result fuzz_unseal(const char *box)
{
	struct migration_secret *secret = NULL;
	enum migration_unseal_result result;
	const char *error = NULL;

	result = migration_unseal(fuzz_unsealer, box, FUZZ_ACCOUNT,
				  FUZZ_PROVIDER, &secret, &error);
	switch (result) {
	case MIGRATION_UNSEAL_OK:
		/* nobody makes another one by chance */
		i_assert(strcmp(migration_secret_get(secret),
				FUZZ_PASSWORD) == 0);
		migration_secret_free(&secret);
		break;
	case MIGRATION_UNSEAL_MALFORMED:
	case MIGRATION_UNSEAL_NO_KEY:
	case MIGRATION_UNSEAL_FORGED:
		i_assert(secret == NULL);
		i_assert(error != NULL);
		break;
	}
	return result;
}

static void fuzz_unseal_raw(const uint8_t *data, size_t size)
{
	buffer_t *box = t_buffer_create(size + sizeof(fuzz_box_start));

	enum migration_unseal_result result;

	buffer_append(box, data, size);
	(void)fuzz_unseal(str_c(t_base64_encode(0, 0, box->data, box->used)));
	buffer_write(box, 0, fuzz_box_start, sizeof(fuzz_box_start));
	result = fuzz_unseal(str_c(t_base64_encode(0, 0, box->data,
						   box->used)));
	i_assert(result != MIGRATION_UNSEAL_NO_KEY);
	i_assert((result == MIGRATION_UNSEAL_MALFORMED) ==
		 (box->used < FUZZ_BOX_MIN_BYTES ||
		  box->used > FUZZ_BOX_MIN_BYTES +
			      MIGRATION_MAX_PASSWORD_BYTES));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!lib_is_initialized())
		lib_init();
	T_BEGIN {
		if (fuzz_unsealer == NULL)
			fuzz_unsealer_init();
		(void)fuzz_unseal(t_strndup(data, size));
		fuzz_unseal_raw(data, size);
	} T_END;
	return 0;
}

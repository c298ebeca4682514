#ifndef MIGRATION_KEY_FILE_H
#define MIGRATION_KEY_FILE_H

/* How keys are made and get into files, for migration-keygen and
   migration-keyring. */

#include "buffer.h"
#include "migration-box.h"

/* Each half fits well into it. */
#define MIGRATION_KEY_PEM_MAX_BYTES 512

/* A new pair. The buffers never grow: they point into the struct itself, which
   must not be copied. */
struct migration_key_pair {
	unsigned char id[MIGRATION_BOX_KEY_ID_BYTES];
	buffer_t private_pem, public_pem;
	unsigned char private_data[MIGRATION_KEY_PEM_MAX_BYTES];
	unsigned char public_data[MIGRATION_KEY_PEM_MAX_BYTES];
};

/* The pair must be wiped whatever the result. */
int migration_key_pair_create(struct migration_key_pair *pair_r,
			      const char **error_r);
void migration_key_pair_wipe(struct migration_key_pair *pair);

/* Writes a file beside path and onto the disk; missing parent directories are
   made. temp_path_r is from the data stack, and set only if there is a file to
   remove, also with -1. */
int migration_key_file_write_temp(const char *path, mode_t mode,
				  const buffer_t *contents,
				  const char **temp_path_r,
				  const char **error_r);
/* The folder that path is in. */
const char *migration_key_file_parent_dir(const char *path);
/* That path exists gets onto the disk. */
int migration_key_file_sync_dir(const char *path, const char **error_r);

#endif

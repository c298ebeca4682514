/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "buffer.h"
#include "eacces-error.h"
#include "file-lock.h"
#include "hex-binary.h"
#include "read-full.h"
#include "str.h"
#include "migration-box.h"
#include "migration-key-file.h"
#include "migration-keyring.h"
#include "migration-seal.h"
#include "migration-unseal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PEM_END "-----END PRIVATE KEY-----\n"
#define KEYRING_MAX_BYTES (64 * 1024)

struct keyring {
	const char *private_path, *public_path;
	int fd, lock_fd;
	struct file_lock *lock;
	/* the private file, NUL-terminated; overwritten when freed */
	char *pem;
	size_t size;
	const char *const *ids;
};

/* The folder, because both files are replaced one after the other, and a lock of
   a file that is replaced keeps nobody out. Not by fcntl(), whose locks end when
   any descriptor of the same file is closed. */
static int keyring_lock(struct keyring *ring, const char **error_r)
{
	const struct file_lock_settings lock_set = {
		.lock_method = FILE_LOCK_METHOD_FLOCK,
	};
	const char *dir = migration_key_file_parent_dir(ring->private_path);
	int ret;

	ring->lock_fd = open(dir, O_RDONLY | O_DIRECTORY);
	if (ring->lock_fd == -1) {
		*error_r = t_strdup_printf("open(%s) failed: %m", dir);
		return -1;
	}
	ret = file_try_lock(ring->lock_fd, dir, F_WRLCK, &lock_set, &ring->lock,
			    error_r);
	if (ret == 0) {
		*error_r = t_strdup_printf("%s is being changed by somebody "
					   "else at this moment",
					   ring->private_path);
	}
	return ret <= 0 ? -1 : 0;
}

static int keyring_open_private(struct keyring *ring, const char **error_r)
{
	struct stat st;

	ring->fd = open(ring->private_path, O_RDONLY);
	if (ring->fd == -1) {
		*error_r =
			errno == EACCES ?
				eacces_error_get("open", ring->private_path) :
				t_strdup_printf("open(%s) failed: %m",
						ring->private_path);
		return -1;
	}
	if (fstat(ring->fd, &st) < 0) {
		*error_r = t_strdup_printf("fstat(%s) failed: %m",
					   ring->private_path);
		return -1;
	}
	ring->size = st.st_size;
	return 0;
}

/* Only what can be opened with is kept. */
static int keyring_read_ids(struct keyring *ring, const char **error_r)
{
	struct migration_unsealer *unsealer;

	if (migration_unsealer_init(ring->private_path, &unsealer, error_r) < 0)
		return -1;
	ring->ids = migration_unsealer_get_key_ids(unsealer);
	migration_unsealer_deinit(&unsealer);
	return 0;
}

static int keyring_read(struct keyring *ring, const char **error_r)
{
	int ret;

	ring->pem = i_malloc(ring->size + 1);
	ret = read_full(ring->fd, ring->pem, ring->size);
	if (ret > 0)
		return 0;
	*error_r = t_strdup_printf("read(%s) failed: %s", ring->private_path,
				   ret < 0 ? strerror(errno) :
					     "File became shorter");
	return -1;
}

static void keyring_close(struct keyring *ring)
{
	if (ring->pem != NULL)
		OPENSSL_cleanse(ring->pem, ring->size);
	i_free(ring->pem);
	if (ring->lock != NULL)
		file_lock_free(&ring->lock);
	i_close_fd(&ring->lock_fd);
	i_close_fd(&ring->fd);
}

static int keyring_open(const char *private_path, const char *public_path,
			struct keyring *ring_r, const char **error_r)
{
	i_zero(ring_r);
	ring_r->private_path = private_path;
	ring_r->public_path = public_path;
	ring_r->fd = -1;
	ring_r->lock_fd = -1;
	/* the size is known to be that of a key file before it is read */
	if (keyring_lock(ring_r, error_r) < 0 ||
	    keyring_open_private(ring_r, error_r) < 0 ||
	    keyring_read_ids(ring_r, error_r) < 0 ||
	    keyring_read(ring_r, error_r) < 0) {
		keyring_close(ring_r);
		return -1;
	}
	return 0;
}

static int keyring_replace(const char *path, mode_t mode,
			   const buffer_t *contents, const char **error_r)
{
	const char *temp_path = NULL;

	if (migration_key_file_write_temp(path, mode, contents, &temp_path,
					  error_r) < 0) {
		if (temp_path != NULL)
			i_unlink(temp_path);
		return -1;
	}
	if (rename(temp_path, path) < 0) {
		*error_r = t_strdup_printf("rename(%s, %s) failed: %m",
					   temp_path, path);
		i_unlink(temp_path);
		return -1;
	}
	return migration_key_file_sync_dir(path, error_r);
}

/* A buffer that never grows, and so never leaves a copy behind. */
static int keyring_replace_private(struct keyring *ring, const buffer_t *first,
				   size_t rest_size, const char **error_r)
{
	size_t size = (first == NULL ? 0 : first->used) + rest_size;
	buffer_t contents;
	char *data;
	int ret;

	if (size > KEYRING_MAX_BYTES) {
		*error_r = t_strdup_printf("%s has too many keys: see "
					   "key rotate --forget-old",
					   ring->private_path);
		return -1;
	}
	data = i_malloc(size);
	buffer_create_from_data(&contents, data, size);
	if (first != NULL)
		buffer_append(&contents, first->data, first->used);
	buffer_append(&contents, ring->pem, rest_size);
	ret = keyring_replace(ring->private_path, 0600, &contents, error_r);
	OPENSSL_cleanse(data, size);
	i_free(data);
	return ret;
}

static int
keyring_add(struct keyring *ring, const char **key_id_r, const char **error_r)
{
	struct migration_key_pair pair;
	int ret = -1;

	if (migration_key_pair_create(&pair, error_r) == 0 &&
	    keyring_replace_private(ring, &pair.private_pem, ring->size,
				    error_r) == 0 &&
	    keyring_replace(ring->public_path, 0644, &pair.public_pem,
			    error_r) == 0)
		ret = 0;
	*key_id_r = binary_to_hex(pair.id, sizeof(pair.id));
	migration_key_pair_wipe(&pair);
	return ret;
}

int migration_keyring_rotate(const char *private_path, const char *public_path,
			     const char **key_id_r, const char **error_r)
{
	struct keyring ring;
	const char *error;
	int ret;

	ret = keyring_open(private_path, public_path, &ring, &error);
	if (ret == 0) {
		ret = keyring_add(&ring, key_id_r, &error);
		keyring_close(&ring);
	}
	if (ret < 0)
		*error_r = t_strdup_printf("Cannot rotate the keys: %s", error);
	return ret;
}

static int keyring_check_first(struct keyring *ring, const char **error_r)
{
	struct migration_sealer *sealer;
	const char *id;

	if (migration_sealer_init(ring->public_path, &sealer, error_r) < 0)
		return -1;
	id = migration_sealer_get_key_id(sealer);
	migration_sealer_deinit(&sealer);
	if (strcmp(id, ring->ids[0]) == 0)
		return 0;
	*error_r = t_strdup_printf("The first key of %s is %s, but that of %s "
				   "is %s",
				   ring->private_path, ring->ids[0],
				   ring->public_path, id);
	return -1;
}

static int keyring_keep_first(struct keyring *ring, const char **error_r)
{
	unsigned int count = str_array_length(ring->ids);
	const char *end;

	if (keyring_check_first(ring, error_r) < 0)
		return -1;
	if (count == 1)
		return 0;
	end = strstr(ring->pem, PEM_END);
	if (end == NULL) {
		*error_r = t_strdup_printf("The first key of %s has no end",
					   ring->private_path);
		return -1;
	}
	if (keyring_replace_private(ring, NULL,
				    end + strlen(PEM_END) - ring->pem,
				    error_r) < 0)
		return -1;
	return count - 1;
}

int migration_keyring_forget_old(const char *private_path,
				 const char *public_path, const char **error_r)
{
	struct keyring ring;
	const char *error;
	int ret;

	ret = keyring_open(private_path, public_path, &ring, &error);
	if (ret == 0) {
		ret = keyring_keep_first(&ring, &error);
		keyring_close(&ring);
	}
	if (ret < 0) {
		*error_r = t_strdup_printf("Cannot take out the old keys: %s",
					   error);
	}
	return ret;
}

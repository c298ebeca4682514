/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "safe-memset.h"
#include "migration-csv.h"
#include "doveadm-migration-cmd.h"
#include "doveadm-migration-import.h"
#include "doveadm-migration-import-csv.h"

#include <fcntl.h>
#include <unistd.h>

/* To begin with */
#define CSV_BUFFER_BYTES (64 * 1024)
/* There is no list of users that is this long. */
#define CSV_MAX_BYTES (512 * 1024 * 1024)

/* With passwords in it: no copy stays behind. */
struct csv_file {
	char *data;
	size_t size, allocated;
};

static void csv_file_free(struct csv_file *file)
{
	if (file->data != NULL)
		safe_memset(file->data, 0, file->allocated);
	i_free(file->data);
}

static void csv_file_grow(struct csv_file *file)
{
	struct csv_file larger = {
		.size = file->size,
		.allocated = I_MAX(CSV_BUFFER_BYTES, file->allocated * 2),
	};

	larger.data = i_malloc(larger.allocated);
	if (file->size > 0)
		memcpy(larger.data, file->data, file->size);
	csv_file_free(file);
	*file = larger;
}

static int csv_file_read_fd(struct csv_file *file, int fd, const char **error_r)
{
	ssize_t ret;

	do {
		/* a NUL has to fit behind */
		if (file->size + 1 >= file->allocated)
			csv_file_grow(file);
		ret = read(fd, file->data + file->size,
			   file->allocated - file->size - 1);
		if (ret > 0)
			file->size += ret;
	} while (ret > 0 && file->size <= CSV_MAX_BYTES);
	if (ret == 0)
		return 0;
	*error_r = ret < 0 ? t_strdup_printf("Cannot read it: %m") :
			     "It is larger than 512 MB";
	return -1;
}

static int
csv_file_read(struct csv_file *file, const char *path, const char **error_r)
{
	int fd, ret;

	i_zero(file);
	fd = open(path, O_RDONLY);
	if (fd == -1) {
		*error_r = t_strdup_printf("Cannot open it: %m");
		return -1;
	}
	ret = csv_file_read_fd(file, fd, error_r);
	i_close_fd(&fd);
	return ret;
}

static int csv_percent(const struct csv_file *file, struct migration_csv *csv)
{
	return migration_csv_get_offset(csv) * 100 / file->size;
}

static void
modoboa_import_row(struct doveadm_migration_import *import,
		   const char *const *fields, const char *where, int percent)
{
	struct migration_import_row row;
	const char *error;

	if (migration_import_parse_modoboa(fields, &row, &error) < 0)
		doveadm_migration_import_mistake(import, where, error);
	else
		doveadm_migration_import_add(import, &row, where, percent);
}

static void modoboa_import_file(struct doveadm_migration_import *import,
				const struct csv_file *file, char sep)
{
	struct migration_csv *csv;
	const char *const *fields, *error, *where;
	int ret = 1;

	csv = migration_csv_init(file->data, file->size, sep);
	while (ret != 0)
		T_BEGIN
		{
			ret = migration_csv_next(csv, &fields, &error);
			where = t_strdup_printf("line %u",
						migration_csv_get_line(csv));
			if (ret < 0) {
				doveadm_migration_import_mistake(import, where,
								 error);
			} else if (ret > 0) {
				modoboa_import_row(import, fields, where,
						   csv_percent(file, csv));
			}
		}
	T_END;
	migration_csv_deinit(&csv);
}

void doveadm_migration_import_modoboa(struct doveadm_migration_import *import,
				      const char *path, char sep)
{
	struct csv_file file;
	const char *error;

	if (csv_file_read(&file, path, &error) < 0)
		doveadm_migration_import_fail(import, EX_USAGE, error);
	else
		modoboa_import_file(import, &file, sep);
	csv_file_free(&file);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "safe-memset.h"
#include "migration-csv.h"
#include "migration-import-ns8.h"
#include "migration-master.h"
#include "migration-provider.h"
#include "migration-seal.h"
#include "migration-secret.h"
#include "migration-settings.h"
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

/* What a file's rows become. */
struct csv_reader {
	struct doveadm_migration_import *import;
	/* where is for errors, percent for progress */
	void (*row)(struct csv_reader *reader, const char *const *fields,
		    const char *where, int percent);

	/* NS8 */
	struct doveadm_migration_cmd *cmd;
	struct migration_sealer *sealer;
	struct migration_providers *providers;
	struct migration_import_ns8 ns8;
	bool have_header, stop;
};

static void csv_import_file(struct csv_reader *reader,
			    const struct csv_file *file, char sep)
{
	struct migration_csv *csv;
	const char *const *fields, *error, *where;
	int ret = 1;

	csv = migration_csv_init(file->data, file->size, sep);
	while (ret != 0 && !reader->stop)
		T_BEGIN
		{
			ret = migration_csv_next(csv, &fields, &error);
			where = t_strdup_printf("line %u",
						migration_csv_get_line(csv));
			if (ret < 0) {
				doveadm_migration_import_mistake(reader->import,
								 where, error);
			} else if (ret > 0) {
				reader->row(reader, fields, where,
					    csv_percent(file, csv));
			}
		}
	T_END;
	migration_csv_deinit(&csv);
}

static void csv_import(struct csv_reader *reader, const char *path, char sep)
{
	struct csv_file file;
	const char *error;

	if (csv_file_read(&file, path, &error) < 0)
		doveadm_migration_import_fail(reader->import, EX_USAGE, error);
	else
		csv_import_file(reader, &file, sep);
	csv_file_free(&file);
}

static void
modoboa_import_row(struct csv_reader *reader, const char *const *fields,
		   const char *where, int percent)
{
	struct migration_import_row row;
	const char *error;

	if (migration_import_parse_modoboa(fields, &row, &error) < 0) {
		doveadm_migration_import_mistake(reader->import, where, error);
	} else {
		doveadm_migration_import_add(reader->import, &row, where,
					     percent);
	}
}

void doveadm_migration_import_modoboa(struct doveadm_migration_import *import,
				      const char *path, char sep)
{
	struct csv_reader reader = {
		.import = import,
		.row = modoboa_import_row,
	};

	csv_import(&reader, path, sep);
}

static int ns8_seal(struct csv_reader *reader, struct migration_import_row *row,
		    const char **error_r)
{
	struct migration_secret *secret;
	int ret = -1;

	if (migration_master_is_set(
		    migration_settings_find_provider(reader->cmd->set,
						     row->provider))) {
		row->credential = MIGRATION_CREDENTIAL_MASTER;
		return 0;
	}
	secret = migration_secret_create(row->password, strlen(row->password));
	if (!migration_secret_is_sendable(secret)) {
		*error_r = t_strdup_printf("remotepassword is longer than %u "
					   "bytes",
					   MIGRATION_MAX_PASSWORD_BYTES);
	} else {
		ret = migration_seal(reader->sealer, secret, row->name,
				     row->provider, &row->credential, error_r);
	}
	migration_secret_free(&secret);
	return ret;
}

static void ns8_import_row(struct csv_reader *reader, const char *const *fields,
			   const char *where, int percent)
{
	struct migration_import_row row;
	const char *error;

	if (!reader->have_header) {
		reader->have_header = TRUE;
		if (migration_import_ns8_header(fields, &reader->ns8, &error) <
		    0) {
			/* without it no row can be understood */
			reader->stop = TRUE;
			doveadm_migration_import_mistake(reader->import, where,
							 error);
		}
	} else if (migration_import_parse_ns8(&reader->ns8, reader->cmd->set,
					      reader->providers, fields, &row,
					      &error) < 0 ||
		   ns8_seal(reader, &row, &error) < 0) {
		doveadm_migration_import_mistake(reader->import, where, error);
	} else {
		doveadm_migration_import_add(reader->import, &row, where,
					     percent);
	}
}

void doveadm_migration_import_ns8(struct doveadm_migration_cmd *cmd,
				  struct doveadm_migration_import *import,
				  const char *path, char sep)
{
	struct csv_reader reader = {
		.import = import,
		.row = ns8_import_row,
		.cmd = cmd,
	};
	const char *error;

	if (migration_sealer_init(cmd->set->migration_public_key_file,
				  &reader.sealer, &error) < 0) {
		doveadm_migration_import_fail(import, EX_CONFIG, error);
		return;
	}
	if (migration_providers_init(cmd->set, &reader.providers, &error) < 0) {
		doveadm_migration_import_fail(import, EX_CONFIG, error);
	} else {
		csv_import(&reader, path, sep);
		migration_providers_deinit(&reader.providers);
	}
	migration_sealer_deinit(&reader.sealer);
}

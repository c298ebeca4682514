/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* A file in Modoboa's format: what is found to be right is safe to store. */

#include "lib.h"
#include "unichar.h"
#include "migration-csv.h"
#include "migration-import-names.h"
#include "migration-fuzz.h"

static void fuzz_check_text(const char *text, size_t max)
{
	i_assert(strlen(text) <= max);
	i_assert(uni_utf8_str_is_valid(text));
	for (; *text != '\0'; text++)
		i_assert((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static void fuzz_check_name(const char *name)
{
	fuzz_check_text(name, MIGRATION_MAX_USERNAME_BYTES);
	i_assert(*name != '\0');
	i_assert(strchr(name, ' ') == NULL && strchr(name, '"') == NULL);
	i_assert(strcmp(name, t_str_lcase(name)) == 0);
}

static void fuzz_check_row(const struct migration_import_row *row)
{
	const char *const *name;

	i_assert(row->type < MIGRATION_IMPORT_TYPE_COUNT);
	if (row->name != NULL)
		fuzz_check_name(row->name);
	else
		i_assert(row->type == MIGRATION_IMPORT_ACCOUNT);
	switch (row->type) {
	case MIGRATION_IMPORT_DOMAIN:
		i_assert(strchr(row->name, '/') == NULL);
		i_assert(row->quota <= INT64_MAX);
		i_assert(row->quota == 0 || row->mailbox_quota <= row->quota);
		break;
	case MIGRATION_IMPORT_DOMAIN_ALIAS:
		fuzz_check_name(row->target);
		break;
	case MIGRATION_IMPORT_RELAY_DOMAIN:
		fuzz_check_name(row->host);
		i_assert(*row->service != '\0');
		i_assert(row->port > 0 && row->port <= 65535);
		break;
	case MIGRATION_IMPORT_ACCOUNT:
		fuzz_check_text(row->login, MIGRATION_IMPORT_MAX_NAME_BYTES);
		fuzz_check_text(row->first_name,
				MIGRATION_IMPORT_MAX_NAME_BYTES);
		fuzz_check_text(row->last_name,
				MIGRATION_IMPORT_MAX_NAME_BYTES);
		i_assert(row->name == NULL ||
			 (strchr(row->name, '/') == NULL &&
			  row->name[0] != '.' && row->name[0] != '@'));
		break;
	case MIGRATION_IMPORT_ALIAS:
	case MIGRATION_IMPORT_FORWARD:
	case MIGRATION_IMPORT_DLIST:
		i_assert(row->recipients[0] != NULL);
		for (name = row->recipients; *name != NULL; name++)
			fuzz_check_name(*name);
		break;
	case MIGRATION_IMPORT_MIGRATION:
	case MIGRATION_IMPORT_TYPE_COUNT:
		i_unreached();
	}
}

static void fuzz_row(struct migration_import_names *names,
		     const char *const *fields, unsigned int line)
{
	struct migration_import_row row;
	const char *error = NULL;

	if (migration_import_parse_modoboa(fields, &row, &error) < 0) {
		i_assert(error != NULL);
		return;
	}
	fuzz_check_row(&row);
	switch (migration_import_names_add(names, &row,
					   t_strdup_printf("line %u", line),
					   line % 2 == 0, &error)) {
	case MIGRATION_IMPORT_INVALID:
		i_assert(error != NULL);
		break;
	case MIGRATION_IMPORT_LEAVE_OUT:
		i_assert(row.name == NULL);
		break;
	case MIGRATION_IMPORT_ADD:
		fuzz_check_row(&row);
		break;
	case MIGRATION_IMPORT_EXTEND:
	case MIGRATION_IMPORT_KEEP:
	case MIGRATION_IMPORT_RENEW:
		/* nothing is in the database */
		i_unreached();
	}
}

static void fuzz_import(const uint8_t *data, size_t size)
{
	struct migration_import_names *names = migration_import_names_init();
	/* of exactly its size, and room for a NUL */
	char *copy = i_malloc(size + 1);
	struct migration_csv *csv;
	const char *const *fields, *error;
	unsigned int line = 0;
	int ret;

	memcpy(copy, data, size);
	csv = migration_csv_init(copy, size, ';');
	while ((ret = migration_csv_next(csv, &fields, &error)) != 0)
		T_BEGIN
		{
			i_assert(migration_csv_get_line(csv) > line);
			line = migration_csv_get_line(csv);
			if (ret > 0)
				fuzz_row(names, fields, line);
		}
	T_END;
	migration_csv_deinit(&csv);
	migration_import_names_deinit(&names);
	i_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!lib_is_initialized())
		lib_init();
	T_BEGIN
	{
		fuzz_import(data, size);
	}
	T_END;
	return 0;
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-import-postfixadmin.h"

#define MEGABYTE (1024LL * 1024LL)

/* 0 = no limit, and so are negative ones, which mean "not used" */
static int postfixadmin_get_quota(const char *value, int64_t unit_bytes,
				  int64_t *bytes_r, const char **error_r)
{
	int64_t num;

	if (str_to_int64(value, &num) < 0 || num > INT64_MAX / unit_bytes) {
		*error_r =
			t_strdup_printf("quota: '%s' is not a number", value);
		return -1;
	}
	*bytes_r = num < 0 ? 0 : num * unit_bytes;
	return 0;
}

/* PostgreSQL says t and f. */
static int
postfixadmin_get_bool(const char *value, bool *value_r, const char **error_r)
{
	if (strcmp(value, "t") == 0)
		value = "true";
	else if (strcmp(value, "f") == 0)
		value = "false";
	return migration_import_get_bool(value, value_r, error_r);
}

static int postfixadmin_parse_alias_domain(const char *const *values,
					   struct migration_import_row *row,
					   const char **error_r)
{
	row->type = MIGRATION_IMPORT_DOMAIN_ALIAS;
	if (migration_import_get_domain(values[0], &row->name, error_r) < 0 ||
	    migration_import_get_domain(values[1], &row->target, error_r) < 0 ||
	    postfixadmin_get_bool(values[2], &row->enabled, error_r) < 0)
		return -1;
	/* then it is a domain like any other */
	return row->enabled ? 1 : 0;
}

static int postfixadmin_parse_domain(const char *const *values,
				     struct migration_import_row *row,
				     const char **error_r)
{
	int64_t quota;
	bool backup;

	/* whose administrators are those of all */
	if (strcmp(values[0], "ALL") == 0)
		return 0;
	if (migration_import_get_domain(values[0], &row->name, error_r) < 0 ||
	    postfixadmin_get_quota(values[1], MEGABYTE, &quota, error_r) < 0 ||
	    postfixadmin_get_bool(values[2], &backup, error_r) < 0 ||
	    postfixadmin_get_bool(values[3], &row->enabled, error_r) < 0)
		return -1;
	row->type = backup ? MIGRATION_IMPORT_RELAY_DOMAIN :
			     MIGRATION_IMPORT_DOMAIN;
	row->quota = quota;
	/* its first MX record says where to */
	row->host = "";
	row->service = "relay";
	row->port = 25;
	return 1;
}

static int postfixadmin_parse_mailbox(const char *const *values,
				      struct migration_import_row *row,
				      const char **error_r)
{
	static const char *const no_domains[] = { NULL };

	row->type = MIGRATION_IMPORT_ACCOUNT;
	if (migration_import_get_account(values[0], &row->name, error_r) < 0 ||
	    postfixadmin_get_quota(values[3], 1, &row->account_quota, error_r) <
		    0 ||
	    postfixadmin_get_bool(values[4], &row->enabled, error_r) < 0)
		return -1;
	if (strlen(values[2]) > MIGRATION_IMPORT_MAX_NAME_BYTES) {
		*error_r = "its name is too long";
		return -1;
	}
	row->login = row->name;
	row->password = values[1];
	row->first_name = values[2];
	row->last_name = "";
	row->domains = no_domains;
	return 1;
}

static int
postfixadmin_get_recipient(const char *address, const char *part,
			   const char **recipient_r, const char **error_r)
{
	/* everybody there becomes the same user elsewhere */
	if (*address == '@')
		return migration_import_get_alias(part, recipient_r, error_r);
	return migration_import_get_address(part, recipient_r, error_r);
}

static int
postfixadmin_parse_alias(const char *const *values,
			 struct migration_import_row *row, const char **error_r)
{
	const char *const *parts = t_strsplit_spaces(values[1], ", \t\r\n");
	const char **recipients, *recipient;
	unsigned int count = 0;

	recipients = t_new(const char *, str_array_length(parts) + 1);
	row->type = MIGRATION_IMPORT_ALIAS;
	if (migration_import_get_alias(values[0], &row->name, error_r) < 0 ||
	    postfixadmin_get_bool(values[2], &row->enabled, error_r) < 0)
		return -1;
	for (; *parts != NULL; parts++) {
		if (postfixadmin_get_recipient(values[0], *parts, &recipient,
					       error_r) < 0)
			return -1;
		if (!str_array_find(recipients, recipient))
			recipients[count++] = recipient;
	}
	row->recipients = recipients;
	/* a mailbox has one for itself */
	return count == 0 || (count == 1 &&
			      strcmp(recipients[0], row->name) == 0) ?
		       0 :
		       1;
}

int migration_import_parse_postfixadmin(enum migration_postfixadmin_table table,
					const char *const *values,
					struct migration_import_row *row_r,
					const char **error_r)
{
	i_zero(row_r);
	switch (table) {
	case MIGRATION_POSTFIXADMIN_ALIAS_DOMAIN:
		return postfixadmin_parse_alias_domain(values, row_r, error_r);
	case MIGRATION_POSTFIXADMIN_DOMAIN:
		return postfixadmin_parse_domain(values, row_r, error_r);
	case MIGRATION_POSTFIXADMIN_MAILBOX:
		return postfixadmin_parse_mailbox(values, row_r, error_r);
	case MIGRATION_POSTFIXADMIN_ALIAS:
		return postfixadmin_parse_alias(values, row_r, error_r);
	case MIGRATION_POSTFIXADMIN_TABLE_COUNT:
		break;
	}
	i_unreached();
}

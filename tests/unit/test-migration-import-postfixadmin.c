/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "str.h"
#include "test-common.h"
#include "migration-import-postfixadmin.h"

#define ALIAS_DOMAIN MIGRATION_POSTFIXADMIN_ALIAS_DOMAIN
#define DOMAIN MIGRATION_POSTFIXADMIN_DOMAIN
#define MAILBOX MIGRATION_POSTFIXADMIN_MAILBOX
#define ALIAS MIGRATION_POSTFIXADMIN_ALIAS

static const char *test_row_to_string(const struct migration_import_row *row)
{
	string_t *str = t_str_new(128);

	str_printfa(str, "%s %s %d", migration_import_type_to_string(row->type),
		    row->name, row->enabled ? 1 : 0);
	switch (row->type) {
	case MIGRATION_IMPORT_DOMAIN:
		str_printfa(str, " %"PRIu64, row->quota);
		break;
	case MIGRATION_IMPORT_DOMAIN_ALIAS:
		str_printfa(str, " %s", row->target);
		break;
	case MIGRATION_IMPORT_RELAY_DOMAIN:
		str_printfa(str, " '%s' %s %d", row->host, row->service,
			    row->verify_recipients ? 1 : 0);
		break;
	case MIGRATION_IMPORT_ACCOUNT:
		test_assert_strcmp(row->login, row->name);
		str_printfa(str, " %s '%s' %"PRId64, row->password,
			    row->first_name, row->account_quota);
		break;
	case MIGRATION_IMPORT_ALIAS:
		str_printfa(str, " %s", t_strarray_join(row->recipients, " "));
		break;
	case MIGRATION_IMPORT_FORWARD:
	case MIGRATION_IMPORT_DLIST:
	case MIGRATION_IMPORT_MIGRATION:
	case MIGRATION_IMPORT_TYPE_COUNT:
		i_unreached();
	}
	return str_c(str);
}

static void test_migration_import_postfixadmin(void)
{
	static const struct {
		enum migration_postfixadmin_table table;
		const char *values;
		/* NULL = nothing to import */
		const char *row, *error;
	} tests[] = {
		{ ALIAS_DOMAIN, "Also.example|old.example|1",
		  "domainalias also.example 1 old.example", NULL },
		{ ALIAS_DOMAIN, "also.example|old.example|0", NULL, NULL },
		{ ALIAS_DOMAIN, "a b|old.example|1", NULL,
		  "'a b' is not a domain" },

		{ DOMAIN, "ALL|0|0|1", NULL, NULL },
		{ DOMAIN, "Old.example|10|0|1",
		  "domain old.example 1 10485760", NULL },
		{ DOMAIN, "old.example|-1|f|t", "domain old.example 1 0", NULL },
		{ DOMAIN, "old.example|0|0|0", "domain old.example 0 0", NULL },
		{ DOMAIN, "mx.example|0|1|1",
		  "relaydomain mx.example 1 '' relay 0", NULL },
		{ DOMAIN, "old.example||0|1", NULL,
		  "quota: '' is not a number" },
		{ DOMAIN, "old.example|9223372036854775807|0|1", NULL,
		  "quota: '9223372036854775807' is not a number" },
		{ DOMAIN, "old.example|0|2|1", NULL, "'2' is neither true "
		  "(1, yes, y) nor false (0, no, n)" },
		{ DOMAIN, "-|0|0|1", NULL, "'-' is not a domain" },

		{ MAILBOX, "Anna@old.example|{X}h|Anna M|2048|1",
		  "account anna@old.example 1 {X}h 'Anna M' 2048", NULL },
		{ MAILBOX, "a@old.example|h||0|f",
		  "account a@old.example 0 h '' 0", NULL },
		{ MAILBOX, "a@old.example|h||-1|1",
		  "account a@old.example 1 h '' 0", NULL },
		{ MAILBOX, "a/b@old.example|h||0|1", NULL,
		  "'a/b@old.example' cannot be an account, because its mail is "
		  "in a folder of that name" },
		{ MAILBOX, "a|h||0|1", NULL, "'a' is not a mail address" },

		{ ALIAS, "info@old.example|anna@old.example,B@else.example|1",
		  "alias info@old.example 1 anna@old.example b@else.example",
		  NULL },
		{ ALIAS, "info@old.example| a@b.example ,,a@b.example,\n|0",
		  "alias info@old.example 0 a@b.example", NULL },
		/* a mailbox's own one, and one that keeps a copy */
		{ ALIAS, "anna@old.example|Anna@old.example|1", NULL, NULL },
		{ ALIAS, "anna@old.example|anna@old.example,b@else.example|1",
		  "alias anna@old.example 1 anna@old.example b@else.example",
		  NULL },
		{ ALIAS, "anna@old.example||1", NULL, NULL },
		/* everybody else */
		{ ALIAS, "@old.example|anna@old.example|1",
		  "alias @old.example 1 anna@old.example", NULL },
		{ ALIAS, "@old.example|@new.example|1",
		  "alias @old.example 1 @new.example", NULL },
		{ ALIAS, "@old.example|@old.example|1", NULL, NULL },
		{ ALIAS, "a@old.example|@new.example|1", NULL,
		  "'@new.example' is not a mail address" },
		{ ALIAS, "a@old.example|root|1", NULL,
		  "'root' is not a mail address" },
	};
	struct migration_import_row row;
	const char *error;
	unsigned int i;
	int ret;

	test_begin("migration import: postfixadmin's rows");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		error = NULL;
		ret = migration_import_parse_postfixadmin(
			tests[i].table, t_strsplit(tests[i].values, "|"), &row,
			&error);
		if (ret > 0)
			test_assert_strcmp_idx(test_row_to_string(&row),
					       tests[i].row, i);
		else
			test_assert_idx(tests[i].row == NULL, i);
		test_assert_strcmp_idx(ret < 0 ? error : NULL, tests[i].error,
				       i);
	}
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_import_postfixadmin,
		NULL
	};
	return test_run(test_functions);
}

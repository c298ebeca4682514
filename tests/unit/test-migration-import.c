/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "str.h"
#include "test-common.h"
#include "migration-import.h"

#define LABEL_63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123"

#define ADDRESS "the account's address must be user@domain, not begin with a " \
	"dot and have no slash"

static const char *test_row_to_string(const struct migration_import_row *row)
{
	string_t *str = t_str_new(128);

	str_printfa(str, "%s %s %s", migration_import_type_to_string(row->type),
		    row->name == NULL ? "-" : row->name,
		    row->enabled ? "on" : "off");
	switch (row->type) {
	case MIGRATION_IMPORT_DOMAIN:
		str_printfa(str, " %"PRIu64" %"PRIu64, row->quota,
			    row->mailbox_quota);
		break;
	case MIGRATION_IMPORT_DOMAIN_ALIAS:
		str_printfa(str, " %s", row->target);
		break;
	case MIGRATION_IMPORT_RELAY_DOMAIN:
		str_printfa(str, " %s %u %s %s", row->host, row->port,
			    row->service,
			    row->verify_recipients ? "verify" : "trust");
		break;
	case MIGRATION_IMPORT_ACCOUNT:
		str_printfa(str, " %s %s '%s' '%s' %"PRId64" [%s]", row->login,
			    row->password, row->first_name, row->last_name,
			    row->account_quota,
			    t_strarray_join(row->domains, " "));
		break;
	case MIGRATION_IMPORT_ALIAS:
	case MIGRATION_IMPORT_FORWARD:
	case MIGRATION_IMPORT_DLIST:
		str_printfa(str, " [%s]",
			    t_strarray_join(row->recipients, " "));
		break;
	case MIGRATION_IMPORT_MIGRATION:
	case MIGRATION_IMPORT_TYPE_COUNT:
		i_unreached();
	}
	return str_c(str);
}

static void test_migration_import_modoboa_good(void)
{
	static const struct {
		const char *fields, *row;
	} tests[] = {
		{ "domain;Old.Example;1000;10;True",
		  "domain old.example on 1048576000 10485760" },
		{ "domain;old.example;0;10;no", "domain old.example off 0 10485760" },
		{ "domain;old.example;10;10;Y",
		  "domain old.example on 10485760 10485760" },
		{ "DOMAIN;localhost;0;0;1", "domain localhost on 0 0" },
		{ "domain;\xc3\xa4.example;0;0;1",
		  "domain \xc3\xa4.example on 0 0" },
		{ "domain;xn--4ca.example;0;0;1",
		  "domain xn--4ca.example on 0 0" },
		{ "domain;"LABEL_63".a-b.example;0;0;1",
		  "domain "LABEL_63".a-b.example on 0 0" },
		{ "domain;a.example;8796093022207;0;1",
		  "domain a.example on 9223372036853727232 0" },
		/* columns that a spreadsheet adds */
		{ "domain;a.example;0;0;1;;;", "domain a.example on 0 0" },

		{ "domainalias;Also.Example;Old.Example;yes",
		  "domainalias also.example on old.example" },

		{ "relaydomain;r.example;Mail.R.example;25;relay;true;false",
		  "relaydomain r.example on mail.r.example 25 relay trust" },
		{ "relaydomain;r.example;192.0.2.1;65535;smtp-x_1;0;1",
		  "relaydomain r.example off 192.0.2.1 65535 smtp-x_1 verify" },
		{ "relaydomain;r.example;2001:db8::1;1;smtp;1;1",
		  "relaydomain r.example on 2001:db8::1 1 smtp verify" },

		{ "account;Anna@Old.example;{X}y;Anna;Meier;true;SimpleUsers;"
		  "Anna@old.example;5",
		  "account anna@old.example on anna@old.example {X}y 'Anna' "
		  "'Meier' 5242880 []" },
		{ "account;a@b.example;p;;;0;simpleusers;a@b.example;0",
		  "account a@b.example off a@b.example p '' '' 0 []" },
		{ "account;a@b.example;p;;;1;SimpleUsers;a@b.example",
		  "account a@b.example on a@b.example p '' '' -1 []" },
		{ "account;a@b.example;p;;;1;SimpleUsers;a@b.example;;;;",
		  "account a@b.example on a@b.example p '' '' -1 []" },
		{ "account;adm;p;;;1;DomainAdmins;a+x@b.example;1;B.example;"
		  "c.example",
		  "account a+x@b.example on adm p '' '' 1048576 "
		  "[b.example c.example]" },
		{ "account;Admin;p;;;1;SuperAdmins;",
		  "account - on admin p '' '' -1 []" },
		{ "account;r;p;;;1;Resellers;;;b.example",
		  "account - on r p '' '' -1 [b.example]" },

		{ "alias;Info@b.example;1;Anna@b.example",
		  "alias info@b.example on [anna@b.example]" },
		{ "alias;@b.example;1;anna@b.example",
		  "alias @b.example on [anna@b.example]" },
		{ "forward;info@b.example;n;a@b.example;b@c.example;;",
		  "forward info@b.example off [a@b.example b@c.example]" },
		{ "dlist;all/x@b.example;1;a@b.example;\xc3\xa4@c.example",
		  "dlist all/x@b.example on [a@b.example \xc3\xa4@c.example]" },
	};
	struct migration_import_row row, *copy;
	const char *error;
	unsigned int i;
	pool_t pool;

	test_begin("migration import: Modoboa's rows");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		pool = pool_alloconly_create("test import", 256);
		error = "";
		if (migration_import_parse_modoboa(t_strsplit(tests[i].fields, ";"),
						   &row, &error) < 0) {
			test_assert_strcmp_idx(error, "", i);
		} else {
			copy = migration_import_row_dup(pool, &row);
			test_assert_strcmp_idx(test_row_to_string(&row),
					       tests[i].row, i);
			test_assert_strcmp_idx(test_row_to_string(copy),
					       tests[i].row, i);
		}
		pool_unref(&pool);
	}
	test_end();
}

static void test_migration_import_modoboa_bad(void)
{
	static const struct {
		const char *fields, *error;
	} tests[] = {
		{ ";a.example", "unknown type ''" },
		{ "domains;a.example;0;0;1", "unknown type 'domains'" },
		{ "migration;a.example;0;0;1", "unknown type 'migration'" },
		{ "domain;a.example;0;0", "3 fields behind 'domain', but there "
		  "have to be 4: name, quota, default mailbox quota, enabled" },
		{ "domain;a.example;0;0;1;x", "5 fields behind 'domain'" },
		{ "domain", "0 fields behind 'domain'" },
		{ "domainalias;a.example;b.example",
		  "2 fields behind 'domainalias', but there have to be 3" },
		{ "relaydomain;r.example;h;25;relay;1",
		  "5 fields behind 'relaydomain', but there have to be 6" },
		{ "account;a@b.example;p;;;1;SimpleUsers",
		  "6 fields behind 'account', but there have to be at least 7" },
		{ "alias;a@b.example;1",
		  "2 fields behind 'alias', but there have to be at least 3" },

		{ "domain;;0;0;1", "'' is not a domain" },
		{ "domain;.a.example;0;0;1", "'.a.example' is not a domain" },
		{ "domain;a.example.;0;0;1", "'a.example.' is not a domain" },
		{ "domain;a..example;0;0;1", "'a..example' is not a domain" },
		{ "domain;-a.example;0;0;1", "'-a.example' is not a domain" },
		{ "domain;a-.example;0;0;1", "'a-.example' is not a domain" },
		{ "domain;a_b.example;0;0;1", "'a_b.example' is not a domain" },
		{ "domain;a b;0;0;1", "'a b' is not a domain" },
		{ "domain;a/../b;0;0;1", "'a/../b' is not a domain" },
		{ "domain;"LABEL_63"4.example;0;0;1", "is not a domain" },
		{ "domain;"LABEL_63"."LABEL_63"."LABEL_63"."LABEL_63".a;0;0;1",
		  "is not a domain" },
		{ "domain;a.example;;0;1",
		  "quota: '' is not a number of megabytes" },
		{ "domain;a.example;-1;0;1",
		  "quota: '-1' is not a number of megabytes" },
		{ "domain;a.example;8796093022208;0;1",
		  "quota: '8796093022208' is not a number of megabytes" },
		{ "domain;a.example;1;1G;1",
		  "default mailbox quota: '1G' is not a number of megabytes" },
		{ "domain;a.example;10;11;1", "the default mailbox quota 11 is "
		  "more than the domain's quota 10" },
		{ "domain;a.example;0;0;maybe", "'maybe' is neither true "
		  "(1, yes, y) nor false (0, no, n)" },
		{ "domain;a.example;0;0;", "'' is neither true" },

		{ "domainalias;a b;c.example;1", "'a b' is not a domain" },
		{ "domainalias;a.example;;1", "'' is not a domain" },
		{ "domainalias;a.example;b.example;2", "'2' is neither true" },

		{ "relaydomain;r.example;;25;relay;1;1",
		  "host: '' is neither a name nor an IP address" },
		{ "relaydomain;r.example;h x;25;relay;1;1", "host: 'h x' is" },
		{ "relaydomain;r.example;h;0;relay;1;1",
		  "port: '0' is not a port" },
		{ "relaydomain;r.example;h;65536;relay;1;1",
		  "port: '65536' is not a port" },
		{ "relaydomain;r.example;h;25;;1;1",
		  "service: '' is not the name of a Postfix transport" },
		{ "relaydomain;r.example;h;25;a:b;1;1", "service: 'a:b' is" },
		{ "relaydomain;r.example;h;25;relay;x;1", "'x' is neither" },
		{ "relaydomain;r.example;h;25;relay;1;x", "'x' is neither" },

		{ "account;;p;;;1;SimpleUsers;a@b.example",
		  "the account's login is missing" },
		{ "account;a;p;;;1;SimpleUsers;",
		  "the account's address is missing, which SimpleUsers need" },
		{ "account;a;p;;;1;Users;a@b.example", "the account's group "
		  "must be SimpleUsers, DomainAdmins, Resellers or "
		  "SuperAdmins" },
		{ "account;a;p;;;;SimpleUsers;a@b.example",
		  "the account's fifth field, enabled, must be true (1, yes, "
		  "y) or false (0, no, n)" },
		{ "account;a;p;;;1;SimpleUsers;a", ADDRESS },
		{ "account;a;p;;;1;SimpleUsers;@b.example", ADDRESS },
		{ "account;a;p;;;1;SimpleUsers;a b@b.example", ADDRESS },
		{ "account;a;p;;;1;SimpleUsers;a@b@c.example", ADDRESS },
		{ "account;a;p;;;1;SimpleUsers;\"a\"@c.example", ADDRESS },
		{ "account;a;p;;;1;SimpleUsers;../../x@c.example", ADDRESS },
		{ "account;a;p;;;1;SimpleUsers;..@c.example", ADDRESS },
		{ "account;a;p;;;1;SimpleUsers;"LABEL_63"45@c.example",
		  ADDRESS },
		{ "account;a;p;;;1;SimpleUsers;a@b.example;x", "the account's "
		  "quota must be a number of megabytes, or empty" },
		{ "account;a;p;;;1;DomainAdmins;a@b.example;;a b",
		  "the account's fields behind the quota must be domains" },
		/* separators in the password: it must not be shown */
		{ "account;a;pass;wd;wd;wd;1;SimpleUsers;a@b.example",
		  "the account's fifth field, enabled, must be" },
		{ "account;a;wd;wd;wd;1;wd;SimpleUsers;a@b.example",
		  "the account's group must be" },
		{ "account;a;wd;wd;wd;1;SimpleUsers;wd;a@b.example",
		  "the account's address must be" },
		{ "account;a;wd;wd;wd;1;SimpleUsers;a@b.example;wd;2;1",
		  "the account's quota must be" },
		{ "account,a@b.example,wd,1",
		  "unknown type (is it another separator? see --sepchar)" },

		{ "alias;info;1;a@b.example", "'info' is not a mail address" },
		{ "alias;info@b.example;x;a@b.example", "'x' is neither" },
		{ "alias;info@b.example;1;", "'' is not a mail address" },
		{ "alias;info@b.example;1;@c.example",
		  "'@c.example' is not a mail address" },
		{ "dlist;info@b.example;1;a@b.example;;c@b.example",
		  "'' is not a mail address" },
		{ "dlist;info@b.example;1;a@b.example;A@b.example",
		  "the recipient 'a@b.example' is there twice" },
	};
	struct migration_import_row row;
	const char *error;
	unsigned int i;

	test_begin("migration import: Modoboa's rows with mistakes");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		error = NULL;
		test_assert_idx(migration_import_parse_modoboa(
			t_strsplit(tests[i].fields, ";"), &row, &error) < 0, i);
		test_assert_idx(error != NULL &&
				strstr(error, tests[i].error) != NULL, i);
		test_assert_idx(error != NULL && strstr(error, "wd") == NULL,
				i);
	}
	test_end();
}

static void test_migration_import_bool(void)
{
	static const struct {
		const char *word;
		int value;
	} tests[] = {
		{ "true", 1 }, { "TRUE", 1 }, { "1", 1 }, { "Yes", 1 },
		{ "y", 1 }, { "Y", 1 },
		{ "false", 0 }, { "False", 0 }, { "0", 0 }, { "NO", 0 },
		{ "n", 0 },
		{ "", -1 }, { "t", -1 }, { "2", -1 }, { "tru", -1 },
		{ "on", -1 },
	};
	const char *error;
	unsigned int i;
	bool value;
	int ret;

	test_begin("migration import: booleans");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		ret = migration_import_get_bool(tests[i].word, &value, &error);
		test_assert_idx(ret == (tests[i].value < 0 ? -1 : 0), i);
		test_assert_idx(ret < 0 || value == (tests[i].value > 0), i);
	}
	test_end();
}

static void test_migration_import_scheme(void)
{
	static const struct {
		const char *hash, *scheme, *password;
	} tests[] = {
		{ "{SHA512-CRYPT}$6$x", NULL, "{SHA512-CRYPT}$6$x" },
		{ "{PLAIN}x", "MD5", "{PLAIN}x" },
		{ "$1$x", NULL, "{MD5-CRYPT}$1$x" },
		{ "$2y$x", NULL, "{BLF-CRYPT}$2y$x" },
		{ "$2b$x", "MD5", "{BLF-CRYPT}$2b$x" },
		{ "$5$x", NULL, "{SHA256-CRYPT}$5$x" },
		{ "$6$x", NULL, "{SHA512-CRYPT}$6$x" },
		{ "$argon2i$x", NULL, "{ARGON2I}$argon2i$x" },
		{ "$argon2id$x", NULL, "{ARGON2ID}$argon2id$x" },
		{ "abcdef", "LDAP-MD5", "{LDAP-MD5}abcdef" },
		{ "{x", "CRYPT", "{CRYPT}{x" },
		/* a password, and not to be shown */
		{ "secret", NULL, NULL },
		{ "", NULL, NULL },
		{ "", "CRYPT", NULL },
	};
	const char *password, *error;
	unsigned int i;
	char *huge;

	test_begin("migration import: schemes");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		password = NULL;
		error = NULL;
		if (migration_import_add_scheme(tests[i].hash, tests[i].scheme,
						&password, &error) == 0) {
			test_assert_strcmp_idx(password, tests[i].password, i);
		} else {
			test_assert_idx(tests[i].password == NULL, i);
			test_assert_idx(strstr(error, "secret") == NULL, i);
		}
	}
	huge = i_malloc(MIGRATION_IMPORT_MAX_HASH_BYTES + 2);
	memset(huge, 'x', MIGRATION_IMPORT_MAX_HASH_BYTES + 1);
	test_assert(migration_import_add_scheme(huge, "CRYPT", &password,
						&error) < 0);
	i_free(huge);
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_import_modoboa_good,
		test_migration_import_modoboa_bad,
		test_migration_import_bool,
		test_migration_import_scheme,
		NULL
	};
	return test_run(test_functions);
}

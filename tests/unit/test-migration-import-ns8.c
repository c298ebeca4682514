/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "test-common.h"
#include "migration-import-names.h"
#include "migration-import-ns8.h"
#include "migration-provider.h"
#include "migration-record.h"
#include "migration-settings.h"

#define HEADER "localusername,remoteusername,remotepassword,remotehostname," \
	"remoteport,security"
#define NO_PROVIDER "no migration_provider has its host, port and security: " \
	"there are one with host imap.one.example, port 993, ssl imaps; two " \
	"with host imap.two.example, port 143, ssl starttls; three with host " \
	"imap.two.example, port 143, ssl no; four with host imap.one.example, " \
	"port 993, ssl imaps"

static struct migration_provider_settings test_providers[] = {
	{ .name = "one", .host = "imap.one.example", .port = 993,
	  .ssl = "imaps", .login = "", .user = "%u", .master_user = "",
	  .domains = "b.example also.example=brand.example" },
	{ .name = "two", .host = "imap.two.example", .port = 143,
	  .ssl = "starttls", .login = "wait", .user = "%u", .domains = "",
	  .master_user = "" },
	{ .name = "three", .host = "imap.two.example", .port = 143,
	  .ssl = "no", .login = "local", .user = "%u", .domains = "",
	  .master_user = "root" },
	{ .name = "four", .host = "imap.one.example", .port = 993,
	  .ssl = "imaps", .login = "", .user = "%u", .master_user = "",
	  .domains = "four.example" },
};

static void test_settings(struct migration_settings *set)
{
	struct migration_provider_settings *provider;
	unsigned int i;

	i_zero(set);
	set->migration_login = "proxy";
	t_array_init(&set->providers, N_ELEMENTS(test_providers));
	for (i = 0; i < N_ELEMENTS(test_providers); i++) {
		provider = &test_providers[i];
		array_push_back(&set->providers, &provider);
	}
}

static void test_migration_import_ns8_header(void)
{
	static const struct {
		const char *fields;
		bool good;
	} tests[] = {
		{ HEADER, TRUE },
		{ "Security,RemotePort,remotehostname,remotepassword,"
		  "remoteusername,localusername", TRUE },
		{ HEADER",delete_remote", FALSE },
		{ HEADER",security", FALSE },
		{ "localusername,remoteusername,remotepassword,remotehostname,"
		  "remoteport", FALSE },
		{ "a@b.example,a,secret,imap.one.example,993,ssl", FALSE },
	};
	struct migration_import_ns8 ns8;
	const char *error;
	unsigned int i;

	test_begin("migration import: NS8's header");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		error = "";
		test_assert_idx((migration_import_ns8_header(
			t_strsplit(tests[i].fields, ","), &ns8, &error) == 0) ==
			tests[i].good, i);
		test_assert_idx(tests[i].good || strcmp(error,
			"the first row must have the names of the columns: "
			HEADER) == 0, i);
	}
	test_end();
}

static void test_migration_import_ns8_rows(void)
{
	static const struct {
		const char *fields;
		const char *row, *error;
	} tests[] = {
		{ "A@B.example,Anna,pass word,IMAP.one.example,993,ssl",
		  "a@b.example Anna 'pass word' one proxy", NULL },
		{ "a@b.example,a,p,imap.one.example,,SSL",
		  "a@b.example a 'p' one proxy", NULL },
		/* the name here */
		{ "A@also.example,a,p,imap.one.example,993,ssl",
		  "a@brand.example a 'p' one proxy", NULL },
		{ "a@brand.example,a,p,imap.one.example,993,ssl",
		  "a@brand.example a 'p' one proxy", NULL },
		{ "a@b.example,a,p,imap.two.example,143,tls",
		  "a@b.example a 'p' two wait, nobody can log in", NULL },
		{ "a@c.example,a,p,imap.one.example,993,ssl",
		  "a@c.example a 'p' one proxy, nobody can log in", NULL },
		/* the one of the domain */
		{ "a@four.example,a,p,imap.one.example,993,ssl",
		  "a@four.example a 'p' four proxy", NULL },
		/* the master user's is enough */
		{ "a@b.example,a,,imap.two.example,,none",
		  "a@b.example a '' three local, nobody can log in", NULL },
		{ "a@b.example,a,p,imap.two.example,,none",
		  "a@b.example a 'p' three local, nobody can log in", NULL },
		{ "a@b.example,a,p,imap.two.example,,",
		  "a@b.example a 'p' three local, nobody can log in", NULL },
		{ "a@b.example,a,p,imap.two.example,144,tls", NULL,
		  NO_PROVIDER },
		{ "a@b.example,a,p,imap.one.example,993,tls", NULL,
		  NO_PROVIDER },
		{ "a@b.example,a,p,wd.example,993,ssl", NULL, NO_PROVIDER },
		{ "a@b.example,a,p,imap.one.example,993,yes", NULL,
		  "security must be ssl, tls (STARTTLS) or none" },
		{ "a@b.example,a,p,imap.one.example,0,ssl", NULL,
		  "remoteport is not a port" },
		{ "a@b.example,,p,imap.one.example,993,ssl", NULL,
		  "remoteusername is missing or too long" },
		{ "a@b.example,a,,imap.one.example,993,ssl", NULL,
		  "remotepassword is missing" },
		{ "wd,a,p,imap.one.example,993,ssl", NULL, "localusername must "
		  "be user@domain, not begin with a dot and have no slash" },
		{ "../a@b.example,a,p,imap.one.example,993,ssl", NULL,
		  "localusername must be user@domain, not begin with a dot and "
		  "have no slash" },
		{ "a@b.example,a,wd,wd,imap.one.example,993,ssl", NULL,
		  "7 fields, but there have to be 6: the names of the columns "
		  "say which (a field that has a separator must be in double "
		  "quotes)" },
	};
	struct migration_settings set;
	struct migration_providers *providers;
	struct migration_import_ns8 ns8;
	struct migration_import_row row;
	const char *error;
	unsigned int i;
	int ret;

	test_begin("migration import: NS8's rows");
	test_settings(&set);
	test_assert(migration_providers_init(&set, &providers, &error) == 0);
	test_assert(migration_import_ns8_header(t_strsplit(HEADER, ","), &ns8,
						&error) == 0);
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		error = NULL;
		ret = migration_import_parse_ns8(
			&ns8, &set, providers, t_strsplit(tests[i].fields, ","),
			&row, &error);
		test_assert_strcmp_idx(error, tests[i].error, i);
		if (ret == 0) {
			test_assert_strcmp_idx(t_strdup_printf(
				"%s %s '%s' %s %s%s", row.name, row.remote_user,
				row.password, row.provider, row.job_login,
				row.no_login == NULL ? "" :
				", nobody can log in"), tests[i].row, i);
		}
	}
	i_zero(&set);
	test_assert(migration_import_parse_ns8(
		&ns8, &set, providers,
		t_strsplit("a@b.example,a,p,h,993,ssl", ","), &row,
		&error) < 0);
	test_assert_strcmp(error, "no migration_provider has its host, port "
			   "and security: none is configured");
	migration_providers_deinit(&providers);
	test_end();
}

/* Accounts and domains are made if need be. */
static void test_migration_import_ns8_names(void)
{
	static const struct {
		const char *name;
		enum migration_import_action action;
		bool new_account, new_domain;
	} tests[] = {
		{ "a@here.example", MIGRATION_IMPORT_ADD, FALSE, FALSE },
		{ "b@here.example", MIGRATION_IMPORT_ADD, TRUE, FALSE },
		{ "a@new.example", MIGRATION_IMPORT_ADD, TRUE, TRUE },
		{ "b@new.example", MIGRATION_IMPORT_ADD, TRUE, FALSE },
		/* a user has one */
		{ "b@new.example", MIGRATION_IMPORT_INVALID, FALSE, FALSE },
		{ "moving@here.example", MIGRATION_IMPORT_KEEP, FALSE, FALSE },
		{ "a@also.example", MIGRATION_IMPORT_INVALID, FALSE, FALSE },
	};
	struct migration_import_names *names = migration_import_names_init();
	struct migration_import_row row;
	const char *error;
	unsigned int i;

	test_begin("migration import: NS8's names");
	migration_import_names_add_existing(names, MIGRATION_IMPORT_DOMAIN,
					    "here.example", "");
	migration_import_names_add_existing(
		names, MIGRATION_IMPORT_DOMAIN_ALIAS, "also.example", "");
	migration_import_names_add_existing(names, MIGRATION_IMPORT_ACCOUNT,
					    "a@here.example", "");
	migration_import_names_add_existing(names, MIGRATION_IMPORT_ACCOUNT,
					    "moving@here.example", "");
	migration_import_names_add_existing(names, MIGRATION_IMPORT_MIGRATION,
					    "moving@here.example", "");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		i_zero(&row);
		row.type = MIGRATION_IMPORT_MIGRATION;
		row.name = tests[i].name;
		test_assert_idx(migration_import_names_add(
			names, &row, t_strdup_printf("line %u", i + 1), TRUE,
			&error) == tests[i].action, i);
		test_assert_idx(row.new_account == tests[i].new_account, i);
		test_assert_idx(row.new_domain == tests[i].new_domain, i);
	}
	migration_import_names_deinit(&names);
	test_end();
}

/* Those that are in the database, with --update. */
static void test_migration_import_ns8_renew(void)
{
	static const struct {
		const char *name, *provider, *remote_user;
		enum migration_import_action action;
		const char *error;
	} tests[] = {
		{ "a@b.example", "two", "anna", MIGRATION_IMPORT_INVALID,
		  "'a@b.example' is being moved from migration_provider one as "
		  "'anna': a user is moved from one place" },
		{ "a@b.example", "one", "bert", MIGRATION_IMPORT_INVALID,
		  "'a@b.example' is being moved from migration_provider one as "
		  "'anna': a user is moved from one place" },
		{ "a@b.example", "one", "ANNA", MIGRATION_IMPORT_RENEW, NULL },
		{ "a@b.example", "one", "anna", MIGRATION_IMPORT_INVALID,
		  "'a@b.example' is there twice, also as migration on line 3" },
		{ "done@b.example", "one", "done", MIGRATION_IMPORT_LEAVE_OUT,
		  NULL },
		{ "new@b.example", "one", "new", MIGRATION_IMPORT_ADD, NULL },
	};
	struct migration_import_names *names = migration_import_names_init();
	struct migration_record record = {
		.username = "a@b.example",
		.provider = "one",
		.remote_user = "anna",
		.phase = MIGRATION_PHASE_FOLLOWING,
	};
	struct migration_import_row row;
	const char *error;
	unsigned int i;

	test_begin("migration import: NS8's users who are there already");
	migration_import_names_add_existing(names, MIGRATION_IMPORT_DOMAIN,
					    "b.example", "");
	migration_import_names_add_existing(names, MIGRATION_IMPORT_MIGRATION,
					    "a@b.example", "");
	migration_import_names_add_renewable(names, &record);
	record.username = "done@b.example";
	record.remote_user = "done";
	record.phase = MIGRATION_PHASE_FINISHED;
	migration_import_names_add_renewable(names, &record);
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		i_zero(&row);
		row.type = MIGRATION_IMPORT_MIGRATION;
		row.name = tests[i].name;
		row.provider = tests[i].provider;
		row.remote_user = tests[i].remote_user;
		error = NULL;
		test_assert_idx(migration_import_names_add(
			names, &row, t_strdup_printf("line %u", i + 1), FALSE,
			&error) == tests[i].action, i);
		test_assert_strcmp_idx(error, tests[i].error, i);
		test_assert_idx(row.renew ==
			(tests[i].action == MIGRATION_IMPORT_RENEW), i);
	}
	migration_import_names_deinit(&names);
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_import_ns8_header,
		test_migration_import_ns8_rows,
		test_migration_import_ns8_names,
		test_migration_import_ns8_renew,
		NULL
	};
	return test_run(test_functions);
}

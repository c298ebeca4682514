/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "str.h"
#include "migration-compat.h"
#include "migration-compat-sql-settings.h"
#include "test-common.h"

#define PGSQL "sql_driver=pgsql;pgsql=migration;"
#define MYSQL "sql_driver=mysql;mysql=migration;"

static const char *settings_join(const char *const *settings)
{
	string_t *str = t_str_new(128);

	for (; *settings != NULL; settings += 2)
		str_printfa(str, "%s=%s;", settings[0], settings[1]);
	return str_c(str);
}

static void test_migration_compat_sql_settings(void)
{
	static const struct {
		const char *driver, *connect, *settings, *error;
	} tests[] = {
		{ "sqlite", "/a b", "sql_driver=sqlite;sqlite_path=/a b;",
		  NULL },

		{ "pgsql", "", PGSQL, NULL },
		{ "pgsql", " host=h\tport=1 dbname=d user=u\npassword=p%{x}=y "
		  "sslmode=require maxconns=1 ",
		  PGSQL "pgsql_host=h;pgsql_parameters/port=1;"
		  "pgsql_parameters/dbname=d;pgsql_parameters/user=u;"
		  "pgsql_parameters/password=p%{x}=y;"
		  "pgsql_parameters/sslmode=require;", NULL },
		{ "pgsql", "hostaddr=127.0.0.1 host=/run/x",
		  PGSQL "pgsql_parameters/hostaddr=127.0.0.1;"
		  "pgsql_host=/run/x;", NULL },
		/* as libpq reads values */
		{ "pgsql", "password='it''s' dbname=d", NULL,
		  "there is a word without '='" },
		{ "pgsql", "password='a \\'b\\\\' dbname=d",
		  PGSQL "pgsql_parameters/password=a 'b\\;"
		  "pgsql_parameters/dbname=d;", NULL },
		{ "pgsql", "password=a'b\\ c\\'d dbname = 'd'",
		  PGSQL "pgsql_parameters/password=a'b c'd;"
		  "pgsql_parameters/dbname=d;", NULL },
		{ "pgsql", "user='' password=\\",
		  PGSQL "pgsql_parameters/user=;pgsql_parameters/password=;",
		  NULL },
		{ "pgsql", "dbname=d password='a b", NULL,
		  "the value of password has no closing '" },
		{ "pgsql", "dbname=d password='a\\'", NULL,
		  "the value of password has no closing '" },
		{ "pgsql", "dbname=d password=two words", NULL,
		  "there is a word without '='" },
		{ "pgsql", "=d", NULL, "there is a word without '='" },
		{ "pgsql", "host=a host=b", NULL,
		  "there is more than one host" },
		{ "pgsql", "x/y=z", NULL, "unknown name x/y" },
		{ "pgsql", "password=inline:x", NULL,
		  "the value of password must not begin with inline:" },
		{ "pgsql", "password=xinline:x",
		  PGSQL "pgsql_parameters/password=xinline:x;", NULL },

		{ "mysql", "", MYSQL, NULL },
		{ "mysql", "host=h port=1 dbname=d user=u password='p\\%=x' "
		  "client_flags=2 maxconns=1",
		  MYSQL "mysql_host=h;mysql_port=1;mysql_dbname=d;"
		  "mysql_user=u;mysql_password='p\\%=x';"
		  "mysql_client_flags=2;", NULL },
		{ "mysql", "hostaddr=h connect_timeout=1 read_timeout=2 "
		  "write_timeout=3 option_file=/o option_group=g",
		  MYSQL "mysql_host=h;mysql_connect_timeout=1 secs;"
		  "mysql_read_timeout=2 secs;mysql_write_timeout=3 secs;"
		  "mysql_option_file=/o;mysql_option_group=g;", NULL },
		/* without these two there was no TLS */
		{ "mysql", "ssl_cert=/c ssl_key=/k ssl_cipher=HIGH",
		  MYSQL "ssl_client_cert_file=/c;ssl_client_key_file=/k;"
		  "ssl_cipher_list=HIGH;", NULL },
		{ "mysql", "ssl_ca=/a",
		  MYSQL "mysql_ssl=yes;ssl_client_ca_file=/a;", NULL },
		{ "mysql", "ssl_ca_path=/p",
		  MYSQL "mysql_ssl=yes;ssl_client_ca_dir=/p;", NULL },
		{ "mysql", "host=h ssl_verify_server_cert=no", NULL,
		  "this version of Dovecot does not have "
		  "ssl_verify_server_cert, an option_file may" },
		{ "mysql", "host=h sslmode=x", NULL, "unknown name sslmode" },
		{ "mysql", "password=two words", NULL,
		  "there is a word without '='" },
		{ "mysql", "=x", NULL, "there is a word without '='" },
		{ "mysql", "host=a host=b", NULL,
		  "there is more than one host" },
		{ "mysql", "host=a hostaddr=b", NULL,
		  "there is more than one host" },
		{ "mysql", "password=inline:x", NULL,
		  "the value of password must not begin with inline:" },
	};
	const char *const *settings, *error;
	unsigned int i;
	int ret;

	test_begin("migration_compat_sql_settings()");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		error = NULL;
		ret = migration_compat_sql_settings(tests[i].driver,
						    tests[i].connect,
						    &settings, &error);
		test_assert_idx(ret == (tests[i].error == NULL ? 0 : -1), i);
		if (ret == 0 && tests[i].settings != NULL)
			test_assert_strcmp_idx(settings_join(settings),
					       tests[i].settings, i);
		else if (ret < 0 && tests[i].error != NULL)
			test_assert_strcmp_idx(error, tests[i].error, i);
	}
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_compat_sql_settings,
		NULL
	};
	return test_run(test_functions);
}

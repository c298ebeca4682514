/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-compat.h"
#include "migration-db.h"
#include "test-common.h"

#define AS_IN \
	", as in host=localhost dbname=mails user=dovecot password=secret"
#define PATH \
	"must be the absolute path of the SQLite database"

static void test_migration_db_connect_is_valid(void)
{
	static const struct {
		const char *driver, *connect;
		/* NULL = is valid */
		const char *error;
	} tests[] = {
		{ "sqlite", "/var/lib/x", NULL },
		{ "sqlite", "x", PATH },
		{ "sqlite", "", PATH },
		{ "sqlite", "host=a dbname=b", PATH },

		{ "pgsql", "dbname=mails", NULL },
		{ "pgsql", "</etc/dovecot/migration/db", NULL },
		{ "pgsql", "host=/run/postgresql dbname=mails", NULL },
		{ "pgsql", "host=a port=1 dbname=b user=c password=d=e "
		  "sslmode=verify-full\n", NULL },
		{ "pgsql", "host=a", "dbname is missing"AS_IN },
		{ "pgsql", "", "dbname is missing"AS_IN },
		{ "pgsql", "host=a host=b dbname=c",
		  "must have one host only, because what is written there "
		  "must be seen at once"AS_IN },
		{ "pgsql", "host=a hostaddr=127.0.0.1 dbname=c", NULL },
		{ "pgsql", "hostaddr=127.0.0.1 host=a dbname=c", NULL },
		{ "pgsql", "host=a,b dbname=c",
		  "must have one host only, because what is written there "
		  "must be seen at once"AS_IN },
		{ "pgsql", "hostaddr=127.0.0.1,127.0.0.2 dbname=c",
		  "must have one host only, because what is written there "
		  "must be seen at once"AS_IN },
		{ "pgsql", "dbname=a password=two words",
		  "there is a word without '=': must be name=value pairs, "
		  "values without blanks"AS_IN },
		{ "pgsql", "dbname=a =b",
		  "there is a word without '=': must be name=value pairs, "
		  "values without blanks"AS_IN },

		{ "mysql", "host=a dbname=b", NULL },
		{ "mysql", "hostaddr=a dbname=b", NULL },
		{ "mysql", "option_file=/etc/x", NULL },
		{ "mysql", "host=a dbname=b ssl_ca=/x ssl_verify_server_cert=no "
		  "client_flags=1 maxconns=3", NULL },
		{ "mysql", "dbname=b", "host is missing"AS_IN },
		{ "mysql", "host=a", "dbname is missing"AS_IN },
		{ "mysql", "host=a dbname=b sslmode=x",
		  "unknown name sslmode"AS_IN },
		{ "mysql", "host=a dbname=b port=3306 connect_timeout=2", NULL },
		{ "mysql", "host=a dbname=b port=x",
		  "port must be a number"AS_IN },
		{ "mysql", "host=a dbname=b read_timeout=5s",
		  "read_timeout must be a number"AS_IN },
		{ "mysql", "host=a dbname=b client_flags=",
		  "client_flags must be a number"AS_IN },
		{ "mysql", "host=a dbname=b hostaddr=c",
		  "must have one host only, because what is written there "
		  "must be seen at once"AS_IN },
		{ "mysql", "host=a dbname=b host=c",
		  "must have one host only, because what is written there "
		  "must be seen at once"AS_IN },
	};
	const char *error;
	unsigned int i;
	bool valid;

	test_begin("migration_db_connect_is_valid()");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		error = NULL;
		valid = migration_db_connect_is_valid(tests[i].driver,
						      tests[i].connect, &error);
		test_assert_idx(valid == (tests[i].error == NULL), i);
		if (!valid && tests[i].error != NULL)
			test_assert_strcmp_idx(error, tests[i].error, i);
	}
	/* a path of SQLite's is most likely the default */
	test_assert(!migration_db_connect_is_valid("pgsql", "/x", &error));
	test_assert(str_begins_with(error, "is a path, but "
					   "migration_db_driver is pgsql: "));
	test_end();
}

static void test_migration_db_connect(void)
{
	static const struct {
		const char *driver, *connect, *given, *shown;
	} tests[] = {
		{ "sqlite", "/a b", "/a b", "/a b" },
		{ "pgsql", "dbname=a", "dbname=a maxconns=1",
		  "pgsql dbname=a" },
		{ "pgsql", " host=h  port=1\tdbname=a user=u password=p=host=x "
		  "sslpassword=s\n",
		  "host=h port=1 dbname=a user=u password=p=host=x "
		  "sslpassword=s maxconns=1",
		  "pgsql host=h port=1 dbname=a user=u" },
		{ "pgsql", "maxconns=20 dbname=a", "dbname=a maxconns=1",
		  "pgsql dbname=a" },
		{ "mysql", "host=/run/x dbname=a password=p",
		  "host=/run/x dbname=a password=p client_flags=2 maxconns=1",
		  "mysql host=/run/x dbname=a" },
		{ "mysql", "client_flags=2049 host=h dbname=a",
		  "host=h dbname=a client_flags=2051 maxconns=1",
		  "mysql host=h dbname=a" },
		{ "mysql", "host=h dbname=a client_flags=x",
		  "host=h dbname=a client_flags=2 maxconns=1",
		  "mysql host=h dbname=a" },
	};
	unsigned int i;

	test_begin("migration_db_connect_get() and migration_db_describe()");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_strcmp_idx(
			migration_db_connect_get(tests[i].driver,
						 tests[i].connect),
			tests[i].given, i);
		test_assert_strcmp_idx(
			migration_db_describe(tests[i].driver,
					      tests[i].connect),
			tests[i].shown, i);
	}
	test_end();
}

/* As PostgreSQL 15 and 17 and MariaDB 10.11 and 11.8 say it. */
static void test_migration_db_trouble(void)
{
	static const struct {
		const char *error;
		enum migration_db_trouble trouble;
		bool lasting;
	} tests[] = {
		{ "", MIGRATION_DB_TROUBLE_OTHER, FALSE },
		{ "database is locked", MIGRATION_DB_TROUBLE_OTHER, FALSE },
		{ "FATAL:  the database system is starting up",
		  MIGRATION_DB_TROUBLE_OTHER, FALSE },
		{ "FATAL:  sorry, too many clients already",
		  MIGRATION_DB_TROUBLE_OTHER, FALSE },
		{ "Too many connections", MIGRATION_DB_TROUBLE_OTHER, FALSE },
		{ "connection to server at \"127.0.0.1\", port 1 failed: "
		  "Connection refused\n\tIs the server running on that host "
		  "and accepting TCP/IP connections?",
		  MIGRATION_DB_TROUBLE_UNREACHABLE, FALSE },
		{ "Is the server running on that host and accepting TCP/IP "
		  "connections?", MIGRATION_DB_TROUBLE_UNREACHABLE, FALSE },
		{ "Can't connect to server on '127.0.0.1' (115)",
		  MIGRATION_DB_TROUBLE_UNREACHABLE, FALSE },
		{ "Can't connect to local server through socket '/x' (2)",
		  MIGRATION_DB_TROUBLE_UNREACHABLE, FALSE },
		{ "could not translate host name \"x\" to address: Name or "
		  "service not known", MIGRATION_DB_TROUBLE_UNREACHABLE,
		  FALSE },
		{ "connection to server at \"127.0.0.1\", port 1 failed: "
		  "FATAL:  password authentication failed for user \"u\"",
		  MIGRATION_DB_TROUBLE_REFUSED, TRUE },
		{ "connection to server at \"127.0.0.1\", port 1 failed: "
		  "fe_sendauth: no password supplied",
		  MIGRATION_DB_TROUBLE_REFUSED, TRUE },
		{ "connection to server at \"127.0.0.1\", port 1 failed: "
		  "FATAL:  role \"nobody\" does not exist",
		  MIGRATION_DB_TROUBLE_REFUSED, TRUE },
		{ "FATAL:  no pg_hba.conf entry for host \"127.0.0.1\"",
		  MIGRATION_DB_TROUBLE_REFUSED, TRUE },
		{ "Access denied for user 'u'@'localhost' (using password: "
		  "YES)", MIGRATION_DB_TROUBLE_REFUSED, TRUE },
		{ "Host '127.0.0.1' is not allowed to connect to this MariaDB "
		  "server", MIGRATION_DB_TROUBLE_REFUSED, TRUE },
		{ "connection to server at \"127.0.0.1\", port 1 failed: "
		  "FATAL:  database \"x\" does not exist",
		  MIGRATION_DB_TROUBLE_NO_DATABASE, TRUE },
		{ "Unknown database 'x'", MIGRATION_DB_TROUBLE_NO_DATABASE,
		  TRUE },
		{ "ERROR:  permission denied for schema public\nLINE 1: CREATE",
		  MIGRATION_DB_TROUBLE_NO_RIGHT, TRUE },
		{ "ERROR:  permission denied for table migration_job",
		  MIGRATION_DB_TROUBLE_NO_RIGHT, TRUE },
		{ "ERROR:  must be owner of table migration_job",
		  MIGRATION_DB_TROUBLE_NO_RIGHT, TRUE },
		{ "FATAL:  permission denied for database \"x\"",
		  MIGRATION_DB_TROUBLE_NO_RIGHT, TRUE },
		{ "CREATE command denied to user 'u'@'localhost' for table "
		  "`x`.`migration_schema`", MIGRATION_DB_TROUBLE_NO_RIGHT,
		  TRUE },
		{ "Access denied for user 'u'@'localhost' to database 'x'",
		  MIGRATION_DB_TROUBLE_NO_RIGHT, TRUE },
		{ "invalid connection option \"hots\"",
		  MIGRATION_DB_TROUBLE_SETTING, TRUE },
	};
	const char *advice;
	unsigned int i;

	test_begin("migration_db_trouble_find()");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_ucmp_idx(migration_db_trouble_find(tests[i].error),
				     ==, tests[i].trouble, i);
		test_assert_idx(migration_db_trouble_is_lasting(
					tests[i].trouble) == tests[i].lasting,
				i);
		advice = migration_db_trouble_advice(tests[i].trouble);
		if (tests[i].trouble == MIGRATION_DB_TROUBLE_OTHER)
			test_assert_strcmp_idx(advice, "", i);
		else
			test_assert_idx(str_begins_with(advice, " - "), i);
	}
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_db_connect_is_valid,
		test_migration_db_connect,
		test_migration_db_trouble,
		NULL
	};
	return test_run(test_functions);
}

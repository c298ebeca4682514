/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "settings-parser.h"
#include "migration-compat-settings.h"
#include "migration-compat.h"
#include "migration-settings.h"
#include "migration-state.h"
#include "test-common.h"

/* A block that passes all checks, to be changed by what follows. */
#define BLOCK(name) \
	"migration_provider="name, \
	"migration_provider/"name"/name="name, \
	"migration_provider/"name"/host=imap.old.example"
#define P "migration_provider/p/"
#define LINES_MAX 12
#define LOOKUP "migration_account_lookup=SELECT p FROM a WHERE u = %{user}"
#define CREATE \
	"migration_account_create=INSERT INTO a VALUES (%{user}, %{password})"
#define PASSWORD \
	"migration_account_password=UPDATE a SET p = %{password} " \
	"WHERE p = %{old_password}"

static pool_t test_pool;

/* Reads settings as doveconf gives them to a program. Returns 0, or -1 with
   the parser's or the checks' error. */
#ifdef HAVE_SETTINGS_GET

static struct settings_simple test_simple;
static const struct migration_settings *test_set = NULL;

static void test_settings_free(void)
{
	settings_free(test_set);
	if (test_simple.root != NULL)
		settings_simple_deinit(&test_simple);
}

/* Only the config process knows what is unknown, and that a block has no
   name. */
static bool test_settings_is_seen(const char *error)
{
	return !str_begins_with(error, "Unknown setting: ") &&
		strstr(error, "the block needs a name") == NULL;
}

/* The error behind what says where the setting comes from. */
static const char *test_settings_cut(const char *error)
{
	const char *p;

	if (error == NULL)
		return NULL;
	while ((p = strstr(error, "Invalid settings: ")) != NULL)
		error = p + strlen("Invalid settings: ");
	if ((p = strstr(error, ": Invalid migration_")) != NULL) {
		p = strstr(p + 2, ": ");
		error = p + 2;
	}
	return error;
}

/* Lines are those of 2.3, for 2.4 they are overrides; blocks are listed in
   one. */
static int
test_settings_read(const char *const *lines, struct migration_settings **set_r,
		   const char **error_r)
{
	static struct migration_settings empty;
	const char *key, *value, *names = "";
	int ret;

	test_settings_free();
	settings_simple_init(&test_simple, NULL);
	test_simple.instance = settings_instance_new(test_simple.root);
	for (; *lines != NULL; lines++) {
		value = strchr(*lines, '=') + 1;
		key = t_strdup_until(*lines, value - 1);
		if (strcmp(key, "migration_provider") == 0) {
			names = t_strconcat(names, " ", value, NULL);
			continue;
		}
		settings_override(test_simple.instance, key, value,
				  SETTINGS_OVERRIDE_TYPE_CODE);
	}
	if (*names != '\0') {
		settings_override(test_simple.instance, "migration_provider",
				  names + 1, SETTINGS_OVERRIDE_TYPE_CODE);
	}
	event_set_ptr(test_simple.event, SETTINGS_EVENT_INSTANCE,
		      test_simple.instance);
	ret = settings_get(test_simple.event, &migration_setting_parser_info, 0,
			   &test_set, error_r);
	*set_r = ret < 0 ? &empty : (struct migration_settings *)test_set;
	return ret;
}

#else

static void test_settings_free(void)
{
}

static bool test_settings_is_seen(const char *error ATTR_UNUSED)
{
	return TRUE;
}

static const char *test_settings_cut(const char *error)
{
	return error;
}

static int
test_settings_read(const char *const *lines, struct migration_settings **set_r,
		   const char **error_r)
{
	struct setting_parser_context *parser;
	int ret = 0;

	p_clear(test_pool);
	parser = settings_parser_init(test_pool,
				      &migration_setting_parser_info, 0);
	for (; *lines != NULL && ret == 0; lines++) {
		if (settings_parse_line(parser, *lines) <= 0) {
			*error_r = t_strdup(settings_parser_get_error(parser));
			ret = -1;
		}
	}
	*set_r = settings_parser_get(parser);
	if (ret == 0 && !settings_parser_check(parser, test_pool, error_r))
		ret = -1;
	settings_parser_deinit(&parser);
	return ret;
}
#endif

static void test_migration_settings_defaults(void)
{
	static const char *const lines[] = { NULL };
	struct migration_settings *set;
	const char *error = NULL;

	test_begin("migration settings: defaults");
	test_assert(test_settings_read(lines, &set, &error) == 0);
	test_assert_strcmp(error, NULL);
	test_assert_strcmp(set->migration_db_driver, "sqlite");
	test_assert(str_begins_with(set->migration_db_connect, "/"));
	test_assert(strstr(set->migration_db_connect,
			   "/migration/migration.sqlite") != NULL);
	test_assert_strcmp(set->migration_login, "proxy");
	test_assert_ucmp(set->migration_login_timeout, ==, 15);
	test_assert_ucmp(set->migration_login_refusals, ==, 3);
	test_assert_ucmp(set->migration_login_refusal_time, ==, 600);
	test_assert_ucmp(set->migration_login_line, ==, 1000);
	test_assert_ucmp(set->migration_breaker_failures, ==, 5);
	test_assert_ucmp(set->migration_breaker_time, ==, 30);
	test_assert_ucmp(set->migration_interval, ==, 3600);
	test_assert_ucmp(set->migration_finish_after, ==, 0);
	test_assert_ucmp(set->migration_switch_timeout, ==, 30);
	test_assert_ucmp(set->migration_retry_min, ==, 60);
	test_assert_ucmp(set->migration_retry_max, ==, 21600);
	test_assert_strcmp(set->migration_password_scheme, "SHA512-CRYPT");
	test_assert(strstr(set->migration_public_key_file,
			   "/migration/public.pem") != NULL);
	test_assert(strstr(set->migration_private_key_file,
			   "/migration/private.pem") != NULL);
	test_assert_strcmp(set->migration_quota, "ignore");
	test_assert_strcmp(set->migration_remote_deletes, "follow");
	test_assert(!array_is_created(&set->providers));
	test_assert(migration_settings_find_provider(set, "p") == NULL);
	test_end();
}

static void test_migration_settings_provider_defaults(void)
{
	static const char *const lines[] = { BLOCK("p"), NULL };
	const struct migration_provider_settings *p;
	struct migration_settings *set;
	const char *error = NULL;

	test_begin("migration settings: defaults of a provider");
	test_assert(test_settings_read(lines, &set, &error) == 0);
	test_assert_strcmp(error, NULL);
	p = migration_settings_find_provider(set, "p");
	test_assert(p != NULL);
	test_assert(migration_settings_find_provider(set, "P") == NULL);
	test_assert(migration_settings_find_provider(set, "") == NULL);
	if (p != NULL) {
		test_assert_strcmp(p->name, "p");
		test_assert_strcmp(p->host, "imap.old.example");
		test_assert_ucmp(p->port, ==, 993);
		test_assert_strcmp(p->ssl, "imaps");
		test_assert(p->ssl_verify);
		test_assert_strcmp(p->ssl_ca_file, "");
		test_assert_strcmp(p->domains, "");
		test_assert_strcmp(p->user, "%u");
		test_assert_strcmp(p->master_user, "");
		test_assert_strcmp(p->master_password, "");
		test_assert_strcmp(p->list_prefix, "");
		test_assert_strcmp(p->features, "");
		test_assert_strcmp(p->exclude, "");
		test_assert(p->max_size == 0);
		test_assert_ucmp(p->max_connections, ==, 5);
		test_assert_ucmp(p->max_logins, ==, 20);
		test_assert_strcmp(p->pop3_host, "");
		test_assert_ucmp(p->pop3_port, ==, 995);
		test_assert_strcmp(p->pop3_ssl, "pop3s");
		test_assert_strcmp(p->login, "");
		test_assert_strcmp(p->finish_at, "");
		test_assert_strcmp(migration_settings_get_login(set, p),
				   "proxy");
	}
	test_end();
}

static void test_migration_settings_good(void)
{
	static const char *const tests[][LINES_MAX] = {
		{ BLOCK("p"), P"host=192.0.2.1" },
		{ BLOCK("p"), P"host=2001:db8::1" },
		{ BLOCK("p"), P"host=my_host-1.old.example" },
		{ BLOCK("p"), P"port=143", P"ssl=starttls" },
		{ BLOCK("p"), P"port=65535", P"ssl=no", P"ssl_verify=no" },
		{ BLOCK("p"), P"user=%n" },
		{ BLOCK("p"), P"user=%d\\%n%%" },
		{ BLOCK("p"), P"domains=a.example b.example=c.example" },
		{ BLOCK("p"), P"max_connections=1", P"max_logins=1" },
		{ BLOCK("p"), P"login=wait" },
		{ BLOCK("p"), P"login=local" },
		{ BLOCK("p"), P"list_prefix=INBOX",
		  P"exclude=\\Junk \"A B\"", P"max_size=10M",
		  P"ssl_ca_file=/etc/ssl/ca.pem" },
		{ BLOCK("p"), P"domains=a.example", BLOCK("q"),
		  "migration_provider/q/domains=b.example=a.example" },
		{ "migration_login=local" },
		{ "migration_db_connect=/tmp/x.sqlite" },
		{ "migration_db_driver=pgsql",
		  "migration_db_connect=host=db dbname=mails" },
		{ "migration_db_driver=mysql",
		  "migration_db_connect=host=db dbname=mails user=u" },
		{ "migration_login_timeout=1s" },
		{ "migration_login_timeout=60s" },
		{ "migration_login_timeout=1 min" },
		{ "migration_login_refusals=0" },
		{ "migration_login_refusals=100",
		  "migration_login_refusal_time=1 day" },
		{ "migration_login_refusal_time=0" },
		{ "migration_login_line=0" },
		{ "migration_login_line=100000" },
		{ "migration_breaker_failures=0",
		  "migration_breaker_time=1s" },
		{ "migration_breaker_failures=1",
		  "migration_breaker_time=1 hour" },
		{ "migration_switch_timeout=1s" },
		{ "migration_switch_timeout=10 mins" },
		{ "migration_login=wait" },
		{ BLOCK("p"), P"login=local" },
		{ BLOCK("p"), P"pop3_host=h", P"pop3_port=110",
		  P"pop3_ssl=starttls" },
		{ "migration_retry_min=1s" },
		{ "migration_retry_min=6 hours" },
		{ "migration_retry_min=10s", "migration_retry_max=10s" },
		{ "migration_password_scheme=BLF-CRYPT" },
		{ "migration_public_key_file=/x", "migration_private_key_file="
		  "/y" },
		{ "migration_interval=1s" },
		{ "migration_interval=7 days", "migration_finish_after=1s" },
		{ "migration_quota=enforce" },
		{ "migration_quota=ignore" },
		{ "migration_remote_deletes=keep" },
		{ "migration_remote_deletes=follow" },
		/* tables of one's own */
		{ "migration_db_driver=sqlite", "migration_account_lookup=" },
		{ LOOKUP, CREATE, PASSWORD },
		{ LOOKUP, CREATE, PASSWORD,
		  "migration_domain_create=INSERT INTO d VALUES (%{domain})" },
	};
	struct migration_settings *set;
	const char *error;
	unsigned int i;

	test_begin("migration settings: good values");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		error = NULL;
		test_assert_idx(test_settings_read(tests[i], &set,
						   &error) == 0, i);
		test_assert_strcmp_idx(error, NULL, i);
	}
	test_end();
}

#define MISSING \
	"missing. migration_account_lookup, migration_account_create and " \
	"migration_account_password are needed together " \
	"(migration_domain_create beside them, if domains are to be made), " \
	"or none of them"

static const struct {
	const char *lines[LINES_MAX];
	const char *error;
} bad_tests[] = {
	/* a provider's block */
	{ { "migration_provider=p", P"host=h" },
	  "migration_provider: the block needs a name: "
	  "migration_provider NAME { }" },
	{ { "migration_provider=p", P"name=p" },
	  "migration_provider p: host is missing" },
	{ { BLOCK("p"), P"host=" }, "migration_provider p: host is missing" },
	{ { BLOCK("p"), P"host=imap.old.example/x" },
	  "migration_provider p: host: 'imap.old.example/x' is not a host "
	  "name or address (the port has a setting of its own)" },
	{ { BLOCK("p"), P"host=imap.old.example:993" },
	  "migration_provider p: host: 'imap.old.example:993' is not a host "
	  "name or address (the port has a setting of its own)" },
	{ { BLOCK("p"), P"host=imaps://h" },
	  "migration_provider p: host: 'imaps://h' is not a host "
	  "name or address (the port has a setting of its own)" },
	{ { BLOCK("p"), P"host=user@h" },
	  "migration_provider p: host: 'user@h' is not a host "
	  "name or address (the port has a setting of its own)" },
	{ { BLOCK("p"), P"host=a b" },
	  "migration_provider p: host: 'a b' is not a host "
	  "name or address (the port has a setting of its own)" },
	{ { BLOCK("p"), P"host=2001:db8::1::2" },
	  "migration_provider p: host: '2001:db8::1::2' is not a host "
	  "name or address (the port has a setting of its own)" },
	{ { BLOCK("p"), P"port=0" },
	  "migration_provider p: port must not be 0" },
	{ { BLOCK("p"), P"pop3_host=pop.old.example:995" },
	  "migration_provider p: pop3_host: 'pop.old.example:995' is not a "
	  "host name or address (the port has a setting of its own)" },
	{ { BLOCK("p"), P"pop3_port=0" },
	  "migration_provider p: pop3_port must not be 0" },
	{ { BLOCK("p"), P"user=" },
	  "migration_provider p: user: '' must be made of text, %u, %n and "
	  "%d" },
	{ { BLOCK("p"), P"user=%x" },
	  "migration_provider p: user: '%x' must be made of text, %u, %n and "
	  "%d" },
	{ { BLOCK("p"), P"user=%{env:HOME}" },
	  "migration_provider p: user: '%{env:HOME}' must be made of text, "
	  "%u, %n and %d" },
	{ { BLOCK("p"), P"max_connections=0" },
	  "migration_provider p: max_connections must not be 0" },
	{ { BLOCK("p"), P"max_logins=0" },
	  "migration_provider p: max_logins must not be 0" },
	{ { BLOCK("p"), P"domains=not/a/domain" },
	  "migration_provider p: domains: 'not/a/domain' is not a domain or "
	  "domain=new-domain" },
	{ { BLOCK("p"), P"domains=a.example", BLOCK("q"),
	    "migration_provider/q/domains=A.example" },
	  "migration_provider q: domains: 'a.example' is already served by "
	  "migration_provider p" },
	{ { BLOCK("p"), P"finish_at=31.01.2030" },
	  "migration_provider p: finish_at: '31.01.2030' is not a date like "
	  "2030-01-31, 2030-01-31 12:00 or 2030-01-31T12:00:00+01:00" },
	{ { BLOCK("p"), P"features=no-id gmail-migration" },
	  "migration_provider p: features: 'gmail-migration' is not one of "
	  "no-condstore, no-esearch, no-id, no-list-status, no-namespace, "
	  "no-special-use, always-id" },
	/* not supported yet */
	{ { BLOCK("p"), P"master_user=m" },
	  "migration_provider p: master_user: master_password is missing" },
	{ { BLOCK("p"), P"master_password=m" },
	  "migration_provider p: master_password: master_user is missing" },
	{ { BLOCK("p"), P"master_user=m\x01", P"master_password=m" },
	  "migration_provider p: master_user: it is too long or has control "
	  "characters" },
	{ { BLOCK("p"), P"master_user=m", P"master_password=two\nlines" },
	  "migration_provider p: master_password: it is empty, too long, or "
	  "has characters that cannot be sent (of a file the first line is "
	  "all)" },
	/* tables of one's own */
	{ { "migration_account_create=INSERT" },
	  "migration_account_lookup, migration_account_password: "MISSING },
	{ { "migration_domain_create=INSERT" },
	  "migration_account_lookup, migration_account_create, "
	  "migration_account_password: "MISSING },
	{ { LOOKUP, CREATE }, "migration_account_password: "MISSING },
	{ { "migration_account_lookup=SELECT %{usr}", CREATE, PASSWORD },
	  "migration_account_lookup: unknown variable %{usr}, there are "
	  "%{user}, %{username}, %{domain}" },
	{ { "migration_account_lookup=SELECT %{password}", CREATE, PASSWORD },
	  "migration_account_lookup: there is no variable %{password}, there "
	  "are %{user}, %{username}, %{domain}" },
	{ { "migration_account_lookup=SELECT 1; SELECT 2", CREATE, PASSWORD },
	  "migration_account_lookup: more than 1 statement" },
	{ { "migration_account_lookup=SELECT 1", CREATE, PASSWORD },
	  "migration_account_lookup: %{user} is missing" },
	{ { "migration_account_lookup=SELECT %{username}", CREATE, PASSWORD },
	  "migration_account_lookup: %{domain} is missing" },
	{ { LOOKUP, "migration_account_create=SELECT %{user}", PASSWORD },
	  "migration_account_create: 'SELECT' cannot begin a statement here, "
	  "but INSERT, UPDATE, DELETE, REPLACE, WITH can" },
	{ { LOOKUP, "migration_account_create=INSERT %{user}", PASSWORD },
	  "migration_account_create: %{password} is missing" },
	{ { LOOKUP, CREATE,
	    "migration_account_password=UPDATE a SET p = %{password}" },
	  "migration_account_password: %{old_password} is missing: without "
	  "\"AND password = %{old_password}\" a password that was changed "
	  "here would be lost" },
	{ { LOOKUP, CREATE, PASSWORD, "migration_domain_create=INSERT 'a" },
	  "migration_domain_create: the quote ' is not closed: 'a" },
	{ { LOOKUP, CREATE, PASSWORD, "migration_domain_create=INSERT 1" },
	  "migration_domain_create: %{domain} is missing" },
	/* global */
	{ { "migration_switch_timeout=0" },
	  "migration_switch_timeout: must be 1..600 seconds, because logins "
	  "wait so long" },
	{ { "migration_switch_timeout=601s" },
	  "migration_switch_timeout: must be 1..600 seconds, because logins "
	  "wait so long" },
	{ { "migration_interval=0" },
	  "migration_interval: must be at least 1 second: what changes at the "
	  "provider is fetched so often until a migration is finished" },
	{ { "migration_db_connect=" },
	  "migration_db_connect: must be the absolute path of the SQLite "
	  "database" },
	{ { "migration_db_connect=migration.sqlite" },
	  "migration_db_connect: must be the absolute path of the SQLite "
	  "database" },
	{ { "migration_db_driver=pgsql" },
	  "migration_db_connect: is a path, but migration_db_driver is pgsql: "
	  "must be like host=localhost dbname=mails user=dovecot "
	  "password=secret" },
	{ { "migration_db_driver=mysql",
	    "migration_db_connect=host=a user=b password=c" },
	  "migration_db_connect: dbname is missing, as in host=localhost "
	  "dbname=mails user=dovecot password=secret" },
	{ { "migration_login_refusals=101" },
	  "migration_login_refusals: must not be above 100 (0 = no limit)" },
	{ { "migration_login_refusal_time=25 hours" },
	  "migration_login_refusal_time: must not be above 1 day, because "
	  "users who have mended their password are kept out as long" },
	{ { "migration_login_line=100001" },
	  "migration_login_line: must not be above 100000, because nobody "
	  "would wait so long" },
	{ { "migration_breaker_time=0" },
	  "migration_breaker_time: must be 1 second to 1 hour "
	  "(migration_breaker_failures = 0 switches the breaker off)" },
	{ { "migration_breaker_time=61 mins" },
	  "migration_breaker_time: must be 1 second to 1 hour "
	  "(migration_breaker_failures = 0 switches the breaker off)" },
	{ { "migration_login_timeout=0" },
	  "migration_login_timeout: must be 1..60 seconds, because mail "
	  "programs give up after that" },
	{ { "migration_login_timeout=61s" },
	  "migration_login_timeout: must be 1..60 seconds, because mail "
	  "programs give up after that" },
	{ { "migration_retry_min=0" },
	  "migration_retry_min: must be at least 1 second and not above "
	  "migration_retry_max" },
	{ { "migration_retry_min=61s", "migration_retry_max=60s" },
	  "migration_retry_min: must be at least 1 second and not above "
	  "migration_retry_max" },
	{ { "migration_password_scheme=" },
	  "migration_password_scheme: must not be empty" },
	/* by the type */
	{ { "migration_bogus=1" }, "Unknown setting: migration_bogus" },
	{ { BLOCK("p"), P"bogus=1" },
	  "Unknown setting: migration_provider/p/bogus" },
	{ { BLOCK("p"), P"ssl=maybe" }, "Invalid value: maybe" },
	{ { BLOCK("p"), P"login=maybe" }, "Invalid value: maybe" },
	{ { "migration_quota=half" }, "Invalid value: half" },
	{ { "migration_remote_deletes=some" }, "Invalid value: some" },
	{ { "migration_interval=soon" }, "Invalid time interval: soon" },
	{ { "migration_db_driver=cassandra" }, "Invalid value: cassandra" },
	{ { BLOCK("p"), P"ssl_verify=maybe" },
	  "Invalid boolean value: maybe (use yes or no)" },
	{ { BLOCK("p"), P"port=65536" },
	  "Invalid port number 65536" },
	{ { BLOCK("p"), P"max_logins=many" },
	  "Invalid number many: Not a valid number" },
	{ { BLOCK("p"), P"max_size=big" }, "Invalid size: big" },
	{ { "migration_retry_min=soon" }, "Invalid time interval: soon" },
};

static void test_migration_settings_bad(void)
{
	struct migration_settings *set;
	const char *error;
	unsigned int i;

	test_begin("migration settings: bad values");
	for (i = 0; i < N_ELEMENTS(bad_tests); i++) {
		error = NULL;
		if (!test_settings_is_seen(bad_tests[i].error))
			continue;
		test_assert_idx(test_settings_read(bad_tests[i].lines, &set,
						   &error) < 0, i);
		test_assert_strcmp_idx(test_settings_cut(error),
				       bad_tests[i].error, i);
	}
	test_end();
}

static void test_migration_settings_login(void)
{
	static const char *const lines[] = {
		"migration_login=local",
		BLOCK("p"), P"login=wait",
		BLOCK("q"),
		NULL
	};
	struct migration_settings *set;
	const char *error = NULL;

	test_begin("migration settings: login of a provider");
	test_assert(test_settings_read(lines, &set, &error) == 0);
	test_assert_strcmp(error, NULL);
	test_assert_strcmp(migration_settings_get_login(
		set, migration_settings_find_provider(set, "p")), "wait");
	test_assert_strcmp(migration_settings_get_login(
		set, migration_settings_find_provider(set, "q")), "local");
	test_end();
}

static void test_migration_settings_finish(void)
{
	static const char *const lines[] = {
		"migration_finish_after=2 days",
		BLOCK("p"), P"finish_at=2030-01-31T12:00:00Z",
		BLOCK("q"),
		NULL
	};
	struct migration_settings *set;
	struct migration_finish_settings finish;
	const char *error = NULL;

	test_begin("migration settings: end by itself");
	test_assert(test_settings_read(lines, &set, &error) == 0);
	test_assert_strcmp(error, NULL);
	migration_settings_get_finish(
		set, migration_settings_find_provider(set, "p"), &finish);
	test_assert(finish.at == 1896091200);
	test_assert_ucmp(finish.after_secs, ==, 2*86400);
	migration_settings_get_finish(
		set, migration_settings_find_provider(set, "q"), &finish);
	test_assert(finish.at == 0);
	test_assert_ucmp(finish.after_secs, ==, 2*86400);
	test_end();
}

static unsigned int test_hook_calls;

static bool
test_hook(const struct migration_settings *set, const char **error_r)
{
	test_hook_calls++;
	*error_r = t_strconcat("no file ", set->migration_public_key_file,
			       NULL);
	return FALSE;
}

static void test_migration_settings_hook(void)
{
	static const char *const lines[] = {
		"migration_public_key_file=/nowhere/public.pem", NULL
	};
	static const char *const bad_lines[] = {
		"migration_retry_min=0", NULL
	};
	struct migration_settings *set;
	const char *error = NULL;

	test_begin("migration settings: check of the files");
	hook_migration_settings_check_files = test_hook;
	test_assert(test_settings_read(lines, &set, &error) < 0);
	test_assert_strcmp(test_settings_cut(error), "no file /nowhere/public.pem");
	test_assert_ucmp(test_hook_calls, ==, 1);
	/* only when all else is right */
	test_assert(test_settings_read(bad_lines, &set, &error) < 0);
	test_assert_ucmp(test_hook_calls, ==, 1);
	hook_migration_settings_check_files = NULL;
	test_assert(test_settings_read(lines, &set, &error) == 0);
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_settings_defaults,
		test_migration_settings_provider_defaults,
		test_migration_settings_good,
		test_migration_settings_bad,
		test_migration_settings_login,
		test_migration_settings_finish,
		test_migration_settings_hook,
		test_settings_free,
		NULL
	};
	int ret;

	test_pool = pool_alloconly_create("migration settings test", 4096);
	ret = test_run(test_functions);
	pool_unref(&test_pool);
	return ret;
}

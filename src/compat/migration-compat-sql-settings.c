/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "str.h"
#include "migration-compat.h"
#include "migration-compat-sql-settings.h"

/* What libpq takes for one */
#define SQL_SPACE " \t\n\v\f\r"
#define SQL_NAME_CHARS "abcdefghijklmnopqrstuvwxyz_"
/* Values of overrides that begin with it lose it. */
#define SQL_INLINE "inline:"

/* Not the word: it may be the rest of a password. */
#define SQL_NO_NAME "there is a word without '='"
#define SQL_HOSTS "there is more than one host"

struct mysql_word {
	const char *name, *setting;
	/* after the value */
	const char *unit;
};

static const struct mysql_word mysql_words[] = {
	{ "host", "mysql_host", "" },
	{ "hostaddr", "mysql_host", "" },
	{ "port", "mysql_port", "" },
	{ "user", "mysql_user", "" },
	{ "password", "mysql_password", "" },
	{ "dbname", "mysql_dbname", "" },
	{ "client_flags", "mysql_client_flags", "" },
	{ "connect_timeout", "mysql_connect_timeout", " secs" },
	{ "read_timeout", "mysql_read_timeout", " secs" },
	{ "write_timeout", "mysql_write_timeout", " secs" },
	{ "option_file", "mysql_option_file", "" },
	{ "option_group", "mysql_option_group", "" },
	{ "ssl_cert", "ssl_client_cert_file", "" },
	{ "ssl_key", "ssl_client_key_file", "" },
	{ "ssl_ca", "ssl_client_ca_file", "" },
	{ "ssl_ca_path", "ssl_client_ca_dir", "" },
	{ "ssl_cipher", "ssl_cipher_list", "" },
};

static void
sql_add(ARRAY_TYPE(const_string) *settings, const char *name, const char *value)
{
	array_push_back(settings, &name);
	array_push_back(settings, &value);
}

/* Returns 1, 0 if there are no more, or -1. Values may be quoted with ' and \,
   as libpq has them. */
static int pgsql_next_word(const char **connect, const char **name_r,
			   const char **value_r, const char **error_r)
{
	const char *p = *connect + strspn(*connect, SQL_SPACE);
	string_t *value = t_str_new(64);
	bool quoted;

	if (*p == '\0')
		return 0;
	*connect = p;
	p += strcspn(p, "=" SQL_SPACE);
	*name_r = t_strdup_until(*connect, p);
	p += strspn(p, SQL_SPACE);
	if (*p != '=' || **name_r == '\0') {
		*error_r = SQL_NO_NAME;
		return -1;
	}
	p++;
	p += strspn(p, SQL_SPACE);
	quoted = *p == '\'';
	if (quoted)
		p++;
	for (; *p != '\0'; p++) {
		if (quoted ? *p == '\'' : strchr(SQL_SPACE, *p) != NULL)
			break;
		if (*p == '\\' && *++p == '\0')
			break;
		str_append_c(value, *p);
	}
	if (quoted && *p++ != '\'') {
		*error_r = t_strdup_printf("the value of %s has no closing '",
					   *name_r);
		return -1;
	}
	*connect = p;
	*value_r = str_c(value);
	return 1;
}

static int
sql_check_value(const char *name, const char *value, const char **error_r)
{
	if (!str_begins_with(value, SQL_INLINE))
		return 0;
	*error_r = t_strdup_printf("the value of %s must not begin with %s",
				   name, SQL_INLINE);
	return -1;
}

static int pgsql_add_word(ARRAY_TYPE(const_string) *settings, const char *name,
			  const char *value, const char **error_r)
{
	if (name[strspn(name, SQL_NAME_CHARS)] != '\0') {
		*error_r = t_strdup_printf("unknown name %s", name);
		return -1;
	}
	if (sql_check_value(name, value, error_r) < 0)
		return -1;
	if (strcmp(name, "host") == 0)
		sql_add(settings, "pgsql_host", value);
	else if (strcmp(name, "maxconns") != 0) {
		/* libpq knows which there are */
		sql_add(settings, t_strconcat("pgsql_parameters/", name, NULL),
			value);
	}
	return 0;
}

static int pgsql_settings(ARRAY_TYPE(const_string) *settings,
			  const char *connect, const char **error_r)
{
	const char *name, *value;
	bool have_host = FALSE;
	int ret;

	while ((ret = pgsql_next_word(&connect, &name, &value, error_r)) > 0) {
		if (strcmp(name, "host") == 0 && have_host) {
			*error_r = SQL_HOSTS;
			return -1;
		}
		have_host = have_host || strcmp(name, "host") == 0;
		if (pgsql_add_word(settings, name, value, error_r) < 0)
			return -1;
	}
	return ret;
}

static const struct mysql_word *mysql_find_word(const char *name)
{
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(mysql_words); i++) {
		if (strcmp(name, mysql_words[i].name) == 0)
			return &mysql_words[i];
	}
	return NULL;
}

static int mysql_add_word(ARRAY_TYPE(const_string) *settings, const char *name,
			  const char *value, const char **error_r)
{
	const struct mysql_word *word = mysql_find_word(name);

	if (strcmp(name, "maxconns") == 0)
		return 0;
	if (strcmp(name, "ssl_verify_server_cert") == 0) {
		*error_r = "this version of Dovecot does not have "
			   "ssl_verify_server_cert, an option_file may";
		return -1;
	}
	if (word == NULL) {
		*error_r = t_strdup_printf("unknown name %s", name);
		return -1;
	}
	if (sql_check_value(name, value, error_r) < 0)
		return -1;
	if (strcmp(name, "ssl_ca") == 0 || strcmp(name, "ssl_ca_path") == 0)
		sql_add(settings, "mysql_ssl", "yes");
	sql_add(settings, word->setting, t_strconcat(value, word->unit, NULL));
	return 0;
}

/* The driver took values as they are. */
static int mysql_settings(ARRAY_TYPE(const_string) *settings,
			  const char *connect, const char **error_r)
{
	const char *const *words, *name, *value;
	bool have_host = FALSE;

	words = (const char *const *)t_strsplit_spaces(connect, SQL_SPACE);
	for (; *words != NULL; words++) {
		value = strchr(*words, '=');
		if (value == NULL || value == *words) {
			*error_r = SQL_NO_NAME;
			return -1;
		}
		name = t_strdup_until(*words, value);
		if (str_begins_with(name, "host") && have_host) {
			*error_r = SQL_HOSTS;
			return -1;
		}
		have_host = have_host || str_begins_with(name, "host");
		if (mysql_add_word(settings, name, value + 1, error_r) < 0)
			return -1;
	}
	return 0;
}

int migration_compat_sql_settings(const char *driver, const char *connect,
				  const char *const **settings_r,
				  const char **error_r)
{
	ARRAY_TYPE(const_string) settings;
	int ret = 0;

	t_array_init(&settings, 32);
	sql_add(&settings, "sql_driver", driver);
	if (strcmp(driver, "pgsql") == 0) {
		sql_add(&settings, "pgsql", MIGRATION_COMPAT_SQL_NAME);
		ret = pgsql_settings(&settings, connect, error_r);
	} else if (strcmp(driver, "mysql") == 0) {
		sql_add(&settings, "mysql", MIGRATION_COMPAT_SQL_NAME);
		ret = mysql_settings(&settings, connect, error_r);
	} else {
		sql_add(&settings, "sqlite_path", connect);
	}
	array_append_zero(&settings);
	*settings_r = array_front(&settings);
	return ret;
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "str.h"
#include "strescape.h"
#include "migration-compat.h"
#include "migration-db.h"

/* mysql.h: affected rows are those found. Else an UPDATE to what was there
   already looks like one that found nothing. */
#define DB_MYSQL_CLIENT_FOUND_ROWS 2

#define DB_SPACE " \t\r\n"

#define DB_ONE_HOST \
	"must have one host only, because what is written there must be seen " \
	"at once"

/* What Dovecot's driver mysql knows; it gives up on others. */
static const char *const db_mysql_keys[] = {
	"host",         "hostaddr",
	"user",         "password",
	"dbname",       "port",
	"client_flags", "connect_timeout",
	"read_timeout", "write_timeout",
	"ssl_cert",     "ssl_key",
	"ssl_ca",       "ssl_ca_path",
	"ssl_cipher",   "ssl_verify_server_cert",
	"option_file",  "option_group",
	"maxconns",     NULL
};

/* Their values are numbers. */
static const char *const db_mysql_numbers[] = {
	"port",         "client_flags",  "connect_timeout",
	"read_timeout", "write_timeout", NULL
};

/* What is told about a connection. */
static const char *const db_shown_keys[] = { "host",   "hostaddr", "port",
					     "dbname", "user",     NULL };

struct db_trouble_text {
	const char *part;
	enum migration_db_trouble trouble;
};

/* The first that fits; before the general ones those with the same words. */
static const struct db_trouble_text db_trouble_texts[] = {
	{ "invalid connection option", MIGRATION_DB_TROUBLE_SETTING },
	{ "missing \"=\" after", MIGRATION_DB_TROUBLE_SETTING },
	{ "unterminated quoted string in connection",
	  MIGRATION_DB_TROUBLE_SETTING },
	{ "invalid port number", MIGRATION_DB_TROUBLE_SETTING },

	{ "Unknown database", MIGRATION_DB_TROUBLE_NO_DATABASE },
	{ "FATAL:  database \"", MIGRATION_DB_TROUBLE_NO_DATABASE },

	{ "command denied to user", MIGRATION_DB_TROUBLE_NO_RIGHT },
	{ "to database '", MIGRATION_DB_TROUBLE_NO_RIGHT },
	{ "permission denied for ", MIGRATION_DB_TROUBLE_NO_RIGHT },
	{ "must be owner of ", MIGRATION_DB_TROUBLE_NO_RIGHT },
	{ "no schema has been selected to create in",
	  MIGRATION_DB_TROUBLE_NO_RIGHT },

	{ "authentication failed for user", MIGRATION_DB_TROUBLE_REFUSED },
	{ "no password supplied", MIGRATION_DB_TROUBLE_REFUSED },
	{ "no pg_hba.conf entry", MIGRATION_DB_TROUBLE_REFUSED },
	{ "FATAL:  role \"", MIGRATION_DB_TROUBLE_REFUSED },
	{ "Access denied for user", MIGRATION_DB_TROUBLE_REFUSED },
	{ "is not allowed to connect to this", MIGRATION_DB_TROUBLE_REFUSED },

	{ "Connection refused", MIGRATION_DB_TROUBLE_UNREACHABLE },
	{ "Is the server running ", MIGRATION_DB_TROUBLE_UNREACHABLE },
	{ "Can't connect to ", MIGRATION_DB_TROUBLE_UNREACHABLE },
	{ "Unknown MySQL server host", MIGRATION_DB_TROUBLE_UNREACHABLE },
	{ "could not translate host name", MIGRATION_DB_TROUBLE_UNREACHABLE },
	{ "No such file or directory", MIGRATION_DB_TROUBLE_UNREACHABLE },
	{ "Timeout after ", MIGRATION_DB_TROUBLE_UNREACHABLE },
	{ "No route to host", MIGRATION_DB_TROUBLE_UNREACHABLE },
	{ "Network is unreachable", MIGRATION_DB_TROUBLE_UNREACHABLE },
};

/* The words of connect with the value of each name, "" if it has no "=". */
static const char *db_word_split(const char *word, const char **value_r)
{
	const char *p = strchr(word, '=');

	*value_r = p == NULL ? "" : p + 1;
	return p == NULL ? word : t_strdup_until(word, p);
}

static const char *const *db_words(const char *connect)
{
	return (const char *const *)t_strsplit_spaces(connect, DB_SPACE);
}

/* Driver mysql takes both for the same. */
static bool db_is_host(bool mysql, const char *name)
{
	return strcmp(name, "host") == 0 ||
	       (mysql && strcmp(name, "hostaddr") == 0);
}

static bool db_word_is_valid(bool mysql, const char *word, const char **error_r)
{
	const char *name, *value;
	unsigned int number;

	name = db_word_split(word, &value);
	if (strchr(word, '=') == NULL || *name == '\0') {
		/* not the word: it may be the rest of a password */
		*error_r = "there is a word without '=': must be "
			   "name=value pairs, values without blanks";
		return FALSE;
	}
	if (mysql && !str_array_find(db_mysql_keys, name)) {
		*error_r = t_strdup_printf("unknown name %s", name);
		return FALSE;
	}
	if (mysql && str_array_find(db_mysql_numbers, name) &&
	    str_to_uint(value, &number) < 0) {
		*error_r = t_strdup_printf("%s must be a number", name);
		return FALSE;
	}
	/* libpq would try one after the other */
	if (str_begins_with(name, "host") && strchr(value, ',') != NULL) {
		*error_r = DB_ONE_HOST;
		return FALSE;
	}
	return TRUE;
}

static bool db_words_are_valid(const char *driver, const char *const *words,
			       const char **error_r)
{
	bool mysql = strcmp(driver, "mysql") == 0;
	bool have_host = FALSE, have_dbname = FALSE, have_file = FALSE;
	const char *name, *value;

	for (; *words != NULL; words++) {
		if (!db_word_is_valid(mysql, *words, error_r))
			return FALSE;
		name = db_word_split(*words, &value);
		if (db_is_host(mysql, name) && have_host) {
			*error_r = DB_ONE_HOST;
			return FALSE;
		}
		have_host = have_host || db_is_host(mysql, name);
		have_dbname = have_dbname || strcmp(name, "dbname") == 0;
		have_file = have_file || strcmp(name, "option_file") == 0;
	}
	if (!have_dbname && !have_file) {
		*error_r = "dbname is missing";
		return FALSE;
	}
	if (mysql && !have_host && !have_file) {
		*error_r = "host is missing";
		return FALSE;
	}
	return TRUE;
}

bool migration_db_connect_is_valid(const char *driver, const char *connect,
				   const char **error_r)
{
	const char *error;

	if (strcmp(driver, "sqlite") == 0) {
		if (*connect == '/')
			return TRUE;
		*error_r = "must be the absolute path of the SQLite database";
		return FALSE;
	}
	/* doveconf -n does not read the file */
	if (*connect == '<')
		return TRUE;
	if (*connect == '/') {
		*error_r = t_strdup_printf(
			"is a path, but migration_db_driver is %s: must be "
			"like host=localhost dbname=mails user=dovecot "
			"password=secret",
			driver);
		return FALSE;
	}
	if (!db_words_are_valid(driver, db_words(connect), &error)) {
		*error_r = t_strdup_printf("%s, as in host=localhost "
					   "dbname=mails user=dovecot "
					   "password=secret",
					   error);
		return FALSE;
	}
	return TRUE;
}

const char *migration_db_connect_get(const char *driver, const char *connect)
{
	const char *const *words, *name, *value;
	unsigned int flags = 0;
	string_t *str;

	if (strcmp(driver, "sqlite") == 0)
		return connect;
	str = t_str_new(128);
	for (words = db_words(connect); *words != NULL; words++) {
		name = db_word_split(*words, &value);
		if (strcmp(name, "client_flags") == 0) {
			if (str_to_uint(value, &flags) < 0)
				flags = 0;
		} else if (strcmp(name, "maxconns") != 0) {
			str_append(str, *words);
			str_append_c(str, ' ');
		}
	}
	if (strcmp(driver, "mysql") == 0) {
		str_printfa(str, "client_flags=%u ",
			    flags | DB_MYSQL_CLIENT_FOUND_ROWS);
	}
	/* what comes later must see what came before */
	str_append(str, "maxconns=1");
	return str_c(str);
}

const char *migration_db_describe(const char *driver, const char *connect)
{
	const char *const *words, *name, *value;
	string_t *str;

	if (strcmp(driver, "sqlite") == 0)
		return connect;
	str = t_str_new(64);
	str_append(str, driver);
	for (words = db_words(connect); *words != NULL; words++) {
		name = db_word_split(*words, &value);
		if (str_array_find(db_shown_keys, name))
			str_printfa(str, " %s=%s", name, value);
	}
	return str_c(str);
}

enum migration_db_trouble migration_db_trouble_find(const char *error)
{
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(db_trouble_texts); i++) {
		if (strstr(error, db_trouble_texts[i].part) != NULL)
			return db_trouble_texts[i].trouble;
	}
	return MIGRATION_DB_TROUBLE_OTHER;
}

bool migration_db_trouble_is_lasting(enum migration_db_trouble trouble)
{
	switch (trouble) {
	case MIGRATION_DB_TROUBLE_REFUSED:
	case MIGRATION_DB_TROUBLE_NO_DATABASE:
	case MIGRATION_DB_TROUBLE_NO_RIGHT:
	case MIGRATION_DB_TROUBLE_SETTING:
		return TRUE;
	case MIGRATION_DB_TROUBLE_OTHER:
	case MIGRATION_DB_TROUBLE_UNREACHABLE:
		return FALSE;
	}
	i_unreached();
}

const char *migration_db_trouble_advice(enum migration_db_trouble trouble)
{
	switch (trouble) {
	case MIGRATION_DB_TROUBLE_OTHER:
		return "";
	case MIGRATION_DB_TROUBLE_UNREACHABLE:
		return " - does the server run, and are host and port in "
		       "migration_db_connect right?";
	case MIGRATION_DB_TROUBLE_REFUSED:
		return " - check user and password in migration_db_connect, "
		       "and whom the server lets in";
	case MIGRATION_DB_TROUBLE_NO_DATABASE:
		return " - create it, or check dbname in migration_db_connect";
	case MIGRATION_DB_TROUBLE_NO_RIGHT:
		return " - let the user of migration_db_connect make, read "
		       "and write tables and views there, best as the owner "
		       "of the database";
	case MIGRATION_DB_TROUBLE_SETTING:
		return " - check migration_db_connect";
	}
	i_unreached();
}

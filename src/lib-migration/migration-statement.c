/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "str.h"
#include "migration-compat.h"
#include "migration-statement.h"

#include <ctype.h>

static const char *const variable_names[MIGRATION_VARIABLE_COUNT] = {
	[MIGRATION_VARIABLE_USER] = "user",
	[MIGRATION_VARIABLE_USERNAME] = "username",
	[MIGRATION_VARIABLE_DOMAIN] = "domain",
	[MIGRATION_VARIABLE_PASSWORD] = "password",
	[MIGRATION_VARIABLE_OLD_PASSWORD] = "old_password",
	[MIGRATION_VARIABLE_PROVIDER] = "provider",
	[MIGRATION_VARIABLE_REMOTE_USER] = "remote_user",
};

struct statement_parser {
	pool_t pool;
	const struct migration_statement_rules *rules;
	/* what is left */
	const char *p;
	string_t *sql;
	struct migration_statement statement;
	ARRAY_TYPE(migration_statement) *statements;
	const char *error;
};

const char *migration_variable_to_string(enum migration_variable variable)
{
	i_assert(variable < MIGRATION_VARIABLE_COUNT);
	return variable_names[variable];
}

static const char *statement_allowed_variables(unsigned int bits)
{
	string_t *str = t_str_new(128);
	unsigned int i;

	for (i = 0; i < MIGRATION_VARIABLE_COUNT; i++) {
		if ((bits & MIGRATION_VARIABLE_BIT(i)) == 0)
			continue;
		str_printfa(str, "%s%%{%s}", str_len(str) == 0 ? "" : ", ",
			    variable_names[i]);
	}
	return str_c(str);
}

static void statement_begin(struct statement_parser *parser)
{
	str_truncate(parser->sql, 0);
	i_zero(&parser->statement);
	p_array_init(&parser->statement.variables, parser->pool, 8);
}

static const char *statement_first_word(const char *sql)
{
	const char *end = sql;

	while (i_isalpha(*end))
		end++;
	return end > sql ? t_strdup_until(sql, end) :
			   t_strdup_until(sql, sql + 1);
}

/* FALSE if there is an error. */
static bool statement_end(struct statement_parser *parser)
{
	const char *sql = t_str_trim(str_c(parser->sql), " \t\r\n");
	const char *word;

	if (*sql == '\0') {
		statement_begin(parser);
		return TRUE;
	}
	word = statement_first_word(sql);
	if (!str_array_icase_find(parser->rules->verbs, word)) {
		parser->error = t_strdup_printf(
			"'%s' cannot begin a statement here, but %s can", word,
			t_strarray_join(parser->rules->verbs, ", "));
		return FALSE;
	}
	if (array_count(parser->statements) >= parser->rules->max_count) {
		parser->error = t_strdup_printf("more than %u statement%s",
						parser->rules->max_count,
						parser->rules->max_count == 1 ?
							"" :
							"s");
		return FALSE;
	}
	parser->statement.sql = p_strdup(parser->pool, sql);
	array_push_back(parser->statements, &parser->statement);
	statement_begin(parser);
	return TRUE;
}

static bool statement_variable(struct statement_parser *parser)
{
	const char *end, *name;
	enum migration_variable i;

	if (parser->p[1] == '%') {
		str_append_c(parser->sql, '%');
		parser->p += 2;
		return TRUE;
	}
	end = parser->p[1] == '{' ? strchr(parser->p, '}') : NULL;
	if (end == NULL) {
		parser->error = t_strdup_printf(
			"'%s': variables are written %%{user}, a percent sign "
			"is %%%%",
			t_strndup(parser->p, 2));
		return FALSE;
	}
	name = t_strdup_until(parser->p + 2, end);
	for (i = 0; i < MIGRATION_VARIABLE_COUNT; i++) {
		if (strcmp(variable_names[i], name) == 0)
			break;
	}
	if (i == MIGRATION_VARIABLE_COUNT ||
	    (parser->rules->variables & MIGRATION_VARIABLE_BIT(i)) == 0) {
		parser->error = t_strdup_printf(
			"%s variable %%{%s}, there are %s",
			i == MIGRATION_VARIABLE_COUNT ? "unknown" :
							"there is no",
			name,
			statement_allowed_variables(parser->rules->variables));
		return FALSE;
	}
	array_push_back(&parser->statement.variables, &i);
	str_append_c(parser->sql, '?');
	parser->p = end + 1;
	return TRUE;
}

static bool statement_quoted_is_plain(struct statement_parser *parser,
				      const char *p, char quote)
{
	if (*p == '%' && p[1] == '{') {
		parser->error = t_strdup_printf(
			"'%s' stands in quotes: leave them away, the value is "
			"passed as a parameter",
			t_strcut(t_strndup(p, 32), quote));
	} else if (*p == '%' && p[1] != '%') {
		parser->error =
			t_strdup_printf("'%s' in quotes: a percent sign is %%%%",
					t_strndup(p, 2));
	} else if (*p == '\\' && p[1] == quote) {
		parser->error = t_strdup_printf(
			"'\\%c': a backslash before a quote is not understood "
			"by all databases, write the quote twice",
			quote);
	} else if (*p == '?') {
		parser->error = "'?' cannot be used";
	} else {
		return TRUE;
	}
	return FALSE;
}

/* A doubled quote looks like two texts without anything between. */
static bool statement_quoted(struct statement_parser *parser)
{
	const char *p = parser->p;
	char quote = *p;

	str_append_c(parser->sql, *p++);
	for (; *p != quote; p++) {
		if (*p == '\0') {
			parser->error = t_strdup_printf(
				"the quote %c is not closed: %s", quote,
				t_strndup(parser->p, 32));
			return FALSE;
		}
		if (!statement_quoted_is_plain(parser, p, quote))
			return FALSE;
		if (*p == '%')
			p++;
		str_append_c(parser->sql, *p);
	}
	str_append_c(parser->sql, quote);
	parser->p = p + 1;
	return TRUE;
}

static bool statement_comment(struct statement_parser *parser)
{
	const char *end;

	if (*parser->p == '-') {
		/* there may be no line ends left: dovecot.conf joins lines */
		parser->error = t_strdup_printf(
			"'%s': a comment to the end of the line would end with "
			"the setting, use /* */",
			t_strndup(parser->p, 16));
		return FALSE;
	}
	end = strstr(parser->p + 2, "*/");
	if (end == NULL) {
		parser->error = "a comment is not closed with */";
		return FALSE;
	}
	str_append_c(parser->sql, ' ');
	parser->p = end + 2;
	return TRUE;
}

/* $$ or $word$, not $1 */
static bool statement_is_dollar_quote(const char *p)
{
	for (p++; i_isalnum(*p) || *p == '_'; p++)
		;
	return *p == '$';
}

static bool statement_next(struct statement_parser *parser)
{
	const char *p = parser->p;

	switch (*p) {
	case '\'':
	case '"':
	case '`':
		return statement_quoted(parser);
	case '%':
		return statement_variable(parser);
	case ';':
		parser->p++;
		return statement_end(parser);
	case '?':
		parser->error = "'?' cannot be used";
		return FALSE;
	case '-':
		if (p[1] == '-')
			return statement_comment(parser);
		break;
	case '/':
		if (p[1] == '*')
			return statement_comment(parser);
		break;
	case '$':
		if (!statement_is_dollar_quote(p))
			break;
		parser->error = "'$': texts stand in single quotes";
		return FALSE;
	}
	str_append_c(parser->sql, *parser->p++);
	return TRUE;
}

int migration_statements_parse(pool_t pool, const char *text,
			       const struct migration_statement_rules *rules,
			       ARRAY_TYPE(migration_statement) *statements_r,
			       const char **error_r)
{
	struct statement_parser parser;

	i_zero(&parser);
	parser.pool = pool;
	parser.rules = rules;
	parser.p = text;
	parser.sql = t_str_new(256);
	parser.statements = statements_r;
	p_array_init(statements_r, pool, 4);
	statement_begin(&parser);
	while (*parser.p != '\0') {
		if (!statement_next(&parser))
			break;
	}
	if (parser.error == NULL)
		(void)statement_end(&parser);
	if (parser.error == NULL && array_count(statements_r) == 0)
		parser.error = "there is no statement";
	*error_r = parser.error;
	return parser.error == NULL ? 0 : -1;
}

bool migration_statements_use(const ARRAY_TYPE(migration_statement) *statements,
			      enum migration_variable variable)
{
	const struct migration_statement *statement;
	const enum migration_variable *used;

	array_foreach(statements, statement) {
		array_foreach(&statement->variables, used) {
			if (*used == variable)
				return TRUE;
		}
	}
	return FALSE;
}

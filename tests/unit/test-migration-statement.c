/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "str.h"
#include "test-common.h"
#include "migration-test-common.h"
#include "migration-statement.h"

#define BIT_OF(name) MIGRATION_VARIABLE_BIT(MIGRATION_VARIABLE_##name)

static const char *const verbs[] = { "SELECT", "INSERT", "UPDATE", NULL };
static const struct migration_statement_rules rules = {
	.variables = BIT_OF(USER) | BIT_OF(DOMAIN) | BIT_OF(PASSWORD) |
		BIT_OF(OLD_PASSWORD),
	.verbs = verbs,
	.max_count = 3,
};

/* "sql [variable variable] | sql [...]" */
static const char *
test_describe(const ARRAY_TYPE(migration_statement) *statements)
{
	const struct migration_statement *statement;
	const enum migration_variable *variable;
	string_t *str = t_str_new(128);

	array_foreach(statements, statement) {
		if (str_len(str) > 0)
			str_append(str, " | ");
		str_append(str, statement->sql);
		array_foreach(&statement->variables, variable) {
			str_printfa(str, " [%s]",
				    migration_variable_to_string(*variable));
		}
	}
	return str_c(str);
}

static void test_migration_statement_good(void)
{
	static const struct {
		const char *text, *result;
	} tests[] = {
		{ "SELECT 1", "SELECT 1" },
		{ " select 1 ; ", "select 1" },
		{ "SELECT a FROM b WHERE c = %{user}",
		  "SELECT a FROM b WHERE c = ? [user]" },
		{ "SELECT %{user}, %{domain},%{user}",
		  "SELECT ?, ?,? [user] [domain] [user]" },
		{ "INSERT INTO a VALUES (%{user}); UPDATE b SET c = "
		  "%{password} WHERE c = %{old_password};",
		  "INSERT INTO a VALUES (?) [user] | UPDATE b SET c = ? WHERE "
		  "c = ? [password] [old_password]" },
		{ "SELECT 1; SELECT 2 ;; SELECT 3", "SELECT 1 | SELECT 2 | "
						    "SELECT 3" },
		/* casts and operators */
		{ "SELECT %{user}::text", "SELECT ?::text [user]" },
		{ "SELECT CAST(%{user} AS CHAR(3))",
		  "SELECT CAST(? AS CHAR(3)) [user]" },
		{ "SELECT 'a' || %{user}", "SELECT 'a' || ? [user]" },
		{ "SELECT a - 1 / 2 WHERE $1 > a->>'b'",
		  "SELECT a - 1 / 2 WHERE $1 > a->>'b'" },
		/* quotes */
		{ "SELECT ';', 'it''s', \"a;b\", `c;d`, '--', '/*'",
		  "SELECT ';', 'it''s', \"a;b\", `c;d`, '--', '/*'" },
		{ "SELECT ''", "SELECT ''" },
		{ "SELECT 'C:\\dir'", "SELECT 'C:\\dir'" },
		{ "SELECT '\"', \"'\", %{user}",
		  "SELECT '\"', \"'\", ? [user]" },
		/* percent signs */
		{ "SELECT 5 %% 3", "SELECT 5 % 3" },
		{ "SELECT a LIKE '%%x%%{user}'", "SELECT a LIKE '%x%{user}'" },
		{ "SELECT %%{user}", "SELECT %{user}" },
		/* comments */
		{ "/* ; ' %{nothing} ? */ SELECT 1/**/+/* */2",
		  "SELECT 1 + 2" },
	};
	ARRAY_TYPE(migration_statement) statements;
	const char *error;
	unsigned int i;

	test_begin("migration statement: good ones");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_idx(migration_statements_parse(
			pool_datastack_create(), tests[i].text, &rules,
			&statements, &error) == 0, i);
		test_assert_strcmp_idx(test_describe(&statements),
				       tests[i].result, i);
	}
	test_end();
}

#define VARIABLES "%{user}, %{domain}, %{password}, %{old_password}"
#define VERBS "SELECT, INSERT, UPDATE can"

static void test_migration_statement_bad(void)
{
	static const struct {
		const char *text, *error;
	} tests[] = {
		{ "", "there is no statement" },
		{ " ; ", "there is no statement" },
		{ "/* nothing */", "there is no statement" },
		{ "SELECT %{usr}",
		  "unknown variable %{usr}, there are "VARIABLES },
		{ "SELECT %{}", "unknown variable %{}, there are "VARIABLES },
		{ "SELECT %{USER}",
		  "unknown variable %{USER}, there are "VARIABLES },
		{ "SELECT %{provider}",
		  "there is no variable %{provider}, there are "VARIABLES },
		{ "SELECT %{user", "'%{': variables are written %{user}, a "
				   "percent sign is %%" },
		{ "SELECT %u", "'%u': variables are written %{user}, a "
			       "percent sign is %%" },
		{ "SELECT 5 % 3", "'% ': variables are written %{user}, a "
				  "percent sign is %%" },
		{ "SELECT %", "'%': variables are written %{user}, a "
			      "percent sign is %%" },
		{ "SELECT '%{user}'",
		  "'%{user}' stands in quotes: leave them away, the value is "
		  "passed as a parameter" },
		{ "SELECT `%{user}`",
		  "'%{user}' stands in quotes: leave them away, the value is "
		  "passed as a parameter" },
		{ "SELECT 'a%'", "'%'' in quotes: a percent sign is %%" },
		{ "SELECT 'abc", "the quote ' is not closed: 'abc" },
		{ "SELECT 'it''s", "the quote ' is not closed: 's" },
		{ "SELECT \"abc'", "the quote \" is not closed: \"abc'" },
		{ "SELECT 'it\\'s'",
		  "'\\'': a backslash before a quote is not understood by all "
		  "databases, write the quote twice" },
		{ "SELECT a ? 'b'", "'?' cannot be used" },
		{ "SELECT 'a?'", "'?' cannot be used" },
		{ "SELECT $$a$$", "'$': texts stand in single quotes" },
		{ "SELECT $a1$b$a1$", "'$': texts stand in single quotes" },
		{ "SELECT 1 /* a", "a comment is not closed with */" },
		{ "SELECT 1 -- a",
		  "'-- a': a comment to the end of the line would end with "
		  "the setting, use /* */" },
		{ "BEGIN; SELECT 1; COMMIT",
		  "'BEGIN' cannot begin a statement here, but "VERBS },
		{ "SELECT 1; DROP TABLE a",
		  "'DROP' cannot begin a statement here, but "VERBS },
		{ "(SELECT 1)", "'(' cannot begin a statement here, but "VERBS },
		{ "SELECT 1; SELECT 2; SELECT 3; SELECT 4",
		  "more than 3 statements" },
	};
	ARRAY_TYPE(migration_statement) statements;
	const char *error;
	unsigned int i;

	test_begin("migration statement: bad ones");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_idx(migration_statements_parse(
			pool_datastack_create(), tests[i].text, &rules,
			&statements, &error) == -1, i);
		test_assert_strcmp_idx(error, tests[i].error, i);
	}
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_statement_good,
		test_migration_statement_bad,
		NULL
	};
	return test_run(test_functions);
}

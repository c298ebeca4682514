/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-exclude.h"
#include "test-common.h"

static void test_migration_exclude_parse(void)
{
	static const struct {
		const char *str;
		/* joined with | */
		const char *names, *error;
	} tests[] = {
		{ "", "", NULL },
		{ "  \t ", "", NULL },
		{ "Trash", "Trash", NULL },
		{ "\\Junk Archive/Old*", "\\Junk|Archive/Old*", NULL },
		{ " a\tb  c ", "a|b|c", NULL },
		{ "\"Sent Items\"", "Sent Items", NULL },
		{ "a \"b c\" \"d\" e", "a|b c|d|e", NULL },
		{ "\"a\"\"b\"", "a|b", NULL },
		{ "\"a\"b", "a|b", NULL },
		/* only at the beginning is it a quote */
		{ "a\"b", "a\"b", NULL },
		{ "a\"b c\"", "a\"b|c\"", NULL },
		{ "\" \"", " ", NULL },
		{ "\"", NULL, "a double quote is not closed" },
		{ "a \"b c", NULL, "a double quote is not closed" },
		{ "\"a\" \"", NULL, "a double quote is not closed" },
		{ "\"\"", NULL, "a name is empty" },
		{ "a \"\" b", NULL, "a name is empty" },
	};
	const char *const *list;
	const char *error;
	unsigned int i;
	pool_t pool;
	int ret;

	test_begin("migration exclude: parse");
	pool = pool_alloconly_create("migration exclude test", 256);
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		error = NULL;
		ret = migration_exclude_parse(pool, tests[i].str, &list,
					      &error);
		test_assert_idx((ret == 0) == (tests[i].error == NULL), i);
		test_assert_strcmp_idx(error, tests[i].error, i);
		if (ret == 0)
			test_assert_strcmp_idx(t_strarray_join(list, "|"),
					       tests[i].names, i);
		p_clear(pool);
	}
	pool_unref(&pool);
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_exclude_parse,
		NULL
	};
	return test_run(test_functions);
}

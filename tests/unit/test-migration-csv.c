/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "str.h"
#include "test-common.h"
#include "migration-csv.h"

/* All rows as "line:field|field", errors as "line!error". */
static const char *test_csv_read(const char *text, size_t size, char sep)
{
	char *data = i_malloc(size + 1);
	struct migration_csv *csv;
	const char *const *fields, *error;
	string_t *str = t_str_new(128);
	int ret;

	memcpy(data, text, size);
	csv = migration_csv_init(data, size, sep);
	while ((ret = migration_csv_next(csv, &fields, &error)) != 0) {
		if (str_len(str) > 0)
			str_append_c(str, '\n');
		str_printfa(str, "%u%c", migration_csv_get_line(csv),
			    ret > 0 ? ':' : '!');
		str_append(str, ret < 0 ? error : t_strarray_join(fields, "|"));
	}
	test_assert(migration_csv_get_offset(csv) == size);
	/* the end stays the end */
	test_assert(migration_csv_next(csv, &fields, &error) == 0);
	migration_csv_deinit(&csv);
	test_assert(csv == NULL);
	i_free(data);
	return str_c(str);
}

static void test_migration_csv_rows(void)
{
	static const struct {
		const char *text;
		char sep;
		const char *rows;
	} tests[] = {
		{ "", ';', "" },
		{ "\n \n\t\r\n", ';', "" },
		{ "a", ';', "1:a" },
		{ "a;b\n", ';', "1:a|b" },
		{ "a;b\r\nc;d\r\n", ';', "1:a|b\n2:c|d" },
		{ "a;b\n\n\nc;d", ';', "1:a|b\n4:c|d" },
		/* what a spreadsheet makes of an empty line */
		{ ";;;\n; ;\na;", ';', "3:a|" },
		{ ";a;;", ';', "1:|a||" },
		{ "  a b \t; c\t", ';', "1:a b|c" },
		{ "\xef\xbb\xbf" "a;b", ';', "1:a|b" },
		{ "\xc3\xa4.example;\xe2\x82\xac", ';',
		  "1:\xc3\xa4.example|\xe2\x82\xac" },
		/* quotes */
		{ "\"a;b\";c", ';', "1:a;b|c" },
		{ " \" a \" ; \"\" ", ';', "1: a |" },
		{ "\"say \"\"a\"\"\";\"\"\"\"", ';', "1:say \"a\"|\"" },
		{ "a\"b;c\"", ';', "1:a\"b|c\"" },
		{ "\"a\"", ';', "1:a" },
		{ "\"a\"\r\n\"b\"", ';', "1:a\n2:b" },
		/* other separators */
		{ "a,b;c", ',', "1:a|b;c" },
		{ "a\tb\t\tc d", '\t', "1:a|b||c d" },
		{ "a|b", '|', "1:a|b" },
		/* errors are of one line only */
		{ "\"a;b\nc;d", ';', "1!a quote is not closed\n2:c|d" },
		{ "a\n\"", ';', "1:a\n2!a quote is not closed" },
		{ "\"a\"b;c\nd", ';',
		  "1!there is text behind a closing quote\n2:d" },
		{ "a\xff;b\nc", ';',
		  "1!it is not UTF-8 (save the file as UTF-8)\n2:c" },
		{ "a;b\x01\nc", ';',
		  "1!it has the control character 0x01\n2:c" },
		{ "a\rb\nc", ';', "1!it has the control character 0x0d\n2:c" },
		{ "a\tb;c\nd", ';', "1!there is a tab within a field\n2:d" },
		{ "\"a\t\"", ';', "1!there is a tab within a field" },
		{ "a\x7f", ';', "1!it has the control character 0x7f" },
	};
	unsigned int i;

	test_begin("migration csv: rows");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_strcmp_idx(test_csv_read(tests[i].text,
						     strlen(tests[i].text),
						     tests[i].sep),
				       tests[i].rows, i);
	}
	test_assert_strcmp(test_csv_read("a\0b;c\nd", 7, ';'),
			   "1!it has the control character 0x00\n2:d");
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_csv_rows,
		NULL
	};
	return test_run(test_functions);
}

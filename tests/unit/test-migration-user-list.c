/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "istream.h"
#include "str.h"
#include "migration-limits.h"
#include "migration-user-list.h"
#include "test-common.h"

static void test_migration_user_line_parse(void)
{
	static const struct {
		const char *text;
		int ret;
		const char *username, *remote_user;
	} tests[] = {
		{ "", 0, NULL, NULL },
		{ " \t ", 0, NULL, NULL },
		{ "\r", 0, NULL, NULL },
		{ "# anna@old.example", 0, NULL, NULL },
		{ "  #", 0, NULL, NULL },
		{ "anna@old.example", 1, "anna@old.example", NULL },
		{ "  anna@old.example \r", 1, "anna@old.example", NULL },
		{ "anna@old.example\ta17", 1, "anna@old.example", "a17" },
		{ "anna@old.example  # there", -1, NULL, NULL },
		{ "anna@old.example #", 1, "anna@old.example", "#" },
		{ "f\xc3\xbcr@old.example a,b;c\"", 1, "f\xc3\xbcr@old.example",
		  "a,b;c\"" },
		{ "anna@old.example a b", -1, NULL, NULL },
		{ "anna\x01@old.example", -1, NULL, NULL },
		{ "anna@old.example \x7f", -1, NULL, NULL },
		{ "anna\033[2J@old.example", -1, NULL, NULL },
		{ "f\xfcr@old.example", -1, NULL, NULL },
		/* two lines of an old Macintosh's file */
		{ "anna@old.example\rben@old.example", -1, NULL, NULL },
		{ "anna@old.example f\xfcr", -1, NULL, NULL },
	};
	struct migration_user_line line;
	const char *error, *name;
	unsigned int i;

	test_begin("migration user list: a line");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		error = NULL;
		test_assert_idx(migration_user_line_parse(
			tests[i].text, &line, &error) == tests[i].ret, i);
		test_assert_idx((error != NULL) == (tests[i].ret < 0), i);
		if (tests[i].ret <= 0)
			continue;
		test_assert_strcmp_idx(line.username, tests[i].username, i);
		test_assert_idx(null_strcmp(line.remote_user,
					    tests[i].remote_user) == 0, i);
	}
	name = t_strdup_printf("%0*d", MIGRATION_MAX_USERNAME_BYTES, 0);
	test_assert(migration_user_line_parse(name, &line, &error) == 1);
	test_assert(migration_user_line_parse(t_strconcat(name, "0", NULL),
					      &line, &error) == -1);
	test_assert(migration_user_line_parse(t_strconcat("a ", name, "0", NULL),
					      &line, &error) == -1);
	test_end();
}

static int
test_read_data(const void *data, size_t size, pool_t pool,
	       ARRAY_TYPE(migration_user_line) *lines_r, const char **error_r)
{
	struct istream *input = i_stream_create_from_data(data, size);
	int ret;

	i_stream_set_name(input, "users");
	*error_r = "";
	ret = migration_user_list_read(input, pool, lines_r, error_r);
	i_stream_unref(&input);
	return ret;
}

static int
test_read(const char *text, pool_t pool,
	  ARRAY_TYPE(migration_user_line) *lines_r, const char **error_r)
{
	return test_read_data(text, strlen(text), pool, lines_r, error_r);
}

static void test_migration_user_list_read(void)
{
	static const struct {
		const char *text, *error;
	} errors[] = {
		{ "", "users has no users in it" },
		{ "\n# nobody\n", "users has no users in it" },
		{ "a@x\n\nb@x c d\n", "users line 3: More than the name of a "
		  "user and the name at the provider" },
		{ "a@x\n#\nb@x\nA@x other\n", "users line 4: A@x is already in "
		  "line 1" },
		{ "a@x\nb\x01@x\n", "users line 2: Control characters in a "
		  "name" },
	};
	ARRAY_TYPE(migration_user_line) lines;
	const struct migration_user_line *line;
	const char *error;
	unsigned int i;
	pool_t pool;

	test_begin("migration user list: a file");
	pool = pool_alloconly_create("test", 1024);
	test_assert(test_read("\n# comment\nAnna@x  a17\r\n\nben@x", pool,
			      &lines, &error) == 0);
	test_assert(array_count(&lines) == 2);
	line = array_idx(&lines, 0);
	test_assert_strcmp(line->username, "Anna@x");
	test_assert_strcmp(line->remote_user, "a17");
	test_assert(line->line == 3);
	line = array_idx(&lines, 1);
	test_assert_strcmp(line->username, "ben@x");
	test_assert(line->remote_user == NULL);
	test_assert(line->line == 5);

	/* as Windows' programs write it */
	test_assert(test_read("\xef\xbb\xbf" "anna@x\r\nben@x\r\n", pool,
			      &lines, &error) == 0);
	line = array_idx(&lines, 0);
	test_assert_strcmp(line->username, "anna@x");
	line = array_idx(&lines, 1);
	test_assert_strcmp(line->username, "ben@x");
	/* what is behind a NUL is not just left out */
	test_assert(test_read_data("a@x\nb@x\0c\n", 10, pool, &lines,
				   &error) == -1);
	test_assert_strcmp(error, "users line 2: Control characters in a name");
	test_assert(test_read_data("a@x\nb@x\0c", 9, pool, &lines,
				   &error) == -1);
	test_assert_strcmp(error, "users line 2: Control characters in a name");
	test_assert(test_read_data("a@x\r\nb@x\0\r\n", 11, pool, &lines,
				   &error) == -1);

	for (i = 0; i < N_ELEMENTS(errors); i++) {
		test_assert_idx(test_read(errors[i].text, pool, &lines,
					  &error) == -1, i);
		test_assert_strcmp_idx(error, errors[i].error, i);
	}
	pool_unref(&pool);
	test_end();
}

static void test_migration_user_list_unreadable(void)
{
	ARRAY_TYPE(migration_user_line) lines;
	struct istream *input;
	const char *error = "";

	test_begin("migration user list: unreadable");
	input = i_stream_create_file("/no/such/file", 1024);
	test_assert(migration_user_list_read(input, pool_datastack_create(),
					     &lines, &error) == -1);
	test_assert(strstr(error, "/no/such/file") != NULL);
	test_assert(strstr(error, "No such file") != NULL);
	i_stream_unref(&input);
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_user_line_parse,
		test_migration_user_list_read,
		test_migration_user_list_unreadable,
		NULL
	};

	return test_run(test_functions);
}

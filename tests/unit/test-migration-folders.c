/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "str.h"
#include "migration-folders.h"
#include "test-common.h"
#include "migration-test-common.h"

#include <sys/stat.h>
#include <unistd.h>

#define TEST_FOLDERS "dovecot-migration.folders"
#define TEST_HEADER "dovecot-migration folders 1\n"
#define TEST_HEADER_COMPLETE "dovecot-migration folders 1 complete\n"
#define TEST_GUID "0123456789abcdef0123456789abcdef"
#define TEST_LONG_NAME_BYTES (1024 * 40)

static const char *test_folders_path(void)
{
	return test_tmp_path(TEST_FOLDERS);
}

static const char *test_folders_dir(void)
{
	const char *path = test_folders_path();

	return t_strdup_until(path, strrchr(path, '/'));
}

/* What is in the file, as
   "<remote name>=<name> <guid> <uid validity> <last uid> <subscribed>|...",
   subscribed being "<there><here>" or "?" */
static const char *test_folders_read(bool *complete_r)
{
	ARRAY_TYPE(migration_folder) folders;
	struct migration_folder *folder;
	const char *error;
	string_t *str = t_str_new(256);
	pool_t pool;

	pool = pool_alloconly_create("test folders", 1024);
	p_array_init(&folders, pool, 4);
	if (migration_folders_read(test_folders_dir(), pool, &folders,
				   complete_r, &error) < 0)
		i_fatal("migration_folders_read() failed: %s", error);
	array_foreach_elem(&folders, folder) {
		str_printfa(str, "%s=%s %s %u %u %s|", folder->remote_name,
			    folder->name,
			    guid_128_is_empty(folder->guid) ? "-" :
			    guid_128_to_string(folder->guid),
			    folder->uid_validity, folder->last_uid,
			    !folder->subscription_known ? "?" :
			    t_strdup_printf("%d%d", folder->subscribed ? 1 : 0,
					    folder->subscribed_here ? 1 : 0));
	}
	pool_unref(&pool);
	return str_c(str);
}

static void test_folders_write(struct migration_folder *list,
			       unsigned int count, bool complete)
{
	ARRAY_TYPE(migration_folder) folders;
	struct migration_folder *folder;
	const char *error;

	t_array_init(&folders, 4);
	for (unsigned int i = 0; i < count; i++) {
		folder = &list[i];
		array_push_back(&folders, &folder);
	}
	if (migration_folders_write(test_folders_dir(), &folders, complete,
				    &error) < 0)
		i_fatal("migration_folders_write() failed: %s", error);
}

static void test_migration_folders_write(void)
{
	struct migration_folder list[] = {
		{ .remote_name = "INBOX", .name = "INBOX",
		  .uid_validity = 1, .last_uid = 2, .subscribed = TRUE,
		  .subscribed_here = TRUE, .subscription_known = TRUE },
		{ .remote_name = "INBOX.Entw&APw-rfe",
		  .name = "Entw\xc3\xbcrfe",
		  .uid_validity = UINT32_MAX, .last_uid = UINT32_MAX,
		  .subscription_known = TRUE },
		{ .remote_name = "a\tb\nc\rd\001e", .name = "a\tb\n" },
		{ .remote_name = "\t", .name = "\r\n", .subscribed = TRUE,
		  .subscription_known = TRUE },
		{ .remote_name = " a ", .name = " a " },
		{ .remote_name = "", .name = "" },
	};
	static const char *const texts[] = {
		"",
		"INBOX=INBOX " TEST_GUID " 1 2 11|",
		"INBOX.Entw&APw-rfe=Entw\xc3\xbcrfe - 4294967295 4294967295 00|",
		"a\tb\nc\rd\001e=a\tb\n - 0 0 ?|",
		"\t=\r\n - 0 0 10|",
		" a = a  - 0 0 ?|",
		"= - 0 0 ?|",
	};
	const char *text = "";
	struct stat st;
	bool complete;

	test_begin("migration folders: write and read");
	if (guid_128_from_string(TEST_GUID, list[0].guid) < 0)
		i_unreached();
	for (unsigned int i = 0; i <= N_ELEMENTS(list); i++) {
		text = t_strconcat(text, texts[i], NULL);
		test_folders_write(list, i, i % 2 == 0);
		test_assert_strcmp_idx(test_folders_read(&complete), text, i);
		test_assert_idx(complete == (i % 2 == 0), i);
		test_assert_idx(stat(test_folders_path(), &st) == 0 &&
				(st.st_mode & 07777) == 0600, i);
	}
	/* it is replaced, not added to; a killed run's rest is no obstacle */
	test_write_file(t_strconcat(test_folders_path(), ".tmp", NULL), 0600,
			"something that is longer than what is written now, "
			"by some bytes more than the header has");
	test_folders_write(list, 0, FALSE);
	test_assert_strcmp(test_read_file(test_folders_path()), TEST_HEADER);
	test_folders_write(list, 0, TRUE);
	test_assert_strcmp(test_read_file(test_folders_path()),
			   TEST_HEADER_COMPLETE);
	test_tmp_remove();
	test_end();
}

/* The provider says how long its names are. */
static void test_migration_folders_long_name(void)
{
	struct migration_folder list[2] = {
		{ .name = "long" },
		{ .remote_name = "b", .name = "b" },
	};
	string_t *remote_name = t_str_new(TEST_LONG_NAME_BYTES);
	bool complete;

	test_begin("migration folders: long name");
	while (str_len(remote_name) < TEST_LONG_NAME_BYTES)
		str_append_c(remote_name, 'x');
	list[0].remote_name = str_c(remote_name);
	test_folders_write(list, 2, TRUE);
	test_assert_strcmp(test_folders_read(&complete),
			   t_strconcat(list[0].remote_name,
				       "=long - 0 0 ?|b=b - 0 0 ?|", NULL));
	test_assert(complete);
	test_tmp_remove();
	test_end();
}

static void test_migration_folders_lines(void)
{
	static const struct {
		const char *text, *folders;
		bool complete;
	} tests[] = {
		{ "", "", FALSE },
		{ TEST_HEADER, "", FALSE },
		{ TEST_HEADER_COMPLETE, "", TRUE },
		{ TEST_HEADER "a\tb\t\t1\t2\t11\n", "a=b - 1 2 11|", FALSE },
		{ TEST_HEADER_COMPLETE "a\tb\t" TEST_GUID "\t1\t2\t00\n",
		  "a=b " TEST_GUID " 1 2 00|", TRUE },
		/* unknown header */
		{ "a\tb\t\t1\t2\t11\n", "", FALSE },
		{ "\n" TEST_HEADER "a\tb\t\t1\t2\t11\n", "", FALSE },
		{ "dovecot-migration folders 2\na\tb\t\t1\t2\t11\n", "",
		  FALSE },
		{ "dovecot-migration folders 2 complete\n"
		  "a\tb\t\t1\t2\t11\n", "", FALSE },
		{ "dovecot-migration folders 1 comp\na\tb\t\t1\t2\t11\n", "",
		  FALSE },
		{ "dovecot-migration folders 10\na\tb\t\t1\t2\t11\n", "",
		  FALSE },
		/* the line feed is lost */
		{ "dovecot-migration folders 1", "", FALSE },
		{ "dovecot-migration folders 1 complete", "", FALSE },
		/* damaged lines, and whole ones around them */
		{ TEST_HEADER "a\tb\t\t1\t2\t11", "", FALSE },
		{ TEST_HEADER "a\tb\t\t1\t2\t11\nc\td\t\t3", "a=b - 1 2 11|",
		  FALSE },
		{ TEST_HEADER "\na\tb\t\t1\t2\t11\n", "a=b - 1 2 11|", FALSE },
		{ TEST_HEADER "x\na\tb\t\t1\t2\t11\n", "a=b - 1 2 11|", FALSE },
		{ TEST_HEADER "x\ty\t\t1\t2\na\tb\t\t1\t2\t11\n",
		  "a=b - 1 2 11|", FALSE },
		{ TEST_HEADER "x\ty\t\t1\t2\t11\t1\na\tb\t\t1\t2\t11\n",
		  "a=b - 1 2 11|", FALSE },
		{ TEST_HEADER "x\ty\t0123\t1\t2\t11\na\tb\t\t1\t2\t11\n",
		  "a=b - 1 2 11|", FALSE },
		{ TEST_HEADER "x\ty\t" TEST_GUID "0\t1\t2\t11\n"
		  "a\tb\t\t1\t2\t11\n", "a=b - 1 2 11|", FALSE },
		{ TEST_HEADER "x\ty\t\t\t2\t1\na\tb\t\t1\t2\t11\n",
		  "a=b - 1 2 11|", FALSE },
		{ TEST_HEADER "x\ty\t\t-1\t2\t1\na\tb\t\t1\t2\t11\n",
		  "a=b - 1 2 11|", FALSE },
		{ TEST_HEADER "x\ty\t\t1\t4294967296\t1\na\tb\t\t1\t2\t11\n",
		  "a=b - 1 2 11|", FALSE },
		{ TEST_HEADER_COMPLETE "x\ty\t\t1\t2x\t1\na\tb\t\t1\t2\t11\n",
		  "a=b - 1 2 11|", TRUE },
		{ TEST_HEADER "a\tb\t\t1\t2\t\n", "a=b - 1 2 ?|", FALSE },
		{ TEST_HEADER "a\tb\t\t1\t2\t1\n", "a=b - 1 2 ?|", FALSE },
		{ TEST_HEADER "a\tb\t\t1\t2\t01\n", "a=b - 1 2 01|", FALSE },
		{ TEST_HEADER "a\tb\t\t1\t2\t10\n", "a=b - 1 2 10|", FALSE },
	};
	bool complete;

	test_begin("migration folders: lines");
	for (unsigned int i = 0; i < N_ELEMENTS(tests); i++) {
		complete = !tests[i].complete;
		test_write_file(test_folders_path(), 0600, tests[i].text);
		test_assert_strcmp_idx(test_folders_read(&complete),
				       tests[i].folders, i);
		test_assert_idx(complete == tests[i].complete, i);
	}
	test_tmp_remove();
	test_end();
}

static void test_migration_folders_missing(void)
{
	bool complete = TRUE;

	test_begin("migration folders: missing file");
	test_assert_strcmp(test_folders_read(&complete), "");
	test_assert(!complete);
	test_tmp_remove();
	test_end();
}

static void test_migration_folders_errors(void)
{
	const char *dir = test_folders_dir(), *path = test_folders_path();
	ARRAY_TYPE(migration_folder) folders;
	const char *error;
	bool complete;

	test_begin("migration folders: errors");
	t_array_init(&folders, 1);
	test_assert(migration_folders_write(t_strconcat(dir, "/none", NULL),
					    &folders, FALSE, &error) < 0);
	test_assert(strstr(error, TEST_FOLDERS) != NULL &&
		    strstr(error, strerror(ENOENT)) != NULL);
	/* never another's file */
	if (symlink("elsewhere", path) < 0 ||
	    symlink("elsewhere", t_strconcat(path, ".tmp", NULL)) < 0)
		i_fatal("symlink() failed: %m");
	complete = TRUE;
	test_assert(migration_folders_read(dir, pool_datastack_create(),
					   &folders, &complete, &error) < 0);
	test_assert(!complete && strstr(error, TEST_FOLDERS) != NULL);
	test_assert(migration_folders_write(dir, &folders, FALSE, &error) < 0);
	test_assert(access(test_tmp_path("elsewhere"), F_OK) < 0);
	i_unlink(path);
	/* nor is an unreadable one taken for an empty one */
	if (mkdir(path, 0700) < 0)
		i_fatal("mkdir(%s) failed: %m", path);
	test_assert(migration_folders_read(dir, pool_datastack_create(),
					   &folders, &complete, &error) < 0);
	test_assert(strstr(error, TEST_FOLDERS) != NULL);
	test_tmp_remove();
	test_end();
}

static void test_migration_folders_subscription(void)
{
	static const struct {
		/* at the end of the last run, there and here; or "?" */
		const char *before;
		bool there, here, own;
		bool takes;
	} tests[] = {
		/* new */
		{ "?", TRUE, FALSE, FALSE, TRUE },
		{ "?", TRUE, TRUE, FALSE, TRUE },
		{ "?", FALSE, FALSE, FALSE, FALSE },
		{ "?", FALSE, TRUE, FALSE, FALSE },
		{ "?", TRUE, FALSE, TRUE, FALSE },
		{ "?", FALSE, TRUE, TRUE, FALSE },
		/* nothing has changed */
		{ "00", FALSE, FALSE, FALSE, FALSE },
		{ "01", FALSE, TRUE, FALSE, FALSE },
		{ "10", TRUE, FALSE, FALSE, FALSE },
		{ "11", TRUE, TRUE, FALSE, FALSE },
		/* changed there */
		{ "00", TRUE, FALSE, FALSE, TRUE },
		{ "01", TRUE, TRUE, FALSE, TRUE },
		{ "10", FALSE, FALSE, FALSE, TRUE },
		{ "11", FALSE, TRUE, FALSE, TRUE },
		/* changed here */
		{ "00", FALSE, TRUE, FALSE, FALSE },
		{ "11", TRUE, FALSE, FALSE, FALSE },
		/* on both sides */
		{ "00", TRUE, TRUE, FALSE, FALSE },
		{ "01", TRUE, FALSE, FALSE, FALSE },
		{ "10", FALSE, TRUE, FALSE, FALSE },
		{ "11", FALSE, FALSE, FALSE, FALSE },
	};

	test_begin("migration folders: subscription");
	for (unsigned int i = 0; i < N_ELEMENTS(tests); i++) {
		const struct migration_folder folder = {
			.subscription_known = *tests[i].before != '?',
			.subscribed = tests[i].before[0] == '1',
			.subscribed_here = tests[i].before[1] == '1',
		};

		test_assert_idx(migration_folder_takes_subscription(
					&folder, tests[i].there, tests[i].here,
					tests[i].own) == tests[i].takes, i);
	}
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_folders_write,
		test_migration_folders_long_name,
		test_migration_folders_lines,
		test_migration_folders_missing,
		test_migration_folders_errors,
		test_migration_folders_subscription,
		NULL
	};

	return test_run(test_functions);
}

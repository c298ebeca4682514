/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "imap-utf7.h"
#include "str.h"
#include "unichar.h"
#include "migration-compat.h"
#include "migration-folder-name.h"
#include "test-common.h"

#define TEST_MAX_BYTES 200
#define TEST_HASH_BYTES 9

/* prefix; remote, local and storage separator; reserved names */
static const struct migration_folder_names names_slash = {
	"", '/', '/', '.', NULL
};
static const struct migration_folder_names names_dot = {
	"", '.', '/', '/', NULL
};
static const struct migration_folder_names names_fs = {
	"", '/', '/', '/', NULL
};
static const struct migration_folder_names names_inbox = {
	"INBOX.", '.', '/', '/', NULL
};
static const struct migration_folder_names names_mail = {
	"Mail/", '/', '.', '.', NULL
};
static const struct migration_folder_names names_backslash = {
	"", '\\', '^', '/', NULL
};
static const struct migration_folder_names names_flat = {
	"", '\0', '/', '.', NULL
};
static const struct migration_folder_names names_no_storage = {
	"", '/', '/', '\0', NULL
};

static const char *const test_reserved[] = { "dbox-Mails", "cur", NULL };
static const struct migration_folder_names names_reserved = {
	"", '/', '/', '/', test_reserved
};

static void test_migration_folder_name(void)
{
	static const struct {
		const struct migration_folder_names *names;
		const char *remote, *name;
	} tests[] = {
		/* INBOX in any case, whatever the prefix */
		{ &names_slash, "INBOX", "INBOX" },
		{ &names_slash, "inbox", "INBOX" },
		{ &names_slash, "InBoX", "INBOX" },
		{ &names_inbox, "Inbox", "INBOX" },
		{ &names_mail, "Inbox", "INBOX" },
		{ &names_flat, "inbox", "INBOX" },
		{ &names_slash, "INBOX2", "INBOX2" },
		{ &names_slash, "INBOX/Foo", "INBOX/Foo" },
		{ &names_slash, "Foo/INBOX", "Foo/INBOX" },
		{ &names_slash, "inbox/Foo", "INBOX/Foo" },
		{ &names_dot, "InBox.foo", "INBOX/foo" },
		{ &names_slash, "inbox2/Foo", "inbox2/Foo" },
		/* the prefix */
		{ &names_inbox, "INBOX.Foo", "Foo" },
		{ &names_inbox, "inbox.Foo", "Foo" },
		{ &names_inbox, "InBox.Foo.Bar", "Foo/Bar" },
		{ &names_inbox, "INBOX.", NULL },
		{ &names_inbox, "Foo", NULL },
		{ &names_inbox, "INBOX/Foo", NULL },
		{ &names_inbox, "INBOXFoo", NULL },
		{ &names_inbox, "", NULL },
		{ &names_mail, "Mail/Foo/Bar", "Foo.Bar" },
		{ &names_mail, "mail/Foo", NULL },
		{ &names_mail, "Mail/", NULL },
		{ &names_mail, "Mail", NULL },
		{ &names_mail, "Other/Foo", NULL },
		{ &names_slash, "", NULL },
		/* not the INBOX */
		{ &names_inbox, "INBOX.INBOX", "INBOX_" },
		{ &names_inbox, "INBOX.inbox", "inbox_" },
		{ &names_inbox, "INBOX.INBOX.Foo", "INBOX/Foo" },
		{ &names_inbox, "INBOX.Foo.INBOX", "Foo/INBOX" },
		{ &names_mail, "Mail/Inbox", "Inbox_" },
		/* nested */
		{ &names_dot, "a.b.c", "a/b/c" },
		{ &names_slash, "a/b/c", "a/b/c" },
		{ &names_mail, "Mail/a/b", "a.b" },
		{ &names_backslash, "a\\b\\c", "a^b^c" },
		/* modified UTF-7 */
		{ &names_slash, "Entw&APw-rfe", "Entw\xc3\xbcrfe" },
		{ &names_slash, "Q&-A", "Q&A" },
		{ &names_slash, "&ZeVnLIqe-/&U,BTFw-",
		  "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e/"
		  "\xe5\x8f\xb0\xe5\x8c\x97" },
		{ &names_slash, "&2D3eAA-", "\xf0\x9f\x98\x80" },
		/* what is no modified UTF-7 is taken as it is */
		{ &names_slash, "a&b", "a&b" },
		{ &names_slash, "R&D", "R&D" },
		{ &names_slash, "x&", "x&" },
		{ &names_slash, "&2D0-", "&2D0-" },
		{ &names_slash, "&APw-&APw-", "&APw-&APw-" },
		{ &names_slash, "R&D/Entw&APw-rfe", "R&D/Entw\xc3\xbcrfe" },
		/* raw UTF-8 */
		{ &names_slash, "Entw\xc3\xbcrfe", "Entw\xc3\xbcrfe" },
		{ &names_slash, "\xf0\x9f\x98\x80/x", "\xf0\x9f\x98\x80/x" },
		{ &names_slash, "\xc3\xbc & x", "\xc3\xbc & x" },
		/* neither */
		{ &names_slash, "a\xfc" "b", "a" UNICODE_REPLACEMENT_CHAR_UTF8
		  "b" },
		{ &names_slash, "a\xc3", "a" UNICODE_REPLACEMENT_CHAR_UTF8 },
		/* control characters, raw and encoded */
		{ &names_slash, "a\001b\tc", "a_b_c" },
		{ &names_slash, "a\r\nb\x7f" "c\x1f", "a__b_c_" },
		{ &names_slash, "a&AAEACg-b", "a__b" },
		{ &names_slash, "a&AAA-b", "a&AAA-b" },
		/* separators within a component */
		{ &names_dot, "a/b.c", "a_b/c" },
		{ &names_slash, "a.b/c", "a_b/c" },
		{ &names_fs, "a.b/c", "a.b/c" },
		{ &names_mail, "Mail/a.b/c", "a_b.c" },
		{ &names_backslash, "a^b/c\\d", "a_b_c^d" },
		{ &names_no_storage, "a.b/c", "a.b/c" },
		/* what Dovecot or the file system would misunderstand */
		{ &names_fs, "~", "_" },
		{ &names_fs, "~user/x", "_user/x" },
		{ &names_fs, "a~/~b", "a~/~b" },
		{ &names_inbox, "INBOX.~user", "_user" },
		{ &names_fs, ".", "_." },
		{ &names_fs, "..", "_.." },
		{ &names_fs, "../../etc", "_../_../etc" },
		{ &names_fs, "a/./b", "a/_./b" },
		{ &names_fs, "a/..", "a/_.." },
		{ &names_fs, "...", "..." },
		{ &names_fs, ".a", ".a" },
		{ &names_slash, "..", "__" },
		{ &names_slash, "a/../b", "a/__/b" },
		{ &names_reserved, "cur", "_cur" },
		{ &names_reserved, "a/dbox-Mails/curs", "a/_dbox-Mails/curs" },
		{ &names_reserved, "Cur/new", "Cur/new" },
		{ &names_fs, "cur", "cur" },
		/* empty components */
		{ &names_slash, "/", "_/_" },
		{ &names_slash, "/a", "_/a" },
		{ &names_slash, "a/", "a/_" },
		{ &names_slash, "a//b", "a/_/b" },
		{ &names_inbox, "INBOX..a", "_/a" },
		/* blanks are kept */
		{ &names_slash, " a ", " a " },
		{ &names_slash, " / a/b ", " / a/b " },
		{ &names_slash, " INBOX", " INBOX" },
		/* no hierarchy */
		{ &names_flat, "a", "a" },
		{ &names_flat, "a/b.c", "a_b_c" },
		{ &names_flat, "a\nb", "a_b" },
		{ &names_flat, "Entw&APw-rfe", "Entw\xc3\xbcrfe" },
	};
	const char *name;

	test_begin("migration folder name");
	for (unsigned int i = 0; i < N_ELEMENTS(tests); i++) {
		name = migration_folder_name(tests[i].names, tests[i].remote);
		test_assert_strcmp_idx(name, tests[i].name, i);
	}
	test_end();
}

static void test_migration_folder_is_changed(void)
{
	static const struct {
		const struct migration_folder_names *names;
		const char *remote, *name;
		bool changed;
	} tests[] = {
		{ &names_slash, "INBOX", "INBOX", FALSE },
		{ &names_slash, "inbox", "INBOX", FALSE },
		{ &names_slash, "inbox/a", "INBOX/a", TRUE },
		{ &names_slash, "a/b", "a/b", FALSE },
		{ &names_slash, "a/b", "a/b_2", TRUE },
		{ &names_slash, "Entw&APw-rfe", "Entw\xc3\xbcrfe", FALSE },
		{ &names_slash, "Entw\xc3\xbcrfe", "Entw\xc3\xbcrfe", FALSE },
		{ &names_slash, "R&D", "R&D", FALSE },
		{ &names_slash, "a.b", "a_b", TRUE },
		{ &names_inbox, "INBOX.a.b", "a/b", FALSE },
		{ &names_inbox, "inbox.a", "a", FALSE },
		{ &names_inbox, "INBOX.a/b", "a_b", TRUE },
		{ &names_inbox, "INBOX.INBOX", "INBOX_", TRUE },
		{ &names_dot, "a/b", "a/b", TRUE },
		{ &names_dot, "..", "_/_/_", TRUE },
		{ &names_flat, "a b", "a b", FALSE },
		{ &names_flat, "a/b", "a_b", TRUE },
		{ &names_mail, "a", "a", TRUE },
	};

	test_begin("migration folder is changed");
	for (unsigned int i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_idx(migration_folder_is_changed(
					tests[i].names, tests[i].remote,
					tests[i].name) == tests[i].changed,
				i);
	}
	test_end();
}

static const char *test_repeat(const char *text, unsigned int count)
{
	string_t *str = t_str_new(256);

	while (count-- > 0)
		str_append(str, text);
	return str_c(str);
}

static size_t test_encoded_length(const char *name)
{
	string_t *encoded = t_str_new(256);

	if (imap_utf8_to_utf7(name, encoded) < 0)
		i_fatal("imap_utf8_to_utf7(%s) failed", name);
	return str_len(encoded);
}

static void test_migration_folder_name_long(void)
{
	static const struct {
		const char *component;
		unsigned int count;
		const char *end;
		/* without the hash, 0 = nothing is cut */
		unsigned int length;
	} tests[] = {
		{ "x", 1, "", 0 },
		{ "x", 200, "", 0 },
		{ "x", 201, "", 191 },
		{ "x", 255, "", 191 },
		{ "x", 5000, "", 191 },
		/* the name on disk has two bytes for each '&' */
		{ "&-", 100, "", 0 },
		{ "&-", 101, "", 95 },
		/* no separator in front of the hash */
		{ "x", 190, "/yyyyyyyyyyyyyyyy", 190 },
		{ "x", 189, "/yyyyyyyyyyyyyyyy", 191 },
		/* no half character: two or four bytes each here */
		{ "&APw-x", 255, "", 31 * 3 + 2 },
		{ "\xc3\xbc", 255, "", 70 * 2 },
		{ "\xf0\x9f\x98\x80", 255, "", 35 * 4 },
	};
	const char *remote, *name;
	size_t len;

	test_begin("migration folder name: long");
	for (unsigned int i = 0; i < N_ELEMENTS(tests); i++) {
		remote = t_strconcat(test_repeat(tests[i].component,
						 tests[i].count),
				     tests[i].end, NULL);
		name = migration_folder_name(&names_slash, remote);
		test_assert_idx(uni_utf8_str_is_valid(name), i);
		test_assert_idx(test_encoded_length(name) <= TEST_MAX_BYTES,
				i);
		if (tests[i].length == 0)
			continue;
		len = strlen(name);
		test_assert_ucmp_idx(len, ==,
				     tests[i].length + TEST_HASH_BYTES, i);
		test_assert_idx(name[len - TEST_HASH_BYTES] == '-', i);
		/* the hash is that of the whole, and always the same */
		test_assert_strcmp_idx(migration_folder_name(&names_slash,
							     remote),
				       name, i);
		remote = t_strconcat(remote, "z", NULL);
		test_assert_idx(strcmp(migration_folder_name(&names_slash,
							     remote),
				       name) != 0, i);
	}
	test_end();
}

static void test_migration_folder_name_deep(void)
{
	const char *remote, *name, *const *components;
	unsigned int count;

	test_begin("migration folder name: deep");
	remote = t_strconcat(test_repeat("a.", 999), "b", NULL);
	name = migration_folder_name(&names_dot, remote);
	test_assert(test_encoded_length(name) <= TEST_MAX_BYTES);
	components = t_strsplit(name, "/");
	count = str_array_length(components);
	test_assert_ucmp(count, >, 1);
	for (unsigned int i = 0; i + 1 < count; i++)
		test_assert_strcmp_idx(components[i], "a", i);
	test_assert(str_begins_with(components[count - 1], "a-"));
	/* empty ones */
	name = migration_folder_name(&names_dot, test_repeat(".", 1000));
	test_assert(test_encoded_length(name) <= TEST_MAX_BYTES);
	test_assert(strstr(name, "//") == NULL);
	test_end();
}

static void test_migration_folder_is_below_inbox(void)
{
	static const struct {
		const char *names[4];
		char sep;
		bool below;
	} tests[] = {
		{ { NULL }, '.', FALSE },
		{ { "INBOX", NULL }, '.', FALSE },
		{ { "INBOX", "INBOX.a", NULL }, '.', TRUE },
		{ { "INBOX.a", "INBOX", "INBOX.a.b", NULL }, '.', TRUE },
		{ { "inbox", "Inbox.a", "INBOX.b", NULL }, '.', TRUE },
		{ { "INBOX.a", NULL }, '.', TRUE },
		{ { "INBOX", "INBOX/a", NULL }, '/', TRUE },
		{ { "INBOX", "INBOX/a", NULL }, '.', FALSE },
		{ { "INBOX", "INBOX.a", "b", NULL }, '.', FALSE },
		{ { "b", "INBOX", "INBOX.a", NULL }, '.', FALSE },
		{ { "INBOX", "INBOXa", NULL }, '.', FALSE },
		{ { "INBOX", "INBO", NULL }, '.', FALSE },
		{ { "INBOX", "", NULL }, '.', FALSE },
		{ { "INBOX", "INBOX.a", NULL }, '\0', FALSE },
		{ { "INBOX", NULL }, '\0', FALSE },
	};

	test_begin("migration folder name: all below INBOX");
	for (unsigned int i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_idx(migration_folder_is_below_inbox(tests[i].names,
								tests[i].sep) ==
				tests[i].below, i);
	}
	test_end();
}

static void test_migration_folder_use(void)
{
	static const struct {
		const char *name, *use;
	} tests[] = {
		{ "Sent", "\\Sent" },
		{ "SENT", "\\Sent" },
		{ "Sent Items", "\\Sent" },
		{ "Gesendete Objekte", "\\Sent" },
		{ "Drafts", "\\Drafts" },
		{ "Entw\xc3\xbcrfe", "\\Drafts" },
		{ "Junk E-mail", "\\Junk" },
		{ "spam", "\\Junk" },
		{ "Deleted Messages", "\\Trash" },
		{ "Papierkorb", "\\Trash" },
		{ "Gel\xc3\xb6schte Elemente", "\\Trash" },
		{ "Archive", "\\Archive" },
		{ "archiv", "\\Archive" },
		{ "", NULL },
		{ "INBOX", NULL },
		{ "Sen", NULL },
		{ "Sent2", NULL },
		{ "Work/Sent", NULL },
		{ "Sent/2019", NULL },
		{ " Sent", NULL },
		{ "\\Sent", NULL },
	};

	test_begin("migration folder name: use");
	for (unsigned int i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_strcmp_idx(migration_folder_use(tests[i].name),
				       tests[i].use, i);
	}
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_folder_name,
		test_migration_folder_is_changed,
		test_migration_folder_name_long,
		test_migration_folder_name_deep,
		test_migration_folder_is_below_inbox,
		test_migration_folder_use,
		NULL
	};

	return test_run(test_functions);
}

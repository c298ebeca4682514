/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "str.h"
#include "strescape.h"
#include "migration-limits.h"
#include "migration-provider-probe.h"
#include "test-common.h"

#define NOW 1700000000
#define DAY MIGRATION_PROBE_SECS

static const struct migration_provider_probe test_known = {
	.name = "Cyrus IMAP", .version = "3.6.1", .capabilities = "CONDSTORE ID",
	.prefix = "INBOX.", .sep = ".", .probed = NOW,
};

static void test_migration_provider_probe_known(void)
{
	static const struct {
		time_t now;
		const char *known;
	} tests[] = {
		{ NOW, "CONDSTORE ID" },
		{ NOW + DAY - 1, "CONDSTORE ID" },
		{ NOW + DAY, "" },
		{ NOW + 100 * DAY, "" },
		/* the clock was wrong then, or is now */
		{ NOW - 1, "" },
	};
	unsigned int i;

	test_begin("migration provider probe: what a worker is told");
	test_assert_strcmp(migration_provider_probe_get_known(NULL, NOW), "");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_strcmp_idx(
			migration_provider_probe_get_known(&test_known,
							   tests[i].now),
			tests[i].known, i);
	}
	test_end();
}

static void test_migration_provider_probe_update(void)
{
	static const struct {
		const char *name, *version, *capabilities, *prefix, *sep;
		time_t now;
		bool written;
		const char *name_after;
	} tests[] = {
		/* 10,000 syncs that see the same write nothing */
		{ "Cyrus IMAP", "3.6.1", "CONDSTORE ID", "INBOX.", ".",
		  NOW + DAY - 1, FALSE, "Cyrus IMAP" },
		{ "", "", "CONDSTORE ID", "INBOX.", ".", NOW + 1, FALSE,
		  "Cyrus IMAP" },
		{ "", "", "CONDSTORE ID", "INBOX.", ".", NOW + DAY, TRUE,
		  "Cyrus IMAP" },
		{ "Cyrus IMAP", "3.6.1", "CONDSTORE ID", "INBOX.", ".",
		  NOW - 1, TRUE, "Cyrus IMAP" },
		{ "Cyrus IMAP", "3.8.0", "CONDSTORE ID", "INBOX.", ".",
		  NOW + 1, TRUE, "Cyrus IMAP" },
		{ "Dovecot", "3.6.1", "CONDSTORE ID", "INBOX.", ".", NOW + 1,
		  TRUE, "Dovecot" },
		{ "", "", "CONDSTORE ID", "", ".", NOW + 1, TRUE,
		  "Cyrus IMAP" },
		{ "", "", "CONDSTORE ID", "INBOX.", "/", NOW + 1, TRUE,
		  "Cyrus IMAP" },
		/* another server: the name is not its */
		{ "", "", "CONDSTORE", "INBOX.", ".", NOW + 1, TRUE, "" },
	};
	struct migration_provider_probe found;
	unsigned int i;

	test_begin("migration provider probe: what is written");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		i_zero(&found);
		found.name = tests[i].name;
		found.version = tests[i].version;
		found.capabilities = tests[i].capabilities;
		found.prefix = tests[i].prefix;
		found.sep = tests[i].sep;
		test_assert_idx(migration_provider_probe_update(&test_known,
			&found, tests[i].now) == tests[i].written, i);
		test_assert_strcmp_idx(found.name, tests[i].name_after, i);
		test_assert_idx(found.probed == tests[i].now, i);
	}
	found = test_known;
	test_assert(migration_provider_probe_update(NULL, &found, NOW));
	test_end();
}

static void test_migration_provider_probe_words(void)
{
	static const struct migration_provider_probe odd = {
		.name = "it's\t\"odd\" \001", .version = "",
		.capabilities = "ID", .prefix = "Entw\xc3\xbcrfe/",
		.sep = "\\",
	};
	struct migration_provider_probe probe;
	string_t *str = t_str_new(128), *longest = t_str_new(1024);
	const char *args[] = { NULL, "", "", "", "", NULL };

	test_begin("migration provider probe: words");
	migration_provider_probe_append(str, &odd);
	test_assert(migration_provider_probe_parse(
		t_strsplit_tabescaped(str_c(str) + 1), &probe) == 0);
	/* as it is shown to people */
	test_assert_strcmp(probe.name, "it's\xef\xbf\xbd\"odd\" \xef\xbf\xbd");
	test_assert_strcmp(probe.version, "");
	test_assert_strcmp(probe.capabilities, "ID");
	test_assert_strcmp(probe.prefix, "Entw\xc3\xbcrfe/");
	test_assert_strcmp(probe.sep, "\\");

	str_append_max(longest, "x", 1);
	while (str_len(longest) < 1000)
		str_append(longest, "yz");
	args[0] = str_c(longest);
	test_assert(migration_provider_probe_parse(args, &probe) == 0);
	test_assert_ucmp(strlen(probe.name), ==, MIGRATION_MAX_PROBE_BYTES);
	args[4] = NULL;
	test_assert(migration_provider_probe_parse(args, &probe) < 0);
	test_assert(migration_provider_probe_parse(
		t_strsplit("a b c d e f", " "), &probe) < 0);
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_provider_probe_known,
		test_migration_provider_probe_update,
		test_migration_provider_probe_words,
		NULL
	};
	return test_run(test_functions);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "test-common.h"
#include "migration-text.h"

#define REPLACED "\xef\xbf\xbd"

static void test_migration_text_sanitize(void)
{
	static const struct {
		const char *text, *clean;
	} tests[] = {
		{ "", "" },
		{ "Cyrus IMAP 3.6", "Cyrus IMAP 3.6" },
		{ "Entw\xc3\xbcrfe \xf0\x9f\x98\x80",
		  "Entw\xc3\xbcrfe \xf0\x9f\x98\x80" },
		/* the first behind the controls */
		{ "\xc2\xa0 \xc3\x80", "\xc2\xa0 \xc3\x80" },
		{ "a\x7f" "b", "a" REPLACED "b" },
		{ "\xc2\x9b" "2J", REPLACED "2J" },
		{ "\xc2\x80\xc2\x9f", REPLACED REPLACED },
	};
	/* what Dovecot replaces */
	static const char *const controls[] = {
		"\x1b[2J", "a\nb", "\r", "\x01", "a\xff" "b", "\xc2", "\x9b"
	};
	unsigned int i;

	test_begin("migration text: sanitize");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_strcmp_idx(migration_text_sanitize(tests[i].text),
				       tests[i].clean, i);
	}
	for (i = 0; i < N_ELEMENTS(controls); i++) {
		const unsigned char *p = (const unsigned char *)
			migration_text_sanitize(controls[i]);

		for (; *p != '\0'; p++)
			test_assert_idx(*p >= ' ' && *p != 0x7f, i);
	}
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_text_sanitize,
		NULL
	};

	return test_run(test_functions);
}

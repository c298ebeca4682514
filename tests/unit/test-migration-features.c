/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-compat.h"
#include "migration-features.h"
#include "test-common.h"

#define DOVECOT \
	"IMAP4rev1 IDLE CONDSTORE ESEARCH ID LIST-EXTENDED LIST-STATUS " \
	"NAMESPACE SPECIAL-USE"
/* after the login, of nextcloud/mail#3401 */
#define ICLOUD \
	"XAPPLEPUSHSERVICE IMAP4 IMAP4rev1 CONDSTORE ENABLE QRESYNC QUOTA " \
	"NAMESPACE UIDPLUS CHILDREN BINARY UNSELECT SORT CATENATE URLAUTH " \
	"LANGUAGE ESEARCH ESORT WITHIN SASL-IR SEARCHRES METADATA ID XMSEARCH " \
	"X-SUN-SORT X-UNAUTHENTICATE X-SUN-IMAP XUM1 MULTISEARCH IDLE " \
	"LIST-STATUS"
/* of zone-eu/wildduck#91 */
#define GMAIL \
	"IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 " \
	"UIDPLUS COMPRESS=DEFLATE ENABLE MOVE CONDSTORE ESEARCH UTF8=ACCEPT " \
	"LIST-EXTENDED LIST-STATUS LITERAL- SPECIAL-USE APPENDLIMIT=35651584"

static enum migration_feature test_parse(const char *str)
{
	enum migration_feature set;
	const char *error;

	if (migration_features_parse(str, &set, &error) < 0)
		i_fatal("%s: %s", str, error);
	return set;
}

static void test_migration_features_get(void)
{
	static const struct {
		const char *setting, *offered;
		/* those of them that a rule is about */
		const char *used;
		const char *quirks;
	} tests[] = {
		{ "", "", "", "" },
		{ "", "IMAP4rev1", "IMAP4rev1", "" },
		{ "", DOVECOT,
		  "IMAP4rev1 CONDSTORE ESEARCH ID LIST-EXTENDED LIST-STATUS "
		  "NAMESPACE SPECIAL-USE", "" },
		{ "", "imap4rev1 condstore List-Extended",
		  "IMAP4rev1 CONDSTORE LIST-EXTENDED", "" },
		{ "no-condstore", DOVECOT,
		  "IMAP4rev1 ESEARCH ID LIST-EXTENDED LIST-STATUS NAMESPACE "
		  "SPECIAL-USE", "" },
		{ "no-condstore", "condstore ID", "ID", "" },
		{ "no-esearch", DOVECOT,
		  "IMAP4rev1 CONDSTORE ID LIST-EXTENDED LIST-STATUS NAMESPACE "
		  "SPECIAL-USE", "" },
		{ "no-id", DOVECOT,
		  "IMAP4rev1 CONDSTORE ESEARCH LIST-EXTENDED LIST-STATUS "
		  "NAMESPACE SPECIAL-USE", "" },
		{ "no-list-status", DOVECOT,
		  "IMAP4rev1 CONDSTORE ESEARCH ID NAMESPACE SPECIAL-USE", "" },
		{ "no-namespace", DOVECOT,
		  "IMAP4rev1 CONDSTORE ESEARCH ID LIST-EXTENDED LIST-STATUS "
		  "SPECIAL-USE", "" },
		{ "no-special-use", DOVECOT,
		  "IMAP4rev1 CONDSTORE ESEARCH ID LIST-EXTENDED LIST-STATUS "
		  "NAMESPACE", "" },
		{ "always-id", "IMAP4rev1 ID", "IMAP4rev1 ID", "" },
		{ " no-esearch\tno-condstore  no-esearch\n", "ESEARCH ID", "ID",
		  "" },
		/* nothing is offered because of the setting */
		{ "no-id", "IMAP4rev1", "IMAP4rev1", "" },
		/* RETURN needs LIST-EXTENDED */
		{ "", "LIST-STATUS LIST-EXTENDED",
		  "LIST-EXTENDED LIST-STATUS", "" },
		{ "", "LIST-STATUS", "", "" },
		{ "", GMAIL,
		  "IMAP4rev1 CONDSTORE ESEARCH ID LIST-EXTENDED LIST-STATUS "
		  "NAMESPACE SPECIAL-USE X-GM-EXT-1", "gmail" },
		{ "no-list-status", GMAIL,
		  "IMAP4rev1 CONDSTORE ESEARCH ID NAMESPACE SPECIAL-USE "
		  "X-GM-EXT-1", "gmail" },
		{ "", ICLOUD,
		  "IMAP4rev1 CONDSTORE ID NAMESPACE X-SUN-IMAP "
		  "XAPPLEPUSHSERVICE", "icloud" },
		/* one of the two alone is another server */
		{ "", "ESEARCH XAPPLEPUSHSERVICE", "ESEARCH XAPPLEPUSHSERVICE",
		  "" },
		{ "", "ESEARCH X-SUN-IMAP", "ESEARCH X-SUN-IMAP", "" },
	};
	struct migration_features features;
	unsigned int i;

	test_begin("migration features: what is used");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		migration_features_get(pool_datastack_create(),
				       test_parse(tests[i].setting),
				       t_strsplit_spaces(tests[i].offered, " "),
				       &features);
		test_assert_strcmp_idx(migration_features_known(features.used),
				       tests[i].used, i);
		test_assert_strcmp_idx(
			migration_quirks_to_string(features.quirks),
			tests[i].quirks, i);
	}
	/* what no rule is about stays */
	migration_features_get(pool_datastack_create(),
			       test_parse("no-id no-condstore"),
			       t_strsplit(DOVECOT, " "), &features);
	test_assert(migration_features_has(&features, "IDLE"));
	test_assert(migration_features_has(&features, "esearch"));
	test_assert(!migration_features_has(&features, "ID"));
	test_assert(!migration_features_has(&features, "CONDSTORE"));
	test_assert(!migration_features_has(&features, "UIDPLUS"));
	i_zero(&features);
	test_assert(!migration_features_has(&features, "ID"));
	test_end();
}

static void test_migration_features_parse(void)
{
	static const struct {
		const char *setting, *word;
	} bad[] = {
		{ "gmail-migration", "'gmail-migration' is not one of " },
		{ "no-id no-condstore,no-esearch",
		  "'no-condstore,no-esearch' is not one of " },
		{ "NO-ID", "'NO-ID' is not one of " },
		{ "no", "'no' is not one of " },
		{ "no-i", "'no-i' is not one of " },
		{ "no-idx", "'no-idx' is not one of " },
		{ "always-id no-id", "'no-id' and 'always-id' exclude " },
	};
	enum migration_feature set;
	const char *error;
	unsigned int i;

	test_begin("migration features: words");
	test_assert(test_parse("") == 0);
	test_assert(test_parse(" \t ") == 0);
	test_assert(test_parse("no-id") == MIGRATION_FEATURE_NO_ID);
	test_assert(test_parse("always-id no-namespace") ==
		    (MIGRATION_FEATURE_ALWAYS_ID |
		     MIGRATION_FEATURE_NO_NAMESPACE));
	for (i = 0; i < N_ELEMENTS(bad); i++) {
		error = "";
		test_assert_idx(migration_features_parse(bad[i].setting, &set,
							 &error) < 0, i);
		test_assert_idx(str_begins_with(error, bad[i].word), i);
	}
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_features_get,
		test_migration_features_parse,
		NULL
	};
	return test_run(test_functions);
}

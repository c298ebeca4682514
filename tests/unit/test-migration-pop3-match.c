/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "str.h"
#include "migration-pop3-match.h"
#include "test-common.h"

#define MAX_MAILS 12

/* A mail is a letter for its header, a number for its size, and perhaps "-" if
   it is here already (IMAP), or "." if its header cannot be had. "?" is a size
   that is not known. POP3 mails are called by their number in the result, IMAP
   mails by their place: "2 0 1" = the first IMAP mail is the second POP3 mail,
   the second is none, the third is the first. */

static void parse_mails(const char *text, bool imap,
			ARRAY_TYPE(migration_pop3_mail) *mails)
{
	const char *const *words = t_strsplit_spaces(text, " ");
	struct migration_pop3_mail *mail;
	unsigned int size;
	const char *p;

	t_array_init(mails, MAX_MAILS);
	for (; *words != NULL; words++) {
		mail = array_append_space(mails);
		mail->number = mail->uid = array_count(mails);
		mail->uidl = imap ? NULL : *words;
		mail->fresh = TRUE;
		mail->hash[0] = (*words)[0];
		mail->size = UOFF_T_MAX;
		p = *words + 1;
		if (*p == '?')
			p++;
		else if (str_parse_uint(p, &size, &p) == 0)
			mail->size = size;
		if (*p == '-') {
			mail->fresh = FALSE;
			p++;
		}
		/* whether it can be had */
		mail->order = *p == '.' ? 1 : 0;
	}
}

static unsigned int get_headers(ARRAY_TYPE(migration_pop3_mail) *mails)
{
	struct migration_pop3_mail *mail;
	unsigned int asked = 0;

	array_foreach_modifiable(mails, mail) {
		if (!mail->want_hash)
			continue;
		asked++;
		mail->has_hash = mail->order == 0;
	}
	return asked;
}

static const char *get_result(const struct migration_pop3_match *match)
{
	const struct migration_pop3_mail *mail, *other;
	string_t *str = t_str_new(64);

	array_foreach(&match->imap, mail) {
		str_printfa(str, "%s%u", str_len(str) == 0 ? "" : " ",
			    mail->match);
		if (mail->match == 0)
			continue;
		other = array_idx(&match->pop3, mail->match - 1);
		test_assert(other->match ==
			    array_ptr_to_idx(&match->imap, mail) + 1);
	}
	return str_c(str);
}

static void test_migration_pop3_match(void)
{
	static const struct {
		const char *pop3, *imap;
		/* with headers, and how many are asked for on both sides */
		const char *with;
		unsigned int asked;
		/* without them */
		const char *without;
	} tests[] = {
		{ "", "", "", 0, "" },
		{ "", "a1 b2", "0 0", 0, "0 0" },
		{ "a1 b2", "", "", 0, "" },
		/* each size is there once, whatever the order */
		{ "a1 b2 c3", "a1 b2 c3", "1 2 3", 0, "1 2 3" },
		{ "c3 a1 b2", "a1 b2 c3", "2 3 1", 0, "2 3 1" },
		/* more on one side, and few: it may be an accident */
		{ "a1 b2 c3", "b2", "2", 4, "0" },
		{ "b2", "a1 b2 c3", "0 1 0", 4, "0 0 0" },
		{ "b2", "a1 b1 c2", "0 1 0", 4, "0 0 0" },
		/* and many */
		{ "a1 b2 c3 d4 e5 f6 g7 h8 i9 j10 k11", "b2 c3 d4 e5 f6 g7 h8 i9 j10 k11",
		  "2 3 4 5 6 7 8 9 10 11", 0, "2 3 4 5 6 7 8 9 10 11" },
		/* equal sizes: the header says who is who */
		{ "a1 b1", "a1 b1", "1 2", 4, "1 2" },
		{ "b1 a1", "a1 b1", "2 1", 4, "1 2" },
		{ "x5 b1 a1 y6", "a1 b1 x5 y6", "3 2 1 4", 4, "0 0 1 4" },
		{ "a1 b1 c3", "c3 a1", "3 1", 5, "0 0" },
		/* one too many on either side */
		{ "a1 b1", "b1", "2", 3, "0" },
		{ "b1", "a1 b1", "0 1", 3, "0 0" },
		{ "a1 b1 c1", "c1 a1", "3 1", 5, "0 0" },
		/* equal in all: any is as good as another, as long as all are
		   there */
		{ "a1 a1", "a1 a1", "1 2", 4, "1 2" },
		{ "a1 a1 b1", "b1 a1 a1", "3 1 2", 6, "1 2 3" },
		{ "a1 a1", "a1", "0", 3, "0" },
		{ "a1", "a1 a1", "0 0", 3, "0 0" },
		/* the same header, another body */
		{ "a2 a1", "a1 a2", "2 1", 0, "2 1" },
		/* headers that cannot be had */
		{ "a1. b1", "a1 b1", "0 2", 4, "1 2" },
		{ "a1 b1", "a1. b1", "0 2", 4, "1 2" },
		{ "a1. b1.", "a1 b1", "0 0", 4, "1 2" },
		/* sizes are counted in another way: headers decide, also where
		   a size fits by accident */
		{ "a11 b12 c13", "a1 b2 c3", "1 2 3", 6, "0 0 0" },
		{ "c13 a11 b12", "a1 b2 c3", "2 3 1", 6, "0 0 0" },
		{ "a2 b3 c4", "a1 b2 c3", "1 2 3", 6, "0 0 0" },
		{ "a2 b3", "a1 b2 c3", "1 2 0", 5, "0 0 0" },
		/* the order of sizes is the same even so */
		{ "a12 a11", "a1 a2", "2 1", 4, "0 0" },
		{ "a12 a11 b9", "a1 a2", "2 1", 5, "0 0" },
		{ "a12 a11 a13", "a1 a2", "0 0", 5, "0 0" },
		/* not known at all */
		{ "a? b? c?", "a1 b2 c3", "1 2 3", 6, "0 0 0" },
		{ "a1 b2", "a? b?", "1 2", 4, "0 0" },
		{ "a? b?", "a? b?", "1 2", 4, "0 0" },
		/* without headers some may differ, but not many */
		{ "a1 b2 c3 d4 e5 f6 g7 h8 i9 j99",
		  "a1 b2 c3 d4 e5 f6 g7 h8 i9 j10", "1 2 3 4 5 6 7 8 9 10", 20,
		  "1 2 3 4 5 6 7 8 9 0" },
		{ "a1 b2 c3 d4 e5 f6 g7 h8 i98 j99",
		  "a1 b2 c3 d4 e5 f6 g7 h8 i9 j10", "1 2 3 4 5 6 7 8 9 10", 20,
		  "0 0 0 0 0 0 0 0 0 0" },
		{ "a1 b2 c3 d99", "a1 b2 c3 d4", "1 2 3 4", 8, "0 0 0 0" },
		/* nobody asks for what is here already */
		{ "a1 b1", "a1- b1-", "0 0", 0, "1 2" },
		{ "a1 b1 c3 d3", "a1- b1- c3 d3", "0 0 3 4", 4, "1 2 3 4" },
		{ "a1 b1", "a1- b1", "1 2", 4, "1 2" },
		{ "a11 b12", "a1- b2-", "0 0", 0, "0 0" },
	};
	struct migration_pop3_match match;
	unsigned int asked;

	test_begin("migration pop3 match: rule");
	for (unsigned int i = 0; i < N_ELEMENTS(tests); i++)
		T_BEGIN
		{
			i_zero(&match);
			parse_mails(tests[i].pop3, FALSE, &match.pop3);
			parse_mails(tests[i].imap, TRUE, &match.imap);
			asked = 0;
			if (migration_pop3_match_sizes(&match, TRUE)) {
				asked = get_headers(&match.pop3) +
					get_headers(&match.imap);
				migration_pop3_match_hashes(&match);
			}
			test_assert_strcmp_idx(get_result(&match),
					       tests[i].with, i);
			test_assert_idx(asked == tests[i].asked, i);

			i_zero(&match);
			parse_mails(tests[i].pop3, FALSE, &match.pop3);
			parse_mails(tests[i].imap, TRUE, &match.imap);
			test_assert_idx(!migration_pop3_match_sizes(&match,
								    FALSE),
					i);
			test_assert_strcmp_idx(get_result(&match),
					       tests[i].without, i);
		}
		T_END;
	test_end();
}

static void test_migration_pop3_match_known(void)
{
	struct migration_pop3_match match;
	struct migration_pop3_mail *mail;

	test_begin("migration pop3 match: known ones keep their match");
	i_zero(&match);
	parse_mails("b1 a1 c1", FALSE, &match.pop3);
	parse_mails("a1- b1 c1", TRUE, &match.imap);
	mail = array_idx_modifiable(&match.pop3, 1);
	mail->match = 1;
	mail = array_idx_modifiable(&match.imap, 0);
	mail->match = 2;
	test_assert(migration_pop3_match_sizes(&match, TRUE));
	test_assert(get_headers(&match.pop3) + get_headers(&match.imap) == 4);
	migration_pop3_match_hashes(&match);
	test_assert_strcmp(get_result(&match), "2 1 3");
	test_end();
}

/* Words of POP3: the IMAP mail, 0 = none, "+" if it is fresh, or "-" if it is
   here and the order that it has. Nothing: it is known, but not here. */
static void test_migration_pop3_match_order(void)
{
	static const struct {
		const char *mails, *orders;
	} tests[] = {
		{ "", "" },
		/* that of the UIDs: nothing to do */
		{ "1+ 2+ 3+", "0 0 0" },
		{ "1+ 0 2+", "0 0 0" },
		{ "1-0 2+ 3+", "0 0 0" },
		/* another one */
		{ "3+ 1+ 2+", "16 32 48" },
		{ "3+ 0 1+", "16 0 32" },
		/* behind what is here */
		{ "2-16 1-32 3+ 4+", "16 32 48 64" },
		{ "2-16 1-32 4+ 3+", "16 32 48 64" },
		/* between them, and in front */
		{ "2-16 3+ 1-32", "16 24 32" },
		{ "2-16 3+ 4+ 1-32", "16 21 26 32" },
		{ "3+ 2-16 1-32", "8 16 32" },
		/* no room any longer: the UIDs decide */
		{ "2-16 3+ 1-17", "16 16 17" },
		{ "3+ 2-1 1-2", "1 1 2" },
		/* once places were given they go on */
		{ "1-16 2-32 3+", "16 32 48" },
		/* there are some without: nobody can come behind them, but by
		   the UIDs */
		{ "1-16 2-0 3+", "16 0 0" },
		{ "3+ 1-0 2-0", "0 0 0" },
		/* what was deleted here does not count */
		{ "1-16 2 3+", "16 0 32" },
		{ "2-16 3 1-32 4+", "16 0 32 48" },
		{ "2 1 3+", "0 0 16" },
		/* the provider has sorted anew */
		{ "1-32 2-16 3+", "32 16 48" },
		{ "1-32 3+ 2-16 4+", "32 32 16 48" },
	};
	struct migration_pop3_match match;
	struct migration_pop3_mail *mail, *imap;
	const char *const *words, *p;
	string_t *str;

	test_begin("migration pop3 match: order");
	for (unsigned int i = 0; i < N_ELEMENTS(tests); i++)
		T_BEGIN
		{
			i_zero(&match);
			t_array_init(&match.pop3, MAX_MAILS);
			parse_mails("a1 b1 c1 d1", TRUE, &match.imap);
			words = t_strsplit_spaces(tests[i].mails, " ");
			for (; *words != NULL; words++) {
				mail = array_append_space(&match.pop3);
				mail->uidl = *words;
				if (str_parse_uint(*words, &mail->match, &p) <
				    0)
					i_unreached();
				if (mail->match == 0)
					continue;
				imap = array_idx_modifiable(&match.imap,
							    mail->match - 1);
				imap->match = array_count(&match.pop3);
				imap->fresh = *p == '+';
				mail->here = *p == '-';
				if (mail->here &&
				    str_to_uint32(p + 1, &mail->order) < 0)
					i_unreached();
			}
			migration_pop3_match_order(&match);
			str = t_str_new(64);
			array_foreach_modifiable(&match.pop3, mail) {
				str_printfa(str, "%s%u",
					    str_len(str) == 0 ? "" : " ",
					    mail->order);
			}
			test_assert_strcmp_idx(str_c(str), tests[i].orders, i);
		}
		T_END;
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_pop3_match,
		test_migration_pop3_match_known,
		test_migration_pop3_match_order,
		NULL
	};

	return test_run(test_functions);
}

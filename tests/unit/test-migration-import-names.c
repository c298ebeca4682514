/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "test-common.h"
#include "migration-import-names.h"

/* What the tests find in the database. */
static void test_names_add_existing(struct migration_import_names *names)
{
	static const struct {
		enum migration_import_type type;
		const char *name, *recipient;
	} existing[] = {
		{ MIGRATION_IMPORT_DOMAIN, "here.example", NULL },
		{ MIGRATION_IMPORT_DOMAIN_ALIAS, "also.example", NULL },
		{ MIGRATION_IMPORT_RELAY_DOMAIN, "relay.example", NULL },
		{ MIGRATION_IMPORT_ACCOUNT, "anna@here.example", NULL },
		{ MIGRATION_IMPORT_ALIAS, "info@here.example",
		  "anna@here.example" },
		{ MIGRATION_IMPORT_ALIAS, "info@here.example",
		  "bert@here.example" },
	};
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(existing); i++) {
		migration_import_names_add_existing(
			names, existing[i].type, existing[i].name,
			existing[i].recipient);
	}
}

struct names_step {
	const char *row;
	enum migration_import_action action;
	/* why not, or the recipients that are left */
	const char *text;
};

static void test_names_step(struct migration_import_names *names,
			    const struct names_step *step, bool keep_existing,
			    unsigned int i, unsigned int j)
{
	struct migration_import_row row;
	const char *error = NULL;
	enum migration_import_action action;

	if (migration_import_parse_modoboa(t_strsplit(step->row, ";"), &row,
					   &error) < 0) {
		test_assert_strcmp_idx(error, "", i * 100 + j);
		return;
	}
	action = migration_import_names_add(names, &row,
					    t_strdup_printf("line %u", j + 1),
					    keep_existing, &error);
	test_assert_idx(action == step->action, i * 100 + j);
	if (action == MIGRATION_IMPORT_INVALID)
		test_assert_strcmp_idx(error, step->text, i * 100 + j);
	else if (step->text != NULL)
		test_assert_strcmp_idx(t_strarray_join(row.recipients, " "),
				       step->text, i * 100 + j);
}

#define ACCOUNT(address) \
	"account;"address";p;;;1;SimpleUsers;"address
#define EXISTS(what) \
	what" exists already (use --continue-if-exists to leave such ones as " \
	"they are)"

static void test_migration_import_names(void)
{
	static const struct {
		bool keep_existing;
		struct names_step steps[5];
	} tests[] = {
		{ FALSE, {
			{ "domain;new.example;0;0;1", MIGRATION_IMPORT_ADD,
			  NULL },
			{ ACCOUNT("bert@new.example"), MIGRATION_IMPORT_ADD,
			  NULL },
			{ "alias;info@new.example;1;bert@new.example",
			  MIGRATION_IMPORT_ADD, "bert@new.example" },
			{ "domainalias;old.example;new.example;1",
			  MIGRATION_IMPORT_ADD, NULL },
		} },
		/* order matters */
		{ FALSE, {
			{ ACCOUNT("bert@new.example"), MIGRATION_IMPORT_INVALID,
			  "there is no domain 'new.example' (it must come "
			  "before)" },
			{ "alias;info@new.example;1;bert@new.example",
			  MIGRATION_IMPORT_INVALID,
			  "there is no domain 'new.example' (it must come "
			  "before)" },
			{ "domainalias;old.example;new.example;1",
			  MIGRATION_IMPORT_INVALID,
			  "there is no domain 'new.example' (it must come "
			  "before)" },
			/* alias and relay domains have no mailboxes */
			{ ACCOUNT("a@also.example"), MIGRATION_IMPORT_INVALID,
			  "there is no domain 'also.example' (it must come "
			  "before)" },
			{ ACCOUNT("a@relay.example"), MIGRATION_IMPORT_INVALID,
			  "there is no domain 'relay.example' (it must come "
			  "before)" },
		} },
		{ FALSE, {
			{ "account;x;p;;;1;DomainAdmins;;;here.example",
			  MIGRATION_IMPORT_LEAVE_OUT, NULL },
			{ "account;x;p;;;1;DomainAdmins;;;here.example;no.example",
			  MIGRATION_IMPORT_INVALID,
			  "there is no domain 'no.example' (it must come "
			  "before)" },
			{ "account;x;p;;;1;SuperAdmins;",
			  MIGRATION_IMPORT_LEAVE_OUT, NULL },
			{ "account;x;p;;;1;DomainAdmins;b@here.example;;no.example",
			  MIGRATION_IMPORT_INVALID,
			  "there is no domain 'no.example' (it must come "
			  "before)" },
		} },
		/* twice in the file, whether or not one may go on */
		{ TRUE, {
			{ "domain;new.example;0;0;1", MIGRATION_IMPORT_ADD,
			  NULL },
			{ "domain;NEW.example;0;0;1", MIGRATION_IMPORT_INVALID,
			  "'new.example' is there twice, also as domain on "
			  "line 1" },
			{ "relaydomain;new.example;h;25;relay;1;1",
			  MIGRATION_IMPORT_INVALID,
			  "'new.example' is there twice, also as domain on "
			  "line 1" },
			{ ACCOUNT("anna@here.example"), MIGRATION_IMPORT_KEEP,
			  NULL },
			{ ACCOUNT("anna@here.example"),
			  MIGRATION_IMPORT_INVALID,
			  "'anna@here.example' is there twice, also as account "
			  "on line 4" },
		} },
		{ TRUE, {
			{ "alias;x@here.example;1;a@b.example",
			  MIGRATION_IMPORT_ADD, "a@b.example" },
			{ "dlist;x@here.example;1;a@b.example",
			  MIGRATION_IMPORT_INVALID,
			  "'x@here.example' is there twice, also as alias on "
			  "line 1" },
		} },
		/* in the database */
		{ FALSE, {
			{ "domain;here.example;0;0;1", MIGRATION_IMPORT_INVALID,
			  EXISTS("domain 'here.example'") },
			{ "relaydomain;relay.example;h;25;relay;1;1",
			  MIGRATION_IMPORT_INVALID,
			  EXISTS("relaydomain 'relay.example'") },
			{ ACCOUNT("anna@here.example"), MIGRATION_IMPORT_INVALID,
			  EXISTS("account 'anna@here.example'") },
			{ "alias;info@here.example;1;c@b.example",
			  MIGRATION_IMPORT_INVALID,
			  EXISTS("alias 'info@here.example'") },
			{ "domain;also.example;0;0;1", MIGRATION_IMPORT_INVALID,
			  "'also.example' exists already, as domainalias" },
		} },
		{ TRUE, {
			{ "domain;here.example;0;0;1", MIGRATION_IMPORT_KEEP,
			  NULL },
			{ "domainalias;also.example;here.example;1",
			  MIGRATION_IMPORT_KEEP, NULL },
			{ "alias;info@here.example;1;c@b.example;"
			  "anna@here.example;d@b.example",
			  MIGRATION_IMPORT_EXTEND, "c@b.example d@b.example" },
			/* the kind of alias does not matter */
			{ "domain;relay.example;0;0;1",
			  MIGRATION_IMPORT_INVALID,
			  "'relay.example' exists already, as relaydomain" },
		} },
		{ TRUE, {
			{ "dlist;info@here.example;1;bert@here.example",
			  MIGRATION_IMPORT_KEEP, "" },
		} },
		/* aliases may be in other names of domains, too */
		{ FALSE, {
			{ "alias;abuse@also.example;1;anna@here.example",
			  MIGRATION_IMPORT_ADD, "anna@here.example" },
			{ "alias;abuse@relay.example;1;anna@here.example",
			  MIGRATION_IMPORT_ADD, "anna@here.example" },
		} },
		/* an account's mail may go elsewhere */
		{ FALSE, {
			{ "forward;anna@here.example;1;a@b.example",
			  MIGRATION_IMPORT_ADD, "a@b.example" },
		} },
	};
	struct migration_import_names *names;
	unsigned int i, j;

	test_begin("migration import names");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		names = migration_import_names_init();
		test_names_add_existing(names);
		for (j = 0; j < N_ELEMENTS(tests[i].steps); j++) {
			if (tests[i].steps[j].row == NULL)
				break;
			test_names_step(names, &tests[i].steps[j],
					tests[i].keep_existing, i, j);
		}
		migration_import_names_deinit(&names);
	}
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_import_names,
		NULL
	};
	return test_run(test_functions);
}

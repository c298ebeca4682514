/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "str.h"
#include "migration-limits.h"
#include "migration-provider.h"
#include "test-common.h"
#include "migration-test-common.h"

#define RANDOM_NAMES 20000

static struct migration_provider_settings test_providers[] = {
	{
		.name = "oldhost",
		.domains = "old.example  Brand.Example=New.example\tx.example",
		.user = "%u",
	},
	{
		.name = "local-part",
		.domains = "short.example \n under_score.example",
		.user = "%n",
	},
	{
		.name = "odd",
		.domains = "odd.example f\xc3\xbcr.example=plain.example a",
		.user = "%d/%n+100%%",
	},
	{
		.name = "nothing",
		.domains = "",
		.user = "%u",
	},
};

static struct migration_settings *
test_settings_create(struct migration_provider_settings *providers,
		     unsigned int count)
{
	struct migration_settings *set = t_new(struct migration_settings, 1);
	unsigned int i;

	t_array_init(&set->providers, count);
	for (i = 0; i < count; i++) {
		struct migration_provider_settings *provider = &providers[i];

		array_push_back(&set->providers, &provider);
	}
	return set;
}

static struct migration_providers *test_index_create(void)
{
	struct migration_providers *providers;
	const char *error = "";

	if (migration_providers_init(
			test_settings_create(test_providers,
					     N_ELEMENTS(test_providers)),
			&providers, &error) < 0)
		i_fatal("migration_providers_init() failed: %s", error);
	return providers;
}

static const struct {
	const char *username;
	enum migration_user_result result;
	const char *provider, *local_user, *remote_user;
} user_tests[] = {
	{ "user@old.example", MIGRATION_USER_OK, "oldhost",
	  "user@old.example", "user@old.example" },
	/* case: ours is folded, the provider gets what was typed */
	{ "First.Last@OLD.Example", MIGRATION_USER_OK, "oldhost",
	  "first.last@old.example", "First.Last@OLD.Example" },
	/* renamed domain */
	{ "User@brand.example", MIGRATION_USER_OK, "oldhost",
	  "user@new.example", "User@brand.example" },
	/* the new name itself is not the provider's */
	{ "user@new.example", MIGRATION_USER_FOREIGN, NULL, NULL, NULL },
	{ "user@x.example", MIGRATION_USER_OK, "oldhost",
	  "user@x.example", "user@x.example" },
	/* other forms of the name at the provider */
	{ "Joe@short.example", MIGRATION_USER_OK, "local-part",
	  "joe@short.example", "Joe" },
	{ "joe@under_score.example", MIGRATION_USER_OK, "local-part",
	  "joe@under_score.example", "joe" },
	{ "joe@odd.example", MIGRATION_USER_OK, "odd",
	  "joe@odd.example", "odd.example/joe+100%" },
	{ "joe@a", MIGRATION_USER_OK, "odd", "joe@a", "a/joe+100%" },
	{ "joe@f\xc3\xbcr.example", MIGRATION_USER_OK, "odd",
	  "joe@plain.example", "f\xc3\xbcr.example/joe+100%" },
	/* what the user typed is never a format */
	{ "%u%d@short.example", MIGRATION_USER_OK, "local-part",
	  "%u%d@short.example", "%u%d" },
	/* the last @ counts */
	{ "a@b@short.example", MIGRATION_USER_OK, "local-part",
	  "a@b@short.example", "a@b" },
	{ "a@short.example@old.example", MIGRATION_USER_OK, "oldhost",
	  "a@short.example@old.example", "a@short.example@old.example" },
	{ "\"a b\"@old.example", MIGRATION_USER_OK, "oldhost",
	  "\"a b\"@old.example", "\"a b\"@old.example" },
	/* nobody serves it */
	{ "", MIGRATION_USER_FOREIGN, NULL, NULL, NULL },
	{ "user", MIGRATION_USER_FOREIGN, NULL, NULL, NULL },
	{ "@", MIGRATION_USER_FOREIGN, NULL, NULL, NULL },
	{ "user@", MIGRATION_USER_FOREIGN, NULL, NULL, NULL },
	{ "@old.example", MIGRATION_USER_FOREIGN, NULL, NULL, NULL },
	{ "user@old.example.", MIGRATION_USER_FOREIGN, NULL, NULL, NULL },
	{ "user@.old.example", MIGRATION_USER_FOREIGN, NULL, NULL, NULL },
	{ "user@sub.old.example", MIGRATION_USER_FOREIGN, NULL, NULL, NULL },
	{ "user@example", MIGRATION_USER_FOREIGN, NULL, NULL, NULL },
	{ "user@old.example ", MIGRATION_USER_FOREIGN, NULL, NULL, NULL },
	{ "user@old.example\r\n", MIGRATION_USER_FOREIGN, NULL, NULL, NULL },
	{ "us\ner@foreign.example", MIGRATION_USER_FOREIGN, NULL, NULL,
	  NULL },
	/* served, but never sent anywhere */
	{ "us\ner@old.example", MIGRATION_USER_REFUSED, NULL, NULL, NULL },
	{ "us\rer@old.example", MIGRATION_USER_REFUSED, NULL, NULL, NULL },
	{ "us\ter@old.example", MIGRATION_USER_REFUSED, NULL, NULL, NULL },
	{ "user\x01@old.example", MIGRATION_USER_REFUSED, NULL, NULL, NULL },
	{ "\x7f@old.example", MIGRATION_USER_REFUSED, NULL, NULL, NULL },
};

static void test_migration_provider_find(void)
{
	struct migration_providers *providers;
	struct migration_user user;
	enum migration_user_result result;
	unsigned int i;

	test_begin("migration provider: whose user is it");
	providers = test_index_create();
	for (i = 0; i < N_ELEMENTS(user_tests); i++) {
		result = migration_providers_find_user(
			providers, user_tests[i].username, &user);
		test_assert_cmp_idx(result, ==, user_tests[i].result, i);
		if (result != MIGRATION_USER_OK) {
			test_assert_idx(user.local_user == NULL &&
					user.remote_user == NULL, i);
			continue;
		}
		test_assert_strcmp_idx(user.provider->name,
				       user_tests[i].provider, i);
		test_assert_strcmp_idx(user.local_user,
				       user_tests[i].local_user, i);
		test_assert_strcmp_idx(user.remote_user,
				       user_tests[i].remote_user, i);
	}
	migration_providers_deinit(&providers);
	test_assert(providers == NULL);
	migration_providers_deinit(&providers);
	test_end();
}

/* local_part letters and then the domain */
static const char *test_long_name(unsigned int local_part, const char *domain)
{
	string_t *str = t_str_new(512);

	while (local_part-- > 0)
		str_append_c(str, 'x');
	str_append(str, domain);
	return str_c(str);
}

static void test_migration_provider_long(void)
{
	static const struct {
		unsigned int size;
		const char *domain;
		enum migration_user_result result;
	} tests[] = {
		{ MIGRATION_MAX_USERNAME_BYTES, "@old.example",
		  MIGRATION_USER_OK },
		{ MIGRATION_MAX_USERNAME_BYTES + 1, "@old.example",
		  MIGRATION_USER_REFUSED },
		{ 100000, "@old.example", MIGRATION_USER_REFUSED },
		{ 100000, "@foreign.example", MIGRATION_USER_FOREIGN },
		/* %d/%n+100% is longer than the name itself by 4 */
		{ MIGRATION_MAX_USERNAME_BYTES - 5, "@odd.example",
		  MIGRATION_USER_OK },
		{ MIGRATION_MAX_USERNAME_BYTES - 4, "@odd.example",
		  MIGRATION_USER_REFUSED },
		/* brand.example becomes one letter shorter */
		{ MIGRATION_MAX_USERNAME_BYTES, "@brand.example",
		  MIGRATION_USER_OK },
		/* f\xc3\xbcr.example becomes one letter longer */
		{ MIGRATION_MAX_USERNAME_BYTES - 6, "@f\xc3\xbcr.example",
		  MIGRATION_USER_OK },
	};
	struct migration_providers *providers;
	struct migration_user user;
	unsigned int i;

	test_begin("migration provider: long names");
	providers = test_index_create();
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		const char *name = test_long_name(
			tests[i].size - strlen(tests[i].domain),
			tests[i].domain);

		test_assert_cmp_idx(
			migration_providers_find_user(providers, name, &user),
			==, tests[i].result, i);
	}
	migration_providers_deinit(&providers);
	test_end();
}

static void
test_check_user(const struct migration_user *user, const char *username,
		unsigned int i)
{
	const unsigned char *p;

	test_assert_idx(user->provider != NULL, i);
	test_assert_idx(strchr(user->local_user, '@') != NULL, i);
	test_assert_strcmp_idx(t_str_lcase(user->local_user),
			       user->local_user, i);
	/* the part before the last @ is the user's */
	test_assert_strcmp_idx(
		t_strdup_until(user->local_user,
			       strrchr(user->local_user, '@')),
		t_str_lcase(t_strdup_until(username, strrchr(username, '@'))),
		i);
	test_assert_idx(strlen(user->local_user) <=
			MIGRATION_MAX_USERNAME_BYTES, i);
	test_assert_idx(strlen(user->remote_user) <=
			MIGRATION_MAX_USERNAME_BYTES, i);
	for (p = (const void *)user->remote_user; *p != '\0'; p++)
		test_assert_idx(*p >= 0x20 && *p != 0x7f, i);
	for (p = (const void *)user->local_user; *p != '\0'; p++)
		test_assert_idx(*p >= 0x20 && *p != 0x7f, i);
}

/* Pieces that mean something, and any bytes between them. */
static const char *test_random_name(void)
{
	static const char *const pieces[] = {
		"@", "@", "old.example", "OLD.EXAMPLE", "brand.example",
		"new.example", "short.example", "odd.example", "a", ".", "%u",
		"%d", "%", "\r\n", "\n", "\x7f", "f\xc3\xbcr.example",
		"\xff", "=", " ", "\"", "user", "USER", "@old.example",
		"@odd.example", "@short.example", "@brand.example",
	};
	string_t *str = t_str_new(128);
	unsigned int i, j, count = test_random(6), size;

	for (i = 0; i < count; i++) {
		if (test_random(4) > 0) {
			str_append(str,
				   pieces[test_random(N_ELEMENTS(pieces))]);
			continue;
		}
		size = test_random(test_random(50) == 0 ? 400 : 5);
		for (j = 0; j < size; j++)
			str_append_c(str, 1 + test_random(255));
	}
	return str_c(str);
}

static void test_migration_provider_random(void)
{
	struct migration_providers *providers;
	unsigned int i, counts[3] = { 0, 0, 0 };

	test_begin("migration provider: random names");
	providers = test_index_create();
	for (i = 0; i < RANDOM_NAMES; i++) T_BEGIN {
		const char *username = test_random_name();
		struct migration_user user;
		enum migration_user_result result;

		result = migration_providers_find_user(providers, username,
						       &user);
		counts[result + 1]++;
		if (result == MIGRATION_USER_OK)
			test_check_user(&user, username, i);
		else
			test_assert_idx(user.local_user == NULL &&
					user.remote_user == NULL, i);
	} T_END;
	migration_providers_deinit(&providers);
	/* all of them were reached */
	test_assert(counts[0] > 100 && counts[1] > 100 && counts[2] > 100);
	test_end();
}

static void test_migration_provider_bad_domains(void)
{
	static const struct {
		const char *domains, *word;
	} tests[] = {
		{ "=", "=" },
		{ "a.example=", "a.example=" },
		{ "=b.example", "=b.example" },
		{ "a.example=b.example=c.example",
		  "a.example=b.example=c.example" },
		{ "ok.example .a.example", ".a.example" },
		{ "a.example.", "a.example." },
		{ "a..example", "a..example" },
		{ "-a.example", "-a.example" },
		{ "a.example=-b", "a.example=-b" },
		{ "a.example,b.example", "a.example,b.example" },
		{ "user@a.example", "user@a.example" },
		{ "@a.example", "@a.example" },
		{ "*.example", "*.example" },
		{ "a.example:993", "a.example:993" },
		{ "a/b", "a/b" },
		{ "a.example = b.example", "=" },
		{ "a.ex\rample", "a.ex\rample" },
	};
	struct migration_provider_settings set = {
		.name = "bad",
		.user = "%u",
	};
	struct migration_providers *providers;
	const char *error;
	unsigned int i;

	test_begin("migration provider: not domains");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		set.domains = tests[i].domains;
		error = NULL;
		test_assert_idx(migration_providers_init(
			test_settings_create(&set, 1), &providers,
			&error) < 0, i);
		test_assert_idx(providers == NULL, i);
		test_assert_strcmp_idx(error, t_strdup_printf(
			"migration_provider bad: domains: '%s' is not a "
			"domain or domain=new-domain", tests[i].word), i);
	}
	test_end();
}

static void test_migration_provider_domain_length(void)
{
	struct migration_provider_settings set = { .name = "p", .user = "%u" };
	struct migration_providers *providers;
	struct migration_user user;
	const char *error, *longest = test_long_name(255, "");

	test_begin("migration provider: long domains");
	set.domains = longest;
	test_assert(migration_providers_init(test_settings_create(&set, 1),
					     &providers, &error) == 0);
	test_assert(migration_providers_find_user(
		providers, t_strconcat("u@", longest, NULL), &user) ==
		MIGRATION_USER_OK);
	migration_providers_deinit(&providers);

	set.domains = t_strconcat(longest, "x", NULL);
	test_assert(migration_providers_init(test_settings_create(&set, 1),
					     &providers, &error) < 0);
	set.domains = t_strconcat("a=", longest, "x", NULL);
	test_assert(migration_providers_init(test_settings_create(&set, 1),
					     &providers, &error) < 0);
	test_end();
}

static void test_migration_provider_twice(void)
{
	static const struct {
		const char *first, *second, *error;
	} tests[] = {
		{ "a.example", "a.example", "'a.example' is already served "
		  "by migration_provider one" },
		{ "a.example", "b.example A.EXAMPLE", "'a.example' is already "
		  "served by migration_provider one" },
		{ "a.example=new.example", "a.example", "'a.example' is "
		  "already served by migration_provider one" },
		{ "", "a.example b.example a.example=x", "'a.example' is "
		  "already served by migration_provider two" },
		/* two old domains may become one */
		{ "a.example=new.example", "b.example=new.example", NULL },
		{ "a.example", "b.example=a.example", NULL },
		{ "a.example", "sub.a.example", NULL },
	};
	struct migration_provider_settings set[] = {
		{ .name = "one", .user = "%u" },
		{ .name = "two", .user = "%u" },
	};
	struct migration_providers *providers;
	const char *error;
	unsigned int i;
	int ret;

	test_begin("migration provider: a domain claimed twice");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		set[0].domains = tests[i].first;
		set[1].domains = tests[i].second;
		error = NULL;
		ret = migration_providers_init(
			test_settings_create(set, N_ELEMENTS(set)),
			&providers, &error);
		test_assert_idx((ret == 0) == (tests[i].error == NULL), i);
		if (ret < 0) {
			test_assert_strcmp_idx(error, t_strconcat(
				"migration_provider two: domains: ",
				tests[i].error, NULL), i);
		}
		migration_providers_deinit(&providers);
	}
	test_end();
}

static void test_migration_provider_new_name(void)
{
	static const struct {
		const char *username;
		bool result;
	} tests[] = {
		{ "user@new.example", TRUE },
		{ "User@NEW.Example", TRUE },
		{ "a@b@plain.example", TRUE },
		{ "user@brand.example", FALSE },
		{ "user@old.example", FALSE },
		{ "user@sub.new.example", FALSE },
		{ "@new.example", FALSE },
		{ "new.example", FALSE },
		{ "us\ner@new.example", FALSE },
		{ "", FALSE },
	};
	struct migration_providers *providers;
	unsigned int i;

	test_begin("migration provider: names in new domains");
	providers = test_index_create();
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_idx(migration_providers_is_new_name(
					providers, tests[i].username) ==
					tests[i].result,
				i);
	}
	migration_providers_deinit(&providers);
	test_end();
}

static void test_migration_provider_none(void)
{
	struct migration_settings set;
	struct migration_providers *providers;
	struct migration_user user;
	const char *error;

	test_begin("migration provider: none at all");
	i_zero(&set);
	test_assert(migration_providers_init(&set, &providers, &error) == 0);
	test_assert(migration_providers_find_user(
		providers, "user@old.example", &user) ==
		MIGRATION_USER_FOREIGN);
	migration_providers_deinit(&providers);
	test_end();
}

static void test_migration_provider_expand(void)
{
	static const struct {
		const char *format, *username, *result;
	} tests[] = {
		{ "%u", "user@a.example", "user@a.example" },
		{ "%n", "user@a.example", "user" },
		{ "%d", "user@a.example", "a.example" },
		{ "", "user@a.example", "" },
		{ "text", "user@a.example", "text" },
		{ "%n%d%u", "u@d", "udu@d" },
		{ "%%u", "u@d", "%u" },
		{ "%n%%", "u@d", "u%" },
		{ "%n", "x@y@d", "x@y" },
		{ "%d", "x@y@d", "d" },
		{ "%n-%d", "nodomain", "nodomain-" },
		{ "%n", "%d@d", "%d" },
		/* anything else */
		{ "%", "u@d", NULL },
		{ "%n%", "u@d", NULL },
		{ "%x", "u@d", NULL },
		{ "%U", "u@d", NULL },
		{ "%Lu", "u@d", NULL },
		{ "%5u", "u@d", NULL },
		{ "%{user}", "u@d", NULL },
		{ "%{env:HOME}", "u@d", NULL },
		{ "%{if;%n;>;5;a;b}", "7@d", NULL },
	};
	const char *result, *error;
	unsigned int i;
	int ret;

	test_begin("migration provider: name at the provider");
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		error = NULL;
		ret = migration_provider_expand_user(
			tests[i].format, tests[i].username, &result, &error);
		test_assert_idx((ret == 0) == (tests[i].result != NULL), i);
		if (ret == 0)
			test_assert_strcmp_idx(result, tests[i].result, i);
		else
			test_assert_idx(error != NULL, i);
	}
	test_end();
}

static void test_migration_providers_find_added(void)
{
	static struct migration_provider_settings sets[] = {
		{
			.name = "oldhost",
			.domains = "old.example brand.example=brand.net "
				"a.example=many.net b.example=Many.net",
			.user = "%u",
		},
		{
			.name = "other",
			.domains = "other.example",
			.user = "%n",
		},
		{
			.name = "empty",
			.domains = "",
			.user = "%u",
		},
	};
	static const struct {
		unsigned int provider;
		const char *username, *remote_user;
		/* NULL = refused, then error is a part of why */
		const char *local, *remote, *error;
	} tests[] = {
		{ 0, "Anna@Old.example", NULL, "anna@old.example",
		  "Anna@Old.example", NULL },
		{ 0, "anna@old.example", "a17", "anna@old.example", "a17",
		  NULL },
		/* the name is a folder here */
		{ 0, "../anna@old.example", NULL, NULL, NULL, "has a slash" },
		{ 0, "a/b@old.example", "a17", NULL, NULL, "has a slash" },
		{ 0, ".anna@old.example", NULL, NULL, NULL, "with a dot" },
		{ 0, ".anna@brand.net", NULL, NULL, NULL, "with a dot" },
		{ 0, "f\xfcr@old.example", NULL, NULL, NULL, "not UTF-8" },
		{ 0, "f\xc3\xbcr@old.example", NULL, "f\xc3\xbcr@old.example",
		  "f\xc3\xbcr@old.example", NULL },
		{ 1, "anna@other.example", NULL, "anna@other.example", "anna",
		  NULL },
		/* as they type it there, and as they are called here */
		{ 0, "anna@brand.example", NULL, "anna@brand.net",
		  "anna@brand.example", NULL },
		{ 0, "Anna@Brand.net", NULL, "anna@brand.net",
		  "Anna@brand.example", NULL },
		{ 0, "anna@brand.net", "a17", "anna@brand.net", "a17", NULL },
		{ 0, "anna@many.net", NULL, NULL, NULL, "Several domains" },
		{ 0, "anna@many.net", "anna@b.example", "anna@many.net",
		  "anna@b.example", NULL },
		/* whose first login would not be asked about there */
		{ 1, "anna@old.example", NULL, NULL, NULL,
		  "but migration_provider oldhost does" },
		{ 0, "anna@foreign.example", "a17", NULL, NULL,
		  "its domains are: old.example" },
		{ 1, "anna@brand.net", "a17", NULL, NULL, "its domains are" },
		{ 2, "anna@old.example", NULL, NULL, NULL,
		  "but migration_provider oldhost does" },
		{ 0, "anna", NULL, NULL, NULL, "its domains are" },
		{ 0, "@old.example", NULL, NULL, NULL, "its domains are" },
		{ 0, "", NULL, NULL, NULL, "its domains are" },
		{ 0, "an\tna@old.example", NULL, NULL, NULL, "control" },
		{ 0, "an\tna@foreign.example", NULL, NULL, NULL, "control" },
		{ 0, "anna@old.example", "", NULL, NULL, "empty" },
		{ 0, "anna@old.example", "a\r17", NULL, NULL, "control" },
	};
	struct migration_providers *providers;
	struct migration_user user;
	const char *error, *name;
	unsigned int i;
	int ret;

	test_begin("migration providers: somebody who is added");
	if (migration_providers_init(test_settings_create(
			sets, N_ELEMENTS(sets)), &providers, &error) < 0)
		i_fatal("%s", error);
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		error = "";
		ret = migration_providers_find_added(
			providers, &sets[tests[i].provider], tests[i].username,
			tests[i].remote_user, &user, &error);
		test_assert_idx((ret == 0) == (tests[i].local != NULL), i);
		if (ret < 0) {
			test_assert_idx(tests[i].error != NULL &&
					strstr(error, tests[i].error) != NULL,
					i);
			continue;
		}
		test_assert_idx(user.provider == &sets[tests[i].provider], i);
		test_assert_strcmp_idx(user.local_user, tests[i].local, i);
		test_assert_strcmp_idx(user.remote_user, tests[i].remote, i);
	}
	name = t_strdup_printf("%0*d", MIGRATION_MAX_USERNAME_BYTES + 1, 0);
	test_assert(migration_providers_find_added(
		providers, &sets[0], "anna@old.example", name, &user,
		&error) < 0);
	migration_providers_deinit(&providers);
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_provider_find,
		test_migration_provider_long,
		test_migration_provider_random,
		test_migration_provider_bad_domains,
		test_migration_provider_domain_length,
		test_migration_provider_twice,
		test_migration_provider_new_name,
		test_migration_provider_none,
		test_migration_provider_expand,
		test_migration_providers_find_added,
		NULL
	};
	return test_run(test_functions);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* What providers' servers are like. */

#include "lib.h"
#include "test-common.h"
#include "migration-test-common.h"
#include "migration-test-store.h"

static const struct migration_provider_probe test_probe = {
	.name = "Cyrus IMAP", .version = "3.6.1-4", .capabilities = "ID",
	.prefix = "INBOX.", .sep = ".", .probed = NOW,
};

struct test_probe_answer {
	unsigned int calls;
	int ret;
	const struct migration_provider_probe *probe;
};

static void
test_probe_callback(int ret, const struct migration_provider_probe *probe,
		    const char *error, void *context)
{
	struct test_probe_answer *answer = context;

	test_assert((probe != NULL) == (ret > 0));
	test_assert((error != NULL) == (ret < 0));
	answer->calls++;
	answer->ret = ret;
	if (probe != NULL) {
		answer->probe = migration_provider_probe_dup(test_store_pool,
							     probe);
	}
}

static const struct migration_provider_probe *
test_get(struct migration_store *store, const char *provider, int *ret_r)
{
	struct test_probe_answer answer = { .calls = 0 };

	migration_store_get_probe(store, provider, test_probe_callback,
				  &answer);
	test_assert_ucmp(answer.calls, ==, 1);
	*ret_r = answer.ret;
	return answer.probe;
}

static void test_assert_probe(struct migration_store *store,
			      const char *provider,
			      const struct migration_provider_probe *expected)
{
	const struct migration_provider_probe *probe;
	int ret;

	probe = test_get(store, provider, &ret);
	test_assert(ret == 1);
	if (probe == NULL)
		return;
	test_assert_strcmp(probe->name, expected->name);
	test_assert_strcmp(probe->version, expected->version);
	test_assert_strcmp(probe->capabilities, expected->capabilities);
	test_assert_strcmp(probe->prefix, expected->prefix);
	test_assert_strcmp(probe->sep, expected->sep);
	test_assert(probe->probed == expected->probed);
}

static int test_set(struct migration_store *store, const char *provider,
		    const struct migration_provider_probe *probe)
{
	int ret;

	TEST_STORE(&ret, migration_store_set_probe, store, provider, probe);
	return ret;
}

static void test_migration_store_probe(void)
{
	static const struct migration_provider_probe odd = {
		.name = "it's \"odd\" \\ %_ ?", .version = "", .prefix = "",
		.capabilities = "", .sep = "\\", .probed = NOW + 1,
	};
	struct migration_store *store;
	int ret;

	test_begin("migration store probe");
	store = test_store_open();
	test_assert(test_get(store, "oldhost", &ret) == NULL && ret == 0);
	test_assert(test_set(store, "oldhost", &test_probe) == 1);
	test_assert_probe(store, "oldhost", &test_probe);
	/* another provider's */
	test_assert(test_get(store, "Oldhost", &ret) == NULL && ret == 0);
	test_assert(test_set(store, "second", &test_probe) == 1);
	test_assert(test_set(store, "oldhost", &odd) == 1);
	test_assert_probe(store, "oldhost", &odd);
	test_assert_probe(store, "second", &test_probe);
	/* a row of somebody's hand */
	test_store_exec(store, "UPDATE migration_probe SET probed = 'soon' "
			"WHERE provider = 'oldhost'");
	test_assert(test_get(store, "oldhost", &ret) == NULL && ret == 0);
	test_store_exec(store, "DROP TABLE migration_probe");
	test_assert(test_get(store, "oldhost", &ret) == NULL && ret == -1);
	test_assert(test_set(store, "oldhost", &odd) == -1);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

/* A database of the version before. */
static void test_migration_store_probe_upgrade(void)
{
	struct migration_store *store;
	struct migration_record record;

	test_begin("migration store probe: upgrade");
	store = test_store_open();
	test_store_adopt(store, "user@old.example", NOW);
	test_store_undo_to_7(store);
	test_store_exec(store, "DROP TABLE migration_probe");
	test_store_exec(store,
			"DELETE FROM migration_schema WHERE version >= 7");
	migration_store_deinit(&store);

	/* not by doveadm */
	store = test_store_init(test_store_path(), FALSE);
	test_assert(test_store_try_open(store) == -1);
	migration_store_deinit(&store);

	store = test_store_open();
	test_assert_strcmp(test_store_value(store,
		"SELECT version FROM migration_schema WHERE version = 7"), "7");
	test_assert(test_store_lookup(store, "user@old.example", &record) ==
		    MIGRATION_STORE_RECORD);
	test_assert(test_set(store, "oldhost", &test_probe) == 1);
	test_assert_probe(store, "oldhost", &test_probe);
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_store_probe,
		test_migration_store_probe_upgrade,
		NULL
	};
	return test_store_run(test_functions);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "str.h"
#include "test-common.h"
#include "migration-test-common.h"
#include "migration-test-store.h"

#define USER "user@old.example"
#define OTHER "other@old.example"
#define MANY_MAILBOXES 1001

/* A database as version 1 of the schema left it, with a user in it. */
static const char *const schema_1[] = {
	"CREATE TABLE migration_schema (version INTEGER NOT NULL PRIMARY KEY)",
	"CREATE TABLE migration_domain ("
	" name VARCHAR(255) NOT NULL PRIMARY KEY,"
	" created BIGINT NOT NULL)",
	"CREATE TABLE migration_account ("
	" username VARCHAR(320) NOT NULL PRIMARY KEY,"
	" domain VARCHAR(255) NOT NULL,"
	" password VARCHAR(512) NOT NULL,"
	" enabled INTEGER NOT NULL DEFAULT 1,"
	" created BIGINT NOT NULL)",
	"CREATE TABLE migration_job ("
	" username VARCHAR(320) NOT NULL PRIMARY KEY,"
	" provider VARCHAR(255) NOT NULL,"
	" remote_user VARCHAR(320) NOT NULL,"
	" mechanism VARCHAR(32) NOT NULL,"
	" phase VARCHAR(16) NOT NULL,"
	" control VARCHAR(16) NOT NULL,"
	" reason VARCHAR(16) NOT NULL DEFAULT '',"
	" adopted_password VARCHAR(512) NOT NULL,"
	" credential TEXT NOT NULL,"
	" login VARCHAR(16) NOT NULL,"
	" attempts INTEGER NOT NULL DEFAULT 0,"
	" error VARCHAR(1000) NOT NULL DEFAULT '',"
	" created BIGINT NOT NULL,"
	" last_login BIGINT NOT NULL DEFAULT 0,"
	" last_sync BIGINT NOT NULL DEFAULT 0,"
	" next_sync BIGINT NOT NULL DEFAULT 0,"
	" messages_done BIGINT NOT NULL DEFAULT 0,"
	" messages_total BIGINT NOT NULL DEFAULT 0,"
	" bytes_done BIGINT NOT NULL DEFAULT 0,"
	" lease_owner VARCHAR(255) NOT NULL DEFAULT '',"
	" lease_until BIGINT NOT NULL DEFAULT 0)",
	"CREATE INDEX migration_job_due"
	" ON migration_job (provider, phase, control, next_sync)",
	"CREATE VIEW migration_passdb AS"
	" SELECT a.username, a.password,"
	" CASE WHEN (j.phase = 'initial' AND j.login = 'wait')"
	" OR (j.phase <> 'finished' AND j.control = 'blocked'"
	" AND j.reason = 'local')"
	" THEN 1 ELSE 0 END AS hold"
	" FROM migration_account a"
	" LEFT JOIN migration_job j ON j.username = a.username"
	" WHERE a.enabled = 1",
	"CREATE VIEW migration_userdb AS"
	" SELECT username, domain FROM migration_account WHERE enabled = 1",
	"INSERT INTO migration_schema (version) VALUES (1)",

	"INSERT INTO migration_domain VALUES ('old.example', 1700000000)",
	"INSERT INTO migration_account VALUES"
	" ('" USER "', 'old.example', '{PLAIN}x', 1, 1700000000)",
	"INSERT INTO migration_job (username, provider, remote_user, mechanism,"
	" phase, control, adopted_password, credential, login, created,"
	" messages_done, messages_total, bytes_done) VALUES"
	" ('" USER "', 'oldhost', 'remote', 'PLAIN', 'initial', 'active',"
	" '{PLAIN}x', 'Ym94', 'wait', 1700000000, 5, 9, 5000000000)",
};

static string_t *list;
static unsigned int list_ends;

static void
test_list_callback(int ret, const struct migration_mailbox *mailbox,
		   const char *error, void *context ATTR_UNUSED)
{
	test_assert((mailbox != NULL) == (ret > 0));
	test_assert((error != NULL) == (ret < 0));
	if (mailbox == NULL) {
		list_ends++;
		return;
	}
	str_printfa(list, "%s %u/%u %"PRIu64"|", mailbox->name,
		    mailbox->messages_done, mailbox->messages_total,
		    mailbox->bytes_done);
}

/* "name done/total bytes|" for each */
static const char *test_list(struct migration_store *store, const char *user)
{
	list = t_str_new(256);
	list_ends = 0;
	migration_store_list_mailboxes(store, user, test_list_callback, NULL);
	test_assert_ucmp(list_ends, ==, 1);
	return str_c(list);
}

static int
test_write(struct migration_store *store, const char *owner, bool replace,
	   const struct migration_mailbox *mailboxes, unsigned int count)
{
	const struct migration_mailbox **list =
		t_new(const struct migration_mailbox *, count + 1);
	struct migration_mailbox_changes changes;
	struct migration_record record;
	unsigned int i;
	int ret;

	for (i = 0; i < count; i++)
		list[i] = &mailboxes[i];
	i_zero(&changes);
	changes.mailboxes = list;
	changes.count = count;
	changes.replace = replace;
	i_zero(&record);
	record.username = USER;
	record.lease_owner = owner;
	record.lease_until = NOW + 60;
	TEST_STORE(&ret, migration_store_progress, store, &record, &changes);
	return ret;
}

static void test_lease(struct migration_store *store, const char *username)
{
	struct migration_record record = test_store_record(store, username);
	int ret;

	TEST_STORE(&ret, migration_store_lease, store, &record, "one", NOW,
		   NOW + 60);
	test_assert(ret == 1);
}

static struct migration_store *test_mailbox_store(void)
{
	struct migration_store *store = test_store_open();

	test_store_adopt(store, USER, NOW);
	test_store_adopt(store, OTHER, NOW);
	test_lease(store, USER);
	return store;
}

static void test_migration_store_mailboxes(void)
{
	static const struct migration_mailbox first[] = {
		{ "INBOX", 1, 10, 100 },
		{ "Entwürfe/日本", 0, 3, 0 },
		{ "it's \"odd\"\\%_", 7, 8, 5000000000 },
	};
	static const struct migration_mailbox second[] = {
		{ "INBOX", 2, 11, 200 },
		{ "New", 0, 0, 0 },
	};
	static const struct migration_mailbox others[] = {
		{ "Other", 1, 2, 3 },
	};
	struct migration_store *store;

	test_begin("migration store: mailboxes");
	store = test_mailbox_store();
	test_assert_strcmp(test_list(store, USER), "");
	test_assert(test_write(store, "one", TRUE, first, 3) == 1);
	test_assert_strcmp(test_list(store, USER),
			   "Entwürfe/日本 0/3 0|INBOX 1/10 100|"
			   "it's \"odd\"\\%_ 7/8 5000000000|");
	/* only what has changed */
	test_assert(test_write(store, "one", FALSE, second, 2) == 1);
	test_assert_strcmp(test_list(store, USER),
			   "Entwürfe/日本 0/3 0|INBOX 2/11 200|"
			   "New 0/0 0|it's \"odd\"\\%_ 7/8 5000000000|");
	test_assert(test_write(store, "one", FALSE, NULL, 0) == 1);
	test_assert_strcmp(test_list(store, OTHER), "");
	/* another pull */
	test_assert(test_write(store, "one", TRUE, second, 2) == 1);
	test_assert_strcmp(test_list(store, USER), "INBOX 2/11 200|New 0/0 0|");
	/* who has lost the lease changes nothing */
	test_assert(test_write(store, "two", FALSE, others, 1) == 0);
	test_assert(test_write(store, "two", TRUE, others, 1) == 0);
	test_assert_strcmp(test_list(store, USER), "INBOX 2/11 200|New 0/0 0|");
	/* with the record, and nobody else's */
	test_store_exec(store, "INSERT INTO migration_mailbox "
			"(username, name) VALUES ('"OTHER"', 'Kept')");
	test_store_exec(store, "DELETE FROM migration_account "
			"WHERE username = '"USER"'");
	test_store_adopt(store, USER, NOW);
	test_assert_strcmp(test_list(store, USER), "");
	test_assert_strcmp(test_list(store, OTHER), "Kept 0/0 0|");
	/* a row of somebody's hand */
	test_store_exec(store, "INSERT INTO migration_mailbox "
			"(username, name, messages_done) VALUES "
			"('"OTHER"', 'Broken', 'many')");
	test_assert_strcmp(test_list(store, OTHER), "Kept 0/0 0|");
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

/* The last figures are written together with the result. */
static void test_migration_store_mailboxes_finish(void)
{
	static const struct migration_mailbox mailbox = { "INBOX", 9, 9, 900 };
	static const struct migration_mailbox *mailboxes[] = { &mailbox };
	static const struct migration_mailbox_changes changes = {
		.mailboxes = mailboxes,
		.count = 1,
	};
	struct migration_store *store;
	struct migration_record before, record;
	int ret;

	test_begin("migration store: mailboxes at the end of a sync");
	store = test_mailbox_store();
	before = record = test_store_record(store, USER);
	record.lease_owner = "";
	record.lease_until = 0;
	TEST_STORE(&ret, migration_store_finish_sync, store, &before,
		   &record, "two",
		   &changes, NULL);
	test_assert(ret == 0);
	test_assert_strcmp(test_list(store, USER), "");
	TEST_STORE(&ret, migration_store_finish_sync, store, &before,
		   &record, "one",
		   &changes, NULL);
	test_assert(ret == 1);
	test_assert_strcmp(test_list(store, USER), "INBOX 9/9 900|");
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

/* More than one statement takes. */
static void test_migration_store_mailboxes_many(void)
{
	static struct migration_mailbox mailboxes[MANY_MAILBOXES];
	struct migration_store *store;
	unsigned int i, round;

	test_begin("migration store: many mailboxes");
	store = test_mailbox_store();
	for (i = 0; i < MANY_MAILBOXES; i++) {
		mailboxes[i].name = p_strdup_printf(test_store_pool,
						    "Folder %u", i);
		mailboxes[i].messages_total = i;
	}
	for (round = 0; round < 3; round++) {
		for (i = 0; i < MANY_MAILBOXES; i++)
			mailboxes[i].messages_done = round;
		test_assert(test_write(store, "one", round == 0, mailboxes,
				       MANY_MAILBOXES) == 1);
		test_assert_strcmp(test_store_value(store,
			"SELECT COUNT(*) || ' ' || SUM(messages_total) || ' '"
			" || SUM(messages_done) FROM migration_mailbox"),
			t_strdup_printf("%u %u %u", MANY_MAILBOXES,
					MANY_MAILBOXES *
					(MANY_MAILBOXES - 1) / 2,
					MANY_MAILBOXES * round));
	}
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

static void test_migration_store_upgrade_1(void)
{
	static const struct migration_mailbox mailbox = { "INBOX", 1, 2, 3 };
	struct migration_store *store;
	struct migration_record record;
	unsigned int i;

	test_begin("migration store: a database of version 1 is upgraded");
	store = test_store_init(test_store_path(), TRUE);
	for (i = 0; i < N_ELEMENTS(schema_1); i++)
		test_store_exec(store, schema_1[i]);
	migration_store_deinit(&store);

	store = test_store_open();
	test_assert_strcmp(test_store_value(store,
		"SELECT version FROM migration_schema WHERE version = 2"), "2");
	record = test_store_record(store, USER);
	test_assert_strcmp(record.remote_user, "remote");
	test_assert(record.messages_done == 5 && record.messages_total == 9 &&
		    record.bytes_done == 5000000000);
	test_lease(store, USER);
	test_assert(test_write(store, "one", FALSE, &mailbox, 1) == 1);
	test_assert_strcmp(test_list(store, USER), "INBOX 1/2 3|");
	migration_store_deinit(&store);
	test_tmp_remove();
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_store_mailboxes,
		test_migration_store_mailboxes_finish,
		test_migration_store_mailboxes_many,
		test_migration_store_upgrade_1,
		NULL
	};
	return test_store_run(test_functions);
}

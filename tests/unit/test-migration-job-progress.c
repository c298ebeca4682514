/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "ioloop.h"
#include "str.h"
#include "migration-job-progress.h"
#include "migration-limits.h"
#include "migration-store.h"
#include "test-common.h"

static struct migration_job_progress *progress;
static struct migration_record record;

static void test_start(unsigned int done, unsigned int total)
{
	ioloop_timeval.tv_sec = 1700000000;
	i_zero(&record);
	record.messages_done = done;
	record.messages_total = total;
	progress = migration_job_progress_init();
	migration_job_progress_begin(progress);
}

static void test_mailbox(const char *name, unsigned int done,
			 unsigned int total)
{
	struct migration_mailbox mailbox;

	i_zero(&mailbox);
	mailbox.name = name;
	mailbox.messages_done = done;
	mailbox.messages_total = total;
	mailbox.bytes_done = done * 10;
	migration_job_progress_mailbox(progress, &mailbox);
}

static void test_report_received(unsigned int done, unsigned int total,
				 unsigned int received, unsigned int waiting)
{
	struct migration_worker_report report;

	i_zero(&report);
	report.messages_done = done;
	report.messages_total = total;
	report.bytes_done = done * 10;
	report.mailbox = "";
	report.messages_received = received;
	report.bytes_received = received * 10;
	report.messages_waiting = waiting;
	migration_job_progress_report(progress, &report, &record);
}

static void test_report(unsigned int done, unsigned int total)
{
	test_report_received(done, total, 0, 0);
}

/* "=" if they replace all, then "name done/total|" for each */
static const char *test_changes(void)
{
	struct migration_mailbox_changes changes;
	string_t *str = t_str_new(128);
	unsigned int i;

	migration_job_progress_take_changes(progress, &changes);
	test_assert(!migration_job_progress_has_changes(progress));
	if (changes.replace)
		str_append_c(str, '=');
	for (i = 0; i < changes.count; i++) {
		str_printfa(str, "%s %u/%u|", changes.mailboxes[i]->name,
			    changes.mailboxes[i]->messages_done,
			    changes.mailboxes[i]->messages_total);
	}
	return str_c(str);
}

static void test_assert_record(unsigned int done, unsigned int total)
{
	test_assert_ucmp(record.messages_done, ==, done);
	test_assert_ucmp(record.messages_total, ==, total);
	test_assert_ucmp(record.bytes_done, ==, done * 10);
}

static void test_migration_job_progress_first(void)
{
	test_begin("migration job progress: first run");
	test_start(0, 0);
	test_assert(!migration_job_progress_has_changes(progress));
	/* logging in */
	test_report(0, 0);
	test_assert(!migration_job_progress_has_changes(progress));
	test_assert_strcmp(test_changes(), "");
	/* INBOX, while nobody knows what else there is */
	test_mailbox("INBOX", 0, 3);
	test_report(0, 0);
	test_assert(migration_job_progress_has_changes(progress));
	test_assert_strcmp(test_changes(), "=INBOX 0/3|");
	test_report(0, 0);
	test_assert(!migration_job_progress_has_changes(progress));
	test_mailbox("INBOX", 2, 3);
	test_mailbox("INBOX", 3, 3);
	test_report(3, 0);
	test_assert_record(3, 0);
	test_assert_strcmp(test_changes(), "INBOX 3/3|");
	/* the rest */
	test_mailbox("Sent", 0, 5);
	test_mailbox("empty", 0, 0);
	test_report(3, 8);
	test_assert_record(3, 8);
	test_mailbox("Sent", 1, 5);
	test_report(4, 8);
	test_assert_strcmp(test_changes(), "Sent 1/5|empty 0/0|");
	test_assert_ucmp(migration_job_progress_find(progress, "Sent")->
			 messages_done, ==, 1);
	test_assert(migration_job_progress_find(progress, "None") == NULL);
	migration_job_progress_deinit(&progress);
	test_assert(progress == NULL);
	test_end();
}

static void test_migration_job_progress_again(void)
{
	test_begin("migration job progress: another run");
	test_start(40, 100);
	record.bytes_done = 400;
	/* one that fails at once changes nothing */
	test_report(0, 0);
	test_assert(!migration_job_progress_has_changes(progress));
	test_assert_record(40, 100);
	/* one that knows INBOX only knows less than the last one */
	migration_job_progress_begin(progress);
	test_mailbox("INBOX", 5, 5);
	test_report(5, 0);
	test_assert(!migration_job_progress_has_changes(progress));
	test_assert_strcmp(test_changes(), "");
	test_assert_record(40, 100);
	/* then it knows as much, and fewer may be here */
	test_mailbox("Sent", 30, 96);
	test_report(35, 101);
	test_assert_record(35, 101);
	test_assert_strcmp(test_changes(), "=INBOX 5/5|Sent 30/96|");
	/* the next one in the same job */
	migration_job_progress_begin(progress);
	test_report(0, 0);
	test_assert_record(35, 101);
	test_assert(migration_job_progress_find(progress, "Sent") == NULL);
	test_mailbox("INBOX", 6, 6);
	test_report(6, 6);
	test_assert_record(6, 6);
	test_assert_strcmp(test_changes(), "=INBOX 6/6|");
	migration_job_progress_deinit(&progress);
	test_end();
}

static void test_migration_job_progress_write_failed(void)
{
	const char *changes;

	test_begin("migration job progress: the database failed");
	test_start(0, 0);
	test_mailbox("a", 1, 1);
	test_mailbox("b", 1, 1);
	test_report(2, 2);
	test_assert_strcmp(test_changes(), "=a 1/1|b 1/1|");
	test_mailbox("a", 2, 2);
	test_report(3, 3);
	test_assert_strcmp(test_changes(), "a 2/2|");
	migration_job_progress_write_failed(progress);
	test_assert(migration_job_progress_has_changes(progress));
	changes = test_changes();
	/* in any order */
	test_assert(changes[0] == '=' && strstr(changes, "a 2/2|") != NULL &&
		    strstr(changes, "b 1/1|") != NULL);
	test_assert_strcmp(test_changes(), "");
	migration_job_progress_deinit(&progress);
	test_end();
}

static void test_migration_job_progress_limits(void)
{
	string_t *name = t_str_new(1024);
	size_t length;
	unsigned int i;

	test_begin("migration job progress: limits");
	test_start(0, 0);
	while (str_len(name) < MIGRATION_MAX_MAILBOX_NAME_BYTES)
		str_append_c(name, 'x');
	test_mailbox(str_c(name), 1, 1);
	str_append_c(name, 'x');
	test_mailbox(str_c(name), 1, 1);
	test_report(2, 2);
	/* only the one that is not too long */
	length = strlen(test_changes());
	test_assert_ucmp(length, ==,
			 MIGRATION_MAX_MAILBOX_NAME_BYTES + strlen("= 1/1|"));
	test_assert_record(2, 2);
	for (i = 0; i < MIGRATION_MAX_MAILBOXES + 10; i++) T_BEGIN {
		test_mailbox(t_strdup_printf("%u", i), 0, 1);
	} T_END;
	test_assert(migration_job_progress_find(progress, "1000") != NULL);
	test_assert(migration_job_progress_find(progress, dec2str(
		MIGRATION_MAX_MAILBOXES + 5)) == NULL);
	migration_job_progress_deinit(&progress);
	test_end();
}

static void test_migration_job_progress_rate(void)
{
	struct migration_rate rate;

	test_begin("migration job progress: rate");
	test_start(0, 0);
	test_mailbox("INBOX", 0, 100);
	test_report_received(0, 0, 0, 0);
	ioloop_timeval.tv_sec += 10;
	/* received counts, saved or not */
	test_report_received(0, 0, 20, 20);
	migration_job_progress_get_rate(progress, &record, &rate);
	test_assert_ucmp(rate.messages_per_ksec, ==, 2000);
	test_assert_ucmp(rate.bytes_per_sec, ==, 20);
	/* how many there are is not known */
	test_assert_ucmp(rate.eta_secs, ==, 0);
	test_assert_ucmp(migration_job_progress_get_waiting(progress), ==, 20);
	ioloop_timeval.tv_sec += 10;
	/* 40 of 100 have come, 30 of them are saved */
	test_report_received(30, 100, 40, 10);
	migration_job_progress_get_rate(progress, &record, &rate);
	test_assert_ucmp(rate.messages_per_ksec, ==, 2000);
	test_assert_ucmp(rate.eta_secs, ==, 30);
	/* another run counts from its own beginning */
	migration_job_progress_begin(progress);
	test_report_received(0, 0, 0, 0);
	ioloop_timeval.tv_sec += 2;
	test_report_received(0, 0, 20, 20);
	migration_job_progress_get_rate(progress, &record, &rate);
	test_assert_ucmp(rate.messages_per_ksec, ==, 10000);
	test_assert_ucmp(rate.eta_secs, ==, 0);
	migration_job_progress_deinit(&progress);
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_job_progress_first,
		test_migration_job_progress_again,
		test_migration_job_progress_write_failed,
		test_migration_job_progress_limits,
		test_migration_job_progress_rate,
		NULL
	};
	return test_run(test_functions);
}

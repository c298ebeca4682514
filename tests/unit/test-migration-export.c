/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-export.h"
#include "migration-settings.h"
#include "test-common.h"

#define NOW 1700000000
#define CSV MIGRATION_EXPORT_CSV
#define JSON MIGRATION_EXPORT_JSON
#define OFFLINEIMAP MIGRATION_EXPORT_OFFLINEIMAP
#define MBSYNC MIGRATION_EXPORT_MBSYNC
#define IMAPSYNC MIGRATION_EXPORT_IMAPSYNC
/* A name with what any of the formats could take for something else */
#define ODD "o'b\"r\\ien%s$(id)`id`,;#@x"

static void
test_init(struct migration_record *record_r,
	  struct migration_provider_settings *provider_r)
{
	i_zero(record_r);
	record_r->username = "anna@old.example";
	record_r->provider = "oldhost";
	record_r->remote_user = "a17";
	record_r->account_password = record_r->adopted_password = "{X}hash";
	record_r->credential = "box";
	record_r->login = "proxy";
	record_r->error = "";
	record_r->mechanism = "PLAIN";
	i_zero(provider_r);
	provider_r->name = "oldhost";
	provider_r->host = "imap.old.example";
	provider_r->port = 993;
	provider_r->ssl = "imaps";
	provider_r->ssl_verify = TRUE;
	provider_r->ssl_ca_file = provider_r->exclude = "";
}

static void test_migration_export_formats(void)
{
	enum migration_export_format format;
	unsigned int i;

	test_begin("migration export: names of formats");
	for (i = CSV; i <= IMAPSYNC; i++) {
		test_assert_idx(migration_export_format_parse(
			migration_export_format_to_string(
				(enum migration_export_format)i),
			&format) == 0 && format == i, i);
	}
	test_assert(migration_export_format_parse("xml", &format) < 0);
	test_assert(migration_export_format_parse("", &format) < 0);
	test_assert(migration_export_format_parse("CSV", &format) < 0);
	test_end();
}

static void test_migration_export_csv(void)
{
	struct migration_provider_settings provider;
	struct migration_record record;

	test_begin("migration export: CSV");
	test_init(&record, &provider);
	test_assert_strcmp(migration_export_begin(CSV),
		"username,provider,remote_user,state,phase,control,reason,"
		"progress,messages,messages_total,bytes,notes,created,"
		"last_login,last_sync,next_sync,following_since,attempts,"
		"error");
	test_assert_strcmp(migration_export_end(CSV, 1), "");
	test_assert_strcmp(migration_export_record(CSV, &record, NULL, 1, NOW),
		"anna@old.example,oldhost,a17,queued,initial,active,,0,0,0,0,"
		"0,,,,,,0,");
	record.phase = MIGRATION_PHASE_FOLLOWING;
	record.control = MIGRATION_CONTROL_BLOCKED;
	record.reason = MIGRATION_REASON_PASSWORD;
	record.messages_done = 12;
	record.messages_total = 13;
	record.bytes_done = (uint64_t)1 << 40;
	record.notes = 2;
	record.created = NOW;
	record.last_sync = NOW + 3600;
	record.attempts = 3;
	record.error = "said: \"no\", twice\r\nand then";
	test_assert_strcmp(migration_export_record(CSV, &record, NULL, 1, NOW),
		"anna@old.example,oldhost,a17,blocked,following,blocked,"
		"password,100,12,13,1099511627776,2,2023-11-14T22:13:20Z,,"
		"2023-11-14T23:13:20Z,,,3,"
		"\"said: \"\"no\"\", twice\r\nand then\"");
	record.username = ODD;
	test_assert(strstr(migration_export_record(CSV, &record, NULL, 1, NOW),
		"\"o'b\"\"r\\ien%s$(id)`id`,;#@x\",oldhost,") != NULL);
	test_end();
}

static void test_migration_export_mbsync(void)
{
	struct migration_provider_settings provider;
	struct migration_record record;
	const char *text;

	test_begin("migration export: mbsync");
	test_init(&record, &provider);
	provider.max_size = 1000;
	test_assert_strcmp(migration_export_record(MBSYNC, &record, &provider,
						   2, NOW),
		"\n# anna@old.example\n"
		"IMAPStore there2\nHost imap.old.example\nPort 993\n"
		"User \"a17\"\n"
		"PassCmd \"doveadm migration credential -u "
		"'anna@old.example'\"\n"
		"SSLType IMAPS\n"
		"\nIMAPStore here2\n"
		"Tunnel \"doveadm exec imap -u 'anna@old.example' | cat\"\n"
		"\nChannel user2\nFar :there2:\nNear :here2:\nPatterns *\n"
		"Sync Pull\nCreate Near\nRemove None\nExpunge None\n"
		"CopyArrivalDate yes\nMaxSize 1000");
	record.username = record.remote_user = ODD;
	provider.ssl = "no";
	provider.exclude = "Junk";
	text = migration_export_record(MBSYNC, &record, &provider, 1, NOW);
	test_assert(strstr(text, "\nUser \"o'b\\\"r\\\\ien%s$(id)`id`,;#@x\""
			   "\n") != NULL);
	/* for the shell in it */
	test_assert(strstr(text, " -u 'o'\\\\''b\\\"r\\\\ien%s$(id)`id`,;#@x'"
			   "\"\n") != NULL);
	test_assert(strstr(text, "\nSSLType None\nAuthMechs LOGIN\n") != NULL);
	test_assert(strstr(text, "\n# exclude = Junk\n") != NULL);
	provider.ssl = "starttls";
	provider.ssl_verify = FALSE;
	provider.ssl_ca_file = "/etc/ca.pem";
	text = migration_export_record(MBSYNC, &record, &provider, 1, NOW);
	test_assert(strstr(text, "\nSSLType STARTTLS\nCertificateFile "
			   "\"/etc/ca.pem\"\n") != NULL);
	test_assert(strstr(text, "\n# ssl_verify = no\n") != NULL);
	test_end();
}

static void test_migration_export_offlineimap(void)
{
	struct migration_provider_settings provider;
	struct migration_record record;
	const char *text;

	test_begin("migration export: OfflineIMAP");
	test_init(&record, &provider);
	test_assert_strcmp(migration_export_record(OFFLINEIMAP, &record,
						   &provider, 2, NOW),
		"\n# anna@old.example\n"
		"[Account user2]\nlocalrepository = here2\n"
		"remoterepository = there2\n"
		"\n[Repository there2]\ntype = IMAP\nreadonly = True\n"
		"remotehost = imap.old.example\nremoteport = 993\n"
		"ssl = yes\nsslcacertfile = OS-DEFAULT\nremoteuser = a17\n"
		"remotepasseval = __import__('subprocess').check_output("
		"['doveadm', 'migration', 'credential', '-u', "
		"'anna@old.example']).decode().rstrip('\\n')\n"
		"\n[Repository here2]\ntype = IMAP\n"
		"preauthtunnel = doveadm exec imap -u 'anna@old.example'");
	test_assert_strcmp(migration_export_end(OFFLINEIMAP, 2),
			   "\n[general]\naccounts = user1,user2");
	record.username = record.remote_user = ODD;
	provider.ssl = "no";
	provider.max_size = 1000;
	text = migration_export_record(OFFLINEIMAP, &record, &provider, 1,
				       NOW);
	test_assert(strstr(text, "remoteuser = o'b\"r\\ien%%s$(id)`id`,;#@x\n")
		    != NULL);
	test_assert(strstr(text, "'-u', 'o\\'b\"r\\\\ien%%s$(id)`id`,;#@x'])")
		    != NULL);
	test_assert(strstr(text, " -u 'o'\\''b\"r\\ien%%s$(id)`id`,;#@x'")
		    != NULL);
	test_assert(strstr(text, "\nssl = no\nstarttls = no\n") != NULL);
	test_assert(strstr(text, "\nmaxsize = 1000\n") != NULL);
	provider.ssl = "starttls";
	provider.ssl_ca_file = "/etc/ca%1.pem";
	text = migration_export_record(OFFLINEIMAP, &record, &provider, 1,
				       NOW);
	test_assert(strstr(text, "\nssl = no\nstarttls = yes\n"
			   "sslcacertfile = /etc/ca%%1.pem\n") != NULL);
	test_end();
}

static void test_migration_export_imapsync(void)
{
	struct migration_provider_settings provider;
	struct migration_record record;
	const char *text;

	test_begin("migration export: imapsync");
	test_init(&record, &provider);
	test_assert_strcmp(migration_export_record(IMAPSYNC, &record,
						   &provider, 1, NOW),
		"\n# anna@old.example\n"
		"imapsync --host1 imap.old.example --port1 993 --ssl1 "
		"--sslargs1 SSL_verify_mode=1 --user1 'a17' \\\n"
		"\t--passfile1 <(doveadm migration credential -u "
		"'anna@old.example') \\\n"
		"\t--host2 localhost --user2 'anna@old.example' \\\n"
		"\t--passfile2 <(doveadm migration credential -u "
		"'anna@old.example')");
	test_assert(strncmp(migration_export_begin(IMAPSYNC),
			    "#!/bin/bash\n#", 13) == 0);
	record.username = record.remote_user = ODD;
	provider.ssl = "starttls";
	provider.ssl_verify = FALSE;
	provider.ssl_ca_file = "/etc/ca's.pem";
	provider.max_size = 1000;
	text = migration_export_record(IMAPSYNC, &record, &provider, 1, NOW);
	test_assert(strstr(text, " --tls1 --sslargs1 SSL_verify_mode=0 "
			   "--sslargs1 'SSL_ca_file=/etc/ca'\\''s.pem' "
			   "--user1 'o'\\''b\"r\\ien%s$(id)`id`,;#@x' \\\n")
		    != NULL);
	test_assert(strstr(text, "\t--maxsize 1000 \\\n") != NULL);
	provider.ssl = "no";
	text = migration_export_record(IMAPSYNC, &record, &provider, 1, NOW);
	test_assert(strstr(text, " --nossl1 --notls1 --user1 ") != NULL);
	test_end();
}

/* Neither hashes nor boxes are in any of it. */
static void test_migration_export_no_password(void)
{
	struct migration_provider_settings provider;
	struct migration_record record;
	const char *text;
	unsigned int i;

	test_begin("migration export: no password");
	test_init(&record, &provider);
	record.account_password = record.adopted_password = "{X}SECRET";
	record.credential = "SECRET";
	for (i = CSV; i <= IMAPSYNC; i++) {
		enum migration_export_format format =
			(enum migration_export_format)i;

		text = migration_export_record(format, &record, &provider, 1,
					       NOW);
		test_assert_idx(strstr(text, "SECRET") == NULL, i);
		test_assert_idx(migration_export_has(format, &record), i);
	}
	for (i = 0; i < migration_export_columns_count; i++) {
		test_assert_idx(strstr(migration_export_value(&record, i, NOW),
				       "SECRET") == NULL, i);
	}
	/* nothing to log in with */
	record.credential = "";
	for (i = CSV; i <= IMAPSYNC; i++) {
		test_assert_idx(migration_export_has(
			(enum migration_export_format)i, &record) ==
			(i == CSV || i == JSON), i);
	}
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_export_formats,
		test_migration_export_csv,
		test_migration_export_mbsync,
		test_migration_export_offlineimap,
		test_migration_export_imapsync,
		test_migration_export_no_password,
		NULL
	};

	return test_run(test_functions);
}

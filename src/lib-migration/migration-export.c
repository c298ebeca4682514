/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "str.h"
#include "migration-export.h"
#include "migration-master.h"
#include "migration-settings.h"
#include "migration-state.h"

#include <time.h>

#define EXPORT_COMMENT \
	"# Both bring the same mail: pause the users first, see\n" \
	"# doveadm-migration(1). Passwords are asked for when they are needed, " \
	"by root:\n# doveadm migration credential"

enum export_column {
	COLUMN_USERNAME,
	COLUMN_PROVIDER,
	COLUMN_REMOTE_USER,
	COLUMN_STATE,
	COLUMN_PHASE,
	COLUMN_CONTROL,
	COLUMN_REASON,
	COLUMN_PROGRESS,
	COLUMN_MESSAGES,
	COLUMN_MESSAGES_TOTAL,
	COLUMN_BYTES,
	COLUMN_NOTES,
	COLUMN_CREATED,
	COLUMN_LAST_LOGIN,
	COLUMN_LAST_SYNC,
	COLUMN_NEXT_SYNC,
	COLUMN_FOLLOWING_SINCE,
	COLUMN_ATTEMPTS,
	COLUMN_ERROR,
};

const struct migration_export_column migration_export_columns[] = {
	[COLUMN_USERNAME] = { "username", FALSE },
	[COLUMN_PROVIDER] = { "provider", FALSE },
	[COLUMN_REMOTE_USER] = { "remote_user", FALSE },
	[COLUMN_STATE] = { "state", FALSE },
	[COLUMN_PHASE] = { "phase", FALSE },
	[COLUMN_CONTROL] = { "control", FALSE },
	[COLUMN_REASON] = { "reason", FALSE },
	[COLUMN_PROGRESS] = { "progress", TRUE },
	[COLUMN_MESSAGES] = { "messages", TRUE },
	[COLUMN_MESSAGES_TOTAL] = { "messages_total", TRUE },
	[COLUMN_BYTES] = { "bytes", TRUE },
	[COLUMN_NOTES] = { "notes", TRUE },
	[COLUMN_CREATED] = { "created", FALSE },
	[COLUMN_LAST_LOGIN] = { "last_login", FALSE },
	[COLUMN_LAST_SYNC] = { "last_sync", FALSE },
	[COLUMN_NEXT_SYNC] = { "next_sync", FALSE },
	[COLUMN_FOLLOWING_SINCE] = { "following_since", FALSE },
	[COLUMN_ATTEMPTS] = { "attempts", TRUE },
	[COLUMN_ERROR] = { "error", FALSE },
};
const unsigned int migration_export_columns_count =
	N_ELEMENTS(migration_export_columns);

static const char *const format_names[] = {
	[MIGRATION_EXPORT_CSV] = "csv",
	[MIGRATION_EXPORT_JSON] = "json",
	[MIGRATION_EXPORT_OFFLINEIMAP] = "offlineimap",
	[MIGRATION_EXPORT_MBSYNC] = "mbsync",
	[MIGRATION_EXPORT_IMAPSYNC] = "imapsync",
};

const char *
migration_export_format_to_string(enum migration_export_format format)
{
	return format_names[format];
}

int migration_export_format_parse(const char *str,
				  enum migration_export_format *format_r)
{
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(format_names); i++) {
		if (strcmp(format_names[i], str) == 0) {
			*format_r = (enum migration_export_format)i;
			return 0;
		}
	}
	return -1;
}

static const char *export_time(time_t value)
{
	struct tm *tm;
	char buf[64];

	if (value == 0 || (tm = gmtime(&value)) == NULL ||
	    strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%SZ", tm) == 0)
		return "";
	return t_strdup(buf);
}

const char *migration_export_value(const struct migration_record *record,
				   unsigned int column, time_t now)
{
	switch ((enum export_column)column) {
	case COLUMN_USERNAME:
		return record->username;
	case COLUMN_PROVIDER:
		return record->provider;
	case COLUMN_REMOTE_USER:
		return record->remote_user;
	case COLUMN_STATE:
		return migration_state_to_string(migration_state(record, now));
	case COLUMN_PHASE:
		return migration_phase_to_string(record->phase);
	case COLUMN_CONTROL:
		return migration_control_to_string(record->control);
	case COLUMN_REASON:
		return migration_reason_to_string(record->reason);
	case COLUMN_PROGRESS:
		return dec2str(migration_record_progress(record));
	case COLUMN_MESSAGES:
		return dec2str(record->messages_done);
	case COLUMN_MESSAGES_TOTAL:
		return dec2str(record->messages_total);
	case COLUMN_BYTES:
		return dec2str(record->bytes_done);
	case COLUMN_NOTES:
		return dec2str(record->notes);
	case COLUMN_CREATED:
		return export_time(record->created);
	case COLUMN_LAST_LOGIN:
		return export_time(record->last_login);
	case COLUMN_LAST_SYNC:
		return export_time(record->last_sync);
	case COLUMN_NEXT_SYNC:
		return export_time(record->next_sync);
	case COLUMN_FOLLOWING_SINCE:
		return export_time(record->following_since);
	case COLUMN_ATTEMPTS:
		return dec2str(record->attempts);
	case COLUMN_ERROR:
		return record->error;
	}
	i_unreached();
}

/* RFC 4180 */
static void export_csv_field(string_t *str, const char *value)
{
	if (strpbrk(value, ",\"\r\n") == NULL) {
		str_append(str, value);
		return;
	}
	str_append_c(str, '"');
	for (; *value != '\0'; value++) {
		if (*value == '"')
			str_append_c(str, '"');
		str_append_c(str, *value);
	}
	str_append_c(str, '"');
}

static const char *
export_csv_record(const struct migration_record *record, time_t now)
{
	string_t *str = t_str_new(256);
	unsigned int i;

	for (i = 0; i < migration_export_columns_count; i++) {
		if (i > 0)
			str_append_c(str, ',');
		export_csv_field(str, migration_export_value(record, i, now));
	}
	return str_c(str);
}

static const char *export_csv_begin(void)
{
	string_t *str = t_str_new(256);
	unsigned int i;

	for (i = 0; i < migration_export_columns_count; i++) {
		if (i > 0)
			str_append_c(str, ',');
		str_append(str, migration_export_columns[i].name);
	}
	return str_c(str);
}

/* With a backslash in front of these characters. */
static const char *export_escape(const char *value, const char *chars)
{
	string_t *str = t_str_new(64);

	for (; *value != '\0'; value++) {
		if (strchr(chars, *value) != NULL)
			str_append_c(str, '\\');
		str_append_c(str, *value);
	}
	return str_c(str);
}

static const char *export_shell(const char *value)
{
	string_t *str = t_str_new(64);

	str_append_c(str, '\'');
	for (; *value != '\0'; value++) {
		if (*value == '\'')
			str_append(str, "'\\''");
		else
			str_append_c(str, *value);
	}
	str_append_c(str, '\'');
	return str_c(str);
}

static const char *export_mbsync(const char *value)
{
	return t_strconcat("\"", export_escape(value, "\"\\"), "\"", NULL);
}

/* The parser of such files expands what begins with "%". */
static const char *export_ini(const char *value)
{
	string_t *str = t_str_new(64);

	for (; *value != '\0'; value++) {
		if (*value == '%')
			str_append_c(str, '%');
		str_append_c(str, *value);
	}
	return str_c(str);
}

static const char *export_credential_command(const char *username)
{
	return t_strconcat("doveadm migration credential -u ",
			   export_shell(username), NULL);
}

static const char *export_local_command(const char *username)
{
	return t_strconcat("doveadm exec imap -u ", export_shell(username),
			   NULL);
}

/* What the setting leaves out has no counterpart. */
static void
export_append_hints(string_t *str,
		    const struct migration_provider_settings *provider)
{
	if (*provider->exclude != '\0')
		str_printfa(str, "# exclude = %s\n", provider->exclude);
	if (strcmp(provider->ssl, "no") != 0 && !provider->ssl_verify)
		str_append(str, "# ssl_verify = no\n");
}

static const char *
export_mbsync_ssl(const struct migration_provider_settings *provider)
{
	if (strcmp(provider->ssl, "imaps") == 0)
		return "IMAPS";
	return strcmp(provider->ssl, "starttls") == 0 ? "STARTTLS" : "None";
}

static const char *
export_mbsync_record(const struct migration_record *record,
		     const struct migration_provider_settings *provider,
		     unsigned int number)
{
	string_t *str = t_str_new(512);
	const char *local;

	str_printfa(str, "\n# %s\n", record->username);
	export_append_hints(str, provider);
	str_printfa(str, "IMAPStore there%u\nHost %s\nPort %u\nUser %s\n",
		    number, provider->host, provider->port,
		    export_mbsync(record->remote_user));
	str_printfa(str, "PassCmd %s\n",
		    export_mbsync(export_credential_command(record->username)));
	str_printfa(str, "SSLType %s\n", export_mbsync_ssl(provider));
	if (*provider->ssl_ca_file != '\0')
		str_printfa(str, "CertificateFile %s\n",
			    export_mbsync(provider->ssl_ca_file));
	/* it refuses to send passwords without TLS otherwise */
	if (strcmp(provider->ssl, "no") == 0)
		str_append(str, "AuthMechs LOGIN\n");
	/* imap run by root refuses a stdout that is a socket */
	local = t_strconcat(export_local_command(record->username), " | cat",
			    NULL);
	str_printfa(str, "\nIMAPStore here%u\nTunnel %s\n\n", number,
		    export_mbsync(local));
	str_printfa(str,
		    "Channel user%u\nFar :there%u:\nNear :here%u:\n"
		    "Patterns *\nSync Pull\nCreate Near\nRemove None\n"
		    "Expunge None\nCopyArrivalDate yes\n",
		    number, number, number);
	if (provider->max_size != 0)
		str_printfa(str, "MaxSize %" PRIuUOFF_T "\n",
			    provider->max_size);
	str_truncate(str, str_len(str) - 1);
	return str_c(str);
}

static const char *
export_offlineimap_ssl(const struct migration_provider_settings *provider)
{
	const char *ca;

	if (strcmp(provider->ssl, "no") == 0)
		return "ssl = no\nstarttls = no\n";
	ca = *provider->ssl_ca_file == '\0' ? "OS-DEFAULT" :
					      provider->ssl_ca_file;
	return t_strdup_printf("%s\nsslcacertfile = %s\n",
			       strcmp(provider->ssl, "imaps") == 0 ?
				       "ssl = yes" :
				       "ssl = no\nstarttls = yes",
			       export_ini(ca));
}

static const char *
export_offlineimap_record(const struct migration_record *record,
			  const struct migration_provider_settings *provider,
			  unsigned int number)
{
	string_t *str = t_str_new(512);
	const char *user = export_escape(record->username, "'\\");

	str_printfa(str, "\n# %s\n", record->username);
	export_append_hints(str, provider);
	str_printfa(str,
		    "[Account user%u]\nlocalrepository = here%u\n"
		    "remoterepository = there%u\n",
		    number, number, number);
	if (provider->max_size != 0)
		str_printfa(str, "maxsize = %" PRIuUOFF_T "\n",
			    provider->max_size);
	str_printfa(str,
		    "\n[Repository there%u]\ntype = IMAP\nreadonly = True\n"
		    "remotehost = %s\nremoteport = %u\n%sremoteuser = %s\n",
		    number, provider->host, provider->port,
		    export_offlineimap_ssl(provider),
		    export_ini(record->remote_user));
	str_printfa(str,
		    "remotepasseval = __import__('subprocess').check_output("
		    "['doveadm', 'migration', 'credential', '-u', '%s'])"
		    ".decode().rstrip('\\n')\n",
		    export_ini(user));
	str_printfa(str,
		    "\n[Repository here%u]\ntype = IMAP\n"
		    "preauthtunnel = %s",
		    number, export_ini(export_local_command(record->username)));
	return str_c(str);
}

static const char *
export_imapsync_ssl(const struct migration_provider_settings *provider)
{
	string_t *str = t_str_new(64);

	if (strcmp(provider->ssl, "no") == 0)
		return "--nossl1 --notls1";
	str_append(str,
		   strcmp(provider->ssl, "imaps") == 0 ? "--ssl1" : "--tls1");
	str_printfa(str, " --sslargs1 SSL_verify_mode=%d",
		    provider->ssl_verify ? 1 : 0);
	if (*provider->ssl_ca_file != '\0') {
		str_printfa(str, " --sslargs1 %s",
			    export_shell(t_strconcat("SSL_ca_file=",
						     provider->ssl_ca_file,
						     NULL)));
	}
	return str_c(str);
}

static const char *
export_imapsync_record(const struct migration_record *record,
		       const struct migration_provider_settings *provider)
{
	const char *passfile =
		t_strconcat("<(", export_credential_command(record->username),
			    ")", NULL);
	string_t *str = t_str_new(512);

	str_printfa(str, "\n# %s\n", record->username);
	if (*provider->exclude != '\0')
		str_printfa(str, "# exclude = %s\n", provider->exclude);
	str_printfa(str, "imapsync --host1 %s --port1 %u %s --user1 %s \\\n",
		    provider->host, provider->port,
		    export_imapsync_ssl(provider),
		    export_shell(record->remote_user));
	str_printfa(str, "\t--passfile1 %s \\\n", passfile);
	if (provider->max_size != 0)
		str_printfa(str, "\t--maxsize %" PRIuUOFF_T " \\\n",
			    provider->max_size);
	str_printfa(str, "\t--host2 localhost --user2 %s \\\n",
		    export_shell(record->username));
	str_printfa(str, "\t--passfile2 %s", passfile);
	return str_c(str);
}

const char *migration_export_begin(enum migration_export_format format)
{
	switch (format) {
	case MIGRATION_EXPORT_CSV:
		return export_csv_begin();
	case MIGRATION_EXPORT_JSON:
		return "";
	case MIGRATION_EXPORT_OFFLINEIMAP:
		return EXPORT_COMMENT;
	case MIGRATION_EXPORT_MBSYNC:
		return EXPORT_COMMENT;
	case MIGRATION_EXPORT_IMAPSYNC:
		return "#!/bin/bash\n" EXPORT_COMMENT "\n"
		       "# --passfile2: the password here, which is that of "
		       "the provider unless the\n# user has changed it here";
	}
	i_unreached();
}

const char *
migration_export_end(enum migration_export_format format, unsigned int count)
{
	string_t *str;
	unsigned int i;

	if (format != MIGRATION_EXPORT_OFFLINEIMAP)
		return "";
	str = t_str_new(256);
	str_append(str, "\n[general]\naccounts = ");
	for (i = 1; i <= count; i++)
		str_printfa(str, "%suser%u", i == 1 ? "" : ",", i);
	return str_c(str);
}

bool migration_export_has(enum migration_export_format format,
			  const struct migration_record *record)
{
	switch (format) {
	case MIGRATION_EXPORT_CSV:
	case MIGRATION_EXPORT_JSON:
		return TRUE;
	case MIGRATION_EXPORT_OFFLINEIMAP:
	case MIGRATION_EXPORT_MBSYNC:
	case MIGRATION_EXPORT_IMAPSYNC:
		return *record->credential != '\0' &&
		       !migration_credential_is_master(record->credential);
	}
	i_unreached();
}

const char *
migration_export_record(enum migration_export_format format,
			const struct migration_record *record,
			const struct migration_provider_settings *provider,
			unsigned int number, time_t now)
{
	switch (format) {
	case MIGRATION_EXPORT_CSV:
		return export_csv_record(record, now);
	case MIGRATION_EXPORT_JSON:
		return "";
	case MIGRATION_EXPORT_OFFLINEIMAP:
		return export_offlineimap_record(record, provider, number);
	case MIGRATION_EXPORT_MBSYNC:
		return export_mbsync_record(record, provider, number);
	case MIGRATION_EXPORT_IMAPSYNC:
		return export_imapsync_record(record, provider);
	}
	i_unreached();
}

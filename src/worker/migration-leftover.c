/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "byteorder.h"
#include "guid.h"
#include "str.h"
#include "migration-compat.h"
#include "migration-leftover.h"

#define MAILDIR_INFO ":2,"
#define SDBOX_FILE_PREFIX "u."

/* "<secs>.M<usecs>P<pid>.<host>", then nothing, ",..." or ":..." */
static bool
maildir_is_of(const struct migration_journal_entry *entry, const char *name)
{
	const char *p, *rest;
	intmax_t secs;
	uintmax_t usecs;

	if (str_parse_intmax(name, &secs, &p) < 0 ||
	    !str_begins_with(p, ".M") ||
	    str_parse_uintmax(p + 2, &usecs, &p) < 0)
		return FALSE;
	rest = t_strdup_printf("P%s.%s", entry->pid, entry->host);
	if (!str_begins_with(p, rest))
		return FALSE;
	p += strlen(rest);
	return (*p == '\0' || *p == ',' || *p == ':') && secs >= entry->begun &&
	       secs <= entry->ended;
}

bool migration_leftover_is_maildir(
	const ARRAY_TYPE(migration_journal_entry) *killed, const char *name)
{
	const struct migration_journal_entry *entry;

	array_foreach(killed, entry) {
		if (maildir_is_of(entry, name))
			return TRUE;
	}
	return FALSE;
}

const char *
migration_leftover_strip_keywords(const char *name,
				  const bool known[MIGRATION_LEFTOVER_KEYWORDS])
{
	const char *info = strstr(name, MAILDIR_INFO), *p;
	string_t *str;

	if (info == NULL)
		return name;
	p = info + strlen(MAILDIR_INFO);
	str = t_str_new(128);
	str_append_data(str, name, p - name);
	for (; *p != '\0'; p++) {
		if (*p < 'a' || *p > 'z' || known[*p - 'a'])
			str_append_c(str, *p);
	}
	return str_c(str);
}

/* Everybody takes the UID and names the file under the index's lock, so nobody
   alive has a file at or above the next UID. One that is older than the runs is
   there because the index was lost, which is Dovecot's to rebuild. */
bool migration_leftover_is_sdbox(
	const ARRAY_TYPE(migration_journal_entry) *killed, const char *name,
	time_t named, uint32_t next_uid)
{
	const struct migration_journal_entry *entry;
	uint32_t uid;

	if (!str_begins_with(name, SDBOX_FILE_PREFIX) ||
	    str_to_uint32(name + strlen(SDBOX_FILE_PREFIX), &uid) < 0 ||
	    uid < next_uid)
		return FALSE;
	array_foreach(killed, entry) {
		if (named - entry->ahead >= entry->begun)
			return TRUE;
	}
	return FALSE;
}

bool migration_leftover_is_lock(
	const ARRAY_TYPE(migration_journal_entry) *killed, const char *content)
{
	const struct migration_journal_entry *entry;

	array_foreach(killed, entry) {
		if (strcmp(content, t_strconcat(entry->pid, ":", entry->host,
						NULL)) == 0)
			return TRUE;
	}
	return FALSE;
}

/* Nanoseconds, seconds, process, host; 4 bytes each, the lowest first. Its host
   has another name than the journal's. */
bool migration_leftover_is_guid(
	const ARRAY_TYPE(migration_journal_entry) *killed, const char *guid)
{
	const struct migration_journal_entry *entry;
	guid_128_t id;
	time_t secs;
	uint32_t pid;

	if (guid_128_from_string(guid, id) < 0)
		return migration_leftover_is_maildir(killed, guid);
	secs = le32_to_cpu_unaligned(id + 4);
	pid = le32_to_cpu_unaligned(id + 8);
	array_foreach(killed, entry) {
		if (strcmp(entry->pid, dec2str(pid)) == 0 &&
		    secs >= entry->begun && secs <= entry->ended)
			return TRUE;
	}
	return FALSE;
}

bool migration_leftover_is_time(
	const ARRAY_TYPE(migration_journal_entry) *killed, time_t when)
{
	const struct migration_journal_entry *entry;

	array_foreach(killed, entry) {
		if (when - entry->ahead >= entry->begun &&
		    when - entry->ahead <= entry->ended)
			return TRUE;
	}
	return FALSE;
}

#ifndef MIGRATION_LEFTOVER_H
#define MIGRATION_LEFTOVER_H

/* Which file in a mailbox is left over from a pull that was killed: rules about
   names and times, without any I/O. Names as in Dovecot's maildir-filename.c,
   maildir-keywords.c and sdbox-file.c. */

#include "migration-journal.h"

/* Maildir keeps keywords as the letters a to z. */
#define MIGRATION_LEFTOVER_KEYWORDS 26

/* Has one of these runs made this file of a Maildir, flags or not? */
bool migration_leftover_is_maildir(
	const ARRAY_TYPE(migration_journal_entry) *killed, const char *name);
/* Has one of these runs made this lock file? content is what is in it, as
   Dovecot's file-dotlock.c writes it: "<pid>:<host>". */
bool migration_leftover_is_lock(
	const ARRAY_TYPE(migration_journal_entry) *killed, const char *content);
/* The same by the GUID of a message: Dovecot's guid_128_generate() puts time
   and process into it, and with Maildir it is the name of the file. */
bool migration_leftover_is_guid(
	const ARRAY_TYPE(migration_journal_entry) *killed, const char *guid);
/* Did any of these runs live when a file got this time? */
bool migration_leftover_is_time(
	const ARRAY_TYPE(migration_journal_entry) *killed, time_t when);
/* The name of a file of a Maildir without the letters that stand for no known
   keyword. From the data stack. */
const char *migration_leftover_strip_keywords(
	const char *name, const bool known[MIGRATION_LEFTOVER_KEYWORDS]);
/* Has one of these runs made this file of sdbox, given when the file got its
   name and the mailbox's next UID? Both are to be taken under the index's
   lock. */
bool migration_leftover_is_sdbox(
	const ARRAY_TYPE(migration_journal_entry) *killed, const char *name,
	time_t named, uint32_t next_uid);

#endif

#ifndef MIGRATION_POP3_MATCH_H
#define MIGRATION_POP3_MATCH_H

/* Which message of a POP3 server's list is which message of the same INBOX
   over IMAP: nothing but sizes and headers says so. A wrong UIDL would hide a
   message from a mail program for ever, none makes it fetch the message again;
   so whoever is in doubt gets none. Pure rules; used by the worker. */

#include "array.h"
#include "sha1.h"

struct migration_pop3_mail {
	/* POP3: number and UIDL; NULL = it has none that could be kept */
	unsigned int number;
	const char *uidl;
	/* IMAP */
	uint32_t uid;
	/* IMAP: it is to get a UIDL */
	bool fresh;

	/* UOFF_T_MAX = not known */
	uoff_t size;
	/* The header decides, and is to be asked for; and its hash */
	bool want_hash, has_hash;
	unsigned char hash[SHA1_RESULTLEN];

	/* Index of the same message in the other list, plus 1; 0 = not found */
	unsigned int match;
	/* POP3: a message here has this UIDL already */
	bool here;
	/* POP3: its place among the messages here, 0 = none */
	uint32_t order;
};
ARRAY_DEFINE_TYPE(migration_pop3_mail, struct migration_pop3_mail);

struct migration_pop3_match {
	/* By number, and by UID. Messages that have a match from the beginning
	   keep it. */
	ARRAY_TYPE(migration_pop3_mail) pop3, imap;
	/* Both sides count in the same way */
	bool sizes_agree;
};

/* Finds those that a size decides, and sets want_hash for others if their
   headers can be had. Returns TRUE if any is to be asked for. */
bool migration_pop3_match_sizes(struct migration_pop3_match *match,
				bool have_headers);
/* Finds more, by the hashes that there are. */
void migration_pop3_match_hashes(struct migration_pop3_match *match);
/* Sets the order of those that are fresh, if the provider's order is another
   than that of the UIDs. Others have the order that they have here already. */
void migration_pop3_match_order(struct migration_pop3_match *match);

#endif

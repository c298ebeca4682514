#ifndef MIGRATION_HEADER_HASH_H
#define MIGRATION_HEADER_HASH_H

/* Hash of a message's header that is the same over IMAP and POP3, whatever the
   known servers make of it: line ends, blanks, 8bit characters, and headers that
   are only in one of them. As in Dovecot's pop3-migration plugin. Pure. */

#include "sha1.h"

/* input is read to the end of the header. Returns 0, or -1 if it has none. */
int migration_header_hash(struct istream *input,
			  unsigned char hash_r[STATIC_ARRAY SHA1_RESULTLEN]);

#endif

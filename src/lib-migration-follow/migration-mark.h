#ifndef MIGRATION_MARK_H
#define MIGRATION_MARK_H

/* How far a mailbox has followed the provider's: a header and a record for each
   message that came from there, in an extension of Dovecot's own index. They
   are written by the transaction that saves the mail, so that a kill can never
   leave the one without the other. */

#include "array.h"
#include "migration-flags.h"

struct mailbox;
struct mailbox_transaction_context;
struct migration_mark;

/* More distinct keywords than that in one mailbox come with the message, but
   are not followed. */
#define MIGRATION_MARK_KEYWORDS 64

#define MIGRATION_MARK_UNKNOWN ((uint32_t)-1)
#define MIGRATION_MARK_LIST_ALONE 2
/* Of so many messages above max_size it is known which they are. */
#define MIGRATION_MARK_LEFT_OUT 100

/* A message above max_size. */
struct migration_mark_left_out {
	uint32_t uid;
	uint32_t size[2];
};
ARRAY_DEFINE_TYPE(migration_mark_left_out, struct migration_mark_left_out);

struct migration_mark_header {
	/* The provider's; 0 = nothing was ever taken. */
	uint32_t uid_validity;
	/* Everything up to this UID was taken, is in the list of what is
	   pending, or was left out. */
	uint32_t last_uid;
	/* Messages there, and its HIGHESTMODSEQ, when the mailbox was followed
	   to its end. MIGRATION_MARK_UNKNOWN: it was not. modseq 0 = it was
	   not, or has none. */
	uint32_t messages;
	uint64_t highest_modseq;
	/* UIDNEXT here when this was written: what has a higher UID and no
	   record has come from elsewhere, or from a run that was killed. */
	uint32_t local_next_uid;
	/* A message in whose transfer the connection was lost; 0 = none. */
	uint32_t suspect_uid;
	/* What the provider has up to this UID was taken before, and what is not
	   here any longer was deleted here. */
	uint32_t taken_uid;
	/* UIDNEXT here when the mailbox, which had mail of its own, took over the
	   provider's UIDVALIDITY; 0 = that mail has new UIDs since, or there was
	   none. */
	uint32_t adopted_next_uid;
	/* UIDNEXT of another mailbox when its mail was moved to this one; what
	   is still there below it is here. */
	uint32_t moved_next_uid;
	/* That mail is here twice just now: with its old UIDs, and new ones. */
	bool renumbering;
	/* What is here may have come from the provider without a record: it is
	   compared before anything above last_uid is saved. */
	bool comparing;
	/* How often in a row the connection was lost when the messages were
	   listed. From MIGRATION_MARK_LIST_ALONE on each is asked for alone. */
	unsigned int list_losses;
	/* Messages above max_size beyond those in the list */
	uint32_t left_out_more;
	/* Some messages were saved without the UIDLs that they have at the
	   provider. */
	bool without_uidls;
	/* When the provider's POP3 server has refused the login: days since
	   1970; 0 = it has not. */
	uint16_t pop3_refused_day;
	/* Sizes of the messages that have a record */
	uint64_t bytes;
};

struct migration_mark_record {
	/* UID at the provider; 0 = the message did not come from there. */
	uint32_t remote_uid;
	/* As last seen there */
	struct migration_flags seen;
	/* Of the flags and keywords here at the end of the last sync */
	uint32_t local_hash;
};

/* The mailbox is open and stays so as long as the mark. Reads what is there;
   what cannot be read counts as nothing. */
struct migration_mark *migration_mark_init(struct mailbox *box);
void migration_mark_deinit(struct migration_mark **mark);

/* To be changed, and then written. */
struct migration_mark_header *
migration_mark_header(struct migration_mark *mark);
/* UIDs of messages that the provider could not deliver, ascending. */
ARRAY_TYPE(uint32_t) *migration_mark_pending(struct migration_mark *mark);
void migration_mark_set_pending(struct migration_mark *mark, uint32_t uid,
				bool pending);
/* Messages that were left out for their size, ascending by UID. */
ARRAY_TYPE(migration_mark_left_out) *
migration_mark_left_out(struct migration_mark *mark);
/* FALSE: the list is full. */
bool migration_mark_add_left_out(struct migration_mark *mark, uint32_t uid,
				 uint64_t size);
uint64_t
migration_mark_left_out_size(const struct migration_mark_left_out *left_out);
/* The bit of a keyword, 0 if the table is full. */
uint64_t migration_mark_keyword(struct migration_mark *mark, const char *name);
/* Its name; bit is below the number of those that are in use. */
const char *
migration_mark_keyword_name(struct migration_mark *mark, unsigned int bit);

/* Header, lists of messages and keywords, but no records. */
void migration_mark_copy(struct migration_mark *mark,
			 const struct migration_mark *from);
/* Adds the header to the transaction. */
void migration_mark_write(struct migration_mark *mark,
			  struct mailbox_transaction_context *trans);
/* Forgets all records. */
void migration_mark_reset(struct migration_mark *mark,
			  struct mailbox_transaction_context *trans);

/* Records, by the sequence in the mailbox's view or in the transaction. */
void migration_mark_read_record(struct migration_mark *mark, uint32_t seq,
				struct migration_mark_record *record_r);
void migration_mark_write_record(struct migration_mark *mark,
				 struct mailbox_transaction_context *trans,
				 uint32_t seq,
				 const struct migration_mark_record *record);

#endif

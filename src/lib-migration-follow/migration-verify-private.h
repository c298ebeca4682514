#ifndef MIGRATION_VERIFY_PRIVATE_H
#define MIGRATION_VERIFY_PRIVATE_H

#include "migration-follow-private.h"
#include "migration-verify.h"
#include "migration-verify-rule.h"

struct migration_verify {
	const struct migration_verify_settings *set;
	/* for finding the pairs: nothing of it runs */
	struct migration_follow_settings follow_set;
	struct migration_follow follow;
};

/* A message at the provider. */
struct verify_message {
	uint32_t uid;
	struct migration_flags flags;
	uoff_t size;
	/* only if it is needed to find the message here */
	time_t received;
	/* its UID here, 0 = it is not here; and where */
	uint32_t local_uid, local_seq;
	/* other than the provider says */
	bool size_differs;
	/* its bytes are to be compared, and have been */
	bool wanted, compared;
};
ARRAY_DEFINE_TYPE(verify_message, struct verify_message);

struct verify_mailbox {
	struct migration_verify *verify;
	const struct follow_pair *pair;
	pool_t pool;
	struct migration_verify_mailbox result;

	/* the one here, if it can be used */
	struct mailbox *mailbox;
	struct follow_mailbox box;
	bool is_open;
	/* for reading sizes and bodies */
	struct mailbox_transaction_context *trans;
	struct mail *mail;

	/* what EXAMINE and later untagged answers say */
	uint32_t uid_validity, exists;
	/* ascending by UID */
	ARRAY_TYPE(verify_message) messages;

	struct migration_verify_mark mark;
	/* records say which message here is which one there */
	bool marked;
	/* provider's UIDs of messages whose file is gone */
	ARRAY_TYPE(seq_range) lost_uids;

	unsigned int verdicts[MIGRATION_VERIFY_VERDICTS];
	unsigned int changed_here, changed_there, own, gone_there, wrong_sizes;
	/* not delivered for the comparison */
	unsigned int undelivered;
	/* told of each kind */
	unsigned int told[2];
	/* why it could not be compared */
	const char *error;
	/* further words for people */
	const char *remark;
	bool not_made;
};

/* --- migration-verify-mailbox.c --- */

/* Compares the pair and tells about it. Returns 0, or -1 if the connection is
   lost. */
int verify_mailbox_run(struct migration_verify *verify,
		       const struct follow_pair *pair);
void verify_mailbox_tell(struct verify_mailbox *box, uint32_t uid,
			 bool explained, const char *text);
struct verify_message *
verify_mailbox_find(struct verify_mailbox *box, uint32_t uid);

/* --- migration-verify-match.c --- */

/* Finds the messages here without records, by their date and size. */
void verify_match(struct verify_mailbox *box);

/* --- migration-verify-body.c --- */

/* Compares the bytes of a sample, or of all. Returns 1, 0 if the provider
   refuses, -1 = the connection is lost. */
int verify_bodies(struct verify_mailbox *box);

#endif

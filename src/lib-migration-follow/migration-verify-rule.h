#ifndef MIGRATION_VERIFY_RULE_H
#define MIGRATION_VERIFY_RULE_H

/* What it means that a message is here, or is not, and that its flags are
   others than at the provider. Pure. */

#include "migration-flags.h"

enum migration_verify_verdict {
	MIGRATION_VERIFY_SAME,
	/* Here, with another UID: its own was taken or too low. */
	MIGRATION_VERIFY_OTHER_UID,

	/* Not here, and need not be: deleted or moved away here, */
	MIGRATION_VERIFY_DELETED,
	/* left out by max_size. */
	MIGRATION_VERIFY_TOO_LARGE,

	/* Not here: the next sync brings it, */
	MIGRATION_VERIFY_NEW,
	/* the provider did not deliver it, */
	MIGRATION_VERIFY_PENDING,
	/* its file has gone behind Dovecot's back or cannot be read, */
	MIGRATION_VERIFY_LOST,
	/* and nobody knows why. */
	MIGRATION_VERIFY_MISSING,
};
#define MIGRATION_VERIFY_VERDICTS (MIGRATION_VERIFY_MISSING + 1)

/* What is known about the syncs of a mailbox. */
struct migration_verify_mark {
	/* Where its marks should be are none: what was deleted here cannot be
	   told from what is missing. */
	bool lost;
	/* Everything up to this UID was taken, or left out; 0 = nothing. */
	uint32_t last_uid;
	/* As the provider is set up; 0 = all */
	uoff_t max_size;
};

/* A message of the provider. */
struct migration_verify_message {
	uint32_t uid;
	uoff_t size;
	/* The UID here, 0 = it is not here. */
	uint32_t local_uid;
	/* The provider did not deliver it. */
	bool pending;
	/* Dovecot had it here, and now its file is gone or cannot be read. */
	bool lost;
	/* it was above max_size when it could have come */
	bool left_out;
};

enum migration_verify_flags {
	MIGRATION_VERIFY_FLAGS_SAME,
	/* The user's: here wins. */
	MIGRATION_VERIFY_FLAGS_CHANGED_HERE,
	/* The next sync brings it. */
	MIGRATION_VERIFY_FLAGS_CHANGED_THERE,
	/* Nobody knows why. */
	MIGRATION_VERIFY_FLAGS_DIFFER,
};

enum migration_verify_verdict
migration_verify_message(const struct migration_verify_mark *mark,
			 const struct migration_verify_message *message);
/* TRUE if the message should be here and is not. */
bool migration_verify_is_missing(enum migration_verify_verdict verdict);

/* seen: there, at the last sync; NULL = the message has no mark. changed_here:
   since then. */
enum migration_verify_flags
migration_verify_flags(const struct migration_flags *there,
		       const struct migration_flags *here,
		       const struct migration_flags *seen, bool changed_here);

/* For people: what the verdict says of one message, and behind a number of
   them. NULL if there is nothing to say. */
const char *migration_verify_to_text(enum migration_verify_verdict verdict);
const char *
migration_verify_to_count_text(enum migration_verify_verdict verdict);

#endif

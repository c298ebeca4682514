#ifndef MIGRATION_FLAGS_H
#define MIGRATION_FLAGS_H

/* Whose flags win. Pure. */

#include "mail-types.h"

/* \Recent is a session's and never anybody's. */
#define MIGRATION_FLAGS_MASK (MAIL_FLAGS_NONRECENT)

struct migration_flags {
	enum mail_flags flags;
	/* A bit for each keyword, by the mailbox's table of them. */
	uint64_t keywords;
};

struct migration_flags_change {
	struct migration_flags add, remove;
};

bool migration_flags_equal(const struct migration_flags *a,
			   const struct migration_flags *b);

/* What to change here, given what was last seen at the provider and what is
   there now. changed_here: the user has changed this message here since then,
   so nothing is. Returns TRUE if there is something to change. */
bool migration_flags_rule(const struct migration_flags *seen,
			  const struct migration_flags *now, bool changed_here,
			  struct migration_flags_change *change_r);

/* A message that is gone at the provider. Returns TRUE if it is to be expunged
   here. */
bool migration_flags_expunge(bool changed_here, bool keep);

#endif

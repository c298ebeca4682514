/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-flags.h"

bool migration_flags_equal(const struct migration_flags *a,
			   const struct migration_flags *b)
{
	return a->flags == b->flags && a->keywords == b->keywords;
}

bool migration_flags_rule(const struct migration_flags *seen,
			  const struct migration_flags *now, bool changed_here,
			  struct migration_flags_change *change_r)
{
	i_zero(change_r);
	if (changed_here || migration_flags_equal(seen, now))
		return FALSE;
	change_r->add.flags = now->flags & ENUM_NEGATE(seen->flags);
	change_r->add.keywords = now->keywords & ~seen->keywords;
	change_r->remove.flags = seen->flags & ENUM_NEGATE(now->flags);
	change_r->remove.keywords = seen->keywords & ~now->keywords;
	return TRUE;
}

bool migration_flags_expunge(bool changed_here, bool keep)
{
	return !changed_here && !keep;
}

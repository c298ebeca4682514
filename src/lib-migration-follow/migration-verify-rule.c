/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-verify-rule.h"

static const struct {
	const char *text, *count;
} verify_texts[MIGRATION_VERIFY_VERDICTS] = {
	[MIGRATION_VERIFY_SAME] = { NULL, NULL },
	[MIGRATION_VERIFY_OTHER_UID] = { "has another UID here",
					 "with another UID" },
	[MIGRATION_VERIFY_DELETED] = { "deleted or moved here",
				       "deleted here" },
	[MIGRATION_VERIFY_TOO_LARGE] = { "larger than max_size",
					 "larger than max_size" },
	[MIGRATION_VERIFY_NEW] = { "new since the last sync",
				   "new since the last sync" },
	[MIGRATION_VERIFY_PENDING] = { "the provider did not deliver it",
				       "not delivered by the provider" },
	[MIGRATION_VERIFY_LOST] = { "its file is gone or cannot be read",
				    "whose file is gone or cannot be read" },
	[MIGRATION_VERIFY_MISSING] = { "is not here, and the mailbox has lost "
				       "its marks",
				       "not here, with marks lost" },
};

enum migration_verify_verdict
migration_verify_message(const struct migration_verify_mark *mark,
			 const struct migration_verify_message *message)
{
	if (message->lost)
		return MIGRATION_VERIFY_LOST;
	if (message->local_uid != 0) {
		return message->local_uid == message->uid ?
			       MIGRATION_VERIFY_SAME :
			       MIGRATION_VERIFY_OTHER_UID;
	}
	if (message->pending)
		return MIGRATION_VERIFY_PENDING;
	if (message->left_out)
		return MIGRATION_VERIFY_TOO_LARGE;
	if (mark->max_size > 0 && message->size != UOFF_T_MAX &&
	    message->size > mark->max_size)
		return MIGRATION_VERIFY_TOO_LARGE;
	if (mark->lost)
		return MIGRATION_VERIFY_MISSING;
	return message->uid <= mark->last_uid ? MIGRATION_VERIFY_DELETED :
						MIGRATION_VERIFY_NEW;
}

bool migration_verify_is_missing(enum migration_verify_verdict verdict)
{
	switch (verdict) {
	case MIGRATION_VERIFY_SAME:
	case MIGRATION_VERIFY_OTHER_UID:
	case MIGRATION_VERIFY_DELETED:
	case MIGRATION_VERIFY_TOO_LARGE:
		return FALSE;
	case MIGRATION_VERIFY_NEW:
	case MIGRATION_VERIFY_PENDING:
	case MIGRATION_VERIFY_LOST:
	case MIGRATION_VERIFY_MISSING:
		return TRUE;
	}
	i_unreached();
}

enum migration_verify_flags
migration_verify_flags(const struct migration_flags *there,
		       const struct migration_flags *here,
		       const struct migration_flags *seen, bool changed_here)
{
	if (migration_flags_equal(there, here))
		return MIGRATION_VERIFY_FLAGS_SAME;
	if (seen == NULL)
		return MIGRATION_VERIFY_FLAGS_DIFFER;
	/* changed here before the last sync: that has left it alone */
	if (changed_here || migration_flags_equal(there, seen))
		return MIGRATION_VERIFY_FLAGS_CHANGED_HERE;
	return MIGRATION_VERIFY_FLAGS_CHANGED_THERE;
}

const char *migration_verify_to_text(enum migration_verify_verdict verdict)
{
	return verify_texts[verdict].text;
}

const char *
migration_verify_to_count_text(enum migration_verify_verdict verdict)
{
	return verify_texts[verdict].count;
}

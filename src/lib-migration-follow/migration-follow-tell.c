/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* What the look at all folders has shown about the provider, and what people
   should know before they look for a folder. */

#include "lib.h"
#include "array.h"
#include "migration-provider-probe.h"
#include "migration-remote.h"
#include "migration-follow-private.h"

void follow_tell_probe(struct migration_follow *follow)
{
	const struct migration_follow_settings *set = follow->set;
	const char sep[] = { follow->overview.sep, '\0' };
	struct migration_provider_probe probe;

	migration_remote_get_probe(set->remote, &probe);
	probe.prefix = follow->overview.found_prefix;
	probe.sep = sep;
	set->callbacks->probed(set->context, &probe);
}

/* Nothing is wrong with them, but somebody may look for them. */
void follow_tell_foreign(struct migration_follow *follow)
{
	static const char *const texts[MIGRATION_OVERVIEW_OWNERS] = {
		[MIGRATION_OVERVIEW_OTHER_USERS] = "other users",
		[MIGRATION_OVERVIEW_SHARED] = "shared",
		[MIGRATION_OVERVIEW_NOBODY] = "not below the prefix",
	};
	const struct migration_follow_settings *set = follow->set;
	const struct migration_overview_foreign *foreign;
	unsigned int i;

	for (i = 0; i < MIGRATION_OVERVIEW_OWNERS; i++) {
		foreign = &follow->overview.foreign[i];
		if (foreign->count == 0)
			continue;
		set->callbacks->note(
			set->context,
			follow_pairs_foreign_name(follow, foreign->first), 0,
			foreign->count == 1 ?
				t_strdup_printf("Left out: %s", texts[i]) :
				t_strdup_printf("Left out, and %u more: %s",
						foreign->count - 1, texts[i]));
	}
}

/* Labels are folders there, and some show what all or others have. */
void follow_tell_views(struct migration_follow *follow)
{
	const struct migration_follow_settings *set = follow->set;
	const struct follow_pair *pair;
	const char *text;

	if ((migration_remote_get_features(set->remote)->quirks &
	     MIGRATION_QUIRK_GMAIL) == 0)
		return;
	array_foreach(&follow->pairs, pair) {
		if (pair->listed->use == NULL)
			continue;
		if (strcmp(pair->listed->use, "\\All") == 0) {
			text = "Has all messages once more, and alone those "
			       "that have no label";
		} else if (strcmp(pair->listed->use, "\\Flagged") == 0 ||
			   strcmp(pair->listed->use, "\\Important") == 0) {
			text = t_strdup_printf(
				"Has messages of other folders once more: "
				"exclude = %s leaves it out",
				pair->listed->use);
		} else {
			continue;
		}
		set->callbacks->note(set->context, pair->folder->name, 0, text);
	}
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "migration-features.h"

#define FEATURE_MAX_CAPABILITIES 2

struct feature_word {
	const char *word;
	enum migration_feature feature;
	/* that are not used then */
	const char *capabilities[FEATURE_MAX_CAPABILITIES];
};

struct feature_quirk {
	const char *name;
	enum migration_quirk quirk;
	/* who offers these is one of them */
	const char *capabilities[FEATURE_MAX_CAPABILITIES];
	/* as if the setting had these words */
	enum migration_feature set;
};

/* clang-format off */
static const struct feature_word feature_words[] = {
	{ "no-condstore", MIGRATION_FEATURE_NO_CONDSTORE, { "CONDSTORE" } },
	{ "no-esearch", MIGRATION_FEATURE_NO_ESEARCH, { "ESEARCH" } },
	{ "no-id", MIGRATION_FEATURE_NO_ID, { "ID" } },
	{ "no-list-status", MIGRATION_FEATURE_NO_LIST_STATUS,
	  { "LIST-EXTENDED", "LIST-STATUS" } },
	{ "no-namespace", MIGRATION_FEATURE_NO_NAMESPACE, { "NAMESPACE" } },
	{ "no-special-use", MIGRATION_FEATURE_NO_SPECIAL_USE,
	  { "SPECIAL-USE" } },
	{ "always-id", MIGRATION_FEATURE_ALWAYS_ID, { NULL } },
};

static const struct feature_quirk feature_quirks[] = {
	/* developers.google.com/gmail/imap/imap-extensions */
	{ "gmail", MIGRATION_QUIRK_GMAIL, { "X-GM-EXT-1" }, 0 },
	/* github.com/horde/Imap_Client/pull/17; what it offers is in
	   github.com/nextcloud/mail/issues/3401. A list of UIDs that is empty
	   is not believed: nothing would ever be expunged here. */
	{ "icloud", MIGRATION_QUIRK_ICLOUD,
	  { "XAPPLEPUSHSERVICE", "X-SUN-IMAP" },
	  MIGRATION_FEATURE_NO_ESEARCH },
};

static const char *const feature_capabilities[] = {
	"IMAP4rev1", "CONDSTORE", "ESEARCH", "ID", "LIST-EXTENDED",
	"LIST-STATUS", "NAMESPACE", "SPECIAL-USE", "X-GM-EXT-1", "X-SUN-IMAP",
	"XAPPLEPUSHSERVICE"
};
/* clang-format on */

static const char *features_all_words(void)
{
	ARRAY_TYPE(const_string) words;
	unsigned int i;

	t_array_init(&words, N_ELEMENTS(feature_words));
	for (i = 0; i < N_ELEMENTS(feature_words); i++)
		array_push_back(&words, &feature_words[i].word);
	return t_array_const_string_join(&words, ", ");
}

int migration_features_parse(const char *str, enum migration_feature *set_r,
			     const char **error_r)
{
	const char *const *words = t_strsplit_spaces(str, " \t\n");
	unsigned int i;

	*set_r = 0;
	for (; *words != NULL; words++) {
		for (i = 0; i < N_ELEMENTS(feature_words); i++) {
			if (strcmp(feature_words[i].word, *words) == 0)
				break;
		}
		if (i == N_ELEMENTS(feature_words)) {
			*error_r = t_strdup_printf("'%s' is not one of %s",
						   *words,
						   features_all_words());
			return -1;
		}
		*set_r |= feature_words[i].feature;
	}
	if ((*set_r & MIGRATION_FEATURE_NO_ID) != 0 &&
	    (*set_r & MIGRATION_FEATURE_ALWAYS_ID) != 0) {
		*error_r = "'no-id' and 'always-id' exclude each other";
		return -1;
	}
	return 0;
}

static bool
features_offer_all(const char *const *capabilities,
		   const char *const names[FEATURE_MAX_CAPABILITIES])
{
	unsigned int i;

	for (i = 0; i < FEATURE_MAX_CAPABILITIES && names[i] != NULL; i++) {
		if (!str_array_icase_find(capabilities, names[i]))
			return FALSE;
	}
	return TRUE;
}

static bool
features_take_away(enum migration_feature set, const char *capability)
{
	unsigned int i, j;

	for (i = 0; i < N_ELEMENTS(feature_words); i++) {
		if ((set & feature_words[i].feature) == 0)
			continue;
		for (j = 0; j < FEATURE_MAX_CAPABILITIES; j++) {
			if (feature_words[i].capabilities[j] != NULL &&
			    strcasecmp(feature_words[i].capabilities[j],
				       capability) == 0)
				return TRUE;
		}
	}
	return FALSE;
}

void migration_features_get(pool_t pool, enum migration_feature set,
			    const char *const *capabilities,
			    struct migration_features *features_r)
{
	ARRAY_TYPE(const_string) used;
	unsigned int i;

	i_zero(features_r);
	for (i = 0; i < N_ELEMENTS(feature_quirks); i++) {
		if (!features_offer_all(capabilities,
					feature_quirks[i].capabilities))
			continue;
		features_r->quirks |= feature_quirks[i].quirk;
		set |= feature_quirks[i].set;
	}
	/* STATUS is one of the RETURN options */
	if (!str_array_icase_find(capabilities, "LIST-EXTENDED"))
		set |= MIGRATION_FEATURE_NO_LIST_STATUS;
	features_r->set = set;

	p_array_init(&used, pool, str_array_length(capabilities) + 1);
	for (; *capabilities != NULL; capabilities++) {
		if (!features_take_away(set, *capabilities))
			array_push_back(&used, capabilities);
	}
	array_append_zero(&used);
	features_r->used = array_front(&used);
}

bool migration_features_has(const struct migration_features *features,
			    const char *capability)
{
	return features->used != NULL &&
	       str_array_icase_find(features->used, capability);
}

const char *migration_features_known(const char *const *capabilities)
{
	ARRAY_TYPE(const_string) known;
	unsigned int i;

	t_array_init(&known, N_ELEMENTS(feature_capabilities));
	for (i = 0; i < N_ELEMENTS(feature_capabilities); i++) {
		if (str_array_icase_find(capabilities, feature_capabilities[i]))
			array_push_back(&known, &feature_capabilities[i]);
	}
	return t_array_const_string_join(&known, " ");
}

const char *migration_quirks_to_string(enum migration_quirk quirks)
{
	ARRAY_TYPE(const_string) names;
	unsigned int i;

	t_array_init(&names, N_ELEMENTS(feature_quirks));
	for (i = 0; i < N_ELEMENTS(feature_quirks); i++) {
		if ((quirks & feature_quirks[i].quirk) != 0)
			array_push_back(&names, &feature_quirks[i].name);
	}
	return t_array_const_string_join(&names, " ");
}

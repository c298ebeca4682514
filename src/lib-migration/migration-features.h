#ifndef MIGRATION_FEATURES_H
#define MIGRATION_FEATURES_H

/* What a sync makes use of at a provider's IMAP server: what the server
   offers, without what the provider's setting "features" takes away, or what
   servers of that kind are known to do badly. Pure. Used by the worker, which
   acts on it, by doveadm, which shows it, and by the checks of the settings. */

/* The words of the setting. */
enum migration_feature {
	MIGRATION_FEATURE_NO_CONDSTORE = 0x01,
	MIGRATION_FEATURE_NO_ESEARCH = 0x02,
	MIGRATION_FEATURE_NO_ID = 0x04,
	/* LIST-EXTENDED as well: no RETURN */
	MIGRATION_FEATURE_NO_LIST_STATUS = 0x08,
	MIGRATION_FEATURE_NO_NAMESPACE = 0x10,
	/* What folders are for is said by their names alone. */
	MIGRATION_FEATURE_NO_SPECIAL_USE = 0x20,
	/* ID is the first command of each session. */
	MIGRATION_FEATURE_ALWAYS_ID = 0x40,
};

/* Kinds of servers that are told by their capabilities. */
enum migration_quirk {
	/* \All, \Flagged and \Important show messages of other folders once
	   more. */
	MIGRATION_QUIRK_GMAIL = 0x01,
	/* Answers ESEARCH with a count, whatever it was asked for. */
	MIGRATION_QUIRK_ICLOUD = 0x02,
};

struct migration_features {
	/* Capabilities that are used, with all that no rule is about;
	   NULL-terminated. */
	const char *const *used;
	/* By the setting and the quirks */
	enum migration_feature set;
	enum migration_quirk quirks;
};

/* Reads the setting: words with blanks in between. Returns 0, or -1 with the
   word that is wrong in the error. */
int migration_features_parse(const char *str, enum migration_feature *set_r,
			     const char **error_r);

/* capabilities is what the server offers, NULL-terminated. The list of used
   ones is from the pool, the names are the caller's. */
void migration_features_get(pool_t pool, enum migration_feature set,
			    const char *const *capabilities,
			    struct migration_features *features_r);
bool migration_features_has(const struct migration_features *features,
			    const char *capability);

/* Those of the capabilities that a rule is about or a sync asks for, with
   blanks in between, always in the same order. From the data stack. */
const char *migration_features_known(const char *const *capabilities);
/* Names of quirks, with blanks in between; "" = none. From the data stack. */
const char *migration_quirks_to_string(enum migration_quirk quirks);

#endif

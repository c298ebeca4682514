#ifndef MIGRATION_OVERVIEW_H
#define MIGRATION_OVERVIEW_H

/* One look at all mailboxes of the provider: with LIST-STATUS one command, else
   one round trip more for all STATUS together. Finds out by itself what stands
   in front of the user's own folders (RFC 2342). */

struct migration_remote;

struct migration_overview_folder {
	/* As the provider gives it */
	const char *name;
	/* "\Sent" and the like (RFC 6154), or NULL */
	const char *use;
	char sep;
	bool subscribed;
	/* Only a place in the hierarchy */
	bool noselect;

	/* The rest is known. */
	bool has_status;
	uint32_t messages, uid_next, uid_validity;
	/* 0 = the server has none */
	uint64_t highest_modseq;
};
ARRAY_DEFINE_TYPE(migration_overview_folder, struct migration_overview_folder);

enum migration_overview_owner {
	MIGRATION_OVERVIEW_OTHER_USERS = 0,
	MIGRATION_OVERVIEW_SHARED,
	/* Above the prefix: not the user's own, whosever they are */
	MIGRATION_OVERVIEW_NOBODY,
	MIGRATION_OVERVIEW_OWNERS
};

/* Folders that are not the user's own, and could be opened. */
struct migration_overview_foreign {
	/* Name of the first of them, as the provider gives it */
	const char *first;
	unsigned int count;
};

struct migration_overview {
	/* INBOX first. Not those below the prefixes of others. */
	ARRAY_TYPE(migration_overview_folder) folders;
	const char *prefix;
	char sep;
	/* Without the setting */
	const char *found_prefix;
	struct migration_overview_foreign foreign[MIGRATION_OVERVIEW_OWNERS];
};

/* list_prefix is the setting; empty = find out. Everything is allocated from
   the pool. Returns 0, or -1 with an error: the connection is lost, or the
   provider does not list. */
int migration_overview_read(struct migration_remote *remote, pool_t pool,
			    const char *list_prefix,
			    struct migration_overview *overview_r,
			    const char **error_r);

#endif

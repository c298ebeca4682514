#ifndef MIGRATION_FOLLOW_H
#define MIGRATION_FOLLOW_H

/* Makes an account here follow the provider's: doc/following.md. The first
   pull is the same from a mark at zero. Used by the worker, as the mail user,
   under the account's lock; blocks until it is over. Interrupted anywhere, the
   next run goes on.

   A folder or message that cannot be brought is noted, and the rest goes on. */

struct mail_namespace;
struct migration_provider_probe;
struct migration_remote;
struct migration_remote_settings;

struct migration_follow_callbacks {
	/* How a mailbox is doing: messages that are here, of how many, and
	   their size. */
	void (*mailbox)(void *context, const char *name, unsigned int done,
			unsigned int total, uint64_t bytes);
	/* All mailboxes have been told about once. */
	void (*total_known)(void *context);
	/* A message has come, and then is saved. */
	void (*received)(void *context, uint64_t bytes);
	void (*saved)(void *context);
	/* What could not be brought, or in another way; uid is the provider's,
	   0 = the mailbox itself. */
	void (*note)(void *context, const char *mailbox, uint32_t uid,
		     const char *text);
	/* What the server is like, if it is not as it was known to be: as soon
	   as it is known, and once more with the server's name, which is asked
	   for last. */
	void (*probed)(void *context,
		       const struct migration_provider_probe *probe);
	/* Nobody waits for this run any longer. */
	bool (*is_stopped)(void *context);
	/* Was a message with this GUID saved by a run that was killed? Only
	   asked if the last run was unclean. */
	bool (*is_leftover)(void *context, const char *guid);
};

struct migration_follow_settings {
	/* The namespace of INBOX here */
	struct mail_namespace *ns;
	/* Logged in */
	struct migration_remote *remote;
	/* For the login at the provider's POP3 server; NULL = UIDLs are not
	   kept */
	const struct migration_remote_settings *pop3;
	/* For the file of folders */
	const char *dir;
	/* See the settings of the provider. exclude is a NULL-terminated list
	   of names with wildcards and of special-use flags. */
	const char *list_prefix;
	const char *const *exclude;
	uoff_t max_size;
	/* migration_remote_deletes = keep */
	bool keep_expunged;
	/* The last run did not come to its end: what it may have saved without
	   a mark is compared first. */
	bool unclean;

	const struct migration_follow_callbacks *callbacks;
	void *context;
};

enum migration_follow_result {
	/* All that can be had is here. */
	MIGRATION_FOLLOW_DONE = 0,
	/* Some mailboxes could not be used now; all others are done. */
	MIGRATION_FOLLOW_INCOMPLETE,
	/* The connection is lost, or the run was stopped. */
	MIGRATION_FOLLOW_REMOTE,
	/* Nothing can be stored here. */
	MIGRATION_FOLLOW_LOCAL,
};

/* error_r is for people; empty with MIGRATION_FOLLOW_DONE. */
enum migration_follow_result
migration_follow(const struct migration_follow_settings *set,
		 const char **error_r);

#endif

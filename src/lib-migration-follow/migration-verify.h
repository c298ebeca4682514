#ifndef MIGRATION_VERIFY_H
#define MIGRATION_VERIFY_H

/* Compares an account here with the provider's, mailbox by mailbox, and says
   what of it is explained by what the user has done here. Reads only, on both
   sides: what has to be mended is left to the next run of the follower. Used by
   the worker, as the mail user, under the account's lock; blocks until it is
   over. */

struct mail_namespace;
struct migration_remote;

/* Of each mailbox and kind, explained or not, so many differences are told. */
#define MIGRATION_VERIFY_MAX_DIFFERENCES 1000

enum migration_verify_uid_validity {
	/* One side has no such mailbox. */
	MIGRATION_VERIFY_UID_VALIDITY_NONE,
	MIGRATION_VERIFY_UID_VALIDITY_SAME,
	MIGRATION_VERIFY_UID_VALIDITY_OTHER,
};

struct migration_verify_mailbox {
	/* Here and, as people read it, there; NULL = only here */
	const char *name, *remote_name;
	enum migration_verify_uid_validity uid_validity;
	/* Messages */
	unsigned int there, here;
	/* Messages that should be here and are not. */
	unsigned int missing;
	/* Messages with differences that nothing explains */
	unsigned int flags, sizes, bodies;
	/* Messages whose bytes were compared. */
	unsigned int checked;
	/* Not all could be compared. */
	bool failed;
	/* Nothing is missing, all differences are explained. */
	bool same;
	/* For people: what differs and why; may be empty. */
	const char *text;
};

struct migration_verify_callbacks {
	/* One message; uid is the provider's, 0 = the mailbox. It
	   comes before its mailbox. */
	void (*difference)(void *context, const char *mailbox, uint32_t uid,
			   bool explained, const char *text);
	void (*mailbox)(void *context,
			const struct migration_verify_mailbox *mailbox);
	/* Nobody waits for it any longer. */
	bool (*is_stopped)(void *context);
};

struct migration_verify_settings {
	/* As in struct migration_follow_settings */
	struct mail_namespace *ns;
	struct migration_remote *remote;
	const char *dir;
	const char *list_prefix;
	const char *const *exclude;
	uoff_t max_size;

	/* The bytes of all messages are compared, not of a sample. */
	bool all;

	const struct migration_verify_callbacks *callbacks;
	void *context;
};

enum migration_verify_result {
	/* Every mailbox was told about. */
	MIGRATION_VERIFY_DONE = 0,
	/* The connection is lost, or it was stopped. */
	MIGRATION_VERIFY_REMOTE,
	/* What is known about the mailboxes here cannot be read. */
	MIGRATION_VERIFY_LOCAL,
};

/* error_r is for people; empty with MIGRATION_VERIFY_DONE. */
enum migration_verify_result
migration_verify(const struct migration_verify_settings *set,
		 const char **error_r);

#endif

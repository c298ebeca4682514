#ifndef MIGRATION_FOLLOW_PRIVATE_H
#define MIGRATION_FOLLOW_PRIVATE_H

#include "array.h"
#include "seq-range-array.h"
#include "migration-flags.h"
#include "migration-folders.h"
#include "migration-follow.h"
#include "migration-mark.h"
#include "migration-overview.h"

struct imap_arg;
struct imapc_untagged_reply;
struct istream;
struct mail_save_context;
struct mailbox_transaction_context;

/* Messages and bytes saved in one transaction: what a kill can cost. */
#define FOLLOW_COMMIT_MESSAGES 100
#define FOLLOW_COMMIT_BYTES (16 * 1024 * 1024)
/* What is asked about a new message. */
#define FOLLOW_FETCH_ITEMS "UID FLAGS INTERNALDATE RFC822.SIZE"

/* A folder of the provider and its mailbox here. */
struct follow_pair {
	struct migration_folder *folder;
	const struct migration_overview_folder *listed;
	/* by what the provider or its name says; may be NULL */
	const char *use;
	/* this run has made the mailbox */
	bool created;
	/* it is not the one that was made for the folder */
	bool foreign;
	/* the provider has not delivered all of it */
	bool pending;
};
ARRAY_DEFINE_TYPE(follow_pair, struct follow_pair);

struct migration_follow {
	const struct migration_follow_settings *set;
	pool_t pool;
	struct migration_overview overview;
	/* all that is known, and of these the ones to follow, INBOX first */
	ARRAY_TYPE(migration_folder) folders;
	ARRAY_TYPE(follow_pair) pairs;
	/* a sync has brought everything once: mailboxes here have a life of
	   their own */
	bool complete;

	/* of the first mailbox that could not be used now */
	const char *incomplete_error;
	/* nothing can be stored: no further mailbox is tried */
	const char *local_error;

	/* what the provider's POP3 server has said in this run */
	struct follow_pop3 *pop3;
};

/* A message here that came from the provider, or may have. */
struct follow_local {
	uint32_t seq, uid;
	struct migration_mark_record record;
	/* as it is now */
	uint32_t hash;
	/* was found to be one of the provider's new messages */
	bool taken;
};

/* A message at the provider. */
struct follow_remote {
	uint32_t uid;
	struct migration_flags flags;
	/* of new ones: as the provider says */
	time_t received;
	int received_tz;
	uoff_t size;
	const char *message_id;
	/* beyond the table of keywords */
	const char *const *more_keywords;
	/* the same message here */
	struct follow_local *local;
	/* at its POP3 server; NULL and 0 = none */
	const char *uidl;
	uint32_t pop3_order;
	/* why the provider does not deliver it, if it has said so */
	const char *why;
	enum follow_remote_state {
		FOLLOW_REMOTE_WAITING = 0,
		/* came before one with a lower UID, or in parts */
		FOLLOW_REMOTE_STASHED,
		FOLLOW_REMOTE_DONE,
		/* was asked for and did not come */
		FOLLOW_REMOTE_MISSING,
	} state;
	/* what has come of it: a temporary file, which bytes of it are there,
	   counted from 1, and where a part has ended before it was full, which
	   is the last one; 0 = none has */
	int stash_fd;
	ARRAY_TYPE(seq_range) stash_ranges;
	uoff_t stash_end;
};
/* A message at the provider of which it says nothing but that it is there. */
struct follow_untold {
	uint32_t uid;
	const char *why;
};
ARRAY_DEFINE_TYPE(follow_untold, struct follow_untold);
ARRAY_DEFINE_TYPE(follow_local, struct follow_local);
ARRAY_DEFINE_TYPE(follow_remote, struct follow_remote);

struct follow_mailbox {
	struct migration_follow *follow;
	const struct migration_overview_folder *listed;
	struct migration_folder *folder;
	struct mailbox *box;
	struct migration_mark *mark;
	struct migration_mark_header *hdr;
	pool_t pool;

	/* what EXAMINE and later untagged answers say */
	uint32_t uid_validity, uid_next, exists;
	uint64_t highest_modseq;
	bool has_uid_next;

	/* by the provider's UID, ascending; those without one first */
	ARRAY_TYPE(follow_local) locals;
	/* up to last_uid: whose flags were told, ascending once sorted */
	ARRAY_TYPE(follow_remote) known;
	/* above it */
	ARRAY_TYPE(follow_remote) fresh;
	/* were asked about, too, and it says nothing */
	ARRAY_TYPE(follow_untold) untold;
	/* all UIDs, at least those up to last_uid, if all_uids_known */
	ARRAY_TYPE(seq_range) all_uids;
	bool all_uids_known;
	/* it was not told whose flags have changed */
	bool flags_unknown;

	/* messages that are not here, for the report */
	unsigned int missing;
	/* above max_size, and too many for the list */
	unsigned int left_out_more;
	/* UIDNEXT here */
	uint32_t next_uid;

	/* this run has made it; or it is not the one that was made for the
	   folder, and its marks are another folder's */
	bool created, foreign;
	/* the provider's list of UIDs did not agree with its own count */
	bool doubtful;
	const char *error;
	/* the provider refuses it, and not only for now: the account is
	   complete without it */
	bool refused;
};

/* --- migration-follow.c --- */

bool follow_is_subscribed(struct mailbox *box);
/* An error of a mailbox for people. */
const char *
follow_mailbox_error(struct migration_follow *follow,
		     const struct migration_folder *folder, const char *text);

/* --- migration-follow-move.c --- */

/* Everything in one mailbox, with its marks, becomes another's, whose GUID the
   folder gets; from is empty then, but for what has come meanwhile. A kill leaves
   it in the one or in both, and the next run ends it. keep_uids: to has never
   had mail. Both are open. */
int follow_move(struct migration_follow *follow,
		struct migration_folder *folder, struct mailbox *from,
		struct mailbox *to, bool keep_uids);
/* Expunges what was read of it, and forgets the marks; moved_to: only what was
   there when it was moved to that one. */
int follow_empty(struct follow_mailbox *box, struct follow_mailbox *moved_to);

/* --- migration-follow-pairs.c --- */

/* What a folder of the provider is called here, without the namespace's prefix;
   NULL = it is not the user's own. */
const char *
follow_pairs_name(struct migration_follow *follow, const char *remote_name);
/* The same of one that is not: with its prefix. */
const char *follow_pairs_foreign_name(struct migration_follow *follow,
				      const char *remote_name);
/* The name at the provider, for people, of a folder that could not keep it; else
   NULL. */
const char *follow_pairs_changed(struct migration_follow *follow,
				 const struct follow_pair *pair);
/* Finds the pairs: names, exclude, special-use. Folders that are new get an
   entry. */
void follow_pairs_init(struct migration_follow *follow);

/* --- migration-follow-tell.c --- */

/* What the provider's server is like. */
void follow_tell_probe(struct migration_follow *follow);
/* Notes folders that are not the user's own. */
void follow_tell_foreign(struct migration_follow *follow);
/* Notes folders that show messages of others once more. */
void follow_tell_views(struct migration_follow *follow);

/* --- migration-follow-gone.c --- */

/* Folders that the provider has renamed or deleted. To be called before the
   pairs are found. Returns 0, or -1 if the connection is lost. */
int follow_gone(struct migration_follow *follow);

/* --- migration-follow-mailbox.c --- */

/* The mailbox is open. */
void follow_mailbox_init(struct follow_mailbox *box,
			 struct migration_follow *follow,
			 const struct follow_pair *pair,
			 struct mailbox *mailbox);
void follow_mailbox_deinit(struct follow_mailbox *box);
/* Tells how much is here already, before anything is done. */
void follow_mailbox_estimate(struct follow_mailbox *box);

/* Returns 1 = followed, 0 = could not be, with box->error, -1 = the connection
   is lost or the run stopped. */
int follow_mailbox_run(struct follow_mailbox *box);
/* If a run was killed while mail of the user's own was here twice. Returns 0, or
   -1 on error. */
int follow_mailbox_end_renumbering(struct follow_mailbox *box);
/* Once more for what the provider could not deliver. The mailbox was followed
   before. Returns the same. */
int follow_mailbox_retry_pending(struct follow_mailbox *box);
void follow_mailbox_report(struct follow_mailbox *box);
void follow_mailbox_note(struct follow_mailbox *box, uint32_t uid,
			 const char *text);
/* Remembers why nothing can be stored, if that is what it means. Returns 0. */
int follow_mailbox_failed(struct follow_mailbox *box, struct mailbox *failed);

/* --- migration-follow-local.c --- */

/* Reads the messages here. */
void follow_local_read(struct follow_mailbox *box);
struct follow_local *
follow_local_find(struct follow_mailbox *box, uint32_t remote_uid);
/* Flags, keywords and expunges by the rules, and the state here as the base of
   the next run. Returns 1, or 0 on failure. */
int follow_local_update(struct follow_mailbox *box);
uint32_t follow_local_hash(enum mail_flags flags,
			   const ARRAY_TYPE(keyword_indexes) *keywords);
/* The same after flags were added. */
uint32_t follow_local_hash_changed(struct follow_mailbox *box,
				   const struct follow_local *local,
				   const struct migration_flags *add);
/* Names of the keywords of a message, from the data stack. */
const char *const *follow_keyword_names(struct follow_mailbox *box,
					const struct follow_remote *mail);

/* --- migration-follow-keywords.c --- */

/* As mailbox_keywords_create_valid(), and what is saved with them keeps them
   when the worker is killed. */
struct mail_keywords *
follow_keywords_create(struct mailbox *box, const char *const names[]);

/* --- migration-follow-fetch.c --- */

/* Asks for flags of what is known and all about what is new, and if the numbers
   say that this cannot be all, which UIDs there are. What is there and is not
   told about becomes pending. Returns 1, 0 if the provider refuses, -1 = the
   connection is lost. */
int follow_fetch_list(struct follow_mailbox *box);
/* The new message of that UID, or NULL. */
struct follow_remote *
follow_fetch_find(struct follow_mailbox *box, uint32_t uid);
/* Whether a mailbox that is not here has messages above a UID. Returns 1 = it
   has, or the provider does not say, 0 = it has none, -1 = the connection is
   lost. */
int follow_fetch_has_new(struct migration_follow *follow, const char *name,
			 uint32_t last_uid);
/* Asks all about what is pending. */
int follow_fetch_pending(struct follow_mailbox *box);

/* For follow_ask(): what else is asked about a new message; puts what came in
   order; the provider refuses the mailbox. */
const char *follow_fetch_more_items(const struct follow_mailbox *box);
void follow_fetch_sort(struct follow_mailbox *box);
void follow_fetch_refused(struct follow_mailbox *box, const char *text,
			  bool for_now);

/* --- migration-follow-ask.c --- */

/* Asks about messages that are there, in ever smaller parts, so that one that
   the provider cannot tell about hides no other; alone = one by one at once.
   Those of which nothing comes are box->untold. Returns 1, 0 if the provider
   refuses, -1 = the connection is lost; then the one that was asked for alone
   is pending. */
int follow_ask(struct follow_mailbox *box, const ARRAY_TYPE(uint32_t) *uids,
	       bool alone);

/* --- migration-follow-save.c --- */

/* Brings the messages that are new. Returns as follow_mailbox_run(). */
int follow_save(struct follow_mailbox *box);
/* Brings those of box->fresh that the provider could not deliver before, one
   by one. */
int follow_save_pending(struct follow_mailbox *box);

/* --- migration-follow-stash.c --- */

/* imapc holds an answer in memory: what is larger is asked for in parts. */
#define FOLLOW_STASH_PART_BYTES (4 * 1024 * 1024)

/* size as the provider says, UOFF_T_MAX = it does not */
bool follow_stash_is_large(uoff_t size);
/* The body in an answer to FETCH, and whether it is a part of it. NULL = there
   is none. */
struct istream *follow_stash_read_body(const struct imapc_untagged_reply *reply,
				       const struct imap_arg *list,
				       bool *part_r, uoff_t *offset_r);
/* Keeps the whole of it. Returns 0, or -1 after it was logged. */
int follow_stash_add(struct follow_mailbox *box, struct follow_remote *mail,
		     struct istream *input);
/* The same with a part of it. */
void follow_stash_add_part(struct follow_mailbox *box,
			   struct follow_remote *mail, struct istream *input,
			   uoff_t offset);
/* How much there is of it without a gap; 0 if there is one. */
uoff_t follow_stash_bytes(const struct follow_remote *mail);
/* All parts have come. */
bool follow_stash_is_whole(const struct follow_remote *mail);
/* What is in the file, which belongs to the stream from now on. */
struct istream *follow_stash_open(struct follow_remote *mail);
void follow_stash_drop(struct follow_remote *mail);

/* --- migration-follow-pop3.c --- */

/* Finds the UIDLs of the messages that are new, and of those pending, before
   anything is saved; only in INBOX, and asks only once in a run. Returns as
   follow_mailbox_run(). */
int follow_pop3(struct follow_mailbox *box);
/* Gives them to a message that is being saved. */
void follow_pop3_save(struct follow_mailbox *box,
		      const struct follow_remote *mail,
		      struct mail_save_context *save);
void follow_pop3_saved(struct follow_mailbox *box,
		       const struct follow_remote *mail,
		       struct mailbox_transaction_context *trans, uint32_t uid);
/* Notes what is not as it was. */
void follow_pop3_note(struct follow_mailbox *box);

/* --- migration-follow-match.c --- */

/* Messages here without a record that may be some of the new ones. */
struct follow_match;
struct follow_match *
follow_match_init(struct follow_mailbox *box, uint32_t min_local_uid);
void follow_match_deinit(struct follow_match **match);
/* Returns a message here that certainly is this one, or NULL. */
struct follow_local *follow_match_certain(struct follow_match *match,
					  const struct follow_remote *mail);
/* TRUE if some may be: the bodies decide. */
bool follow_match_is_possible(struct follow_match *match,
			      const struct follow_remote *mail);
struct follow_local *
follow_match_body(struct follow_match *match, const struct follow_remote *mail,
		  struct istream *input);
bool follow_streams_equal(struct istream *a, struct istream *b);

#endif

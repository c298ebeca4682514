#ifndef MIGRATION_PROGRESS_H
#define MIGRATION_PROGRESS_H

/* Watches a sync from below: what it saves here, and what it asks about there,
   by hooks in Dovecot's mail storage. Costs no command at the provider. */

struct mail_user;
struct migration_journal;
struct migration_progress;

/* Called at most every MIGRATION_PROGRESS_INTERVAL_MSECS while mail is
   saved. */
typedef void migration_progress_callback_t(struct migration_progress *progress,
					   const char *mailbox, void *context);

/* Must be called before the users are created. There is one at a time. */
struct migration_progress *
migration_progress_init(migration_progress_callback_t *callback, void *context);
void migration_progress_deinit(struct migration_progress **progress);

/* Nobody waits for this sync any longer: the next message is refused, and what
   was saved so far stays. May be called from a signal handler. */
void migration_progress_stop(struct migration_progress *progress);

/* The user whose mailboxes are the provider's; all others are local. */
void migration_progress_set_remote_user(struct migration_progress *progress,
					struct mail_user *user);

/* Is touched as often as the callback is called; NULL = no longer. */
void migration_progress_set_journal(struct migration_progress *progress,
				    const struct migration_journal *journal);
/* From now on the provider is asked about all its mailboxes before any of them
   is pulled. */
void migration_progress_set_total_known(struct migration_progress *progress);

/* Messages that are here already or were saved now, and how many the provider
   has, 0 while that is not known. */
unsigned int
migration_progress_get_done(const struct migration_progress *progress);
unsigned int
migration_progress_get_total(const struct migration_progress *progress);
/* Bytes saved now. */
uint64_t
migration_progress_get_bytes(const struct migration_progress *progress);

#endif

#ifndef MIGRATION_STORE_H
#define MIGRATION_STORE_H

/* The database: accounts, domains and migration records through Dovecot's
   lib-sql. The only place with SQL text. Used by the queue, which writes, and
   by doveadm, which mostly reads.

   Everything is asynchronous and each callback is called exactly once. With
   SQLite and MySQL it is called from within the call itself, with PostgreSQL
   later, in the order of the calls; callers must survive both. The records and
   errors given to a callback are valid during the callback only.

   While there is no connection everything fails at once; it is made anew in the
   background. What was being written when it broke is there as a whole or not
   at all, and an error does not say which: look again.

   Times in the database are those of its server, and whoever compares with them
   asks migration_store_now(): nodes have clocks of their own. With SQLite
   it is this machine's.

   A change of state is a compare-and-set: it says in its result whether the
   row still was what the caller believed. */

#include "migration-import.h"
#include "migration-mailbox.h"
#include "migration-note.h"
#include "migration-own-tables.h"
#include "migration-provider-probe.h"
#include "migration-record.h"

struct migration_store;

struct migration_store_settings {
	const char *driver;
	const char *connect;
	struct event *event_parent;
	/* Make the database if there is none, and make or upgrade the tables.
	   Only the queue does this. */
	bool create;
	/* Where accounts are, NULL = in tables of the plugin's; must stay valid
	   as long as the store. */
	const struct migration_own_tables *own;
};

enum migration_store_found {
	MIGRATION_STORE_ERROR = -1,
	MIGRATION_STORE_NOTHING = 0,
	/* An account without a migration record. */
	MIGRATION_STORE_ACCOUNT,
	/* An account with a migration record. A record whose account was
	   deleted counts as gone, here and, if accounts are in the plugin's
	   tables, in every list. */
	MIGRATION_STORE_RECORD,
};

/* What a good login at the provider brings. */
struct migration_adoption {
	const char *username, *domain;
	const char *provider;
	const char *remote_user, *mechanism;
	/* With {SCHEME} */
	const char *password;
	/* Base64 */
	const char *credential;
	const char *login;
	/* By an administrator, before anybody has logged in; password and
	   mechanism are empty. */
	bool in_advance;
};

/* Mailboxes whose figures are to be written. */
struct migration_mailbox_changes {
	const struct migration_mailbox *const *mailboxes;
	unsigned int count;
	/* These are all: rows of others are of an earlier pull and are
	   removed. */
	bool replace;
};

/* ret: 1 = changed as asked, 0 = somebody else changed it before (nothing was
   written), -1 = error. */
typedef void
migration_store_callback_t(int ret, const char *error, void *context);
typedef void
migration_store_lookup_callback_t(enum migration_store_found found,
				  const struct migration_record *record,
				  const char *error, void *context);
/* record is NULL at the end of the list (ret 0) and on error (ret -1). */
typedef void
migration_store_record_callback_t(int ret,
				  const struct migration_record *record,
				  const char *error, void *context);

/* Loads the SQL driver. Connects at the first use. */
int migration_store_init(const struct migration_store_settings *set,
			 struct migration_store **store_r,
			 const char **error_r);
void migration_store_deinit(struct migration_store **store);
/* Blocks until all that was asked for is answered: for doveadm. */
void migration_store_wait(struct migration_store *store);
/* The same for some seconds only. */
void migration_store_wait_briefly(struct migration_store *store);
/* The same, and what is not answered by then fails. */
void migration_store_wait_end(struct migration_store *store);

/* Checks the schema, and with set.create makes or upgrades it. ret is 1, or
   -1 with an error. Must have succeeded before anything else is called. */
void migration_store_open(struct migration_store *store,
			  migration_store_callback_t *callback, void *context);
/* TRUE if migration_store_open() fails until an administrator changes
   something: a wrong password, a missing database or right. */
bool migration_store_needs_admin(const struct migration_store *store);

/* The time by the clock that all nodes share. Not before _open(). */
time_t migration_store_now(const struct migration_store *store);

void migration_store_lookup(struct migration_store *store, const char *username,
			    migration_store_lookup_callback_t *callback,
			    void *context);

/* Creates the domain if it is missing, the account and the record in one
   transaction; 0 if the account exists already. With tables of the
   administrator's that is an error, as everything else that their statements
   complain about; nothing of it stays then. */
void migration_store_adopt(struct migration_store *store,
			   const struct migration_adoption *adoption,
			   time_t now, migration_store_callback_t *callback,
			   void *context);
/* Writes new password, credential, mechanism and provider into an unfinished
   record and into its account. record is what migration_state_renewed() made
   of before, the record that was looked up; 0 if account or record changed
   since. */
void migration_store_renew(struct migration_store *store,
			   const struct migration_record *before,
			   const struct migration_record *record,
			   const struct migration_adoption *adoption,
			   migration_store_callback_t *callback, void *context);

/* Calls back once for each record of the provider that could run now, at most
   limit of them, then with NULL. First those of phase initial, whoever logged
   in last in front; then those that are followed, the most overdue in front.
   A callback may be followed by another look into the database. */
void migration_store_due(struct migration_store *store, const char *provider,
			 time_t now, unsigned int limit,
			 migration_store_record_callback_t *callback,
			 void *context);
/* UNIX time of the next record that becomes due by itself after now; ret 0 =
   none. */
typedef void migration_store_time_callback_t(int ret, time_t next,
					     const char *error, void *context);
void migration_store_next_due(struct migration_store *store, time_t now,
			      migration_store_time_callback_t *callback,
			      void *context);

/* Takes the job for owner until the given time, if nobody has it, its phase,
   control and credential still are those of record, and it is neither paused
   nor finished. */
void migration_store_lease(struct migration_store *store,
			   const struct migration_record *record,
			   const char *owner, time_t now, time_t until,
			   migration_store_callback_t *callback, void *context);
/* The same also if it is paused: nothing of it will be changed. */
void migration_store_lease_to_compare(struct migration_store *store,
				      const struct migration_record *record,
				      const char *owner, time_t now,
				      time_t until,
				      migration_store_callback_t *callback,
				      void *context);
/* Writes progress, also of the mailboxes that have changed (NULL = none), and
   extends the lease of owner. 0 also if the record was paused, finished or
   deleted meanwhile: the sync must stop. */
void migration_store_progress(struct migration_store *store,
			      const struct migration_record *record,
			      const struct migration_mailbox_changes *changes,
			      migration_store_callback_t *callback,
			      void *context);
/* Extends the lease of owner and changes nothing else; until 0 gives it back,
   with the hold. 0 if owner does not hold it. */
void migration_store_keep_lease(struct migration_store *store,
				const char *username, const char *owner,
				time_t until,
				migration_store_callback_t *callback,
				void *context);
/* Logins are held until then, because the record's lease owner begins the
   switch. 0 if the lease, phase or control is not what record says. The hold
   ends by itself, with the sync or with the lease. */
void migration_store_hold(struct migration_store *store,
			  const struct migration_record *record,
			  time_t hold_until,
			  migration_store_callback_t *callback, void *context);
/* Writes the whole state of record as migration_state_sync_finished() made it
   of before, the record that was looked up, the mailboxes that have changed
   (NULL = none) and what the sync has noted (NULL = what was noted before
   stays; else a note that was there before keeps its time); 0 if owner does not hold the lease any longer, or if phase,
   control, a wanted finish or the credential have changed since. */
void migration_store_finish_sync(
	struct migration_store *store, const struct migration_record *before,
	const struct migration_record *record, const char *owner,
	const struct migration_mailbox_changes *changes,
	const struct migration_note_list *notes,
	migration_store_callback_t *callback, void *context);

/* Writes what migration_state_command() or the rule about an end by itself made
   of before, the record that was looked up; 0 if it has changed since. The lease
   is dropped if before has an owner and record has none. */
void migration_store_control(struct migration_store *store,
			     const struct migration_record *before,
			     const struct migration_record *record,
			     migration_store_callback_t *callback,
			     void *context);
/* Puts another credential in the place of this one, and changes nothing else; 0
   if the record has another one by now. */
void migration_store_reseal(struct migration_store *store, const char *username,
			    const char *before, const char *credential,
			    migration_store_callback_t *callback,
			    void *context);
/* Forgets the record with its credential, and the account as well if
   with_account is set, which must be in the plugin's tables; 0 if there was
   nothing of what is to be forgotten. */
void migration_store_delete(struct migration_store *store, const char *username,
			    bool with_account,
			    migration_store_callback_t *callback,
			    void *context);
/* Calls back once for each record of the provider that ends by itself now
   (migration_state_finish_is_due()), at most limit of them, then with NULL.
   before is from migration_state_finish_before(). */
void migration_store_finish_due(struct migration_store *store,
				const char *provider, time_t before, time_t now,
				unsigned int limit,
				migration_store_record_callback_t *callback,
				void *context);

/* From time to time: lets nothing remain of credentials that were destroyed
   since. SQLite keeps what was overwritten in its write-ahead log; other
   databases are left to themselves. */
void migration_store_scrub(struct migration_store *store);

/* Leases of this owner are left from a process that died: drops them. ret is
   1 or -1. */
void migration_store_drop_leases(struct migration_store *store,
				 const char *owner,
				 migration_store_callback_t *callback,
				 void *context);
/* The interval may have been configured otherwise: whoever is followed and
   would be synced later than that is synced within it, spread over it. What
   waits after a failure is left alone. ret is 1 or -1. */
void migration_store_set_interval(struct migration_store *store, time_t now,
				  unsigned int interval_secs,
				  migration_store_callback_t *callback,
				  void *context);
/* What logins get in phase initial has been configured otherwise: writes it
   into the unfinished records of the provider, by the rule of
   migration_login_renew(). ret is 1 or -1. */
void migration_store_set_login(struct migration_store *store,
			       const char *provider, const char *login,
			       migration_store_callback_t *callback,
			       void *context);

/* What is known about the account's mailboxes, in order of their names, then
   NULL as above. Nothing may be asked of the store from within. */
typedef void
migration_store_mailbox_callback_t(int ret,
				   const struct migration_mailbox *mailbox,
				   const char *error, void *context);
void migration_store_list_mailboxes(
	struct migration_store *store, const char *username,
	migration_store_mailbox_callback_t *callback, void *context);

/* What the last sync has noted, by mailbox and UID, then NULL as above. Nothing
   may be asked of the store from within. */
typedef void
migration_store_note_callback_t(int ret, const struct migration_note *note,
				const char *error, void *context);
void migration_store_list_notes(struct migration_store *store,
				const char *username,
				migration_store_note_callback_t *callback,
				void *context);

/* What is known about the provider's server: ret 1; 0 = nothing, and probe is
   NULL. */
typedef void
migration_store_probe_callback_t(int ret,
				 const struct migration_provider_probe *probe,
				 const char *error, void *context);
void migration_store_get_probe(struct migration_store *store,
			       const char *provider,
			       migration_store_probe_callback_t *callback,
			       void *context);
/* ret is 1, or -1 also if another node writes it at this moment. */
void migration_store_set_probe(struct migration_store *store,
			       const char *provider,
			       const struct migration_provider_probe *probe,
			       migration_store_callback_t *callback,
			       void *context);

/* Every name that an import must know, then NULL as above: recipient is for
   aliases, one call each. Nothing may be asked of the store from within. */
typedef void
migration_store_name_callback_t(int ret, enum migration_import_type type,
				const char *name, const char *recipient,
				const char *error, void *context);
void migration_store_list_names(struct migration_store *store,
				migration_store_name_callback_t *callback,
				void *context);
/* Writes the rows in one transaction, all or nothing. They are new, except that
   aliases may exist with other recipients, and migrations that are to be
   renewed. ret is 1, or -1 also if somebody
   else has made one of them meanwhile. */
void migration_store_import(struct migration_store *store,
			    const struct migration_import_row *const *rows,
			    unsigned int count, time_t now,
			    migration_store_callback_t *callback,
			    void *context);

/* All records of the provider (NULL = all) in order of the user name. */
void migration_store_list(struct migration_store *store, const char *provider,
			  migration_store_record_callback_t *callback,
			  void *context);

#endif

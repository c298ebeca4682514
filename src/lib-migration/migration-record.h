#ifndef MIGRATION_RECORD_H
#define MIGRATION_RECORD_H

/* One user's migration as the database holds it. The store fills and writes
   it, the state rules read and change it, doveadm shows it. */

enum migration_phase {
	/* The first full sync is not done. */
	MIGRATION_PHASE_INITIAL,
	/* Logins are local. */
	MIGRATION_PHASE_FOLLOWING,
	/* Credential destroyed, history stays. */
	MIGRATION_PHASE_FINISHED,
};

enum migration_control {
	MIGRATION_CONTROL_ACTIVE,
	MIGRATION_CONTROL_PAUSED,
	MIGRATION_CONTROL_BLOCKED,
};

/* Why it is blocked. */
enum migration_reason {
	MIGRATION_REASON_NONE,
	/* The provider refuses the password. */
	MIGRATION_REASON_PASSWORD,
	/* Gone or disabled. */
	MIGRATION_REASON_ACCOUNT,
	/* Final error of the provider. */
	MIGRATION_REASON_PROVIDER,
	/* Quota, disk, permissions here. */
	MIGRATION_REASON_LOCAL,
};

struct migration_record {
	/* Local name, lower case. */
	const char *username;
	/* Name of the migration_provider block. */
	const char *provider;
	const char *remote_user;
	/* How the provider accepted the password: "PLAIN" (AUTHENTICATE) or
	   "LOGIN". The worker uses the same. Empty = nobody has logged in
	   yet. */
	const char *mechanism;

	enum migration_phase phase;
	enum migration_control control;
	enum migration_reason reason;

	/* The local account's password hash with {SCHEME}; empty if the
	   account has none. */
	const char *account_password;
	/* An administrator has switched the local account off. */
	bool account_disabled;
	/* The hash that was written at the last good login at the provider.
	   The account has another one = the user changed it here. Empty = nobody
	   has logged in yet. */
	const char *adopted_password;
	/* Sealed password for the worker in base64, or the word of
	   migration-master.h; empty once destroyed. */
	const char *credential;
	/* What IMAP and POP3 logins get in phase initial: "proxy", "wait" or
	   "local" */
	const char *login;

	/* Consecutive temporary failures. */
	unsigned int attempts;
	/* What failed last and what happens next, for people; may be empty. */
	const char *error;

	/* Somebody wants it finished as soon as the first full sync, or in
	   phase following a last one, is done. */
	bool finish_wanted;

	/* UNIX timestamps, 0 = never */
	time_t created, last_login, last_sync, next_sync;
	/* When the first full sync was done. */
	time_t following_since;

	unsigned int messages_done, messages_total;
	uint64_t bytes_done;
	/* How much the last sync could not bring, or did in another way. */
	unsigned int notes;

	/* The switch: until then logins are held. 0 = they are not. */
	time_t hold_until;

	/* Who syncs it at the moment and until when that is believed. */
	const char *lease_owner;
	time_t lease_until;
};

/* TRUE if an administrator has added the user and nobody has logged in since:
   the provider, which is asked at the first login, knows the password, and here
   is none. */
bool migration_record_awaits_login(const struct migration_record *record);

/* A copy with all its strings. */
struct migration_record *
migration_record_dup(pool_t pool, const struct migration_record *src);

#endif

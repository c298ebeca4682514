#ifndef MIGRATION_REFUSALS_H
#define MIGRATION_REFUSALS_H

/* What a provider has refused lately: which passwords of which users, and how
   often. A refused password is not sent there again, and after so many
   refusals no other one of that user is either, so that nobody can try
   passwords at the provider through us, and no user is locked out there.

   In memory only, and neither names nor passwords: keyed hashes (HMAC-SHA256)
   of them, with a key that the caller makes at random for each process.
   Bounded: at most max_entries users and as many passwords; the oldest are
   dropped for new ones. Pure; time comes from the caller. Used by auth. */

#define MIGRATION_REFUSALS_HASH_BYTES 32

struct migration_secret;
struct migration_refusals;

struct migration_refusals_settings {
	unsigned char key[MIGRATION_REFUSALS_HASH_BYTES];
	unsigned int max_entries;
	/* for one user within secs; 0 = no limit */
	unsigned int max_refusals;
	/* how long a refusal counts; 0 = nothing is remembered */
	unsigned int secs;
};

/* Who and with which password. */
struct migration_refusals_key {
	/* provider and name there, in lower case: "Anna" and "anna" are most
	   likely one account */
	unsigned char user[MIGRATION_REFUSALS_HASH_BYTES];
	/* provider, name there as it is, and password */
	unsigned char password[MIGRATION_REFUSALS_HASH_BYTES];
};

enum migration_refusals_answer {
	/* Ask the provider. */
	MIGRATION_REFUSALS_ASK,
	/* It has refused this password. */
	MIGRATION_REFUSALS_REFUSED_BEFORE,
	/* It has refused this user too often. */
	MIGRATION_REFUSALS_TOO_MANY,
};

struct migration_refusals *
migration_refusals_init(const struct migration_refusals_settings *set);
void migration_refusals_deinit(struct migration_refusals **refusals);

void migration_refusals_get_key(const struct migration_refusals *refusals,
				const char *provider, const char *remote_user,
				const struct migration_secret *password,
				struct migration_refusals_key *key_r);

/* May the provider be asked? If not, until_r is when it may be again. */
enum migration_refusals_answer
migration_refusals_check(const struct migration_refusals *refusals,
			 const struct migration_refusals_key *key, time_t now,
			 time_t *until_r);
/* The provider has refused user or password. */
void migration_refusals_add(struct migration_refusals *refusals,
			    const struct migration_refusals_key *key,
			    time_t now);
/* The provider has accepted this password: the user begins anew. Other
   passwords of theirs are still wrong. */
void migration_refusals_clear(struct migration_refusals *refusals,
			      const struct migration_refusals_key *key);

/* For hash tables whose keys are hashes of a migration_refusals_key. */
unsigned int migration_refusals_hash(const unsigned char *hash);
int migration_refusals_hash_cmp(const unsigned char *hash1,
				const unsigned char *hash2);

/* Entries in memory, users and passwords, without those that no longer
   count. */
unsigned int
migration_refusals_count(struct migration_refusals *refusals, time_t now);

#endif

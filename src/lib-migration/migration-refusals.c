/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "hash.h"
#include "hmac.h"
#include "llist.h"
#include "safe-memset.h"
#include "migration-secret.h"
#include "migration-refusals.h"

/* A user or a password that was refused. */
struct refusals_entry {
	struct refusals_entry *prev, *next;
	unsigned char hash[MIGRATION_REFUSALS_HASH_BYTES];
	/* The last refusals, a ring; the next one goes to times[at]. A
	   password has one only. */
	unsigned int count, at;
	time_t times[FLEXIBLE_ARRAY_MEMBER];
};

struct refusals_table {
	HASH_TABLE(unsigned char *, struct refusals_entry *) entries;
	/* the one that was refused last is the tail */
	struct refusals_entry *head, *tail;
	/* refusals that an entry remembers */
	unsigned int times;
};

struct migration_refusals {
	struct migration_refusals_settings set;
	struct refusals_table users, passwords;
};

/* The keys are as good as random already. */
unsigned int migration_refusals_hash(const unsigned char *hash)
{
	unsigned int result;

	memcpy(&result, hash, sizeof(result));
	return result;
}

int migration_refusals_hash_cmp(const unsigned char *hash1,
				const unsigned char *hash2)
{
	return memcmp(hash1, hash2, MIGRATION_REFUSALS_HASH_BYTES);
}

static void
refusals_table_init(struct refusals_table *table, unsigned int times)
{
	table->times = times;
	hash_table_create(&table->entries, default_pool, 0,
			  migration_refusals_hash, migration_refusals_hash_cmp);
}

static void refusals_table_remove(struct refusals_table *table,
				  struct refusals_entry *entry)
{
	hash_table_remove(table->entries, &entry->hash[0]);
	DLLIST2_REMOVE(&table->head, &table->tail, entry);
	i_free(entry);
}

static void refusals_table_deinit(struct refusals_table *table)
{
	while (table->head != NULL)
		refusals_table_remove(table, table->head);
	hash_table_destroy(&table->entries);
}

/* The oldest of the refusals that an entry remembers. */
static time_t refusals_entry_oldest(const struct refusals_table *table,
				    const struct refusals_entry *entry)
{
	return entry->times[entry->count < table->times ? 0 : entry->at];
}

/* The oldest refusal counts if it is in [now - secs, now]: a clock that was
   set back must not keep anybody out. */
static bool refusals_counts(const struct migration_refusals *refusals,
			    time_t refused, time_t now)
{
	return now >= refused && now - refused < (time_t)refusals->set.secs;
}

/* TRUE if as many refusals as an entry remembers still count. */
static bool
refusals_table_is_full(const struct migration_refusals *refusals,
		       const struct refusals_table *table,
		       const unsigned char *hash, time_t now, time_t *until_r)
{
	const struct refusals_entry *entry;
	time_t oldest;

	entry = hash_table_lookup(table->entries, hash);
	if (entry == NULL || entry->count < table->times)
		return FALSE;
	oldest = refusals_entry_oldest(table, entry);
	if (!refusals_counts(refusals, oldest, now))
		return FALSE;
	*until_r = oldest + (time_t)refusals->set.secs;
	return TRUE;
}

static void refusals_table_add(const struct migration_refusals *refusals,
			       struct refusals_table *table,
			       const unsigned char *hash, time_t now)
{
	struct refusals_entry *entry;

	if (table->times == 0)
		return;
	entry = hash_table_lookup(table->entries, hash);
	if (entry != NULL) {
		DLLIST2_REMOVE(&table->head, &table->tail, entry);
	} else {
		while (hash_table_count(table->entries) >=
		       refusals->set.max_entries)
			refusals_table_remove(table, table->head);
		entry = i_malloc(MALLOC_ADD(sizeof(*entry),
					    MALLOC_MULTIPLY(table->times,
							    sizeof(time_t))));
		memcpy(entry->hash, hash, sizeof(entry->hash));
		hash_table_insert(table->entries, &entry->hash[0], entry);
	}
	DLLIST2_APPEND(&table->head, &table->tail, entry);
	entry->times[entry->at] = now;
	entry->at = (entry->at + 1) % table->times;
	if (entry->count < table->times)
		entry->count++;
}

static void
refusals_table_forget(struct refusals_table *table, const unsigned char *hash)
{
	struct refusals_entry *entry;

	entry = hash_table_lookup(table->entries, hash);
	if (entry != NULL)
		refusals_table_remove(table, entry);
}

/* What is too old is at the head. */
static void refusals_table_expire(const struct migration_refusals *refusals,
				  struct refusals_table *table, time_t now)
{
	const struct refusals_entry *entry;
	unsigned int last;

	while ((entry = table->head) != NULL) {
		last = (entry->at + table->times - 1) % table->times;
		if (refusals_counts(refusals, entry->times[last], now))
			break;
		refusals_table_remove(table, table->head);
	}
}

static void refusals_expire(struct migration_refusals *refusals, time_t now)
{
	refusals_table_expire(refusals, &refusals->users, now);
	refusals_table_expire(refusals, &refusals->passwords, now);
}

struct migration_refusals *
migration_refusals_init(const struct migration_refusals_settings *set)
{
	struct migration_refusals *refusals;

	i_assert(set->max_entries > 0);
	refusals = i_new(struct migration_refusals, 1);
	refusals->set = *set;
	refusals_table_init(&refusals->users, set->max_refusals);
	refusals_table_init(&refusals->passwords, 1);
	return refusals;
}

void migration_refusals_deinit(struct migration_refusals **_refusals)
{
	struct migration_refusals *refusals = *_refusals;

	if (refusals == NULL)
		return;
	*_refusals = NULL;
	refusals_table_deinit(&refusals->users);
	refusals_table_deinit(&refusals->passwords);
	safe_memset(refusals->set.key, 0, sizeof(refusals->set.key));
	i_free(refusals);
}

static void
refusals_hmac(const struct migration_refusals *refusals, const char *provider,
	      const char *user, const struct migration_secret *password,
	      unsigned char *hash_r)
{
	struct hmac_context ctx;

	i_assert(hash_method_sha256.digest_size ==
		 MIGRATION_REFUSALS_HASH_BYTES);
	hmac_init(&ctx, refusals->set.key, sizeof(refusals->set.key),
		  &hash_method_sha256);
	/* the NULs keep the parts apart */
	hmac_update(&ctx, provider, strlen(provider) + 1);
	hmac_update(&ctx, user, strlen(user) + 1);
	if (password != NULL) {
		hmac_update(&ctx, migration_secret_get(password),
			    migration_secret_get_size(password));
	}
	hmac_final(&ctx, hash_r);
	safe_memset(&ctx, 0, sizeof(ctx));
}

void migration_refusals_get_key(const struct migration_refusals *refusals,
				const char *provider, const char *remote_user,
				const struct migration_secret *password,
				struct migration_refusals_key *key_r)
{
	refusals_hmac(refusals, provider, t_str_lcase(remote_user), NULL,
		      key_r->user);
	refusals_hmac(refusals, provider, remote_user, password,
		      key_r->password);
}

enum migration_refusals_answer
migration_refusals_check(const struct migration_refusals *refusals,
			 const struct migration_refusals_key *key, time_t now,
			 time_t *until_r)
{
	if (refusals_table_is_full(refusals, &refusals->passwords,
				   key->password, now, until_r))
		return MIGRATION_REFUSALS_REFUSED_BEFORE;
	if (refusals_table_is_full(refusals, &refusals->users, key->user, now,
				   until_r))
		return MIGRATION_REFUSALS_TOO_MANY;
	return MIGRATION_REFUSALS_ASK;
}

void migration_refusals_add(struct migration_refusals *refusals,
			    const struct migration_refusals_key *key,
			    time_t now)
{
	if (refusals->set.secs == 0)
		return;
	refusals_expire(refusals, now);
	refusals_table_add(refusals, &refusals->users, key->user, now);
	refusals_table_add(refusals, &refusals->passwords, key->password, now);
}

void migration_refusals_clear(struct migration_refusals *refusals,
			      const struct migration_refusals_key *key)
{
	refusals_table_forget(&refusals->users, key->user);
	refusals_table_forget(&refusals->passwords, key->password);
}

unsigned int
migration_refusals_count(struct migration_refusals *refusals, time_t now)
{
	refusals_expire(refusals, now);
	return hash_table_count(refusals->users.entries) +
	       hash_table_count(refusals->passwords.entries);
}

#ifndef MIGRATION_PROVIDER_PROBE_H
#define MIGRATION_PROVIDER_PROBE_H

/* What syncs have found out about a provider's server. The worker tells it with
   a PROBE line (migration-protocol.h), the queue keeps it in the database,
   doveadm shows it. Only facts: what is made of them is said by
   migration-features.h and the settings of the moment. Pure. */

/* Seen again by then, though nothing seems to have changed. */
#define MIGRATION_PROBE_SECS (24 * 60 * 60)

struct migration_provider_probe {
	/* What the server calls itself (ID, RFC 2971); empty = it does not
	   say, or was not asked. */
	const char *name, *version;
	/* migration_features_known() of what it offers */
	const char *capabilities;
	/* In front of the user's own folders, by NAMESPACE or by the folders;
	   may be empty. sep is a single character, or empty without a
	   hierarchy. */
	const char *prefix, *sep;
	/* When it was last asked */
	time_t probed;
};

/* What a worker is told with its job: the capabilities that it need not tell
   about, or "" if all has to be looked at. known may be NULL. */
const char *
migration_provider_probe_get_known(const struct migration_provider_probe *known,
				   time_t now);
/* A worker has told found at the time now; known is what the database has,
   NULL = nothing. Completes found, and returns TRUE if it is to be written. */
bool migration_provider_probe_update(
	const struct migration_provider_probe *known,
	struct migration_provider_probe *found, time_t now);

struct migration_provider_probe *
migration_provider_probe_dup(pool_t pool,
			     const struct migration_provider_probe *probe);

/* Appends each value but the time, with a tab in front. */
void migration_provider_probe_append(
	string_t *str, const struct migration_provider_probe *probe);
/* args ends with NULL. The values are cut and made printable. Returns 0, or -1
   if their number is wrong. From the data stack. */
int migration_provider_probe_parse(const char *const *args,
				   struct migration_provider_probe *probe_r);

#endif

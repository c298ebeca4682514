/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "str.h"
#include "strescape.h"
#include "migration-limits.h"
#include "migration-text.h"
#include "migration-provider-probe.h"

static bool
probe_is_due(const struct migration_provider_probe *known, time_t now)
{
	/* the clock may have been set back */
	return known == NULL || known->probed > now ||
	       now - known->probed >= MIGRATION_PROBE_SECS;
}

const char *
migration_provider_probe_get_known(const struct migration_provider_probe *known,
				   time_t now)
{
	return probe_is_due(known, now) ? "" : known->capabilities;
}

bool migration_provider_probe_update(
	const struct migration_provider_probe *known,
	struct migration_provider_probe *found, time_t now)
{
	found->probed = now;
	if (known == NULL)
		return TRUE;
	if (*found->name == '\0' &&
	    strcmp(found->capabilities, known->capabilities) == 0) {
		/* it is asked last, when the mail is here */
		found->name = known->name;
		found->version = known->version;
	}
	return probe_is_due(known, now) ||
	       strcmp(found->name, known->name) != 0 ||
	       strcmp(found->version, known->version) != 0 ||
	       strcmp(found->capabilities, known->capabilities) != 0 ||
	       strcmp(found->prefix, known->prefix) != 0 ||
	       strcmp(found->sep, known->sep) != 0;
}

struct migration_provider_probe *
migration_provider_probe_dup(pool_t pool,
			     const struct migration_provider_probe *probe)
{
	struct migration_provider_probe *dup;

	dup = p_new(pool, struct migration_provider_probe, 1);
	dup->name = p_strdup(pool, probe->name);
	dup->version = p_strdup(pool, probe->version);
	dup->capabilities = p_strdup(pool, probe->capabilities);
	dup->prefix = p_strdup(pool, probe->prefix);
	dup->sep = p_strdup(pool, probe->sep);
	dup->probed = probe->probed;
	return dup;
}

void migration_provider_probe_append(
	string_t *str, const struct migration_provider_probe *probe)
{
	const char *const values[] = { probe->name, probe->version,
				       probe->capabilities, probe->prefix,
				       probe->sep };
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(values); i++) {
		str_append_c(str, '\t');
		/* the queue bounds a line */
		str_append_tabescaped(str,
				      t_strndup(values[i],
						MIGRATION_MAX_PROBE_BYTES));
	}
}

static const char *probe_bound(const char *value)
{
	return migration_text_sanitize(
		t_strndup(value, MIGRATION_MAX_PROBE_BYTES));
}

int migration_provider_probe_parse(const char *const *args,
				   struct migration_provider_probe *probe_r)
{
	i_zero(probe_r);
	if (str_array_length(args) != 5)
		return -1;
	probe_r->name = probe_bound(args[0]);
	probe_r->version = probe_bound(args[1]);
	probe_r->capabilities = probe_bound(args[2]);
	probe_r->prefix = probe_bound(args[3]);
	probe_r->sep = probe_bound(args[4]);
	return 0;
}

#ifndef DOVEADM_MIGRATION_PROBE_H
#define DOVEADM_MIGRATION_PROBE_H

/* What syncs have found out about a provider's server, for "provider test":
   rows with check, result and detail, what is made of it by the settings of the
   moment included. A database that cannot be read is a row, too. */

#include "doveadm-migration-cmd.h"

struct migration_provider_settings;

typedef void
doveadm_migration_probe_row_t(const char *check, const char *result,
			      const char *detail, void *context);

/* Opens the database if it is not open yet. */
void doveadm_migration_probe_show(
	struct doveadm_migration_cmd *cmd,
	const struct migration_provider_settings *provider,
	doveadm_migration_probe_row_t *row, void *context);

#endif

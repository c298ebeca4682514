#ifndef DOVEADM_MIGRATION_RESEAL_H
#define DOVEADM_MIGRATION_RESEAL_H

/* Seals stored passwords anew with the key that is sealed with now. root opens
   them with the private keys; the queue writes them. */

struct doveadm_migration_cmd;

struct doveadm_migration_reseal_result {
	/* Sealed with the present key now */
	unsigned int resealed;
	/* Still sealed with another one: it could not be opened or written */
	unsigned int left;
};

/* The store must be open. Returns 0, or -1 if the command has failed before all
   were looked at; result_r is set in both cases. What cannot be opened is logged
   and left as it is. */
int doveadm_migration_reseal(struct doveadm_migration_cmd *cmd,
			     struct doveadm_migration_reseal_result *result_r);

#endif

#ifndef DOVEADM_MIGRATION_RESULTS_H
#define DOVEADM_MIGRATION_RESULTS_H

/* What became of each user whom a command was about, as the queue answers with
   CONTROLLED or REFUSED: a table of them, and for several users how many were
   changed. */

struct doveadm_migration_cmd;

struct doveadm_migration_results {
	struct doveadm_migration_cmd *cmd;
	/* One user was named: what is refused fails the command. Of several
	   some may be past it, or gone since: that is a row of the table. */
	bool single;

	bool printing;
	unsigned int changed, unchanged, refused;
};

void doveadm_migration_results_init(struct doveadm_migration_results *results_r,
				    struct doveadm_migration_cmd *cmd,
				    bool single);
/* The queue's answer about the user. Returns 0, or -1 if it cannot be
   understood. */
int doveadm_migration_results_add(struct doveadm_migration_results *results,
				  const char *username,
				  const char *const *args);
/* All have been asked about: an empty table if there was nobody, and the
   counts. */
void doveadm_migration_results_end(struct doveadm_migration_results *results);

#endif

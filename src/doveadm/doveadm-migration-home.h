#ifndef DOVEADM_MIGRATION_HOME_H
#define DOVEADM_MIGRATION_HOME_H

/* Asks auth who is at home here. Blocks. */

struct doveadm_migration_home;

struct doveadm_migration_home *doveadm_migration_home_init(void);
void doveadm_migration_home_deinit(struct doveadm_migration_home **home);

/* Returns 1 if a userdb knows the name, 0 if none does, -1 if it cannot be
   told. */
int doveadm_migration_home_lookup(struct doveadm_migration_home *home,
				  const char *username);
/* The same of many names. Called for each of them, in any order. */
typedef void
doveadm_migration_home_callback_t(unsigned int idx, bool known, void *context);
/* Returns -1 if it cannot be told of one of them. */
int doveadm_migration_home_lookup_all(
	struct doveadm_migration_home *home, const char *const *usernames,
	unsigned int count, doveadm_migration_home_callback_t *callback,
	void *context);
/* That nobody knew the name may be in auth's cache, and would outlive that there
   is an account now. */
void doveadm_migration_home_forget(struct doveadm_migration_home *home,
				   const char *username);
void doveadm_migration_home_forget_all(struct doveadm_migration_home *home,
				       const char *const *usernames,
				       unsigned int count);

#endif

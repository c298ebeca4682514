#ifndef DOVEADM_MIGRATION_COMPAT_H
#define DOVEADM_MIGRATION_COMPAT_H

/* What is different about doveadm in Dovecot 2.3 and 2.4. */

struct auth_user_info;
struct doveadm_cmd_context;
struct migration_settings;

/* When the plugin is loaded. */
void doveadm_migration_compat_init(void);

/* Ends the process if they cannot be read. Valid as long as pool. */
const struct migration_settings *
doveadm_migration_compat_get_settings(struct doveadm_cmd_context *cctx,
				      pool_t pool);

/* For which protocol a user is looked up. */
void doveadm_migration_compat_set_protocol(struct auth_user_info *info,
					   const char *protocol);

#endif

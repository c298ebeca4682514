#ifndef DOVEADM_MIGRATION_PLUGIN_H
#define DOVEADM_MIGRATION_PLUGIN_H

/* doveadm migration ...: what doveadm and doveadm-server load. */

struct module;

extern const char *doveadm_migration_plugin_version;

void doveadm_migration_plugin_init(struct module *module);
void doveadm_migration_plugin_deinit(void);

#endif

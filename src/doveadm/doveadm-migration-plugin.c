/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "doveadm.h"
#include "doveadm-migration-cmd.h"
#include "doveadm-migration-compat.h"
#include "doveadm-migration-plugin.h"

const char *doveadm_migration_plugin_version = DOVECOT_ABI_VERSION;

static struct doveadm_cmd_ver2 *const doveadm_migration_commands[] = {
	&doveadm_migration_cmd_add,
	&doveadm_migration_cmd_credential,
	&doveadm_migration_cmd_delete,
	&doveadm_migration_cmd_export,
	&doveadm_migration_cmd_finish,
	&doveadm_migration_cmd_import,
	&doveadm_migration_cmd_key_generate,
	&doveadm_migration_cmd_key_list,
	&doveadm_migration_cmd_key_rotate,
	&doveadm_migration_cmd_list,
	&doveadm_migration_cmd_pause,
	&doveadm_migration_cmd_provider_list,
	&doveadm_migration_cmd_provider_test,
	&doveadm_migration_cmd_resume,
	&doveadm_migration_cmd_retry,
	&doveadm_migration_cmd_show,
	&doveadm_migration_cmd_status,
	&doveadm_migration_cmd_sync,
	&doveadm_migration_cmd_verify,
};

void doveadm_migration_plugin_init(struct module *module ATTR_UNUSED)
{
	unsigned int i;

	doveadm_migration_compat_init();
	for (i = 0; i < N_ELEMENTS(doveadm_migration_commands); i++)
		doveadm_cmd_register_ver2(doveadm_migration_commands[i]);
}

void doveadm_migration_plugin_deinit(void)
{
	/* doveadm frees commands and settings */
}

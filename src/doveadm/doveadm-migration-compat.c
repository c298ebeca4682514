/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "auth-master.h"
#include "doveadm.h"
#include "doveadm-settings.h"
#include "migration-compat-settings.h"
#include "migration-settings.h"
#include "doveadm-migration-compat.h"

#ifdef HAVE_SETTINGS_GET

void doveadm_migration_compat_init(void)
{
	/* settings are there for whoever asks */
}

const struct migration_settings *
doveadm_migration_compat_get_settings(struct doveadm_cmd_context *cctx,
				      pool_t pool)
{
	const void *set;
	const char *error;

	if (migration_compat_settings_get(cctx->event,
					  &migration_setting_parser_info,
					  "doveadm", pool, &set, &error) < 0)
		i_fatal("%s", error);
	return set;
}

void doveadm_migration_compat_set_protocol(struct auth_user_info *info,
					   const char *protocol)
{
	info->protocol = protocol;
}

#else

void doveadm_migration_compat_init(void)
{
	/* doveadm reads its settings after this, ours with them. Read later
	   by ourselves they would silently be the defaults. */
	doveadm_setting_roots_add(&migration_setting_parser_info);
}

const struct migration_settings *doveadm_migration_compat_get_settings(
	struct doveadm_cmd_context *cctx ATTR_UNUSED, pool_t pool ATTR_UNUSED)
{
	return doveadm_setting_roots_get_settings(
		&migration_setting_parser_info);
}

void doveadm_migration_compat_set_protocol(struct auth_user_info *info,
					   const char *protocol)
{
	info->service = protocol;
}

#endif

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* What the config process and doveconf load: definitions of all settings,
   with the checks that need files. */

#include "lib.h"
#include "array.h"
#include "settings-parser.h"
#include "migration-compat.h"
#include "migration-compat-settings.h"
#include "migration-settings.h"

#include <sys/stat.h>
#include <unistd.h>

extern const char *migration_settings_version;

const char *migration_settings_version = DOVECOT_ABI_VERSION;

/* 2.4 wants to know all structs, 2.3 finds blocks below the root. */
#ifdef HAVE_SETTINGS_GET
extern const struct setting_parser_info *migration_settings_set_infos[];
const struct setting_parser_info *migration_settings_set_infos[] = {
	&migration_setting_parser_info, &migration_provider_setting_parser_info,
	NULL
};
#else
extern const struct setting_parser_info *migration_settings_set_roots[];
const struct setting_parser_info *migration_settings_set_roots[] = {
	&migration_setting_parser_info, NULL
};
#endif

static bool check_file(const char *where, const char *key, const char *path,
		       const char *hint, const char **error_r)
{
	struct stat st;

	if (access(path, R_OK) < 0 || stat(path, &st) < 0) {
		*error_r = t_strdup_printf("%s%s: cannot read %s: %m%s", where,
					   key, path, hint);
		return FALSE;
	}
	if (!S_ISREG(st.st_mode)) {
		*error_r = t_strdup_printf("%s%s: %s is not a file", where, key,
					   path);
		return FALSE;
	}
	return TRUE;
}

static bool check_private_file(const char *path, const char **error_r)
{
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_mode & 077) != 0) {
		*error_r = t_strdup_printf(
			"migration_private_key_file: %s must be readable by "
			"its owner only: chmod 600 %s",
			path, path);
		return FALSE;
	}
	return TRUE;
}

static bool
settings_check_files(const struct migration_settings *set, const char **error_r)
{
	static const char *hint =
		" (create the keys with: doveadm " MIGRATION_DOVEADM_WITHOUT_CONFIG
		" migration key generate)";
	struct migration_provider_settings *provider;
	const char *where;

	/* Nothing is moved without a provider, and only root can be expected
	   to read the keys. */
	if (!array_is_created(&set->providers) ||
	    array_count(&set->providers) == 0 || geteuid() != 0)
		return TRUE;
	array_foreach_elem(&set->providers, provider) {
		where = t_strdup_printf("migration_provider %s: ",
					provider->name);
		if (*provider->ssl_ca_file != '\0' &&
		    !check_file(where, "ssl_ca_file", provider->ssl_ca_file, "",
				error_r))
			return FALSE;
	}
	return check_file("", "migration_public_key_file",
			  set->migration_public_key_file, hint, error_r) &&
	       check_file("", "migration_private_key_file",
			  set->migration_private_key_file, hint, error_r) &&
	       check_private_file(set->migration_private_key_file, error_r);
}

void migration_settings_init(void);
void migration_settings_deinit(void);

void migration_settings_init(void)
{
	hook_migration_settings_check_files = settings_check_files;
}

void migration_settings_deinit(void)
{
	hook_migration_settings_check_files = NULL;
}

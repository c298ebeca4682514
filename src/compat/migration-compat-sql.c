/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "module-dir.h"
#include "migration-compat.h"
#include "migration-compat-settings.h"
#include "migration-compat-sql.h"

struct migration_compat_sql {
	struct sql_db *db;
#ifdef HAVE_SQL_INIT_AUTO
	struct settings_instance *instance;
#endif
};

/* 2.4's drivers do not survive being unloaded by one of several users. */
static struct module *sql_modules = NULL;
static unsigned int sql_users = 0;

#ifdef HAVE_SQL_INIT_AUTO

static int
sql_load_driver(const char *driver, const struct module_dir_load_settings *set,
		const char **error_r)
{
	const char *const names[] = { t_strconcat("driver_", driver, NULL),
				      NULL };

	return module_dir_try_load_missing(&sql_modules, MODULEDIR, names, set,
					   error_r);
}

/* Settings of their own, with those of the configuration out of sight: they
   are not for our database. Drivers keep them for as long as they are
   loaded. */
static struct settings_root *sql_settings_root = NULL;

static int
sql_open(struct migration_compat_sql *sql, struct event *event,
	 const char *driver, const char *connect, const char **error_r)
{
	if (strcmp(driver, "sqlite") != 0) {
		*error_r = t_strdup_printf("SQL driver %s is not supported "
					   "with this version of Dovecot yet",
					   driver);
		return -1;
	}
	if (sql_settings_root == NULL)
		sql_settings_root = settings_root_init();
	sql->instance = settings_instance_new(sql_settings_root);
	settings_override(sql->instance, "sql_driver", driver,
			  SETTINGS_OVERRIDE_TYPE_CODE);
	settings_override(sql->instance, "sqlite_path", connect,
			  SETTINGS_OVERRIDE_TYPE_CODE);
	event_set_ptr(event, SETTINGS_EVENT_ROOT, sql_settings_root);
	event_set_ptr(event, SETTINGS_EVENT_INSTANCE, sql->instance);
	return sql_init_auto(event, &sql->db, error_r) > 0 ? 0 : -1;
}

static void sql_close(struct migration_compat_sql *sql)
{
	settings_instance_free(&sql->instance);
}

static void sql_deinit_settings(void)
{
	if (sql_settings_root != NULL)
		settings_root_deinit(&sql_settings_root);
}

#else

static int
sql_load_driver(const char *driver, const struct module_dir_load_settings *set,
		const char **error_r)
{
	return module_dir_try_load_missing(&sql_modules, MODULEDIR,
					   t_strconcat("driver_", driver, NULL),
					   set, error_r);
}

static int
sql_open(struct migration_compat_sql *sql, struct event *event,
	 const char *driver, const char *connect, const char **error_r)
{
	struct sql_settings set;

	i_zero(&set);
	set.driver = driver;
	set.connect_string = connect;
	set.event_parent = event;
	return sql_init_full(&set, &sql->db, error_r);
}

static void sql_close(struct migration_compat_sql *sql ATTR_UNUSED)
{
}

static void sql_deinit_settings(void)
{
}

#endif

int migration_compat_sql_init(struct event *event, const char *driver,
			      const char *connect,
			      struct migration_compat_sql **sql_r,
			      const char **error_r)
{
	const struct module_dir_load_settings mod_set = {
		.abi_version = DOVECOT_ABI_VERSION,
		.require_init_funcs = TRUE,
	};
	struct migration_compat_sql *sql;

	sql = i_new(struct migration_compat_sql, 1);
	if (sql_users++ == 0)
		sql_drivers_init();
	if (sql_load_driver(driver, &mod_set, error_r) < 0) {
		*error_r = t_strdup_printf("Cannot load SQL driver %s "
					   "(is dovecot-%s installed?): %s",
					   driver, driver, *error_r);
		migration_compat_sql_deinit(&sql);
		return -1;
	}
	module_dir_init(sql_modules);
	if (sql_open(sql, event, driver, connect, error_r) < 0) {
		sql->db = NULL;
		migration_compat_sql_deinit(&sql);
		return -1;
	}
	*sql_r = sql;
	return 0;
}

void migration_compat_sql_deinit(struct migration_compat_sql **_sql)
{
	struct migration_compat_sql *sql = *_sql;

	if (sql == NULL)
		return;
	*_sql = NULL;
	if (sql->db != NULL)
		sql_unref(&sql->db);
	sql_close(sql);
	if (--sql_users == 0) {
		/* drivers must be unloaded first, see doc/dovecot-notes.md */
		module_dir_unload(&sql_modules);
		sql_drivers_deinit();
		sql_deinit_settings();
	}
	i_free(sql);
}

struct sql_db *migration_compat_sql_get_db(struct migration_compat_sql *sql)
{
	return sql->db;
}

/* "Query '<text>': <why> (<number>)" */
const char *migration_compat_sql_error(const char *error)
{
	const char *p, *why, *end;

	if (error == NULL || !str_begins_with(error, "Query '"))
		return error;
	why = error;
	for (p = error; (p = strstr(p, "': ")) != NULL; p++)
		why = p + 3;
	end = strrchr(why, '(');
	return end == NULL || end == why ? why : t_strdup_until(why, end - 1);
}

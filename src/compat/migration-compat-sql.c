/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "module-dir.h"
#include "migration-compat.h"
#include "migration-compat-settings.h"
#include "migration-compat-sql.h"
#include "migration-compat-sql-settings.h"
#ifdef HAVE_SQL_INIT_AUTO
#include "sql-api-private.h"
#endif

struct migration_compat_sql {
	struct sql_db *db;
#ifdef HAVE_SQL_INIT_AUTO
	/* with settings of its own */
	struct event *event;
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

static const struct sql_db *sql_find_driver(const char *name)
{
	const struct sql_db *driver;

	array_foreach_elem(&sql_drivers, driver) {
		if (strcmp(driver->name, name) == 0)
			return driver;
	}
	return NULL;
}

/* The pool ends the process if its driver does not like a setting. */
static int sql_check_settings(const struct sql_db *driver, struct event *event,
			      const char **error_r)
{
	struct event *conn_event = event_create(event);
	struct sql_db *db;
	int ret;

	event_set_ptr(conn_event, SQLPOOL_EVENT_PTR, "yes");
	settings_event_add_list_filter_name(conn_event, driver->name,
					    MIGRATION_COMPAT_SQL_NAME);
	ret = driver->v.init(conn_event, &db, error_r);
	event_unref(&conn_event);
	if (ret < 0)
		return -1;
	sql_unref(&db);
	return 0;
}

/* As sql_init_auto() does it, but with a pool that is ours alone: theirs is for
   all with the same settings, as long as the driver is loaded. */
static int sql_open_pool(struct migration_compat_sql *sql, const char *name,
			 const char **error_r)
{
	const struct sql_db *driver = sql_find_driver(name);
	ARRAY_TYPE(const_string) hosts;
	const char *host = MIGRATION_COMPAT_SQL_NAME;

	if (driver == NULL) {
		*error_r = t_strdup_printf("Unknown SQL driver %s", name);
		return -1;
	}
	if (sql_check_settings(driver, sql->event, error_r) < 0)
		return -1;
	t_array_init(&hosts, 1);
	array_push_back(&hosts, &host);
	sql->db = driver_sqlpool_init(driver, sql->event, name, &hosts, 1);
	return 0;
}

static int
sql_open(struct migration_compat_sql *sql, struct event *event,
	 const char *driver, const char *connect, const char **error_r)
{
	const char *const *settings;

	if (migration_compat_sql_settings(driver, connect, &settings, error_r) <
	    0)
		return -1;
	if (sql_settings_root == NULL)
		sql_settings_root = settings_root_init();
	sql->instance = settings_instance_new(sql_settings_root);
	for (; *settings != NULL; settings += 2) {
		settings_override(sql->instance, settings[0], settings[1],
				  SETTINGS_OVERRIDE_TYPE_CODE);
	}
	sql->event = event_create(event);
	event_set_ptr(sql->event, SETTINGS_EVENT_ROOT, sql_settings_root);
	event_set_ptr(sql->event, SETTINGS_EVENT_INSTANCE, sql->instance);
	if (strcmp(driver, "sqlite") != 0)
		return sql_open_pool(sql, driver, error_r);
	return sql_init_auto(sql->event, &sql->db, error_r) > 0 ? 0 : -1;
}

static void sql_close(struct migration_compat_sql *sql)
{
	event_unref(&sql->event);
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

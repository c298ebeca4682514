/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* The adapter between Dovecot's auth and migration-auth-request.c: reads the
   settings while the process is still root, no decisions.

   There is one for all passdb blocks with this driver: protocols with settings
   of their own have passdbs of their own in 2.4. */

#include "auth-common.h"
#include "array.h"
#include "settings-parser.h"
#include "master-service.h"
#include "master-service-settings.h"
#include "passdb.h"
#include "migration-compat-settings.h"
#include "migration-settings.h"
#include "migration-auth-compat.h"
#include "migration-auth-home.h"
#include "migration-auth-proxy.h"
#include "migration-auth-request.h"

struct migration_passdb {
	pool_t pool;
	const struct migration_settings *set;
	struct migration_auth *auth;
	/* modules that are in use */
	unsigned int users;
};

extern const char *authdb_migration_version;
void authdb_migration_init(void);
void authdb_migration_deinit(void);

static struct migration_passdb *migration_passdb = NULL;

const char *authdb_migration_version = DOVECOT_ABI_VERSION;

/* The settings are those of the protocol's login processes, not ours. */
static int
migration_passdb_can_proxy_protocol(const struct migration_settings *set,
				    const char *protocol, bool *can_proxy_r,
				    const char **error_r)
{
	struct migration_auth_trust trust;
	pool_t pool = pool_alloconly_create("migration ssl settings", 4096);
	const char *error;

	if (migration_auth_get_trust(protocol, pool, &trust, error_r) < 0) {
		*error_r = t_strdup(*error_r);
		pool_unref(&pool);
		return -1;
	}
	*can_proxy_r = migration_proxy_check(set, protocol, &trust, &error);
	if (!*can_proxy_r && !worker) {
		i_error("passdb migration: %s - users wait for their mailbox "
			"until then, as with migration_login = wait",
			error);
	}
	pool_unref(&pool);
	return 0;
}

static int migration_passdb_init_auth(struct migration_passdb *passdb,
				      const char **error_r)
{
	const void *set;
	bool imap, pop3;

	if (migration_compat_settings_get(NULL, &migration_setting_parser_info,
					  "auth", passdb->pool, &set,
					  error_r) < 0)
		return -1;
	passdb->set = set;
	/* reads settings, so before the master service's are looked at */
	if (migration_passdb_can_proxy_protocol(passdb->set, "imap", &imap,
						error_r) < 0 ||
	    migration_passdb_can_proxy_protocol(passdb->set, "pop3", &pop3,
						error_r) < 0)
		return -1;
	return migration_auth_init(
		passdb->set,
		master_service_get_service_settings(master_service)->base_dir,
		imap && pop3, &passdb->auth, error_r);
}

static int migration_passdb_read(struct passdb_module **module_r,
				 pool_t module_pool, const char **error_r)
{
	struct migration_passdb *passdb;
	pool_t pool;

	if (migration_passdb == NULL) {
		pool = pool_alloconly_create("migration passdb", 4096);
		passdb = p_new(pool, struct migration_passdb, 1);
		passdb->pool = pool;
		if (migration_passdb_init_auth(passdb, error_r) < 0) {
			*error_r = t_strdup(*error_r);
			pool_unref(&pool);
			return -1;
		}
		migration_passdb = passdb;
	}
	*module_r = p_new(module_pool, struct passdb_module, 1);
	return 0;
}

#ifdef HAVE_STRUCT_AUTH_PASSDB_SETTINGS_USE_WORKER
static int
migration_passdb_preinit(pool_t pool, struct event *event ATTR_UNUSED,
			 struct passdb_module **module_r, const char **error_r)
{
	return migration_passdb_read(module_r, pool, error_r);
}
#else
static struct passdb_module *
migration_passdb_preinit(pool_t pool, const char *args)
{
	struct passdb_module *module;
	const char *error;

	if (*args != '\0') {
		i_fatal("passdb migration: args is not used: the settings are "
			"migration_* and migration_provider NAME { }");
	}
	if (migration_passdb_read(&module, pool, &error) < 0)
		i_fatal("passdb migration: %s", error);
	return module;
}
#endif

/* Master ends an auth process that nobody is connected to for a while. */
static bool migration_passdb_idle_die(void)
{
	return migration_passdb == NULL ||
	       migration_auth_can_die(migration_passdb->auth);
}

static void migration_passdb_init(struct passdb_module *module ATTR_UNUSED)
{
	if (migration_passdb->users++ > 0)
		return;
	master_service_set_idle_die_callback(master_service,
					     migration_passdb_idle_die);
	migration_auth_home_init();
}

static void migration_passdb_deinit(struct passdb_module *module ATTR_UNUSED)
{
	if (--migration_passdb->users > 0)
		return;
	master_service_set_idle_die_callback(master_service, NULL);
	migration_auth_deinit(&migration_passdb->auth);
	migration_auth_home_deinit();
	pool_unref(&migration_passdb->pool);
	migration_passdb = NULL;
}

static void migration_passdb_verify_plain(struct auth_request *request,
					  const char *password,
					  verify_plain_callback_t *callback)
{
	migration_auth_home_watch();
	migration_auth_verify(migration_passdb->auth, request, password,
			      callback);
}

static struct passdb_module_interface passdb_migration = {
	.name = "migration",

	.preinit = migration_passdb_preinit,
	.init = migration_passdb_init,
	.deinit = migration_passdb_deinit,

	.verify_plain = migration_passdb_verify_plain,
};

void authdb_migration_init(void)
{
	passdb_register_module(&passdb_migration);
}

void authdb_migration_deinit(void)
{
	passdb_unregister_module(&passdb_migration);
}

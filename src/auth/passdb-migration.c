/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* The adapter between Dovecot's auth and migration-auth-request.c: reads the
   settings while the process is still root, no decisions. */

#include "auth-common.h"
#include "array.h"
#include "settings-parser.h"
#include "master-service.h"
#include "master-service-settings.h"
#include "master-service-ssl-settings.h"
#include "passdb.h"
#include "migration-settings.h"
#include "migration-auth-home.h"
#include "migration-auth-proxy.h"
#include "migration-auth-request.h"

struct migration_passdb_module {
	struct passdb_module module;

	const struct migration_settings *set;
	struct migration_auth *auth;
};

extern const char *authdb_migration_version;
void authdb_migration_init(void);
void authdb_migration_deinit(void);

/* The callback has no context; there is one passdb migration. */
static struct migration_passdb_module *idle_module = NULL;

const char *authdb_migration_version = DOVECOT_ABI_VERSION;

/* service: whose "protocol { }" blocks count */
static void *
migration_passdb_read(pool_t pool, const struct setting_parser_info *root,
		      const char *service)
{
	const struct setting_parser_info *const set_roots[] = { root, NULL };
	struct master_service_settings_input input;
	struct master_service_settings_output output;
	struct setting_parser_context *parser;
	const char *error;
	void *set;

	i_zero(&input);
	input.roots = set_roots;
	input.module = "migration";
	input.service = service;
	/* or auth could be executed again */
	input.never_exec = TRUE;
	if (master_service_settings_read(master_service, &input, &output,
					 &error) < 0)
		i_fatal("passdb migration: Error reading configuration: %s",
			error);
	/* the next reader clears the master service's pool */
	parser = settings_parser_dup(master_service_get_settings_parser(
					     master_service),
				     pool);
	set = master_service_settings_parser_get_others(master_service,
							parser)[0];
	settings_parser_deinit(&parser);
	return set;
}

/* The settings are those of the service's login processes, not ours. */
static bool
migration_passdb_can_proxy_service(const struct migration_settings *set,
				   const char *service)
{
	const struct master_service_ssl_settings *ssl_set;
	pool_t pool = pool_alloconly_create("migration ssl settings", 4096);
	const char *error;
	bool ret;

	ssl_set = migration_passdb_read(pool,
					&master_service_ssl_setting_parser_info,
					service);
	ret = migration_proxy_check(set, service, ssl_set->ssl_ca,
				    ssl_set->ssl_require_crl, &error);
	if (!ret && !worker) {
		i_error("passdb migration: %s - users wait for their mailbox "
			"until then, as with migration_login = wait",
			error);
	}
	pool_unref(&pool);
	return ret;
}

static bool migration_passdb_can_proxy(const struct migration_settings *set)
{
	bool imap = migration_passdb_can_proxy_service(set, "imap");

	return migration_passdb_can_proxy_service(set, "pop3") && imap;
}

static struct passdb_module *
migration_passdb_preinit(pool_t pool, const char *args)
{
	struct migration_passdb_module *module;
	const char *error;
	bool can_proxy;

	if (*args != '\0') {
		i_fatal("passdb migration: args is not used: the settings are "
			"migration_* and migration_provider NAME { }");
	}
	module = p_new(pool, struct migration_passdb_module, 1);
	module->set = migration_passdb_read(pool,
					    &migration_setting_parser_info,
					    "auth");
	/* reads settings, so before the master service's are looked at */
	can_proxy = migration_passdb_can_proxy(module->set);
	if (migration_auth_init(
		    module->set,
		    master_service_settings_get(master_service)->base_dir,
		    can_proxy, &module->auth, &error) < 0)
		i_fatal("passdb migration: %s", error);
	return &module->module;
}

/* Master ends an auth process that nobody is connected to for a while. */
static bool migration_passdb_idle_die(void)
{
	return idle_module == NULL || migration_auth_can_die(idle_module->auth);
}

static void migration_passdb_init(struct passdb_module *_module)
{
	idle_module =
		container_of(_module, struct migration_passdb_module, module);
	master_service_set_idle_die_callback(master_service,
					     migration_passdb_idle_die);
	migration_auth_home_init();
}

static void migration_passdb_deinit(struct passdb_module *_module)
{
	struct migration_passdb_module *module =
		container_of(_module, struct migration_passdb_module, module);

	master_service_set_idle_die_callback(master_service, NULL);
	idle_module = NULL;
	migration_auth_deinit(&module->auth);
	migration_auth_home_deinit();
}

static void migration_passdb_verify_plain(struct auth_request *request,
					  const char *password,
					  verify_plain_callback_t *callback)
{
	struct migration_passdb_module *module =
		container_of(request->passdb->passdb,
			     struct migration_passdb_module, module);

	migration_auth_home_watch();
	migration_auth_verify(module->auth, request, password, callback);
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

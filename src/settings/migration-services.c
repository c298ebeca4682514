/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* The two services, so that no configuration is needed to run them. An
   administrator overrides single settings with service migration { } as with
   Dovecot's own services.

   2.3 wants listeners as structs in arrays, 2.4 lists and structs as text. */

#include "lib.h"
#include "array.h"
#include "buffer.h"
#include "settings-parser.h"
#include "service-settings.h"
#include "migration-compat-settings.h"
#include "migration-protocol.h"

#ifdef HAVE_SETTINGS_GET

#define SERVICE_SETTING(name) "$SET:" name
#define SERVICE_NO_LISTENERS \
	.unix_listeners = ARRAY_INIT, .fifo_listeners = ARRAY_INIT, \
	.inet_listeners = ARRAY_INIT
/* For as many clients as there are, or for one */
#define SERVICE_OF_MANY .idle_kill_interval = SET_TIME_INFINITE
#define SERVICE_OF_ONE .client_limit = 1, .restart_request_count = 1
#define SERVICE_CONST const

static const struct setting_keyvalue queue_service_defaults[] = {
	{ "unix_listener", MIGRATION_AUTH_SOCKET " " MIGRATION_DOVEADM_SOCKET },

	{ "unix_listener/" MIGRATION_AUTH_SOCKET "/path",
	  MIGRATION_AUTH_SOCKET },
	{ "unix_listener/" MIGRATION_AUTH_SOCKET "/mode", "0600" },
	{ "unix_listener/" MIGRATION_AUTH_SOCKET "/user",
	  "$SET:default_internal_user" },

	{ "unix_listener/" MIGRATION_DOVEADM_SOCKET "/path",
	  MIGRATION_DOVEADM_SOCKET },
	{ "unix_listener/" MIGRATION_DOVEADM_SOCKET "/mode", "0600" },

	{ NULL, NULL }
};

static const struct setting_keyvalue worker_service_defaults[] = {
	{ "unix_listener", MIGRATION_WORKER_SOCKET },

	{ "unix_listener/" MIGRATION_WORKER_SOCKET "/path",
	  MIGRATION_WORKER_SOCKET },
	{ "unix_listener/" MIGRATION_WORKER_SOCKET "/mode", "0600" },
	{ "unix_listener/" MIGRATION_WORKER_SOCKET "/user",
	  "$SET:default_internal_user" },

	{ "service_extra_groups", "$SET:default_internal_group" },

	{ NULL, NULL }
};

/* The queue asks anvil who is passed through to a provider, and ends these
   sessions. */
extern const char *migration_settings_config_import;
const char *migration_settings_config_import =
	"service anvil {\n"
	"  unix_listener " MIGRATION_ANVIL_SOCKET " {\n"
	"    path = " MIGRATION_ANVIL_SOCKET "\n"
	"    mode = 0600\n"
	"    user = $SET:default_internal_user\n"
	"  }\n"
	"}\n";

#else

#define SERVICE_SETTING(name) "$" name
#define SERVICE_NO_LISTENERS \
	.fifo_listeners = ARRAY_INIT, .inet_listeners = ARRAY_INIT
#define SERVICE_OF_MANY .idle_kill = UINT_MAX, .vsz_limit = UOFF_T_MAX
#define SERVICE_OF_ONE \
	.client_limit = 1, .service_count = 1, .vsz_limit = UOFF_T_MAX
#define SERVICE_CONST

/* <settings checks> */
static struct file_listener_settings queue_unix_listeners_array[] = {
	{ MIGRATION_AUTH_SOCKET, 0600, "$default_internal_user", "" },
	{ MIGRATION_DOVEADM_SOCKET, 0600, "", "" },
};
static struct file_listener_settings *queue_unix_listeners[] = {
	&queue_unix_listeners_array[0],
	&queue_unix_listeners_array[1],
};
static buffer_t queue_unix_listeners_buf = {
	{ { queue_unix_listeners, sizeof(queue_unix_listeners) } }
};

static struct file_listener_settings worker_unix_listeners_array[] = {
	{ MIGRATION_WORKER_SOCKET, 0600, "$default_internal_user", "" },
};
static struct file_listener_settings *worker_unix_listeners[] = {
	&worker_unix_listeners_array[0],
};
static buffer_t worker_unix_listeners_buf = {
	{ { worker_unix_listeners, sizeof(worker_unix_listeners) } }
};
/* </settings checks> */

#endif

static SERVICE_CONST struct service_settings queue_service_settings = {
	.name = "migration",
	.protocol = "",
	.type = "",
	.executable = "migration",
	.user = SERVICE_SETTING("default_internal_user"),
	.group = "",
	.privileged_group = "",
#ifndef HAVE_SETTINGS_GET
	.extra_groups = "",
#endif
	.chroot = "",

	.drop_priv_before_exec = FALSE,

	.process_min_avail = 1,
	.process_limit = 1,
	SERVICE_OF_MANY,

#ifndef HAVE_SETTINGS_GET
	.unix_listeners = { { &queue_unix_listeners_buf,
			      sizeof(queue_unix_listeners[0]) } },
#endif
	SERVICE_NO_LISTENERS,

	.process_limit_1 = TRUE,
};

/* One job a process: the private key is read as root, the job's box opened,
   the key forgotten, and then root given up for good. */
static SERVICE_CONST struct service_settings worker_service_settings = {
	.name = "migration-worker",
	.protocol = "",
	.type = "worker",
	.executable = "migration-worker",
	.user = "",
	.group = "",
	.privileged_group = "",
#ifndef HAVE_SETTINGS_GET
	.extra_groups = "$default_internal_group",
#endif
	.chroot = "",

	.drop_priv_before_exec = FALSE,

	.process_min_avail = 0,
	.process_limit = 10,
	SERVICE_OF_ONE,

#ifndef HAVE_SETTINGS_GET
	.unix_listeners = { { &worker_unix_listeners_buf,
			      sizeof(worker_unix_listeners[0]) } },
#endif
	SERVICE_NO_LISTENERS,
};

#ifdef HAVE_SETTINGS_GET
extern const struct config_service migration_settings_services_array[];
const struct config_service migration_settings_services_array[] = {
	{ &queue_service_settings, queue_service_defaults },
	{ &worker_service_settings, worker_service_defaults },
	{ NULL, NULL }
};
#else
extern struct service_settings *migration_settings_service_settings_array[];
struct service_settings *migration_settings_service_settings_array[] = {
	&queue_service_settings, &worker_service_settings, NULL
};
#endif

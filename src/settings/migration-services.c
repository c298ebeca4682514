/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* The two services, so that no configuration is needed to run them. An
   administrator overrides single settings with service migration { } as with
   Dovecot's own services. */

#include "lib.h"
#include "array.h"
#include "buffer.h"
#include "service-settings.h"
#include "migration-protocol.h"

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

static struct service_settings queue_service_settings = {
	.name = "migration",
	.protocol = "",
	.type = "",
	.executable = "migration",
	.user = "$default_internal_user",
	.group = "",
	.privileged_group = "",
	.extra_groups = "",
	.chroot = "",

	.drop_priv_before_exec = FALSE,

	.process_min_avail = 1,
	.process_limit = 1,
	.client_limit = 0,
	.service_count = 0,
	.idle_kill = UINT_MAX,
	.vsz_limit = UOFF_T_MAX,

	.unix_listeners = { { &queue_unix_listeners_buf,
			      sizeof(queue_unix_listeners[0]) } },
	.fifo_listeners = ARRAY_INIT,
	.inet_listeners = ARRAY_INIT,

	.process_limit_1 = TRUE,
};

/* One job a process: the private key is read as root, the job's box opened,
   the key forgotten, and then root given up for good. */
static struct service_settings worker_service_settings = {
	.name = "migration-worker",
	.protocol = "",
	.type = "worker",
	.executable = "migration-worker",
	.user = "",
	.group = "",
	.privileged_group = "",
	.extra_groups = "$default_internal_group",
	.chroot = "",

	.drop_priv_before_exec = FALSE,

	.process_min_avail = 0,
	.process_limit = 10,
	.client_limit = 1,
	.service_count = 1,
	.idle_kill = 0,
	.vsz_limit = UOFF_T_MAX,

	.unix_listeners = { { &worker_unix_listeners_buf,
			      sizeof(worker_unix_listeners[0]) } },
	.fifo_listeners = ARRAY_INIT,
	.inet_listeners = ARRAY_INIT,
};

extern struct service_settings *migration_settings_service_settings_array[];
struct service_settings *migration_settings_service_settings_array[] = {
	&queue_service_settings, &worker_service_settings, NULL
};

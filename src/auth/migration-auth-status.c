/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "ioloop.h"
#include "str.h"
#include "strescape.h"
#include "time-util.h"
#include "migration-limits.h"
#include "migration-protocol.h"
#include "migration-provider-status.h"
#include "migration-auth-queue.h"
#include "migration-auth-status.h"

struct status_provider {
	const char *name;
	struct migration_provider_status status;
	/* the queue does not know it yet */
	bool dirty;
};

struct migration_auth_status {
	struct migration_auth_queue *queue;
	ARRAY(struct status_provider) providers;
	struct timeval last_sent;
	struct timeout *to;
};

static void status_send(struct migration_auth_status *status)
{
	struct status_provider *provider;
	string_t *line = t_str_new(128);

	timeout_remove(&status->to);
	status->last_sent = ioloop_timeval;
	array_foreach_modifiable(&status->providers, provider) {
		if (!provider->dirty)
			continue;
		str_truncate(line, 0);
		str_append(line, MIGRATION_VERB_PROVIDER "\t");
		str_append_tabescaped(line, provider->name);
		migration_provider_status_append(line, &provider->status);
		str_append_c(line, '\n');
		if (!migration_auth_queue_tell(status->queue, str_c(line)))
			return;
		provider->dirty = FALSE;
	}
}

static void status_send_later(struct migration_auth_status *status)
{
	long long msecs;

	if (status->to != NULL)
		return;
	msecs = timeval_diff_msecs(&ioloop_timeval, &status->last_sent);
	if (msecs >= 0 && msecs < MIGRATION_STATUS_INTERVAL_MSECS) {
		status->to = timeout_add_short(MIGRATION_STATUS_INTERVAL_MSECS -
						       msecs,
					       status_send, status);
	} else {
		status_send(status);
	}
}

/* A queue that was not there before knows nothing. */
static void status_connected(void *context)
{
	struct migration_auth_status *status = context;
	struct status_provider *provider;

	array_foreach_modifiable(&status->providers, provider)
		provider->dirty = TRUE;
	status_send(status);
}

static struct status_provider *
status_get_provider(struct migration_auth_status *status, const char *name)
{
	struct status_provider *provider;

	array_foreach_modifiable(&status->providers, provider) {
		if (strcmp(provider->name, name) == 0)
			return provider;
	}
	provider = array_append_space(&status->providers);
	provider->name = name;
	return provider;
}

void migration_auth_status_update(
	struct migration_auth_status *status, const char *name,
	const struct migration_provider_status *provider_status)
{
	struct status_provider *provider = status_get_provider(status, name);
	bool breaker = provider->status.breaker != provider_status->breaker ||
		       provider->status.until != provider_status->until;

	provider->status = *provider_status;
	provider->dirty = TRUE;
	if (breaker)
		status_send(status);
	else
		status_send_later(status);
}

struct migration_auth_status *
migration_auth_status_init(struct migration_auth_queue *queue)
{
	struct migration_auth_status *status;

	status = i_new(struct migration_auth_status, 1);
	status->queue = queue;
	i_array_init(&status->providers, 8);
	migration_auth_queue_set_connected_callback(queue, status_connected,
						    status);
	return status;
}

void migration_auth_status_deinit(struct migration_auth_status **_status)
{
	struct migration_auth_status *status = *_status;

	if (status == NULL)
		return;
	*_status = NULL;
	migration_auth_queue_set_connected_callback(status->queue, NULL, NULL);
	timeout_remove(&status->to);
	array_free(&status->providers);
	i_free(status);
}

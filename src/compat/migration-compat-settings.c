/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "master-service.h"
#include "master-service-settings.h"
#include "migration-compat-settings.h"

#ifdef HAVE_SETTINGS_GET

/* Gives the reference to the pool. */
static const void *settings_keep(const struct migration_block *set, pool_t pool)
{
	const struct migration_block *kept = set;

	pool_add_external_ref(pool, set->pool);
	settings_free(set);
	return kept;
}

int migration_compat_blocks_get(struct event *event, const char *block,
				const struct setting_parser_info *info,
				const ARRAY_TYPE(const_string) *names,
				struct array *blocks, pool_t pool,
				const char **error_r)
{
	const struct migration_block *set;
	const void *elem;
	const char *name;

	if (!array_is_created(names))
		return 0;
	array_create_i(blocks, pool, sizeof(elem), array_count(names));
	array_foreach_elem(names, name) {
		if (settings_get_filter(event, block, name, info, 0, &set,
					error_r) < 0)
			return -1;
		elem = settings_keep(set, pool);
		array_append_i(blocks, &elem, 1);
	}
	return 0;
}

const void *
migration_compat_settings_read(const struct setting_parser_info *info,
			       const char *service ATTR_UNUSED, pool_t pool)
{
	const char *error;

	if (master_service_settings_read_simple(master_service, &error) < 0)
		i_fatal("%s", error);
	return settings_keep(settings_get_or_fatal(master_service_get_event(
							   master_service),
						   info),
			     pool);
}

int migration_compat_settings_get(struct event *event,
				  const struct setting_parser_info *info,
				  const char *service ATTR_UNUSED, pool_t pool,
				  const void **set_r, const char **error_r)
{
	const struct migration_block *set;

	if (event == NULL)
		event = master_service_get_event(master_service);
	if (settings_get(event, info, 0, &set, error_r) < 0)
		return -1;
	*set_r = settings_keep(set, pool);
	return 0;
}

#else

static int settings_read(const struct setting_parser_info *info,
			 const char *service, bool never_exec, pool_t pool,
			 const void **set_r, const char **error_r)
{
	const struct setting_parser_info *const roots[] = { info, NULL };
	struct master_service_settings_input input;
	struct master_service_settings_output output;
	struct setting_parser_context *parser;

	i_zero(&input);
	input.roots = roots;
	input.module = "migration";
	input.service = service;
	input.never_exec = never_exec;
	if (master_service_settings_read(master_service, &input, &output,
					 error_r) < 0) {
		*error_r = t_strdup_printf("Error reading configuration: %s",
					   *error_r);
		return -1;
	}
	/* the next reader, such as the mail storage service, clears the master
	   service's pool */
	parser = settings_parser_dup(master_service_get_settings_parser(
					     master_service),
				     pool);
	*set_r = master_service_settings_parser_get_others(master_service,
							   parser)[0];
	settings_parser_deinit(&parser);
	return 0;
}

const void *
migration_compat_settings_read(const struct setting_parser_info *info,
			       const char *service, pool_t pool)
{
	const void *set;
	const char *error;

	if (settings_read(info, service, FALSE, pool, &set, &error) < 0)
		i_fatal("%s", error);
	return set;
}

int migration_compat_settings_get(struct event *event ATTR_UNUSED,
				  const struct setting_parser_info *info,
				  const char *service, pool_t pool,
				  const void **set_r, const char **error_r)
{
	/* or the process could be executed again */
	return settings_read(info, service, TRUE, pool, set_r, error_r);
}

#endif

#ifndef MIGRATION_COMPAT_SETTINGS_H
#define MIGRATION_COMPAT_SETTINGS_H

/* Settings: how they are defined, and how a process gets them.

   Blocks with a name are structs in an array in 2.3. In 2.4 the parser knows
   their names, their keys begin with the block's, and the check of the settings
   around them fetches them. Strings are taken as they are: 2.4 would expand
   what looks like a %variable. */

#include "array.h"
#include "settings-parser.h"
#include "migration-config.h"

#ifdef HAVE_SETTINGS_GET

#include "settings.h"

#define MIGRATION_BLOCK_KEY(block, name) block "_" name
#define MIGRATION_BLOCK_INFO(block, c_type, name_field, root) \
	.name = block, .pool_offset1 = 1 + offsetof(c_type, pool)
#define MIGRATION_BLOCKS_DEFINE(block, c_type, field, names_field, block_info) \
	{ \
		.type = SET_FILTER_ARRAY, .key = block, \
		.offset = offsetof(c_type, names_field), \
		.filter_array_field_name = block "_name" \
	}
#define MIGRATION_ROOT_INFO(root, c_type, check) \
	.name = root, .pool_offset1 = 1 + offsetof(c_type, pool), \
	.ext_check_func = check

#define MIGRATION_EXT_CHECK_ARGS \
	struct event *event, void *_set, pool_t pool, const char **error_r
/* A block's check is also called for what stands outside of all blocks. */
#define MIGRATION_BLOCK_DEFAULTS_ARE_CHECKED TRUE

/* Any struct of settings */
struct migration_block {
	pool_t pool;
};

/* blocks: pointers to structs of whatever type info is about */
int migration_compat_blocks_get(struct event *event, const char *block,
				const struct setting_parser_info *info,
				const ARRAY_TYPE(const_string) *names,
				struct array *blocks, pool_t pool,
				const char **error_r);
#define MIGRATION_BLOCKS_GET(event, block, info, names, blocks, pool, error_r) \
	migration_compat_blocks_get(event, block, info, names, &(blocks)->arr, \
				    pool, error_r)

#else

#define MIGRATION_BLOCK_KEY(block, name) name
#define MIGRATION_BLOCK_INFO(block, c_type, name_field, root) \
	.type_offset = offsetof(c_type, name_field), \
	.parent_offset = SIZE_MAX, .parent = root
#define MIGRATION_BLOCKS_DEFINE(block, c_type, field, names_field, block_info) \
	{ \
		.type = SET_DEFLIST_UNIQUE, .key = block, \
		.offset = offsetof(c_type, field), .list_info = block_info \
	}
#define MIGRATION_ROOT_INFO(root, c_type, check) \
	.module_name = root, .type_offset = SIZE_MAX, \
	.parent_offset = SIZE_MAX, .check_func = check

#define MIGRATION_EXT_CHECK_ARGS \
	void *_set, pool_t pool ATTR_UNUSED, const char **error_r
#define MIGRATION_BLOCK_DEFAULTS_ARE_CHECKED FALSE
#define MIGRATION_BLOCKS_GET(event, block, info, names, blocks, pool, error_r) 0

#define SETTING_DEFINE_STRUCT_STR_NOVARS(key, name, struct_name) \
	SETTING_DEFINE_STRUCT_STR(key, name, struct_name)

#endif

/* For a service, while it still is root: the settings stay valid as long as the
   pool. Ends the process if they cannot be read. */
const void *
migration_compat_settings_read(const struct setting_parser_info *info,
			       const char *service, pool_t pool);
/* The same within somebody else's process, which has read its own already.
   Which "protocol { }" blocks count is said by service in 2.3 and by the event
   in 2.4, NULL = the process's own. */
int migration_compat_settings_get(struct event *event,
				  const struct setting_parser_info *info,
				  const char *service, pool_t pool,
				  const void **set_r, const char **error_r);

#endif

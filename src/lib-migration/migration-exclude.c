/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "migration-exclude.h"

int migration_exclude_parse(pool_t pool, const char *str,
			    const char *const **list_r, const char **error_r)
{
	ARRAY_TYPE(const_string) list;
	const char *end, *name;

	p_array_init(&list, pool, 8);
	for (;;) {
		str += strspn(str, " \t");
		if (*str == '\0')
			break;
		if (*str == '"') {
			end = strchr(++str, '"');
			if (end == NULL) {
				*error_r = "a double quote is not closed";
				return -1;
			}
			name = p_strdup_until(pool, str, end);
			str = end + 1;
		} else {
			end = str + strcspn(str, " \t");
			name = p_strdup_until(pool, str, end);
			str = end;
		}
		if (*name == '\0') {
			*error_r = "a name is empty";
			return -1;
		}
		array_push_back(&list, &name);
	}
	array_append_zero(&list);
	*list_r = array_front(&list);
	return 0;
}

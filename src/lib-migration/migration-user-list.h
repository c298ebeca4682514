#ifndef MIGRATION_USER_LIST_H
#define MIGRATION_USER_LIST_H

/* A file of users: one line each, the name and, after blanks, perhaps the name
   at the provider. Empty lines and those that begin with "#" do not count. Used
   by doveadm. */

#include "array.h"

struct istream;

struct migration_user_line {
	const char *username;
	/* NULL = not given */
	const char *remote_user;
	/* Of the file, from 1 */
	unsigned int line;
};
ARRAY_DEFINE_TYPE(migration_user_line, struct migration_user_line);

/* Returns 1, 0 if the line does not count, or -1 if it cannot be understood.
   The result is from the data stack; line_r->line is not set. */
int migration_user_line_parse(const char *text,
			      struct migration_user_line *line_r,
			      const char **error_r);

/* Reads a whole file; names are copied to the pool. A name that is there twice
   is an error, in whatever case. Blocks. Returns 0, or -1 with file and line in
   the error; an empty file is an error, too. */
int migration_user_list_read(struct istream *input, pool_t pool,
			     ARRAY_TYPE(migration_user_line) *lines_r,
			     const char **error_r);

#endif

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "hash.h"
#include "istream.h"
#include "unichar.h"
#include "migration-compat.h"
#include "migration-limits.h"
#include "migration-user-list.h"

#define USER_LIST_BOM "\xef\xbb\xbf"

int migration_user_line_parse(const char *text,
			      struct migration_user_line *line_r,
			      const char **error_r)
{
	const char *const *words, *p;

	i_zero(line_r);
	for (p = text; *p != '\0'; p++) {
		if (((unsigned char)*p < 0x20 && *p != '\t' &&
		     (*p != '\r' || p[1] != '\0')) ||
		    *p == 0x7f) {
			*error_r = "Control characters in a name";
			return -1;
		}
	}
	if (!uni_utf8_str_is_valid(text)) {
		*error_r = "It is not UTF-8 (save the file as UTF-8)";
		return -1;
	}
	words = t_strsplit_spaces(text, " \t\r");
	if (words[0] == NULL || *words[0] == '#')
		return 0;
	if (words[1] != NULL && words[2] != NULL) {
		*error_r = "More than the name of a user and the name at the "
			   "provider";
		return -1;
	}
	if (strlen(words[0]) > MIGRATION_MAX_USERNAME_BYTES ||
	    (words[1] != NULL &&
	     strlen(words[1]) > MIGRATION_MAX_USERNAME_BYTES)) {
		*error_r = t_strdup_printf("A name is longer than %u bytes",
					   MIGRATION_MAX_USERNAME_BYTES);
		return -1;
	}
	line_r->username = words[0];
	line_r->remote_user = words[1];
	return 1;
}

struct user_list_read {
	pool_t pool;
	unsigned int line;
	/* name -> line */
	HASH_TABLE(const char *, void *) seen;
	ARRAY_TYPE(migration_user_line) *lines;
};

static int user_list_add(struct user_list_read *ctx, const char *text,
			 uoff_t size, const char **error_r)
{
	struct migration_user_line line;
	void *seen;
	int ret;

	/* a NUL; the last line may have no end, and then a byte less is left */
	if (size > strlen(text)) {
		*error_r = "Control characters in a name";
		return -1;
	}
	ret = migration_user_line_parse(text, &line, error_r);
	if (ret <= 0)
		return ret;
	line.line = ctx->line;
	line.username = p_strdup(ctx->pool, line.username);
	line.remote_user = p_strdup(ctx->pool, line.remote_user);
	seen = hash_table_lookup(ctx->seen, line.username);
	if (seen != NULL) {
		*error_r = t_strdup_printf("%s is already in line %u",
					   line.username,
					   POINTER_CAST_TO(seen, unsigned int));
		return -1;
	}
	hash_table_insert(ctx->seen, line.username, POINTER_CAST(line.line));
	array_push_back(ctx->lines, &line);
	return 0;
}

/* Without what Windows' programs begin a file with. NULL if there is none left;
   *size_r is what it took of the file, but for the end of the line. */
static const char *user_list_next(struct user_list_read *ctx,
				  struct istream *input, uoff_t *size_r)
{
	uoff_t offset = input->v_offset;
	const char *text = i_stream_read_next_line(input);

	if (text == NULL)
		return NULL;
	*size_r = input->v_offset - offset;
	*size_r -= i_stream_last_line_crlf(input) ? 2 : 1;
	if (ctx->line++ == 0 && str_begins_with(text, USER_LIST_BOM)) {
		text += strlen(USER_LIST_BOM);
		*size_r -= strlen(USER_LIST_BOM);
	}
	return text;
}

static int user_list_read_lines(struct user_list_read *ctx,
				struct istream *input, const char **error_r)
{
	const char *text, *error;
	uoff_t size;
	int ret = 0;

	/* the last one need not have an end */
	i_stream_set_return_partial_line(input, TRUE);
	while (ret == 0 && (text = user_list_next(ctx, input, &size)) != NULL)
		T_BEGIN
		{
			ret = user_list_add(ctx, text, size, &error);
			if (ret < 0) {
				error = p_strdup_printf(ctx->pool,
							"%s line %u: %s",
							i_stream_get_name(
								input),
							ctx->line, error);
			}
		}
	T_END;
	if (ret < 0) {
		*error_r = error;
		return -1;
	}
	if (input->stream_errno != 0) {
		*error_r = t_strdup_printf("Cannot read %s: %s",
					   i_stream_get_name(input),
					   i_stream_get_error(input));
		return -1;
	}
	if (array_count(ctx->lines) == 0) {
		*error_r = t_strdup_printf("%s has no users in it",
					   i_stream_get_name(input));
		return -1;
	}
	return 0;
}

int migration_user_list_read(struct istream *input, pool_t pool,
			     ARRAY_TYPE(migration_user_line) *lines_r,
			     const char **error_r)
{
	struct user_list_read ctx = {
		.pool = pool,
		.lines = lines_r,
	};
	int ret;

	p_array_init(lines_r, pool, 64);
	hash_table_create(&ctx.seen, default_pool, 0, strcase_hash, strcasecmp);
	ret = user_list_read_lines(&ctx, input, error_r);
	hash_table_destroy(&ctx.seen);
	return ret;
}

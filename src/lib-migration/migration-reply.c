/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "str.h"
#include "migration-reply.h"

#include <ctype.h>

#define REPLY_TEXT_MAX_BYTES 300
#define REPLY_TAG_MAX_BYTES 32

static const struct {
	const char *name;
	enum migration_reply_status status;
	bool tagged;
} reply_statuses[] = {
	{ "OK", MIGRATION_REPLY_STATUS_OK, TRUE },
	{ "NO", MIGRATION_REPLY_STATUS_NO, TRUE },
	{ "BAD", MIGRATION_REPLY_STATUS_BAD, TRUE },
	{ "BYE", MIGRATION_REPLY_STATUS_BYE, FALSE },
	{ "PREAUTH", MIGRATION_REPLY_STATUS_PREAUTH, FALSE },
};

static const char *next_word(const char **p)
{
	const char *start = *p, *end;

	end = strchr(start, ' ');
	if (end == NULL) {
		*p = start + strlen(start);
		return start;
	}
	*p = end + 1;
	return t_strdup_until(start, end);
}

static bool tag_is_valid(const char *tag)
{
	size_t i;

	for (i = 0; tag[i] != '\0'; i++) {
		if (!i_isalnum(tag[i]))
			return FALSE;
	}
	return i > 0 && i <= REPLY_TAG_MAX_BYTES;
}

static bool line_has_literal(const char *line)
{
	size_t len = strlen(line), i;

	if (len < 3 || line[len - 1] != '}')
		return FALSE;
	i = len - 1;
	if (line[i - 1] == '+')
		i--;
	if (i == 0 || !i_isdigit(line[i - 1]))
		return FALSE;
	while (i > 0 && i_isdigit(line[i - 1]))
		i--;
	return i > 0 && line[i - 1] == '{';
}

static const char *text_sanitize(const char *text)
{
	string_t *str = t_str_new(128);

	for (; *text != '\0'; text++) {
		if (str_len(str) == REPLY_TEXT_MAX_BYTES) {
			str_append(str, "...");
			break;
		}
		str_append_c(str, *text < 0x20 || *text > 0x7e ? '?' : *text);
	}
	return str_c(str);
}

static enum migration_reply_status status_parse(const char *word, bool tagged)
{
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(reply_statuses); i++) {
		if (strcasecmp(word, reply_statuses[i].name) == 0 &&
		    (!tagged || reply_statuses[i].tagged))
			return reply_statuses[i].status;
	}
	return MIGRATION_REPLY_STATUS_NONE;
}

static void reply_parse_text(struct migration_reply *reply, const char *text)
{
	const char *end, *args;

	if (*text == '[' && (end = strchr(text, ']')) != NULL) {
		args = t_strdup_until(text + 1, end);
		reply->code = t_str_ucase(next_word(&args));
		if (strcmp(reply->code, "CAPABILITY") == 0)
			reply->capabilities = args;
		text = end + 1;
		if (*text == ' ')
			text++;
	}
	reply->text = text_sanitize(text);
}

void migration_reply_parse(const void *data, size_t size,
			   struct migration_reply *reply_r)
{
	const char *line, *rest, *word;

	i_zero(reply_r);
	reply_r->kind = MIGRATION_REPLY_GARBAGE;
	reply_r->text = "";
	if (memchr(data, '\0', size) != NULL)
		return;

	line = t_strndup(data, size);
	size = strlen(line);
	if (size > 0 && line[size - 1] == '\n')
		size--;
	if (size > 0 && line[size - 1] == '\r')
		size--;
	line = t_strndup(line, size);
	reply_r->text = text_sanitize(line);
	reply_r->literal = line_has_literal(line);

	rest = line;
	word = next_word(&rest);
	if (strcmp(word, "+") == 0) {
		reply_r->kind = MIGRATION_REPLY_CONTINUE;
	} else if (strcmp(word, "*") == 0) {
		reply_r->kind = MIGRATION_REPLY_UNTAGGED;
		reply_r->text = text_sanitize(rest);
		word = next_word(&rest);
		reply_r->status = status_parse(word, FALSE);
		if (reply_r->status != MIGRATION_REPLY_STATUS_NONE)
			reply_parse_text(reply_r, rest);
		else if (strcasecmp(word, "CAPABILITY") == 0) {
			reply_r->code = "CAPABILITY";
			reply_r->capabilities = rest;
		}
	} else if (tag_is_valid(word)) {
		reply_r->status = status_parse(next_word(&rest), TRUE);
		if (reply_r->status == MIGRATION_REPLY_STATUS_NONE)
			return;
		reply_r->kind = MIGRATION_REPLY_TAGGED;
		reply_r->tag = word;
		reply_parse_text(reply_r, rest);
	}
}

bool migration_reply_has_capability(const struct migration_reply *reply,
				    const char *capability)
{
	const char *const *words;

	if (reply->capabilities == NULL)
		return FALSE;
	words = t_strsplit_spaces(reply->capabilities, " ");
	return str_array_icase_find(words, capability);
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-compat.h"
#include "migration-pop3-reply.h"

/* RFC 1939 says 70, and not every server keeps to it. */
#define POP3_MAX_UIDL_BYTES 255

static const struct {
	const char *code;
	enum migration_pop3_reply reply;
} pop3_codes[] = {
	{ "IN-USE", MIGRATION_POP3_REPLY_TEMPORARY },
	{ "LOGIN-DELAY", MIGRATION_POP3_REPLY_TEMPORARY },
	{ "SYS/TEMP", MIGRATION_POP3_REPLY_TEMPORARY },
	{ "SYS/PERM", MIGRATION_POP3_REPLY_FINAL },
	{ "AUTH", MIGRATION_POP3_REPLY_FINAL },
};

/* "IN-USE" and "SYS/TEMP/ANYTHING", which is a kind of SYS/TEMP */
static bool pop3_code_is(const char *text, const char *code)
{
	const char *rest;

	if (!str_begins_with(t_str_ucase(text), code))
		return FALSE;
	rest = text + strlen(code);
	return *rest == ']' || *rest == '/';
}

static enum migration_pop3_reply pop3_parse_code(const char *text)
{
	unsigned int i;

	if (*text != '[')
		return MIGRATION_POP3_REPLY_NO_CODE;
	for (i = 0; i < N_ELEMENTS(pop3_codes); i++) {
		if (pop3_code_is(text + 1, pop3_codes[i].code))
			return pop3_codes[i].reply;
	}
	return MIGRATION_POP3_REPLY_NO_CODE;
}

static bool pop3_skip_status(const char **line, const char *status)
{
	const char *rest;

	if (strncasecmp(*line, status, strlen(status)) != 0)
		return FALSE;
	rest = *line + strlen(status);
	if (*rest != '\0' && *rest != ' ')
		return FALSE;
	while (*rest == ' ')
		rest++;
	*line = rest;
	return TRUE;
}

enum migration_pop3_reply
migration_pop3_reply_parse(const char *line, const char **text_r)
{
	if (pop3_skip_status(&line, "+OK")) {
		*text_r = line;
		return MIGRATION_POP3_REPLY_OK;
	}
	if (pop3_skip_status(&line, "-ERR")) {
		*text_r = line;
		return pop3_parse_code(line);
	}
	*text_r = line;
	return MIGRATION_POP3_REPLY_INVALID;
}

enum migration_pop3_capability migration_pop3_reply_capability(const char *line)
{
	const char *const *words = t_strsplit_spaces(line, " ");

	if (words[0] == NULL)
		return 0;
	if (strcasecmp(words[0], "TOP") == 0)
		return MIGRATION_POP3_CAPABILITY_TOP;
	if (strcasecmp(words[0], "USER") == 0)
		return MIGRATION_POP3_CAPABILITY_USER;
	if (strcasecmp(words[0], "PIPELINING") == 0)
		return MIGRATION_POP3_CAPABILITY_PIPELINING;
	if (strcasecmp(words[0], "SASL") == 0 &&
	    str_array_icase_find(words + 1, "PLAIN"))
		return MIGRATION_POP3_CAPABILITY_SASL_PLAIN;
	return 0;
}

static int pop3_parse_number(const char **line, unsigned int *number_r)
{
	if (str_parse_uint(*line, number_r, line) < 0 || *number_r == 0 ||
	    **line != ' ')
		return -1;
	while (**line == ' ')
		(*line)++;
	return 0;
}

/* Dovecot keeps UIDLs in lines, separated by blanks. */
static bool pop3_uidl_is_valid(const char *uidl)
{
	size_t i;

	for (i = 0; uidl[i] != '\0'; i++) {
		if (uidl[i] <= ' ' || uidl[i] >= 0x7f)
			return FALSE;
	}
	return i > 0 && i <= POP3_MAX_UIDL_BYTES;
}

int migration_pop3_reply_uidl(const char *line, unsigned int *number_r,
			      const char **uidl_r)
{
	if (pop3_parse_number(&line, number_r) < 0)
		return -1;
	*uidl_r = line;
	return pop3_uidl_is_valid(line) ? 1 : 0;
}

int migration_pop3_reply_list(const char *line, unsigned int *number_r,
			      uoff_t *size_r)
{
	if (pop3_parse_number(&line, number_r) < 0 ||
	    str_parse_uoff(line, size_r, &line) < 0)
		return -1;
	/* there may be more behind it */
	return *line == '\0' || *line == ' ' ? 0 : -1;
}

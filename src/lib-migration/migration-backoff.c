/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-backoff.h"

#include <ctype.h>

/* What a number of seconds, minutes or hours follows. */
static const char *const backoff_phrases[] = {
	/* Microsoft: "Request is throttled. Suggested Backoff Time: 299910
	   milliseconds" */
	"backoff time:",
	"try again",
	"retry",
	"wait",
};

/* Words between the phrase and the number. */
static const char *const backoff_fillers[] = {
	"in", "after", "for", "at", "least", "about", "another",
};

static const struct {
	const char *name;
	unsigned int msecs;
} backoff_units[] = {
	{ "ms", 1 },          { "msec", 1 },         { "msecs", 1 },
	{ "millisecond", 1 }, { "milliseconds", 1 }, { "s", 1000 },
	{ "sec", 1000 },      { "secs", 1000 },      { "second", 1000 },
	{ "seconds", 1000 },  { "m", 60000 },        { "min", 60000 },
	{ "mins", 60000 },    { "minute", 60000 },   { "minutes", 60000 },
	{ "h", 3600000 },     { "hour", 3600000 },   { "hours", 3600000 },
};

/* Codes and words of a limit without a number. */
static const char *const backoff_limits[] = {
	"[throttled]",
	"[limit]",
	/* Yahoo's [LIMIT], as the mail storage passes it on: without its code */
	"rate limit hit",
	/* Microsoft */
	"request is throttled",
	/* Google's [OVERQUOTA] */
	"exceeded command or bandwidth limits",
};

static const char *backoff_skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

static size_t backoff_word_length(const char *p)
{
	size_t len = 0;

	while (i_isalpha(p[len]))
		len++;
	return len;
}

static const char *backoff_skip_fillers(const char *p)
{
	const char *word;
	unsigned int i;
	size_t len;

	for (;;) {
		p = backoff_skip_blanks(p);
		len = backoff_word_length(p);
		word = t_strndup(p, len);
		for (i = 0; i < N_ELEMENTS(backoff_fillers); i++) {
			if (strcmp(backoff_fillers[i], word) == 0)
				break;
		}
		if (i == N_ELEMENTS(backoff_fillers))
			return p;
		p += len;
	}
}

/* Milliseconds of "5 minutes", 0 if it is none. */
static uint64_t backoff_parse_time(const char *p)
{
	uint64_t number;
	const char *unit;
	unsigned int i;

	if (!i_isdigit(*p))
		return 0;
	if (str_parse_uint64(p, &number, &p) < 0)
		number = UINT32_MAX; /* more than anything that is obeyed */
	number = I_MIN(number, UINT32_MAX);
	while (i_isdigit(*p))
		p++;
	p = backoff_skip_blanks(p);
	unit = t_strndup(p, backoff_word_length(p));
	for (i = 0; i < N_ELEMENTS(backoff_units); i++) {
		if (strcmp(backoff_units[i].name, unit) == 0)
			return number * backoff_units[i].msecs;
	}
	return 0;
}

/* The longest time that follows the phrase anywhere in text. */
static uint64_t backoff_after_phrase(const char *text, const char *phrase)
{
	uint64_t msecs = 0, found;

	while ((text = strstr(text, phrase)) != NULL) {
		text += strlen(phrase);
		found = backoff_parse_time(backoff_skip_fillers(text));
		msecs = I_MAX(msecs, found);
	}
	return msecs;
}

static bool backoff_is_limit(const char *code, const char *text)
{
	unsigned int i;

	if (code != NULL && (strcasecmp(code, "THROTTLED") == 0 ||
			     strcasecmp(code, "LIMIT") == 0))
		return TRUE;
	for (i = 0; i < N_ELEMENTS(backoff_limits); i++) {
		if (strstr(text, backoff_limits[i]) != NULL)
			return TRUE;
	}
	return FALSE;
}

unsigned int migration_backoff_secs(const char *code, const char *text)
{
	uint64_t msecs = 0, found;
	unsigned int i, secs;

	T_BEGIN
	{
		text = t_str_lcase(text);
		for (i = 0; i < N_ELEMENTS(backoff_phrases); i++) {
			found = backoff_after_phrase(text, backoff_phrases[i]);
			msecs = I_MAX(msecs, found);
		}
		if (msecs > 0) {
			msecs = I_MIN(msecs, MIGRATION_BACKOFF_MAX_SECS *
						     (uint64_t)1000);
			secs = (msecs + 999) / 1000;
		} else {
			secs = backoff_is_limit(code, text) ?
				       MIGRATION_BACKOFF_DEFAULT_SECS :
				       0;
		}
	}
	T_END;
	return secs;
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "str.h"
#include "str-sanitize.h"
#include "unichar.h"
#include "migration-text.h"

/* Bytes of a control character that Dovecot lets through, 0 = it is none. */
static size_t text_control_len(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	if (p[0] == 0x7f)
		return 1;
	return p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f ? 2 : 0;
}

const char *migration_text_sanitize(const char *text)
{
	string_t *str;
	size_t len;

	text = str_sanitize_utf8(text, SIZE_MAX);
	str = t_str_new(strlen(text) + 16);
	while (*text != '\0') {
		len = text_control_len(text);
		if (len > 0)
			str_append(str, UNICODE_REPLACEMENT_CHAR_UTF8);
		else
			str_append_c(str, *text);
		text += I_MAX(len, 1);
	}
	return str_c(str);
}

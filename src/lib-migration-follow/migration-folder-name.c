/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "crc32.h"
#include "imap-utf7.h"
#include "str.h"
#include "unichar.h"
#include "migration-folder-name.h"

#define FOLDER_INBOX "INBOX"
#define FOLDER_BAD_CHAR '_'
/* In modified UTF-7. With Maildir++ the whole hierarchy is one file name, which
   may have 255 bytes. */
#define FOLDER_MAX_BYTES 200

static const struct {
	const char *use, *name;
} folder_uses[] = {
	{ "\\Sent", "Sent" },
	{ "\\Sent", "Sent Items" },
	{ "\\Sent", "Sent Messages" },
	{ "\\Sent", "Sent Mail" },
	{ "\\Sent", "Gesendet" },
	{ "\\Sent", "Gesendete Objekte" },
	{ "\\Sent", "Gesendete Elemente" },
	{ "\\Drafts", "Drafts" },
	{ "\\Drafts", "Draft" },
	{ "\\Drafts", "Entw\xc3\xbcrfe" },
	{ "\\Junk", "Junk" },
	{ "\\Junk", "Junk E-mail" },
	{ "\\Junk", "Junk Email" },
	{ "\\Junk", "Spam" },
	{ "\\Junk", "Bulk Mail" },
	{ "\\Trash", "Trash" },
	{ "\\Trash", "Deleted Items" },
	{ "\\Trash", "Deleted Messages" },
	{ "\\Trash", "Papierkorb" },
	{ "\\Trash", "Gel\xc3\xb6schte Elemente" },
	{ "\\Archive", "Archive" },
	{ "\\Archive", "Archives" },
	{ "\\Archive", "Archiv" },
};

static bool
folder_is_bad_char(const struct migration_folder_names *names, unichar_t chr)
{
	if (chr < 0x20 || chr == 0x7f || chr == '/')
		return TRUE;
	return (names->local_sep != '\0' &&
		chr == (unsigned char)names->local_sep) ||
	       (names->storage_sep != '\0' &&
		chr == (unsigned char)names->storage_sep);
}

static void folder_append_component(const struct migration_folder_names *names,
				    string_t *dest, const char *component)
{
	string_t *decoded = t_str_new(64);
	const unsigned char *p, *end;
	unichar_t chr;
	size_t start = str_len(dest);
	int len;

	if (imap_utf7_to_utf8(component, decoded) < 0) {
		/* RFC 9051 servers may send UTF-8; anything may come */
		str_truncate(decoded, 0);
		if (uni_utf8_get_valid_data((const unsigned char *)component,
					    strlen(component), decoded))
			str_append(decoded, component);
	}
	p = str_data(decoded);
	end = p + str_len(decoded);
	for (; p < end; p += len) {
		len = uni_utf8_get_char_n(p, end - p, &chr);
		if (len <= 0) {
			str_append_c(dest, FOLDER_BAD_CHAR);
			break;
		}
		if (folder_is_bad_char(names, chr) ||
		    (str_len(dest) == 0 && chr == '~'))
			str_append_c(dest, FOLDER_BAD_CHAR);
		else
			str_append_data(dest, p, len);
	}
	if (str_len(dest) == start)
		str_append_c(dest, FOLDER_BAD_CHAR);
	else if (strcmp(str_c(dest) + start, ".") == 0 ||
		 strcmp(str_c(dest) + start, "..") == 0)
		str_insert(dest, start, "_");
}

/* Cuts the name where it is too long, in front of a whole character. */
static const char *
folder_shorten(const struct migration_folder_names *names, const char *name)
{
	string_t *encoded = t_str_new(256), *cut = t_str_new(256);
	const char *p = name;
	unsigned int len;

	if (imap_utf8_to_utf7(name, encoded) < 0)
		return name;
	if (str_len(encoded) <= FOLDER_MAX_BYTES)
		return name;
	while (*p != '\0') {
		len = uni_utf8_char_bytes(*p);
		str_append_data(cut, p, len);
		str_truncate(encoded, 0);
		if (imap_utf8_to_utf7(str_c(cut), encoded) < 0 ||
		    str_len(encoded) > FOLDER_MAX_BYTES - 9) {
			str_truncate(cut, str_len(cut) - len);
			break;
		}
		p += len;
	}
	while (str_len(cut) > 0 &&
	       str_c(cut)[str_len(cut) - 1] == names->local_sep)
		str_truncate(cut, str_len(cut) - 1);
	str_printfa(cut, "-%08x", crc32_str(name));
	return str_c(cut);
}

/* Without case only where INBOX is meant. */
static const char *
folder_skip_prefix(const struct migration_folder_names *names, const char *name)
{
	size_t len = strlen(names->prefix), inbox_len = strlen(FOLDER_INBOX);

	if (strncmp(name, names->prefix, len) == 0)
		return name + len;
	if (len > inbox_len &&
	    strncasecmp(names->prefix, FOLDER_INBOX, inbox_len) == 0 &&
	    strncasecmp(name, FOLDER_INBOX, inbox_len) == 0 &&
	    strncmp(name + inbox_len, names->prefix + inbox_len,
		    len - inbox_len) == 0)
		return name + len;
	return NULL;
}

const char *migration_folder_name(const struct migration_folder_names *names,
				  const char *name)
{
	const char sep[] = { names->remote_sep, '\0' };
	const char *whole[] = { NULL, NULL };
	const char *const *components;
	string_t *dest = t_str_new(128);

	if (strcasecmp(name, FOLDER_INBOX) == 0)
		return FOLDER_INBOX;
	name = folder_skip_prefix(names, name);
	if (name == NULL || *name == '\0')
		return NULL;
	whole[0] = name;
	components = names->remote_sep == '\0' ? whole : t_strsplit(name, sep);
	for (; *components != NULL; components++) {
		folder_append_component(names, dest, *components);
		if (components[1] != NULL)
			str_append_c(dest, names->local_sep);
	}
	/* below the prefix, and not the INBOX */
	if (strcasecmp(str_c(dest), FOLDER_INBOX) == 0)
		str_append_c(dest, FOLDER_BAD_CHAR);
	return folder_shorten(names, str_c(dest));
}

bool migration_folder_is_below_inbox(const char *const *names, char sep)
{
	const size_t len = strlen(FOLDER_INBOX);
	bool found = FALSE;

	if (sep == '\0')
		return FALSE;
	for (; *names != NULL; names++) {
		if (strcasecmp(*names, FOLDER_INBOX) == 0)
			continue;
		if (strncasecmp(*names, FOLDER_INBOX, len) != 0 ||
		    (*names)[len] != sep)
			return FALSE;
		found = TRUE;
	}
	return found;
}

const char *migration_folder_use(const char *name)
{
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(folder_uses); i++) {
		if (strcasecmp(name, folder_uses[i].name) == 0)
			return folder_uses[i].use;
	}
	return NULL;
}

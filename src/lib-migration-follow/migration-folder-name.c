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

static const char *folder_decode(const char *encoded)
{
	string_t *decoded = t_str_new(64);

	if (imap_utf7_to_utf8(encoded, decoded) < 0) {
		/* RFC 9051 servers may send UTF-8; anything may come */
		str_truncate(decoded, 0);
		if (uni_utf8_get_valid_data((const unsigned char *)encoded,
					    strlen(encoded), decoded))
			str_append(decoded, encoded);
	}
	return str_c(decoded);
}

static bool folder_is_reserved(const struct migration_folder_names *names,
			       const char *component)
{
	return strcmp(component, ".") == 0 || strcmp(component, "..") == 0 ||
	       (names->reserved != NULL &&
		str_array_find(names->reserved, component));
}

static void folder_append_component(const struct migration_folder_names *names,
				    string_t *dest, const char *component)
{
	const char *decoded = folder_decode(component);
	const unsigned char *p = (const unsigned char *)decoded;
	const unsigned char *end = p + strlen(decoded);
	unichar_t chr;
	size_t start = str_len(dest);
	int len;

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
	else if (folder_is_reserved(names, str_c(dest) + start))
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
	const size_t inbox_len = strlen(FOLDER_INBOX);

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
	else if (strncasecmp(str_c(dest), FOLDER_INBOX, inbox_len) == 0 &&
		 str_c(dest)[inbox_len] == names->local_sep)
		/* Dovecot opens it by that name */
		buffer_write(dest, 0, FOLDER_INBOX, inbox_len);
	return folder_shorten(names, str_c(dest));
}

const char *migration_folder_name_there(const char *name)
{
	return folder_decode(name);
}

bool migration_folder_is_changed(const struct migration_folder_names *names,
				 const char *name, const char *local_name)
{
	char *there;

	if (strcasecmp(name, FOLDER_INBOX) == 0)
		return strcmp(local_name, FOLDER_INBOX) != 0;
	name = folder_skip_prefix(names, name);
	if (name == NULL)
		return TRUE;
	there = t_strdup_noconst(folder_decode(name));
	if (names->remote_sep != names->local_sep &&
	    names->remote_sep != '\0') {
		/* a local separator that is none there was replaced */
		if (strchr(there, names->local_sep) != NULL)
			return TRUE;
		for (char *p = there; *p != '\0'; p++) {
			if (*p == names->remote_sep)
				*p = names->local_sep;
		}
	}
	return strcmp(there, local_name) != 0;
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

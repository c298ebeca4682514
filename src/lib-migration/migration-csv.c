/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "unichar.h"
#include "migration-csv.h"

#define CSV_BOM "\xef\xbb\xbf"

struct migration_csv {
	char *data;
	size_t size, pos;
	char sep;
	unsigned int line;
	ARRAY_TYPE(const_string) fields;
};

struct migration_csv *migration_csv_init(char *data, size_t size, char sep)
{
	struct migration_csv *csv;

	csv = i_new(struct migration_csv, 1);
	csv->data = data;
	csv->size = size;
	csv->sep = sep;
	if (size >= strlen(CSV_BOM) &&
	    memcmp(data, CSV_BOM, strlen(CSV_BOM)) == 0)
		csv->pos = strlen(CSV_BOM);
	i_array_init(&csv->fields, 16);
	return csv;
}

void migration_csv_deinit(struct migration_csv **_csv)
{
	struct migration_csv *csv = *_csv;

	if (csv == NULL)
		return;
	*_csv = NULL;
	array_free(&csv->fields);
	i_free(csv);
}

static bool csv_is_blank(const struct migration_csv *csv, char chr)
{
	return chr != csv->sep && (chr == ' ' || chr == '\t');
}

static char *
csv_trim_start(const struct migration_csv *csv, char *p, const char *end)
{
	while (p < end && csv_is_blank(csv, *p))
		p++;
	return p;
}

static char *
csv_trim_end(const struct migration_csv *csv, const char *start, char *end)
{
	while (end > start && csv_is_blank(csv, end[-1]))
		end--;
	return end;
}

/* A spreadsheet makes lines of separators out of empty ones. */
static bool csv_line_is_empty(const struct migration_csv *csv,
			      const char *start, const char *end)
{
	while (start < end && (*start == csv->sep || csv_is_blank(csv, *start)))
		start++;
	return start == end;
}

static int csv_check_line(const char *start, const char *end, char sep,
			  const char **error_r)
{
	const unsigned char *p;

	for (p = (const void *)start; p < (const unsigned char *)end; p++) {
		if (*p == 0x7f || (*p < 0x20 && *p != '\t' && *p != sep)) {
			*error_r = t_strdup_printf(
				"it has the control character 0x%02x", *p);
			return -1;
		}
	}
	if (!uni_utf8_data_is_valid((const void *)start, end - start)) {
		*error_r = "it is not UTF-8 (save the file as UTF-8)";
		return -1;
	}
	return 0;
}

/* Takes the quotes away in place. Returns what is behind the closing one, or
   NULL if there is none; *value_end_r is where the value ends. */
static char *csv_unquote(char *p, const char *end, char **value_end_r)
{
	char *dest = p;

	for (; p < end; p++) {
		if (*p == '"') {
			if (p + 1 == end || p[1] != '"') {
				*value_end_r = dest;
				return p + 1;
			}
			p++;
		}
		*dest++ = *p;
	}
	return NULL;
}

/* Adds the field at start. Returns what is behind its separator, or end + 1 if
   it was the last, or NULL. */
static char *csv_add_field(struct migration_csv *csv, char *start, char *end,
			   const char **error_r)
{
	char *p = csv_trim_start(csv, start, end), *value_end, *next;

	if (p < end && *p == '"') {
		start = p + 1;
		next = csv_unquote(start, end, &value_end);
		if (next == NULL) {
			*error_r = "a quote is not closed";
			return NULL;
		}
		next = csv_trim_start(csv, next, end);
		if (next < end && *next != csv->sep) {
			*error_r = "there is text behind a closing quote";
			return NULL;
		}
	} else {
		start = p;
		next = memchr(start, csv->sep, end - start);
		if (next == NULL)
			next = end;
		value_end = csv_trim_end(csv, start, next);
	}
	if (memchr(start, '\t', value_end - start) != NULL) {
		*error_r = "there is a tab within a field";
		return NULL;
	}
	/* at the latest where the separator or the line's end was */
	*value_end = '\0';
	array_push_back(&csv->fields, (const char **)&start);
	return next + 1;
}

static int csv_split(struct migration_csv *csv, char *start, char *end,
		     const char **error_r)
{
	char *p;

	if (csv_check_line(start, end, csv->sep, error_r) < 0)
		return -1;
	for (p = start; p <= end;) {
		p = csv_add_field(csv, p, end, error_r);
		if (p == NULL)
			return -1;
	}
	array_append_zero(&csv->fields);
	return 1;
}

int migration_csv_next(struct migration_csv *csv, const char *const **fields_r,
		       const char **error_r)
{
	char *start, *end, *next;

	array_clear(&csv->fields);
	while (csv->pos < csv->size) {
		start = csv->data + csv->pos;
		end = memchr(start, '\n', csv->size - csv->pos);
		next = end == NULL ? csv->data + csv->size : end + 1;
		if (end == NULL)
			end = next;
		csv->pos = next - csv->data;
		csv->line++;
		if (end > start && end[-1] == '\r')
			end--;
		if (csv_line_is_empty(csv, start, end))
			continue;
		if (csv_split(csv, start, end, error_r) < 0)
			return -1;
		*fields_r = array_front(&csv->fields);
		return 1;
	}
	return 0;
}

unsigned int migration_csv_get_line(const struct migration_csv *csv)
{
	return csv->line;
}

size_t migration_csv_get_offset(const struct migration_csv *csv)
{
	return csv->pos;
}

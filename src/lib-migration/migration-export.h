#ifndef MIGRATION_EXPORT_H
#define MIGRATION_EXPORT_H

/* Records as text for other programs: the figures as CSV, and configurations of
   programs that copy mail. Pure. Used by doveadm. There is never a password in
   it: these programs are told to ask "doveadm migration credential". */

#include "migration-record.h"

struct migration_provider_settings;

enum migration_export_format {
	MIGRATION_EXPORT_CSV,
	MIGRATION_EXPORT_JSON,
	MIGRATION_EXPORT_OFFLINEIMAP,
	MIGRATION_EXPORT_MBSYNC,
	MIGRATION_EXPORT_IMAPSYNC,
};

/* Of CSV and JSON. */
struct migration_export_column {
	const char *name;
	bool number;
};

extern const struct migration_export_column migration_export_columns[];
/* Its length */
extern const unsigned int migration_export_columns_count;

const char *
migration_export_format_to_string(enum migration_export_format format);
/* Returns 0, or -1 if the name is unknown. */
int migration_export_format_parse(const char *str,
				  enum migration_export_format *format_r);

/* Value of a column, from the data stack: times in UTC as in
   2030-01-31T12:00:00Z, empty = never or nothing. */
const char *migration_export_value(const struct migration_record *record,
				   unsigned int column, time_t now);

/* What the formats, JSON excepted, begin and end with; count is how many records
   were written in between. Lines without the last line end, may be empty. */
const char *migration_export_begin(enum migration_export_format format);
const char *
migration_export_end(enum migration_export_format format, unsigned int count);
/* TRUE if the format can have the record: there is a password to log in with. */
bool migration_export_has(enum migration_export_format format,
			  const struct migration_record *record);
/* The record's lines. number counts from 1. The provider is only needed by the
   configurations. */
const char *
migration_export_record(enum migration_export_format format,
			const struct migration_record *record,
			const struct migration_provider_settings *provider,
			unsigned int number, time_t now);

#endif

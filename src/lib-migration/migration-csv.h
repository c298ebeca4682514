#ifndef MIGRATION_CSV_H
#define MIGRATION_CSV_H

/* Rows of a CSV file that is in memory. Nothing is copied, because there may be
   passwords in it: fields point into the data, which is changed, and whoever
   owns it wipes it. Does no I/O.

   UTF-8, with or without a byte order mark; lines end with LF or CRLF; those
   without a value are left out. Blanks around a field do not count. A field in double
   quotes may have separators in it, "" stands for a quote and blanks within
   count. No field has control characters. */

struct migration_csv;

/* data must stay valid and have room for a NUL behind size. */
struct migration_csv *migration_csv_init(char *data, size_t size, char sep);
void migration_csv_deinit(struct migration_csv **csv);

/* Returns 1 and the fields, which end with NULL and are valid until the next
   call; 0 at the end; -1 if the line is not as above, and then the next call
   goes on behind it. */
int migration_csv_next(struct migration_csv *csv, const char *const **fields_r,
		       const char **error_r);
/* Of what migration_csv_next() has returned, from 1. */
unsigned int migration_csv_get_line(const struct migration_csv *csv);
/* From the first byte on, for progress. */
size_t migration_csv_get_offset(const struct migration_csv *csv);

#endif

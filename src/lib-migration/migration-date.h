#ifndef MIGRATION_DATE_H
#define MIGRATION_DATE_H

/* A date as an administrator writes it: "YYYY-MM-DD" (its first second) or
   "YYYY-MM-DD HH:MM" in local time, or ISO 8601 with seconds and zone, as in
   "2030-01-31T12:00:00+01:00". Returns 0, or -1 if it is none of these or not
   in the calendar. */
int migration_date_parse(const char *str, time_t *time_r);

#endif

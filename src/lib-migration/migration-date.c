/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "iso8601-date.h"
#include "migration-date.h"

#include <ctype.h>
#include <time.h>

/* TRUE if str looks like the pattern, in which 0 is any digit. */
static bool date_matches(const char *str, const char *pattern)
{
	for (; *pattern != '\0'; pattern++, str++) {
		if (*pattern == '0' ? !i_isdigit(*str) : *str != *pattern)
			return FALSE;
	}
	return *str == '\0';
}

static int date_number(const char *str, unsigned int from, unsigned int digits)
{
	int value = 0;

	for (; digits > 0; digits--, from++)
		value = value * 10 + (str[from] - '0');
	return value;
}

static int date_parse_local(const char *str, bool has_time, time_t *time_r)
{
	struct tm tm, wanted;
	time_t result;

	i_zero(&tm);
	tm.tm_year = date_number(str, 0, 4) - 1900;
	tm.tm_mon = date_number(str, 5, 2) - 1;
	tm.tm_mday = date_number(str, 8, 2);
	if (has_time) {
		tm.tm_hour = date_number(str, 11, 2);
		tm.tm_min = date_number(str, 14, 2);
	}
	tm.tm_isdst = -1;
	wanted = tm;
	result = mktime(&tm);
	/* mktime() makes March 2 of February 30; an hour that a clock change
	   leaves out is moved within its day */
	if (result == (time_t)-1 || tm.tm_year != wanted.tm_year ||
	    tm.tm_mon != wanted.tm_mon || tm.tm_mday != wanted.tm_mday ||
	    wanted.tm_hour > 23 || wanted.tm_min > 59)
		return -1;
	*time_r = result;
	return 0;
}

int migration_date_parse(const char *str, time_t *time_r)
{
	int timezone_offset;

	if (date_matches(str, "0000-00-00"))
		return date_parse_local(str, FALSE, time_r);
	if (date_matches(str, "0000-00-00 00:00"))
		return date_parse_local(str, TRUE, time_r);
	return iso8601_date_parse((const unsigned char *)str, strlen(str),
				  time_r, &timezone_offset) ?
		       0 :
		       -1;
}

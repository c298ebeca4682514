/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "time-util.h"
#include "doveadm-migration-rows.h"

#include <stdio.h>
#include <unistd.h>

#define ROWS_TERMINAL_INTERVAL_MSECS 100
/* Lines that are not drawn over come no more often than this. */
#define ROWS_LINE_INTERVAL_MSECS (5 * 1000)
/* The clock is not read for each row. */
#define ROWS_BETWEEN_LOOKS 64

struct doveadm_migration_rows {
	bool silent;
	bool terminal;
	/* something is drawn on the terminal's line */
	bool drawn;
	unsigned int calls;
	struct timeval last;
};

struct doveadm_migration_rows *doveadm_migration_rows_init(bool silent)
{
	struct doveadm_migration_rows *rows;

	rows = i_new(struct doveadm_migration_rows, 1);
	rows->silent = silent;
	rows->terminal = isatty(STDOUT_FILENO) == 1;
	i_gettimeofday(&rows->last);
	return rows;
}

static void rows_write(FILE *file, const char *text)
{
	/* who has gone does not need it, and the work goes on */
	(void)fputs(text, file);
	(void)fflush(file);
}

void doveadm_migration_rows_deinit(struct doveadm_migration_rows **_rows)
{
	struct doveadm_migration_rows *rows = *_rows;

	if (rows == NULL)
		return;
	*_rows = NULL;
	if (rows->drawn)
		rows_write(stdout, "\r\033[K");
	i_free(rows);
}

static bool rows_is_time(struct doveadm_migration_rows *rows)
{
	int interval = rows->terminal ? ROWS_TERMINAL_INTERVAL_MSECS :
					ROWS_LINE_INTERVAL_MSECS;
	struct timeval now;

	if (rows->silent || ++rows->calls % ROWS_BETWEEN_LOOKS != 0)
		return FALSE;
	i_gettimeofday(&now);
	if (timeval_diff_msecs(&now, &rows->last) < interval)
		return FALSE;
	rows->last = now;
	return TRUE;
}

void doveadm_migration_rows_show(struct doveadm_migration_rows *rows,
				 const char *what, unsigned int count,
				 int percent)
{
	const char *line;

	if (!rows_is_time(rows))
		return;
	line = percent < 0 ? t_strdup_printf("%s: %u rows", what, count) :
			     t_strdup_printf("%s: %u rows, %d%%", what, count,
					     percent);
	if (rows->terminal) {
		rows_write(stdout, t_strdup_printf("\r%s\033[K", line));
		rows->drawn = TRUE;
	} else {
		rows_write(stderr, t_strdup_printf("%s\n", line));
	}
}

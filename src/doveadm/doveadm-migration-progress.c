/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "ioloop.h"
#include "str.h"
#include "unichar.h"
#include "migration-mailbox.h"
#include "migration-record.h"
#include "migration-state.h"
#include "migration-text.h"
#include "doveadm-migration-progress.h"

#include <stdio.h>
#include <termios.h>
#include <unistd.h>
#include <sys/ioctl.h>

/* if the terminal does not say */
#define PROGRESS_TERMINAL_COLUMNS 80
/* Lines that are not drawn over come no more often than this. */
#define PROGRESS_LINE_INTERVAL_SECS 5

struct doveadm_migration_progress {
	char *username;
	bool silent;
	bool terminal;
	/* something is drawn on the terminal's line */
	bool drawn;
	time_t last_line;
};

struct doveadm_migration_progress *
doveadm_migration_progress_init(const char *username, bool silent)
{
	struct doveadm_migration_progress *progress;

	progress = i_new(struct doveadm_migration_progress, 1);
	progress->username = i_strdup(username);
	progress->silent = silent;
	progress->terminal = isatty(STDOUT_FILENO) == 1;
	return progress;
}

static void progress_write(FILE *file, const char *text)
{
	/* who has gone does not need it, and the sync goes on */
	(void)fputs(text, file);
	(void)fflush(file);
}

void doveadm_migration_progress_deinit(
	struct doveadm_migration_progress **_progress)
{
	struct doveadm_migration_progress *progress = *_progress;

	*_progress = NULL;
	if (progress->drawn)
		progress_write(stdout, "\r\033[K");
	i_free(progress->username);
	i_free(progress);
}

static unsigned int progress_get_columns(void)
{
	struct winsize ws;

	/* each time: it may have been resized */
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 1)
		return ws.ws_col;
	return PROGRESS_TERMINAL_COLUMNS;
}

/* The beginning that fits. Letters of no Latin, Greek or Cyrillic kind may be
   two columns wide. */
static const char *progress_cut(const char *text, unsigned int columns)
{
	const char *p = text;
	unsigned int width, used = 0;
	unichar_t chr;
	int len;

	while ((len = uni_utf8_get_char(p, &chr)) > 0) {
		width = chr < 0x1100 ? 1 : 2;
		if (used + width > columns)
			break;
		used += width;
		p += len;
	}
	return t_strdup_until(text, p);
}

static const char *progress_bytes(uint64_t bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	unsigned int unit = 0;
	double value = bytes;

	while (value >= 1000 && unit < N_ELEMENTS(units) - 1) {
		value /= 1000;
		unit++;
	}
	return t_strdup_printf(unit == 0 ? "%.0f %s" : "%.1f %s", value,
			       units[unit]);
}

static const char *progress_time(uint64_t secs)
{
	unsigned int rest = secs % 3600;

	if (secs < 3600)
		return t_strdup_printf("%u:%02u", rest / 60, rest % 60);
	return t_strdup_printf("%" PRIu64 ":%02u:%02u", secs / 3600, rest / 60,
			       rest % 60);
}

static void
progress_append_messages(string_t *str,
			 const struct doveadm_migration_progress_report *report)
{
	const struct migration_record record = {
		.phase = MIGRATION_PHASE_INITIAL,
		.messages_done = report->messages_done,
		.messages_total = report->messages_total,
	};

	/* at first nobody knows how many there will be */
	if (report->messages_total == 0) {
		str_printfa(str, "%u messages", report->messages_done);
	} else {
		str_printfa(str, "%u%% %u/%u messages",
			    migration_record_progress(&record),
			    report->messages_done, report->messages_total);
	}
}

static void
progress_append_mailbox(string_t *str,
			const struct doveadm_migration_progress_report *report)
{
	const struct migration_mailbox mailbox = {
		.messages_done = report->mailbox_done,
		.messages_total = report->mailbox_total,
	};

	if (*report->mailbox == '\0')
		return;
	str_printfa(str, ", %s", report->mailbox);
	if (report->mailbox_total > 0) {
		str_printfa(str, " %u%%", migration_mailbox_progress(&mailbox));
	}
}

static const char *
progress_line(const struct doveadm_migration_progress *progress,
	      const struct doveadm_migration_progress_report *report)
{
	string_t *str = t_str_new(256);

	/* who looks at a terminal has just said whom it is about */
	if (!progress->terminal)
		str_printfa(str, "%s: ", progress->username);
	progress_append_messages(str, report);
	if (report->messages_waiting > 0)
		str_printfa(str, " (+%u received)", report->messages_waiting);
	str_printfa(str, ", %s", progress_bytes(report->bytes_done));
	if (report->rate.bytes_per_sec > 0) {
		str_printfa(str, ", %s/s",
			    progress_bytes(report->rate.bytes_per_sec));
	}
	if (report->rate.eta_secs > 0) {
		str_printfa(str, ", ETA %s",
			    progress_time(report->rate.eta_secs));
	}
	/* last, because it may be long */
	progress_append_mailbox(str, report);
	return migration_text_sanitize(str_c(str));
}

void doveadm_migration_progress_show(
	struct doveadm_migration_progress *progress,
	const struct doveadm_migration_progress_report *report)
{
	const char *line;

	if (progress->silent)
		return;
	line = progress_line(progress, report);
	if (progress->terminal) {
		/* a line that wraps around could not be drawn over */
		line = progress_cut(line, progress_get_columns() - 1);
		progress_write(stdout, t_strdup_printf("\r%s\033[K", line));
		progress->drawn = TRUE;
	} else if (progress->last_line == 0 ||
		   ioloop_time - progress->last_line >=
			   PROGRESS_LINE_INTERVAL_SECS) {
		progress_write(stderr, t_strdup_printf("%s\n", line));
		progress->last_line = ioloop_time;
	}
}

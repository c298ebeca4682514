/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "str-sanitize.h"
#include "migration-limits.h"
#include "migration-protocol.h"
#include "doveadm-migration-cmd.h"
#include "doveadm-migration-queue.h"
#include "doveadm-migration-results.h"

static const struct doveadm_migration_column results_columns[] = {
	{ "username", DOVEADM_PRINT_HEADER_FLAG_EXPAND },
	{ "result", 0 },
	{ NULL, 0 }
};

void doveadm_migration_results_init(struct doveadm_migration_results *results_r,
				    struct doveadm_migration_cmd *cmd,
				    bool single)
{
	i_zero(results_r);
	results_r->cmd = cmd;
	results_r->single = single;
}

/* Not before there is something: a command that fails prints nothing. */
static void results_print_init(struct doveadm_migration_results *results)
{
	if (results->printing)
		return;
	results->printing = TRUE;
	doveadm_migration_cmd_print_init(DOVEADM_PRINT_TYPE_TABLE,
					 results_columns);
}

static void
results_print(struct doveadm_migration_results *results, const char *username,
	      const char *result, const char *what, const char *text)
{
	results_print_init(results);
	doveadm_print(username);
	doveadm_print(t_strconcat(result, ": ", what,
				  *what != '\0' && *text != '\0' ? "; " : "",
				  str_sanitize(text, MIGRATION_MAX_ERROR_BYTES),
				  NULL));
}

static int results_refused(struct doveadm_migration_results *results,
			   const char *username, const char *const *args)
{
	unsigned int code;
	const char *text;

	if (doveadm_migration_queue_read_refused(args, &code, &text) < 0)
		return -1;
	results->refused++;
	if (!results->single && (code == EX_USAGE || code == EX_NOUSER)) {
		results_print(results, username, "refused", "", text);
	} else {
		doveadm_migration_cmd_fail(
			results->cmd, code, "%s: %s", username,
			str_sanitize(text, MIGRATION_MAX_ERROR_BYTES));
	}
	return 0;
}

int doveadm_migration_results_add(struct doveadm_migration_results *results,
				  const char *username, const char *const *args)
{
	if (strcmp(args[0], MIGRATION_VERB_CONTROLLED) != 0)
		return results_refused(results, username, args);
	if (str_array_length(args) < 4)
		return -1;
	if (strcmp(args[1], MIGRATION_WORD_CHANGED) == 0)
		results->changed++;
	else
		results->unchanged++;
	results_print(results, username, str_sanitize(args[1], 80),
		      str_sanitize(args[2], 80), args[3]);
	return 0;
}

void doveadm_migration_results_end(struct doveadm_migration_results *results)
{
	if (!results->single) {
		e_info(results->cmd->event,
		       "changed: %u, unchanged: %u, refused: %u",
		       results->changed, results->unchanged, results->refused);
	}
	if (doveadm_exit_code == 0)
		results_print_init(results);
}

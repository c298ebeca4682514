#ifndef DOVEADM_MIGRATION_CMD_H
#define DOVEADM_MIGRATION_CMD_H

/* What the commands share: settings, the database, errors and how they become
   exit codes. A command runs in doveadm or, through the HTTP API, in
   doveadm-server; both may wait. A command that has failed has logged it
   exactly once through doveadm_migration_cmd_fail().

   Exit codes are sysexits: 64 usage, 67 no such user, 75 temporary, 77 refused
   by the provider, 78 configuration. */

#include "doveadm.h"
#include "doveadm-print.h"
#include "migration-state.h"

struct migration_provider_settings;
struct migration_settings;
struct migration_store;

struct doveadm_migration_cmd {
	struct doveadm_cmd_context *cctx;
	pool_t pool;
	const struct migration_settings *set;
	struct event *event;
	/* NULL until doveadm_migration_cmd_open_store() */
	struct migration_store *store;
	/* it cannot be opened until an administrator changes something */
	bool store_needs_admin;
};

struct doveadm_migration_column {
	const char *name;
	enum doveadm_print_header_flags flags;
};

extern struct doveadm_cmd_ver2 doveadm_migration_cmd_add;
extern struct doveadm_cmd_ver2 doveadm_migration_cmd_credential;
extern struct doveadm_cmd_ver2 doveadm_migration_cmd_delete;
extern struct doveadm_cmd_ver2 doveadm_migration_cmd_export;
extern struct doveadm_cmd_ver2 doveadm_migration_cmd_finish;
extern struct doveadm_cmd_ver2 doveadm_migration_cmd_import;
extern struct doveadm_cmd_ver2 doveadm_migration_cmd_key_generate;
extern struct doveadm_cmd_ver2 doveadm_migration_cmd_key_list;
extern struct doveadm_cmd_ver2 doveadm_migration_cmd_key_rotate;
extern struct doveadm_cmd_ver2 doveadm_migration_cmd_list;
extern struct doveadm_cmd_ver2 doveadm_migration_cmd_pause;
extern struct doveadm_cmd_ver2 doveadm_migration_cmd_provider_list;
extern struct doveadm_cmd_ver2 doveadm_migration_cmd_provider_test;
extern struct doveadm_cmd_ver2 doveadm_migration_cmd_resume;
extern struct doveadm_cmd_ver2 doveadm_migration_cmd_retry;
extern struct doveadm_cmd_ver2 doveadm_migration_cmd_show;
extern struct doveadm_cmd_ver2 doveadm_migration_cmd_status;
extern struct doveadm_cmd_ver2 doveadm_migration_cmd_sync;
extern struct doveadm_cmd_ver2 doveadm_migration_cmd_verify;

/* A column of numbers: right-justified in a table, without quotes in json. */
#define DOVEADM_MIGRATION_COLUMN_NUMBER \
	(DOVEADM_PRINT_HEADER_FLAG_NUMBER | \
	 DOVEADM_PRINT_HEADER_FLAG_RIGHT_JUSTIFY)

void doveadm_migration_cmd_init(struct doveadm_migration_cmd *cmd_r,
				struct doveadm_cmd_context *cctx);
void doveadm_migration_cmd_deinit(struct doveadm_migration_cmd *cmd);

/* Logs the error and sets the exit code. The first failure decides about the
   exit code. */
void doveadm_migration_cmd_fail(struct doveadm_migration_cmd *cmd,
				int exit_code, const char *format, ...)
	ATTR_FORMAT(3, 4);
/* How a worker ended, as an exit code. */
int doveadm_migration_cmd_outcome_code(enum migration_outcome outcome);
/* The arguments are wrong: shows how the command is used. */
void doveadm_migration_cmd_fail_usage(struct doveadm_migration_cmd *cmd);
/* The user's name as it is stored, from the data stack. Returns NULL, and the
   command has failed, if it is longer than any: the queue would not read it. */
const char *
doveadm_migration_cmd_get_username(struct doveadm_migration_cmd *cmd,
				   const char *typed);

/* A parameter that is a file, on the command line by its name, over the HTTP API
   the text itself. Returns FALSE if it is not there. */
bool doveadm_migration_cmd_param_file(struct doveadm_migration_cmd *cmd,
				      const char *name,
				      struct istream **input_r);
/* The settings of a provider, or NULL, which has failed the command with
   EX_USAGE. */
const struct migration_provider_settings *
doveadm_migration_cmd_find_provider(struct doveadm_migration_cmd *cmd,
				    const char *name);

/* Opens the database as it is, nothing is made. Returns 0, or -1 if it does
   not exist or cannot be read. */
int doveadm_migration_cmd_try_store(struct doveadm_migration_cmd *cmd,
				    const char **error_r);
/* As above, and -1 has failed the command with EX_TEMPFAIL. */
int doveadm_migration_cmd_open_store(struct doveadm_migration_cmd *cmd);

/* Starts the output; columns end with a NULL name. */
void doveadm_migration_cmd_print_init(
	const char *formatter, const struct doveadm_migration_column *columns);
/* More of them, before the first value. */
void doveadm_migration_cmd_print_columns(
	const struct doveadm_migration_column *columns);
/* "-" if the value is empty: an empty column cannot be seen in a table. */
void doveadm_migration_cmd_print(const char *value);
/* Local time, "-" for 0. */
void doveadm_migration_cmd_print_time(time_t value);

#endif

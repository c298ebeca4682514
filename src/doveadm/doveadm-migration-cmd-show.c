/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "ioloop.h"
#include "strescape.h"
#include "migration-master.h"
#include "migration-protocol.h"
#include "migration-provider.h"
#include "migration-rate.h"
#include "migration-settings.h"
#include "migration-state.h"
#include "migration-store.h"
#include "doveadm-migration-cmd.h"
#include "doveadm-migration-mailboxes.h"
#include "doveadm-migration-notes.h"
#include "doveadm-migration-queue.h"

#define SHOW_ANSWER_SECS 5

struct show_context {
	struct doveadm_migration_cmd cmd;
	/* as typed, and as the accounts here are named */
	const char *typed, *username;

	pool_t pool;
	/* NULL if there is none */
	struct migration_record *record;
	/* what the queue says while it is syncing */
	struct migration_rate rate;
};

static const struct doveadm_migration_column show_columns[] = {
	{ "username", 0 },
	{ "provider", 0 },
	{ "remote_user", 0 },
	{ "mechanism", 0 },
	{ "state", 0 },
	{ "phase", 0 },
	{ "control", 0 },
	{ "reason", 0 },
	{ "progress", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "messages", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "messages_total", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "bytes", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "created", 0 },
	{ "last_login", 0 },
	{ "last_sync", 0 },
	{ "next_sync", 0 },
	{ "finish", 0 },
	{ "attempts", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "error", 0 },
	{ "notes", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "password_changed_here", 0 },
	{ "credential", 0 },
	{ "next", 0 },
	{ NULL, 0 }
};

/* Only while somebody knows. */
static const struct doveadm_migration_column show_rate_columns[] = {
	{ "messages_per_sec", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ "bytes_per_sec", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ NULL, 0 }
};
static const struct doveadm_migration_column show_eta_columns[] = {
	{ "eta_secs", DOVEADM_MIGRATION_COLUMN_NUMBER },
	{ NULL, 0 }
};

static const char *
show_next_blocked(const struct migration_record *record, const char *sync)
{
	switch (record->reason) {
	case MIGRATION_REASON_PASSWORD:
		return t_strdup_printf(
			"waits for the user's next login with a password that "
			"the provider accepts; the stored one again: %s",
			sync);
	case MIGRATION_REASON_ACCOUNT:
		return t_strdup_printf(
			"the account is gone or disabled, at the provider or "
			"here; when that is settled: %s",
			sync);
	case MIGRATION_REASON_PROVIDER:
		return t_strdup_printf(
			"the provider cannot be used as it is; look with: "
			"doveadm migration provider test %s; then: %s",
			record->provider, sync);
	case MIGRATION_REASON_LOCAL:
		return t_strdup_printf(
			"the account or its storage here is at fault; when "
			"that is repaired: %s",
			sync);
	case MIGRATION_REASON_NONE:
		return t_strdup_printf("blocked without a reason; again: %s",
				       sync);
	}
	i_unreached();
}

static const char *
show_next_waiting(const struct migration_record *record, time_t now,
		  const char *what, const char *sync)
{
	if (*record->credential == '\0') {
		return "waits for the user's next login: there is no password "
		       "to log in with at the provider";
	}
	if (record->next_sync <= now)
		return t_strconcat(what, " waits for a free worker", NULL);
	return t_strdup_printf("%s at %s; now: %s", what,
			       unixdate2str(record->next_sync), sync);
}

static const char *
show_next_state(const struct migration_record *record, time_t now)
{
	const char *sync = t_strdup_printf("doveadm migration sync -u %s",
					   record->username);

	switch (migration_state(record, now)) {
	case MIGRATION_STATE_QUEUED:
		return show_next_waiting(record, now, "the first sync", sync);
	case MIGRATION_STATE_SYNCING:
		if (migration_state_is_held(record, now)) {
			return "the switch: logins are held until the last "
			       "changes are here";
		}
		return t_strdup_printf(
			"%s by %s",
			record->phase == MIGRATION_PHASE_INITIAL ?
				"mail is being copied" :
				"what has changed at the provider is fetched",
			record->lease_owner);
	case MIGRATION_STATE_RETRYING:
		return show_next_waiting(record, now, "the next try", sync);
	case MIGRATION_STATE_PAUSED:
		return t_strdup_printf("nothing until an administrator resumes "
				       "it: doveadm migration resume -u %s",
				       record->username);
	case MIGRATION_STATE_BLOCKED:
		return show_next_blocked(record, sync);
	case MIGRATION_STATE_FOLLOWING:
		return show_next_waiting(record, now,
					 record->finish_wanted ?
						 "the last sync" :
						 "the next sync",
					 sync);
	case MIGRATION_STATE_FINISHED:
		if (migration_record_awaits_login(record)) {
			return "waits for the user's first login, which is "
			       "checked at the provider: there is no password "
			       "here";
		}
		return "nothing: the migration is over and the stored "
		       "password destroyed";
	}
	i_unreached();
}

/* One sentence: what happens next, or what the administrator can do. */
static const char *show_next(const struct migration_record *record, time_t now)
{
	const char *next = show_next_state(record, now);

	if (record->phase != MIGRATION_PHASE_FOLLOWING ||
	    !record->finish_wanted)
		return next;
	return t_strdup_printf("%s. The migration ends after that sync; at "
			       "once and without it: doveadm migration finish "
			       "-u %s",
			       next, record->username);
}

/* When it will be finished, as far as that is known. */
static void show_finish(const struct migration_settings *set,
			const struct migration_record *record)
{
	const struct migration_provider_settings *provider =
		migration_settings_find_provider(set, record->provider);
	struct migration_finish_settings finish;
	time_t finish_time = 0;

	if (provider != NULL) {
		migration_settings_get_finish(set, provider, &finish);
		finish_time = migration_state_finish_time(record, &finish);
	}
	if (record->finish_wanted) {
		doveadm_print(record->phase == MIGRATION_PHASE_INITIAL ?
				      "after the first full sync" :
				      "after one last sync");
	} else
		doveadm_migration_cmd_print_time(finish_time);
}

static void show_record(const struct migration_settings *set,
			const struct migration_record *record, time_t now)
{
	enum migration_state state = migration_state(record, now);
	bool changed =
		strcmp(record->account_password, record->adopted_password) != 0;

	doveadm_print(record->username);
	doveadm_print(record->provider);
	doveadm_migration_cmd_print(record->remote_user);
	doveadm_migration_cmd_print(record->mechanism);
	doveadm_print(migration_state_to_string(state));
	doveadm_print(migration_phase_to_string(record->phase));
	doveadm_print(migration_control_to_string(record->control));
	doveadm_migration_cmd_print(migration_reason_to_string(record->reason));
	doveadm_print_num(migration_record_progress(record));
	doveadm_print_num(record->messages_done);
	doveadm_print_num(record->messages_total);
	doveadm_print_num(record->bytes_done);
	doveadm_migration_cmd_print_time(record->created);
	doveadm_migration_cmd_print_time(record->last_login);
	doveadm_migration_cmd_print_time(record->last_sync);
	doveadm_migration_cmd_print_time(record->next_sync);
	show_finish(set, record);
	doveadm_print_num(record->attempts);
	doveadm_migration_cmd_print(record->error);
	doveadm_print_num(record->notes);
	doveadm_print(changed ? "yes" : "no");
	/* never the hashes or the box themselves */
	doveadm_print(*record->credential == '\0' ?
			      "none" :
		      migration_credential_is_master(record->credential) ?
			      MIGRATION_CREDENTIAL_MASTER :
			      "sealed");
	doveadm_print(show_next(record, now));
}

static int show_queue_line(const char *const *args, void *context)
{
	struct migration_rate *rate = context;

	if (strcmp(args[0], MIGRATION_VERB_RATE) != 0 ||
	    str_array_length(args) < 4 ||
	    str_to_uint64(args[1], &rate->messages_per_ksec) < 0 ||
	    str_to_uint64(args[2], &rate->bytes_per_sec) < 0 ||
	    str_to_uint64(args[3], &rate->eta_secs) < 0)
		return -1;
	return 0;
}

/* Left out if this host's queue does not run or does not know. */
static void show_ask_rate(struct show_context *ctx)
{
	const char *request, *error;

	if (migration_state(ctx->record, migration_store_now(ctx->cmd.store)) !=
	    MIGRATION_STATE_SYNCING)
		return;
	request = t_strdup_printf(MIGRATION_VERB_RATE "\t%s",
				  str_tabescape(ctx->username));
	if (doveadm_migration_queue_ask(ctx->cmd.event, request,
					SHOW_ANSWER_SECS, show_queue_line,
					&ctx->rate,
					&error) != DOVEADM_MIGRATION_QUEUE_OK)
		i_zero(&ctx->rate);
}

static void show_print(struct show_context *ctx)
{
	bool moving = ctx->rate.messages_per_ksec > 0;
	bool eta = ctx->rate.eta_secs > 0;

	doveadm_migration_cmd_print_init(DOVEADM_PRINT_TYPE_PAGER,
					 show_columns);
	if (moving)
		doveadm_migration_cmd_print_columns(show_rate_columns);
	if (eta)
		doveadm_migration_cmd_print_columns(show_eta_columns);
	show_record(ctx->cmd.set, ctx->record,
		    migration_store_now(ctx->cmd.store));
	if (moving) {
		doveadm_print(t_strdup_printf(
			"%" PRIu64 ".%03u", ctx->rate.messages_per_ksec / 1000,
			(unsigned int)(ctx->rate.messages_per_ksec % 1000)));
		doveadm_print_num(ctx->rate.bytes_per_sec);
	}
	if (eta)
		doveadm_print_num(ctx->rate.eta_secs);
}

/* A renamed domain: under which name the user is known here. */
static const char *show_other_name(struct show_context *ctx)
{
	struct migration_providers *providers;
	struct migration_user user;
	const char *error, *hint = "";

	if (migration_providers_init(ctx->cmd.set, &providers, &error) < 0)
		return "";
	if (migration_providers_find_user(providers, ctx->typed, &user) ==
		    MIGRATION_USER_OK &&
	    strcmp(user.local_user, ctx->username) != 0) {
		hint = t_strdup_printf(" (the domain is renamed, the account "
				       "here is %s)",
				       user.local_user);
	}
	migration_providers_deinit(&providers);
	return hint;
}

static void show_callback(enum migration_store_found found,
			  const struct migration_record *record,
			  const char *error, void *context)
{
	struct show_context *ctx = context;

	switch (found) {
	case MIGRATION_STORE_RECORD:
		ctx->record = migration_record_dup(ctx->pool, record);
		return;
	case MIGRATION_STORE_ACCOUNT:
		doveadm_migration_cmd_fail(
			&ctx->cmd, EX_NOUSER,
			"%s has an account here, but no migration record",
			ctx->username);
		return;
	case MIGRATION_STORE_NOTHING:
		doveadm_migration_cmd_fail(
			&ctx->cmd, EX_NOUSER,
			"No migration record and no account of user %s%s",
			ctx->username, show_other_name(ctx));
		return;
	case MIGRATION_STORE_ERROR:
		doveadm_migration_cmd_fail(&ctx->cmd, EX_TEMPFAIL,
					   "Cannot read the record of %s: %s",
					   ctx->username, error);
		return;
	}
	i_unreached();
}

static void cmd_migration_show(struct doveadm_cmd_context *cctx)
{
	struct show_context ctx;
	bool mailboxes = FALSE, notes = FALSE;

	i_zero(&ctx);
	doveadm_migration_cmd_init(&ctx.cmd, cctx);
	ctx.pool = pool_alloconly_create("migration show", 1024);
	(void)doveadm_cmd_param_bool(cctx, "mailboxes", &mailboxes);
	(void)doveadm_cmd_param_bool(cctx, "notes", &notes);
	if (!doveadm_cmd_param_str(cctx, "user", &ctx.typed) ||
	    (mailboxes && notes)) {
		doveadm_migration_cmd_fail_usage(&ctx.cmd);
	} else if (doveadm_migration_cmd_open_store(&ctx.cmd) == 0) {
		ctx.username = t_str_lcase(ctx.typed);
		migration_store_lookup(ctx.cmd.store, ctx.username,
				       show_callback, &ctx);
		migration_store_wait(ctx.cmd.store);
		if (ctx.record == NULL) {
			/* it has failed */
		} else if (mailboxes) {
			doveadm_migration_mailboxes_print(&ctx.cmd,
							  ctx.username);
		} else if (notes) {
			doveadm_migration_notes_print(&ctx.cmd, ctx.record);
		} else {
			show_ask_rate(&ctx);
			show_print(&ctx);
		}
	}
	pool_unref(&ctx.pool);
	doveadm_migration_cmd_deinit(&ctx.cmd);
}

struct doveadm_cmd_ver2 doveadm_migration_cmd_show = {
	.name = "migration show",
	.cmd = cmd_migration_show,
	.usage = "[-m | -n] <user>",
	DOVEADM_CMD_PARAMS_START DOVEADM_CMD_PARAM('m', "mailboxes",
						   CMD_PARAM_BOOL, 0)
		DOVEADM_CMD_PARAM('n', "notes", CMD_PARAM_BOOL, 0)
			DOVEADM_CMD_PARAM('\0', "user", CMD_PARAM_STR,
					  CMD_PARAM_FLAG_POSITIONAL)
				DOVEADM_CMD_PARAMS_END
};

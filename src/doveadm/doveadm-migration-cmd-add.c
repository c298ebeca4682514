/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "istream.h"
#include "safe-memset.h"
#include "str.h"
#include "strescape.h"
#include "migration-limits.h"
#include "migration-master.h"
#include "migration-protocol.h"
#include "migration-provider.h"
#include "migration-seal.h"
#include "migration-secret.h"
#include "migration-settings.h"
#include "migration-user-list.h"
#include "doveadm-migration-cmd.h"
#include "doveadm-migration-home.h"
#include "doveadm-migration-password.h"
#include "doveadm-migration-queue.h"
#include "doveadm-migration-results.h"

#include <unistd.h>

/* A database that other nodes write to as well may take its time. */
#define ADD_ANSWER_SECS 60

struct add_user {
	/* As in the arguments, for errors */
	const char *where;
	const char *username, *remote_user;
	/* What to log in with at the provider */
	const char *credential;
	bool at_home;
};

struct add_context {
	struct doveadm_migration_cmd cmd;
	pool_t pool;
	const struct migration_provider_settings *provider;
	bool password_stdin;

	/* One user is named in the arguments, or a file of users */
	const char *username, *remote_user;
	struct istream *file;

	ARRAY_TYPE(migration_user_line) lines;
	ARRAY(struct add_user) users;
	struct doveadm_migration_home *home;

	/* the next to ask about; the answer is about the one before */
	unsigned int next;
	struct doveadm_migration_results results;
};

static int add_fail_usage(struct add_context *ctx)
{
	doveadm_migration_cmd_fail_usage(&ctx->cmd);
	return -1;
}

/* Whoever runs doveadm has a stdin, whoever uses the HTTP API has none. */
static int add_check_stdin(struct add_context *ctx)
{
	if (!ctx->password_stdin)
		return 0;
	if (ctx->cmd.cctx->conn_type != DOVEADM_CONNECTION_TYPE_CLI) {
		doveadm_migration_cmd_fail(
			&ctx->cmd, EX_USAGE,
			"Passwords can be given on the command line only, "
			"where they are read from stdin");
		return -1;
	}
	if (ctx->file != NULL && i_stream_get_fd(ctx->file) == STDIN_FILENO) {
		doveadm_migration_cmd_fail(
			&ctx->cmd, EX_USAGE,
			"Users and passwords cannot both come from stdin");
		return -1;
	}
	return 0;
}

static int add_parse_args(struct add_context *ctx)
{
	const struct doveadm_cmd_context *cctx = ctx->cmd.cctx;
	const char *provider;

	(void)doveadm_cmd_param_str(cctx, "user", &ctx->username);
	(void)doveadm_cmd_param_str(cctx, "remote-user", &ctx->remote_user);
	(void)doveadm_migration_cmd_param_file(&ctx->cmd, "users-file",
					       &ctx->file);
	(void)doveadm_cmd_param_bool(cctx, "password-stdin",
				     &ctx->password_stdin);
	if (!doveadm_cmd_param_str(cctx, "provider", &provider) ||
	    (ctx->username == NULL) == (ctx->file == NULL) ||
	    (ctx->remote_user != NULL && ctx->username == NULL))
		return add_fail_usage(ctx);
	ctx->provider =
		doveadm_migration_cmd_find_provider(&ctx->cmd, provider);
	if (ctx->provider == NULL)
		return -1;
	if (!ctx->password_stdin && !migration_master_is_set(ctx->provider)) {
		doveadm_migration_cmd_fail(
			&ctx->cmd, EX_USAGE,
			"There is nothing to log in with at "
			"migration_provider %s: give the password with "
			"--password-stdin, or the provider a master_user",
			ctx->provider->name);
		return -1;
	}
	if (ctx->password_stdin && migration_master_is_set(ctx->provider)) {
		doveadm_migration_cmd_fail(
			&ctx->cmd, EX_USAGE,
			"migration_provider %s has a master_user: passwords "
			"of users are not needed and not stored",
			ctx->provider->name);
		return -1;
	}
	return add_check_stdin(ctx);
}

static int add_read_lines(struct add_context *ctx)
{
	struct migration_user_line *line;
	const char *error;

	if (ctx->file == NULL) {
		p_array_init(&ctx->lines, ctx->pool, 1);
		line = array_append_space(&ctx->lines);
		line->username = ctx->username;
		line->remote_user = ctx->remote_user;
		return 0;
	}
	if (migration_user_list_read(ctx->file, ctx->pool, &ctx->lines,
				     &error) < 0) {
		doveadm_migration_cmd_fail(&ctx->cmd, EX_USAGE, "%s", error);
		return -1;
	}
	return 0;
}

static const char *
add_where(struct add_context *ctx, const struct migration_user_line *line)
{
	return ctx->file == NULL ? "" :
				   t_strdup_printf("%s line %u: ",
						   i_stream_get_name(ctx->file),
						   line->line);
}

static int add_find_user(struct add_context *ctx,
			 const struct migration_providers *providers,
			 const struct migration_user_line *line)
{
	struct migration_user found;
	struct add_user *user;
	const char *error;

	if (migration_providers_find_added(providers, ctx->provider,
					   line->username, line->remote_user,
					   &found, &error) < 0) {
		doveadm_migration_cmd_fail(&ctx->cmd, EX_USAGE, "%s%s",
					   add_where(ctx, line), error);
		return -1;
	}
	user = array_append_space(&ctx->users);
	user->where = p_strdup(ctx->pool, add_where(ctx, line));
	user->username = p_strdup(ctx->pool, found.local_user);
	user->remote_user = p_strdup(ctx->pool, found.remote_user);
	user->credential = MIGRATION_CREDENTIAL_MASTER;
	return 0;
}

/* All of them, before anything is changed. */
static int add_find_users(struct add_context *ctx)
{
	struct migration_providers *providers;
	const struct migration_user_line *line;
	const char *error;
	int ret = 0;

	if (add_read_lines(ctx) < 0)
		return -1;
	if (migration_providers_init(ctx->cmd.set, &providers, &error) < 0) {
		doveadm_migration_cmd_fail(&ctx->cmd, EX_CONFIG, "%s", error);
		return -1;
	}
	p_array_init(&ctx->users, ctx->pool, array_count(&ctx->lines));
	array_foreach(&ctx->lines, line)
		T_BEGIN
		{
			if (ret == 0)
				ret = add_find_user(ctx, providers, line);
		}
	T_END;
	migration_providers_deinit(&providers);
	return ret;
}

static int add_seal(struct add_context *ctx, struct migration_sealer *sealer,
		    const char *buf, size_t size, struct add_user *user)
{
	struct migration_secret *secret = migration_secret_create(buf, size);
	const char *box, *error;
	int ret = -1;

	if (!migration_secret_is_sendable(secret)) {
		doveadm_migration_cmd_fail(
			&ctx->cmd, EX_USAGE,
			"%sThe password of %s is empty, longer than %u bytes, "
			"or has characters that cannot be sent",
			user->where, user->username,
			MIGRATION_MAX_PASSWORD_BYTES);
	} else if (migration_seal(sealer, secret, user->username,
				  ctx->provider->name, &box, &error) < 0) {
		doveadm_migration_cmd_fail(&ctx->cmd, EX_TEMPFAIL,
					   "Cannot seal the password: %s",
					   error);
	} else {
		user->credential = p_strdup(ctx->pool, box);
		ret = 0;
	}
	migration_secret_free(&secret);
	return ret;
}

static int
add_read_password(struct add_context *ctx, struct migration_sealer *sealer,
		  struct add_user *user)
{
	char buf[DOVEADM_MIGRATION_PASSWORD_BUFFER_BYTES];
	size_t size = 0;
	int ret;

	ret = doveadm_migration_password_read(buf, sizeof(buf), &size);
	if (ret == 0) {
		doveadm_migration_cmd_fail(
			&ctx->cmd, EX_USAGE,
			"%sThe password of %s is missing on stdin: one line "
			"for each user, in the same order",
			user->where, user->username);
		return -1;
	}
	ret = add_seal(ctx, sealer, buf, ret < 0 ? 0 : size, user);
	safe_memset(buf, 0, sizeof(buf));
	return ret;
}

/* A password too many means that they do not belong to these users. */
static int add_check_rest(struct add_context *ctx)
{
	char buf[DOVEADM_MIGRATION_PASSWORD_BUFFER_BYTES];
	size_t size = 0;
	int ret;

	if (ctx->file == NULL)
		return 0;
	ret = doveadm_migration_password_read(buf, sizeof(buf), &size);
	safe_memset(buf, 0, sizeof(buf));
	if (ret == 0)
		return 0;
	doveadm_migration_cmd_fail(&ctx->cmd, EX_USAGE,
				   "There are more passwords on stdin than "
				   "users in %s (%u)",
				   i_stream_get_name(ctx->file),
				   array_count(&ctx->users));
	return -1;
}

static int add_read_passwords(struct add_context *ctx)
{
	struct migration_sealer *sealer;
	struct add_user *user;
	const char *error;
	int ret = 0;

	if (!ctx->password_stdin)
		return 0;
	if (migration_sealer_init(ctx->cmd.set->migration_public_key_file,
				  &sealer, &error) < 0) {
		doveadm_migration_cmd_fail(&ctx->cmd, EX_CONFIG, "%s", error);
		return -1;
	}
	array_foreach_modifiable(&ctx->users, user)
		T_BEGIN
		{
			if (ret == 0)
				ret = add_read_password(ctx, sealer, user);
		}
	T_END;
	migration_sealer_deinit(&sealer);
	return ret < 0 ? -1 : add_check_rest(ctx);
}

static int add_look_for_homes(struct add_context *ctx)
{
	struct add_user *user;
	int ret;

	ctx->home = doveadm_migration_home_init();
	array_foreach_modifiable(&ctx->users, user) {
		ret = doveadm_migration_home_lookup(ctx->home, user->username);
		if (ret < 0) {
			doveadm_migration_cmd_fail(
				&ctx->cmd, EX_TEMPFAIL,
				"Cannot tell whether %s is at home here, "
				"because Dovecot's auth or a userdb does not "
				"answer: nobody was added",
				user->username);
			return -1;
		}
		user->at_home = ret > 0;
	}
	return 0;
}

static const char *add_next_request(void *context)
{
	struct add_context *ctx = context;
	const struct add_user *user;
	string_t *str;

	if (ctx->next >= array_count(&ctx->users))
		return NULL;
	user = array_idx(&ctx->users, ctx->next++);
	str = t_str_new(512);
	str_append(str, MIGRATION_VERB_ADD "\t");
	str_append_tabescaped(str, user->username);
	str_append_c(str, '\t');
	str_append_tabescaped(str, ctx->provider->name);
	str_append_c(str, '\t');
	str_append_tabescaped(str, user->remote_user);
	str_append_c(str, '\t');
	str_append_tabescaped(str, user->credential);
	str_printfa(str, "\t%s\t%d",
		    migration_settings_get_login(ctx->cmd.set, ctx->provider),
		    user->at_home ? 1 : 0);
	return str_c(str);
}

static int add_queue_line(const char *const *args, void *context)
{
	struct add_context *ctx = context;
	const struct add_user *user = array_idx(&ctx->users, ctx->next - 1);

	return doveadm_migration_results_add(&ctx->results, user->username,
					     args);
}

static void add_forget_unknown(struct add_context *ctx)
{
	const struct add_user *user;

	array_foreach(&ctx->users, user) {
		if (!user->at_home)
			doveadm_migration_home_forget(ctx->home,
						      user->username);
	}
}

static void add_run(struct add_context *ctx)
{
	const char *error;

	doveadm_migration_results_init(&ctx->results, &ctx->cmd,
				       ctx->file == NULL);
	switch (doveadm_migration_queue_ask_all(ctx->cmd.event,
						add_next_request,
						ADD_ANSWER_SECS, add_queue_line,
						ctx, &error)) {
	case DOVEADM_MIGRATION_QUEUE_OK:
		break;
	case DOVEADM_MIGRATION_QUEUE_NOT_RUNNING:
	case DOVEADM_MIGRATION_QUEUE_ERROR:
		doveadm_migration_cmd_fail(&ctx->cmd, EX_TEMPFAIL, "%s", error);
		break;
	case DOVEADM_MIGRATION_QUEUE_INTERRUPTED:
		/* the rest was not asked for */
		doveadm_exit_code = EX_TEMPFAIL;
		break;
	}
	doveadm_migration_results_end(&ctx->results);
	add_forget_unknown(ctx);
}

static void cmd_migration_add(struct doveadm_cmd_context *cctx)
{
	struct add_context ctx;

	i_zero(&ctx);
	doveadm_migration_cmd_init(&ctx.cmd, cctx);
	ctx.pool = pool_alloconly_create("doveadm migration add", 4096);
	if (add_parse_args(&ctx) == 0 && add_find_users(&ctx) == 0 &&
	    add_read_passwords(&ctx) == 0 && add_look_for_homes(&ctx) == 0)
		add_run(&ctx);
	doveadm_migration_home_deinit(&ctx.home);
	pool_unref(&ctx.pool);
	doveadm_migration_cmd_deinit(&ctx.cmd);
}

struct doveadm_cmd_ver2 doveadm_migration_cmd_add = {
	.name = "migration add",
	.cmd = cmd_migration_add,
	.usage = "-p <provider> [-r <name there>] [--password-stdin] "
		 "<user> | -F <file>",
	DOVEADM_CMD_PARAMS_START DOVEADM_CMD_PARAM('p', "provider",
						   CMD_PARAM_STR, 0)
		DOVEADM_CMD_PARAM('r', "remote-user", CMD_PARAM_STR,
				  0) DOVEADM_CMD_PARAM('\0', "password-stdin",
						       CMD_PARAM_BOOL, 0)
			DOVEADM_CMD_PARAM('F', "users-file", CMD_PARAM_ISTREAM,
					  0)
				DOVEADM_CMD_PARAM('\0', "user", CMD_PARAM_STR,
						  CMD_PARAM_FLAG_POSITIONAL)
					DOVEADM_CMD_PARAMS_END
};

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "str.h"
#include "strescape.h"
#include "migration-master.h"
#include "migration-protocol.h"
#include "migration-record.h"
#include "migration-seal.h"
#include "migration-secret.h"
#include "migration-settings.h"
#include "migration-store.h"
#include "migration-unseal.h"
#include "doveadm-migration-cmd.h"
#include "doveadm-migration-queue.h"
#include "doveadm-migration-reseal.h"

/* A database that other nodes write to as well may take its time. */
#define RESEAL_ANSWER_SECS 60

struct reseal_box {
	const char *username, *provider, *box;
};

struct reseal_context {
	struct doveadm_migration_cmd *cmd;
	pool_t pool;
	struct migration_sealer *sealer;
	struct migration_unsealer *unsealer;
	/* of the sealer */
	const char *key_id;

	ARRAY(struct reseal_box) boxes;
	/* the next to look at; an answer is about the one before */
	unsigned int next;
	/* what was asked for first, while that was tried */
	const char *first_request;
	struct doveadm_migration_reseal_result result;
};

static void reseal_list_callback(int ret, const struct migration_record *record,
				 const char *error, void *context)
{
	struct reseal_context *ctx = context;
	struct reseal_box *box;

	if (ret < 0) {
		doveadm_migration_cmd_fail(ctx->cmd, EX_TEMPFAIL,
					   "Cannot read the records: %s",
					   error);
		return;
	}
	if (ret == 0 || *record->credential == '\0' ||
	    migration_credential_is_master(record->credential))
		return;
	T_BEGIN
	{
		const char *id =
			migration_unseal_get_key_id(record->credential);

		if (null_strcmp(id, ctx->key_id) != 0) {
			box = array_append_space(&ctx->boxes);
			box->username = p_strdup(ctx->pool, record->username);
			box->provider = p_strdup(ctx->pool, record->provider);
			box->box = p_strdup(ctx->pool, record->credential);
		}
	}
	T_END;
}

static int reseal_open_keys(struct reseal_context *ctx)
{
	const struct migration_settings *set = ctx->cmd->set;
	const char *error;

	if (migration_sealer_init(set->migration_public_key_file, &ctx->sealer,
				  &error) < 0 ||
	    migration_unsealer_init(set->migration_private_key_file,
				    &ctx->unsealer, &error) < 0) {
		doveadm_migration_cmd_fail(ctx->cmd, EX_CONFIG, "%s", error);
		return -1;
	}
	ctx->key_id =
		p_strdup(ctx->pool, migration_sealer_get_key_id(ctx->sealer));
	if (!str_array_find(migration_unsealer_get_key_ids(ctx->unsealer),
			    ctx->key_id)) {
		doveadm_migration_cmd_fail(
			ctx->cmd, EX_CONFIG,
			"The public key %s of %s has no private key in %s: "
			"what is sealed with it could not be opened",
			ctx->key_id, set->migration_public_key_file,
			set->migration_private_key_file);
		return -1;
	}
	return 0;
}

/* The request, or NULL if it cannot be opened. */
static const char *
reseal_request(struct reseal_context *ctx, const struct reseal_box *box)
{
	struct migration_secret *secret;
	const char *new_box, *error;
	string_t *str;
	int ret;

	if (migration_unseal(ctx->unsealer, box->box, box->username,
			     box->provider, &secret,
			     &error) != MIGRATION_UNSEAL_OK) {
		e_warning(ctx->cmd->event,
			  "%s: %s (it is left as it is; the user's next login "
			  "renews it)",
			  box->username, error);
		return NULL;
	}
	ret = migration_seal(ctx->sealer, secret, box->username, box->provider,
			     &new_box, &error);
	migration_secret_free(&secret);
	if (ret < 0) {
		e_error(ctx->cmd->event, "%s: Cannot seal the password: %s",
			box->username, error);
		return NULL;
	}
	str = t_str_new(1024);
	str_append(str, MIGRATION_VERB_RESEAL "\t");
	str_append_tabescaped(str, box->username);
	str_append_c(str, '\t');
	str_append_tabescaped(str, box->box);
	str_append_c(str, '\t');
	str_append_tabescaped(str, new_box);
	return str_c(str);
}

static const char *reseal_next_request(void *context)
{
	struct reseal_context *ctx = context;
	const char *request = ctx->first_request;

	ctx->first_request = NULL;
	while (request == NULL && ctx->next < array_count(&ctx->boxes)) {
		request = reseal_request(ctx,
					 array_idx(&ctx->boxes, ctx->next++));
		if (request == NULL)
			ctx->result.left++;
	}
	return request;
}

static int reseal_queue_line(const char *const *args, void *context)
{
	struct reseal_context *ctx = context;
	const struct reseal_box *box = array_idx(&ctx->boxes, ctx->next - 1);
	unsigned int code;
	const char *text;

	if (strcmp(args[0], MIGRATION_VERB_RESEALED) == 0 && args[1] != NULL) {
		/* else it has another one, with the password of a login */
		if (strcmp(args[1], MIGRATION_WORD_CHANGED) == 0)
			ctx->result.resealed++;
		return 0;
	}
	if (doveadm_migration_queue_read_refused(args, &code, &text) < 0)
		return -1;
	e_error(ctx->cmd->event, "%s: %s", box->username, text);
	ctx->result.left++;
	return 0;
}

static int reseal_run(struct reseal_context *ctx)
{
	const char *error;

	/* nothing can be asked for if none can be opened */
	ctx->first_request = reseal_next_request(ctx);
	if (ctx->first_request == NULL)
		return 0;
	switch (doveadm_migration_queue_ask_all(
		ctx->cmd->event, reseal_next_request, RESEAL_ANSWER_SECS,
		reseal_queue_line, ctx, &error)) {
	case DOVEADM_MIGRATION_QUEUE_OK:
		return 0;
	case DOVEADM_MIGRATION_QUEUE_NOT_RUNNING:
	case DOVEADM_MIGRATION_QUEUE_ERROR:
		doveadm_migration_cmd_fail(ctx->cmd, EX_TEMPFAIL, "%s", error);
		break;
	case DOVEADM_MIGRATION_QUEUE_INTERRUPTED:
		doveadm_exit_code = EX_TEMPFAIL;
		break;
	}
	/* the one that was on its way, too */
	ctx->result.left += array_count(&ctx->boxes) - ctx->next + 1;
	return -1;
}

int doveadm_migration_reseal(struct doveadm_migration_cmd *cmd,
			     struct doveadm_migration_reseal_result *result_r)
{
	struct reseal_context ctx;
	int ret = -1;

	i_zero(&ctx);
	ctx.cmd = cmd;
	ctx.pool = pool_alloconly_create("doveadm migration reseal", 4096);
	p_array_init(&ctx.boxes, ctx.pool, 64);
	if (reseal_open_keys(&ctx) == 0) {
		migration_store_list(cmd->store, NULL, reseal_list_callback,
				     &ctx);
		migration_store_wait(cmd->store);
		if (doveadm_exit_code == 0)
			ret = reseal_run(&ctx);
	}
	migration_sealer_deinit(&ctx.sealer);
	migration_unsealer_deinit(&ctx.unsealer);
	pool_unref(&ctx.pool);
	*result_r = ctx.result;
	return ret;
}

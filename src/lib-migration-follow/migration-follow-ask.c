/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "str.h"
#include "imapc-client.h"
#include "mail-storage-private.h"
#include "migration-remote.h"
#include "migration-follow-private.h"

/* Asked about in one command at first, and commands on their way at once. */
#define ASK_PART_MESSAGES 500
#define ASK_WINDOW 50
/* So many refusals and no answer: it is not a matter of single messages. */
#define ASK_MAX_REFUSALS 1000

/* What is asked about in one command. */
struct ask_part {
	struct ask_context *ctx;
	const uint32_t *uids;
	unsigned int count;
	/* the provider's words if it has refused */
	const char *refused;
	bool answered;
};

struct ask_context {
	struct follow_mailbox *box;
	struct migration_remote *remote;
	pool_t pool;
	ARRAY(struct ask_part *) parts;

	unsigned int refusals;
	/* the last refusal; for_now: it is not about the messages */
	const char *refused;
	bool for_now;
};

static void ask_add(struct ask_context *ctx, const uint32_t *uids,
		    unsigned int count, unsigned int max_count)
{
	struct ask_part *part;
	unsigned int i;

	for (i = 0; i < count; i += max_count) {
		part = p_new(ctx->pool, struct ask_part, 1);
		part->ctx = ctx;
		part->uids = uids + i;
		part->count = I_MIN(count - i, max_count);
		array_push_back(&ctx->parts, &part);
	}
}

static void ask_answered(const struct imapc_command_reply *reply, void *context)
{
	struct ask_part *part = context;
	struct ask_context *ctx = part->ctx;

	switch (reply->state) {
	case IMAPC_COMMAND_STATE_OK:
		part->answered = TRUE;
		break;
	case IMAPC_COMMAND_STATE_NO:
		part->answered = TRUE;
		part->refused = p_strdup(ctx->box->pool, reply->text_full);
		ctx->refused = part->refused;
		ctx->refusals++;
		if (migration_remote_refused_for_now(ctx->remote))
			ctx->for_now = TRUE;
		break;
	case IMAPC_COMMAND_STATE_BAD:
	case IMAPC_COMMAND_STATE_AUTH_FAILED:
	case IMAPC_COMMAND_STATE_DISCONNECTED:
		break;
	}
}

/* Returns 0, or -1 if the connection is lost. */
static int ask_parts(struct ask_context *ctx)
{
	struct ask_part *part;
	string_t *set = str_new(default_pool, 1024);
	unsigned int i;
	int ret = 0;

	array_foreach_elem(&ctx->parts, part) {
		str_truncate(set, 0);
		for (i = 0; i < part->count; i++) {
			str_printfa(set, "%s%u", i == 0 ? "" : ",",
				    part->uids[i]);
		}
		migration_remote_send(ctx->remote, ask_answered, part,
				      "UID FETCH %1s (" FOLLOW_FETCH_ITEMS
				      "%1s)",
				      str_c(set),
				      follow_fetch_more_items(ctx->box));
		ret = migration_remote_wait(ctx->remote, ASK_WINDOW - 1);
		if (ret < 0)
			break;
	}
	str_free(&set);
	return ret < 0 ? -1 : migration_remote_wait(ctx->remote, 0);
}

static void
ask_untold(struct ask_context *ctx, uint32_t uid, const char *refused)
{
	struct follow_untold *untold = array_append_space(&ctx->box->untold);

	untold->uid = uid;
	untold->why = refused == NULL ?
			      "The provider leaves it out when it lists its "
			      "messages" :
			      p_strdup_printf(
				      ctx->box->pool,
				      "The provider does not tell about it: %s",
				      refused);
}

/* What has not come of a part is asked about in halves. */
static void ask_divide(struct ask_context *ctx)
{
	struct ask_part *const *parts, *part;
	unsigned int i, j, asked, count;
	uint32_t *rest;

	asked = array_count(&ctx->parts);
	for (i = 0; i < asked; i++) {
		parts = array_front(&ctx->parts);
		part = parts[i];
		rest = p_new(ctx->pool, uint32_t, part->count);
		for (j = count = 0; j < part->count; j++) {
			if (follow_fetch_find(ctx->box, part->uids[j]) == NULL)
				rest[count++] = part->uids[j];
		}
		if (count == 0)
			continue;
		if (part->count == 1)
			ask_untold(ctx, rest[0], part->refused);
		else
			ask_add(ctx, rest, count, (count + 1) / 2);
	}
	array_delete(&ctx->parts, 0, asked);
}

/* As long as something is left to be asked about. Returns as follow_ask(). */
static int ask_all(struct ask_context *ctx)
{
	struct follow_mailbox *box = ctx->box;

	while (array_count(&ctx->parts) > 0) {
		if (ask_parts(ctx) < 0)
			return -1;
		follow_fetch_sort(box);
		if (ctx->for_now || (ctx->refusals > ASK_MAX_REFUSALS &&
				     array_count(&box->fresh) == 0)) {
			follow_fetch_refused(box, ctx->refused, ctx->for_now);
			return 0;
		}
		ask_divide(ctx);
	}
	return 1;
}

/* The connection is lost: what was asked for alone, and should have been
   answered next, is the one. */
static void ask_lost(struct ask_context *ctx)
{
	const struct migration_follow_settings *set = ctx->box->follow->set;
	struct ask_part *part;

	if (set->callbacks->is_stopped(set->context))
		return;
	array_foreach_elem(&ctx->parts, part) {
		if (part->answered)
			continue;
		migration_mark_set_pending(ctx->box->mark, part->uids[0], TRUE);
		break;
	}
}

int follow_ask(struct follow_mailbox *box, const ARRAY_TYPE(uint32_t) *uids,
	       bool alone)
{
	struct ask_context ctx;
	const uint32_t *first;
	unsigned int count;
	int ret;

	i_zero(&ctx);
	ctx.box = box;
	ctx.remote = box->follow->set->remote;
	ctx.pool = pool_alloconly_create("follow ask", 1024 * 4);
	i_array_init(&ctx.parts, 32);
	first = array_get(uids, &count);
	ask_add(&ctx, first, count, alone ? 1 : ASK_PART_MESSAGES);
	ret = ask_all(&ctx);
	if (ret < 0 && alone)
		ask_lost(&ctx);
	array_free(&ctx.parts);
	pool_unref(&ctx.pool);
	return ret;
}

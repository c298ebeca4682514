/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "imap-arg.h"
#include "istream.h"
#include "istream-crlf.h"
#include "str.h"
#include "imapc-client.h"
#include "mail-storage-private.h"
#include "migration-remote.h"
#include "migration-verify-private.h"

/* The sample of a mailbox: so many messages and bytes, and besides so many of
   those whose sizes differ. */
#define SAMPLE_MESSAGES 20
#define SAMPLE_BYTES (2 * 1024 * 1024)
#define SAMPLE_SIZES 100
/* Asked for in one command, and commands on their way at once */
#define BODY_BATCH_MESSAGES 100
#define BODY_BATCH_BYTES (2 * 1024 * 1024)
#define BODY_BATCHES 4

struct verify_bodies {
	struct verify_mailbox *box;
	/* of the large message that comes in parts just now, or NULL */
	struct follow_remote *stash;
	const char *refused;
};

struct verify_sample {
	struct verify_message *messages;
	unsigned int count, chosen;
	uoff_t bytes;
};

static void sample_add(struct verify_sample *sample, unsigned int idx)
{
	struct verify_message *message = &sample->messages[idx];
	uoff_t size = message->size == UOFF_T_MAX ? 0 : message->size;

	if (message->local_uid == 0 || message->wanted ||
	    sample->chosen >= SAMPLE_MESSAGES ||
	    size > SAMPLE_BYTES - sample->bytes)
		return;
	message->wanted = TRUE;
	sample->chosen++;
	sample->bytes += size;
}

/* The first, the last, the largest that fits, and others at random. */
static void sample_choose(struct verify_sample *sample)
{
	unsigned int i, first, last, largest;

	for (first = 0; first < sample->count; first++) {
		if (sample->messages[first].local_uid != 0)
			break;
	}
	if (first == sample->count)
		return;
	last = largest = first;
	for (i = first; i < sample->count; i++) {
		if (sample->messages[i].local_uid == 0)
			continue;
		last = i;
		if (sample->messages[i].size <= SAMPLE_BYTES / 2 &&
		    sample->messages[i].size > sample->messages[largest].size)
			largest = i;
	}
	sample_add(sample, first);
	sample_add(sample, last);
	sample_add(sample, largest);
	if (last - first < SAMPLE_MESSAGES) {
		for (i = first; i < last; i++)
			sample_add(sample, i);
		return;
	}
	for (i = 0; i < SAMPLE_MESSAGES * 2; i++) {
		sample_add(sample, first + i_rand_limit(last - first + 1));
	}
}

static void bodies_choose(struct verify_mailbox *box)
{
	struct verify_sample sample;
	unsigned int i, sizes = 0;

	i_zero(&sample);
	sample.messages = array_get_modifiable(&box->messages, &sample.count);
	if (!box->verify->set->all)
		sample_choose(&sample);
	for (i = 0; i < sample.count; i++) {
		struct verify_message *message = &sample.messages[i];

		if (message->local_uid != 0 &&
		    (box->verify->set->all ||
		     (message->size_differs && sizes++ < SAMPLE_SIZES)))
			message->wanted = TRUE;
	}
}

/* Returns 1 = the same, 0 = not, -1 = it cannot be read here. */
static int
body_compare(struct verify_mailbox *box, const struct verify_message *message,
	     struct istream *there)
{
	struct istream *input, *here;
	bool equal, failed;

	mail_set_seq(box->mail, message->local_seq);
	if (mail_get_stream(box->mail, NULL, NULL, &input) < 0)
		return -1;
	i_stream_seek(input, 0);
	/* storage formats keep line ends in their own way */
	here = i_stream_create_crlf(input);
	there = i_stream_create_crlf(there);
	equal = follow_streams_equal(here, there);
	failed = input->stream_errno != 0;
	i_stream_unref(&here);
	i_stream_unref(&there);
	if (failed)
		return -1;
	return equal ? 1 : 0;
}

static void body_is_here(struct verify_mailbox *box,
			 struct verify_message *message, struct istream *input)
{
	int ret;

	message->compared = TRUE;
	box->result.checked++;
	ret = body_compare(box, message, input);
	if (ret <= 0) {
		box->result.bodies++;
		verify_mailbox_tell(box, message->uid, FALSE,
				    ret < 0 ? "cannot be read here" :
					      "the bytes differ");
	} else if (message->size_differs) {
		message->size_differs = FALSE;
		box->wrong_sizes++;
		verify_mailbox_tell(box, message->uid, TRUE,
				    "the provider tells another size than it "
				    "delivers");
	}
}

static void body_arrived(struct verify_bodies *ctx,
			 const struct imapc_untagged_reply *reply)
{
	struct verify_mailbox *box = ctx->box;
	const struct imap_arg *list;
	struct verify_message *message;
	struct istream *input;
	uoff_t offset;
	uint64_t uid;
	bool part;

	if (!imap_arg_get_list(&reply->args[0], &list) ||
	    !migration_remote_get_number(list, "UID", &uid) ||
	    uid >= (uint32_t)-1)
		return;
	message = verify_mailbox_find(box, uid);
	if (message == NULL || !message->wanted || message->compared)
		return;
	input = follow_stash_read_body(reply, list, &part, &offset);
	if (input == NULL)
		return;
	if (!part)
		body_is_here(box, message, input);
	else if (ctx->stash != NULL && ctx->stash->uid == uid)
		follow_stash_add_part(&box->box, ctx->stash, input, offset);
	i_stream_unref(&input);
}

static void
bodies_untagged(const struct imapc_untagged_reply *reply, void *context)
{
	struct verify_bodies *ctx = context;
	const struct migration_verify_settings *set = ctx->box->verify->set;

	if (strcasecmp(reply->name, "FETCH") != 0)
		return;
	if (set->callbacks->is_stopped(set->context)) {
		migration_remote_abort(set->remote);
		return;
	}
	T_BEGIN
	{
		body_arrived(ctx, reply);
	}
	T_END;
}

static void
bodies_answered(const struct imapc_command_reply *reply, void *context)
{
	struct verify_bodies *ctx = context;

	if (reply->state == IMAPC_COMMAND_STATE_NO)
		ctx->refused = p_strdup(ctx->box->pool, reply->text_full);
}

/* In parts, one after the other. */
static int
bodies_fetch_large(struct verify_bodies *ctx, struct verify_message *message)
{
	struct migration_remote *remote = ctx->box->verify->set->remote;
	struct follow_remote stash = {
		.uid = message->uid,
		.size = message->size,
		.stash_fd = -1,
	};
	struct istream *input;
	uoff_t before;
	int ret;

	ctx->stash = &stash;
	do {
		before = follow_stash_bytes(&stash);
		migration_remote_send(remote, bodies_answered, ctx,
				      "UID FETCH %u (BODY.PEEK[]<%1s.%u>)",
				      message->uid, dec2str(before),
				      FOLLOW_STASH_PART_BYTES);
		ret = migration_remote_wait(remote, 0);
	} while (ret == 0 && follow_stash_bytes(&stash) > before &&
		 !follow_stash_is_whole(&stash));
	ctx->stash = NULL;
	if (ret == 0 && !message->compared && follow_stash_is_whole(&stash)) {
		input = follow_stash_open(&stash);
		body_is_here(ctx->box, message, input);
		i_stream_unref(&input);
	}
	follow_stash_drop(&stash);
	return ret;
}

/* Asks for the next ones; returns FALSE if there are none. */
static bool bodies_ask(struct verify_bodies *ctx, unsigned int *idx)
{
	string_t *set = t_str_new(512);
	const struct verify_message *messages;
	unsigned int count, asked = 0;
	uoff_t bytes = 0;

	messages = array_get(&ctx->box->messages, &count);
	for (; *idx < count; (*idx)++) {
		const struct verify_message *message = &messages[*idx];

		if (!message->wanted || follow_stash_is_large(message->size))
			continue;
		if (asked == BODY_BATCH_MESSAGES || bytes >= BODY_BATCH_BYTES)
			break;
		str_printfa(set, "%s%u", asked++ == 0 ? "" : ",", message->uid);
		bytes += message->size == UOFF_T_MAX ? 0 : message->size;
	}
	if (asked == 0)
		return FALSE;
	migration_remote_send(ctx->box->verify->set->remote, bodies_answered,
			      ctx, "UID FETCH %1s (BODY.PEEK[])", str_c(set));
	return TRUE;
}

static int bodies_fetch(struct verify_bodies *ctx)
{
	struct migration_remote *remote = ctx->box->verify->set->remote;
	struct verify_message *message;
	unsigned int idx = 0;
	bool more = TRUE;
	int ret = 0;

	migration_remote_set_untagged(remote, bodies_untagged, ctx);
	while (more && ret == 0) {
		ret = migration_remote_wait(remote, BODY_BATCHES - 1);
		if (ret == 0)
			T_BEGIN
			{
				more = bodies_ask(ctx, &idx);
			}
		T_END;
	}
	if (ret == 0)
		ret = migration_remote_wait(remote, 0);
	array_foreach_modifiable(&ctx->box->messages, message) {
		if (ret == 0 && message->wanted &&
		    follow_stash_is_large(message->size))
			ret = bodies_fetch_large(ctx, message);
	}
	migration_remote_set_untagged(remote, NULL, NULL);
	return ret;
}

static void bodies_finish(struct verify_bodies *ctx)
{
	struct verify_mailbox *box = ctx->box;
	const struct verify_message *message;

	array_foreach(&box->messages, message) {
		if (message->local_uid == 0)
			continue;
		if (message->wanted && !message->compared) {
			box->undelivered++;
			verify_mailbox_tell(
				box, message->uid, FALSE,
				ctx->refused != NULL ?
					ctx->refused :
					"the provider does not deliver it for "
					"the comparison");
		}
		if (message->size_differs) {
			box->result.sizes++;
			verify_mailbox_tell(box, message->uid, FALSE,
					    "the size differs");
		}
	}
}

int verify_bodies(struct verify_mailbox *box)
{
	struct verify_bodies ctx = { .box = box };

	bodies_choose(box);
	if (bodies_fetch(&ctx) < 0)
		return -1;
	bodies_finish(&ctx);
	return 1;
}

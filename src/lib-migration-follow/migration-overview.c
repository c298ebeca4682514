/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "hash.h"
#include "imap-arg.h"
#include "imapc-client.h"
#include "migration-compat.h"
#include "migration-folder-name.h"
#include "migration-remote.h"
#include "migration-overview.h"

#define OVERVIEW_STATUS "MESSAGES UIDNEXT UIDVALIDITY"
#define OVERVIEW_STATUS_MODSEQ OVERVIEW_STATUS " HIGHESTMODSEQ"
/* STATUS commands on their way at once */
#define OVERVIEW_WINDOW 50

static const char *const overview_uses[] = {
	"\\All",  "\\Archive", "\\Drafts",    "\\Flagged", "\\Junk",
	"\\Sent", "\\Trash",   "\\Important", NULL
};

struct overview_context {
	pool_t pool;
	struct migration_remote *remote;
	ARRAY_TYPE(migration_overview_folder) folders;
	/* name -> index into folders + 1 */
	HASH_TABLE(const char *, void *) names;
	const char *personal;
	/* prefixes of namespaces that are not the user's own */
	ARRAY_TYPE(const_string) others[MIGRATION_OVERVIEW_NOBODY];
	/* whose folders are those without any of the prefixes */
	enum migration_overview_owner unprefixed;
	bool has_namespace;
	bool refused;
	const char *error;
};

static const char *overview_key(const char *name)
{
	return strcasecmp(name, "INBOX") == 0 ? "INBOX" : name;
}

static struct migration_overview_folder *
overview_get(struct overview_context *ctx, const char *name, bool create)
{
	struct migration_overview_folder *folder;
	unsigned int idx;

	idx = POINTER_CAST_TO(hash_table_lookup(ctx->names, overview_key(name)),
			      unsigned int);
	if (idx > 0)
		return array_idx_modifiable(&ctx->folders, idx - 1);
	if (!create)
		return NULL;
	folder = array_append_space(&ctx->folders);
	folder->name = p_strdup(ctx->pool, name);
	hash_table_insert(ctx->names, overview_key(folder->name),
			  POINTER_CAST(array_count(&ctx->folders)));
	return folder;
}

static void overview_list(struct overview_context *ctx,
			  const struct imap_arg *args, bool lsub)
{
	struct migration_overview_folder *folder;
	const struct imap_arg *attrs;
	const char *sep, *name, *attr;
	unsigned int i;
	bool noselect = FALSE, subscribed = lsub;
	const char *use = NULL;

	if (!imap_arg_get_list(&args[0], &attrs) ||
	    !imap_arg_get_nstring(&args[1], &sep) ||
	    !imap_arg_get_astring(&args[2], &name))
		return;
	for (; !IMAP_ARG_IS_EOL(attrs); attrs++) {
		if (!imap_arg_get_atom(attrs, &attr))
			continue;
		if (strcasecmp(attr, "\\Noselect") == 0 ||
		    strcasecmp(attr, "\\NonExistent") == 0)
			noselect = TRUE;
		else if (strcasecmp(attr, "\\Subscribed") == 0)
			subscribed = TRUE;
		for (i = 0; overview_uses[i] != NULL; i++) {
			if (strcasecmp(attr, overview_uses[i]) == 0)
				use = overview_uses[i];
		}
	}
	/* a subscription alone makes no folder */
	folder = overview_get(ctx, name, !lsub);
	if (folder == NULL)
		return;
	folder->subscribed = folder->subscribed || subscribed;
	if (lsub)
		return;
	folder->sep = sep == NULL ? '\0' : *sep;
	folder->noselect = noselect;
	if ((migration_remote_get_features(ctx->remote)->set &
	     MIGRATION_FEATURE_NO_SPECIAL_USE) == 0)
		folder->use = use;
}

static bool overview_get_uint32(const struct imap_arg *list, const char *name,
				uint32_t *number_r)
{
	uint64_t number;

	if (!migration_remote_get_number(list, name, &number) ||
	    number > (uint32_t)-1)
		return FALSE;
	*number_r = number;
	return TRUE;
}

static void
overview_status(struct overview_context *ctx, const struct imap_arg *args)
{
	struct migration_overview_folder *folder;
	const struct imap_arg *list;
	const char *name;

	if (!imap_arg_get_astring(&args[0], &name) ||
	    !imap_arg_get_list(&args[1], &list))
		return;
	folder = overview_get(ctx, name, FALSE);
	if (folder == NULL)
		return;
	folder->has_status =
		overview_get_uint32(list, "MESSAGES", &folder->messages) &&
		overview_get_uint32(list, "UIDNEXT", &folder->uid_next) &&
		overview_get_uint32(list, "UIDVALIDITY", &folder->uid_validity);
	if (!migration_remote_get_number(list, "HIGHESTMODSEQ",
					 &folder->highest_modseq))
		folder->highest_modseq = 0;
}

/* NIL or ((prefix separator ...) ...) for each of personal, others', shared */
static void
overview_namespace(struct overview_context *ctx, const struct imap_arg *args)
{
	const struct imap_arg *spaces, *space;
	const char *prefix;
	unsigned int i;
	bool first;

	for (i = 0; i < 3 && !IMAP_ARG_IS_EOL(&args[i]); i++) {
		if (!imap_arg_get_list(&args[i], &spaces))
			continue;
		first = TRUE;
		for (; !IMAP_ARG_IS_EOL(spaces); spaces++) {
			if (!imap_arg_get_list(spaces, &space) ||
			    !imap_arg_get_astring(&space[0], &prefix))
				continue;
			prefix = p_strdup(ctx->pool, prefix);
			if (i > 0 && *prefix != '\0') {
				array_push_back(&ctx->others[i - 1], &prefix);
			} else if (i > 0) {
				ctx->unprefixed = i - 1;
			} else if (first) {
				ctx->personal = prefix;
				ctx->has_namespace = TRUE;
			}
			first = FALSE;
		}
	}
}

static void
overview_untagged(const struct imapc_untagged_reply *reply, void *context)
{
	struct overview_context *ctx = context;

	if (strcasecmp(reply->name, "LIST") == 0)
		overview_list(ctx, reply->args, FALSE);
	else if (strcasecmp(reply->name, "LSUB") == 0)
		overview_list(ctx, reply->args, TRUE);
	else if (strcasecmp(reply->name, "STATUS") == 0)
		overview_status(ctx, reply->args);
	else if (strcasecmp(reply->name, "NAMESPACE") == 0)
		overview_namespace(ctx, reply->args);
}

static void
overview_listed(const struct imapc_command_reply *reply, void *context)
{
	struct overview_context *ctx = context;

	if (reply->state == IMAPC_COMMAND_STATE_OK)
		return;
	ctx->refused = TRUE;
	ctx->error = p_strdup(ctx->pool, reply->text_full);
}

static int overview_ask(struct overview_context *ctx, const char **error_r)
{
	struct migration_remote *remote = ctx->remote;
	const bool condstore = migration_remote_has(remote, "CONDSTORE");
	const char *status = condstore ? OVERVIEW_STATUS_MODSEQ :
					 OVERVIEW_STATUS;
	const struct migration_overview_folder *folder;

	if (migration_remote_has(remote, "NAMESPACE"))
		migration_remote_send(remote, NULL, NULL, "NAMESPACE");
	if (!migration_remote_has(remote, "LIST-EXTENDED")) {
		migration_remote_send(remote, overview_listed, ctx,
				      "LIST \"\" \"*\"");
		migration_remote_send(remote, overview_listed, ctx,
				      "LSUB \"\" \"*\"");
	} else {
		migration_remote_send(
			remote, overview_listed, ctx,
			"LIST \"\" \"*\" RETURN (SUBSCRIBED%1s%1s%1s%1s)",
			migration_remote_has(remote, "SPECIAL-USE") ?
				" SPECIAL-USE" :
				"",
			migration_remote_has(remote, "LIST-STATUS") ?
				" STATUS (" :
				"",
			migration_remote_has(remote, "LIST-STATUS") ? status :
								      "",
			migration_remote_has(remote, "LIST-STATUS") ? ")" : "");
	}
	if (migration_remote_wait(remote, 0) < 0) {
		*error_r = migration_remote_get_failure(remote)->error;
		return -1;
	}
	if (ctx->refused) {
		*error_r = t_strdup_printf("The provider does not list: %s",
					   ctx->error);
		return -1;
	}
	array_foreach(&ctx->folders, folder) {
		if (folder->has_status || folder->noselect ||
		    !migration_remote_can_send_name(folder->name))
			continue;
		migration_remote_send(remote, NULL, NULL, "STATUS %1s (%1s)",
				      migration_remote_name(remote,
							    folder->name),
				      status);
		if (migration_remote_wait(remote, OVERVIEW_WINDOW) < 0)
			break;
	}
	if (migration_remote_wait(remote, 0) < 0) {
		*error_r = migration_remote_get_failure(remote)->error;
		return -1;
	}
	return 0;
}

static char overview_sep(const struct overview_context *ctx)
{
	const struct migration_overview_folder *folder;

	array_foreach(&ctx->folders, folder) {
		if (folder->sep != '\0')
			return folder->sep;
	}
	return '\0';
}

/* By what the server says, or by its folders. */
static const char *overview_find_prefix(struct overview_context *ctx, char sep)
{
	const struct migration_overview_folder *folder;
	ARRAY_TYPE(const_string) names;

	if (ctx->has_namespace)
		return ctx->personal;
	t_array_init(&names, array_count(&ctx->folders) + 1);
	array_foreach(&ctx->folders, folder)
		array_push_back(&names, &folder->name);
	array_append_zero(&names);
	if (!migration_folder_is_below_inbox(array_front(&names), sep))
		return "";
	return p_strdup_printf(ctx->pool, "INBOX%c", sep);
}

/* The setting, with or without the separator at its end. */
static const char *overview_set_prefix(struct overview_context *ctx,
				       const char *list_prefix, char sep)
{
	size_t len = strlen(list_prefix);

	if (sep == '\0' || list_prefix[len - 1] == sep)
		return p_strdup(ctx->pool, list_prefix);
	return p_strdup_printf(ctx->pool, "%s%c", list_prefix, sep);
}

/* By the prefixes of namespaces; the longest decides. */
static bool overview_is_others(const struct overview_context *ctx,
			       const struct migration_overview_folder *folder,
			       const char *own_prefix,
			       enum migration_overview_owner *owner_r)
{
	const char *prefix;

	for (*owner_r = 0; *owner_r < N_ELEMENTS(ctx->others); (*owner_r)++) {
		array_foreach_elem(&ctx->others[*owner_r], prefix) {
			if (str_begins_with(folder->name, prefix) &&
			    (strlen(prefix) >= strlen(own_prefix) ||
			     !str_begins_with(folder->name, own_prefix)))
				return TRUE;
		}
	}
	return FALSE;
}

static bool
overview_is_below_prefix(const struct migration_overview_folder *folder,
			 const struct migration_overview *overview)
{
	const struct migration_folder_names names = {
		.prefix = overview->prefix,
		.remote_sep = overview->sep,
		.local_sep = '/',
		.storage_sep = '/',
	};

	return migration_folder_name(&names, folder->name) != NULL;
}

static void overview_add(struct overview_context *ctx,
			 const struct migration_overview_folder *folder,
			 struct migration_overview *overview)
{
	struct migration_overview_foreign *foreign;
	enum migration_overview_owner owner;

	if (!overview_is_others(ctx, folder, overview->prefix, &owner)) {
		/* one that is not below the prefix may have been, with another
		   list_prefix */
		array_push_back(&overview->folders, folder);
		if (overview_is_below_prefix(folder, overview))
			return;
		owner = ctx->unprefixed;
	}
	if (folder->noselect)
		return;
	foreign = &overview->foreign[owner];
	if (foreign->count++ == 0)
		foreign->first = folder->name;
}

static void
overview_finish(struct overview_context *ctx, const char *list_prefix,
		struct migration_overview *overview_r)
{
	const struct migration_overview_folder *folder;
	bool inbox;
	int pass;

	i_zero(overview_r);
	overview_r->sep = overview_sep(ctx);
	overview_r->found_prefix = overview_find_prefix(ctx, overview_r->sep);
	overview_r->prefix =
		*list_prefix == '\0' ?
			overview_r->found_prefix :
			overview_set_prefix(ctx, list_prefix, overview_r->sep);
	p_array_init(&overview_r->folders, ctx->pool,
		     array_count(&ctx->folders) + 1);
	for (pass = 0; pass < 2; pass++) {
		array_foreach(&ctx->folders, folder) {
			inbox = strcasecmp(folder->name, "INBOX") == 0;
			if (inbox == (pass == 0))
				overview_add(ctx, folder, overview_r);
		}
	}
}

int migration_overview_read(struct migration_remote *remote, pool_t pool,
			    const char *list_prefix,
			    struct migration_overview *overview_r,
			    const char **error_r)
{
	struct overview_context ctx;
	unsigned int i;
	int ret;

	i_zero(&ctx);
	ctx.pool = pool;
	ctx.remote = remote;
	ctx.personal = "";
	p_array_init(&ctx.folders, pool, 32);
	for (i = 0; i < N_ELEMENTS(ctx.others); i++)
		p_array_init(&ctx.others[i], pool, 2);
	ctx.unprefixed = MIGRATION_OVERVIEW_NOBODY;
	hash_table_create(&ctx.names, default_pool, 0, str_hash, strcmp);
	migration_remote_set_untagged(remote, overview_untagged, &ctx);
	ret = overview_ask(&ctx, error_r);
	migration_remote_set_untagged(remote, NULL, NULL);
	if (ret == 0)
		overview_finish(&ctx, list_prefix, overview_r);
	hash_table_destroy(&ctx.names);
	return ret;
}

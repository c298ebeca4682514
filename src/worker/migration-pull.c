/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "file-create-locked.h"
#include "mail-namespace.h"
#include "mail-storage-service.h"
#include "mail-user.h"
#include "mailbox-list-private.h"
#include "master-service.h"
#include "migration-backoff.h"
#include "migration-compat.h"
#include "migration-exclude.h"
#include "migration-follow.h"
#include "migration-journal.h"
#include "migration-leftover.h"
#include "migration-notes.h"
#include "migration-remote.h"
#include "migration-repair.h"
#include "migration-settings.h"
#include "migration-verify.h"
#include "migration-pull.h"

/* The same as dsync's own, so that a "doveadm sync -l" by hand keeps out. */
#define PULL_LOCK_FILENAME ".dovecot-sync.lock"
/* A worker whose queue died needs a moment to notice. */
#define PULL_LOCK_TIMEOUT_SECS 30

static char *pull_first_error = NULL;
static unsigned int pull_retry_after_secs = 0;
static const struct migration_progress *pull_progress = NULL;
static failure_callback_t *pull_next_error_handler;

/* imapc logs why it failed, but does not return all of it. The first error
   is the cause of the others; each may have the words of the provider. */
static void ATTR_FORMAT(2, 0)
	pull_error_handler(const struct failure_context *ctx,
			   const char *format, va_list args)
{
	unsigned int secs;
	va_list args2;
	char *text;

	/* what comes of being told to stop */
	if (migration_progress_is_stopped(pull_progress))
		return;
	VA_COPY(args2, args);
	text = i_strdup_vprintf(format, args2);
	va_end(args2);
	secs = migration_backoff_secs(NULL, text);
	pull_retry_after_secs = I_MAX(pull_retry_after_secs, secs);
	if (ctx->type == LOG_TYPE_ERROR && pull_first_error == NULL)
		pull_first_error = text;
	else
		i_free(text);
	pull_next_error_handler(ctx, format, args);
}

static void pull_catch_errors(void)
{
	failure_callback_t *fatal_handler, *info_handler, *debug_handler;

	i_get_failure_handlers(&fatal_handler, &pull_next_error_handler,
			       &info_handler, &debug_handler);
	i_set_error_handler(pull_error_handler);
}

/* Whom the provider's failure is to be blamed on. */
static enum migration_outcome
pull_blame(const struct migration_pull_settings *set,
	   const struct migration_remote *remote, const char **error_r)
{
	const struct migration_remote_failure *failure =
		migration_remote_get_failure(remote);

	if (pull_first_error != NULL)
		*error_r = t_strdup(pull_first_error);
	else if (failure->error != NULL)
		*error_r = t_strdup(failure->error);
	pull_retry_after_secs =
		I_MAX(pull_retry_after_secs, failure->retry_after_secs);
	if (failure->account_gone) {
		*error_r = t_strdup_printf(
			"the provider does not let the account in: %s",
			*error_r);
		return MIGRATION_OUTCOME_ACCOUNT;
	}
	if (failure->verdict != MIGRATION_VERDICT_OK) {
		*error_r = t_strdup_printf("%s: %s",
					   migration_verdict_to_string(
						   failure->verdict),
					   *error_r);
	}
	switch (failure->verdict) {
	case MIGRATION_VERDICT_OK:
	case MIGRATION_VERDICT_TEMPORARY:
		return MIGRATION_OUTCOME_TEMPORARY;
	case MIGRATION_VERDICT_PASSWORD:
	case MIGRATION_VERDICT_EXPIRED:
		if (set->remote->master_user == NULL)
			return MIGRATION_OUTCOME_PASSWORD;
		/* nothing that the user could mend */
		*error_r = t_strdup_printf("master_user %s for %s: %s",
					   set->remote->master_user,
					   set->remote->remote_user, *error_r);
		return MIGRATION_OUTCOME_PROVIDER;
	case MIGRATION_VERDICT_BROKEN:
		return MIGRATION_OUTCOME_PROVIDER;
	}
	i_unreached();
}

/* The directory for lock and journal. Returns MIGRATION_OUTCOME_DONE if it is
   there. */
static enum migration_outcome
pull_get_dir(struct mail_namespace *ns, const char **root_r,
	     const char **error_r)
{
	if (!mailbox_list_get_root_path(ns->list,
					MAILBOX_LIST_PATH_TYPE_CONTROL,
					root_r)) {
		*error_r = "the mail location has no directory for the lock";
		return MIGRATION_OUTCOME_LOCAL;
	}
	if (mailbox_list_mkdir_root(ns->list, *root_r,
				    MAILBOX_LIST_PATH_TYPE_CONTROL) < 0) {
		*error_r = t_strdup_printf(
			"cannot create %s: %s", *root_r,
			mailbox_list_get_last_internal_error(ns->list, NULL));
		return MIGRATION_OUTCOME_LOCAL;
	}
	return MIGRATION_OUTCOME_DONE;
}

/* Returns MIGRATION_OUTCOME_DONE if it is locked. */
static enum migration_outcome
pull_lock(const char *dir, struct file_lock **lock_r, const char **error_r)
{
	struct file_create_settings lock_set;
	const char *path;
	bool created;

	i_zero(&lock_set);
	lock_set.lock_timeout_secs = PULL_LOCK_TIMEOUT_SECS;
	lock_set.lock_settings.lock_method = FILE_LOCK_METHOD_FCNTL;
	lock_set.mode = 0600;
	path = t_strconcat(dir, "/" PULL_LOCK_FILENAME, NULL);
	if (file_create_locked(path, &lock_set, lock_r, &created, error_r) ==
	    -1) {
		*error_r =
			t_strdup_printf("cannot lock %s: %s", path, *error_r);
		return errno == EAGAIN ? MIGRATION_OUTCOME_TEMPORARY :
					 MIGRATION_OUTCOME_LOCAL;
	}
	file_lock_set_close_on_free(*lock_r, TRUE);
	file_lock_set_unlink_on_free(*lock_r, TRUE);
	return MIGRATION_OUTCOME_DONE;
}

struct pull_run {
	const struct migration_pull_settings *set;
	/* before it */
	const ARRAY_TYPE(migration_journal_entry) *killed;
};

static void
pull_told_mailbox(void *context, const char *name, unsigned int done,
		  unsigned int total, uint64_t bytes)
{
	const struct pull_run *run = context;

	migration_progress_set_mailbox(run->set->progress, name, done, total,
				       bytes);
}

static void pull_told_total(void *context)
{
	const struct pull_run *run = context;

	migration_progress_set_total_known(run->set->progress);
}

static void pull_told_received(void *context, uint64_t bytes)
{
	const struct pull_run *run = context;

	migration_progress_add_received(run->set->progress, bytes);
}

static void pull_told_saved(void *context)
{
	const struct pull_run *run = context;

	migration_progress_add_saved(run->set->progress);
}

static void pull_told_note(void *context, const char *mailbox, uint32_t uid,
			   const char *text)
{
	const struct pull_run *run = context;

	migration_notes_add(run->set->notes, mailbox, uid, text);
}

static void
pull_told_probe(void *context, const struct migration_provider_probe *probe)
{
	const struct pull_run *run = context;

	run->set->probed(probe, run->set->context);
}

static bool pull_is_stopped(void *context)
{
	const struct pull_run *run = context;

	return migration_progress_is_stopped(run->set->progress);
}

static bool pull_is_leftover(void *context, const char *guid)
{
	const struct pull_run *run = context;

	return migration_leftover_is_guid(run->killed, guid);
}

static const struct migration_follow_callbacks pull_callbacks = {
	.mailbox = pull_told_mailbox,
	.total_known = pull_told_total,
	.received = pull_told_received,
	.saved = pull_told_saved,
	.note = pull_told_note,
	.probed = pull_told_probe,
	.is_stopped = pull_is_stopped,
	.is_leftover = pull_is_leftover,
};

static enum migration_outcome
pull_follow(struct pull_run *run, struct mail_user *user,
	    struct migration_remote *remote, const char *dir,
	    const char **error_r)
{
	const struct migration_pull_settings *set = run->set;
	const struct migration_provider_settings *provider =
		set->remote->provider;
	struct migration_follow_settings follow_set = {
		.ns = mail_namespace_find_inbox(user->namespaces),
		.remote = remote,
		.pop3 = *provider->pop3_host != '\0' ? set->remote : NULL,
		.dir = dir,
		.list_prefix = provider->list_prefix,
		.max_size = provider->max_size,
		.keep_expunged =
			strcmp(set->set->migration_remote_deletes, "keep") == 0,
		.unclean = array_count(run->killed) > 0,
		.callbacks = &pull_callbacks,
		.context = run,
	};
	const char *error;

	if (migration_exclude_parse(pool_datastack_create(), provider->exclude,
				    &follow_set.exclude, &error) < 0)
		i_unreached(); /* the settings were checked */
	switch (migration_follow(&follow_set, error_r)) {
	case MIGRATION_FOLLOW_DONE:
		return MIGRATION_OUTCOME_DONE;
	case MIGRATION_FOLLOW_INCOMPLETE:
		return MIGRATION_OUTCOME_TEMPORARY;
	case MIGRATION_FOLLOW_LOCAL:
		return MIGRATION_OUTCOME_LOCAL;
	case MIGRATION_FOLLOW_REMOTE:
		break;
	}
	return pull_blame(set, remote, error_r);
}

static enum migration_outcome
pull_verify(const struct migration_pull_settings *set, struct mail_user *user,
	    struct migration_remote *remote, const char *dir,
	    const char **error_r)
{
	const struct migration_provider_settings *provider =
		set->remote->provider;
	struct migration_verify_settings verify_set = {
		.ns = mail_namespace_find_inbox(user->namespaces),
		.remote = remote,
		.dir = dir,
		.list_prefix = provider->list_prefix,
		.max_size = provider->max_size,
		.all = set->verify_all,
		.callbacks = set->verify,
		.context = set->verify_context,
	};
	const char *error;

	if (migration_exclude_parse(pool_datastack_create(), provider->exclude,
				    &verify_set.exclude, &error) < 0)
		i_unreached(); /* the settings were checked */
	switch (migration_verify(&verify_set, error_r)) {
	case MIGRATION_VERIFY_DONE:
		return MIGRATION_OUTCOME_DONE;
	case MIGRATION_VERIFY_LOCAL:
		return MIGRATION_OUTCOME_LOCAL;
	case MIGRATION_VERIFY_REMOTE:
		break;
	}
	return pull_blame(set, remote, error_r);
}

static enum migration_outcome
pull_locked(struct pull_run *run, struct mail_user *user, const char *dir,
	    const char **error_r)
{
	const struct migration_pull_settings *set = run->set;
	struct migration_remote *remote;
	enum migration_outcome outcome;

	/* the quota plugin lets mail in then, as with dsync */
	user->dsyncing = strcmp(set->set->migration_quota, "ignore") == 0;
	remote = migration_remote_init(set->remote, user);
	migration_progress_set_remote(set->progress, remote);
	*error_r = "The provider does not say why";
	if (migration_remote_connect(remote) < 0) {
		outcome = pull_blame(set, remote, error_r);
	} else if (set->verify != NULL) {
		outcome = pull_verify(set, user, remote, dir, error_r);
	} else {
		outcome = pull_follow(run, user, remote, dir, error_r);
	}
	migration_progress_set_remote(set->progress, NULL);
	migration_remote_deinit(&remote);
	return outcome;
}

/* Before anything is opened: what did runs leave that were killed? */
static int
pull_repair(struct mail_namespace *ns, const struct migration_journal *journal,
	    const char **error_r)
{
	const ARRAY_TYPE(migration_journal_entry) *unended =
		migration_journal_get_unended(journal);

	if (array_count(unended) == 0)
		return 0;
	i_warning("The last pull was interrupted: repairing what it left");
	return migration_repair(ns, unended, error_r);
}

static enum migration_outcome
pull_sync(const struct migration_pull_settings *set, struct mail_user *user,
	  const char *dir, const char **error_r)
{
	struct mail_namespace *ns = mail_namespace_find_inbox(user->namespaces);
	struct migration_journal *journal;
	enum migration_outcome outcome;
	struct pull_run run = { .set = set };

	if (migration_journal_begin(dir, &journal, error_r) < 0)
		return MIGRATION_OUTCOME_LOCAL;
	if (pull_repair(ns, journal, error_r) < 0) {
		migration_journal_close(&journal, FALSE);
		return MIGRATION_OUTCOME_LOCAL;
	}
	run.killed = migration_journal_get_unended(journal);
	migration_progress_set_journal(set->progress, journal);
	outcome = pull_locked(&run, user, dir, error_r);
	migration_progress_set_journal(set->progress, NULL);
	migration_journal_close(&journal,
				array_count(run.killed) == 0 ||
					outcome == MIGRATION_OUTCOME_DONE);
	return outcome;
}

/* What a killed run has left may be harmed by whoever opens it before it is
   repaired. */
static enum migration_outcome
pull_compare(const struct migration_pull_settings *set, struct mail_user *user,
	     const char *dir, const char **error_r)
{
	struct pull_run run = { .set = set };
	int ret = migration_journal_is_unended(dir, error_r);

	if (ret < 0)
		return MIGRATION_OUTCOME_LOCAL;
	if (ret > 0) {
		*error_r = "the last sync was interrupted, and one has to end "
			   "well first";
		return MIGRATION_OUTCOME_TEMPORARY;
	}
	return pull_locked(&run, user, dir, error_r);
}

static enum migration_outcome
pull_as_user(const struct migration_pull_settings *set, struct mail_user *user,
	     const char **error_r)
{
	enum migration_outcome outcome;
	struct file_lock *lock;
	const char *dir;

	outcome = pull_get_dir(mail_namespace_find_inbox(user->namespaces),
			       &dir, error_r);
	if (outcome == MIGRATION_OUTCOME_DONE)
		outcome = pull_lock(dir, &lock, error_r);
	if (outcome != MIGRATION_OUTCOME_DONE)
		return outcome;
	outcome = set->verify != NULL ? pull_compare(set, user, dir, error_r) :
					pull_sync(set, user, dir, error_r);
	file_lock_free(&lock);
	return outcome;
}

/* A userdb that does not answer looks like one whose answer is wrong, but for
   the text. */
static enum migration_outcome pull_blame_lookup(int ret, const char *error)
{
	return ret == -1 || strcmp(error, MAIL_ERRSTR_CRITICAL_MSG) == 0 ?
		       MIGRATION_OUTCOME_TEMPORARY :
		       MIGRATION_OUTCOME_LOCAL;
}

static enum migration_outcome
pull_become_user(const struct migration_pull_settings *set,
		 struct mail_storage_service_user **service_r,
		 struct mail_user **user_r, const char **error_r)
{
	struct mail_storage_service_input input;
	enum migration_outcome outcome;
	int ret;

	migration_storage_input_init(&input);
	input.service = "migration-worker";
	input.username = set->username;
	ret = mail_storage_service_lookup(set->storage, &input, service_r,
					  error_r);
	if (ret == 0) {
		*error_r = "no userdb knows the account here: it is gone or "
			   "disabled";
		return MIGRATION_OUTCOME_ACCOUNT;
	}
	if (ret < 0) {
		outcome = pull_blame_lookup(ret, *error_r);
		*error_r = t_strdup_printf("User lookup failed: %s", *error_r);
		return outcome;
	}
	/* from here on as the user, and nobody else any more */
	if (mail_storage_service_next(set->storage, *service_r, user_r,
				      error_r) < 0) {
		*error_r = t_strdup_printf("Local mailbox cannot be used: %s",
					   *error_r);
		return MIGRATION_OUTCOME_LOCAL;
	}
	return MIGRATION_OUTCOME_DONE;
}

enum migration_outcome
migration_pull(const struct migration_pull_settings *set,
	       unsigned int *retry_after_secs_r, const char **error_r)
{
	struct mail_storage_service_user *service = NULL;
	struct mail_user *user = NULL;
	enum migration_outcome outcome;

	*error_r = "";
	pull_progress = set->progress;
	pull_catch_errors();
	outcome = pull_become_user(set, &service, &user, error_r);
	if (outcome == MIGRATION_OUTCOME_DONE)
		outcome = pull_as_user(set, user, error_r);

	if (user != NULL)
		mail_user_deinit(&user);
	if (service != NULL)
		mail_storage_service_user_unref(&service);
	i_set_error_handler(pull_next_error_handler);
	*error_r = t_strdup(*error_r);
	*retry_after_secs_r = pull_retry_after_secs;
	i_free(pull_first_error);
	return outcome;
}

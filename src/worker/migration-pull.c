/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "file-create-locked.h"
#include "mail-namespace.h"
#include "mail-storage-service.h"
#include "mail-user.h"
#include "mailbox-list-private.h"
#include "master-service.h"
#include "dsync-brain.h"
#include "dsync-ibc.h"
#include "migration-backoff.h"
#include "migration-compare.h"
#include "migration-contact.h"
#include "migration-exclude.h"
#include "migration-journal.h"
#include "migration-pulled.h"
#include "migration-remote-user.h"
#include "migration-repair.h"
#include "migration-settings.h"
#include "migration-pull.h"

/* The same as dsync's own, so that a "doveadm sync -l" by hand keeps out. */
#define PULL_LOCK_FILENAME ".dovecot-sync.lock"
/* A worker whose queue died needs a moment to notice. */
#define PULL_LOCK_TIMEOUT_SECS 30
/* Messages saved in one transaction: what a kill can cost. */
#define PULL_COMMIT_INTERVAL 100
#define PULL_ALT_CHAR '_'

struct pull_users {
	struct mail_storage_service_user *local_service, *remote_service;
	struct mail_user *local, *remote;
};

static char *pull_first_error = NULL;
static unsigned int pull_retry_after_secs = 0;
static bool pull_diagnosing = FALSE;
static const struct migration_progress *pull_progress = NULL;
static failure_callback_t *pull_next_error_handler;

/* dsync and imapc log why they failed, but do not return it. The first error
   is the cause of the others; each may have the words of the provider. */
static void ATTR_FORMAT(2, 0)
	pull_error_handler(const struct failure_context *ctx,
			   const char *format, va_list args)
{
	unsigned int secs;
	va_list args2;
	char *text;

	/* the same error once more, or what comes of being told to stop */
	if (pull_diagnosing || migration_progress_is_stopped(pull_progress))
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

static enum migration_outcome
pull_blame(const struct migration_pull_settings *set, struct mail_user *user,
	   enum mail_error mail_error, const char *fallback,
	   const char **error_r)
{
	struct migration_contact_answer answer;

	*error_r = t_strdup(pull_first_error != NULL ? pull_first_error :
						       fallback);
	if (mail_error == MAIL_ERROR_NOQUOTA)
		return MIGRATION_OUTCOME_LOCAL;
	/* who asks to be left alone is not asked again */
	if (pull_retry_after_secs > 0)
		return MIGRATION_OUTCOME_TEMPORARY;
	pull_diagnosing = TRUE;
	migration_contact_diagnose(set->remote, user, &answer);
	pull_diagnosing = FALSE;
	pull_retry_after_secs = answer.retry_after_secs;
	if (answer.account_gone) {
		*error_r = t_strdup_printf(
			"the provider does not let the account in: %s",
			*error_r);
		return MIGRATION_OUTCOME_ACCOUNT;
	}
	if (answer.verdict != MIGRATION_VERDICT_OK) {
		*error_r = t_strdup_printf("%s: %s",
					   migration_verdict_to_string(
						   answer.verdict),
					   *error_r);
	}
	switch (answer.verdict) {
	case MIGRATION_VERDICT_OK:
	case MIGRATION_VERDICT_TEMPORARY:
		return MIGRATION_OUTCOME_TEMPORARY;
	case MIGRATION_VERDICT_PASSWORD:
	case MIGRATION_VERDICT_EXPIRED:
		return MIGRATION_OUTCOME_PASSWORD;
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

/* One run of dsync over the mailboxes that are not excluded, or over sync_box
   only. */
static int
pull_dsync(const struct migration_pull_settings *set, struct pull_users *users,
	   const char *sync_box, const char *const *excludes,
	   enum mail_error *mail_error_r)
{
	static const char *const hashed_headers[] = { "Date", "Message-ID",
						      NULL };
	struct mail_namespace *ns =
		mail_namespace_find_inbox(users->local->namespaces);
	struct dsync_brain_settings brain_set;
	struct dsync_brain *local, *remote;
	struct dsync_ibc *ibc_local, *ibc_remote;
	enum mail_error remote_error = MAIL_ERROR_NONE;
	bool local_running = TRUE, remote_running = TRUE, changed;
	int ret = 0;

	i_zero(&brain_set);
	brain_set.process_title_prefix = "";
	t_array_init(&brain_set.sync_namespaces, 1);
	array_push_back(&brain_set.sync_namespaces, &ns);
	brain_set.sync_box = sync_box;
	brain_set.exclude_mailboxes = excludes;
	brain_set.mailbox_alt_char = PULL_ALT_CHAR;
	brain_set.sync_max_size = set->remote->provider->max_size;
	brain_set.hashed_headers = hashed_headers;
	brain_set.import_commit_msgs_interval = PULL_COMMIT_INTERVAL;

	dsync_ibc_init_pipe(&ibc_local, &ibc_remote);
	local = dsync_brain_master_init(
		users->local, ibc_local, DSYNC_BRAIN_SYNC_TYPE_FULL,
		DSYNC_BRAIN_FLAG_SEND_MAIL_REQUESTS |
			DSYNC_BRAIN_FLAG_BACKUP_RECV |
			DSYNC_BRAIN_FLAG_NO_BACKUP_OVERWRITE |
			DSYNC_BRAIN_FLAG_NO_NOTIFY,
		&brain_set);
	remote = dsync_brain_slave_init(users->remote, ibc_remote, TRUE, "",
					PULL_ALT_CHAR);
	while (local_running || remote_running) {
		if (dsync_brain_has_failed(local) ||
		    dsync_brain_has_failed(remote))
			break;
		local_running = dsync_brain_run(local, &changed);
		remote_running = dsync_brain_run(remote, &changed);
	}
	*mail_error_r = MAIL_ERROR_NONE;
	if (dsync_brain_deinit(&remote, &remote_error) < 0)
		ret = -1;
	if (dsync_brain_deinit(&local, mail_error_r) < 0)
		ret = -1;
	if (*mail_error_r == MAIL_ERROR_NONE)
		*mail_error_r = remote_error;
	dsync_ibc_deinit(&ibc_local);
	dsync_ibc_deinit(&ibc_remote);
	return ret;
}

static int
pull_mailboxes(const struct migration_pull_settings *set,
	       struct pull_users *users, enum mail_error *mail_error_r)
{
	ARRAY_TYPE(const_string) excludes;
	const char *const *configured;
	const char *error, *inbox = "INBOX";

	if (migration_exclude_parse(pool_datastack_create(),
				    set->remote->provider->exclude, &configured,
				    &error) < 0)
		i_unreached(); /* the settings were checked */
	t_array_init(&excludes, 8);
	array_append(&excludes, configured, str_array_length(configured));
	if (set->inbox_first && !str_array_find(configured, inbox)) {
		if (pull_dsync(set, users, inbox, NULL, mail_error_r) < 0)
			return -1;
		array_push_back(&excludes, &inbox);
	}
	array_append_zero(&excludes);
	migration_progress_set_scanning(set->progress);
	if (pull_dsync(set, users, NULL, array_front(&excludes), mail_error_r) <
	    0)
		return -1;
	/* also if there was nothing but INBOX */
	migration_progress_set_total_known(set->progress);
	return 0;
}

static enum migration_outcome
pull_locked(const struct migration_pull_settings *set, struct pull_users *users,
	    struct migration_pulled *pulled, const char **error_r)
{
	enum mail_error mail_error;
	const char *error = "dsync failed without saying why";
	int ret;

	if (migration_remote_user_connect(set->storage, users->remote_service,
					  users->local_service, &users->remote,
					  error_r) < 0) {
		return pull_blame(set, users->local, MAIL_ERROR_NONE, *error_r,
				  error_r);
	}
	migration_progress_set_remote_user(set->progress, users->remote);
	migration_user_init_dsync(users->local);
	migration_user_init_dsync(users->remote);
	ret = pull_mailboxes(set, users, &mail_error);
	if (ret == 0 && set->compare) {
		ret = migration_compare(users->local, users->remote, pulled,
					&error);
	}
	mail_user_deinit(&users->remote);
	if (ret < 0) {
		return pull_blame(set, users->local, mail_error, error,
				  error_r);
	}
	return migration_pulled_write(pulled, error_r) < 0 ?
		       MIGRATION_OUTCOME_LOCAL :
		       MIGRATION_OUTCOME_DONE;
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
pull_as_user(const struct migration_pull_settings *set,
	     struct pull_users *users, const char **error_r)
{
	struct mail_namespace *ns =
		mail_namespace_find_inbox(users->local->namespaces);
	struct migration_journal *journal;
	struct migration_pulled *pulled = NULL;
	enum migration_outcome outcome;
	struct file_lock *lock;
	const char *dir;

	outcome = pull_get_dir(ns, &dir, error_r);
	if (outcome == MIGRATION_OUTCOME_DONE)
		outcome = pull_lock(dir, &lock, error_r);
	if (outcome != MIGRATION_OUTCOME_DONE)
		return outcome;
	if (migration_journal_begin(dir, &journal, error_r) < 0) {
		outcome = MIGRATION_OUTCOME_LOCAL;
	} else if (pull_repair(ns, journal, error_r) < 0) {
		migration_journal_close(&journal, FALSE);
		outcome = MIGRATION_OUTCOME_LOCAL;
	} else if (migration_pulled_init(dir, ns, &pulled, error_r) < 0) {
		migration_journal_close(&journal, TRUE);
		outcome = MIGRATION_OUTCOME_LOCAL;
	} else {
		migration_progress_set_journal(set->progress, journal);
		outcome = pull_locked(set, users, pulled, error_r);
		migration_progress_set_journal(set->progress, NULL);
		migration_journal_close(&journal, TRUE);
	}
	migration_pulled_deinit(&pulled);
	file_lock_free(&lock);
	return outcome;
}

static enum migration_outcome
pull_lookup_users(const struct migration_pull_settings *set,
		  struct pull_users *users, const char **error_r)
{
	struct mail_storage_service_input input;
	int ret;

	i_zero(&input);
	input.module = "mail";
	input.service = "migration-worker";
	input.username = set->username;
	ret = mail_storage_service_lookup(set->storage, &input,
					  &users->local_service, error_r);
	if (ret == 0) {
		*error_r = "no userdb knows the account here: it is gone or "
			   "disabled";
		return MIGRATION_OUTCOME_ACCOUNT;
	}
	if (ret < 0) {
		*error_r = t_strdup_printf("User lookup failed: %s", *error_r);
		return ret == -1 ? MIGRATION_OUTCOME_TEMPORARY :
				   MIGRATION_OUTCOME_LOCAL;
	}
	if (migration_remote_user_lookup(set->storage, &input, set->remote,
					 &users->remote_service, error_r) < 0)
		return MIGRATION_OUTCOME_TEMPORARY;
	/* from here on as the user, and nobody else any more */
	if (mail_storage_service_next(set->storage, users->local_service,
				      &users->local, error_r) < 0) {
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
	struct pull_users users;
	enum migration_outcome outcome;

	*error_r = "";
	pull_progress = set->progress;
	pull_catch_errors();
	i_zero(&users);
	outcome = pull_lookup_users(set, &users, error_r);
	if (outcome == MIGRATION_OUTCOME_DONE)
		outcome = pull_as_user(set, &users, error_r);

	if (users.local != NULL)
		mail_user_deinit(&users.local);
	if (users.remote_service != NULL)
		mail_storage_service_user_unref(&users.remote_service);
	if (users.local_service != NULL)
		mail_storage_service_user_unref(&users.local_service);
	i_set_error_handler(pull_next_error_handler);
	*error_r = t_strdup(*error_r);
	*retry_after_secs_r = pull_retry_after_secs;
	i_free(pull_first_error);
	return outcome;
}

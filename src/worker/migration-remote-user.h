#ifndef MIGRATION_REMOTE_USER_H
#define MIGRATION_REMOTE_USER_H

/* The provider's mailbox as a second mail user of Dovecot, over imapc. The
   password is in this process's memory only. */

struct mail_storage_service_ctx;
struct mail_storage_service_user;
struct mail_storage_service_input;
struct mail_user;
struct migration_provider_settings;
struct migration_secret;

struct migration_remote_settings {
	const struct migration_provider_settings *provider;
	const char *remote_user;
	/* "PLAIN" or "LOGIN" */
	const char *mechanism;
	const struct migration_secret *password;
};

/* Looks the account up once more and turns it into the remote user. To be
   called as root, before the local user takes the privileges away. Returns 0,
   or -1. */
int migration_remote_user_lookup(struct mail_storage_service_ctx *storage,
				 const struct mail_storage_service_input *input,
				 const struct migration_remote_settings *set,
				 struct mail_storage_service_user **user_r,
				 const char **error_r);
/* Connects and logs in. On failure the error is imapc's own text. */
int migration_remote_user_connect(struct mail_storage_service_ctx *storage,
				  struct mail_storage_service_user *service_user,
				  struct mail_storage_service_user *local_user,
				  struct mail_user **user_r,
				  const char **error_r);

/* Prepares a user's mailbox lists for dsync, local and remote alike. */
void migration_user_init_dsync(struct mail_user *user);

#endif

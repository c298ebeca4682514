#ifndef DOVEADM_MIGRATION_LOGIN_H
#define DOVEADM_MIGRATION_LOGIN_H

/* The bytes of one IMAP login, in the parts that a server wants one by one: it
   answers "+" after each but the last. RFC 9051 6.2.2 and 6.2.3, RFC 4959
   (SASL-IR). They hold the password: their memory is overwritten when freed.
   Pure. */

struct migration_secret;
struct doveadm_migration_login;

struct doveadm_migration_login_settings {
	const char *tag;
	const char *user;
	const struct migration_secret *secret;
	/* AUTHENTICATE PLAIN instead of LOGIN, with the data in the same line
	   if the server allows that */
	bool plain, sasl_ir;
};

struct doveadm_migration_login *
doveadm_migration_login_init(const struct doveadm_migration_login_settings *set);
void doveadm_migration_login_deinit(struct doveadm_migration_login **login);

/* The next part with its CRLF, NULL after the last. Valid until _deinit(). */
const void *doveadm_migration_login_next(struct doveadm_migration_login *login,
					 size_t *size_r);

#endif

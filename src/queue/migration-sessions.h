#ifndef MIGRATION_SESSIONS_H
#define MIGRATION_SESSIONS_H

/* Ends the sessions of one user that Dovecot's login processes pass through to
   the provider, as "doveadm proxy kick" does. Sessions in here are not touched.
   Reaches the login processes of this Dovecot instance only. */

struct migration_sessions;

/* All sessions are gone (error NULL, ended: at least that many were), or the
   service that knows them cannot be reached. */
typedef void migration_sessions_callback_t(unsigned int ended,
					   const char *error, void *context);

/* Kicks until nobody is left, those included whose connection to the provider
   is only being made. The callback is called once, never from inside and never
   after _abort(). */
struct migration_sessions *
migration_sessions_end(const char *base_dir, const char *username,
		       migration_sessions_callback_t *callback, void *context);
void migration_sessions_abort(struct migration_sessions **sessions);

#endif

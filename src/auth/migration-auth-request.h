#ifndef MIGRATION_AUTH_REQUEST_H
#define MIGRATION_AUTH_REQUEST_H

/* One login of a user whom no passdb before ours let in: whose provider, at
   home here already, is the password right there, hand over. Runs on auth's
   ioloop; nothing blocks. */

#include "migration-settings.h"
#include "passdb.h"

struct migration_auth;

/* Reads the public key while the process is still root. can_proxy: sessions
   can be passed through to providers, else users wait where the settings say
   "proxy". */
int migration_auth_init(const struct migration_settings *set,
			const char *base_dir, bool can_proxy,
			struct migration_auth **auth_r, const char **error_r);
/* Answers what is on its way with a temporary failure. */
void migration_auth_deinit(struct migration_auth **auth);

/* TRUE if the process has nothing in memory that should outlive a pause. */
bool migration_auth_can_die(struct migration_auth *auth);

/* The callback is called exactly once, perhaps from inside this function. */
void migration_auth_verify(struct migration_auth *auth,
			   struct auth_request *request, const char *password,
			   verify_plain_callback_t *callback);

#endif

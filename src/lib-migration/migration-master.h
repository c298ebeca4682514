#ifndef MIGRATION_MASTER_H
#define MIGRATION_MASTER_H

/* A user of the provider's who may read everybody's mail: SASL PLAIN with the
   name of whose mail it is as authorization id. Users' passwords are not needed
   for the mail then, and not stored. */

struct migration_provider_settings;
struct migration_secret;

/* Stands in the place of a sealed password. */
#define MIGRATION_CREDENTIAL_MASTER "master"

bool migration_master_is_set(const struct migration_provider_settings *provider);
/* TRUE if the credential is the word above: there is no password in it. */
bool migration_credential_is_master(const char *credential);
/* The master user's password, without what ends the line of a file. The caller
   frees it. */
struct migration_secret *
migration_master_get_secret(const struct migration_provider_settings *provider);

/* For the checks of the settings: what is wrong, or NULL. */
const char *
migration_master_check(const struct migration_provider_settings *provider);

#endif

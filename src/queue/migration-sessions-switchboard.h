#ifndef MIGRATION_SESSIONS_SWITCHBOARD_H
#define MIGRATION_SESSIONS_SWITCHBOARD_H

/* Who is passed through to a provider, by the service of Dovecot that knows:
   ipc in 2.3 (-ipc.c), anvil in 2.4 (-anvil.c). One user, one question at a
   time. */

struct migration_switchboard;

/* left: sessions of the user; error: NULL unless it failed. Each is called
   once for each question, never from inside of it, and the switchboard may not
   be freed from it. */
struct migration_switchboard_vfuncs {
	void (*listed)(unsigned int left, const char *error, void *context);
	void (*kicked)(const char *error, void *context);
};

struct migration_switchboard *
migration_switchboard_init(const char *base_dir, const char *username,
			   const struct migration_switchboard_vfuncs *vfuncs,
			   void *context);
void migration_switchboard_deinit(struct migration_switchboard **switchboard);

void migration_switchboard_list(struct migration_switchboard *switchboard);
/* Ends those that the last list had. One whose connection to the provider is
   being made may stay. */
void migration_switchboard_kick(struct migration_switchboard *switchboard);

#endif

#ifndef MIGRATION_FINISH_H
#define MIGRATION_FINISH_H

/* Ends migrations by themselves: migration_finish_after, and finish_at of a
   provider. Looks for such records by index in small batches, from time to
   time, and lets nothing remain of credentials that were destroyed. */

struct migration_finish;
struct migration_queue;
struct migration_settings;

/* The database must be usable. */
struct migration_finish *
migration_finish_init(struct migration_queue *queue,
		      const struct migration_settings *set,
		      struct event *event_parent);
/* What the database still answers is waited for by whoever waits for the
   store. */
void migration_finish_deinit(struct migration_finish **finish);

#endif

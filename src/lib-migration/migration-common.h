#ifndef MIGRATION_COMMON_H
#define MIGRATION_COMMON_H

/* What every process of dovecot-migration shares: the event category and the
   paths that several of them must agree on. */

#define MIGRATION_STATE_SUBDIR "migration"

/* Category of every event, see doc/events.md. */
extern struct event_category event_category_migration;

#endif

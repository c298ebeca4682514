#ifndef MIGRATION_ADD_H
#define MIGRATION_ADD_H

/* An administrator wants a user to be moved before the first login: looks
   whether there is a record or an account, applies the rule (migration-addition.h),
   and makes account and record, or gives the record the new credential. Never
   blocks; the database must be usable. */

#include "migration-control.h"

struct migration_addition;

/* The addition is copied. The callback is called exactly once, perhaps from
   inside. */
void migration_add(struct migration_queue *queue,
		   const struct migration_addition *addition,
		   struct event *event_parent,
		   migration_control_callback_t *callback, void *context);

#endif

#ifndef MIGRATION_ARRIVAL_H
#define MIGRATION_ARRIVAL_H

/* Sees messages when they arrive from the provider, which may be long before
   they are saved: imapc asks for hundreds at once and hands out none of them
   until the last is there. */

struct mailbox;

typedef void migration_arrival_callback_t(uint64_t bytes);

/* box is the provider's and has just been opened. Called for each whole
   message until the mailbox is closed. */
void migration_arrival_watch(struct mailbox *box,
			     migration_arrival_callback_t *callback);

#endif

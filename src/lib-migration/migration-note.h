#ifndef MIGRATION_NOTE_H
#define MIGRATION_NOTE_H

/* What a sync could not bring, or did in another way than the provider has it.
   Said by the worker, kept by the queue until the next sync says otherwise,
   shown by doveadm. */

struct migration_note {
	/* As it is called here: UTF-8, with the namespace's separator. */
	const char *mailbox;
	/* The provider's, 0 = the mailbox itself. */
	uint32_t uid;
	/* One line for people. */
	const char *text;
	/* UNIX timestamp: when it was first said of that mailbox and UID. */
	time_t since;
};

/* All that one sync has said. */
struct migration_note_list {
	const struct migration_note *const *notes;
	unsigned int count;
	/* including those for which there was no room */
	unsigned int total;
};

#endif

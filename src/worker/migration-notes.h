#ifndef MIGRATION_NOTES_H
#define MIGRATION_NOTES_H

/* What a sync could not bring, or brought in another way: once for each
   message, by what was said last, and all that was said of each mailbox. No
   more than MIGRATION_NOTES_MAX. */

#define MIGRATION_NOTES_MAX 1000

struct migration_note {
	/* The mailbox's name here */
	const char *mailbox;
	/* The provider's; 0 = the mailbox itself */
	uint32_t uid;
	const char *text;
};

struct migration_notes *migration_notes_init(void);
void migration_notes_deinit(struct migration_notes **notes);

void migration_notes_add(struct migration_notes *notes, const char *mailbox,
			 uint32_t uid, const char *text);
/* In the order in which they came; idx from 0. NULL after the last. */
const struct migration_note *
migration_notes_get(const struct migration_notes *notes, unsigned int idx);

#endif

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "migration-notes.h"

struct migration_notes {
	pool_t pool;
	ARRAY(struct migration_note) notes;
};

struct migration_notes *migration_notes_init(void)
{
	struct migration_notes *notes;
	pool_t pool;

	pool = pool_alloconly_create("migration notes", 1024);
	notes = p_new(pool, struct migration_notes, 1);
	notes->pool = pool;
	p_array_init(&notes->notes, pool, 8);
	return notes;
}

void migration_notes_deinit(struct migration_notes **_notes)
{
	struct migration_notes *notes = *_notes;

	*_notes = NULL;
	pool_unref(&notes->pool);
}

void migration_notes_add(struct migration_notes *notes, const char *mailbox,
			 uint32_t uid, const char *text)
{
	struct migration_note *note;

	array_foreach_modifiable(&notes->notes, note) {
		if (note->uid != uid || strcmp(note->mailbox, mailbox) != 0)
			continue;
		if (uid != 0)
			note->text = p_strdup(notes->pool, text);
		else if (strstr(note->text, text) == NULL)
			note->text = p_strconcat(notes->pool, note->text, "; ",
						 text, NULL);
		return;
	}
	if (array_count(&notes->notes) == MIGRATION_NOTES_MAX)
		return;
	note = array_append_space(&notes->notes);
	note->mailbox = p_strdup(notes->pool, mailbox);
	note->uid = uid;
	note->text = p_strdup(notes->pool, text);
}

const struct migration_note *
migration_notes_get(const struct migration_notes *notes, unsigned int idx)
{
	return idx < array_count(&notes->notes) ?
		       array_idx(&notes->notes, idx) :
		       NULL;
}

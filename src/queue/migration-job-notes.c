/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "hash.h"
#include "migration-limits.h"
#include "migration-text.h"
#include "migration-job-notes.h"

/* Of one worker. */
struct notes_set {
	pool_t pool;
	ARRAY(const struct migration_note *) notes;
	/* by UID and mailbox */
	HASH_TABLE(const char *, struct migration_note *) seen;
	unsigned int total;
};

struct migration_job_notes {
	/* the worker that runs now, and the newest that ended */
	struct notes_set *running, *ended;
};

static struct notes_set *notes_set_init(void)
{
	struct notes_set *set;
	pool_t pool;

	pool = pool_alloconly_create("migration job notes", 512);
	set = p_new(pool, struct notes_set, 1);
	set->pool = pool;
	i_array_init(&set->notes, 8);
	hash_table_create(&set->seen, default_pool, 0, str_hash, strcmp);
	return set;
}

static void notes_set_deinit(struct notes_set **_set)
{
	struct notes_set *set = *_set;

	if (set == NULL)
		return;
	*_set = NULL;
	hash_table_destroy(&set->seen);
	array_free(&set->notes);
	pool_unref(&set->pool);
}

struct migration_job_notes *migration_job_notes_init(void)
{
	return i_new(struct migration_job_notes, 1);
}

void migration_job_notes_deinit(struct migration_job_notes **_notes)
{
	struct migration_job_notes *notes = *_notes;

	*_notes = NULL;
	notes_set_deinit(&notes->running);
	notes_set_deinit(&notes->ended);
	i_free(notes);
}

void migration_job_notes_begin(struct migration_job_notes *notes)
{
	notes_set_deinit(&notes->running);
	notes->running = notes_set_init();
}

static const char *notes_bound(const char *text)
{
	return migration_text_sanitize(
		t_strndup(text, MIGRATION_MAX_NOTE_BYTES));
}

static void
notes_set_add(struct notes_set *set, const char *key, const char *mailbox,
	      uint32_t uid, const char *text, time_t now)
{
	const struct migration_note *pointer;
	struct migration_note *note;

	set->total++;
	if (array_count(&set->notes) >= MIGRATION_MAX_NOTES ||
	    strlen(mailbox) > MIGRATION_MAX_MAILBOX_NAME_BYTES)
		return;
	note = p_new(set->pool, struct migration_note, 1);
	note->mailbox = p_strdup(set->pool, mailbox);
	note->uid = uid;
	note->text = p_strdup(set->pool, notes_bound(text));
	note->since = now;
	pointer = note;
	array_push_back(&set->notes, &pointer);
	key = p_strdup(set->pool, key);
	hash_table_insert(set->seen, key, note);
}

void migration_job_notes_add(struct migration_job_notes *notes,
			     const char *mailbox, uint32_t uid,
			     const char *text, time_t now)
{
	struct notes_set *set = notes->running;
	const char *key = t_strdup_printf("%u %s", uid, mailbox);
	struct migration_note *note;

	note = hash_table_lookup(set->seen, key);
	if (note == NULL) {
		notes_set_add(set, key, mailbox, uid, text, now);
	} else if (strlen(note->text) < MIGRATION_MAX_NOTE_BYTES &&
		   strstr(note->text, notes_bound(text)) == NULL) {
		/* a full one grows no further, so that memory stays bounded */
		note->text = p_strdup(set->pool,
				      notes_bound(t_strconcat(note->text, "; ",
							      text, NULL)));
	}
}

void migration_job_notes_end(struct migration_job_notes *notes, bool done)
{
	if (!done && notes->running->total == 0) {
		notes_set_deinit(&notes->running);
		return;
	}
	notes_set_deinit(&notes->ended);
	notes->ended = notes->running;
	notes->running = NULL;
}

bool migration_job_notes_get(struct migration_job_notes *notes,
			     struct migration_note_list *list_r)
{
	i_zero(list_r);
	if (notes->ended == NULL)
		return FALSE;
	list_r->notes = array_get(&notes->ended->notes, &list_r->count);
	list_r->total = notes->ended->total;
	return TRUE;
}

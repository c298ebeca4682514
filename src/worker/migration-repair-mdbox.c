/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "file-lock.h"
#include "hash.h"
#include "mail-index.h"
#include "mail-storage-private.h"
#include "mail-namespace.h"
#include "mailbox-list-iter.h"
#include "mailbox-list-private.h"
#include "migration-compat.h"
#include "migration-repair-mdbox.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* See Dovecot's mdbox-storage.h and mdbox-map.h */
#define MDBOX_STORAGE_DIR "storage"
#define MDBOX_FILE_PREFIX "m."
#define MDBOX_MAP_PREFIX "dovecot.map.index"
#define MDBOX_MAP_EXTENSION "map"
#define MDBOX_REFERENCES_EXTENSION "ref"
#define MDBOX_MAIL_EXTENSION "mdbox"

struct mdbox_map_record {
	uint32_t file_id;
	uint32_t offset;
	uint32_t size;
};

struct mdbox_mail_record {
	uint32_t map_uid;
	uint32_t save_date;
};

/* UID in the map -> messages in mailboxes */
HASH_TABLE_DEFINE_TYPE(mdbox_references, void *, void *);

struct mdbox_file_end {
	uint32_t file_id;
	uoff_t end;
};

ARRAY_DEFINE_TYPE(mdbox_file_end, struct mdbox_file_end);

/* Where the last message of each file ends that the map knows. */
static void mdbox_read_ends(struct mail_index_view *view, uint32_t ext_id,
			    ARRAY_TYPE(mdbox_file_end) *ends)
{
	uint32_t seq, count = mail_index_view_get_messages_count(view);
	struct mdbox_file_end *end, *found;
	const struct mdbox_map_record *rec;
	const void *data;
	bool expunged;

	for (seq = 1; seq <= count; seq++) {
		mail_index_lookup_ext(view, seq, ext_id, &data, &expunged);
		if (data == NULL)
			continue;
		rec = data;
		found = NULL;
		array_foreach_modifiable(ends, end) {
			if (end->file_id == rec->file_id)
				found = end;
		}
		if (found == NULL) {
			found = array_append_space(ends);
			found->file_id = rec->file_id;
		}
		found->end = I_MAX(found->end, (uoff_t)rec->offset + rec->size);
	}
}

/* Whoever appends to it just now has it locked, and it is left alone. */
static int
mdbox_cut(const char *path, uoff_t end, const struct mail_storage_settings *set,
	  const char **error_r)
{
	const struct file_lock_settings lock_set = {
		.lock_method = set->parsed_lock_method,
	};
	struct file_lock *lock;
	struct stat st;
	const char *error;
	int fd, ret = 0;

	fd = open(path, O_RDWR);
	if (fd == -1) {
		if (errno == ENOENT)
			return 0;
		*error_r = t_strdup_printf("open(%s) failed: %m", path);
		return -1;
	}
	if (file_try_lock(fd, path, F_WRLCK, &lock_set, &lock, &error) > 0) {
		if (fstat(fd, &st) == 0 && (uoff_t)st.st_size > end &&
		    ftruncate(fd, end) < 0) {
			*error_r = t_strdup_printf("ftruncate(%s) failed: %m",
						   path);
			ret = -1;
		}
		file_unlock(&lock);
	}
	i_close_fd(&fd);
	return ret;
}

static int
mdbox_cut_all(struct mail_index *index, struct mail_index_view *view,
	      const char *dir, const struct mail_storage_settings *set,
	      const char **error_r)
{
	ARRAY_TYPE(mdbox_file_end) ends;
	const struct mdbox_file_end *end;
	uint32_t ext_id;
	int ret = 0;

	ext_id = mail_index_ext_register(index, MDBOX_MAP_EXTENSION, 0,
					 sizeof(struct mdbox_map_record),
					 sizeof(uint32_t));
	t_array_init(&ends, 16);
	mdbox_read_ends(view, ext_id, &ends);
	array_foreach(&ends, end) {
		if (ret == 0) {
			ret = mdbox_cut(t_strdup_printf("%s/" MDBOX_FILE_PREFIX
							"%u",
							dir, end->file_id),
					end->end, set, error_r);
		}
	}
	return ret;
}

/* Nobody else can write the map until it is committed. */
static int
mdbox_lock_map(struct mail_index *index, const char *dir,
	       struct mail_index_sync_ctx **sync_ctx_r,
	       struct mail_index_view **view_r,
	       struct mail_index_transaction **trans_r, const char **error_r)
{
	struct mail_index_sync_rec sync_rec;

	if (mail_index_sync_begin(index, sync_ctx_r, view_r, trans_r,
				  MAIL_INDEX_SYNC_FLAG_UPDATE_TAIL_OFFSET) <
	    0) {
		*error_r = t_strdup_printf("Cannot lock the map of %s: %s", dir,
					   mail_index_get_error_message(index));
		return -1;
	}
	while (mail_index_sync_next(*sync_ctx_r, &sync_rec))
		;
	return 0;
}

static int
mdbox_commit_map(struct mail_index *index, const char *dir,
		 struct mail_index_sync_ctx **sync_ctx, const char **error_r)
{
	if (mail_index_sync_commit(sync_ctx) < 0) {
		*error_r = t_strdup_printf("Cannot sync the map of %s: %s", dir,
					   mail_index_get_error_message(index));
		return -1;
	}
	return 0;
}

static int
mdbox_sync_map(struct mail_index *index, const char *dir,
	       const struct mail_storage_settings *set, const char **error_r)
{
	struct mail_index_sync_ctx *sync_ctx;
	struct mail_index_transaction *trans;
	struct mail_index_view *view;
	const char *error;
	int ret;

	if (mdbox_lock_map(index, dir, &sync_ctx, &view, &trans, error_r) < 0)
		return -1;
	ret = mdbox_cut_all(index, view, dir, set, error_r);
	if (mdbox_commit_map(index, dir, &sync_ctx, &error) < 0 && ret == 0) {
		*error_r = error;
		ret = -1;
	}
	return ret;
}

static void mdbox_count_in(struct mailbox *box,
			   HASH_TABLE_TYPE(mdbox_references) references)
{
	uint32_t ext_id, seq, count;
	const struct mdbox_mail_record *rec;
	const void *data;
	void *key, *known;

	ext_id = mail_index_ext_register(box->index, MDBOX_MAIL_EXTENSION, 0,
					 sizeof(struct mdbox_mail_record),
					 sizeof(uint32_t));
	count = mail_index_view_get_messages_count(box->view);
	for (seq = 1; seq <= count; seq++) {
		mail_index_lookup_ext(box->view, seq, ext_id, &data, NULL);
		rec = data;
		if (rec == NULL || rec->map_uid == 0)
			continue;
		key = POINTER_CAST(rec->map_uid);
		known = hash_table_lookup(references, key);
		hash_table_update(
			references, key,
			POINTER_CAST(POINTER_CAST_TO(known, uint32_t) + 1));
	}
}

/* A mailbox that cannot be opened is for Dovecot to repair. */
static int mdbox_count_references(struct mailbox_list *list,
				  HASH_TABLE_TYPE(mdbox_references) references,
				  const char **error_r)
{
	struct mailbox_list_iterate_context *iter;
	const struct mailbox_info *info;
	struct mailbox *box;

	iter = mailbox_list_iter_init(list, "*",
				      MAILBOX_LIST_ITER_NO_AUTO_BOXES |
					      MAILBOX_LIST_ITER_SKIP_ALIASES |
					      MAILBOX_LIST_ITER_RETURN_NO_FLAGS);
	while ((info = mailbox_list_iter_next(iter)) != NULL) {
		box = mailbox_alloc(list, info->vname, MAILBOX_FLAG_READONLY);
		if (mailbox_open(box) == 0)
			mdbox_count_in(box, references);
		mailbox_free(&box);
	}
	if (mailbox_list_iter_deinit(&iter) < 0) {
		*error_r = mailbox_list_get_last_internal_error(list, NULL);
		return -1;
	}
	return 0;
}

/* A kill between the two commits of an expunge leaves one reference too few in
   the map: the expunge is done once more, and Dovecot would take the map for
   corrupted. One too many only costs space, so nobody has to be locked out
   while they are counted. */
static int mdbox_mend_references(struct mail_index *index,
				 HASH_TABLE_TYPE(mdbox_references) references,
				 const char *dir, const char **error_r)
{
	struct mail_index_sync_ctx *sync_ctx;
	struct mail_index_transaction *trans;
	struct mail_index_view *view;
	struct hash_iterate_context *iter;
	const void *data;
	void *key, *value;
	uint32_t seq, ext_id;
	uint16_t count;

	if (mdbox_lock_map(index, dir, &sync_ctx, &view, &trans, error_r) < 0)
		return -1;
	ext_id = mail_index_ext_register(index, MDBOX_REFERENCES_EXTENSION, 0,
					 sizeof(uint16_t), sizeof(uint16_t));
	iter = hash_table_iterate_init(references);
	while (hash_table_iterate(iter, references, &key, &value)) {
		if (!mail_index_lookup_seq(view, POINTER_CAST_TO(key, uint32_t),
					   &seq))
			continue;
		mail_index_lookup_ext(view, seq, ext_id, &data, NULL);
		count = data == NULL ? 0 : *(const uint16_t *)data;
		if (count >= POINTER_CAST_TO(value, uint32_t))
			continue;
		count = I_MIN(POINTER_CAST_TO(value, uint32_t), UINT16_MAX);
		mail_index_update_ext(trans, seq, ext_id, &count, NULL);
	}
	hash_table_iterate_deinit(&iter);
	return mdbox_commit_map(index, dir, &sync_ctx, error_r);
}

int migration_repair_mdbox(struct mailbox_list *list, const char **error_r)
{
	const struct mail_storage_settings *set = list->mail_set;
	HASH_TABLE_TYPE(mdbox_references) references;
	struct mail_index *index;
	const char *dir, *index_dir;
	int ret;

	if (!mailbox_list_get_root_path(list, MAILBOX_LIST_PATH_TYPE_DIR,
					&dir) ||
	    !mailbox_list_get_root_path(list, MAILBOX_LIST_PATH_TYPE_INDEX,
					&index_dir))
		return 0;
	dir = t_strconcat(dir, "/" MDBOX_STORAGE_DIR, NULL);
	index_dir = t_strconcat(index_dir, "/" MDBOX_STORAGE_DIR, NULL);
	index = mail_index_alloc(NULL, index_dir, MDBOX_MAP_PREFIX);
	mail_index_set_lock_method(index, set->parsed_lock_method, UINT_MAX);
	ret = mail_index_open(index, mail_storage_settings_to_index_flags(set));
	if (ret < 0) {
		*error_r = t_strdup_printf("Cannot open the map of %s: %s", dir,
					   mail_index_get_error_message(index));
	} else if (ret > 0) {
		ret = mdbox_sync_map(index, dir, set, error_r);
		hash_table_create_direct(&references, default_pool, 0);
		if (ret == 0)
			ret = mdbox_count_references(list, references, error_r);
		if (ret == 0)
			ret = mdbox_mend_references(index, references, dir,
						    error_r);
		hash_table_destroy(&references);
		mail_index_close(index);
	}
	mail_index_free(&index);
	return ret;
}

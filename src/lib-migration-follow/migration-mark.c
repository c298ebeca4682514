/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "buffer.h"
#include "mail-index.h"
#include "mail-storage-private.h"
#include "migration-mark.h"

#define MARK_EXTENSION "migration"
#define MARK_VERSION 1

#define MARK_FLAG_COMPARING 0x01
#define MARK_FLAG_WITHOUT_UIDLS 0x02
#define MARK_FLAG_RENUMBERING 0x04

/* On disk, in the machine's byte order as all of the index. Behind it are the
   UIDs that are pending, what was left out, and the keywords' names, each with
   its NUL. */
struct mark_disk_header {
	uint32_t version;
	uint32_t uid_validity;
	uint32_t last_uid;
	uint32_t messages;
	uint32_t highest_modseq[2];
	uint32_t local_next_uid;
	uint32_t suspect_uid;
	uint32_t taken_uid;
	uint32_t adopted_next_uid;
	uint32_t moved_next_uid;
	uint32_t flags;
	uint32_t pop3_refused_day;
	uint32_t list_losses;
	uint32_t bytes[2];
	uint32_t pending_count;
	uint32_t left_out_count;
	uint32_t left_out_more;
	uint32_t keywords_size;
};

struct mark_disk_record {
	uint32_t remote_uid;
	uint32_t flags;
	uint32_t keywords[2];
	uint32_t local_hash;
};

struct migration_mark {
	pool_t pool;
	struct mailbox *box;
	uint32_t ext_id;
	struct migration_mark_header hdr;
	ARRAY_TYPE(uint32_t) pending;
	ARRAY_TYPE(migration_mark_left_out) left_out;
	ARRAY_TYPE(const_string) keywords;
	/* of the header on disk */
	size_t disk_size;
};

static uint64_t mark_join(const uint32_t parts[2])
{
	return (uint64_t)parts[1] << 32 | parts[0];
}

static void mark_split(uint64_t value, uint32_t parts_r[2])
{
	parts_r[0] = value & 0xffffffff;
	parts_r[1] = value >> 32;
}

/* The data may be cut or of a later version: nothing of it is used then. */
static void
mark_parse(struct migration_mark *mark, const unsigned char *data, size_t size)
{
	struct mark_disk_header disk;
	const char *names, *end;
	size_t pending_size, left_out_size;

	mark->disk_size = size;
	if (size < sizeof(disk))
		return;
	memcpy(&disk, data, sizeof(disk));
	pending_size = (size_t)disk.pending_count * sizeof(uint32_t);
	left_out_size = (size_t)disk.left_out_count *
			sizeof(struct migration_mark_left_out);
	if (disk.version != MARK_VERSION || pending_size > size ||
	    left_out_size > size || disk.keywords_size > size ||
	    sizeof(disk) + pending_size + left_out_size + disk.keywords_size >
		    size)
		return;
	mark->hdr.uid_validity = disk.uid_validity;
	mark->hdr.last_uid = disk.last_uid;
	mark->hdr.messages = disk.messages;
	mark->hdr.highest_modseq = mark_join(disk.highest_modseq);
	mark->hdr.local_next_uid = disk.local_next_uid;
	mark->hdr.suspect_uid = disk.suspect_uid;
	mark->hdr.taken_uid = disk.taken_uid;
	mark->hdr.adopted_next_uid = disk.adopted_next_uid;
	mark->hdr.moved_next_uid = disk.moved_next_uid;
	mark->hdr.comparing = (disk.flags & MARK_FLAG_COMPARING) != 0;
	mark->hdr.renumbering = (disk.flags & MARK_FLAG_RENUMBERING) != 0;
	mark->hdr.without_uidls = (disk.flags & MARK_FLAG_WITHOUT_UIDLS) != 0;
	mark->hdr.pop3_refused_day = disk.pop3_refused_day;
	mark->hdr.list_losses = disk.list_losses;
	mark->hdr.bytes = mark_join(disk.bytes);
	array_append(&mark->pending, (const uint32_t *)(data + sizeof(disk)),
		     disk.pending_count);
	mark->hdr.left_out_more = disk.left_out_more;
	names = (const char *)data + sizeof(disk) + pending_size;
	array_append(&mark->left_out,
		     (const struct migration_mark_left_out *)names,
		     disk.left_out_count);
	names += left_out_size;
	end = names + disk.keywords_size;
	while (names < end) {
		const char *name = p_strndup(mark->pool, names, end - names);

		array_push_back(&mark->keywords, &name);
		names += strlen(name) + 1;
	}
}

struct migration_mark *migration_mark_init(struct mailbox *box)
{
	struct migration_mark *mark;
	const void *data;
	size_t size;
	pool_t pool;

	i_assert(box->opened);

	pool = pool_alloconly_create("migration mark", 1024);
	mark = p_new(pool, struct migration_mark, 1);
	mark->pool = pool;
	mark->box = box;
	p_array_init(&mark->pending, pool, 8);
	p_array_init(&mark->left_out, pool, 8);
	p_array_init(&mark->keywords, pool, 8);
	mark->ext_id = mail_index_ext_register(box->index, MARK_EXTENSION,
					       sizeof(struct mark_disk_header),
					       sizeof(struct mark_disk_record),
					       sizeof(uint32_t));
	mail_index_get_header_ext(box->view, mark->ext_id, &data, &size);
	mark_parse(mark, data, size);
	return mark;
}

void migration_mark_deinit(struct migration_mark **_mark)
{
	struct migration_mark *mark = *_mark;

	if (mark == NULL)
		return;
	*_mark = NULL;
	pool_unref(&mark->pool);
}

struct migration_mark_header *migration_mark_header(struct migration_mark *mark)
{
	return &mark->hdr;
}

ARRAY_TYPE(uint32_t) *migration_mark_pending(struct migration_mark *mark)
{
	return &mark->pending;
}

static int mark_uid_cmp(const uint32_t *a, const uint32_t *b)
{
	if (*a == *b)
		return 0;
	return *a < *b ? -1 : 1;
}

void migration_mark_set_pending(struct migration_mark *mark, uint32_t uid,
				bool pending)
{
	const uint32_t *found;

	found = array_bsearch(&mark->pending, &uid, mark_uid_cmp);
	if (found != NULL && !pending) {
		array_delete(&mark->pending,
			     array_ptr_to_idx(&mark->pending, found), 1);
	} else if (found == NULL && pending) {
		array_push_back(&mark->pending, &uid);
		array_sort(&mark->pending, mark_uid_cmp);
	}
}

ARRAY_TYPE(migration_mark_left_out) *
migration_mark_left_out(struct migration_mark *mark)
{
	return &mark->left_out;
}

bool migration_mark_add_left_out(struct migration_mark *mark, uint32_t uid,
				 uint64_t size)
{
	struct migration_mark_left_out *left_out;

	/* by a run that did not come further */
	array_foreach_modifiable(&mark->left_out, left_out) {
		if (left_out->uid == uid)
			return TRUE;
	}
	if (array_count(&mark->left_out) >= MIGRATION_MARK_LEFT_OUT)
		return FALSE;
	left_out = array_append_space(&mark->left_out);
	left_out->uid = uid;
	mark_split(size, left_out->size);
	return TRUE;
}

uint64_t
migration_mark_left_out_size(const struct migration_mark_left_out *left_out)
{
	return mark_join(left_out->size);
}

uint64_t migration_mark_keyword(struct migration_mark *mark, const char *name)
{
	const char *const *names;
	unsigned int i, count;

	names = array_get(&mark->keywords, &count);
	for (i = 0; i < count; i++) {
		if (strcasecmp(names[i], name) == 0)
			return (uint64_t)1 << i;
	}
	if (count == MIGRATION_MARK_KEYWORDS)
		return 0;
	name = p_strdup(mark->pool, name);
	array_push_back(&mark->keywords, &name);
	return (uint64_t)1 << count;
}

const char *
migration_mark_keyword_name(struct migration_mark *mark, unsigned int bit)
{
	return array_idx_elem(&mark->keywords, bit);
}

void migration_mark_copy(struct migration_mark *mark,
			 const struct migration_mark *from)
{
	const char *name;

	mark->hdr = from->hdr;
	array_clear(&mark->pending);
	array_append_array(&mark->pending, &from->pending);
	array_clear(&mark->left_out);
	array_append_array(&mark->left_out, &from->left_out);
	array_clear(&mark->keywords);
	array_foreach_elem(&from->keywords, name) {
		name = p_strdup(mark->pool, name);
		array_push_back(&mark->keywords, &name);
	}
}

void migration_mark_write(struct migration_mark *mark,
			  struct mailbox_transaction_context *trans)
{
	struct mark_disk_header disk = {
		.version = MARK_VERSION,
		.uid_validity = mark->hdr.uid_validity,
		.last_uid = mark->hdr.last_uid,
		.messages = mark->hdr.messages,
		.local_next_uid = mark->hdr.local_next_uid,
		.suspect_uid = mark->hdr.suspect_uid,
		.taken_uid = mark->hdr.taken_uid,
		.adopted_next_uid = mark->hdr.adopted_next_uid,
		.moved_next_uid = mark->hdr.moved_next_uid,
		.flags =
			(mark->hdr.comparing ? MARK_FLAG_COMPARING : 0) |
			(mark->hdr.renumbering ? MARK_FLAG_RENUMBERING : 0) |
			(mark->hdr.without_uidls ? MARK_FLAG_WITHOUT_UIDLS : 0),
		.pop3_refused_day = mark->hdr.pop3_refused_day,
		.list_losses = mark->hdr.list_losses,
		.pending_count = array_count(&mark->pending),
		.left_out_count = array_count(&mark->left_out),
		.left_out_more = mark->hdr.left_out_more,
	};
	buffer_t *buf = t_buffer_create(512);
	const char *name;
	size_t start;

	mark_split(mark->hdr.highest_modseq, disk.highest_modseq);
	mark_split(mark->hdr.bytes, disk.bytes);
	buffer_append(buf, &disk, sizeof(disk));
	buffer_append_buf(buf, mark->pending.arr.buffer, 0, SIZE_MAX);
	buffer_append_buf(buf, mark->left_out.arr.buffer, 0, SIZE_MAX);
	start = buf->used;
	array_foreach_elem(&mark->keywords, name)
		buffer_append(buf, name, strlen(name) + 1);
	disk.keywords_size = buf->used - start;
	buffer_write(buf, 0, &disk, sizeof(disk));
	/* the header does not become smaller, and its end is ignored */
	if (buf->used > mark->disk_size) {
		mark->disk_size = (buf->used + 255) & ~(size_t)255;
		mail_index_ext_resize_hdr(trans->itrans, mark->ext_id,
					  mark->disk_size);
	}
	mail_index_update_header_ext(trans->itrans, mark->ext_id, 0, buf->data,
				     buf->used);
}

void migration_mark_reset(struct migration_mark *mark,
			  struct mailbox_transaction_context *trans)
{
	struct migration_mark_record none;
	uint32_t seq,
		count = mail_index_view_get_messages_count(mark->box->view);

	i_zero(&none);
	for (seq = 1; seq <= count; seq++)
		migration_mark_write_record(mark, trans, seq, &none);
}

void migration_mark_read_record(struct migration_mark *mark, uint32_t seq,
				struct migration_mark_record *record_r)
{
	const struct mark_disk_record *disk;
	const void *data;
	bool expunged;

	i_zero(record_r);
	mail_index_lookup_ext(mark->box->view, seq, mark->ext_id, &data,
			      &expunged);
	if (data == NULL)
		return;
	disk = data;
	record_r->remote_uid = disk->remote_uid;
	record_r->seen.flags = disk->flags & MIGRATION_FLAGS_MASK;
	record_r->seen.keywords = mark_join(disk->keywords);
	record_r->local_hash = disk->local_hash;
}

void migration_mark_write_record(struct migration_mark *mark,
				 struct mailbox_transaction_context *trans,
				 uint32_t seq,
				 const struct migration_mark_record *record)
{
	struct mark_disk_record disk = {
		.remote_uid = record->remote_uid,
		.flags = record->seen.flags,
		.local_hash = record->local_hash,
	};

	mark_split(record->seen.keywords, disk.keywords);
	mail_index_update_ext(trans->itrans, seq, mark->ext_id, &disk, NULL);
}

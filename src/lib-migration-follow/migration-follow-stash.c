/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "imap-arg.h"
#include "istream.h"
#include "safe-mkstemp.h"
#include "seq-range-array.h"
#include "str.h"
#include "write-full.h"
#include "imapc-client.h"
#include "mail-storage-private.h"
#include "mail-user.h"
#include "migration-remote.h"
#include "migration-follow-private.h"

#include <unistd.h>

#define STASH_BODY "BODY[]"

bool follow_stash_is_large(uoff_t size)
{
	return size != UOFF_T_MAX && size > FOLLOW_STASH_PART_BYTES;
}

static int stash_open(struct follow_mailbox *box, struct follow_remote *mail)
{
	string_t *path = t_str_new(128);

	if (mail->stash_fd != -1)
		return 0;
	mail_user_set_get_temp_prefix(path, box->box->storage->user->set);
	mail->stash_fd = safe_mkstemp_hostpid(path, 0600, (uid_t)-1, (gid_t)-1);
	if (mail->stash_fd == -1) {
		e_error(box->box->event, "safe_mkstemp(%s) failed: %m",
			str_c(path));
		return -1;
	}
	i_unlink(str_c(path));
	i_array_init(&mail->stash_ranges, 4);
	return 0;
}

static int stash_write(struct follow_mailbox *box, struct follow_remote *mail,
		       struct istream *input, uoff_t offset, uoff_t *end_r)
{
	const unsigned char *data;
	size_t size;

	if (stash_open(box, mail) < 0)
		return -1;
	while (i_stream_read_more(input, &data, &size) > 0) {
		if (offset + size > (uint32_t)-1) {
			e_error(box->box->event,
				"UID %u is larger than the 4 GB that a message "
				"may have",
				mail->uid);
			return -1;
		}
		if (pwrite_full(mail->stash_fd, data, size, offset) < 0) {
			e_error(box->box->event,
				"write(temporary file of UID %u) failed: %m",
				mail->uid);
			return -1;
		}
		seq_range_array_add_range(&mail->stash_ranges, offset + 1,
					  offset + size);
		offset += size;
		i_stream_skip(input, size);
	}
	if (input->stream_errno != 0) {
		e_error(box->box->event, "read(%s) failed: %s",
			i_stream_get_name(input), i_stream_get_error(input));
		return -1;
	}
	*end_r = offset;
	return 0;
}

int follow_stash_add(struct follow_mailbox *box, struct follow_remote *mail,
		     struct istream *input)
{
	uoff_t end;

	follow_stash_drop(mail);
	if (stash_write(box, mail, input, 0, &end) < 0) {
		follow_stash_drop(mail);
		return -1;
	}
	return 0;
}

void follow_stash_add_part(struct follow_mailbox *box,
			   struct follow_remote *mail, struct istream *input,
			   uoff_t offset)
{
	uoff_t end;

	/* without it the message does not become whole */
	if (stash_write(box, mail, input, offset, &end) < 0)
		return;
	/* those behind the last one are empty */
	if (end - offset < FOLLOW_STASH_PART_BYTES &&
	    (mail->stash_end == 0 || end < mail->stash_end))
		mail->stash_end = end;
}

uoff_t follow_stash_bytes(const struct follow_remote *mail)
{
	const struct seq_range *range;

	if (mail->stash_fd == -1 || array_count(&mail->stash_ranges) != 1)
		return 0;
	range = array_front(&mail->stash_ranges);
	return range->seq1 == 1 ? range->seq2 : 0;
}

bool follow_stash_is_whole(const struct follow_remote *mail)
{
	uoff_t bytes = follow_stash_bytes(mail);

	return bytes > 0 && (bytes == mail->stash_end || bytes == mail->size);
}

void follow_stash_drop(struct follow_remote *mail)
{
	if (array_is_created(&mail->stash_ranges))
		array_free(&mail->stash_ranges);
	i_close_fd(&mail->stash_fd);
	mail->stash_end = 0;
}

struct istream *follow_stash_open(struct follow_remote *mail)
{
	return i_stream_create_fd_autoclose(&mail->stash_fd, IO_BLOCK_SIZE);
}

/* BODY[], or BODY[]<offset>. Returns NULL if there is none. */
static const struct imap_arg *
stash_find_body(const struct imap_arg *list, bool *part_r, uoff_t *offset_r)
{
	const size_t len = strlen(STASH_BODY);
	const char *key;

	*part_r = FALSE;
	*offset_r = 0;
	for (; !IMAP_ARG_IS_EOL(&list[0]) && !IMAP_ARG_IS_EOL(&list[1]);
	     list += 2) {
		if (!imap_arg_get_atom(&list[0], &key) ||
		    strncasecmp(key, STASH_BODY, len) != 0)
			continue;
		if (key[len] == '\0')
			return &list[1];
		*part_r = TRUE;
		if (key[len] == '<' &&
		    str_parse_uoff(key + len + 1, offset_r, &key) == 0 &&
		    strcmp(key, ">") == 0)
			return &list[1];
	}
	return NULL;
}

struct istream *follow_stash_read_body(const struct imapc_untagged_reply *reply,
				       const struct imap_arg *list,
				       bool *part_r, uoff_t *offset_r)
{
	return migration_remote_open_value(reply, stash_find_body(list, part_r,
								  offset_r));
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "imap-arg.h"
#include "istream.h"
#include "safe-mkstemp.h"
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

int follow_stash_add(struct follow_mailbox *box, struct follow_remote *mail,
		     struct istream *input)
{
	struct mail_user *user = box->box->storage->user;
	string_t *path = t_str_new(128);
	const unsigned char *data;
	size_t size;

	mail_user_set_get_temp_prefix(path, user->set);
	if (mail->stash_fd == -1) {
		mail->stash_fd =
			safe_mkstemp_hostpid(path, 0600, (uid_t)-1, (gid_t)-1);
		if (mail->stash_fd == -1) {
			e_error(box->box->event, "safe_mkstemp(%s) failed: %m",
				str_c(path));
			return -1;
		}
		i_unlink(str_c(path));
		mail->stash_bytes = 0;
	}
	while (i_stream_read_more(input, &data, &size) > 0) {
		if (pwrite_full(mail->stash_fd, data, size, mail->stash_bytes) <
		    0) {
			e_error(box->box->event, "write(%s) failed: %m",
				str_c(path));
			i_close_fd(&mail->stash_fd);
			return -1;
		}
		mail->stash_bytes += size;
		i_stream_skip(input, size);
	}
	if (input->stream_errno != 0) {
		e_error(box->box->event, "read(%s) failed: %s",
			i_stream_get_name(input), i_stream_get_error(input));
		i_close_fd(&mail->stash_fd);
		return -1;
	}
	return 0;
}

void follow_stash_add_part(struct follow_mailbox *box,
			   struct follow_remote *mail, struct istream *input,
			   uoff_t offset)
{
	uoff_t stashed = mail->stash_fd == -1 ? 0 : mail->stash_bytes;

	/* one that did not come leaves the rest of no use */
	if (offset != stashed || mail->stash_ended ||
	    follow_stash_add(box, mail, input) < 0)
		return;
	mail->stash_ended = mail->stash_bytes - offset <
			    FOLLOW_STASH_PART_BYTES;
}

bool follow_stash_is_whole(const struct follow_remote *mail)
{
	return mail->stash_fd != -1 && mail->stash_bytes > 0 &&
	       (mail->stash_ended || mail->stash_bytes == mail->size);
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

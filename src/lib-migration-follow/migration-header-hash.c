/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "hash-method.h"
#include "istream.h"
#include "istream-header-filter.h"
#include "message-header-hash.h"
#include "message-header-parser.h"
#include "migration-header-hash.h"

/* Of servers' own, and different in IMAP and POP3. Sorted. */
static const char *const hash_skip_headers[] = {
	"Content-Length",
	/* Yahoo has it in IMAP only */
	"Return-Path",
	"Status",
	"X-IMAP",
	"X-IMAPbase",
	"X-Keywords",
	"X-Message-Flag",
	"X-Status",
	"X-UID",
	"X-UIDL",
	"X-Yahoo-Newman-Property",
};

struct header_hash_context {
	/* some servers end the header here, others do not */
	bool stop;
};

/* Yahoo's IMAP leaves out headers whose names are not valid. */
static bool header_name_is_valid(const char *name)
{
	unsigned int i;

	for (i = 0; name[i] != '\0'; i++) {
		if ((unsigned char)name[i] <= 0x20 ||
		    (unsigned char)name[i] >= 0x7f)
			return FALSE;
	}
	return TRUE;
}

static bool header_value_is_blank(const struct message_header_line *hdr)
{
	size_t i;

	for (i = 0; i < hdr->value_len; i++) {
		if (hdr->value[i] != ' ' && hdr->value[i] != '\t')
			return FALSE;
	}
	return TRUE;
}

static bool header_line_is_cr(const struct message_header_line *hdr)
{
	return hdr->value_len > 0 && hdr->middle_len == 0 &&
	       hdr->name_len == 0 &&
	       i_memspn(hdr->value, hdr->value_len, "\r", 1) == hdr->value_len;
}

static void header_hash_filter(struct header_filter_istream *input ATTR_UNUSED,
			       struct message_header_line *hdr, bool *matched,
			       struct header_hash_context *ctx)
{
	if (hdr == NULL)
		return;
	if (!hdr->eoh) {
		if (header_line_is_cr(hdr))
			ctx->stop = TRUE;
		else if ((!hdr->continued && hdr->middle_len == 0) ||
			 (hdr->continued && header_value_is_blank(hdr)) ||
			 !header_name_is_valid(hdr->name)) {
			/* Zimbra's BODY[HEADER] is without lines that have no
			   name, and without blank continuations */
			*matched = TRUE;
		}
	}
	if (ctx->stop)
		*matched = TRUE;
}

int migration_header_hash(struct istream *input,
			  unsigned char hash_r[STATIC_ARRAY SHA1_RESULTLEN])
{
	struct message_header_hash_context hash_ctx;
	struct header_hash_context ctx;
	struct sha1_ctxt sha1;
	const unsigned char *data;
	uoff_t total = 0;
	size_t size;
	int ret;

	i_zero(&ctx);
	i_zero(&hash_ctx);
	sha1_init(&sha1);
	input = i_stream_create_header_filter(input,
					      HEADER_FILTER_HIDE_BODY |
						      HEADER_FILTER_EXCLUDE |
						      HEADER_FILTER_NO_CR,
					      (const char **)hash_skip_headers,
					      N_ELEMENTS(hash_skip_headers),
					      header_hash_filter, &ctx);
	while (i_stream_read_more(input, &data, &size) > 0) {
		message_header_hash_more(&hash_ctx, &hash_method_sha1, &sha1,
					 MESSAGE_HEADER_HASH_MAX_VERSION, data,
					 size);
		i_stream_skip(input, size);
		total += size;
	}
	ret = input->stream_errno != 0 || total <= 1 ? -1 : 0;
	i_stream_unref(&input);
	sha1_result(&sha1, hash_r);
	return ret;
}

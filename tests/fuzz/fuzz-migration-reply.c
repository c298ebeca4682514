/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-reply.h"
#include "migration-fuzz.h"

static void fuzz_check_printable(const char *text)
{
	for (; *text != '\0'; text++)
		i_assert(*text >= 0x20 && *text <= 0x7e);
}

static void fuzz_reply(const uint8_t *data, size_t size)
{
	struct migration_reply reply;

	migration_reply_parse(data, size, &reply);
	i_assert(reply.text != NULL);
	fuzz_check_printable(reply.text);
	i_assert(strlen(reply.text) <= 303);
	if (memchr(data, '\0', size) != NULL)
		i_assert(reply.kind == MIGRATION_REPLY_GARBAGE);

	switch (reply.kind) {
	case MIGRATION_REPLY_TAGGED:
		i_assert(reply.tag != NULL && *reply.tag != '\0');
		i_assert(strlen(reply.tag) <= 32);
		fuzz_check_printable(reply.tag);
		i_assert(reply.status == MIGRATION_REPLY_STATUS_OK ||
			 reply.status == MIGRATION_REPLY_STATUS_NO ||
			 reply.status == MIGRATION_REPLY_STATUS_BAD);
		break;
	case MIGRATION_REPLY_UNTAGGED:
		i_assert(reply.tag == NULL);
		i_assert(size > 0 && data[0] == '*');
		break;
	case MIGRATION_REPLY_CONTINUE:
		i_assert(size > 0 && data[0] == '+');
		/* fall through */
	case MIGRATION_REPLY_GARBAGE:
		i_assert(reply.tag == NULL && reply.code == NULL);
		i_assert(reply.status == MIGRATION_REPLY_STATUS_NONE);
		break;
	}
	if (reply.code != NULL) {
		i_assert(strcmp(reply.code, t_str_ucase(reply.code)) == 0);
		i_assert(strchr(reply.code, ' ') == NULL);
		i_assert((strcmp(reply.code, "CAPABILITY") == 0) ==
			 (reply.capabilities != NULL));
	} else {
		i_assert(reply.capabilities == NULL);
	}
	if (migration_reply_has_capability(&reply, "AUTH=PLAIN"))
		i_assert(reply.capabilities != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!lib_is_initialized())
		lib_init();
	T_BEGIN {
		fuzz_reply(data, size);
	} T_END;
	return 0;
}

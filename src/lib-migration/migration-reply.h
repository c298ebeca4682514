#ifndef MIGRATION_REPLY_H
#define MIGRATION_REPLY_H

/* One line of an IMAP server's answer, read just far enough for a login
   check: RFC 9051 section 7.1 (status responses) and 2.2.2 (tags). Pure; used
   by auth's probe and by doveadm's provider test, never for mail. */

enum migration_reply_kind {
	/* "* ..." */
	MIGRATION_REPLY_UNTAGGED,
	/* "tag OK|NO|BAD ..." */
	MIGRATION_REPLY_TAGGED,
	/* "+ ..." */
	MIGRATION_REPLY_CONTINUE,
	/* nothing that an IMAP server says */
	MIGRATION_REPLY_GARBAGE,
};

enum migration_reply_status {
	MIGRATION_REPLY_STATUS_NONE,
	MIGRATION_REPLY_STATUS_OK,
	MIGRATION_REPLY_STATUS_NO,
	MIGRATION_REPLY_STATUS_BAD,
	MIGRATION_REPLY_STATUS_BYE,
	MIGRATION_REPLY_STATUS_PREAUTH,
};

struct migration_reply {
	enum migration_reply_kind kind;
	enum migration_reply_status status;
	/* Only with MIGRATION_REPLY_TAGGED */
	const char *tag;
	/* Response code in upper case without its arguments, e.g.
	   "AUTHENTICATIONFAILED", or NULL. */
	const char *code;
	/* What follows status and code, or the line after "* " if there is no
	   status. Control and 8-bit bytes are replaced: it may be logged. */
	const char *text;
	/* What an untagged CAPABILITY response or a CAPABILITY code lists, as
	   it was sent, or NULL. */
	const char *capabilities;
	/* The line announces a literal: "{123}" or "{123+}" at its end. What
	   follows is data, however much it looks like an answer. */
	bool literal;
};

/* line may end with CRLF or LF. All strings are from the data stack. */
void migration_reply_parse(const void *line, size_t size,
			   struct migration_reply *reply_r);

/* TRUE if an untagged CAPABILITY response or code names the capability,
   compared without case. */
bool migration_reply_has_capability(const struct migration_reply *reply,
				    const char *capability);

#endif

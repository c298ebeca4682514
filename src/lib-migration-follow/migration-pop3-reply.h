#ifndef MIGRATION_POP3_REPLY_H
#define MIGRATION_POP3_REPLY_H

/* What the lines of a POP3 server mean: RFC 1939, and the response codes of
   RFC 2449 and RFC 3206. Pure; used by the worker. */

enum migration_pop3_reply {
	MIGRATION_POP3_REPLY_OK,
	/* It says that it may be otherwise later. */
	MIGRATION_POP3_REPLY_TEMPORARY,
	/* It says that it will not, or does not say. */
	MIGRATION_POP3_REPLY_FINAL,
	/* It does not know the code. */
	MIGRATION_POP3_REPLY_NO_CODE,
	/* This is not POP3. */
	MIGRATION_POP3_REPLY_INVALID,
};

enum migration_pop3_capability {
	MIGRATION_POP3_CAPABILITY_TOP = 0x01,
	MIGRATION_POP3_CAPABILITY_USER = 0x02,
	MIGRATION_POP3_CAPABILITY_SASL_PLAIN = 0x04,
	MIGRATION_POP3_CAPABILITY_PIPELINING = 0x08,
};

/* text_r is what stands behind the status, with the code. */
enum migration_pop3_reply
migration_pop3_reply_parse(const char *line, const char **text_r);

/* A line of the answer to CAPA; 0 for any other. */
enum migration_pop3_capability
migration_pop3_reply_capability(const char *line);

/* A line of the answer to UIDL. Returns 1; 0 if the UIDL is none that could be
   kept, with its number; -1 if the line is not valid. */
int migration_pop3_reply_uidl(const char *line, unsigned int *number_r,
			      const char **uidl_r);
/* A line of the answer to LIST. Returns 0, or -1 if it is not valid. */
int migration_pop3_reply_list(const char *line, unsigned int *number_r,
			      uoff_t *size_r);

#endif

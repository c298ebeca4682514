#ifndef MIGRATION_BACKOFF_H
#define MIGRATION_BACKOFF_H

/* How long a provider wants to be left alone, from the words of its answer.
   This is the one place where a text of a server is looked into: the number
   is nowhere else. Whether something failed, and who is to blame, is never
   decided here. Pure; used by the worker. */

/* A provider that limits us without saying for how long. */
#define MIGRATION_BACKOFF_DEFAULT_SECS (15 * 60)
/* What a provider can ask for at most. */
#define MIGRATION_BACKOFF_MAX_SECS (24 * 60 * 60)

/* code is the response code without brackets or NULL. text is what the server
   said or a log line about it, and may have the code in brackets. Returns 0 if
   nothing is asked for. */
unsigned int migration_backoff_secs(const char *code, const char *text);

#endif

#ifndef DOVEADM_MIGRATION_QUEUE_H
#define DOVEADM_MIGRATION_QUEUE_H

/* Asks the queue service something over its socket for doveadm and waits for
   the end of the answer. Runs the current ioloop. */

enum doveadm_migration_queue_result {
	/* The callback has seen the end of the answer. */
	DOVEADM_MIGRATION_QUEUE_OK = 1,
	/* Nobody listens on the socket. */
	DOVEADM_MIGRATION_QUEUE_NOT_RUNNING = 0,
	/* Not allowed, no or no proper answer, or lost on the way. */
	DOVEADM_MIGRATION_QUEUE_ERROR = -1,
	/* Somebody pressed Ctrl-C. The queue goes on with what it was asked. */
	DOVEADM_MIGRATION_QUEUE_INTERRUPTED = -2,
};

/* One line of the answer, the verb in args[0]. Returns 1 if more is to come,
   0 at the end of the answer, -1 if the line cannot be understood. */
typedef int
doveadm_migration_queue_callback_t(const char *const *args, void *context);

/* The line "REFUSED <exit code> <text>". Returns -1 if it is not that. */
int doveadm_migration_queue_read_refused(const char *const *args,
					 unsigned int *exit_code_r,
					 const char **text_r);

/* request is one line without its end. answer_secs limits how long the first
   line of the answer may take, 0 = it may take long, because workers are busy.
   The queue must greet within a few seconds in any case. error_r is set with
   all results but OK and INTERRUPTED. */
enum doveadm_migration_queue_result
doveadm_migration_queue_ask(struct event *event_parent, const char *request,
			    unsigned int answer_secs,
			    doveadm_migration_queue_callback_t *callback,
			    void *context, const char **error_r);

/* The next request, or NULL if that was all. Valid until the next call. */
typedef const char *doveadm_migration_queue_next_t(void *context);

/* As above with several requests over one connection, each sent when the
   answer to the one before has ended. answer_secs holds for each. There must
   be at least one. */
enum doveadm_migration_queue_result
doveadm_migration_queue_ask_all(struct event *event_parent,
				doveadm_migration_queue_next_t *next,
				unsigned int answer_secs,
				doveadm_migration_queue_callback_t *callback,
				void *context, const char **error_r);

#endif

#ifndef MIGRATION_TICKER_H
#define MIGRATION_TICKER_H

/* A timer that also runs while the mail storage waits for the provider: imapc
   does so in ioloops of its own, in which a timeout of the worker's would never
   come. It moves along whenever the current ioloop changes. Nothing is called
   while no ioloop runs, that is while mail is being saved here. */

typedef void migration_ticker_callback_t(void *context);

/* There is one at a time. */
void migration_ticker_start(unsigned int msecs,
			    migration_ticker_callback_t *callback,
			    void *context);
void migration_ticker_stop(void);

#endif

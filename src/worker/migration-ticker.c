/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "ioloop.h"
#include "migration-ticker.h"

static struct timeout *ticker_to = NULL;
static migration_ticker_callback_t *ticker_callback;

static void ticker_ticked(void *context)
{
	ticker_callback(context);
}

static void ticker_ioloop_switched(struct ioloop *prev_ioloop ATTR_UNUSED)
{
	/* before the ioloop that was left is destroyed */
	ticker_to = io_loop_move_timeout(&ticker_to);
}

void migration_ticker_start(unsigned int msecs,
			    migration_ticker_callback_t *callback,
			    void *context)
{
	i_assert(ticker_to == NULL);

	ticker_callback = callback;
	ticker_to = timeout_add(msecs, ticker_ticked, context);
	io_loop_add_switch_callback(ticker_ioloop_switched);
}

void migration_ticker_stop(void)
{
	io_loop_remove_switch_callback(ticker_ioloop_switched);
	timeout_remove(&ticker_to);
}

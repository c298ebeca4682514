/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* The connection to the database, and what is asked of it, one after another.

   Dovecot's drivers are not left alone with requests while there is no
   connection: its pool forgets transactions that had to wait for one for too
   long, without calling back, and waits longer and longer, up to half an hour,
   before it connects again. So what is asked for without a connection fails at
   once, and a connection that was lost is made anew every second or two. */

#include "lib.h"
#include "ioloop.h"
#include "llist.h"
#include "str-sanitize.h"
#include "lib-event-private.h"
#include "migration-compat.h"
#include "migration-db.h"
#include "migration-limits.h"
#include "migration-store-private.h"

/* Driver mysql blocks while it connects. */
#define RECONNECT_PGSQL_MSECS 1000
#define RECONNECT_MYSQL_MSECS 3000
/* The pool asks once more by itself if a connection broke. Not waited for for
   longer than this. */
#define LOST_CONNECTION_SECS 5

/* migration_store_wait() looks this often whether there still is a connection,
   and waits no longer for one answer than its driver. */
#define WAIT_STEP_MSECS 10
#define WAIT_MAX_SECS 70
/* A database that cannot be reached keeps nobody from starting or ending. */
#define WAIT_BRIEFLY_SECS 5

#define DRIVER_CONNECT_FAILED "Connect failed"
#define DRIVER_QUERY_FAILED "Query failed, "

struct migration_store_op {
	struct migration_store_op *prev, *next;
	struct migration_store *store;
	time_t started;

	/* either a query ... */
	struct sql_statement *stmt;
	migration_store_result_callback_t *callback;
	void *context;
	/* ... or a transaction */
	struct sql_transaction_context *trans;
	migration_store_committed_callback_t *committed_callback;
	char *error;

	/* the driver has not returned yet */
	bool committing:1;
	bool committed:1;
	/* the caller was told that it failed */
	bool abandoned:1;
};

/* Their drivers' complaints about connections become part of our errors. */
static struct migration_store *connected_stores = NULL;

static void store_run_next(struct migration_store *store);
static void store_watch(struct migration_store *store);

static bool store_has_event(struct migration_store *store, struct event *event)
{
	for (; event != NULL; event = event->parent) {
		if (event == store->event)
			return TRUE;
	}
	return FALSE;
}

/* "Connect failed to database x: <why> (state: x)" of driver pgsql, "Connect
   failed to database (x): <why> - waiting for 1 seconds before retry" of
   driver mysql. May have several lines, of which 2.4 tells the last. */
static const char *store_connect_error(const char *text)
{
	const char *why, *end;

	why = strstr(text, ": ");
	why = why == NULL ? text : why + 2;
	if ((end = strstr(why, " (state: ")) == NULL &&
	    (end = strstr(why, " - waiting for ")) == NULL)
		end = why + strlen(why);
	why = t_strarray_join(t_strsplit_spaces(t_strdup_until(why, end),
						"\n\t"),
			      " ");
	return str_sanitize(why, MIGRATION_MAX_ERROR_BYTES);
}

static bool
store_event_callback(struct event *event, enum event_callback_type type,
		     struct failure_context *ctx, const char *fmt, va_list args)
{
	struct migration_store *store;
	const char *text, *why;
	va_list args2;

	if (type != EVENT_CALLBACK_TYPE_SEND ||
	    (ctx->type != LOG_TYPE_ERROR && ctx->type != LOG_TYPE_WARNING))
		return TRUE;
	for (store = connected_stores; store != NULL; store = store->next) {
		if (store_has_event(store, event))
			break;
	}
	if (store == NULL)
		return TRUE;
	va_copy(args2, args);
	text = t_strdup_vprintf(fmt, args2);
	va_end(args2);
	/* there is a prefix before it */
	if ((why = strstr(text, DRIVER_CONNECT_FAILED)) != NULL) {
		i_free(store->connect_error);
		store->connect_error = i_strdup(store_connect_error(why));
		return FALSE;
	}
	/* it would show the query, and who asked tells why it failed */
	return strstr(text, DRIVER_QUERY_FAILED) == NULL;
}

/* doveadm's commands may run within its own I/O loop, which must not be run
   again; sql_wait() crashes if no connection can be made. */
static struct ioloop *store_enter_ioloop(struct migration_store *store)
{
	struct ioloop *prev_ioloop = current_ioloop;

	if (store->ioloop != NULL)
		io_loop_set_current(store->ioloop);
	return prev_ioloop;
}

static bool store_is_remote(struct migration_store *store)
{
	return store->dialect != MIGRATION_DIALECT_SQLITE;
}

static int store_connect(struct migration_store *store)
{
	int ret = !store_is_remote(store) ? 1 : sql_connect(store->db);

	if (ret > 0)
		timeout_remove(&store->to_connect);
	return ret;
}

static const char *store_not_connected(struct migration_store *store)
{
	const char *why = store->connect_error;

	return t_strdup_printf("No connection%s%s", why == NULL ? "" : ": ",
			       why == NULL ? "" : why);
}

void migration_store_connection_renew(struct migration_store *store)
{
	struct migration_compat_sql *sql;
	const char *error;

	if (migration_compat_sql_init(store->event, store->driver,
				      store->connect, &sql, &error) < 0) {
		e_error(store->event, "%s", error);
		return;
	}
	migration_compat_sql_deinit(&store->sql);
	store->sql = sql;
	store->db = migration_compat_sql_get_db(sql);
}

static void store_reconnect(struct migration_store *store)
{
	if (store_connect(store) >= 0 || store->started != NULL)
		return;
	/* the pool would have its own ideas about when to connect again */
	migration_store_connection_renew(store);
	(void)store_connect(store);
}

static void store_want_connection(struct migration_store *store)
{
	if (store->to_connect != NULL || store->waiting || store->closing ||
	    !store_is_remote(store))
		return;
	store->to_connect =
		timeout_add(store->dialect == MIGRATION_DIALECT_PGSQL ?
				    RECONNECT_PGSQL_MSECS :
				    RECONNECT_MYSQL_MSECS,
			    store_reconnect, store);
}

static void store_op_free(struct migration_store_op *op)
{
	/* the driver has written the rows into it */
	if (op->committed_callback != NULL)
		i_free(op->context);
	i_free(op->error);
	i_free(op);
}

static void store_op_tell(struct migration_store_op *op,
			  struct sql_result *result, const char *error)
{
	op->store->telling++;
	if (op->callback != NULL)
		op->callback(result, error, op->context);
	else
		op->committed_callback(error, op->context);
	op->store->telling--;
}

/* It was not given to the driver. */
static void store_op_fail(struct migration_store_op *op, const char *error)
{
	if (op->stmt != NULL)
		sql_statement_abort(&op->stmt);
	if (op->trans != NULL)
		sql_transaction_rollback(&op->trans);
	store_op_tell(op, NULL, error);
	store_op_free(op);
}

/* The driver may still call back some time. */
static void store_op_abandon(struct migration_store_op *op)
{
	const char *error = store_not_connected(op->store);

	DLLIST_REMOVE(&op->store->started, op);
	op->abandoned = TRUE;
	store_want_connection(op->store);
	store_op_tell(op, NULL, error);
}

static void store_next_later(struct migration_store *store)
{
	if (store->ops_head != NULL && store->started == NULL &&
	    store->to_next == NULL && !store->waiting && !store->closing) {
		store->to_next = timeout_add_short(0, store_run_next, store);
	}
}

static void store_op_answered(struct migration_store_op *op,
			      struct sql_result *result, const char *error)
{
	struct migration_store *store = op->store;

	if (op->abandoned) {
		store_op_free(op);
		return;
	}
	DLLIST_REMOVE(&store->started, op);
	store_op_tell(op, result, error);
	store_op_free(op);
	/* not before the driver has seen that it is done */
	store_next_later(store);
	store_watch(store);
	if (store->waiting && store_is_remote(store))
		io_loop_stop(current_ioloop);
}

static void
store_op_result(struct sql_result *result, struct migration_store_op *op)
{
	store_op_answered(op, result, NULL);
}

static void store_op_committed(const struct sql_commit_result *result,
			       struct migration_store_op *op)
{
	op->error = i_strdup(migration_compat_sql_error(result->error));
	op->committed = TRUE;
	if (!op->committing)
		store_op_answered(op, NULL, op->error);
}

static void store_op_start(struct migration_store_op *op)
{
	struct migration_store *store = op->store;

	/* not ioloop_time: doveadm has perhaps been busy since the last answer,
	   and nothing has waited for this one yet */
	op->started = time(NULL);
	DLLIST_PREPEND(&store->started, op);
	if (op->stmt != NULL) {
		sql_statement_query(&op->stmt, store_op_result, op);
		store_watch(store);
		return;
	}
	/* SQLite's driver reports a failure before it rolls back: who is told
	   that early would read what never happened, and could not write. */
	op->committing = TRUE;
	sql_transaction_commit(&op->trans, store_op_committed, op);
	op->committing = FALSE;
	if (op->committed)
		store_op_answered(op, NULL, op->error);
	else
		store_watch(store);
}

static void store_op_run(struct migration_store_op *op)
{
	struct migration_store *store = op->store;
	struct ioloop *prev_ioloop = store_enter_ioloop(store);

	if (store->dialect == MIGRATION_DIALECT_PGSQL &&
	    (store->started != NULL || store->ops_head != NULL ||
	     store->telling > 0)) {
		/* its one connection is busy, also in a callback */
		DLLIST2_APPEND(&store->ops_head, &store->ops_tail, op);
		store_next_later(store);
	} else if (store_connect(store) > 0) {
		store_op_start(op);
	} else {
		store_want_connection(store);
		store_op_fail(op, store_not_connected(store));
	}
	io_loop_set_current(prev_ioloop);
}

static void store_run_next(struct migration_store *store)
{
	struct migration_store_op *op = store->ops_head;

	timeout_remove(&store->to_next);
	if (op == NULL || store->started != NULL)
		return;
	DLLIST2_REMOVE(&store->ops_head, &store->ops_tail, op);
	if (store_connect(store) > 0) {
		store_op_start(op);
	} else {
		store_want_connection(store);
		store_op_fail(op, store_not_connected(store));
		store_next_later(store);
	}
}

static void store_watch_started(struct migration_store *store)
{
	struct migration_store_op *op, *next;

	if (store_connect(store) > 0)
		return;
	for (op = store->started; op != NULL; op = next) {
		next = op->next;
		if (ioloop_time - op->started >= LOST_CONNECTION_SECS) {
			store_op_abandon(op);
			break;
		}
	}
	store_next_later(store);
	store_watch(store);
}

/* Looks at what has been started, if anything, until it is answered. */
static void store_watch(struct migration_store *store)
{
	if (store->started == NULL || store->waiting || store->closing)
		timeout_remove(&store->to_watch);
	else if (store->to_watch == NULL) {
		store->to_watch = timeout_add(1000, store_watch_started, store);
	}
}

void migration_store_query(struct migration_store *store,
			   struct sql_statement **stmt,
			   migration_store_result_callback_t *callback,
			   void *context)
{
	struct migration_store_op *op;

	op = i_new(struct migration_store_op, 1);
	op->store = store;
	op->stmt = *stmt;
	op->callback = callback;
	op->context = context;
	*stmt = NULL;
	store_op_run(op);
}

void migration_store_commit(struct migration_store *store,
			    struct sql_transaction_context **trans,
			    migration_store_committed_callback_t *callback,
			    void *context)
{
	struct migration_store_op *op;

	op = i_new(struct migration_store_op, 1);
	op->store = store;
	op->trans = *trans;
	op->committed_callback = callback;
	op->context = context;
	*trans = NULL;
	store_op_run(op);
}

int migration_store_next_row(struct sql_result *result, const char **error_r)
{
	int ret;

	/* else the caller was told why */
	if (result == NULL)
		return -1;
	ret = sql_result_next_row(result);
	if (ret < 0)
		*error_r = t_strdup(sql_result_get_error(result));
	return ret;
}

void migration_store_connect(struct migration_store *store,
			     migration_store_result_callback_t *callback,
			     void *context)
{
	struct ioloop *prev_ioloop = store_enter_ioloop(store);
	struct migration_store_op *op;

	op = i_new(struct migration_store_op, 1);
	op->store = store;
	op->callback = callback;
	op->context = context;
	/* MariaDB gives new rights to new connections */
	if (store->open_failed && store->started == NULL && store->telling == 0)
		migration_store_connection_renew(store);
	if (store->started != NULL || store_connect(store) < 0) {
		store_want_connection(store);
		store_op_fail(op, store_not_connected(store));
	} else {
		/* the pool sends it as soon as it is connected */
		op->stmt = sql_statement_init(
			store->db,
			t_strdup_printf("SELECT %s",
					migration_store_sql_now(store)));
		store_op_start(op);
	}
	io_loop_set_current(prev_ioloop);
}

void migration_store_connection_init(struct migration_store *store)
{
	if (connected_stores == NULL)
		event_register_callback(store_event_callback);
	DLLIST_PREPEND(&connected_stores, store);
	if (!store->create && store_is_remote(store)) {
		struct ioloop *prev_ioloop = current_ioloop;

		store->ioloop = io_loop_create();
		io_loop_set_current(prev_ioloop);
	}
}

/* All callbacks are called before the connection goes. */
static void store_fail_all(struct migration_store *store)
{
	struct migration_store_op *op;

	while ((op = store->started) != NULL)
		store_op_abandon(op);
	while ((op = store->ops_head) != NULL) {
		DLLIST2_REMOVE(&store->ops_head, &store->ops_tail, op);
		store_op_fail(op, "The database is being closed");
	}
}

void migration_store_connection_deinit(struct migration_store *store)
{
	struct ioloop *prev_ioloop = store_enter_ioloop(store);

	store->closing = TRUE;
	timeout_remove(&store->to_connect);
	timeout_remove(&store->to_next);
	timeout_remove(&store->to_watch);
	store_fail_all(store);
	migration_compat_sql_deinit(&store->sql);
	if (store->ioloop != NULL) {
		io_loop_set_current(store->ioloop);
		io_loop_destroy(&store->ioloop);
	}
	io_loop_set_current(prev_ioloop);
	DLLIST_REMOVE(&connected_stores, store);
	if (connected_stores == NULL)
		event_unregister_callback(store_event_callback);
	i_free(store->connect_error);
}

/* Returns when something was answered, or soon. */
static void store_run_ioloop(void)
{
	struct timeout *to;

	to = timeout_add_short(WAIT_STEP_MSECS, io_loop_stop, current_ioloop);
	io_loop_run(current_ioloop);
	timeout_remove(&to);
}

/* 0 = as long as it takes */
static void store_wait_until(struct migration_store *store, time_t until)
{
	struct ioloop *prev_ioloop = store_enter_ioloop(store);
	struct migration_store_op *op;

	store->waiting = TRUE;
	timeout_remove(&store->to_connect);
	timeout_remove(&store->to_next);
	timeout_remove(&store->to_watch);
	while ((store->started != NULL || store->ops_head != NULL) &&
	       (until == 0 || ioloop_time <= until)) {
		if (store->started == NULL) {
			store_run_next(store);
			continue;
		}
		op = store->started;
		store_run_ioloop();
		if (store->started == op &&
		    (store_connect(store) < 0 ||
		     ioloop_time - op->started > WAIT_MAX_SECS))
			store_op_abandon(op);
	}
	store->waiting = FALSE;
	store_next_later(store);
	store_watch(store);
	io_loop_set_current(prev_ioloop);
}

void migration_store_wait(struct migration_store *store)
{
	store_wait_until(store, 0);
}

void migration_store_wait_briefly(struct migration_store *store)
{
	store_wait_until(store, ioloop_time + WAIT_BRIEFLY_SECS);
}

void migration_store_wait_end(struct migration_store *store)
{
	migration_store_wait_briefly(store);
	store_fail_all(store);
}

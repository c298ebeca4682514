/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "ioloop.h"
#include "migration-compat-sql.h"
#include "migration-postfixadmin.h"

#include <unistd.h>

/* of any table */
#define POSTFIXADMIN_MAX_COLUMNS 5
/* How often the connection is looked at while an answer is waited for. */
#define POSTFIXADMIN_WAIT_MSECS 10
/* A little longer than the drivers wait. */
#define POSTFIXADMIN_MAX_WAIT_SECS 70

struct migration_postfixadmin {
	struct migration_compat_sql *sql;
	/* doveadm has none, but drivers whose connection fails use it */
	struct ioloop *ioloop, *prev_ioloop;
	bool answered;
};

struct postfixadmin_read {
	struct migration_postfixadmin *db;
	const struct postfixadmin_query *query;
	migration_postfixadmin_callback_t *callback;
	void *context;
};

static const struct postfixadmin_query {
	const char *sql;
	unsigned int columns;
} postfixadmin_queries[MIGRATION_POSTFIXADMIN_TABLE_COUNT] = {
	[MIGRATION_POSTFIXADMIN_ALIAS_DOMAIN] = { "SELECT alias_domain, target_domain, active FROM alias_domain",
						  3 },
	[MIGRATION_POSTFIXADMIN_DOMAIN] = { "SELECT domain, quota, backupmx, active FROM domain",
					    4 },
	[MIGRATION_POSTFIXADMIN_MAILBOX] = { "SELECT username, password, name, quota, active FROM mailbox",
					     5 },
	[MIGRATION_POSTFIXADMIN_ALIAS] = { "SELECT address, goto, active FROM alias",
					   3 },
};

int migration_postfixadmin_init(struct event *event, const char *driver,
				const char *connect,
				struct migration_postfixadmin **db_r,
				const char **error_r)
{
	struct migration_postfixadmin *db;

	/* opening would make an empty file */
	if (strcmp(driver, "sqlite") == 0 && access(connect, R_OK) < 0) {
		*error_r = t_strdup_printf("Cannot open %s: %m", connect);
		return -1;
	}
	db = i_new(struct migration_postfixadmin, 1);
	db->prev_ioloop = current_ioloop;
	db->ioloop = io_loop_create();
	if (migration_compat_sql_init(event, driver, connect, &db->sql,
				      error_r) < 0) {
		db->sql = NULL;
		migration_postfixadmin_deinit(&db);
		return -1;
	}
	*db_r = db;
	return 0;
}

void migration_postfixadmin_deinit(struct migration_postfixadmin **_db)
{
	struct migration_postfixadmin *db = *_db;

	if (db == NULL)
		return;
	*_db = NULL;
	migration_compat_sql_deinit(&db->sql);
	io_loop_destroy(&db->ioloop);
	io_loop_set_current(db->prev_ioloop);
	i_free(db);
}

static void
postfixadmin_row(struct sql_result *result, struct postfixadmin_read *reading)
{
	const char *values[POSTFIXADMIN_MAX_COLUMNS + 1];
	unsigned int i;

	for (i = 0; i < reading->query->columns; i++) {
		values[i] = sql_result_get_field_value(result, i);
		if (values[i] == NULL)
			values[i] = "";
	}
	values[i] = NULL;
	reading->callback(1, values, NULL, reading->context);
}

static void postfixadmin_result(struct sql_result *result,
				struct postfixadmin_read *reading)
{
	const char *error = NULL;
	int ret;

	while ((ret = sql_result_next_row(result)) > 0)
		T_BEGIN
		{
			postfixadmin_row(result, reading);
		}
	T_END;
	if (ret < 0)
		error = t_strdup(sql_result_get_error(result));
	reading->db->answered = TRUE;
	reading->callback(ret, NULL, error, reading->context);
	i_free(reading);
}

/* Not sql_wait(), which crashes if PostgreSQL cannot be reached. */
static void
postfixadmin_wait(struct migration_postfixadmin *db, struct sql_db *sql)
{
	time_t started = time(NULL);
	struct timeout *to;

	while (!db->answered && sql_connect(sql) >= 0 &&
	       time(NULL) - started <= POSTFIXADMIN_MAX_WAIT_SECS) {
		to = timeout_add_short(POSTFIXADMIN_WAIT_MSECS, io_loop_stop,
				       current_ioloop);
		io_loop_run(current_ioloop);
		timeout_remove(&to);
	}
}

void migration_postfixadmin_read(struct migration_postfixadmin *db,
				 enum migration_postfixadmin_table table,
				 migration_postfixadmin_callback_t *callback,
				 void *context)
{
	struct sql_db *sql = migration_compat_sql_get_db(db->sql);
	struct postfixadmin_read *reading;

	reading = i_new(struct postfixadmin_read, 1);
	reading->db = db;
	reading->query = &postfixadmin_queries[table];
	reading->callback = callback;
	reading->context = context;
	db->answered = FALSE;
	sql_query(sql, reading->query->sql, postfixadmin_result, reading);
	postfixadmin_wait(db, sql);
}

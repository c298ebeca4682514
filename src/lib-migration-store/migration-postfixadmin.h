#ifndef MIGRATION_POSTFIXADMIN_H
#define MIGRATION_POSTFIXADMIN_H

/* Reads postfixadmin's database, which may be any that Dovecot has a driver
   for. Blocks: for doveadm. */

#include "migration-import-postfixadmin.h"

struct event;
struct migration_postfixadmin;

/* values are the table's columns as migration_import_parse_postfixadmin() wants
   them; NULL at the end of the table (ret 0) and on error (ret -1). */
typedef void
migration_postfixadmin_callback_t(int ret, const char *const *values,
				  const char *error, void *context);

int migration_postfixadmin_init(struct event *event, const char *driver,
				const char *connect,
				struct migration_postfixadmin **db_r,
				const char **error_r);
void migration_postfixadmin_deinit(struct migration_postfixadmin **db);

/* The callback is called before this returns, or, without a connection, by
   migration_postfixadmin_deinit(). */
void migration_postfixadmin_read(struct migration_postfixadmin *db,
				 enum migration_postfixadmin_table table,
				 migration_postfixadmin_callback_t *callback,
				 void *context);

#endif

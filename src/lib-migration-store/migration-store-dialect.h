#ifndef MIGRATION_STORE_DIALECT_H
#define MIGRATION_STORE_DIALECT_H

/* What the databases say differently. Pure functions; results are allocated
   from the data stack. Statements that are not here are the same for all. */

enum migration_dialect {
	MIGRATION_DIALECT_SQLITE,
	MIGRATION_DIALECT_PGSQL,
	/* MariaDB */
	MIGRATION_DIALECT_MYSQL,
};

/* By the name of Dovecot's driver. */
enum migration_dialect migration_dialect_find(const char *driver);

/* A statement that changes the schema, as migration-store-schema.c has it: with
   these words in upper case, names in lower case, and
   DROP INDEX name ON table. */
const char *
migration_dialect_ddl(enum migration_dialect dialect, const char *sql);
/* TRUE if such statements are part of a transaction. If they are not, each must
   stand being repeated. */
bool migration_dialect_has_transactional_ddl(enum migration_dialect dialect);
/* Queries before and after the schema is made or upgraded, so that only one node
   does it at a time; NULL if that is not needed. */
const char *migration_dialect_lock(enum migration_dialect dialect);
const char *migration_dialect_unlock(enum migration_dialect dialect);
/* The server's time in seconds, as an expression; NULL if there is no server. */
const char *migration_dialect_now(enum migration_dialect dialect);
/* Selects a number: 0 if this table does not exist, or may not be seen. */
const char *migration_dialect_table_exists(enum migration_dialect dialect,
					   const char *table);
/* The end of an INSERT that does nothing if the row with
   this key is there already. */
const char *migration_dialect_unless_exists(enum migration_dialect dialect,
					    const char *key);

#endif

#ifndef MIGRATION_DB_H
#define MIGRATION_DB_H

/* migration_db_driver and migration_db_connect: what is valid, what people are
   shown of it, and what they can do when the database does not work. Pure
   functions; results are allocated from the data stack. */

/* Why a database cannot be used, by whom to ask. */
enum migration_db_trouble {
	/* Nothing that is known: may pass by itself. */
	MIGRATION_DB_TROUBLE_OTHER = 0,
	/* Nobody answers there. */
	MIGRATION_DB_TROUBLE_UNREACHABLE,
	/* User or password is wrong, or the server lets nobody in from here. */
	MIGRATION_DB_TROUBLE_REFUSED,
	/* There is no such database. */
	MIGRATION_DB_TROUBLE_NO_DATABASE,
	/* The user may not make, read or write the tables. */
	MIGRATION_DB_TROUBLE_NO_RIGHT,
	/* migration_db_connect is not understood. */
	MIGRATION_DB_TROUBLE_SETTING,
};

/* Returns TRUE if connect can be given to the driver. */
bool migration_db_connect_is_valid(const char *driver, const char *connect,
				   const char **error_r);
/* What Dovecot's driver is given: connect, with what our statements rely
   upon. */
const char *migration_db_connect_get(const char *driver, const char *connect);
/* For logs and terminals: the path, or driver and place without any
   secret. */
const char *migration_db_describe(const char *driver, const char *connect);

/* What a driver or server says, in English as they say it by default. */
enum migration_db_trouble migration_db_trouble_find(const char *error);
/* TRUE if it stays like that until an administrator changes something. */
bool migration_db_trouble_is_lasting(enum migration_db_trouble trouble);
/* " - what the administrator can do", or "". */
const char *migration_db_trouble_advice(enum migration_db_trouble trouble);

#endif

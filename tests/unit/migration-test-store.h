#ifndef MIGRATION_TEST_STORE_H
#define MIGRATION_TEST_STORE_H

/* A store on an SQLite file in the temporary directory, with calls that wait
   for the answer: SQLite answers before the call returns, and each of these
   checks that it did so exactly once. */

#include "migration-store-private.h"

/* Time of all tests. */
#define NOW 1700000000

/* Results live here until the program ends: a callback may have a data stack
   frame of its own. */
extern pool_t test_store_pool;

/* As test_run(). Keeps the SQL driver loaded in between, because valgrind
   takes a second to load it. */
int test_store_run(void (*const test_functions[])(void));

/* Filled by the last call: why it failed, or NULL. */
extern const char *test_store_error;
/* TRUE if it failed and the text contains this. */
bool test_store_error_has(const char *part);

/* Path of the database. */
const char *test_store_path(void);
/* Does not open it. */
struct migration_store *test_store_init(const char *path, bool create);
/* Returns what migration_store_open() answered. */
int test_store_try_open(struct migration_store *store);
/* A new or existing database that works. */
struct migration_store *test_store_open(void);

/* Raw SQL on the store's own connection. Returns the error or NULL. */
const char *test_store_try_exec(struct migration_store *store,
				const char *sql);
/* Must succeed. */
void test_store_exec(struct migration_store *store, const char *sql);
/* Undoes the steps of the schema above version 7. */
void test_store_undo_to_7(struct migration_store *store);
/* First column of the first row, or NULL if there is none. */
const char *test_store_value(struct migration_store *store, const char *sql);

/* user@old.example of provider oldhost, with login wait. */
void test_store_adoption(struct migration_adoption *adoption_r,
			 const char *username);
int test_store_try_adopt(struct migration_store *store,
			 const struct migration_adoption *adoption,
			 time_t now);
/* Must succeed. */
void test_store_adopt(struct migration_store *store, const char *username,
		      time_t now);

/* Sets columns of the record of name@old.example. */
void test_store_job_set(struct migration_store *store, const char *name,
			const char *set);
/* The same with a new record. */
void test_store_job_add(struct migration_store *store, const char *name,
			const char *set);

enum migration_store_found
test_store_lookup(struct migration_store *store, const char *username,
		  struct migration_record *record_r);
/* The user must have a record. */
struct migration_record
test_store_record(struct migration_store *store, const char *username);

/* For calls that end with migration_store_callback_t. */
struct test_store_answer {
	unsigned int calls;
	int ret;
};
void test_store_answered(int ret, const char *error, void *context);
int test_store_answer_ret(struct test_store_answer *answer);

#define TEST_STORE(ret, call, ...) STMT_START { \
	struct test_store_answer answer = { .calls = 0 }; \
	call(__VA_ARGS__, test_store_answered, &answer); \
	*(ret) = test_store_answer_ret(&answer); \
} STMT_END

#endif

#ifndef MIGRATION_STATEMENT_H
#define MIGRATION_STATEMENT_H

/* SQL statements of the configuration, with named variables that become bound
   parameters. Pure functions.

   Statements are separated by ";". %{variable} stands where a value may stand,
   never within quotes; %% is a percent sign. Comments (-- and slash star) are
   left out. What cannot be told apart the same way by all databases is
   refused: a backslash before a quote, quotes of dollar signs, and "?". */

#include "array.h"

enum migration_variable {
	MIGRATION_VARIABLE_USER,
	MIGRATION_VARIABLE_USERNAME,
	MIGRATION_VARIABLE_DOMAIN,
	MIGRATION_VARIABLE_PASSWORD,
	MIGRATION_VARIABLE_OLD_PASSWORD,
	MIGRATION_VARIABLE_PROVIDER,
	MIGRATION_VARIABLE_REMOTE_USER,

	MIGRATION_VARIABLE_COUNT
};
#define MIGRATION_VARIABLE_BIT(variable) (1U << (variable))

struct migration_statement {
	/* with ? for each variable */
	const char *sql;
	ARRAY(enum migration_variable) variables;
};
ARRAY_DEFINE_TYPE(migration_statement, struct migration_statement);

/* Variables and first words that are allowed. */
struct migration_statement_rules {
	/* bits */
	unsigned int variables;
	/* upper case */
	const char *const *verbs;
	/* at most MIGRATION_MAX_STATEMENTS */
	unsigned int max_count;
};

const char *migration_variable_to_string(enum migration_variable variable);

/* Returns 0, or -1 with an error that quotes the word that is wrong. There is
   at least one statement. */
int migration_statements_parse(pool_t pool, const char *text,
			       const struct migration_statement_rules *rules,
			       ARRAY_TYPE(migration_statement) *statements_r,
			       const char **error_r);
bool migration_statements_use(const ARRAY_TYPE(migration_statement) *statements,
			      enum migration_variable variable);

#endif

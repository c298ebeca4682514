/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* Accounts in tables of the administrator's: what the configuration says about
   them as SQL statements. */

#include "lib.h"
#include "array.h"
#include "str.h"
#include "migration-store-private.h"

/* NULL, which equals nothing, unless the record has just got this password. */
#define OWN_OLD_PASSWORD \
	"(SELECT CASE WHEN j.adopted_password = ? THEN ? END " \
	"FROM migration_job j WHERE j.username = ?)"

void migration_own_values_init(struct migration_own_values *values_r,
			       const struct migration_adoption *adoption)
{
	i_zero(values_r);
	values_r->user = adoption->username;
	values_r->domain = adoption->domain;
	values_r->provider = adoption->provider;
	values_r->remote_user = adoption->remote_user;
	values_r->password = adoption->password;
}

void migration_own_values_init_user(struct migration_own_values *values_r,
				    const char *username)
{
	const char *at = strrchr(username, '@');

	i_zero(values_r);
	values_r->user = username;
	values_r->domain = at == NULL ? "" : at + 1;
}

const char *migration_store_own_sql(const struct migration_statement *own)
{
	string_t *sql = t_str_new(256);
	const char *p;
	unsigned int idx = 0;

	for (p = own->sql; *p != '\0'; p++) {
		if (*p == '?' && *array_idx(&own->variables, idx++) ==
					 MIGRATION_VARIABLE_OLD_PASSWORD)
			str_append(sql, OWN_OLD_PASSWORD);
		else
			str_append_c(sql, *p);
	}
	return str_c(sql);
}

static const char *own_username(const char *user)
{
	const char *at = strrchr(user, '@');

	return at == NULL ? user : t_strdup_until(user, at);
}

static const char *own_value(enum migration_variable variable,
			     const struct migration_own_values *values)
{
	switch (variable) {
	case MIGRATION_VARIABLE_USER:
		return values->user;
	case MIGRATION_VARIABLE_USERNAME:
		return own_username(values->user);
	case MIGRATION_VARIABLE_DOMAIN:
		return values->domain;
	case MIGRATION_VARIABLE_PASSWORD:
		return values->password;
	case MIGRATION_VARIABLE_PROVIDER:
		return values->provider;
	case MIGRATION_VARIABLE_REMOTE_USER:
		return values->remote_user;
	case MIGRATION_VARIABLE_OLD_PASSWORD:
	case MIGRATION_VARIABLE_COUNT:
		break;
	}
	i_unreached();
}

unsigned int
migration_store_own_bind(struct sql_statement *stmt, unsigned int idx,
			 const struct migration_statement *own,
			 const struct migration_own_values *values)
{
	const enum migration_variable *variable;

	array_foreach(&own->variables, variable) {
		if (*variable == MIGRATION_VARIABLE_OLD_PASSWORD) {
			sql_statement_bind_str(stmt, idx++, values->password);
			sql_statement_bind_str(stmt, idx++,
					       values->old_password);
			sql_statement_bind_str(stmt, idx++, values->user);
		} else {
			sql_statement_bind_str(stmt, idx++,
					       own_value(*variable, values));
		}
	}
	return idx;
}

static void
own_add_part(struct migration_store_write *write, const char *setting,
	     unsigned int number, struct sql_statement **stmt)
{
	struct migration_store_own_part *part;

	i_assert(write->own_count < N_ELEMENTS(write->own));
	part = &write->own[write->own_count++];
	part->setting = setting;
	part->number = number;
	part->rows = UINT_MAX;
	sql_update_stmt_get_rows(write->trans, stmt, &part->rows);
}

void migration_store_write_add_part(struct migration_store_write *write,
				    const char *setting,
				    struct sql_statement **stmt)
{
	own_add_part(write, setting, 0, stmt);
}

void migration_store_write_add_own(struct migration_store_write *write,
				   const char *setting,
				   const ARRAY_TYPE(migration_statement) *own,
				   const struct migration_own_values *values)
{
	const struct migration_statement *statement;
	struct sql_statement *stmt;
	unsigned int number = 0;

	array_foreach(own, statement) {
		stmt = sql_statement_init(write->store->db,
					  migration_store_own_sql(statement));
		(void)migration_store_own_bind(stmt, 0, statement, values);
		own_add_part(write, setting, ++number, &stmt);
	}
}

const char *migration_store_own_error(const struct migration_store_write *write,
				      const char *error)
{
	const struct migration_store_own_part *part;
	unsigned int i;

	for (i = 0; i < write->own_count; i++) {
		if (write->own[i].rows == UINT_MAX)
			break;
	}
	/* the database did not even get there, or it was the end of the
	   transaction */
	if (i == write->own_count || write->own[i].setting == NULL)
		return error;
	part = &write->own[i];
	if (part->number == 0) {
		return t_strdup_printf(
			"%s does not find the account with the password that "
			"was written: %s - nothing of it was kept; compare the "
			"statements, see own-tables.md",
			part->setting, error);
	}
	return t_strdup_printf("%s: statement %u failed: %s - nothing of it "
			       "was kept; mend the statement, the tables or "
			       "the rights, see own-tables.md",
			       part->setting, part->number, error);
}

const char *migration_store_own_lookup_error(struct migration_store *store,
					     const char *error)
{
	if (store->own == NULL)
		return error;
	return t_strdup_printf("migration_account_lookup: %s - it must be a "
			       "SELECT with the columns password and enabled, "
			       "see own-tables.md",
			       error);
}

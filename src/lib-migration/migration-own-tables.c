/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "migration-limits.h"
#include "migration-own-tables.h"
#include "migration-settings.h"

#define OWN_BIT(name) MIGRATION_VARIABLE_BIT(MIGRATION_VARIABLE_##name)
#define OWN_NAMES (OWN_BIT(USER) | OWN_BIT(USERNAME) | OWN_BIT(DOMAIN))
#define OWN_ORIGIN (OWN_BIT(PROVIDER) | OWN_BIT(REMOTE_USER))

static const char *const own_read_verbs[] = { "SELECT", "WITH", NULL };
static const char *const own_write_verbs[] = { "INSERT",  "UPDATE", "DELETE",
					       "REPLACE", "WITH",   NULL };

static const struct migration_statement_rules own_lookup_rules = {
	.variables = OWN_NAMES,
	.verbs = own_read_verbs,
	.max_count = 1,
};
static const struct migration_statement_rules own_domain_rules = {
	.variables = OWN_BIT(DOMAIN) | OWN_BIT(PROVIDER),
	.verbs = own_write_verbs,
	.max_count = MIGRATION_MAX_STATEMENTS,
};
static const struct migration_statement_rules own_create_rules = {
	.variables = OWN_NAMES | OWN_ORIGIN | OWN_BIT(PASSWORD),
	.verbs = own_write_verbs,
	.max_count = MIGRATION_MAX_STATEMENTS,
};
static const struct migration_statement_rules own_password_rules = {
	.variables = OWN_NAMES | OWN_ORIGIN | OWN_BIT(PASSWORD) |
		     OWN_BIT(OLD_PASSWORD),
	.verbs = own_write_verbs,
	.max_count = MIGRATION_MAX_STATEMENTS,
};

bool migration_own_tables_are_set(const struct migration_settings *set)
{
	return *set->migration_account_lookup != '\0' ||
	       *set->migration_account_create != '\0' ||
	       *set->migration_account_password != '\0' ||
	       *set->migration_domain_create != '\0';
}

static int
own_check_complete(const struct migration_settings *set, const char **error_r)
{
	const struct {
		const char *name, *value;
	} needed[] = {
		{ "migration_account_lookup", set->migration_account_lookup },
		{ "migration_account_create", set->migration_account_create },
		{ "migration_account_password",
		  set->migration_account_password },
	};
	ARRAY_TYPE(const_string) missing;
	unsigned int i;

	t_array_init(&missing, N_ELEMENTS(needed) + 1);
	for (i = 0; i < N_ELEMENTS(needed); i++) {
		if (*needed[i].value == '\0')
			array_push_back(&missing, &needed[i].name);
	}
	if (array_count(&missing) == 0)
		return 0;
	array_append_zero(&missing);
	*error_r = t_strdup_printf(
		"%s: missing. migration_account_lookup, "
		"migration_account_create and migration_account_password are "
		"needed together (migration_domain_create beside them, if "
		"domains are to be made), or none of them",
		t_strarray_join(array_front(&missing), ", "));
	return -1;
}

static int
own_parse(pool_t pool, const char *name, const char *value,
	  const struct migration_statement_rules *rules,
	  enum migration_variable needed,
	  ARRAY_TYPE(migration_statement) *statements_r, const char **error_r)
{
	const char *error;

	if (migration_statements_parse(pool, value, rules, statements_r,
				       &error) < 0) {
		*error_r = t_strdup_printf("%s: %s", name, error);
		return -1;
	}
	if (migration_statements_use(statements_r, needed))
		return 0;
	*error_r = t_strdup_printf("%s: %%{%s} is missing", name,
				   migration_variable_to_string(needed));
	return -1;
}

static int
own_parse_lookup(pool_t pool, const struct migration_settings *set,
		 struct migration_statement *lookup_r, const char **error_r)
{
	ARRAY_TYPE(migration_statement) statements;

	/* users of all domains are looked up by their whole name, or by both
	   parts of it */
	if (own_parse(pool, "migration_account_lookup",
		      set->migration_account_lookup, &own_lookup_rules,
		      strstr(set->migration_account_lookup, "%{username}") ==
				      NULL ?
			      MIGRATION_VARIABLE_USER :
			      MIGRATION_VARIABLE_DOMAIN,
		      &statements, error_r) < 0)
		return -1;
	*lookup_r = *array_front(&statements);
	return 0;
}

static int
own_parse_writes(pool_t pool, const struct migration_settings *set,
		 struct migration_own_tables *own, const char **error_r)
{
	if (own_parse(pool, "migration_account_create",
		      set->migration_account_create, &own_create_rules,
		      MIGRATION_VARIABLE_PASSWORD, &own->account_create,
		      error_r) < 0 ||
	    own_parse(pool, "migration_account_password",
		      set->migration_account_password, &own_password_rules,
		      MIGRATION_VARIABLE_PASSWORD, &own->account_password,
		      error_r) < 0)
		return -1;
	if (!migration_statements_use(&own->account_password,
				      MIGRATION_VARIABLE_OLD_PASSWORD)) {
		*error_r = "migration_account_password: %{old_password} is "
			   "missing: without \"AND password = "
			   "%{old_password}\" a password that was changed "
			   "here would be lost";
		return -1;
	}
	if (*set->migration_domain_create == '\0') {
		p_array_init(&own->domain_create, pool, 1);
		return 0;
	}
	return own_parse(pool, "migration_domain_create",
			 set->migration_domain_create, &own_domain_rules,
			 MIGRATION_VARIABLE_DOMAIN, &own->domain_create,
			 error_r);
}

int migration_own_tables_parse(pool_t pool,
			       const struct migration_settings *set,
			       const struct migration_own_tables **own_r,
			       const char **error_r)
{
	struct migration_own_tables *own;

	*own_r = NULL;
	if (!migration_own_tables_are_set(set))
		return 0;
	if (own_check_complete(set, error_r) < 0)
		return -1;
	own = p_new(pool, struct migration_own_tables, 1);
	if (own_parse_lookup(pool, set, &own->lookup, error_r) < 0 ||
	    own_parse_writes(pool, set, own, error_r) < 0)
		return -1;
	*own_r = own;
	return 1;
}

const struct migration_own_tables *
migration_own_tables_get(pool_t pool, const struct migration_settings *set)
{
	const struct migration_own_tables *own;
	const char *error;

	if (migration_own_tables_parse(pool, set, &own, &error) < 0)
		i_unreached(); /* the settings were checked */
	return own;
}

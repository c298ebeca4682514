/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "hash.h"
#include "migration-import-names.h"
#include "migration-record.h"

/* Names of a group are used once, whatever the type. */
enum import_group {
	IMPORT_GROUP_DOMAIN,
	IMPORT_GROUP_ACCOUNT,
	IMPORT_GROUP_ALIAS,
	IMPORT_GROUP_MIGRATION,

	IMPORT_GROUP_COUNT
};

struct import_name {
	enum migration_import_type type;
	/* NULL = in the database */
	const char *where;
	/* of a migration that may be renewed */
	const char *provider, *remote_user;
	bool finished;
};

struct migration_import_names {
	pool_t pool;
	HASH_TABLE(char *, struct import_name *) names[IMPORT_GROUP_COUNT];
	/* "alias recipient", of those in the database */
	HASH_TABLE(char *, char *) recipients;
};

struct migration_import_names *migration_import_names_init(void)
{
	struct migration_import_names *names;
	unsigned int i;
	pool_t pool;

	pool = pool_alloconly_create("migration import names", 64 * 1024);
	names = p_new(pool, struct migration_import_names, 1);
	names->pool = pool;
	for (i = 0; i < IMPORT_GROUP_COUNT; i++) {
		hash_table_create(&names->names[i], default_pool, 0, str_hash,
				  strcmp);
	}
	hash_table_create(&names->recipients, default_pool, 0, str_hash,
			  strcmp);
	return names;
}

void migration_import_names_deinit(struct migration_import_names **_names)
{
	struct migration_import_names *names = *_names;
	unsigned int i;

	if (names == NULL)
		return;
	*_names = NULL;
	for (i = 0; i < IMPORT_GROUP_COUNT; i++)
		hash_table_destroy(&names->names[i]);
	hash_table_destroy(&names->recipients);
	pool_unref(&names->pool);
}

static enum import_group import_get_group(enum migration_import_type type)
{
	switch (type) {
	case MIGRATION_IMPORT_DOMAIN:
	case MIGRATION_IMPORT_DOMAIN_ALIAS:
	case MIGRATION_IMPORT_RELAY_DOMAIN:
		return IMPORT_GROUP_DOMAIN;
	case MIGRATION_IMPORT_ACCOUNT:
		return IMPORT_GROUP_ACCOUNT;
	case MIGRATION_IMPORT_ALIAS:
	case MIGRATION_IMPORT_FORWARD:
	case MIGRATION_IMPORT_DLIST:
		return IMPORT_GROUP_ALIAS;
	case MIGRATION_IMPORT_MIGRATION:
		return IMPORT_GROUP_MIGRATION;
	case MIGRATION_IMPORT_TYPE_COUNT:
		break;
	}
	i_unreached();
}

static struct import_name *names_insert(struct migration_import_names *names,
					enum migration_import_type type,
					const char *name, const char *where)
{
	struct import_name *entry;
	char *key = p_strdup(names->pool, name);

	entry = p_new(names->pool, struct import_name, 1);
	entry->type = type;
	entry->where = p_strdup(names->pool, where);
	hash_table_update(names->names[import_get_group(type)], key, entry);
	return entry;
}

static const struct import_name *
names_find(const struct migration_import_names *names, enum import_group group,
	   const char *name)
{
	return hash_table_lookup(names->names[group], name);
}

static bool
names_has_domain(const struct migration_import_names *names, const char *domain)
{
	const struct import_name *entry =
		names_find(names, IMPORT_GROUP_DOMAIN, domain);

	return entry != NULL && entry->type == MIGRATION_IMPORT_DOMAIN;
}

void migration_import_names_add_existing(struct migration_import_names *names,
					 enum migration_import_type type,
					 const char *name,
					 const char *recipient)
{
	char *key;

	/* an alias comes once for each recipient */
	if (names_find(names, import_get_group(type), name) == NULL)
		(void)names_insert(names, type, name, NULL);
	if (import_get_group(type) == IMPORT_GROUP_ALIAS) {
		key = p_strconcat(names->pool, name, " ", recipient, NULL);
		hash_table_update(names->recipients, key, key);
	}
}

void migration_import_names_add_renewable(struct migration_import_names *names,
					  const struct migration_record *record)
{
	struct import_name *entry;

	entry = names_insert(names, MIGRATION_IMPORT_MIGRATION,
			     record->username, NULL);
	entry->provider = p_strdup(names->pool, record->provider);
	entry->remote_user = p_strdup(names->pool, record->remote_user);
	entry->finished = record->phase == MIGRATION_PHASE_FINISHED;
}

static int names_fail_domain(const char *domain, const char **error_r)
{
	*error_r =
		t_strdup_printf("there is no domain '%s' (it must come before)",
				domain);
	return -1;
}

/* Aliases may also be in other names of domains, and in relay domains. */
static int names_check_alias_domain(const struct migration_import_names *names,
				    const struct migration_import_row *row,
				    const char **error_r)
{
	const char *domain = strrchr(row->name, '@') + 1;

	if (names_find(names, IMPORT_GROUP_DOMAIN, domain) != NULL)
		return 0;
	return names_fail_domain(domain, error_r);
}

/* A migration makes its domain if there is none. */
static int names_check_new_domain(const struct migration_import_names *names,
				  const struct migration_import_row *row,
				  const char **error_r)
{
	const char *domain = strrchr(row->name, '@') + 1;
	const struct import_name *entry =
		names_find(names, IMPORT_GROUP_DOMAIN, domain);

	if (entry != NULL && entry->type != MIGRATION_IMPORT_DOMAIN) {
		*error_r = t_strdup_printf("'%s' exists already, as %s", domain,
					   migration_import_type_to_string(
						   entry->type));
		return -1;
	}
	return 0;
}

static int names_check_domains(const struct migration_import_names *names,
			       const struct migration_import_row *row,
			       const char **error_r)
{
	const char *const *domains, *domain = NULL;

	switch (import_get_group(row->type)) {
	case IMPORT_GROUP_DOMAIN:
		domain = row->target;
		break;
	case IMPORT_GROUP_ACCOUNT:
		for (domains = row->domains;
		     domains != NULL && *domains != NULL; domains++) {
			if (!names_has_domain(names, *domains))
				break;
		}
		if (domains != NULL && *domains != NULL)
			domain = *domains;
		else if (row->name != NULL)
			domain = strrchr(row->name, '@') + 1;
		break;
	case IMPORT_GROUP_ALIAS:
		return names_check_alias_domain(names, row, error_r);
	case IMPORT_GROUP_MIGRATION:
		return names_check_new_domain(names, row, error_r);
	case IMPORT_GROUP_COUNT:
		break;
	}
	if (domain != NULL && !names_has_domain(names, domain))
		return names_fail_domain(domain, error_r);
	return 0;
}

/* TRUE if none is left. */
static bool names_remove_existing(const struct migration_import_names *names,
				  struct migration_import_row *row)
{
	const char **recipients, *key;
	unsigned int i, count = 0;

	recipients = t_new(const char *, str_array_length(row->recipients) + 1);
	for (i = 0; row->recipients[i] != NULL; i++) {
		key = t_strconcat(row->name, " ", row->recipients[i], NULL);
		if (hash_table_lookup(names->recipients, key) == NULL)
			recipients[count++] = row->recipients[i];
	}
	row->recipients = recipients;
	return count == 0;
}

static enum migration_import_action
names_renew(struct migration_import_row *row, const struct import_name *entry,
	    const char **error_r)
{
	/* users may have typed it in another case */
	if (strcmp(row->provider, entry->provider) != 0 ||
	    strcasecmp(row->remote_user, entry->remote_user) != 0) {
		*error_r = t_strdup_printf(
			"'%s' is being moved from migration_provider %s as "
			"'%s': a user is moved from one place",
			row->name, entry->provider, entry->remote_user);
		return MIGRATION_IMPORT_INVALID;
	}
	if (entry->finished)
		return MIGRATION_IMPORT_LEAVE_OUT;
	row->renew = TRUE;
	return MIGRATION_IMPORT_RENEW;
}

static enum migration_import_action
names_keep(const struct migration_import_names *names,
	   struct migration_import_row *row, const struct import_name *entry,
	   bool keep_existing, const char **error_r)
{
	enum import_group group = import_get_group(row->type);

	if (entry->where != NULL) {
		*error_r = t_strdup_printf(
			"'%s' is there twice, also as %s on %s", row->name,
			migration_import_type_to_string(entry->type),
			entry->where);
	} else if (entry->provider != NULL) {
		return names_renew(row, entry, error_r);
	} else if (entry->type != row->type && group != IMPORT_GROUP_ALIAS) {
		*error_r = t_strdup_printf("'%s' exists already, as %s",
					   row->name,
					   migration_import_type_to_string(
						   entry->type));
	} else if (!keep_existing) {
		*error_r = t_strdup_printf(
			"%s '%s' exists already (use --continue-if-exists to "
			"leave such ones as they are%s)",
			migration_import_type_to_string(row->type), row->name,
			row->type == MIGRATION_IMPORT_MIGRATION ?
				", --update to give them this password" :
				"");
	} else if (group == IMPORT_GROUP_ALIAS &&
		   !names_remove_existing(names, row)) {
		return MIGRATION_IMPORT_EXTEND;
	} else {
		return MIGRATION_IMPORT_KEEP;
	}
	return MIGRATION_IMPORT_INVALID;
}

static void names_add_parts(struct migration_import_names *names,
			    struct migration_import_row *row, const char *where)
{
	const char *domain = strrchr(row->name, '@') + 1;

	row->new_account = names_find(names, IMPORT_GROUP_ACCOUNT, row->name) ==
			   NULL;
	row->new_domain = !names_has_domain(names, domain);
	if (row->new_account) {
		(void)names_insert(names, MIGRATION_IMPORT_ACCOUNT, row->name,
				   where);
	}
	if (row->new_domain) {
		(void)names_insert(names, MIGRATION_IMPORT_DOMAIN, domain,
				   where);
	}
}

enum migration_import_action
migration_import_names_add(struct migration_import_names *names,
			   struct migration_import_row *row, const char *where,
			   bool keep_existing, const char **error_r)
{
	enum migration_import_action action = MIGRATION_IMPORT_ADD;
	const struct import_name *entry;

	if (names_check_domains(names, row, error_r) < 0)
		return MIGRATION_IMPORT_INVALID;
	if (row->name == NULL)
		return MIGRATION_IMPORT_LEAVE_OUT;
	entry = names_find(names, import_get_group(row->type), row->name);
	if (entry != NULL)
		action = names_keep(names, row, entry, keep_existing, error_r);
	if (action == MIGRATION_IMPORT_ADD &&
	    row->type == MIGRATION_IMPORT_MIGRATION)
		names_add_parts(names, row, where);
	if (action != MIGRATION_IMPORT_INVALID)
		(void)names_insert(names, row->type, row->name, where);
	return action;
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "hash.h"
#include "str.h"
#include "unichar.h"
#include "migration-limits.h"
#include "migration-provider.h"

#include <ctype.h>

struct provider_domain {
	const struct migration_provider_settings *provider;
	/* NULL = the domain keeps its name */
	const char *new_domain;
};

struct migration_providers {
	pool_t pool;
	HASH_TABLE(const char *, struct provider_domain *) domains;
	/* what domains are renamed to */
	HASH_TABLE(const char *, const char *) new_domains;
};

static bool domain_is_valid(const char *domain)
{
	const char *p;

	if (*domain == '\0' || *domain == '.' || *domain == '-')
		return FALSE;
	for (p = domain; *p != '\0'; p++) {
		/* 8-bit bytes: some providers use UTF-8 domains as they are */
		if (!i_isalnum(*p) && *p != '.' && *p != '-' && *p != '_' &&
		    (*p & 0x80) == 0)
			return FALSE;
		if (*p == '.' && p[1] == '.')
			return FALSE;
	}
	return p[-1] != '.' && p - domain <= 255;
}

static int providers_add_domain(struct migration_providers *providers,
				const struct migration_provider_settings *set,
				const char *word, const char **error_r)
{
	struct provider_domain *domain;
	const char *name, *p;

	p = strchr(word, '=');
	name = str_lcase(p_strdup_until(providers->pool, word,
					p != NULL ? p : word + strlen(word)));
	if (!domain_is_valid(name) || (p != NULL && !domain_is_valid(p + 1))) {
		*error_r = t_strdup_printf(
			"migration_provider %s: domains: '%s' is not a domain "
			"or domain=new-domain",
			set->name, word);
		return -1;
	}
	domain = hash_table_lookup(providers->domains, name);
	if (domain != NULL) {
		*error_r = t_strdup_printf(
			"migration_provider %s: domains: '%s' is already "
			"served by migration_provider %s",
			set->name, name, domain->provider->name);
		return -1;
	}
	domain = p_new(providers->pool, struct provider_domain, 1);
	domain->provider = set;
	if (p != NULL) {
		domain->new_domain =
			str_lcase(p_strdup(providers->pool, p + 1));
		hash_table_update(providers->new_domains, domain->new_domain,
				  domain->new_domain);
	}
	hash_table_insert(providers->domains, name, domain);
	return 0;
}

int migration_providers_init(const struct migration_settings *set,
			     struct migration_providers **providers_r,
			     const char **error_r)
{
	struct migration_providers *providers;
	struct migration_provider_settings *provider;
	const char *const *words;
	pool_t pool;

	pool = pool_alloconly_create("migration providers", 1024);
	providers = p_new(pool, struct migration_providers, 1);
	providers->pool = pool;
	hash_table_create(&providers->domains, pool, 0, str_hash, strcmp);
	hash_table_create(&providers->new_domains, pool, 0, str_hash, strcmp);
	*providers_r = providers;

	if (!array_is_created(&set->providers))
		return 0;
	array_foreach_elem(&set->providers, provider) {
		words = t_strsplit_spaces(provider->domains, " \t\n");
		for (; *words != NULL; words++) {
			if (providers_add_domain(providers, provider, *words,
						 error_r) < 0) {
				migration_providers_deinit(providers_r);
				return -1;
			}
		}
	}
	return 0;
}

void migration_providers_deinit(struct migration_providers **_providers)
{
	struct migration_providers *providers = *_providers;

	if (providers == NULL)
		return;
	*_providers = NULL;
	hash_table_destroy(&providers->domains);
	hash_table_destroy(&providers->new_domains);
	pool_unref(&providers->pool);
}

/* Before anybody has logged in with it: auth lets no such name in, which is also
   a folder here. */
static bool added_name_is_safe(const char *local_user)
{
	return *local_user != '.' && strchr(local_user, '/') == NULL &&
	       uni_utf8_str_is_valid(local_user);
}

static bool username_is_safe(const char *username)
{
	const unsigned char *p;

	for (p = (const unsigned char *)username; *p != '\0'; p++) {
		if (*p < 0x20 || *p == 0x7f)
			return FALSE;
	}
	return p - (const unsigned char *)username <=
	       MIGRATION_MAX_USERNAME_BYTES;
}

enum migration_user_result
migration_providers_find_user(const struct migration_providers *providers,
			      const char *username,
			      struct migration_user *user_r)
{
	const struct provider_domain *domain;
	const char *at, *error;

	i_zero(user_r);
	at = strrchr(username, '@');
	if (at == NULL || at == username)
		return MIGRATION_USER_FOREIGN;
	domain = hash_table_lookup(providers->domains, t_str_lcase(at + 1));
	if (domain == NULL)
		return MIGRATION_USER_FOREIGN;
	if (!username_is_safe(username))
		return MIGRATION_USER_REFUSED;

	user_r->provider = domain->provider;
	user_r->local_user =
		domain->new_domain == NULL ?
			t_str_lcase(username) :
			t_strconcat(t_str_lcase(
					    t_strdup_until(username, at + 1)),
				    domain->new_domain, NULL);
	if (migration_provider_expand_user(domain->provider->user, username,
					   &user_r->remote_user, &error) < 0) {
		/* the settings were checked */
		i_unreached();
	}
	if (strlen(user_r->local_user) > MIGRATION_MAX_USERNAME_BYTES ||
	    strlen(user_r->remote_user) > MIGRATION_MAX_USERNAME_BYTES)
		return MIGRATION_USER_REFUSED;
	return MIGRATION_USER_OK;
}

bool migration_providers_is_new_name(
	const struct migration_providers *providers, const char *username)
{
	const char *at = strrchr(username, '@');

	return at != NULL && at != username && username_is_safe(username) &&
	       hash_table_lookup(providers->new_domains, t_str_lcase(at + 1)) !=
		       NULL;
}

/* Which of the provider's domains is renamed to this one. Returns how many there
   are; domain_r is one of them. */
static unsigned int
provider_old_domains(const struct migration_provider_settings *provider,
		     const char *new_domain, const char **domain_r)
{
	const char *const *words, *p;
	unsigned int count = 0;

	words = t_strsplit_spaces(provider->domains, " \t\n");
	for (; *words != NULL; words++) {
		p = strchr(*words, '=');
		if (p != NULL && strcasecmp(p + 1, new_domain) == 0) {
			*domain_r = t_str_lcase(t_strdup_until(*words, p));
			count++;
		}
	}
	return count;
}

static int added_other_provider(const struct migration_provider_settings *set,
				const char *username, const char *other,
				const char **error_r)
{
	*error_r = t_strdup_printf(
		"migration_provider %s does not serve the domain of %s, %s",
		set->name, username,
		other != NULL ?
			t_strdup_printf("but migration_provider %s does",
					other) :
			t_strdup_printf("its domains are: %s", set->domains));
	return -1;
}

/* The domain is none that anybody types at the provider. */
static int find_added_here(const struct migration_provider_settings *provider,
			   const char *username, const char *remote_user,
			   struct migration_user *user_r, const char **error_r)
{
	const char *at = strrchr(username, '@'), *domain = "", *error;
	unsigned int count;

	count = at == NULL || at == username ?
			0 :
			provider_old_domains(provider, at + 1, &domain);
	if (count == 0) {
		return added_other_provider(provider, username, NULL, error_r);
	}
	if (count > 1 && remote_user == NULL) {
		*error_r = t_strdup_printf(
			"Several domains of migration_provider %s become %s: "
			"say what the name of %s is there",
			provider->name, at + 1, username);
		return -1;
	}
	user_r->provider = provider;
	user_r->local_user = t_str_lcase(username);
	if (migration_provider_expand_user(
		    provider->user,
		    t_strconcat(t_strdup_until(username, at + 1), domain, NULL),
		    &user_r->remote_user, &error) < 0) {
		/* the settings were checked */
		i_unreached();
	}
	return 0;
}

static bool remote_user_is_safe(const char *remote_user)
{
	return *remote_user != '\0' && username_is_safe(remote_user);
}

int migration_providers_find_added(
	const struct migration_providers *providers,
	const struct migration_provider_settings *provider,
	const char *username, const char *remote_user,
	struct migration_user *user_r, const char **error_r)
{
	enum migration_user_result result;

	result = username_is_safe(username) ?
			 migration_providers_find_user(providers, username,
						       user_r) :
			 MIGRATION_USER_REFUSED;
	switch (result) {
	case MIGRATION_USER_OK:
		if (user_r->provider != provider) {
			return added_other_provider(provider, username,
						    user_r->provider->name,
						    error_r);
		}
		break;
	case MIGRATION_USER_FOREIGN:
		if (find_added_here(provider, username, remote_user, user_r,
				    error_r) < 0)
			return -1;
		break;
	case MIGRATION_USER_REFUSED:
		*error_r = "The user name is too long or has control "
			   "characters";
		return -1;
	}
	if (!added_name_is_safe(user_r->local_user)) {
		*error_r = "The user name begins with a dot, has a slash, or "
			   "is not UTF-8";
		return -1;
	}
	if (remote_user != NULL)
		user_r->remote_user = remote_user;
	if (!remote_user_is_safe(user_r->remote_user)) {
		*error_r = t_strdup_printf(
			"The name of %s at the provider is empty, too long or "
			"has control characters",
			username);
		return -1;
	}
	return 0;
}

int migration_provider_expand_user(const char *format, const char *username,
				   const char **remote_user_r,
				   const char **error_r)
{
	const char *at = strrchr(username, '@');
	string_t *str = t_str_new(128);

	/* not var_expand(), whose conditions can fail for one user and not for
	   another */
	for (; *format != '\0'; format++) {
		if (*format != '%') {
			str_append_c(str, *format);
			continue;
		}
		switch (*++format) {
		case 'u':
			str_append(str, username);
			break;
		case 'n':
			str_append_data(str, username,
					at == NULL ? strlen(username) :
						     (size_t)(at - username));
			break;
		case 'd':
			str_append(str, at == NULL ? "" : at + 1);
			break;
		case '%':
			str_append_c(str, '%');
			break;
		default:
			*error_r = "Only %u, %n and %d are known";
			return -1;
		}
	}
	*remote_user_r = str_c(str);
	return 0;
}

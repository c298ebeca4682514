/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "net.h"
#include "migration-compat.h"
#include "migration-import.h"

#include <ctype.h>

#define MEGABYTE (1024ULL * 1024ULL)
/* So that bytes fit into a signed BIGINT. */
#define MAX_QUOTA_MEGABYTES (INT64_MAX / MEGABYTE)
/* RFC 1035 2.3.4, RFC 5321 4.5.3.1 */
#define MAX_LABEL_BYTES 63
#define MAX_DOMAIN_BYTES 255
#define MAX_LOCAL_PART_BYTES 64

/* Longer ones are no mistyped types. */
#define TYPE_MAX_CHARS 20

#define MODOBOA_DOMAIN_FIELDS 5
#define MODOBOA_DOMAIN_ALIAS_FIELDS 4
#define MODOBOA_RELAY_DOMAIN_FIELDS 7
#define MODOBOA_ACCOUNT_FIELDS 8
#define MODOBOA_ALIAS_FIELDS 4

/* The first are those who have nothing but a mailbox. */
static const char *const account_groups[] = { "SimpleUsers", "DomainAdmins",
					      "Resellers", "SuperAdmins",
					      NULL };

static const char *const import_types[MIGRATION_IMPORT_TYPE_COUNT] = {
	[MIGRATION_IMPORT_DOMAIN] = "domain",
	[MIGRATION_IMPORT_DOMAIN_ALIAS] = "domainalias",
	[MIGRATION_IMPORT_RELAY_DOMAIN] = "relaydomain",
	[MIGRATION_IMPORT_ACCOUNT] = "account",
	[MIGRATION_IMPORT_ALIAS] = "alias",
	[MIGRATION_IMPORT_FORWARD] = "forward",
	[MIGRATION_IMPORT_DLIST] = "dlist",
	[MIGRATION_IMPORT_MIGRATION] = "migration",
};

const char *migration_import_type_to_string(enum migration_import_type type)
{
	i_assert(type < MIGRATION_IMPORT_TYPE_COUNT);
	return import_types[type];
}

static bool label_is_valid(const char *label, size_t size)
{
	size_t i;

	if (size == 0 || size > MAX_LABEL_BYTES || label[0] == '-' ||
	    label[size - 1] == '-')
		return FALSE;
	for (i = 0; i < size; i++) {
		/* 8-bit bytes: internationalized names as they are written */
		if (!i_isalnum(label[i]) && label[i] != '-' &&
		    (label[i] & 0x80) == 0)
			return FALSE;
	}
	return TRUE;
}

static bool domain_is_valid(const char *domain)
{
	const char *dot;

	if (strlen(domain) > MAX_DOMAIN_BYTES)
		return FALSE;
	for (; (dot = strchr(domain, '.')) != NULL; domain = dot + 1) {
		if (!label_is_valid(domain, dot - domain))
			return FALSE;
	}
	return label_is_valid(domain, strlen(domain));
}

/* RFC 5321 Dot-string, but with dots anywhere, which some providers allow. */
static bool local_part_is_valid(const char *start, const char *end)
{
	const char *p;

	if (start == end || end - start > MAX_LOCAL_PART_BYTES)
		return FALSE;
	for (p = start; p < end; p++) {
		if (!i_isalnum(*p) && (*p & 0x80) == 0 &&
		    strchr("!#$%&'*+-/=?^_`{|}~.", *p) == NULL)
			return FALSE;
	}
	return TRUE;
}

int migration_import_get_domain(const char *field, const char **domain_r,
				const char **error_r)
{
	if (!domain_is_valid(field)) {
		*error_r = t_strdup_printf("'%s' is not a domain", field);
		return -1;
	}
	*domain_r = t_str_lcase(field);
	return 0;
}

static int import_get_address(const char *field, bool catch_all,
			      const char **address_r, const char **error_r)
{
	const char *at = strrchr(field, '@');

	if (at == NULL || !domain_is_valid(at + 1) ||
	    (!local_part_is_valid(field, at) && !(catch_all && at == field))) {
		*error_r = t_strdup_printf("'%s' is not a mail address", field);
		return -1;
	}
	*address_r = t_str_lcase(field);
	return 0;
}

int migration_import_get_address(const char *field, const char **address_r,
				 const char **error_r)
{
	return import_get_address(field, FALSE, address_r, error_r);
}

int migration_import_get_alias(const char *field, const char **address_r,
			       const char **error_r)
{
	return import_get_address(field, TRUE, address_r, error_r);
}

int migration_import_get_account(const char *field, const char **address_r,
				 const char **error_r)
{
	if (import_get_address(field, FALSE, address_r, error_r) < 0)
		return -1;
	if (*field == '.' || strchr(field, '/') != NULL) {
		*error_r = t_strdup_printf(
			"'%s' cannot be an account, because its mail is in a "
			"folder of that name",
			field);
		return -1;
	}
	return 0;
}

int migration_import_get_bool(const char *field, bool *value_r,
			      const char **error_r)
{
	static const char *const words[2][5] = {
		{ "false", "0", "no", "n", NULL },
		{ "true", "1", "yes", "y", NULL },
	};
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(words); i++) {
		if (str_array_icase_find(words[i], field)) {
			*value_r = i == 1;
			return 0;
		}
	}
	*error_r = t_strdup_printf("'%s' is neither true (1, yes, y) nor false "
				   "(0, no, n)",
				   field);
	return -1;
}

static int import_get_quota(const char *field, const char *name,
			    uint64_t *bytes_r, const char **error_r)
{
	uint64_t megabytes;

	if (str_to_uint64(field, &megabytes) < 0 ||
	    megabytes > MAX_QUOTA_MEGABYTES) {
		*error_r =
			t_strdup_printf("%s: '%s' is not a number of megabytes",
					name, field);
		return -1;
	}
	*bytes_r = megabytes * MEGABYTE;
	return 0;
}

static int import_get_text(const char *field, const char *name,
			   const char **text_r, const char **error_r)
{
	if (strlen(field) > MIGRATION_IMPORT_MAX_NAME_BYTES) {
		*error_r = t_strdup_printf("%s is longer than %u bytes", name,
					   MIGRATION_IMPORT_MAX_NAME_BYTES);
		return -1;
	}
	*text_r = field;
	return 0;
}

static int
modoboa_parse_domain(const char *const *fields,
		     struct migration_import_row *row, const char **error_r)
{
	if (migration_import_get_domain(fields[1], &row->name, error_r) < 0 ||
	    import_get_quota(fields[2], "quota", &row->quota, error_r) < 0 ||
	    import_get_quota(fields[3], "default mailbox quota",
			     &row->mailbox_quota, error_r) < 0 ||
	    migration_import_get_bool(fields[4], &row->enabled, error_r) < 0)
		return -1;
	if (row->quota != 0 && row->mailbox_quota > row->quota) {
		*error_r = t_strdup_printf(
			"the default mailbox quota %s is more than the "
			"domain's quota %s",
			fields[3], fields[2]);
		return -1;
	}
	return 0;
}

static int modoboa_parse_domain_alias(const char *const *fields,
				      struct migration_import_row *row,
				      const char **error_r)
{
	if (migration_import_get_domain(fields[1], &row->name, error_r) < 0 ||
	    migration_import_get_domain(fields[2], &row->target, error_r) < 0)
		return -1;
	return migration_import_get_bool(fields[3], &row->enabled, error_r);
}

static bool service_is_valid(const char *service)
{
	const char *p;

	for (p = service; *p != '\0'; p++) {
		if (!i_isalnum(*p) && *p != '-' && *p != '_')
			return FALSE;
	}
	return p > service && p - service <= MAX_LABEL_BYTES;
}

static int modoboa_parse_relay_domain(const char *const *fields,
				      struct migration_import_row *row,
				      const char **error_r)
{
	struct ip_addr ip;
	in_port_t port;

	if (migration_import_get_domain(fields[1], &row->name, error_r) < 0)
		return -1;
	if (net_addr2ip(fields[2], &ip) < 0 && !domain_is_valid(fields[2])) {
		*error_r = t_strdup_printf(
			"host: '%s' is neither a name nor an IP address",
			fields[2]);
		return -1;
	}
	if (net_str2port(fields[3], &port) < 0) {
		*error_r =
			t_strdup_printf("port: '%s' is not a port", fields[3]);
		return -1;
	}
	if (!service_is_valid(fields[4])) {
		*error_r = t_strdup_printf(
			"service: '%s' is not the name of a Postfix transport",
			fields[4]);
		return -1;
	}
	if (migration_import_get_bool(fields[5], &row->enabled, error_r) < 0 ||
	    migration_import_get_bool(fields[6], &row->verify_recipients,
				      error_r) < 0)
		return -1;
	row->host = t_str_lcase(fields[2]);
	row->port = port;
	row->service = fields[4];
	return 0;
}

/* One of the fields may be a part of a password that has a separator in it: no
   error shows a value. */
static int account_error(const char *must, const char **error_r)
{
	*error_r = t_strdup_printf("the account's %s", must);
	return -1;
}

static int
account_parse_domains(const char *const *fields,
		      struct migration_import_row *row, const char **error_r)
{
	unsigned int i, count = str_array_length(fields);
	const char **domains = t_new(const char *, count + 1);
	const char *error;

	for (i = 0; i < count; i++) {
		if (migration_import_get_domain(fields[i], &domains[i],
						&error) < 0) {
			return account_error("fields behind the quota must be "
					     "domains",
					     error_r);
		}
	}
	row->domains = domains;
	return 0;
}

static int
account_parse_address(const char *group, const char *address,
		      struct migration_import_row *row, const char **error_r)
{
	const char *error;

	if (!str_array_icase_find(account_groups, group)) {
		return account_error("group must be SimpleUsers, DomainAdmins, "
				     "Resellers or SuperAdmins",
				     error_r);
	}
	if (*address == '\0') {
		if (strcasecmp(group, account_groups[0]) != 0)
			return 0;
		return account_error("address is missing, which SimpleUsers "
				     "need",
				     error_r);
	}
	if (migration_import_get_account(address, &row->name, &error) < 0) {
		return account_error("address must be user@domain, not begin "
				     "with a dot and have no slash: its mail "
				     "is in a folder of that name",
				     error_r);
	}
	return 0;
}

static int
account_parse_quota(const char *quota, struct migration_import_row *row,
		    const char **error_r)
{
	const char *error;
	uint64_t bytes;

	row->account_quota = MIGRATION_IMPORT_QUOTA_OF_DOMAIN;
	if (*quota == '\0')
		return 0;
	if (import_get_quota(quota, "", &bytes, &error) < 0) {
		return account_error("quota must be a number of megabytes, or "
				     "empty",
				     error_r);
	}
	row->account_quota = bytes;
	return 0;
}

static int
modoboa_parse_account(const char *const *fields,
		      struct migration_import_row *row, const char **error_r)
{
	unsigned int count = str_array_length(fields);
	const char *error;

	if (*fields[1] == '\0')
		return account_error("login is missing", error_r);
	if (import_get_text(fields[1], "login", &row->login, error_r) < 0 ||
	    import_get_text(fields[3], "first name", &row->first_name,
			    error_r) < 0 ||
	    import_get_text(fields[4], "last name", &row->last_name, error_r) <
		    0)
		return -1;
	if (migration_import_get_bool(fields[5], &row->enabled, &error) < 0) {
		return account_error("fifth field, enabled, must be true (1, "
				     "yes, y) or false (0, no, n)",
				     error_r);
	}
	if (account_parse_address(fields[6], fields[7], row, error_r) < 0 ||
	    account_parse_quota(count > 8 ? fields[8] : "", row, error_r) < 0 ||
	    account_parse_domains(fields + I_MIN(count, 9), row, error_r) < 0)
		return -1;
	row->login = t_str_lcase(row->login);
	row->password = fields[2];
	return 0;
}

static int
modoboa_parse_alias(const char *const *fields, struct migration_import_row *row,
		    const char **error_r)
{
	unsigned int i, count = str_array_length(fields) - 3;
	const char **recipients = t_new(const char *, count + 1);
	const char *address;

	if (migration_import_get_alias(fields[1], &row->name, error_r) < 0 ||
	    migration_import_get_bool(fields[2], &row->enabled, error_r) < 0)
		return -1;
	for (i = 0; i < count; i++) {
		if (migration_import_get_address(fields[3 + i], &address,
						 error_r) < 0)
			return -1;
		if (str_array_find(recipients, address)) {
			*error_r = t_strdup_printf(
				"the recipient '%s' is there twice", address);
			return -1;
		}
		recipients[i] = address;
	}
	row->recipients = recipients;
	return 0;
}

typedef int
modoboa_parser_t(const char *const *fields, struct migration_import_row *row,
		 const char **error_r);

static const struct modoboa_type {
	enum migration_import_type type;
	/* with the type itself; max 0 = no limit */
	unsigned int min_fields, max_fields;
	const char *fields;
	modoboa_parser_t *parse;
} modoboa_types[] = {
	{ MIGRATION_IMPORT_DOMAIN, MODOBOA_DOMAIN_FIELDS, MODOBOA_DOMAIN_FIELDS,
	  "name, quota, default mailbox quota, enabled", modoboa_parse_domain },
	{ MIGRATION_IMPORT_DOMAIN_ALIAS, MODOBOA_DOMAIN_ALIAS_FIELDS,
	  MODOBOA_DOMAIN_ALIAS_FIELDS, "name, target, enabled",
	  modoboa_parse_domain_alias },
	{ MIGRATION_IMPORT_RELAY_DOMAIN, MODOBOA_RELAY_DOMAIN_FIELDS,
	  MODOBOA_RELAY_DOMAIN_FIELDS,
	  "name, host, port, service, enabled, verify recipients",
	  modoboa_parse_relay_domain },
	{ MIGRATION_IMPORT_ACCOUNT, MODOBOA_ACCOUNT_FIELDS, 0,
	  "login, password, first name, last name, enabled, group, address, "
	  "quota, domains",
	  modoboa_parse_account },
	{ MIGRATION_IMPORT_ALIAS, MODOBOA_ALIAS_FIELDS, 0,
	  "address, enabled, recipients", modoboa_parse_alias },
	{ MIGRATION_IMPORT_FORWARD, MODOBOA_ALIAS_FIELDS, 0,
	  "address, enabled, recipients", modoboa_parse_alias },
	{ MIGRATION_IMPORT_DLIST, MODOBOA_ALIAS_FIELDS, 0,
	  "address, enabled, recipients", modoboa_parse_alias },
};

static const struct modoboa_type *modoboa_find_type(const char *name)
{
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(modoboa_types); i++) {
		if (strcasecmp(import_types[modoboa_types[i].type], name) == 0)
			return &modoboa_types[i];
	}
	return NULL;
}

static bool type_is_word(const char *name)
{
	const char *p;

	for (p = name; *p != '\0'; p++) {
		if (!i_isalpha(*p))
			return FALSE;
	}
	return p - name <= TYPE_MAX_CHARS;
}

/* Without the empty fields at the end that a spreadsheet adds. */
static const char *const *
modoboa_trim(const char *const *fields, unsigned int min_fields)
{
	unsigned int count = str_array_length(fields);
	const char **trimmed;

	while (count > min_fields && *fields[count - 1] == '\0')
		count--;
	trimmed = t_new(const char *, count + 1);
	memcpy(trimmed, fields, count * sizeof(*trimmed));
	return trimmed;
}

int migration_import_parse_modoboa(const char *const *fields,
				   struct migration_import_row *row_r,
				   const char **error_r)
{
	const struct modoboa_type *type = modoboa_find_type(fields[0]);
	unsigned int count;

	i_zero(row_r);
	if (type == NULL) {
		/* with another separator it is the line, password and all */
		*error_r = t_strdup_printf(
			"unknown type%s, there are domain, domainalias, "
			"relaydomain, account, alias, forward and dlist",
			type_is_word(fields[0]) ?
				t_strdup_printf(" '%s'", fields[0]) :
				" (is it another separator? see --sepchar)");
		return -1;
	}
	row_r->type = type->type;
	fields = modoboa_trim(fields, type->min_fields);
	count = str_array_length(fields);
	if (count < type->min_fields ||
	    (type->max_fields != 0 && count > type->max_fields)) {
		*error_r = t_strdup_printf(
			"%u fields behind '%s', but there have to be %s%u: %s",
			count - 1, import_types[type->type],
			type->max_fields == 0 ? "at least " : "",
			type->min_fields - 1, type->fields);
		return -1;
	}
	return type->parse(fields, row_r, error_r);
}

int migration_import_add_scheme(const char *hash, const char *default_scheme,
				const char **password_r, const char **error_r)
{
	static const struct {
		const char *prefix, *scheme;
	} prefixes[] = {
		{ "$1$", "MD5-CRYPT" },     { "$2", "BLF-CRYPT" },
		{ "$5$", "SHA256-CRYPT" },  { "$6$", "SHA512-CRYPT" },
		{ "$argon2i$", "ARGON2I" }, { "$argon2id$", "ARGON2ID" },
	};
	const char *scheme = default_scheme;
	unsigned int i;

	if (*hash == '\0') {
		*error_r = "the password is empty";
		return -1;
	}
	if (strlen(hash) > MIGRATION_IMPORT_MAX_HASH_BYTES) {
		*error_r = t_strdup_printf("the password's hash is longer than "
					   "%u bytes",
					   MIGRATION_IMPORT_MAX_HASH_BYTES);
		return -1;
	}
	if (*hash == '{' && strchr(hash, '}') != NULL) {
		*password_r = hash;
		return 0;
	}
	for (i = 0; i < N_ELEMENTS(prefixes); i++) {
		if (str_begins_with(hash, prefixes[i].prefix))
			scheme = prefixes[i].scheme;
	}
	if (scheme == NULL) {
		*error_r = "the password is not a hash with {SCHEME}: use "
			   "--crypt-passwords if it is the password itself, "
			   "or say with --password-scheme what it is";
		return -1;
	}
	*password_r = t_strdup_printf("{%s}%s", scheme, hash);
	return 0;
}

struct migration_import_row *
migration_import_row_dup(pool_t pool, const struct migration_import_row *src)
{
	struct migration_import_row *row;

	row = p_memdup(pool, src, sizeof(*src));
	row->name = p_strdup(pool, src->name);
	row->target = p_strdup(pool, src->target);
	row->host = p_strdup(pool, src->host);
	row->service = p_strdup(pool, src->service);
	row->login = p_strdup(pool, src->login);
	row->password = p_strdup(pool, src->password);
	row->first_name = p_strdup(pool, src->first_name);
	row->last_name = p_strdup(pool, src->last_name);
	if (src->domains != NULL)
		row->domains = p_strarray_dup(pool, src->domains);
	if (src->recipients != NULL)
		row->recipients = p_strarray_dup(pool, src->recipients);
	row->provider = p_strdup(pool, src->provider);
	row->remote_user = p_strdup(pool, src->remote_user);
	row->no_login = p_strdup(pool, src->no_login);
	row->credential = p_strdup(pool, src->credential);
	row->job_login = p_strdup(pool, src->job_login);
	return row;
}

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "base64.h"
#include "buffer.h"
#include "str.h"
#include "migration-secret.h"
#include "doveadm-migration-login.h"

struct doveadm_migration_login {
	/* overwritten when freed: strings in it may grow */
	pool_t pool;
	string_t *data;
	/* where the parts end in data */
	ARRAY(size_t) ends;
	unsigned int next;
};

static void login_end_part(struct doveadm_migration_login *login)
{
	size_t end;

	str_append(login->data, "\r\n");
	end = str_len(login->data);
	array_push_back(&login->ends, &end);
}

static void login_add_plain(struct doveadm_migration_login *login,
			    const struct doveadm_migration_login_settings *set)
{
	buffer_t *message = buffer_create_dynamic(login->pool, 256);

	buffer_append_c(message, '\0');
	buffer_append(message, set->user, strlen(set->user));
	buffer_append_c(message, '\0');
	buffer_append(message, migration_secret_get(set->secret),
		      migration_secret_get_size(set->secret));

	str_printfa(login->data, "%s AUTHENTICATE PLAIN", set->tag);
	if (set->sasl_ir)
		str_append_c(login->data, ' ');
	else
		login_end_part(login);
	base64_encode(message->data, message->used, login->data);
	login_end_part(login);
}

static bool login_can_quote(const char *value)
{
	/* Backslashes would do by the standard, but not everywhere. */
	for (; *value != '\0'; value++) {
		if ((unsigned char)*value < 0x20 ||
		    (unsigned char)*value >= 0x7f || *value == '"' ||
		    *value == '\\')
			return FALSE;
	}
	return TRUE;
}

static void
login_add_astring(struct doveadm_migration_login *login, const char *value)
{
	if (login_can_quote(value)) {
		str_append_c(login->data, '"');
		str_append(login->data, value);
		str_append_c(login->data, '"');
	} else {
		str_printfa(login->data, "{%zu}", strlen(value));
		login_end_part(login);
		str_append(login->data, value);
	}
}

struct doveadm_migration_login *
doveadm_migration_login_init(const struct doveadm_migration_login_settings *set)
{
	struct doveadm_migration_login *login;
	pool_t pool;

	pool = pool_alloconly_create_clean("doveadm migration login", 4096);
	login = p_new(pool, struct doveadm_migration_login, 1);
	login->pool = pool;
	login->data = str_new(pool, 1024);
	p_array_init(&login->ends, pool, 4);

	if (set->plain) {
		login_add_plain(login, set);
	} else {
		str_printfa(login->data, "%s LOGIN ", set->tag);
		login_add_astring(login, set->user);
		str_append_c(login->data, ' ');
		login_add_astring(login, migration_secret_get(set->secret));
		login_end_part(login);
	}
	return login;
}

void doveadm_migration_login_deinit(struct doveadm_migration_login **_login)
{
	struct doveadm_migration_login *login = *_login;

	if (login == NULL)
		return;
	*_login = NULL;
	pool_unref(&login->pool);
}

const void *doveadm_migration_login_next(struct doveadm_migration_login *login,
					 size_t *size_r)
{
	size_t start = 0;

	if (login->next == array_count(&login->ends))
		return NULL;
	if (login->next > 0)
		start = *array_idx(&login->ends, login->next - 1);
	*size_r = *array_idx(&login->ends, login->next) - start;
	login->next++;
	return str_data(login->data) + start;
}

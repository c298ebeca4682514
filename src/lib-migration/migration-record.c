/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-record.h"

bool migration_record_awaits_login(const struct migration_record *record)
{
	return *record->account_password == '\0' &&
	       *record->adopted_password == '\0';
}

struct migration_record *
migration_record_dup(pool_t pool, const struct migration_record *src)
{
	struct migration_record *record;

	record = p_memdup(pool, src, sizeof(*src));
	record->username = p_strdup(pool, src->username);
	record->provider = p_strdup(pool, src->provider);
	record->remote_user = p_strdup(pool, src->remote_user);
	record->mechanism = p_strdup(pool, src->mechanism);
	record->account_password = p_strdup(pool, src->account_password);
	record->adopted_password = p_strdup(pool, src->adopted_password);
	record->credential = p_strdup(pool, src->credential);
	record->login = p_strdup(pool, src->login);
	record->error = p_strdup(pool, src->error);
	record->lease_owner = p_strdup(pool, src->lease_owner);
	return record;
}

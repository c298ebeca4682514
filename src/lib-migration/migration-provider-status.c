/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "str.h"
#include "migration-provider-status.h"

enum migration_breaker_state migration_provider_status_breaker(
	const struct migration_provider_status *status, time_t now)
{
	if (status->breaker == MIGRATION_BREAKER_OPEN && now >= status->until)
		return MIGRATION_BREAKER_HALF_OPEN;
	return status->breaker;
}

void migration_provider_status_add(struct migration_provider_status *dest,
				   const struct migration_provider_status *src)
{
	if (src->breaker > dest->breaker)
		dest->breaker = src->breaker;
	dest->until = I_MAX(dest->until, src->until);
	dest->running += src->running;
	dest->waiting += src->waiting;
	dest->failures = I_MAX(dest->failures, src->failures);
}

void migration_provider_status_append(
	string_t *str, const struct migration_provider_status *status)
{
	str_printfa(str, "\t%s\t%" PRIdTIME_T "\t%u\t%u\t%u",
		    migration_breaker_state_to_string(status->breaker),
		    status->until, status->running, status->waiting,
		    status->failures);
}

int migration_provider_status_parse(const char *const *args,
				    struct migration_provider_status *status_r)
{
	if (str_array_length(args) != 5 ||
	    migration_breaker_state_parse(args[0], &status_r->breaker) < 0 ||
	    str_to_time(args[1], &status_r->until) < 0 ||
	    str_to_uint(args[2], &status_r->running) < 0 ||
	    str_to_uint(args[3], &status_r->waiting) < 0 ||
	    str_to_uint(args[4], &status_r->failures) < 0)
		return -1;
	return 0;
}

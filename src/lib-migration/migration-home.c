/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "migration-home.h"

/* The queue knows nobody of that name. */
static enum migration_home_step
home_next_unknown(const struct migration_home_search *search)
{
	switch (search->databases) {
	case MIGRATION_HOME_NOT_ASKED:
		return MIGRATION_HOME_STEP_DATABASES;
	case MIGRATION_HOME_UNKNOWN_USER:
		return MIGRATION_HOME_STEP_PROVIDER;
	case MIGRATION_HOME_PASSDB:
		return MIGRATION_HOME_STEP_AT_HOME;
	case MIGRATION_HOME_USERDB:
		return search->asked_again ? MIGRATION_HOME_STEP_AT_HOME :
					     MIGRATION_HOME_STEP_ASK_AGAIN;
	case MIGRATION_HOME_UNSURE:
		return MIGRATION_HOME_STEP_UNSURE;
	}
	i_unreached();
}

enum migration_home_step
migration_home_next(const struct migration_home_search *search)
{
	if (search->not_taken && !search->asked_again)
		return MIGRATION_HOME_STEP_ASK_AGAIN;
	switch (search->record) {
	case MIGRATION_HOME_RECORD_UNFINISHED:
		return MIGRATION_HOME_STEP_RECORD;
	case MIGRATION_HOME_RECORD_ACCOUNT:
		return search->asked_again ? MIGRATION_HOME_STEP_CHANGED :
					     MIGRATION_HOME_STEP_AT_HOME;
	case MIGRATION_HOME_RECORD_NONE:
		return search->not_taken ? MIGRATION_HOME_STEP_CHANGED :
					   home_next_unknown(search);
	}
	i_unreached();
}

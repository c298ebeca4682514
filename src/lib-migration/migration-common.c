/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "lib-event.h"
#include "migration-common.h"

struct event_category event_category_migration = {
	.name = "migration",
};

/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "doveadm-migration-password.h"

#include <unistd.h>

int doveadm_migration_password_read(char *buf_r, size_t buf_size,
				    size_t *size_r)
{
	size_t size = 0;
	bool ended = FALSE;

	/* byte by byte: the rest belongs to whoever reads next */
	while (!ended && read(STDIN_FILENO, buf_r + size, 1) == 1) {
		if (buf_r[size] == '\n')
			ended = TRUE;
		else if (++size == buf_size)
			return -1;
	}
	if (!ended && size == 0) {
		*size_r = 0;
		return 0;
	}
	if (size > 0 && buf_r[size - 1] == '\r')
		size--;
	*size_r = size;
	return 1;
}

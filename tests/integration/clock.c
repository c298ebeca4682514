/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* Preloaded into a program: its wall clock is $CLOCK_OFFSET seconds off. Clocks
   that nobody can set are left alone. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static long offset;

__attribute__((constructor)) static void clock_init(void)
{
	const char *value = getenv("CLOCK_OFFSET");

	if (value != NULL)
		offset = atol(value);
}

time_t time(time_t *t)
{
	time_t now = REAL(time)(NULL) + offset;

	if (t != NULL)
		*t = now;
	return now;
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	int ret = REAL(gettimeofday)(tv, tz);

	tv->tv_sec += offset;
	return ret;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	int ret = REAL(clock_gettime)(clock, ts);

	if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
		ts->tv_sec += offset;
	return ret;
}

#ifndef MIGRATION_COMPAT_CURL_H
#define MIGRATION_COMPAT_CURL_H

/* Versions of libcurl, and what it needs of the C library. Include it after
   libcurl's header. */

#include "migration-config.h"

#ifdef HAVE_MALLOPT
#include <malloc.h>
#endif

/* Nothing but IMAP, whatever a server redirects to. */
static inline void migration_curl_only_imap(CURL *easy)
{
#ifdef HAVE_CURLOPT_PROTOCOLS_STR
	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "imap,imaps");
#else
	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS,
			       (long)(CURLPROTO_IMAP | CURLPROTO_IMAPS));
#endif
}

/* Else the end of a transfer waits for its resolver thread. */
static inline void migration_curl_quick_exit(CURL *easy ATTR_UNUSED)
{
#ifdef HAVE_CURLOPT_QUICK_EXIT
	(void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
}

/* An answer without end is a weird one, as with older versions. */
static inline CURLcode migration_curl_code(CURLcode code)
{
#ifdef HAVE_CURLE_TOO_LARGE
	if (code == CURLE_TOO_LARGE)
		return CURLE_WEIRD_SERVER_REPLY;
#endif
	return code;
}

/* libcurl resolves names in threads, and glibc's malloc would give each of them
   an arena of its own: 64 MB of address space, of which auth has 256 in all
   (vsz_limit). */
static inline void migration_curl_one_arena(void)
{
#ifdef HAVE_MALLOPT
	(void)mallopt(M_ARENA_MAX, 1);
#endif
}

#endif

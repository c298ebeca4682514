#ifndef MIGRATION_CURL_H
#define MIGRATION_CURL_H

/* libcurl's multi interface on Dovecot's ioloop: no threads of ours, nothing
   blocks. For migration-probe.c, which owns the easy handles. */

#include <curl/curl.h>

struct migration_curl;

/* The transfer has ended and the handle is no longer in the multi handle.
   Called exactly once, never from inside _add() and never after _remove().
   overflow: it was ended here because the peer sent without end. */
typedef void
migration_curl_callback_t(CURLcode code, bool overflow, void *context);

/* The host's address is known and a connection to it begins; perhaps several
   times. Called from within libcurl: must not touch any transfer. */
typedef void migration_curl_connecting_t(void *context);

int migration_curl_init(struct migration_curl **curl_r, const char **error_r);
/* All handles must have been removed or finished. */
void migration_curl_deinit(struct migration_curl **curl);

/* Starts the transfer. Uses the handle's CURLOPT_PRIVATE. */
int migration_curl_add(struct migration_curl *curl, CURL *easy,
		       migration_curl_callback_t *callback,
		       migration_curl_connecting_t *connecting, void *context,
		       const char **error_r);
void migration_curl_remove(struct migration_curl *curl, CURL *easy);

#endif

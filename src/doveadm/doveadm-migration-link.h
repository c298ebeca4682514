#ifndef DOVEADM_MIGRATION_LINK_H
#define DOVEADM_MIGRATION_LINK_H

/* One connection to a provider's server, as lines, over TCP and TLS. Belongs to
   the contact (doveadm-migration-contact.h), which knows what the lines mean.

   Everything that the server does is bounded: the time from resolving the name
   to the last line, the bytes, and the length of a line. The first failure
   ends the link: it is reported once, and nothing is called after it. Looking
   up the name waits; the rest runs in the current ioloop. */

#include "net.h"
#include "migration-verdict.h"

struct doveadm_migration_link;

struct doveadm_migration_link_settings {
	const char *host;
	in_port_t port;
	/* TLS before anything is said */
	bool tls_at_once;
	/* Certificate and host name must be right. */
	bool verify;
	const char *ca_file;
	unsigned int timeout_msecs;
};

enum doveadm_migration_link_event {
	DOVEADM_MIGRATION_LINK_RESOLVED,
	DOVEADM_MIGRATION_LINK_CONNECTED,
	/* TLS is up */
	DOVEADM_MIGRATION_LINK_SECURED,
};

struct doveadm_migration_link_vfuncs {
	/* detail is for people. */
	void (*event)(enum doveadm_migration_link_event event,
		      const char *detail, void *context);
	/* A line without its CRLF or LF. */
	void (*line)(const unsigned char *data, size_t size, void *context);
	void (*failed)(enum migration_transport transport, const char *error,
		       void *context);
};

/* The settings' strings must outlive the link. vfuncs are called
   while the ioloop runs, event() and failed() also from within _connect() and
   _start_tls(). */
struct doveadm_migration_link *
doveadm_migration_link_init(const struct doveadm_migration_link_settings *set,
			    const struct doveadm_migration_link_vfuncs *vfuncs,
			    void *context);
/* Not from within a callback. */
void doveadm_migration_link_deinit(struct doveadm_migration_link **link);

void doveadm_migration_link_connect(struct doveadm_migration_link *link);
/* After STARTTLS was answered. What the server has already sent behind the
   answer was not encrypted and ends the link. */
void doveadm_migration_link_start_tls(struct doveadm_migration_link *link);

void doveadm_migration_link_send(struct doveadm_migration_link *link,
				 const void *data, size_t size);
/* The next size bytes are a literal: not given to line(). */
void doveadm_migration_link_skip(struct doveadm_migration_link *link,
				 uoff_t size);
/* No more than this many bytes from now on. */
void doveadm_migration_link_set_budget(struct doveadm_migration_link *link,
				       uoff_t bytes);
/* All has been said: nothing is called any more. */
void doveadm_migration_link_stop(struct doveadm_migration_link *link);

#endif

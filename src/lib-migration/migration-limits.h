#ifndef MIGRATION_LIMITS_H
#define MIGRATION_LIMITS_H

/* Hard limits that no setting changes. What is above them is refused before
   anything is sent or stored. */

/* RFC 5321 4.5.3.1: 64 octets of local part, "@", 255 octets of domain. */
#define MIGRATION_MAX_USERNAME_BYTES 320
/* Longer than any provider accepts; keeps a sealed box below 2 kB. */
#define MIGRATION_MAX_PASSWORD_BYTES 1024

/* What a provider may answer to one login check, all lines together. */
#define MIGRATION_MAX_ANSWER_BYTES (64 * 1024)
#define MIGRATION_MAX_ANSWER_LINES 256
/* How often a provider's socket may have something to read during one login
   check, 16 kB at most each time: a line that never ends has no line to
   count. */
#define MIGRATION_MAX_ANSWER_READS 512

/* Users and passwords whose refusal is remembered: about 2 MB in all, more
   with a high migration_login_refusals. */
#define MIGRATION_MAX_REFUSALS 10000
/* The highest migration_login_refusals. */
#define MIGRATION_MAX_LOGIN_REFUSALS 100

/* auth waits this long for the queue before the login fails temporarily. */
#define MIGRATION_QUEUE_TIMEOUT_MSECS (10 * 1000)
/* A login is held this long by the switch before the user is told to try again:
   mail programs give up after a minute. */
#define MIGRATION_HELD_TIMEOUT_MSECS (50 * 1000)
/* How often the queue looks whether the switch is over. */
#define MIGRATION_HELD_POLL_MSECS 250
/* A lost connection to the queue is not tried again more often than this. */
#define MIGRATION_QUEUE_RECONNECT_MSECS 500

/* auth tells the queue about counts of login checks at most this often... */
#define MIGRATION_STATUS_INTERVAL_MSECS 1000
/* ... and not at all while the queue reads nothing. */
#define MIGRATION_STATUS_MAX_UNREAD_BYTES (64 * 1024)
/* Providers whose login checks the queue remembers for each auth process. */
#define MIGRATION_MAX_STATUS_PROVIDERS 1000

/* A job is held this long beyond the last sign of life of its worker. */
#define MIGRATION_LEASE_SECS 60
/* A node that has not been able to renew its lease for so long stops the worker:
   nobody else may have the job yet. */
#define MIGRATION_LEASE_STOP_SECS 40
/* The worker reports this often, see migration-protocol.h. */
#define MIGRATION_PROGRESS_INTERVAL_MSECS 1000
/* Progress of further mailboxes, or of those with longer names, counts for the
   account only. */
#define MIGRATION_MAX_MAILBOXES 50000
#define MIGRATION_MAX_MAILBOX_NAME_BYTES 440
/* Notes of one sync that are kept; further ones are counted. */
#define MIGRATION_MAX_NOTES 1000
#define MIGRATION_MAX_NOTE_BYTES 500
/* What a provider's server says about itself, each value. */
#define MIGRATION_MAX_PROBE_BYTES 200
/* The queue looks for due jobs at least this often even if nobody wakes it:
   leases of nodes that died and jobs added by other nodes. */
#define MIGRATION_QUEUE_POLL_MSECS (10 * 1000)
/* Jobs read from the database at once. */
#define MIGRATION_QUEUE_BATCH 50

/* Longest error text that is stored for an administrator. */
#define MIGRATION_MAX_ERROR_BYTES 500

/* Longest line of our own socket protocols: a sealed box and some names. */
#define MIGRATION_MAX_LINE_BYTES (32 * 1024)

/* SQL statements in one of the settings migration_account_* and
   migration_domain_create. */
#define MIGRATION_MAX_STATEMENTS 12

#endif

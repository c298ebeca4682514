#ifndef MIGRATION_PROTOCOL_H
#define MIGRATION_PROTOCOL_H

/* The line protocols between our processes: doc/protocol.md in C. Each
   connection starts with Dovecot's VERSION handshake in both directions; then
   lines of tab-separated, tab-escaped arguments, the verb first. Ids are
   unsigned numbers that the asking side chose. A line that cannot be
   understood ends the connection. */

#define MIGRATION_PROTOCOL_MAJOR_VERSION 1
#define MIGRATION_PROTOCOL_MINOR_VERSION 0

/* Sockets below base_dir. Their mode and owner are the access control:
   0600, the internal user's for auth and worker, root's for doveadm. */
#define MIGRATION_AUTH_SOCKET "migration"
#define MIGRATION_DOVEADM_SOCKET "migration-doveadm"
#define MIGRATION_WORKER_SOCKET "migration-worker"

/* Names in the VERSION line. */
#define MIGRATION_PROTOCOL_AUTH "migration-auth"
#define MIGRATION_PROTOCOL_QUEUE "migration-queue"
#define MIGRATION_PROTOCOL_WORKER "migration-worker"
#define MIGRATION_PROTOCOL_DOVEADM "migration-doveadm"

/* --- auth asks the queue --- */

/* LOOKUP <id> <local user> */
#define MIGRATION_VERB_LOOKUP "LOOKUP"
/* ADOPT <id> <local user> <provider> <remote user> <mechanism>
         <password hash> <box> <login>
   The provider has just accepted the password. Creates domain, account and
   record, or renews hash and credential of an unfinished one. */
#define MIGRATION_VERB_ADOPT "ADOPT"

/* --- auth tells the queue --- */

/* PROVIDER <name> <breaker> <until> <running> <waiting> <failures>
   How the login checks at a provider are doing, see
   migration-provider-status.h: after every change, counts alone at most once a
   second. There is no answer; the queue remembers the last one of each
   connection. */
#define MIGRATION_VERB_PROVIDER "PROVIDER"

/* --- the queue answers auth --- */

/* NONE <id>: our tables know nobody of that name */
#define MIGRATION_VERB_NONE "NONE"
/* HOME <id>: an account that is not, or no longer, being migrated */
#define MIGRATION_VERB_HOME "HOME"
/* RECORD <id> <phase> <login> <changed 0|1> <renew 0|1> <password hash>
   An unfinished migration. changed: the user set another password here.
   renew: ask the provider even if the password is the one known here. */
#define MIGRATION_VERB_RECORD "RECORD"
/* ADOPTED <id> <phase> <login> */
#define MIGRATION_VERB_ADOPTED "ADOPTED"
/* FAIL <id> <error for the log> */
#define MIGRATION_VERB_FAIL "FAIL"

/* --- the queue hands a worker its one job --- */

/* SYNC <username> <provider> <remote user> <mechanism> <box> */
#define MIGRATION_VERB_SYNC "SYNC"

/* --- a worker reports --- */

/* LIMIT <process limit>: once, before anything else */
#define MIGRATION_VERB_LIMIT "LIMIT"
/* PROGRESS <messages done> <messages total> <bytes done> <mailbox> */
#define MIGRATION_VERB_PROGRESS "PROGRESS"
/* FINISHED <outcome> <messages done> <messages total> <bytes done> <error> */
#define MIGRATION_VERB_FINISHED "FINISHED"

/* --- doveadm asks the queue --- */

/* SYNC <username>: now; answered by PROGRESS lines and one FINISHED as above,
   or by REFUSED <exit code> <text> */
#define MIGRATION_VERB_REFUSED "REFUSED"
/* STATUS: answered by STATUS <workers busy> <workers at most> <up since> */
#define MIGRATION_VERB_STATUS "STATUS"
/* PROVIDERS: answered by PROVIDER lines as above, the sum over all auth
   processes, only of providers that one has told about, and at the end
   PROVIDERS <auth processes that are connected> */
#define MIGRATION_VERB_PROVIDERS "PROVIDERS"

#endif

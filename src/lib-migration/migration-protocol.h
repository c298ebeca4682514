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
/* A socket of Dovecot 2.4's anvil for the queue, the internal user's */
#define MIGRATION_ANVIL_SOCKET "migration-anvil"

/* Names in the VERSION line. */
#define MIGRATION_PROTOCOL_AUTH "migration-auth"
#define MIGRATION_PROTOCOL_QUEUE "migration-queue"
#define MIGRATION_PROTOCOL_WORKER "migration-worker"
#define MIGRATION_PROTOCOL_DOVEADM "migration-doveadm"

/* --- auth asks the queue --- */

/* LOOKUP <id> <local user> */
#define MIGRATION_VERB_LOOKUP "LOOKUP"
/* HELD <id> <local user>: answered like LOOKUP, but only when logins of the
   user are no longer held by the switch */
#define MIGRATION_VERB_HELD "HELD"
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
/* RECORD <id> <phase> <login> <held 0|1> <mechanism> <changed 0|1>
          <renew 0|1> <password hash> <provider> <name there>
   An unfinished migration. held: the switch is on its way. changed: the user
   set another password here. renew: ask the provider even if the password is
   the one known here. */
#define MIGRATION_VERB_RECORD "RECORD"
/* ADOPTED <id> <phase> <login> <held 0|1> */
#define MIGRATION_VERB_ADOPTED "ADOPTED"
/* FAIL <id> <error for the log> */
#define MIGRATION_VERB_FAIL "FAIL"

/* --- the queue hands a worker its one job --- */

/* SYNC <username> <provider> <remote user> <mechanism> <box> <capabilities>
   capabilities: those of the provider's server, as far as the queue knows; the
   worker sends PROBE if they are others. "" = it is to do so in any case. */
#define MIGRATION_VERB_SYNC "SYNC"
/* VERIFY <username> <provider> <remote user> <mechanism> <box> <capabilities>
          sample|all
   Compare only: the bytes of a sample, or of all messages. */
#define MIGRATION_VERB_VERIFY "VERIFY"
#define MIGRATION_WORD_SAMPLE "sample"
#define MIGRATION_WORD_ALL "all"

/* --- a worker reports --- */

/* LIMIT <process limit>: once, before anything else */
#define MIGRATION_VERB_LIMIT "LIMIT"
/* MAILBOX <name> <messages done> <messages total> <bytes done>
   A mailbox whose figures have changed since the last PROGRESS: any number of
   them, in front of the PROGRESS that they are a part of. Their sums are its
   figures, once its total is known. */
#define MIGRATION_VERB_MAILBOX "MAILBOX"
/* PROGRESS <messages done> <messages total> <bytes done> <mailbox>
            <messages received> <bytes received> <messages waiting>
   At least every 2 seconds, whether something has changed or not, at most each
   second, and once more before FINISHED. done: what is here, total: what the
   provider has, 0 = not known yet. mailbox: the one that is being pulled, may
   be empty. received: what has come to this worker; waiting: how many of these
   are not saved yet. */
#define MIGRATION_VERB_PROGRESS "PROGRESS"
/* NOTE <mailbox> <provider's uid> <text>
   What this sync could not bring, or did in another way; uid 0 = the mailbox
   itself. Any number of them before FINISHED. */
#define MIGRATION_VERB_NOTE "NOTE"
/* PROBE <name> <version> <capabilities> <prefix> <separator>
   What the provider's server is like (migration-provider-probe.h): when the
   worker has seen the folders, and once more with the name, which is asked for
   last. */
#define MIGRATION_VERB_PROBE "PROBE"
/* DIFFERENCE <mailbox> <provider's uid> <explained 0|1> <text>
   VERIFY has found a message that is not as at the provider; uid 0 = the
   mailbox itself. Any number of them, in front of the VERIFIED of their
   mailbox. */
#define MIGRATION_VERB_DIFFERENCE "DIFFERENCE"
#define MIGRATION_DIFFERENCE_ARGS 4
/* VERIFIED same|differs|failed <mailbox> <provider's name> same|other|-
            <messages there> <here> <missing> <flags> <sizes> <checked>
            <bodies> <text>
   VERIFY has compared a mailbox: UIDVALIDITY, messages there and here, how many
   should be here and are not, how many have other flags or another size that
   nothing explains, of how many the bytes were compared, and of how many these
   differ. The provider's name is empty if the mailbox is only here. */
#define MIGRATION_VERB_VERIFIED "VERIFIED"
#define MIGRATION_VERIFIED_ARGS 12
#define MIGRATION_WORD_SAME "same"
#define MIGRATION_WORD_DIFFERS "differs"
#define MIGRATION_WORD_FAILED "failed"
#define MIGRATION_WORD_OTHER "other"
/* FINISHED <outcome> <messages done> <messages total> <bytes done> <error>
            <retry after secs>
   retry after: what the provider asked for, 0 = nothing. */
#define MIGRATION_VERB_FINISHED "FINISHED"

/* --- doveadm asks the queue --- */

/* SYNC <username>: now; answered by any number of
   PROGRESS <messages done> <messages total> <bytes done>
            <mailbox> <its messages done> <its messages total>
            <messages waiting>
            <messages per 1000 secs> <bytes per sec> <remaining secs>
   (the last three are 0 while they are unknown) and one FINISHED as above but
   without its last argument, or by REFUSED <exit code> <text> */
#define MIGRATION_VERB_REFUSED "REFUSED"
/* VERIFY <username> sample|all: answered by any number of DIFFERENCE and
   VERIFIED as above and one FINISHED as for SYNC, or by REFUSED. The end of the
   connection ends it. */
/* RATE <username>: answered by RATE <messages per 1000 secs> <bytes per sec>
   <remaining secs>, each 0 if it is unknown or no worker of this queue syncs
   the user */
#define MIGRATION_VERB_RATE "RATE"
/* STATUS: answered by STATUS <workers busy> <workers at most> <up since> */
#define MIGRATION_VERB_STATUS "STATUS"
/* CONTROL pause|resume|retry|finish|delete <username> ["account"]: answered by
   CONTROLLED or, if nothing could be done, by REFUSED. With delete, "account"
   deletes the account as well. */
#define MIGRATION_VERB_CONTROL "CONTROL"
#define MIGRATION_WORD_ACCOUNT "account"
/* CONTROLLED changed|unchanged <state> <text>: what people see now, "deleted"
   after delete. The text says what that means and may be empty. */
#define MIGRATION_VERB_CONTROLLED "CONTROLLED"
#define MIGRATION_WORD_CHANGED "changed"
#define MIGRATION_WORD_UNCHANGED "unchanged"
/* ADD <username> <provider> <remote user> <box> <login> <at home 0|1>: the user
   is to be moved before the first login; answered as CONTROL. at home: a userdb
   here knows the name. */
#define MIGRATION_VERB_ADD "ADD"
/* RESEAL <username> <box> <new box>: answered by RESEALED changed|unchanged, where
   unchanged means that the record has another box by now, or by REFUSED. */
#define MIGRATION_VERB_RESEAL "RESEAL"
#define MIGRATION_VERB_RESEALED "RESEALED"
/* PROVIDERS: answered by PROVIDER lines as above, the sum over all auth
   processes, only of providers that one has told about, and at the end
   PROVIDERS <auth processes that are connected> */
#define MIGRATION_VERB_PROVIDERS "PROVIDERS"

#endif

#ifndef MIGRATION_COMPAT_H
#define MIGRATION_COMPAT_H

/* Dovecot 2.3 and 2.4 from the same sources: differences of a word or a line
   are in here, under the names of 2.4 where it has one; larger ones are the
   other files of this folder, and what a process does with Dovecot is in its
   own glue (doc/dovecot-2.4.md has the list). configure finds out by features
   which is there.

   Include it after the headers of Dovecot that it is about. */

#include "migration-config.h"

/* --- lib --- */

#ifndef HAVE_STR_BEGINS_WITH
#define str_begins_with(haystack, needle) str_begins(haystack, needle)
#endif

#ifndef HAVE_EVENT_FILTER_MERGE_OP_OR
#define event_filter_merge(dest, src, op) event_filter_merge(dest, src)
#endif

/* --- lib-mail --- */

/* Keeps the last line end, and takes bare LFs. */
#ifdef HAVE_ISTREAM_DOT_LOOSE_EOT
#define migration_istream_create_dot(input) \
	i_stream_create_dot(input, ISTREAM_DOT_NO_TRIM | ISTREAM_DOT_LOOSE_EOT)
#else
#define migration_istream_create_dot(input) i_stream_create_dot(input, TRUE)
#endif

/* --- lib-index --- */

#ifdef HAVE_MAIL_INDEX_GET_LAST_ERROR
#define mail_index_get_error_message(index) \
	mail_index_get_last_error(index, NULL)
#endif

/* --- lib-storage --- */

#ifdef HAVE_STRUCT_MAIL_NAMESPACE_SETTINGS_PARSED_MAILBOXES
#include "settings-parser.h"

#define migration_list_get_subscriptions_filename(list) \
	((list)->mail_set->mailbox_subscriptions_filename)
#define migration_list_get_maildir_name(list) \
	((list)->mail_set->mailbox_directory_name)
#define migration_ns_get_mailboxes(ns) (&(ns)->set->parsed_mailboxes)
#define migration_mailbox_get_special_use(box_set) \
	settings_boollist_get(&(box_set)->special_use)
#else
#define migration_list_get_subscriptions_filename(list) \
	((list)->set.subscription_fname)
#define migration_list_get_maildir_name(list) ((list)->set.maildir_name)
/* The mailboxes that a namespace defines, and the special-use flags of one. */
#define migration_ns_get_mailboxes(ns) (&(ns)->set->mailboxes)
#define migration_mailbox_get_special_use(box_set) \
	((const char *const *)t_strsplit_spaces((box_set)->special_use, " "))
#endif

#ifdef HAVE_STRUCT_MAIL_STORAGE_SERVICE_INPUT_MODULE
#define migration_storage_service_init(service, flags) \
	mail_storage_service_init(service, NULL, flags)
#define migration_storage_input_init(input) \
	STMT_START \
	{ \
		i_zero(input); \
		(input)->module = "mail"; \
	} \
	STMT_END
#else
#define migration_storage_service_init(service, flags) \
	mail_storage_service_init(service, flags)
#define migration_storage_input_init(input) i_zero(input)
#endif

/* --- lib-auth --- */

/* Those of crypt() as well, and those that logins may be forbidden to use. */
#ifndef HAVE_PASSWORD_SCHEMES_REGISTER_ALL
#define password_schemes_register_all password_schemes_init
#define password_schemes_allow_weak(allow)
#endif

/* --- doveadm --- */

/* The option to run it before there is a configuration that it could read. */
#ifdef HAVE_SETTINGS_GET
#define MIGRATION_DOVEADM_WITHOUT_CONFIG "-O"
#else
#define MIGRATION_DOVEADM_WITHOUT_CONFIG "-c /dev/null"
#endif

/* --- lib-master --- */

#ifdef HAVE_SETTINGS_GET
/* settings are in memory */
#define MASTER_SERVICE_FLAG_KEEP_CONFIG_OPEN 0
#endif

#ifndef HAVE_MASTER_SERVICE_GET_SERVICE_SETTINGS
#define master_service_get_service_settings(service) \
	master_service_settings_get(service)
#endif

#endif

#ifndef MIGRATION_FOLDER_NAME_H
#define MIGRATION_FOLDER_NAME_H

/* What a provider's folder is called here. Pure.

   Any name arrives under one that Dovecot can hold in every storage format:
   what it cannot hold becomes '_', what is too long is cut and gets a hash of
   the whole behind it. Two folders may come out with the same name; the caller
   tells them apart. */

struct migration_folder_names {
	/* In front of every folder but INBOX at the provider, with its
	   separator, such as "INBOX."; may be empty. */
	const char *prefix;
	/* '\0' = it has no hierarchy */
	char remote_sep;
	/* Of the namespace here, and of the names on disk */
	char local_sep, storage_sep;
	/* Names that no level can have here, NULL-terminated; may be NULL */
	const char *const *reserved;
};

/* name is as the provider gives it, in modified UTF-7 (RFC 9051 appendix A;
   other bytes are taken as they are). Returns UTF-8 from the data stack,
   without the local namespace's prefix; "INBOX" for INBOX; NULL if the folder
   is not below the prefix. */
const char *migration_folder_name(const struct migration_folder_names *names,
				  const char *name);

/* The name at the provider for people, in UTF-8. */
const char *migration_folder_name_there(const char *name);
/* Whether the name here differs in more than prefix and separator. */
bool migration_folder_is_changed(const struct migration_folder_names *names,
				 const char *name, const char *local_name);

/* The prefix of a server that does not tell (no NAMESPACE): "INBOX" and the
   separator if each folder but INBOX is below it, and there is one. */
bool migration_folder_is_below_inbox(const char *const *names, char sep);

/* "\Sent", "\Drafts", "\Junk", "\Trash" or "\Archive" of a folder by the names
   that mail programs and providers commonly give to it, NULL = none of these.
   name is what migration_folder_name() returned. */
const char *migration_folder_use(const char *name);

#endif

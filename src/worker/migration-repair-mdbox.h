#ifndef MIGRATION_REPAIR_MDBOX_H
#define MIGRATION_REPAIR_MDBOX_H

struct mailbox_list;

/* For migration_repair(). A process that dies while it saves leaves the end of
   a message in a file, or the map unsynced. The next one that saves would take
   that for damage and rebuild the whole storage: messages come back without
   flags, dates and UIDs, and mailboxes lose our marks. So the half message is
   cut off, and the map is synced; what the dead process had entered into it
   without entering it into a mailbox stays in the file, in no mailbox. */
int migration_repair_mdbox(struct mailbox_list *list, const char **error_r);

#endif

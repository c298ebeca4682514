"""Users who change their account over IMAP, at random but by a seed: the same
seed and the same account make the same changes."""

import imaplib
import smtplib
import time

from corpus import FIRST_DATE, KEYWORDS, SYSTEM_FLAGS

FOLDERS = ("Archive", "Archive/2024", "Sent", "Work", "Work/Old Plans",
           "Entw&APw-rfe")
# What users call their folders here besides
OWN_FOLDERS = ("Mine", "Kept", "Private")
# One of the newest messages is meant that often, because both sides meet there
NEWEST = 4
HOT = 0.6


class User:
    """One side of an account. Changes are told in self.told. sender makes the
    Message-IDs differ from those of other users."""

    folders = FOLDERS
    # change -> how often
    weights = {"deliver": 5, "append": 3, "delete": 4, "move": 3, "copy": 1,
               "flag": 7, "keyword": 4, "create_folder": 1,
               "delete_folder": 1, "rename_folder": 1, "subscription": 1}

    def __init__(self, client, random, sender):
        self.client, self.random, self.sender = client, random, sender
        self.number = 0
        self.other = None
        _, lines = client.list('""', '""')
        self.delimiter = lines[0].split(b'"')[1].decode()
        self.begin_round("INBOX")

    def begin_round(self, hot):
        """hot is the folder in which most of it happens."""
        self.hot = hot
        self.told = []
        # What must not be changed back before the next sync, which then could
        # not know that there was a change
        self.changed = set()
        # Names that had a folder and have none: not used again before the next
        # sync, for the same reason
        self.vacated = set()
        # Of these, names of folders that have another name now, and that
        self.renamed = set()
        self.renamed_to = set()

    def change(self):
        """One change."""
        while not self._try_to_change():
            pass

    def _try_to_change(self):
        """Returns False if there was nothing to change."""
        names = list(self.weights)
        (name,) = self.random.choices(names, [self.weights[name]
                                              for name in names])
        text = getattr(self, "_" + name)()
        if self.client.state == "SELECTED":
            self.client.unselect()
        if text:
            self.told.append(f"{self.sender}: {text}")
        return bool(text)

    def folder_names(self):
        """Of folders that can be opened."""
        _, lines = self.client.list()
        names = []
        for line in lines:
            if line is None:
                continue
            flags, _, rest = line.partition(b") ")
            name = rest.partition(b" ")[2].decode().strip('"')
            if b"\\noselect" not in flags.lower() and \
                    b"\\nonexistent" not in flags.lower():
                names.append(name.replace(self.delimiter, "/"))
        return sorted(names)

    def deliver(self):
        """New mail in INBOX."""
        return self._append("INBOX")

    def quote(self, name):
        return f'"{name.replace("/", self.delimiter)}"'

    # Messages

    def message(self):
        """A new one: (Message-ID, bytes)."""
        self.number += 1
        message_id = f"<{self.number}@{self.sender}.example>"
        lines = [f"From: someone@{self.sender}.example",
                 f"Message-ID: {message_id}", f"Subject: {self.number}", "",
                 *("line" for _ in range(self.random.randrange(10))), ""]
        return message_id, "\r\n".join(lines).encode()

    def _deliver(self):
        return self.deliver()

    def _append(self, name=None):
        name = name or self._pick_folder()
        message_id, raw = self.message()
        flags = " ".join(flag for flag in SYSTEM_FLAGS + KEYWORDS
                         if self.random.random() < 0.15)
        date = FIRST_DATE + self.random.randrange(10**8)
        self.check(self.client.append(
            self.quote(name), f"({flags})",
            imaplib.Time2Internaldate(time.gmtime(date)), raw))
        return f"{name}: new {message_id} ({flags})"

    def _delete(self):
        name, uid, _ = self._pick_message()
        if uid is None:
            return None
        self.check(self.client.uid("STORE", uid, "+FLAGS.SILENT",
                                   "(\\Deleted)"))
        self.check(self.client.uid("EXPUNGE", uid))
        return f"{name}: UID {uid} deleted"

    def _move(self, command="MOVE"):
        name, uid, _ = self._pick_message()
        target = self.random.choice(self.folder_names())
        if uid is None or target == name:
            return None
        self.check(self.client.uid(command, uid, self.quote(target)))
        return f"{name}: UID {uid} {command} to {target}"

    def _copy(self):
        return self._move("COPY")

    def _flag(self, flags=SYSTEM_FLAGS):
        name, uid, before = self._pick_message()
        flag = self.random.choice(flags)
        if uid is None or not self._may_change(name, uid, flag):
            return None
        sign = "-" if flag.lower() in before else "+"
        self.check(self.client.uid("STORE", uid, f"{sign}FLAGS.SILENT",
                                   f"({flag})"))
        return f"{name}: UID {uid} {sign}{flag}"

    def _keyword(self):
        return self._flag(KEYWORDS)

    def _may_change(self, *what):
        if what in self.changed:
            return False
        self.changed.add(what)
        return True

    # Folders

    def _create_folder(self):
        # nothing below a folder that the other side has just renamed: it
        # would move along, or not; see also _rename_folder()
        names = [name for name in self.folders
                 if name not in self.folder_names() and
                 name not in self.vacated | self.other.renamed_to and
                 name.rpartition("/")[0] not in self.other.renamed]
        if not names:
            return None
        name = self.random.choice(names)
        self.check(self.client.create(self.quote(name)))
        text = f"folder {name} created"
        if self.random.random() < 0.7 and self._may_change("sub", name):
            self.check(self.client.subscribe(self.quote(name)))
            text += " and subscribed"
        return text

    def _delete_folder(self):
        name = self._pick_leaf()
        if name is None:
            return None
        self.check(self.client.delete(self.quote(name)))
        self._vacate(name)
        return f"folder {name} deleted"

    def _rename_folder(self):
        name = self._pick_leaf()
        taken = self.folder_names()
        # doc/following.md: onto a name that exists on the other side it is
        # fetched anew
        theirs = self.other.folder_names()
        names = [new for new in self._new_names()
                 if new not in taken and new not in theirs and new not in self.vacated and
                 not new.startswith(f"{name}/") and
                 not any(other.startswith(new + "/") for other in taken)]
        if name is None or not names:
            return None
        new = self.random.choice(names)
        self.check(self.client.rename(self.quote(name), self.quote(new)))
        self._vacate(name)
        self.renamed.add(name)
        self.renamed_to.add(new)
        return f"folder {name} renamed to {new}"

    def _new_names(self):
        """What a folder may be renamed to."""
        return self.folders

    def _vacate(self, name):
        self.vacated.add(name)

    def _subscription(self):
        name = self.random.choice(self.folder_names())
        _, lines = self.client.lsub('""', self.quote(name))
        if not self._may_change("sub", name):
            return None
        if lines[0] is None:
            self.check(self.client.subscribe(self.quote(name)))
            return f"{name} subscribed"
        self.check(self.client.unsubscribe(self.quote(name)))
        return f"{name} unsubscribed"

    # Choosing

    def _pick_folder(self):
        names = self.folder_names()
        if self.hot in names and self.random.random() < HOT:
            return self.hot
        return self.random.choice(names)

    def _pick_leaf(self):
        """A folder but INBOX that has nothing below it on either side."""
        every = {*self.folder_names(), *self.other.folder_names()}
        names = [name for name in self.folder_names() if name != "INBOX" and
                 not any(other.startswith(name + "/") for other in every)]
        return self.random.choice(names) if names else None

    def _pick_message(self):
        """Folder, which is selected then, UID and flags; UID is None if there
        is no message."""
        name = self._pick_folder()
        self.check(self.client.select(self.quote(name)))
        _, lines = self.client.uid("FETCH", "1:*", "(FLAGS)")
        if lines[0] is None:
            return name, None, None
        if self.random.random() < 0.5:
            lines = lines[-NEWEST:]
        line = self.random.choice(lines).decode()
        flags = line.partition("FLAGS (")[2].partition(")")[0]
        uid = line.partition("UID ")[2].split()[0].rstrip(")")
        return name, uid, flags.lower().split()

    @staticmethod
    def check(response):
        status, data = response
        assert status == "OK", data


class RemoteUser(User):
    """At the provider, whose Maildir may get a new UIDVALIDITY as well:
    rebuild(name) does that, with new UIDs, and returns a new client."""

    weights = {**User.weights, "come_and_go": 2, "rebuild": 1}

    def __init__(self, client, random, rebuild):
        super().__init__(client, random, "provider")
        self.rebuild = rebuild
        self.rebuilt = set()

    def begin_round(self, hot):
        super().begin_round(hot)
        # Flags of a mailbox are not changed together with its UIDVALIDITY,
        # because nobody could tell what has changed
        self.flagged = set()
        self.rebuilt = set()

    def _flag(self, flags=SYSTEM_FLAGS):
        text = super()._flag(flags)
        if text:
            self.flagged.add(text.partition(":")[0])
        return text

    def _may_change(self, *what):
        return what[0] not in self.rebuilt and super()._may_change(*what)

    def _come_and_go(self):
        """Messages that nobody here has ever seen leave a gap in the UIDs."""
        name = self._pick_folder()
        count = self.random.randint(2, 12)
        texts = [self._append(name) for _ in range(count)]
        self.check(self.client.select(self.quote(name)))
        _, data = self.client.uid("SEARCH", "ALL")
        gone = ",".join(data[0].decode().split()[-count:-1])
        self.check(self.client.uid("STORE", gone, "+FLAGS.SILENT",
                                   "(\\Deleted)"))
        self.check(self.client.uid("EXPUNGE", gone))
        return f"{texts[-1]} after {count - 1} that are deleted again"

    def _rebuild(self):
        name = self._pick_folder()
        if name in self.flagged or name in self.rebuilt:
            return None
        self.client = self.rebuild(name)
        self.rebuilt.add(name)
        return f"{name}: new UIDVALIDITY"

    def _rename_folder(self):
        # nobody could tell that it was a rename
        return None if self.rebuilt else super()._rename_folder()


class LocalUser(User):
    """Here, where LMTP delivers too."""

    folders = FOLDERS + OWN_FOLDERS

    def __init__(self, client, random, lmtp_port, address):
        super().__init__(client, random, "here")
        self.lmtp_port, self.address = lmtp_port, address

    def deliver(self):
        if self.random.random() < 0.5:
            return super().deliver()
        message_id, raw = self.message()
        with smtplib.LMTP("127.0.0.1", self.lmtp_port, timeout=60) as lmtp:
            refused = lmtp.sendmail("someone@here.example", [self.address],
                                    raw)
        assert refused == {}, refused
        return f"INBOX: {message_id} delivered"

    def _new_names(self):
        """Never the name of a folder that is followed."""
        return OWN_FOLDERS

    def _vacate(self, name):
        """Here a folder may be made anew at once: then it is the user's
        own."""


def tell(changes):
    """For a message of a failed test."""
    return "\n".join(f"  {change}" for change in changes) or "  nothing"



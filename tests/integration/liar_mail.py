"""A scripted IMAP server that has mail, for what a good server never does with
it. Subclasses of MailSession override what is told about a message (tell) or
delivered of it (deliver), and what is said of a folder (open_folder)."""

import re
from dataclasses import dataclass, field

from liar import Session

DATE = b'"13-Sep-2020 12:26:40 +0000"'
UID_VALIDITY = 1600000000


class Refused(Exception):
    """What the tagged answer is, such as b"NO [SERVERBUG] sorry"."""

    @property
    def answer(self):
        return self.args[0]


@dataclass
class Message:
    body: bytes
    flags: bytes = b""


@dataclass
class Folder:
    """Messages by UID."""
    mails: dict = field(default_factory=dict)
    uid_validity: int = UID_VALIDITY
    attributes: bytes = b"\\HasNoChildren"
    subscribed: bool = True
    uid_next: int = 0

    def next(self):
        return max([self.uid_next - 1, *self.mails]) + 1


def message(word, body=None):
    return Message(f"Message-ID: <{word}@liar.example>\r\n\r\n{word}\r\n"
                   .encode() if body is None else body)


def folder(count, **kwargs):
    """With so many messages, whose words are one1, two2, ..."""
    return Folder({uid: message(f"word{uid}")
                   for uid in range(1, count + 1)}, **kwargs)


def serving(mailboxes, script=None, **attributes):
    """A script of these mailboxes, Folder by name in bytes."""
    return type("Serving", (script or MailSession,),
                {"mailboxes": mailboxes, **attributes})


class MailSession(Session):
    capabilities = b"IMAP4rev1 LITERAL+ SASL-IR NAMESPACE AUTH=PLAIN"
    separator = b'"/"'
    mailboxes = {}

    def __init__(self, *args):
        super().__init__(*args)
        self.selected = None

    # What subclasses lie about

    def tell(self, _uid, _items):
        """Before these items of a message are told: False = leave it out."""
        return True

    def size(self, _uid, mail):
        return len(mail.body)

    def deliver(self, _uid, mail):
        """What is sent as the value of BODY[]."""
        return b"{%d}\r\n%s" % (len(mail.body), mail.body)

    def open_folder(self, _name, _folder):
        """May raise Refused."""

    # Commands

    def do_list(self, tag, arguments):
        if arguments[-1] in (b"", b'""'):
            self.send(b'* LIST (\\Noselect) ' + self.separator + b' ""')
        else:
            for name, each in self.mailboxes.items():
                self.send(b"* LIST (%s) %s {%d}\r\n%s" % (
                    each.attributes, self.separator, len(name), name))
        self.ok(tag)

    def do_lsub(self, tag, _arguments):
        for name, each in self.mailboxes.items():
            if each.subscribed:
                self.send(b"* LSUB () %s {%d}\r\n%s" % (
                    self.separator, len(name), name))
        self.ok(tag)

    def do_namespace(self, tag, _arguments):
        self.send(b'* NAMESPACE (("" ' + self.separator + b')) NIL NIL')
        self.ok(tag)

    def _answering(self, tag, step, *arguments):
        try:
            step(*arguments)
        except Refused as refused:
            self.send(tag + b" " + refused.answer)
        else:
            self.ok(tag)

    def do_status(self, tag, arguments):
        self._answering(tag, self._status, arguments[0])

    def _status(self, name):
        each = self._find(name)
        self.send(b"* STATUS {%d}\r\n%s (MESSAGES %d UIDNEXT %d "
                  b"UIDVALIDITY %d)" % (
                      len(name), name, self.count(each), each.next(),
                      each.uid_validity))

    def do_examine(self, tag, arguments):
        self._answering(tag, self._examine, arguments[0])

    def _examine(self, name):
        self.selected = None
        each = self._find(name)
        self.open_folder(name, each)
        self.selected = each
        self.send(b"* FLAGS (\\Seen)")
        self.send(b"* %d EXISTS" % self.count(each))
        self.send(b"* OK [UIDVALIDITY %d] ok" % each.uid_validity)
        self.send(b"* OK [UIDNEXT %d] ok" % each.next())

    def count(self, each):
        """EXISTS and MESSAGES."""
        return len(each.mails)

    def _find(self, name):
        each = self.mailboxes.get(name)
        if each is None or b"\\no" in each.attributes.lower():
            raise Refused(b"NO [NONEXISTENT] no such folder")
        return each

    def do_uid(self, tag, arguments):
        command, *rest = arguments
        step = {b"FETCH": self._fetch, b"SEARCH": self._search}[
            command.upper()]
        self._answering(tag, step, rest)

    def _search(self, _arguments):
        self.send(b"* SEARCH " + b" ".join(
            b"%d" % uid for uid in self.listed()))

    def listed(self):
        return sorted(self.selected.mails)

    def _fetch(self, arguments):
        wanted = in_set(arguments[0], self.selected.mails)
        items = b" ".join(arguments[1:]).upper()
        for number, uid in enumerate(sorted(self.selected.mails), 1):
            if uid in wanted:
                self._fetch_one(number, uid, items)

    def _fetch_one(self, number, uid, items):
        mail = self.selected.mails[uid]
        data = [b"UID %d" % uid]
        if b"FLAGS" in items or b"SIZE" in items:
            if not self.tell(uid, items):
                return
            data.append(b"FLAGS (%s)" % mail.flags)
        if b"SIZE" in items:
            data += [b"INTERNALDATE " + DATE,
                     b"RFC822.SIZE %d" % self.size(uid, mail)]
        if b"HEADER.FIELDS" in items:
            head = re.search(rb"(?im)^Message-ID:.*\r\n", mail.body)
            head = (head[0] if head else b"") + b"\r\n"
            data.append(b"BODY[HEADER.FIELDS (MESSAGE-ID)] {%d}\r\n%s" % (
                len(head), head))
        if b"BODY.PEEK[])" in items:
            body = self.deliver(uid, mail)
            if body is None:
                return
            data.append(b"BODY[] " + body)
        self.send(b"* %d FETCH (%s)" % (number, b" ".join(data)))


def in_set(sequence, uids):
    """Which of the UIDs are in "1:3,7:*"."""
    result, last = set(), max(uids, default=0)
    for part in sequence.split(b","):
        ends = [last if end == b"*" else int(end) for end in part.split(b":")]
        low, high = min(ends), max(ends)
        result |= {uid for uid in uids if low <= uid <= high}
    return result

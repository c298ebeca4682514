#!/usr/bin/python3
"""A mailbox with everything that has to survive a move.

The same seed makes the same mail, byte for byte. seed_account() stores it over
IMAP, so it works with any provider:

  corpus.py --server host:port --user USER --password-file FILE
"""

import argparse
import imaplib
import random
import time
from dataclasses import dataclass, field
from pathlib import Path

ATTACHMENT_BYTES = 5 * 2**20
FIRST_DATE = 946_684_800
SYSTEM_FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")
KEYWORDS = ("$Forwarded", "$MDNSent", "Project-X", "NonJunk")


@dataclass
class Message:
    raw: bytes
    flags: tuple = ()
    date: int = FIRST_DATE
    # Stored and then expunged again: leaves a gap in the UIDs.
    expunged: bool = False


@dataclass
class Folder:
    """name is as in the protocol (modified UTF-7), hierarchy by "/"."""
    name: str
    messages: list = field(default_factory=list)
    subscribed: bool = True
    # For the caller to set with the server's own means; 0 = as it comes.
    uid_validity: int = 0


class Writer:
    """Makes messages from a seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.number = 0

    def text(self, lines):
        words = "lorem ipsum dolor sit amet grüße 日本 From .dot".split()
        return "\r\n".join(
            " ".join(self.random.choices(words, k=self.random.randint(0, 12)))
            for _ in range(lines)).encode() + b"\r\n"

    def message(self, headers=None, body=None):
        self.number += 1
        if headers is None:
            headers = [f"Message-ID: <{self.number}@corpus.example>",
                       "Date: Sat, 1 Jan 2000 12:00:00 +0100"]
        headers = [f"From: Sender {self.number} <sender@corpus.example>",
                   f"Subject: Message number {self.number}", *headers,
                   "MIME-Version: 1.0",
                   "Content-Type: text/plain; charset=utf-8",
                   "Content-Transfer-Encoding: 8bit"]
        if body is None:
            body = self.text(self.random.randint(1, 60))
        return "\r\n".join(headers).encode() + b"\r\n\r\n" + body

    def flags(self):
        return tuple(flag for flag in SYSTEM_FLAGS + KEYWORDS
                     if self.random.random() < 0.25)

    def date(self):
        return FIRST_DATE + self.random.randrange(25 * 365 * 86400)

    def messages(self, count):
        return [Message(self.message(), self.flags(), self.date(),
                        self.random.random() < 0.1) for _ in range(count)]


def _oddities(writer):
    """One of each kind that a migration can stumble over."""
    same_id = ["Message-ID: <same@corpus.example>"]
    attachment = writer.random.randbytes(ATTACHMENT_BYTES // 2).hex("\n", -38)
    return [
        Message(writer.message(headers=[]), ("\\Seen",)),
        Message(writer.message(same_id), ("\\Flagged",)),
        Message(writer.message(same_id), ("\\Answered",)),
        Message(writer.message(same_id, b"another body\r\n")),
        Message(writer.message(body=b"")),
        Message(writer.message(body=b"no newline at the end")),
        Message(writer.message(body=b"x" * 5000 + b"\r\n")),
        Message(writer.message(body=attachment.replace("\n", "\r\n").encode()),
                ("\\Seen", "$Forwarded"), FIRST_DATE + 1),
        *(Message(writer.message(), (flag,)) for flag in SYSTEM_FLAGS),
        *(Message(writer.message(), (keyword,)) for keyword in KEYWORDS),
        Message(writer.message(), SYSTEM_FLAGS + KEYWORDS),
    ]


def make_corpus(seed=1, messages=660):
    """Eleven folders with about that many messages, plus the oddities."""
    writer = Writer(seed)
    folders = [
        Folder("INBOX", _oddities(writer)),
        Folder("Sent", uid_validity=3_000_000_000),
        Folder("Trash", uid_validity=7),
        Folder("Archive"),
        Folder("Archive/2023"),
        Folder("Archive/2023/Q4"),
        Folder("Entw&APw-rfe", uid_validity=4_294_967_000),
        Folder("&ZeVnLIqe-", subscribed=False),
        Folder("Two words & more".replace("&", "&-")),
        Folder("unsubscribed", subscribed=False),
    ]
    shares = (10, 4, 1, 1, 4, 2, 2, 1, 1, 2)
    for folder, share in zip(folders, shares, strict=True):
        folder.messages += writer.messages(messages * share // sum(shares))
    folders.append(Folder("empty"))
    return folders


def make_small_corpus(seed=1, messages=5):
    return [Folder("INBOX", Writer(seed).messages(messages))]


def seed_account(client, folders):
    """Stores the folders over a logged-in imaplib client."""
    delimiter = _get_delimiter(client)
    for folder in folders:
        name = _quote(folder.name.replace("/", delimiter))
        if folder.name != "INBOX":
            _check(client.create(name))
        if folder.subscribed:
            _check(client.subscribe(name))
        for message in folder.messages:
            flags = " ".join(message.flags)
            _check(client.append(name, f"({flags})",
                                 imaplib.Time2Internaldate(
                                     time.gmtime(message.date)),
                                 message.raw))
        _expunge(client, name, folder.messages)


def _expunge(client, name, messages):
    gone = ",".join(str(i + 1) for i, message in enumerate(messages)
                    if message.expunged)
    if not gone:
        return
    _check(client.select(name))
    client.store(gone, "+FLAGS.SILENT", "(\\Deleted)")
    _check(client.uid("EXPUNGE", _uids(client, gone)))
    _check(client.unselect())


def _uids(client, sequence):
    _, lines = client.fetch(sequence, "(UID)")
    return ",".join(line.split(b"UID ")[1].rstrip(b")").decode()
                    for line in lines)


def _get_delimiter(client):
    _, lines = client.list('""', '""')
    return lines[0].split(b'"')[1].decode()


def _quote(name):
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _check(response):
    status, data = response
    if status != "OK":
        raise RuntimeError(f"the server refused: {data!r}")


def main():
    parser = argparse.ArgumentParser(description="Fill a mailbox with mail.")
    parser.add_argument("--server", required=True, metavar="HOST:PORT")
    parser.add_argument("--user", required=True)
    parser.add_argument("--password-file", required=True, type=Path)
    parser.add_argument("--messages", type=int, default=660)
    args = parser.parse_args()

    host, port = args.server.rsplit(":", 1)
    password = args.password_file.read_text().rstrip("\n")
    folders = make_corpus(messages=args.messages)
    with imaplib.IMAP4(host, int(port)) as client:
        client.login(args.user, password)
        seed_account(client, folders)
    print(f"{sum(len(f.messages) for f in folders)} messages in "
          f"{len(folders)} folders")


if __name__ == "__main__":
    main()

"""One side of an account in the hands of a test: messages are called by a word,
which is their Message-ID and their text."""

import imaplib
import time

from corpus import FIRST_DATE


class Hand:
    """client is a function that returns a logged-in imaplib client."""

    def __init__(self, client):
        self.client = client

    def append(self, folder, word, flags=()):
        raw = f"Message-ID: <{word}@hand.example>\r\n\r\n{word}\r\n".encode()
        self._check(self.client().append(
            folder, f"({' '.join(flags)})",
            imaplib.Time2Internaldate(time.gmtime(FIRST_DATE)), raw))

    def store(self, folder, word, sign, *flags):
        """sign is "+" or "-"."""
        self._uid(folder, word, "STORE", f"{sign}FLAGS.SILENT",
                  f"({' '.join(flags)})")

    def expunge(self, folder, word):
        self.store(folder, word, "+", "\\Deleted")
        self._uid(folder, word, "EXPUNGE")

    def move(self, folder, word, target):
        self._uid(folder, word, "MOVE", target)

    def copy(self, folder, word, target):
        self._uid(folder, word, "COPY", target)

    def folder(self, command, *names):
        """CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE."""
        self._check(getattr(self.client(), command.lower())(*names))

    def folders(self):
        _, lines = self.client().list()
        return {line.decode().split()[-1].strip('"') for line in lines}

    def words(self, folder):
        """Of all messages, in the order of their UIDs."""
        self._check(self.client().select(folder, readonly=True))
        _, data = self.client().uid("FETCH", "1:*",
                                    "(BODY.PEEK[HEADER.FIELDS (Message-ID)])")
        self.client().unselect()
        return [item[1].decode().partition("<")[2].partition("@")[0]
                for item in data if isinstance(item, tuple)]

    def flags(self, folder, word):
        data = self._uid(folder, word, "FETCH", "(FLAGS)")
        flags = data[0].decode().partition("FLAGS (")[2].partition(")")[0]
        return {flag for flag in flags.split() if flag != "\\Recent"}

    def _uid(self, folder, word, command, *args):
        client = self.client()
        self._check(client.select(folder))
        _, data = client.uid("SEARCH", "HEADER", "Message-ID", f"<{word}@")
        uids = data[0].decode().split()
        assert len(uids) == 1, f"{folder} has {word} as {uids}"
        data = self._check(client.uid(command, uids[0], *args))
        client.unselect()
        return data

    @staticmethod
    def _check(response):
        status, data = response
        assert status == "OK", data
        return data

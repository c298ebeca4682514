"""Messages and folders that a provider cannot deliver or lies about: they are
noted, the rest moves on, and they come as soon as the provider has them. Nobody
but a scripted server does such things when told to."""

import hashlib
from contextlib import ExitStack

import pytest

from liar import Liar
from liar_mail import (Folder, MailSession, Message, Refused, folder, message,
                       serving)
from moved import PASSWORD, USER, Moved

FORMATS = ("maildir", "sdbox", "mdbox")


@pytest.fixture
def moved(make_target):
    """Moves the user from a provider with that script."""
    with ExitStack() as stack:
        yield lambda script, **kwargs: Moved(
            make_target, stack.enter_context(Liar(script)), **kwargs)


def words(*uids):
    return sorted(f"word{uid}" for uid in uids)


class RefusesToTell(MailSession):
    """One bad message makes it refuse the command, and it stops there."""
    bad = {7}

    def tell(self, uid, items):
        if uid in self.bad and b"SIZE" in items:
            raise Refused(b"NO [SERVERBUG] cannot read that")
        return True


class LeavesOut(MailSession):
    bad = {7}

    def tell(self, uid, _items):
        return uid not in self.bad


def test_listing_is_refused(moved):
    """One bad message in 1200 costs some commands and nobody else."""
    script = serving({b"INBOX": folder(20), b"Big": folder(1200)},
                     RefusesToTell, bad={7})
    account = moved(script).wait()
    good = set(range(1, 1201)) - {7}
    assert account.uids() == good & set(range(1, 21))
    assert account.uids("Big") == good
    assert [note[:2] for note in account.notes()] == [("Big", 7), ("INBOX", 7)]
    assert all("cannot read that" in text for _, _, text in account.notes())
    assert len(account.liar.contacts[-1].commands) < 120
    # it stays so, and new mail comes all the same
    script.mailboxes[b"INBOX"].mails[21] = message("word21")
    account.sync()
    assert account.uids() == good & set(range(1, 22))
    assert [note[:2] for note in account.notes()] == [("Big", 7), ("INBOX", 7)]
    # until it is mended
    script.bad = set()
    account.sync()
    assert account.notes() == []
    assert account.words() == words(*range(1, 22))
    assert account.words("Big") == words(*range(1, 1201))


def test_listing_is_refused_wholly(moved):
    """A mailbox of which nothing can be told is not asked for for ever."""
    script = serving({b"INBOX": folder(3), b"Big": folder(2000)},
                     RefusesToTell, bad=set(range(4, 2001)) | {1, 2, 3})
    script.tell = lambda self, uid, items: (
        self.selected is self.mailboxes[b"INBOX"] or
        RefusesToTell.tell(self, uid, items))
    account = moved(script).wait()
    assert account.words() == words(1, 2, 3)
    ((name, uid, text),) = account.notes()
    assert (name, uid) == ("Big", 0) and "cannot read that" in text
    assert len(account.liar.contacts[-1].commands) < 2500


def test_message_is_left_out(moved):
    script = serving({b"INBOX": folder(20)}, LeavesOut, bad={7, 20})
    account = moved(script).wait()
    assert account.words() == words(*(set(range(1, 20)) - {7}))
    assert [note[:2] for note in account.notes()] == [("INBOX", 7),
                                                      ("INBOX", 20)]
    # new ones are left out, too; others of them are gone
    script.mailboxes[b"INBOX"].mails.update(
        {uid: message(f"word{uid}") for uid in (21, 22, 23)})
    del script.mailboxes[b"INBOX"].mails[3]
    del script.mailboxes[b"INBOX"].mails[20]
    script.bad = {7, 22}
    account.sync()
    assert account.words() == words(*(set(range(1, 24)) - {3, 7, 20, 22}))
    assert [note[:2] for note in account.notes()] == [("INBOX", 7),
                                                      ("INBOX", 22)]
    script.bad = set()
    account.sync()
    assert account.notes() == []
    assert account.words() == words(*(set(range(1, 24)) - {3, 20}))


class Modseq(LeavesOut):
    """With CONDSTORE, so that only changes are told."""
    capabilities = LeavesOut.capabilities + b" CONDSTORE"
    modseq = 5

    def _examine(self, name):
        super()._examine(name)
        self.send(b"* OK [HIGHESTMODSEQ %d] ok" % self.modseq)


def test_one_is_left_out_and_another_expunged(moved):
    """The numbers agree, and yet it is not passed over."""
    script = serving({b"INBOX": folder(9)}, Modseq, bad=set())
    account = moved(script).wait()
    inbox = script.mailboxes[b"INBOX"]
    inbox.mails.update({uid: message(f"word{uid}") for uid in (10, 11)})
    del inbox.mails[4]
    script.modseq, script.bad = 6, {10}
    account.sync()
    assert account.words() == words(1, 2, 3, 5, 6, 7, 8, 9, 11)
    assert [note[:2] for note in account.notes()] == [("INBOX", 10)]
    script.bad = set()
    account.sync()
    assert account.words() == words(1, 2, 3, 5, 6, 7, 8, 9, 10, 11)


class Expunges(LeavesOut):
    """The message is expunged when it is asked for."""

    def _fetch_one(self, number, uid, items):
        if uid in self.bad:
            del self.selected.mails[uid]
            self.send(b"* %d EXPUNGE" % number)
            self.bad.clear()
        else:
            super()._fetch_one(number, uid, items)


class Arrives(MailSession):
    """New mail arrives when the messages are listed, and is not told."""

    def _fetch(self, arguments):
        super()._fetch(arguments)
        if len(self.selected.mails) == 9:
            self.selected.mails[10] = message("word10")
            self.send(b"* 10 EXISTS")


@pytest.mark.parametrize("script, left", [(Expunges, range(2, 10)),
                                          (Arrives, range(1, 11))])
def test_changes_meanwhile(moved, script, left):
    """No exception."""
    script = serving({b"INBOX": folder(9)}, script, bad={1})
    account = moved(script).wait()
    assert account.words() == words(*left)
    assert account.notes() == []


class SaysBad(MailSession):
    bad = {7}

    def tell(self, uid, _items):
        if uid in self.bad:
            raise Refused(b"BAD cannot parse that")
        return True


def test_listing_is_bad(moved):
    """imapc ends the connection then: it is found in some runs."""
    script = serving({b"INBOX": folder(20)}, SaysBad, bad={7})
    account = moved(script)
    account.target.store.wait_tried(USER)
    for _ in range(3):
        account.target.doveadm("migration", "sync", "-u", USER)
    account.wait()
    assert account.words() == words(*(set(range(1, 21)) - {7}))
    ((name, uid, _),) = account.notes()
    assert (name, uid) == ("INBOX", 7)
    script.mailboxes[b"INBOX"].mails[21] = message("word21")
    account.sync()
    assert account.words() == words(*(set(range(1, 22)) - {7}))
    script.bad = set()
    account.sync()
    assert account.words() == words(*range(1, 22))
    assert account.notes() == []


class SaysFlagsBad(MailSession):
    """Tells about new messages, and refuses the flags of old ones."""

    def _fetch(self, arguments):
        if b" ".join(arguments[1:]) == b"(FLAGS)":
            raise Refused(b"NO flags are lost")
        super()._fetch(arguments)


def test_flags_are_refused(moved):
    script = serving({b"INBOX": folder(5)}, SaysFlagsBad)
    account = moved(script).wait()
    assert account.notes() == []
    script.mailboxes[b"INBOX"].mails[6] = message("word6")
    del script.mailboxes[b"INBOX"].mails[2]
    account.sync()
    assert account.words() == words(1, 3, 4, 5, 6)
    ((name, uid, text),) = account.notes()
    assert (name, uid) == ("INBOX", 0) and "flags are lost" in text


def refusing(answer):
    def deliver(self, uid, mail):
        if uid not in self.bad:
            return MailSession.deliver(self, uid, mail)
        if answer.startswith(b"NO"):
            raise Refused(answer)
        return None if answer == b"" else answer
    return type("Refusing", (MailSession,), {"bad": {7}, "deliver": deliver})


@pytest.mark.parametrize("answer", [b"NIL", b"", b'""', b"{0}\r\n",
                                    b"NO [SERVERBUG] it is gone"],
                         ids=["NIL", "silent", "empty", "empty literal", "NO"])
def test_body_is_refused(moved, answer):
    script = serving({b"INBOX": folder(20), b"Other": folder(3)},
                     refusing(answer), bad={7})
    account = moved(script).wait()
    assert account.words() == words(*(set(range(1, 21)) - {7}))
    assert account.words("Other") == words(1, 2, 3)
    ((name, uid, text),) = account.notes()
    assert (name, uid) == ("INBOX", 7) and text != ""
    account.sync()
    assert [note[:2] for note in account.notes()] == [("INBOX", 7)]
    script.bad = set()
    account.sync()
    assert account.words() == words(*range(1, 21))
    assert account.notes() == []


class OddSizes(MailSession):
    def size(self, uid, mail):
        return len(mail.body) + {3: 5, 4: -5}.get(uid, 5 * (uid > 100))


def test_sizes(moved):
    """What comes is taken. Many are noted as one."""
    account = moved(serving({b"INBOX": folder(10), b"Many": folder(300)},
                            OddSizes)).wait()
    assert account.words() == words(*range(1, 11))
    assert account.words("Many") == words(*range(1, 301))
    notes = account.notes()
    assert [uid for name, uid, _ in notes if name == "INBOX"] == [3, 4]
    many = [note for note in notes if note[0] == "Many"]
    assert len(many) == 101 and "202 messages" in many[0][2]


HEADER = b"Message-ID: <%s@liar.example>\r\n"
BODIES = {
    # what no text has
    1: HEADER % b"nul" + b"\r\na\0b\0\r\n",
    2: HEADER % b"nuls" + b"\r\n" + b"\0" * 100_000 + b"\r\n",
    3: HEADER % b"nulhead" + b"Subject: a\0b\r\n\r\nx\r\n",
    4: HEADER % b"latin1" + b"Subject: gr\xfc\xdfe\r\nX-\xe4: \xff\xfe\r\n"
       b"\r\n\xe4\xf6\xfc\r\n",
    # no line ends, at all or for long
    5: HEADER % b"line" + b"\r\n" + b"x" * 2**20 + b"\r\n",
    6: HEADER % b"longhead" + b"Subject: " + b"y" * 2**20 + b"\r\n\r\nz",
    7: HEADER % b"noend" + b"\r\nno line end",
    8: b"no header at all",
    9: HEADER % b"onlyhead",
    10: b"\r\n",
    11: HEADER % b"lf" .replace(b"\r", b"") + b"\r\nbare\nline\nends\r\n",
    12: HEADER % b"headers" + b"X-A: b\r\n" * 20_000 + b"\r\n",
    13: HEADER % b"dots" + b"\r\nFrom me\r\n.\r\n)\r\nA1 OK done\r\n",
}


@pytest.mark.parametrize("literal", [b"", b"~"], ids=["literal", "literal8"])
@pytest.mark.parametrize("mail_format", FORMATS)
def test_odd_bodies(moved, mail_format, literal):
    class Server(MailSession):
        def deliver(self, uid, mail):
            return literal + super().deliver(uid, mail)

    account = moved(serving({b"INBOX": Folder(
        {uid: Message(body) for uid, body in BODIES.items()})}, Server),
        mail_format=mail_format).wait()
    assert account.notes() == []
    with account.target.client(USER, PASSWORD) as client:
        client.select("INBOX", readonly=True)
        for uid, body in BODIES.items():
            _, data = client.uid("FETCH", str(uid), "(BODY.PEEK[])")
            # Dovecot has no way to send a NUL or a bare LF
            expected = body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            assert data[0][1] == expected.replace(b"\0", b"\x80"), uid


PART = 4 * 2**20
LARGE = {
    "exact": (2 * PART, 0), "odd": (2 * PART + 5, 0),
    # what RFC822.SIZE says is more or less
    "short": (1000, 2 * PART), "cut": (PART + 10, PART), "long": (2 * PART,
                                                                -PART + 9),
    "longer": (4 * PART, -2 * PART), "much longer": (PART + 9, -PART),
    # whatever the part
    "whole": (PART + 77, 0),
    # at first
    "late": (2 * PART, 0), "torn": (3 * PART, 0), "nil": (PART + 1, 0),
}


def large_mail(word, size, _more):
    head = f"Message-ID: <{word}@liar.example>\r\n\r\n".encode()
    body = b"".join(b"%08x" % number for number in range(size // 8 + 1))
    return Message((head + body)[:size])


class Large(MailSession):
    bad = True

    def size(self, uid, mail):
        more = list(LARGE.values())[uid - 1][1] if uid <= len(LARGE) else 0
        return len(mail.body) + more

    def deliver_part(self, uid, mail, offset, size):
        word = list(LARGE)[uid - 1]
        if word == "whole":
            return b"BODY[] " + self.deliver(uid, mail)
        if self.bad and word == "late":
            raise Refused(b"NO [SERVERBUG] not now")
        if self.bad and word == "torn" and offset == PART:
            raise Refused(b"NO [SERVERBUG] not that part")
        if self.bad and word == "nil" and offset == PART:
            return b"BODY[]<%d> NIL" % offset
        return super().deliver_part(uid, mail, offset, size)


@pytest.mark.parametrize("mail_format", FORMATS)
def test_large_messages(moved, mail_format):
    """They are asked for in parts, and put together."""
    mails = {uid: large_mail(word, *what)
             for uid, (word, what) in enumerate(LARGE.items(), 1)}
    mails[20] = message("after")
    script = serving({b"INBOX": Folder(mails)}, Large)
    account = moved(script, mail_format=mail_format).wait()
    late = {uid for uid, word in enumerate(LARGE, 1)
            if word in ("late", "torn", "nil")}
    odd = {uid for uid, (_, more) in enumerate(LARGE.values(), 1) if more}
    assert {uid for _, uid, _ in account.notes()} == late | odd
    assert account.uids() == set(mails) - late
    script.bad = False
    account.sync()
    assert account.notes() == []
    assert {mail.sha256 for mail in account.snapshot()["INBOX"].mails.values()
            } == {hashlib.sha256(mail.body).hexdigest()
                  for mail in mails.values()}


class TurnsRound(MailSession):
    """Answers the commands that have come meanwhile, the last one first, as
    Dovecot does when its client reads slowly."""

    def do_uid(self, tag, arguments):
        waiting = [(tag, arguments)]
        if b"PEEK[]" in arguments[-1].upper():
            waiting += iter(self._next_fetch, None)
        for each in reversed(waiting):
            super().do_uid(*each)

    def _next_fetch(self):
        self.sock.settimeout(0.1)
        try:
            # all of them are short
            tag, name, arguments = self.read_command()
        except TimeoutError:
            # the file would not be read from any more
            self.open_file()
            return None
        finally:
            self.sock.settimeout(None)
        assert name == "UID"
        return tag, arguments


@pytest.mark.parametrize("mail_format", FORMATS)
def test_answers_in_another_order(moved, mail_format):
    mails = {uid: Message(message(f"word{uid}").body + b"x" * 10**6)
             for uid in range(3, 20)}
    mails |= {uid: large_mail("large", 4 * PART + uid, 0) for uid in (1, 2)}
    script = serving({b"INBOX": Folder(mails)}, TurnsRound)
    account = moved(script, mail_format=mail_format).wait()
    assert account.notes() == []
    assert {uid: mail.sha256 for uid, mail in
            account.snapshot()["INBOX"].mails.items()} == {
                uid: hashlib.sha256(mail.body).hexdigest()
                for uid, mail in mails.items()}


class Picky(MailSession):
    """Refuses folders by their names: what is said stands in answers."""
    answers = {}

    def open_folder(self, name, _folder):
        if name in self.answers:
            raise Refused(self.answers[name])


# whether the sync is complete without the folder
@pytest.mark.parametrize("answer, complete", [
    (b"NO cannot open", True), (b"NO [NOPERM] not yours", True),
    (b"NO [SERVERBUG] index is corrupted", True),
    (b"NO [NONEXISTENT] where is it", True),
    (b"NO [UNAVAILABLE] try again later", False),
    (b"NO [INUSE] locked", False)])
def test_folder_is_refused(moved, answer, complete):
    script = serving({b"INBOX": folder(2), b"Bad": folder(3),
                      b"Good": folder(4)}, Picky, answers={b"Bad": answer})
    account = moved(script)
    if complete:
        account.wait()
    else:
        account.target.store.wait_tried(USER)
    assert account.words() == words(1, 2)
    assert account.words("Good") == words(1, 2, 3, 4)
    ((name, uid, text),) = account.notes()
    assert (name, uid) == ("Bad", 0) and answer[3:].decode() in text
    script.answers = {}
    account.sync()
    assert account.words("Bad") == words(1, 2, 3)
    assert account.notes() == []


class Vanished(MailSession):
    """Lists a folder that does not exist."""

    def _find(self, name):
        if name == b"Listed":
            raise Refused(b"NO [NONEXISTENT] no such folder")
        return super()._find(name)


def test_places_that_are_no_folders(moved):
    """Only what can be opened comes, also below them."""
    account = moved(serving({
        b"INBOX": folder(1),
        b"Place": Folder(attributes=b"\\Noselect \\HasChildren"),
        b"Place/child": folder(2),
        b"Gone": Folder(attributes=b"\\NonExistent"),
        b"Gone/child": folder(3),
        b"Nothing": Folder(attributes=b"\\Noselect \\HasNoChildren"),
        b"Listed": folder(4)}, Vanished)).wait()
    here = account.snapshot()
    assert {name: len(here[name].mails) for name in here
            if here[name].selectable} == {
                "INBOX": 1, "Place/child": 2, "Gone/child": 3, "Listed": 0}
    ((name, uid, text),) = account.notes()
    assert (name, uid) == ("Listed", 0) and "no such folder" in text


def test_max_size(moved):
    """What is left out is known as long as it is there."""
    script = serving({b"INBOX": folder(3), b"Many": Folder(
        {uid: message("", b"x" * 600) for uid in range(1, 251)})})
    script.mailboxes[b"INBOX"].mails[2] = message("large", b"\r\n" * 300)
    account = moved(script, max_size="500").wait()
    assert account.words() == words(1, 3)
    assert account.uids("Many") == set()

    def noted():
        assert all("max_size" in text for _, _, text in account.notes())
        inbox = [note[1] for note in account.notes() if note[0] == "INBOX"]
        return inbox, len(account.notes()) - len(inbox)

    assert noted() == ([2], 101)
    assert "600 bytes" in account.notes()[0][2]
    assert any("150 more" in text for _, _, text in account.notes())
    account.sync()
    assert noted() == ([2], 101)
    script.mailboxes[b"INBOX"].mails[4] = message("", b"y" * 700)
    del script.mailboxes[b"INBOX"].mails[2]
    account.sync()
    assert noted() == ([4], 101)
    assert account.words() == words(1, 3)

"""With login = local the user works in the mailbox while it fills. What they
change here stays changed, and no mail is lost or doubled (promise P3)."""

import contextlib
import hashlib
from collections import Counter

import pytest

from checks import Unchanged, assert_answer
from compare import connect
from corpus import make_small_corpus
from polling import wait_until
from provider import Provider
from tap import Tap
from target import plain_provider

USER, PASSWORD = "xenia@old.example", "xenia's"
OWN_MAIL = (b"Message-ID: <own@home.example>\r\nSubject: my own draft\r\n"
            b"\r\nwritten here\r\n")
OWN_SHA256 = hashlib.sha256(OWN_MAIL).hexdigest()


@pytest.fixture(scope="module")
def old(folders):
    with Provider(folders("local")) as server:
        server.add_user(USER, PASSWORD)
        server.seed(USER, make_small_corpus(messages=280))
        yield server
    server.assert_no_crash()


def bodies(account):
    """How often each message is in the INBOX."""
    return Counter(mail.sha256 for mail in account["INBOX"].mails.values())


def flag_and_delete(client):
    """Flags the first message and deletes the second; returns the SHA-256 of
    both."""
    client.select("INBOX")
    sha256 = []
    for number in ("1", "2"):
        _, data = client.fetch(number, "(BODY.PEEK[])")
        sha256.append(hashlib.sha256(data[0][1]).hexdigest())
    client.store("1", "FLAGS", "(\\Flagged $Mine)")
    _, data = client.fetch("2", "(UID)")
    client.store("2", "+FLAGS", "(\\Deleted)")
    client.uid("EXPUNGE", data[0].split(b"UID ")[1].rstrip(b")").decode())
    client.unselect()
    return sha256


@pytest.fixture
def tap(old):
    with Tap(old.ports["imap"], bytes_per_second=150_000) as tap:
        yield tap


class Move:
    """A move that stands still as soon as the first messages are there, for
    the user's changes; then it is cut so many times and goes on to its
    end."""

    def __init__(self, make_target, tap, mail_format, cuts):
        self.tap = tap
        self.cuts = cuts
        self.target = make_target(
            {"oldhost": plain_provider(tap.port, "old.example")},
            overrides={"migration_login": "local"}, mail_format=mail_format)

    def __enter__(self):
        assert_answer(self.target.login(USER, PASSWORD), "OK")
        self.client = connect(f"127.0.0.1:{self.target.ports['imap']}")
        self.client.login(USER, PASSWORD)
        wait_until("the first messages", lambda: int(
            self.client.select("INBOX")[1][0]) >= 2)
        self.tap.pause()
        assert self.target.store.job(USER)["phase"] == "initial"
        return self.client

    def __exit__(self, kind, *_rest):
        if kind is not None:
            self.tap.resume()
            return
        self.client.logout()
        self.tap.resume()
        for _ in range(self.cuts):
            self.tap.close_after(0)
            self.tap.drop_connections()
            self.target.store.wait_tried(USER)
            self.tap.release()
        self.target.store.wait_moved(USER)

    def logs_in(self):
        with contextlib.suppress(ConnectionError):
            return self.target.login(USER, PASSWORD).status == "OK"
        return False

    def snapshot(self):
        return self.target.snapshot(USER, PASSWORD)


FORMATS_AND_CUTS = pytest.mark.parametrize(
    "mail_format, cuts", [("maildir", 0), ("maildir", 1), ("sdbox", 0),
                          ("sdbox", 1)],
    ids=["maildir", "maildir, cut", "sdbox", "sdbox, cut"])


@FORMATS_AND_CUTS
def test_flag_and_delete(old, tap, make_target, mail_format, cuts):
    move = Move(make_target, tap, mail_format, cuts)
    with Unchanged(old, USER), move as client:
        flagged, deleted = flag_and_delete(client)
    expected = bodies(old.snapshot(USER))
    expected[deleted] -= 1
    account = move.snapshot()
    assert bodies(account) == +expected
    (mail,) = [mail for mail in account["INBOX"].mails.values()
               if mail.sha256 == flagged]
    assert (mail.flags, mail.keywords) == ({"\\Flagged"}, {"$mine"})


@FORMATS_AND_CUTS
def test_save(old, tap, make_target, mail_format, cuts):
    """A mail program stores what the user writes and sends."""
    move = Move(make_target, tap, mail_format, cuts)
    with Unchanged(old, USER), move as client:
        status, data = client.append("INBOX", "(\\Draft)", None, OWN_MAIL)
        assert status == "OK", data
    assert bodies(move.snapshot()) == \
        bodies(old.snapshot(USER)) + Counter([OWN_SHA256])


def test_who_was_let_in_stays(old, tap, make_target):
    """The administrator sets proxy while the user works here already: flags
    and deletions of the user's are not made the provider's."""
    move = Move(make_target, tap, "maildir", 0)
    with Unchanged(old, USER), move as client:
        flagged, deleted = flag_and_delete(client)
        move.target.overrides["migration_login"] = "proxy"
        move.target.reload()
        # a login that meets the reload is an internal failure of Dovecot's
        wait_until("the reload", move.logs_in)
    assert move.target.log_lines("info", "Started proxying") == []
    expected = bodies(old.snapshot(USER))
    expected[deleted] -= 1
    account = move.snapshot()
    assert bodies(account) == +expected
    (mail,) = [mail for mail in account["INBOX"].mails.values()
               if mail.sha256 == flagged]
    assert (mail.flags, mail.keywords) == ({"\\Flagged"}, {"$mine"})

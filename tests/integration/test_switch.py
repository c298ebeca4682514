"""migration_login = proxy: users work on at the provider until everything is
here, and notice one dropped connection."""

import imaplib
import os
import re
import select
import threading
import time

import pytest

from checks import assert_answer, assert_moved
from corpus import FIRST_DATE, Folder, Writer
from dovecot import MAIL_GID, MAIL_UID
from imap import login
from polling import wait_until
from provider import Provider
from tap import Tap
from target import plain_provider

USER, PASSWORD = "petra@old.example", "petra's"


INBOX_MESSAGES = 60


def make_folders(messages=250):
    """INBOX comes first, and there is time while the rest follows."""
    writer = Writer(5)
    return [Folder("INBOX", writer.messages(INBOX_MESSAGES)),
            Folder("Archive", writer.messages(20)),
            Folder("Archive/2023", writer.messages(10)),
            Folder("Archive/2024", writer.messages(10)),
            Folder("Old", writer.messages(10)),
            Folder("Sent", writer.messages(10)),
            Folder("Zoo", writer.messages(messages))]


@pytest.fixture
def old(folders):
    """Each test has its own, because users change things there."""
    with Provider(folders("switch"), protocols=("imap", "pop3")) as server:
        server.add_user(USER, PASSWORD)
        server.seed(USER, make_folders())
        yield server
    server.assert_no_crash()


@pytest.fixture
def tap(old):
    with Tap(old.ports["imap"], bytes_per_second=50_000) as tap:
        yield tap


@pytest.fixture
def target(make_target, tap):
    return make_target(
        {"oldhost": plain_provider(tap.port, "old.example")},
        overrides={"migration_login": "proxy"}, protocols=("imap", "lmtp"))


def connect(target, user=USER, password=PASSWORD):
    client = imaplib.IMAP4("127.0.0.1", target.ports["imap"], timeout=60)
    client.login(user, password)
    return client


def uids(client, mailbox="INBOX"):
    """UIDVALIDITY and UIDs as a mail program sees them."""
    client.select(mailbox, readonly=True)
    validity = client.response("UIDVALIDITY")[1][0]
    return validity, client.uid("SEARCH", "ALL")[1][0].split()


def wait_dropped(client, timeout=60):
    """Until the server ends the connection; returns what it said."""
    sock = client.socket()
    data = b""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if select.select([sock], [], [], 0.2)[0]:
            chunk = sock.recv(4096)
            if not chunk:
                return data
            data += chunk
    raise AssertionError(f"the connection was not dropped; it said {data!r}")


def test_one_dropped_connection(old, tap, target, figures):
    client = connect(target)
    before = uids(client)
    assert len(before[1]) == old.snapshot(USER)["INBOX"].aspects()["messages"]
    assert target.store.job(USER)["phase"] == "initial"
    client.send(b"i1 IDLE\r\n")
    wait_dropped(client)
    start = time.monotonic()
    client = connect(target)
    figures(f"login held for {time.monotonic() - start:.2f} s")
    assert target.store.job(USER)["phase"] == "following"
    assert uids(client) == before
    connections = tap.connections()
    # and no second drop
    client.send(b"i2 IDLE\r\n")
    time.sleep(2)
    connect(target).logout()
    assert tap.connections() == connections
    assert_moved(old, target, USER)
    assert target.log_lines("error", "") == []


@pytest.fixture
def stopped(tap, target):
    """A proxied session, and a pull that stands still in the last folder."""
    client = connect(target)
    wait_until("the first folders", lambda: target.store.job(USER)[
        "messages_done"] > INBOX_MESSAGES + 40)
    tap.pause()
    assert target.store.job(USER)["phase"] == "initial"
    return client


def at_provider(old):
    client = imaplib.IMAP4("127.0.0.1", old.ports["imap"], timeout=60)
    client.login(USER, PASSWORD)
    return client


def test_changes_at_the_provider_arrive(old, tap, target, stopped):
    """In folders that have been pulled already."""
    client = at_provider(old)
    client.select("INBOX")
    client.store("1:5", "+FLAGS", "(\\Flagged $Added)")
    client.store("6:20", "FLAGS", "()")
    client.store("21:25", "+FLAGS", "(\\Deleted)")
    client.expunge()
    client.append("Sent", "(\\Seen)", None, b"Subject: new\r\n\r\nsent now\r\n")
    client.create("Projects")
    client.append("Projects", None, None, b"Subject: p\r\n\r\nproject\r\n")
    client.copy("1:3", "Archive")
    client.subscribe("Projects")
    client.unsubscribe("Archive")
    client.logout()
    tap.resume()
    target.store.wait_moved(USER)
    assert_moved(old, target, USER)
    assert target.log_lines("error", "") == []


def test_folders_changed_at_the_provider(old, tap, target, stopped):
    client = at_provider(old)
    client.rename("Archive.2023", "Archive.Renamed")
    client.delete("Old")
    client.logout()
    tap.resume()
    target.store.wait_moved(USER)
    assert_moved(old, target, USER)


# A part of what the last pull gets from the provider
MIDDLE_BYTES = 900
HELD = "The login is held until the switch is over"


class Held:
    """A switch that stands still in the middle of its last pull, and logins
    that it holds."""

    def __init__(self, old, target, logins=2):
        self.target = target
        self.answers, self.durations = [], []
        self.tap = target.tap
        # those of other users stay so
        stalled = self.tap.stalled()
        self.tap.stall_if(self._is_switching, MIDDLE_BYTES)
        self.dropped = connect(target)
        wait_until("the last pull to stand still", lambda: (
            self._is_switching() and self.tap.stalled() > stalled), 30)
        wait_dropped(self.dropped, 1)
        self.connections = self.tap.connections()
        old.mark_logs()
        self.threads = [threading.Thread(target=self._login)
                        for _ in range(logins)]
        for thread in self.threads:
            thread.start()
        wait_until("logins to be held", lambda: len(
            target.log_lines("debug", HELD)) >= logins, 5)
        assert self.answers == []

    def join(self):
        for thread in self.threads:
            thread.join(60)
        assert len(self.answers) == len(self.threads)

    def _is_switching(self):
        job = self.target.store.job(USER)
        return job is not None and job["hold_until"] > 0

    def _login(self):
        start = time.monotonic()
        answer = login(self.target.ports["imap"], USER, PASSWORD, timeout=90)
        self.durations.append(time.monotonic() - start)
        self.answers.append(answer)


@pytest.fixture
def fast_target(old, make_target):
    """The provider is quick unless the test stops it. seconds is the longest
    switch."""
    taps = []

    def make(seconds, retry="1 secs", domains="old.example"):
        tap = Tap(old.ports["imap"]).start()
        taps.append(tap)
        target = make_target(
            {"oldhost": plain_provider(tap.port, domains)},
            overrides={"migration_login": "proxy",
                       "migration_switch_timeout": f"{seconds} secs",
                       "migration_retry_min": retry,
                       "migration_retry_max": retry})
        target.tap = tap
        return target

    yield make
    for tap in taps:
        tap.stop()


def switch_text(target):
    """(sessions that were ended, seconds for which logins were held)"""
    lines = wait_until("the end in the log", lambda: target.log_lines(
        "info", "First full sync done"))
    assert len(lines) == 1
    match = re.search(r"sessions ended at the provider: (\d+), logins held for "
                      r"([0-9.]+) secs", lines[0])
    return int(match[1]), float(match[2])


def assert_local(target, connections):
    """The next login does not reach the provider."""
    target.assert_serves_locally(USER, PASSWORD)
    assert target.tap.connections() == connections


def test_held_logins_are_let_in(old, fast_target, figures):
    target = fast_target(30)
    held = Held(old, target)
    assert target.store.job(USER)["phase"] == "initial"
    time.sleep(2)
    assert held.answers == []
    target.tap.release()
    held.join()
    for answer in held.answers:
        assert_answer(answer, "OK")
    assert min(held.durations) > 2
    assert target.store.job(USER)["phase"] == "following"
    assert old.logins(USER) == 0
    assert_local(target, held.connections)
    ended, seconds = switch_text(target)
    assert ended == 1
    figures(f"held for {seconds} s, of which 2 s by the test")
    assert_moved(old, target, USER)
    assert target.log_lines("error", "") == []


def assert_undone(target):
    job = target.store.wait_for(USER, hold_until=0, attempts=1)
    assert (job["phase"], job["control"]) == ("initial", "active")
    return job


def assert_done_later(old, target):
    """The next try is a whole one, and nobody minds it."""
    target.store.wait_moved(USER, 90)
    job = target.store.job(USER)
    assert (job["attempts"], job["hold_until"], job["error"]) == (0, 0, "")
    assert_local(target, target.tap.connections())
    assert_moved(old, target, USER)


def test_switch_takes_too_long(old, fast_target):
    """It is undone: logins go to the provider, and it is done later."""
    target = fast_target(4, retry="5 secs")
    held = Held(old, target)
    target.tap.stall_no_more()
    job = assert_undone(target)
    held.join()
    assert "migration_switch_timeout (4 secs)" in job["error"]
    assert "undone" in job["error"]
    assert max(held.durations) < 4 + 2
    for answer in held.answers:
        assert_answer(answer, "OK")
    assert old.logins(USER) >= 2
    assert target.log_lines("error", "Sync failed (attempt 1)", "undone")
    assert_done_later(old, target)


def test_switch_of_a_silent_provider(old, fast_target):
    """As above, but nothing else gets through to the provider either: what it
    is kept waiting for is not held against the user."""
    target = fast_target(3)
    held = Held(old, target, logins=1)
    target.tap.pause()
    target.tap.release()
    wait_until("the switch to be undone", lambda: target.store.job(USER)[
        "attempts"] >= 1, 10)
    assert target.store.job(USER)["phase"] == "initial"
    target.tap.resume()
    held.join()
    assert held.answers[0].status == "OK" or \
        held.answers[0].code == "UNAVAILABLE"
    assert_done_later(old, target)


def test_provider_goes_away_during_the_switch(old, fast_target):
    target = fast_target(30, retry="5 secs")
    held = Held(old, target)
    target.tap.close_after(0)
    target.tap.drop_connections()
    job = assert_undone(target)
    assert "disconnected" in job["error"]
    held.join()
    for answer in held.answers:
        assert_answer(answer, "NO", "UNAVAILABLE")
    target.tap.release()
    assert_done_later(old, target)


@pytest.mark.parametrize("name", ["migration", "migration-worker", "auth"])
def test_killed_during_the_switch(old, fast_target, name, figures):
    seconds = 10
    target = fast_target(seconds)
    held = Held(old, target)
    target.kill(name)
    # a new pull gets through, the old one does not
    target.tap.stall_no_more()
    if name == "auth":
        target.tap.release()
    held.join()
    figures(f"{name} killed: logins were held for "
            f"{max(held.durations):.1f} s and told "
            f"{', '.join(map(str, held.answers))}")
    assert max(held.durations) < seconds + 2
    for answer in held.answers:
        if name == "auth":
            # Dovecot's own words
            assert_answer(answer, "NO")
        else:
            assert answer.status == "OK" or answer.code == "UNAVAILABLE"
    assert_done_later(old, target)


OTHERS = {"other@old.example": "other's", "petra@old.example.org": "petra 2's",
          "petra2@old.example": "petra2's"}


def test_other_users_are_not_disturbed(old, fast_target):
    """Their sessions are neither ended nor held."""
    for user, password in OTHERS.items():
        old.add_user(user, password)
        # enough to be on its way when it is paused
        old.seed(user, make_folders(20))
    target = fast_target(30, domains="old.example old.example.org")
    # they stay where they are
    target.tap.stall_if(lambda: True, 10 * MIDDLE_BYTES)
    clients = {}
    for user, password in OTHERS.items():
        clients[user] = connect(target, user, password)
        target.doveadm("migration", "pause", "-u", user, check=True)
        clients[user].select("INBOX")
        clients[user].send(b"i1 IDLE\r\n")
    held = Held(old, target, logins=1)
    for user, password in OTHERS.items():
        start = time.monotonic()
        assert_answer(login(target.ports["imap"], user, password), "OK")
        assert time.monotonic() - start < 1
    target.tap.release()
    held.join()
    target.store.wait_moved(USER)
    for user, client in clients.items():
        assert target.store.job(user)["phase"] == "initial"
        client.send(b"DONE\r\n")
        wait_until("the end of IDLE",
                   lambda c=client: c.readline().startswith(b"i1 OK"))
        assert client.noop()[0] == "OK"


MANY = 20_000


def fill_maildir(old, user, count):
    """Quicker than by IMAP."""
    folder = old.folder / "mail" / user / "Maildir"
    for name in ("cur", "new", "tmp"):
        (folder / name).mkdir(parents=True)
    for number in range(1, count + 1):
        flags = "S" if number % 3 else "FS"
        path = folder / f"cur/{FIRST_DATE + number}.M{number}.many:2,{flags}"
        path.write_bytes(
            b"From: a@b.example\r\nSubject: %d\r\nMessage-ID: <%d@many>\r\n"
            b"Date: Sat, 1 Jan 2000 12:00:00 +0100\r\n\r\n%d\r\n" %
            (number, number, number))
        os.utime(path, (FIRST_DATE + number,) * 2)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, MAIL_UID, MAIL_GID)


def test_many_messages(folders, make_target, figures):
    with Provider(folders("many")) as old:
        old.add_user(USER, PASSWORD)
        fill_maildir(old, USER, MANY)
        target = make_target(
            {"oldhost": plain_provider(old.ports["imap"], "old.example")},
            overrides={"migration_login": "proxy"})
        start = time.monotonic()
        client = connect(target)
        before = uids(client)
        assert len(before[1]) == MANY
        client.send(b"i1 IDLE\r\n")
        wait_dropped(client)
        client = connect(target)
        figures(f"{MANY} messages, switched after "
                f"{time.monotonic() - start:.1f} s")
        after = uids(client)
        ended, seconds = switch_text(target)
        changed = len(set(before[1]) ^ set(after[1]))
        figures(f"held for {seconds} s, {ended} connection dropped, "
                f"{changed} UIDs changed")
        assert after == before
        assert ended == 1
        assert_moved(old, target, USER)
        assert target.log_lines("error", "") == []
    old.assert_no_crash()

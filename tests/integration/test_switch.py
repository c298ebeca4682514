"""migration_login = proxy: users work on at the provider until everything is
here, and notice one dropped connection."""

import imaplib
import select
import threading
import time

import pytest

from checks import assert_answer, assert_moved
from compare import differences, explain
from corpus import Folder, Writer
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

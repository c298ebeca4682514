"""Providers that run another server than Dovecot."""

import pytest

from checks import Unchanged, assert_answer, assert_same_account
from corpus import Writer, make_corpus
from courier import Courier
from cyrus import Cyrus
from polling import wait_until
from target import plain_provider

USER, PASSWORD = "anna@old.example", "at a foreign provider"
LOCAL = {"migration_login": "local"}


@pytest.fixture(scope="module", params=[Courier, Cyrus],
                ids=lambda kind: kind.name)
def foreign(request, folders):
    """A server with a corpus that its user has looked at."""
    server = request.param(folders(request.param.name))
    server.add_user(USER, PASSWORD)
    with server:
        server.seed(USER, make_corpus(messages=120))
        server.open_all(USER)
        yield server


def move(server, target, user):
    assert_answer(target.login(user, PASSWORD), "OK")
    target.store.wait_moved(user)


def assert_arrived(server, target, user):
    assert_same_account(server.snapshot_without_prefix(user),
                        target.snapshot(user, PASSWORD))


@pytest.mark.parametrize("settings", [{}, {"list_prefix": "INBOX"}],
                         ids=["found", "set"])
def test_prefix_does_not_arrive(foreign, make_target, settings):
    """With and without list_prefix: "INBOX.Archive.2023" is "Archive/2023"."""
    target = make_target({"oldhost": plain_provider(
        foreign.ports["imap"], "old.example", **settings)}, overrides=LOCAL)
    with Unchanged(foreign, USER):
        move(foreign, target, USER)
    assert_arrived(foreign, target, USER)


def uid_validity(server, user, folder):
    with server.connect(user) as client:
        client.select(server.prefix + folder, readonly=True)
        return int(client.response("UIDVALIDITY")[1][0])


@pytest.mark.parametrize("foreign", [Courier], indirect=True,
                         ids=["courier"])
def test_never_opened(foreign, make_target):
    """Courier gives a folder that nobody has ever selected a new UIDVALIDITY
    each time that it is looked at. Its mail arrives, and nothing twice."""
    user = "nina@old.example"
    foreign.add_user(user, PASSWORD)
    writer = Writer(1)
    for _ in range(5):
        foreign.deliver(user, "Lists", writer.message())
    first = uid_validity(foreign, user, "Lists")
    wait_until("another second to begin", lambda: first != uid_validity(
        foreign, user, "Lists"))

    target = make_target({"oldhost": plain_provider(
        foreign.ports["imap"], "old.example", list_prefix="INBOX")},
        overrides=LOCAL)
    with Unchanged(foreign, user):
        move(foreign, target, user)
        for _ in range(2):
            target.doveadm("migration", "sync", "-u", user, check=True)
    here, there = (
        {name: sorted(mail.sha256 for mail in mailbox.mails.values())
         for name, mailbox in snapshot.items()}
        for snapshot in (target.snapshot(user, PASSWORD),
                         foreign.snapshot_without_prefix(user)))
    assert here == there

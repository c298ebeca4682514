"""Providers that run another server than Dovecot."""

import pytest

from checks import (Unchanged, assert_answer, assert_same_account,
                    assert_verified)
from corpus import Writer, make_corpus
from courier import Courier
from cyrus import Cyrus
from polling import wait_until
from target import plain_provider

USER, PASSWORD = "anna@old.example", "at a foreign provider"
LOCAL = {"migration_login": "local"}
# Capabilities that a probe is about
KNOWN = {"IMAP4rev1", "CONDSTORE", "ESEARCH", "ID", "LIST-EXTENDED",
         "LIST-STATUS", "NAMESPACE", "SPECIAL-USE"}


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


@pytest.mark.parametrize("settings", [
    {}, {"list_prefix": "INBOX"},
    {"features": "no-condstore no-esearch no-list-status no-namespace "
                 "no-special-use"}], ids=["found", "set", "by the folders"])
def test_prefix_does_not_arrive(foreign, make_target, settings):
    """With and without list_prefix: "INBOX.Archive.2023" is "Archive/2023"."""
    target = make_target({"oldhost": plain_provider(
        foreign.ports["imap"], "old.example", **settings)}, overrides=LOCAL)
    with Unchanged(foreign, USER):
        move(foreign, target, USER)
        assert_verified(target, USER, "--all")
    assert_arrived(foreign, target, USER)


def test_probe(foreign, make_target):
    """What the first sync has found out about the server."""
    target = make_target({"oldhost": plain_provider(
        foreign.ports["imap"], "old.example")}, overrides=LOCAL)
    move(foreign, target, USER)
    with foreign.connect(USER) as client:
        offered = client.capability()[1][0].decode().split()

    def probe():
        rows = {row["check"]: row["detail"] for row in target.doveadm_json(
            "migration", "provider", "test", "oldhost")}
        name = rows["server"].partition(", looked at ")[0]
        return rows if name.startswith(foreign.calls_itself) else None

    # the name comes last
    rows = wait_until("the probe to be complete", probe)
    assert set(rows["offers"].split()) == KNOWN.intersection(offered)
    assert "NAMESPACE" in rows["offers"]
    assert (rows["unused"], rows["quirks"]) == ("-", "-")
    assert rows["prefix"] == "INBOX., separator ."


@pytest.mark.parametrize("foreign", [Cyrus], indirect=True, ids=["cyrus"])
def test_folders_of_others(foreign, make_target):
    """They are not moved, and that is noted."""
    user, other = "nils@old.example", "olga@old.example"
    for name in (user, other):
        foreign.add_user(name, PASSWORD)
    with foreign.connect(other) as client:
        client.create("INBOX.Team")
        client.create("INBOX.Plans")
        for folder in ("INBOX.Team", "INBOX.Plans"):
            assert client.setacl(folder, user, "lrs")[0] == "OK"
    with foreign.connect(user) as client:
        client.create("INBOX.Own")
        assert len(client.list("user.", "*")[1]) == 2
    target = make_target({"oldhost": plain_provider(
        foreign.ports["imap"], "old.example")}, overrides=LOCAL)
    move(foreign, target, user)
    assert sorted(target.snapshot(user, PASSWORD)) == ["INBOX", "Own"]
    (note,) = target.doveadm_json("migration", "show", "-n", user)
    assert note["mailbox"].startswith("user.olga.") and note["uid"] == 0
    assert note["text"] == "Left out, and 1 more: other users"
    assert target.store.job(user)["error"] == ""


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
            assert_verified(target, user, "--all")
    here, there = (
        {name: sorted(mail.sha256 for mail in mailbox.mails.values())
         for name, mailbox in snapshot.items()}
        for snapshot in (target.snapshot(user, PASSWORD),
                         foreign.snapshot_without_prefix(user)))
    assert here == there

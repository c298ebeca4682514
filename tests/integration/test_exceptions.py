"""What cannot be brought is noted, the rest goes on, and it is tried again; and
where things come that have a place here."""

import json
import threading

import pytest

from checks import assert_answer, assert_moved, assert_verified
from corpus import make_small_corpus
from dovecot import for_version
from provider import Provider
from target import plain_provider

USER, PASSWORD = "bruno@old.example", "bruno's"


@pytest.fixture
def old(folders):
    with Provider(folders("exceptions")) as server:
        server.add_user(USER, PASSWORD)
        server.seed(USER, make_small_corpus())
        yield server


def maildir_of(old):
    return old.folder / "mail" / USER / "Maildir"


def notes(target):
    result = target.doveadm("-f", "json", "migration", "show", "-n", USER,
                            check=True)
    return [(row["mailbox"], int(row["uid"]), row["text"])
            for row in json.loads(result.stdout)]


def move(target):
    assert_answer(target.login(USER, PASSWORD), "OK")
    target.store.wait_moved(USER)


def uids(account, name):
    return set(account[name].mails)


@pytest.mark.parametrize("mail_format", ["maildir", "sdbox"])
def test_unreadable_message(old, make_target, mail_format):
    expected = old.snapshot(USER)
    uid = sorted(expected["INBOX"].mails)[1]
    line = next(line for line in
                (maildir_of(old) / "dovecot-uidlist").read_text().splitlines()
                if line.startswith(f"{uid} "))
    name = line.partition(" :")[2]
    (path,) = (maildir_of(old) / "cur").glob(f"{name}*")
    path.chmod(0)
    target = make_target(
        {"oldhost": plain_provider(old.ports["imap"], "old.example")},
        overrides={"migration_login": "local"}, mail_format=mail_format)
    move(target)
    account = target.snapshot(USER, PASSWORD)
    assert uids(expected, "INBOX") - uids(account, "INBOX") == {uid}
    for folder in expected:
        if folder != "INBOX":
            assert account[folder].mails == expected[folder].mails
    ((mailbox, note_uid, text),) = notes(target)
    assert (mailbox, note_uid) == ("INBOX", uid) and text != ""
    assert "1 not delivered by the provider" in target.verify(USER)

    # reading has given it another name
    (path,) = (maildir_of(old) / "cur").glob(f"{name}*")
    path.chmod(0o600)
    target.doveadm("migration", "sync", "-u", USER, check=True)
    assert notes(target) == []
    assert_verified(target, USER, "--all")
    assert {mail.sha256 for mail in
            target.snapshot(USER, PASSWORD)["INBOX"].mails.values()} == \
        {mail.sha256 for mail in expected["INBOX"].mails.values()}


HUGE = 100 * 2**20


class Watch(threading.Thread):
    """The most memory that a worker of the target ever had."""

    def __init__(self, target):
        super().__init__(daemon=True)
        self.target, self.bytes, self.over = target, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.01):
            for process in self.target.processes("migration-worker"):
                self.bytes = max(self.bytes, process.peak_bytes)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.over.set()
        self.join()


@pytest.mark.parametrize("mail_format", ["maildir", "mdbox"])
def test_huge_message(old, make_target, figures, mail_format):
    """A message of 100 MB is never in memory as a whole."""
    with old.client(USER) as client:
        for body in (b"x" * 70 + b"\r\n", b"y"):
            client.append("INBOX", "", '"13-Sep-2020 12:26:40 +0000"',
                          b"Message-ID: <huge@old.example>\r\n\r\n" +
                          body * (HUGE // len(body)))
    target = make_target(
        {"oldhost": plain_provider(old.ports["imap"], "old.example")},
        overrides={"migration_login": "local"}, mail_format=mail_format)
    with Watch(target) as watch:
        move(target)
    assert_moved(old, target, USER)
    assert notes(target) == []
    figures(f"the worker had {watch.bytes / 2**20:.0f} MB")
    assert 0 < watch.bytes < 50 * 2**20
    with Watch(target) as watch:
        assert_verified(target, USER, "--all")
    assert 0 < watch.bytes < 50 * 2**20


QUOTA = for_version("""
mail_plugins = $mail_plugins quota
plugin {
  quota = count:User quota
  quota_rule = *:messages=3
  quota_vsizes = yes
}
""", """
mail_plugins {
  quota = yes
}
quota "User quota" {
  driver = count
  message_count = 3
}
""")


@pytest.mark.parametrize("quota", ["ignore", "enforce"])
def test_quota(old, make_target, quota):
    expected = old.snapshot(USER)
    target = make_target(
        {"oldhost": plain_provider(old.ports["imap"], "old.example")},
        overrides={"migration_login": "local", "migration_quota": quota},
        mail_format="sdbox")
    target.stop()
    target.extra = QUOTA
    target.start()
    assert_answer(target.login(USER, PASSWORD), "OK")
    if quota == "ignore":
        target.store.wait_moved(USER)
        account = target.snapshot(USER, PASSWORD)
        assert {name: uids(account, name) for name in account} == \
            {name: uids(expected, name) for name in expected}
    else:
        job = target.store.wait_for(USER, control="blocked", reason="local")
        assert job["phase"] == "initial" and "uota" in job["error"]


SPECIAL = """
namespace inbox {
  inbox = yes
  mailbox Gone {
    special_use = \\Trash
  }
}
"""


def test_special_use(old, make_target):
    """The provider's Trash is what is called Gone here."""
    old.doveadm("mailbox", "create", "-u", USER, "Trash", check=True)
    target = make_target(
        {"oldhost": plain_provider(old.ports["imap"], "old.example")},
        overrides={"migration_login": "local"})
    target.stop()
    target.extra = SPECIAL
    target.start()
    move(target)
    account = target.snapshot(USER, PASSWORD)
    assert "Gone" in account and "Trash" not in account
    assert_verified(target, USER)

"""The disk is full, or somebody holds a lock: what fails is said, the rest is
moved, and the next sync after that brings an exact mailbox."""

import fcntl
import json
import os
import subprocess
from contextlib import contextmanager

import pytest

from checks import assert_answer, assert_moved
from dovecot import MAIL_GID, MAIL_UID
from hand import Hand
from provider import Provider
from target import plain_provider

USER, PASSWORD = "paul@old.example", "paul's"
FORMATS = ("maildir", "sdbox", "mdbox")
FOLDERS = ("INBOX", "Locked", "Other")


@pytest.fixture(scope="module")
def old(folders):
    """Has 8 MB in three folders."""
    with Provider(folders("trouble")) as server:
        server.add_user(USER, PASSWORD)
        with server.client(USER) as client:
            for name in FOLDERS:
                if name != "INBOX":
                    client.create(name)
                for number in range(25):
                    body = (f"Message-ID: <{name}{number}@old.example>\r\n\r\n"
                            + "0123456789\r\n" * 9000)
                    client.append(name, "(\\Seen)" if number % 2 else "",
                                  f'"13-Sep-2020 12:26:{number:02} +0000"',
                                  body.encode())
        yield server


def notes(target):
    rows = json.loads(target.doveadm("-f", "json", "migration", "show", "-n",
                                     USER, check=True).stdout)
    return [(row["mailbox"], int(row["uid"]), row["text"]) for row in rows]


@contextmanager
def small_disk(target, options):
    """Below the target's mail, and no longer small once resized."""
    path = target.folder / "mail"
    subprocess.run(["mount", "-t", "tmpfs", "-o",
                    f"{options},mode=755,uid={MAIL_UID},gid={MAIL_GID}",
                    "tmpfs", path], check=True)
    try:
        yield lambda new: subprocess.run(
            ["mount", "-o", f"remount,{new}", path], check=True)
    finally:
        target.stop()
        subprocess.run(["umount", "-l", path], check=True)


LITTLE, MORE, INODES = "size=300k", "size=5m", "size=64m,nr_inodes=60"


@pytest.mark.parametrize("mail_format, size", [
    *((each, size) for each in FORMATS for size in (LITTLE, MORE)),
    # mdbox needs few
    ("maildir", INODES), ("sdbox", INODES)])
def test_full_disk(old, make_target, mail_format, size):
    """It may have space again at any time: the sync is tried again."""
    target = make_target(
        {"oldhost": plain_provider(old.ports["imap"], "old.example")},
        overrides={"migration_login": "local",
                   "migration_retry_min": "1 hours",
                   "migration_retry_max": "1 hours"},
        mail_format=mail_format)
    with small_disk(target, size) as resize:
        assert_answer(target.login(USER, PASSWORD), "OK")
        job = target.store.wait_for(USER, attempts=1)
        assert job["control"] == "active"
        assert "No space left on device" in job["error"]
        assert job["error"].count("Mailbox") == 1
        assert {uid for _, uid, _ in notes(target)} == {0}
        target.settle_log()
        assert target.log_lines("error", USER, "Sync failed (attempt 1)",
                                "No space left on device")
        resize("size=6m" if size == MORE else size)
        assert target.doveadm("migration", "sync", "-u",
                              USER).returncode == 75
        resize("size=64m,nr_inodes=0")
        for _ in range(2):
            target.doveadm("migration", "sync", "-u", USER, check=True)
            assert_moved(old, target, USER)
        assert notes(target) == []


def path_of(target, kind):
    home = target.folder / "mail/old.example/paul"
    return home / {
        ("maildir", "index"): "Maildir/.Locked/dovecot.index.log",
        ("maildir", "uidlist"): "Maildir/.Locked/dovecot-uidlist.lock",
        ("sdbox", "index"):
            "sdbox/mailboxes/Locked/dbox-Mails/dovecot.index.log",
        ("mdbox", "index"):
            "mdbox/mailboxes/Locked/dbox-Mails/dovecot.index.log",
        ("mdbox", "map"): "mdbox/storage/dovecot.map.index.log",
    }[target.mail_format, kind]


@contextmanager
def locked(path):
    """As another session does it that does not go on."""
    if path.suffix == ".lock":
        path.write_text("")
        os.chown(path, MAIL_UID, MAIL_GID)
        yield
        path.unlink()
    else:
        with open(path, "r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            yield


@pytest.mark.parametrize("mail_format, kind", [
    ("maildir", "index"), ("maildir", "uidlist"), ("sdbox", "index"),
    ("mdbox", "index"), ("mdbox", "map")])
def test_locked(folders, make_target, mail_format, kind):
    with Provider(folders("locked")) as old:
        old.add_user(USER, PASSWORD)
        with old.client(USER) as client:
            hand = Hand(lambda: client)
            for name in FOLDERS:
                if name != "INBOX":
                    hand.folder("CREATE", name)
                hand.append(name, "one")
            target = make_target(
                {"oldhost": plain_provider(old.ports["imap"], "old.example")},
                overrides={"migration_login": "local",
                           "mail_max_lock_timeout": "2 secs",
                           "migration_retry_min": "1 hours",
                           "migration_retry_max": "1 hours"},
                mail_format=mail_format)
            assert_answer(target.login(USER, PASSWORD), "OK")
            target.store.wait_moved(USER)
            for name in FOLDERS:
                hand.append(name, "two")
        with locked(path_of(target, kind)):
            result = target.doveadm("migration", "sync", "-u", USER)
            assert result.returncode == 75, result.stderr
        bad = {name for name, uid, text in notes(target)}
        assert bad == ({"Locked"} if kind != "map" else set(FOLDERS))
        if kind != "map":
            here = target.snapshot(USER, PASSWORD)
            assert {name: len(here[name].mails) for name in FOLDERS} == {
                "INBOX": 2, "Locked": 1, "Other": 2}
        target.doveadm("migration", "sync", "-u", USER, check=True)
        assert notes(target) == []
        assert_moved(old, target, USER)


def change_userdb(target, old_view, new_view):
    for path in (target.folder / "conf.d").iterdir():
        path.write_text(path.read_text().replace(f"FROM {old_view}",
                                                 f"FROM {new_view}"))
    target.reload()


def test_userdb_fails(old, make_target):
    """As when its database is restarted: nobody need do anything about it."""
    target = make_target(
        {"oldhost": plain_provider(old.ports["imap"], "old.example")},
        overrides={"migration_login": "local"})
    assert_answer(target.login(USER, PASSWORD), "OK")
    target.store.wait_moved(USER)
    change_userdb(target, "migration_userdb", "no_such_view")
    target.doveadm("migration", "sync", "-u", USER)
    target.store.wait_tried(USER)
    job = target.store.job(USER)
    assert (job["control"], job["reason"]) == ("active", "")
    assert "User lookup failed" in job["error"]
    change_userdb(target, "no_such_view", "migration_userdb")
    target.store.wait_for(USER, attempts=0, error="")

"""Whatever interrupts a sync, and whenever: what goes on after it makes the
account here exact (promise P3)."""

import os
import random
import shutil

import pytest

from checks import Unchanged, assert_answer
from compare import explain
from corpus import Folder, Message, Writer
from crasher import Crasher
from interrupter import Interrupter
from pair import QuickProvider
from tap import Tap
from target import Target, plain_provider
from walk import Walk

USER, PASSWORD = "ida@old.example", "ida's"
SEED = os.environ.get("SEED", "1")
FORMATS = pytest.mark.parametrize("mail_format", ["maildir", "sdbox", "mdbox"])
# Folder -> messages; one message is BIG_BYTES long.
FOLDERS = {"INBOX": 120, "Archive": 80, "Sent": 60, "Work": 40}
BIG_BYTES = 2 * 2**20
# Accounts, and rounds of changes, in which the worker is killed before a change
# on disk, three times in each
KILLED_PULLS, KILLED_ROUNDS = 12, 14
# Before it writes the names of keywords
KILLED_NAMES = 3
# So often it has to be killed in all of these
KILLS = 30
# Changes of a round
CHANGES = (25, 40)


def make_account():
    writer = Writer(31)
    folders = [Folder(name, writer.messages(count))
               for name, count in FOLDERS.items()]
    folders[1].messages[5] = Message(
        writer.message(body=(b"x" * 78 + b"\r\n") * (BIG_BYTES // 80)))
    return folders


@pytest.fixture
def crasher(folders):
    return Crasher(folders("crasher"))


# The first pull

@pytest.fixture(scope="module")
def old(folders):
    with QuickProvider(folders("interrupted")) as server:
        server.add_user(USER, PASSWORD)
        server.seed(USER, make_account())
        yield server
    server.assert_no_crash()
    shutil.rmtree(server.folder)


def adopt(interrupter):
    """The account becomes known here; its first pull is turned away, and the
    next one is for us to start."""
    interrupter.tap.close_after(1)
    assert_answer(interrupter.target.login(interrupter.user, PASSWORD), "NO",
                  "UNAVAILABLE")
    interrupter.target.store.wait_for(interrupter.user, attempts=1,
                                      lease_owner="")
    interrupter.tap.release()


def assert_only_killed(target):
    """Nothing has died but by our hand."""
    target.killed = True
    target.assert_no_crash()
    shutil.rmtree(target.folder)


@FORMATS
def test_first_pull(old, folders, crasher, figures, mail_format):
    expected = old.snapshot(USER)
    with Tap(old.ports["imap"]) as tap:
        target = Target(
            folders("interrupted"),
            {"oldhost": plain_provider(tap.port, "old.example")},
            {"migration_login": "wait", "migration_retry_min": "1 hours",
             "migration_retry_max": "1 hours"}, mail_format=mail_format)
        target.databases = crasher.settings()
        interrupter = Interrupter(old, target, USER, tap, crasher,
                                  random.Random(f"{SEED} {mail_format}"))
        with target:
            pull_all(interrupter, expected, mail_format)
        assert_only_killed(target)
    figures(str(interrupter))
    assert interrupter.done["killed at a change on disk"] >= KILLS


def pull_all(interrupter, expected, mail_format):
    ways = [[interrupter.measure], *([lambda i=i: interrupter.kill_at_change(
        i / KILLED_PULLS, (i + 1) / KILLED_PULLS),
        lambda: interrupter.kill_at_change(0, 0.1),
        lambda: interrupter.kill_at_change(0, 0.3)]
        for i in range(KILLED_PULLS)),
        [interrupter.kill_at_byte, interrupter.cut, interrupter.kill_at_byte],
        [interrupter.restart_provider, interrupter.crash,
         interrupter.kill_at_byte]]
    for number, steps in enumerate(ways):
        user = f"user{mail_format}{number}@old.example"
        interrupter.user = user
        interrupter.old.copy_account(USER, user)
        with Unchanged(interrupter.old, user):
            adopt(interrupter)
            for step in steps:
                step()
            error = interrupter.sync()
            error = error or interrupter.target.verify(user, "--all")
        assert error == "", f"{user} ({mail_format}): {error}"
        wrong = explain(expected, interrupter.target.snapshot(user, PASSWORD))
        assert wrong == "", (f"{user} at the provider / here ({mail_format}; "
                             f"see what was interrupted below):\n{wrong}")


def test_keywords_have_letters_but_no_names(old, folders):
    """Dovecot writes what the letters of a Maildir mean after everything
    else."""
    crasher = Crasher(folders("crasher"), "dovecot-keywords")
    user = "letters@old.example"
    with Tap(old.ports["imap"]) as tap:
        target = Target(
            folders("interrupted"),
            {"oldhost": plain_provider(tap.port, "old.example")},
            {"migration_login": "wait", "migration_retry_min": "1 hours",
             "migration_retry_max": "1 hours"})
        target.databases = crasher.settings()
        interrupter = Interrupter(old, target, user, tap, crasher,
                                  random.Random(SEED))
        old.copy_account(USER, user)
        with target:
            adopt(interrupter)
            for _ in range(KILLED_NAMES):
                interrupter.total = 1
                interrupter.kill_at_change(0, 0)
            assert interrupter.sync() == ""
            assert explain(old.snapshot(user),
                           target.snapshot(user, PASSWORD)) == ""
        assert_only_killed(target)
    assert interrupter.done["killed at a change on disk"] == KILLED_NAMES


# Following

def seed_account(old):
    old.seed(USER, make_account())


@FORMATS
def test_following(folders, crasher, figures, mail_format):
    walk = Walk(folders, USER, "interrupted", seed_account, CHANGES,
                idle=0, mail_format=mail_format)
    pair = walk.pair
    with Tap(pair.old.ports["imap"]) as tap:
        pair.provide(tap.port)
        pair.target.databases = crasher.settings()
        pair.target.killed = True
        interrupter = Interrupter(pair.old, pair.target, USER, tap, crasher,
                                  walk.random)
        with walk:
            follow_all(interrupter, walk)
    figures(str(interrupter))
    assert interrupter.done["killed at a change on disk"] >= KILLS


def follow_all(interrupter, walk):
    walk.round(interrupter.measure)
    # not too late: there may be less to do than in the first round
    ways = [*([lambda i=i: interrupter.kill_at_change(
        i / KILLED_ROUNDS / 3, (i + 1) / KILLED_ROUNDS / 3),
        lambda: interrupter.kill_at_change(0, 0.3),
        lambda: interrupter.kill_at_change(0, 0.1)]
        for i in range(KILLED_ROUNDS)),
        [interrupter.kill_at_byte, interrupter.cut, interrupter.kill_at_byte],
        [interrupter.restart_provider, interrupter.crash]]
    for steps in ways:
        walk.round(lambda steps=steps: interrupted_sync(interrupter, steps),
                   interrupted=True)


def interrupted_sync(interrupter, steps):
    for step in steps:
        step()
    return interrupter.sync()

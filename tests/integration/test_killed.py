"""Whatever is killed and whenever, no mail is lost or doubled (promise P3)."""

import os
import shutil
import threading
import time

import pytest

from checks import Unchanged, assert_answer, assert_moved
from corpus import make_corpus
from imap import Client
from liar import Liar
from liar_modes import HangingPull
from polling import wait_until
from processes import session_processes
from provider import Provider
from tap import Tap
from target import Target, plain_provider

USER = "tilda@old.example"
PASSWORD = "tilda's"
BIG_BYTES = 2**20
# Longer than a lock that a killed process leaves in a Maildir: 2 minutes.
MOVE_TIMEOUT_SECS = 180
STOP_SECS = 5


@pytest.fixture(scope="module")
def old(folders):
    """The corpus without its big message, so that a slow line is slow with
    every message."""
    corpus = make_corpus(seed=7)
    for folder in corpus:
        folder.messages = [message for message in folder.messages
                           if len(message.raw) < BIG_BYTES]
    with Provider(folders("killed")) as server:
        server.add_user(USER, PASSWORD)
        server.seed(USER, corpus)
        yield server
    server.assert_no_crash()
    shutil.rmtree(server.folder)


@pytest.fixture
def tap(old):
    with Tap(old.ports["imap"], bytes_per_second=250_000) as tap:
        yield tap


def run_target(folder, tap, mail_format):
    target = Target(folder, {
        "oldhost": plain_provider(tap.port, "old.example")},
        {"migration_login": "local"}, mail_format=mail_format)
    with target:
        yield target
    target.log_offsets = {}
    assert "Panic:" not in target.read_log("error")
    shutil.rmtree(target.folder)


@pytest.fixture
def target(folders, tap):
    yield from run_target(folders("killed"), tap, "maildir")


@pytest.fixture
def sdbox_target(folders, tap):
    yield from run_target(folders("killed"), tap, "sdbox")


def mails_on_disk(target):
    """Messages that are really saved, not on their way in tmp/. Fast, so that
    a kill can hit the moment in which they are being saved."""
    home = target.folder / "mail/old.example/tilda"
    if target.mail_format == "sdbox":
        return sum(1 for _ in home.glob("sdbox/mailboxes/**/dbox-Mails/u.*"))
    count = 0
    for path in (home / "Maildir", *home.glob("Maildir/.*")):
        for name in ("cur", "new"):
            try:
                count += len(os.listdir(path / name))
            except OSError:
                pass
    return count


def kill_at(target, name, at_least):
    """Kills all processes of that name once so many messages are there;
    returns how many were killed, 0 if the move was faster."""
    def is_time():
        if target.store.job(USER)["phase"] != "initial":
            return ["done"]
        return mails_on_disk(target) >= at_least and target.processes(name)

    victims = wait_until(f"{name} with {at_least} messages", is_time,
                         MOVE_TIMEOUT_SECS, interval=0.0005)
    if victims == ["done"]:
        return 0
    killed = [process for process in victims if process.kill()]
    wait_until("killed processes to be gone", lambda: all(
        process.session == 0 for process in killed))
    return len(killed)


def count_mails(provider):
    return sum(len(mailbox.mails)
               for mailbox in provider.snapshot(USER).values())


def start_move(target):
    assert_answer(target.login(USER, PASSWORD), "OK")


def finish_move(old, target):
    target.store.wait_moved(USER, MOVE_TIMEOUT_SECS)
    assert_moved(old, target, USER)
    assert target.store.accounts() == target.store.jobs() == [USER]


def assert_survives(old, target, name, times):
    """The move with so many kills in it is exact in the end."""
    total = count_mails(old)
    with Unchanged(old, USER):
        start_move(target)
        kills = [kill_at(target, name, i * total // (times + 1))
                 for i in range(times)]
        target.store.wait_moved(USER, MOVE_TIMEOUT_SECS)
    assert all(kills), f"killed at each moment: {kills}"
    finish_move(old, target)


def test_worker_killed(old, target):
    assert_survives(old, target, "migration-worker", 10)


def test_worker_killed_with_sdbox(old, sdbox_target):
    assert_survives(old, sdbox_target, "migration-worker", 6)


def test_queue_killed(old, target):
    assert_survives(old, target, "migration", 6)


def test_auth_killed(old, target):
    """It only lives while somebody asks it."""
    total = count_mails(old)
    start_move(target)
    for i in range(3):
        target.login("nobody@foreign.example", "x")
        assert kill_at(target, "auth", i * total // 4) > 0
    target.assert_serves_locally(USER, PASSWORD)
    finish_move(old, target)


def test_worker_outlives_its_queue(old, tap, target):
    """The new queue hands the account to another worker while the first one
    still is at the provider: both together do what one would have done."""
    tap.hold_after(1)
    start_move(target)
    wait_until("the worker at the provider", lambda: tap.connections() >= 2)
    first = {process.pid for process in target.processes("migration-worker")}
    assert len(first) == 1
    for queue in target.processes("migration"):
        queue.kill()
    wait_until("another worker", lambda: {
        process.pid for process in target.processes("migration-worker")
        } - first)
    tap.release()
    finish_move(old, target)


def test_worker_killed_as_soon_as_it_lives(old, target):
    start_move(target)
    for _ in range(5):
        assert kill_at(target, "migration-worker", 0) > 0
    finish_move(old, target)


def test_machine_crashes(old, target):
    total = count_mails(old)
    start_move(target)
    for i in range(1, 4):
        wait_until("some mail", lambda i=i: mails_on_disk(target) >=
                   i * total // 5, MOVE_TIMEOUT_SECS)
        assert target.store.job(USER)["phase"] == "initial"
        target.crash()
        target.start()
    finish_move(old, target)


def test_provider_cuts_the_line(old, tap, target):
    total = count_mails(old)
    with Unchanged(old, USER):
        start_move(target)
        for i in range(1, 5):
            wait_until("some mail", lambda i=i: mails_on_disk(target) >=
                       i * total // 6, MOVE_TIMEOUT_SECS)
            tap.drop_connections()
        finish_move(old, target)
    assert target.store.job(USER)["attempts"] == 0


def test_stopped_and_started(old, target):
    """An orderly stop in the middle: nothing hangs, nothing is left."""
    start_move(target)
    wait_until("some mail", lambda: mails_on_disk(target) > 50,
               MOVE_TIMEOUT_SECS)
    master = target.process.pid
    target.stop()
    assert session_processes(master) == []
    target.start()
    finish_move(old, target)


def test_stopped_while_the_provider_hangs(make_target):
    """A worker that waits for the provider does not keep Dovecot from
    ending."""
    with Liar(HangingPull) as liar:
        target = make_target(
            {"oldhost": plain_provider(liar.port, "old.example")})
        target.login(USER, PASSWORD)
        wait_until("the pull to hang", lambda: len(liar.logins) >= 2)
        started = time.monotonic()
        target.stop()
        assert time.monotonic() - started < STOP_SECS


def login_in_thread(target, results):
    def attempt():
        try:
            with Client(target.ports["imap"]) as client:
                results.append(client.authenticate_plain(
                    USER.encode(), PASSWORD.encode()).status)
        except OSError as error:
            results.append(type(error).__name__)

    thread = threading.Thread(target=attempt)
    thread.start()
    return thread


@pytest.mark.parametrize("name", ["auth", "migration"])
def test_killed_during_first_logins(old, tap, target, name):
    """The login check is at the provider when its asker or the queue dies;
    logins with the same password share it."""
    tap.hold_after(0)
    results = []
    threads = [login_in_thread(target, results) for _ in range(5)]
    wait_until("logins at the provider", lambda: tap.connections() >= 1)
    killed = [process for process in target.processes(name)
              if process.kill()]
    assert killed
    tap.release()
    for thread in threads:
        thread.join(60)
    assert len(results) == 5
    # a client may have been told to come again, but never that its password
    # is wrong in a way that leaves anything half done
    wait_until("a login to be let in", lambda: target.login(
        USER, PASSWORD).status == "OK", 30)
    finish_move(old, target)

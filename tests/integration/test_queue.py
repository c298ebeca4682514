"""Who is synced when: caps, fairness, retries."""

import threading
import time

from checks import assert_answer
from liar import Liar, Session
from liar_modes import Bye, HangingPull
from polling import wait_until
from ports import free_port
from target import plain_provider

USERS = {f"user{i}@old.example".encode(): b"pw" for i in range(5)}
OTHER = {b"other@busy.example": b"pw"}
# Without care for it two of them go wrong.
RELOADS = 40


def syncing(target):
    rows = target.doveadm("-f", "tab", "migration", "list", "-s", "syncing",
                          check=True).stdout.splitlines()[1:]
    return {row.split("\t")[0] for row in rows}


def adopt(target, users):
    for user in users:
        assert_answer(target.login(user.decode(), "pw"), "NO", "UNAVAILABLE")


def test_max_connections(make_target):
    """Two at a time for one provider, and the other one is not held up."""
    with Liar(HangingPull, USERS) as slow, Liar(Session, OTHER) as quick:
        target = make_target({
            "slow": plain_provider(slow.port, "old.example",
                                   max_connections=2),
            "quick": plain_provider(quick.port, "busy.example")})
        adopt(target, USERS)
        wait_until("two syncs", lambda: len(syncing(target)) == 2)
        adopt(target, OTHER)
        target.store.wait_moved("other@busy.example")
        assert len(syncing(target)) == 2
        for user in USERS:
            assert len(slow.logins_of(user)) <= 2
        # who hangs does not keep the others out for good
        slow.script = Session
        slow.drop_connections()
        for user in USERS:
            target.store.wait_moved(user.decode())


def test_process_limit(make_target):
    with Liar(HangingPull, USERS) as liar:
        target = make_target(
            {"oldhost": plain_provider(liar.port, "old.example",
                                       max_connections=10)},
            overrides={"service migration-worker {\n  process_limit": "3\n}"})
        adopt(target, USERS)
        wait_until("three syncs", lambda: len(syncing(target)) == 3)
        time.sleep(1)
        assert len(syncing(target)) == 3
        liar.script = Session
        liar.drop_connections()
        for user in USERS:
            target.store.wait_moved(user.decode())


def test_retry(make_target):
    """A provider that goes away: attempts grow, waits double, and the mail
    comes when it is back."""
    with Liar(HangingPull, USERS) as liar:
        target = make_target(
            {"oldhost": plain_provider(liar.port, "old.example")},
            overrides={"migration_retry_min": "2 secs",
                       "migration_retry_max": "4 secs"})
        user = "user1@old.example"
        adopt(target, [user.encode()])
        wait_until("the pull", lambda: len(liar.logins_of(user.encode())) > 1)
        liar.script = Bye
        liar.drop_connections()
        job = target.store.wait_for(user, attempts=2)
        assert 2 <= job["next_sync"] - time.time() + 1.5 <= 6
        assert (job["phase"], job["control"]) == ("initial", "active")
        assert job["error"] != ""
        shown = target.doveadm("migration", "show", user, check=True).stdout
        assert "state: retrying" in shown and "error: -" not in shown
        liar.script = Session
        job = target.store.wait_moved(user)
        assert (job["attempts"], job["error"]) == (0, "")


# After the first full sync

FOLLOWED = "user1@old.example"


def move(target, user=FOLLOWED):
    adopt(target, [user.encode()])
    return target.store.wait_moved(user)


def wait_synced(target, job):
    """Until the user has been synced since."""
    def synced():
        now = target.store.job(job["username"])
        return now["last_sync"] > job["last_sync"] and \
            now["lease_owner"] == "" and now
    return wait_until("another sync", synced)


def test_synced_every_interval(make_target):
    with Liar(Session, USERS) as liar:
        target = make_target(
            {"oldhost": plain_provider(liar.port, "old.example")},
            overrides={"migration_interval": "3 secs"})
        job = move(target)
        assert 2 <= job["next_sync"] - job["last_sync"] <= 3
        for _ in range(2):
            logins = len(liar.logins)
            after = wait_synced(target, job)
            assert after["last_sync"] >= job["next_sync"]
            assert (after["phase"], after["attempts"]) == ("following", 0)
            assert after["following_since"] == job["following_since"]
            assert after["hold_until"] == 0
            # the worker's one connection, and no switch
            assert len(liar.logins) == logins + 1
            job = after
        shown = target.doveadm("migration", "show", FOLLOWED,
                               check=True).stdout
        assert "state: following" in shown or "state: syncing" in shown
        # a pause holds it
        target.doveadm("migration", "pause", "-u", FOLLOWED, check=True)
        job = target.store.job(FOLLOWED)
        time.sleep(4)
        assert target.store.job(FOLLOWED) == job
        target.doveadm("migration", "resume", "-u", FOLLOWED, check=True)
        wait_synced(target, job)
        target.settle_log()
        assert target.log_lines("info", FOLLOWED, "First full sync done")
        assert len(target.log_lines("info", FOLLOWED, ": Sync done")) >= 3


def test_sync_now_while_following(make_target):
    with Liar(Session, USERS) as liar:
        target = make_target(
            {"oldhost": plain_provider(liar.port, "old.example")})
        job = move(target)
        # an hour, a little less for some
        assert 3240 <= job["next_sync"] - job["last_sync"] <= 3600
        shown = target.doveadm("migration", "show", FOLLOWED,
                               check=True).stdout
        assert "the next sync at " in shown
        time.sleep(1)
        target.doveadm("migration", "sync", "-u", FOLLOWED, check=True)
        after = target.store.job(FOLLOWED)
        assert after["last_sync"] > job["last_sync"]
        assert after["next_sync"] > after["last_sync"] + 3000
        # a failure is tried again long before the interval is over
        liar.script = Bye
        result = target.doveadm("migration", "sync", "-u", FOLLOWED)
        assert result.returncode == 75
        failed = target.store.job(FOLLOWED)
        assert (failed["phase"], failed["attempts"]) == ("following", 1)
        assert failed["next_sync"] - time.time() < 60
        shown = target.doveadm("migration", "show", FOLLOWED,
                               check=True).stdout
        assert "state: retrying" in shown
        liar.script = Session
        target.doveadm("migration", "retry", "-u", FOLLOWED, check=True)
        # an hour later again
        wait_until("a sync", lambda: target.store.job(FOLLOWED)[
            "next_sync"] > time.time() + 3000)
        after = target.store.job(FOLLOWED)
        assert (after["attempts"], after["error"]) == (0, "")


def test_interval_is_reloaded(make_target):
    with Liar(Session, USERS) as liar:
        target = make_target(
            {"oldhost": plain_provider(liar.port, "old.example")})
        job = move(target)
        target.overrides["migration_interval"] = "2 secs"
        target.reload()
        job = wait_synced(target, job)
        wait_synced(target, job)


def test_reload_while_root_reads(make_target):
    """SQLite's files beside the database go with the last one who has it open:
    doveadm makes them, as root, in the moment when a new queue needs them."""
    target = make_target({
        "oldhost": plain_provider(free_port(), "old.example")})
    stop = threading.Event()

    def read():
        while not stop.is_set():
            target.doveadm("migration", "list")

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(RELOADS):
        target.reload()
        time.sleep(0.3)
    stop.set()
    for reader in readers:
        reader.join()
    log = target.read_log("error")
    assert "unable to open" not in log and "readonly" not in log, log


def test_never_synced_comes_first(make_target):
    """Of one who waits for all their mail and one who waits for the latest."""
    new = "user3@old.example"
    with Liar(Session, USERS) as liar:
        target = make_target(
            {"oldhost": plain_provider(liar.port, "old.example",
                                       max_connections=1)},
            overrides={"migration_interval": "2 secs",
                       "migration_retry_min": "1 hours",
                       "migration_retry_max": "1 hours"})
        move(target)
        move(target, "user2@old.example")
        liar.script = HangingPull
        (hanging,) = wait_until("a sync that hangs", lambda: (
            time.sleep(1), syncing(target))[1])
        adopt(target, [new.encode()])
        time.sleep(2)
        assert syncing(target) == {hanging}
        before = len(liar.logins)
        liar.script = Session
        liar.drop_connections()
        target.store.wait_moved(new)
        users = [login.user.decode() for login in liar.logins[before:]]
        assert [user for user in users if user != hanging][0] == new
        wait_until("the other one", lambda: len(
            {login.user for login in liar.logins[before:]} -
            {hanging.encode(), new.encode()}) == 1)

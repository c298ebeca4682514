"""Who is synced when: caps, fairness, retries."""

import time

from checks import assert_answer
from liar import Liar, Session
from liar_modes import Bye, HangingPull
from polling import wait_until
from target import plain_provider

USERS = {f"user{i}@old.example".encode(): b"pw" for i in range(5)}
OTHER = {b"other@busy.example": b"pw"}


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

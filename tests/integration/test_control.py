"""What administrators and the calendar do to migrations: pause, resume, retry,
finish, delete; and what the provider's answers do (doc/states.md)."""

import base64
import json
import os
import re
import shutil
import time
import urllib.request

import pytest

import liar_modes
from checks import Unchanged, assert_answer, assert_moved
from corpus import make_corpus
from dovecot import MAIL_GID, MAIL_UID
from liar import Liar, Session
from liar_modes import HangingPull, answering, good_at_first, limiting
from polling import wait_until
from ports import free_port
from provider import Provider
from tap import Tap
from target import Target, plain_provider

USER, PASSWORD = "paula@old.example", "paula's"
OTHER = "otto@old.example"
USAGE, NOUSER, TEMPFAIL, NOPERM = 64, 67, 75, 77
COMMANDS = ["pause", "resume", "retry", "finish", "delete"]
# A worker must be gone that soon.
STOP_SECS = 2
ONE_HOUR = {"migration_retry_min": "1 hours", "migration_retry_max": "1 hours"}


@pytest.fixture(scope="module")
def old(folders):
    corpus = make_corpus(seed=11, messages=200)
    for folder in corpus:
        folder.messages = [message for message in folder.messages
                           if len(message.raw) < 2**20]
    with Provider(folders("control")) as server:
        server.add_user(USER, PASSWORD)
        server.seed(USER, corpus)
        yield server
    server.assert_no_crash()
    shutil.rmtree(server.folder)


@pytest.fixture
def tap(old):
    with Tap(old.ports["imap"], bytes_per_second=100_000) as tap:
        yield tap


@pytest.fixture
def moving(make_target, tap):
    """A target in the middle of the first sync."""
    target = make_target({"oldhost": plain_provider(tap.port, "old.example")})
    assert_answer(target.login(USER, PASSWORD), "NO", "UNAVAILABLE")
    wait_until("some mail", lambda: target.store.job(USER)[
        "messages_done"] > 20)
    assert target.processes("migration-worker")
    return target


@pytest.fixture
def liar():
    """Knows two users."""
    with Liar(Session, {USER.encode(): PASSWORD.encode(),
                        OTHER.encode(): b"otto's"}) as liar:
        yield liar


@pytest.fixture
def make(make_target, liar):
    """A target of the liar, with settings of the provider and global ones."""
    def make(overrides=None, **provider):
        return make_target(
            {"oldhost": plain_provider(liar.port, "old.example", **provider)},
            overrides=overrides)
    return make


def control(target, command, *args, code=0):
    """doveadm migration COMMAND; the rows of its answer, or what it says."""
    result = target.doveadm("migration", command, *args, formatter="json")
    assert result.returncode == code, \
        f"{command} {args} ended with {result.returncode}: {result.stderr}"
    if code != 0:
        assert result.stderr != "", "failed without a word"
        assert result.stdout in ("", "[]")
        return result.stderr
    rows = json.loads(result.stdout)
    assert all(list(row) == ["username", "result"] for row in rows)
    return {row["username"]: row["result"] for row in rows}


def control_one(target, command, user=USER, *args):
    """The result of a command for one user, which must succeed."""
    results = control(target, command, "-u", user, *args)
    assert list(results) == [user]
    return results[user]


def shown(target, user=USER):
    return target.doveadm_json("migration", "show", user)[0]


def adopt(target, user=USER, password=PASSWORD):
    assert_answer(target.login(user, password), "NO", "UNAVAILABLE")


def move(target, user=USER, password=PASSWORD):
    adopt(target, user, password)
    return target.store.wait_moved(user)


def assert_stopped(target, started):
    wait_until("the worker to end", lambda: not target.processes(
        "migration-worker"), STOP_SECS)
    assert time.monotonic() - started < STOP_SECS


def assert_destroyed(target, credential):
    """In the database's files as well. Servers have their own ways."""
    assert len(credential) > 50
    if target.database is not None:
        return
    wait_until("nothing to remain of the credential", lambda: not any(
        credential.encode() in path.read_bytes()
        for path in target.store.path.parent.iterdir()))


# In the middle of a sync

def test_pause_and_resume(old, moving):
    """The worker stops at once, nothing runs until it is resumed, and then
    all is here, exactly once."""
    with Unchanged(old, USER):
        started = time.monotonic()
        assert control_one(moving, "pause") == "changed: paused"
        assert_stopped(moving, started)
        job = moving.store.job(USER)
        assert (job["control"], job["phase"]) == ("paused", "initial")
        assert (job["lease_owner"], job["lease_until"]) == ("", 0)
        assert job["credential"] != ""
        assert control_one(moving, "pause") == "unchanged: paused"
        assert "resume" in control(moving, "retry", "-u", USER, code=USAGE)
        assert "resume" in shown(moving)["next"]
        result = moving.doveadm("migration", "sync", "-u", USER)
        assert result.returncode == TEMPFAIL and "paused" in result.stderr
        assert_answer(moving.login(USER, PASSWORD), "NO", "UNAVAILABLE")
        time.sleep(2)
        assert not moving.processes("migration-worker")
        assert moving.store.job(USER)["control"] == "paused"

        assert control_one(moving, "resume").startswith("changed: queued")
        assert control_one(moving, "resume").startswith("unchanged: ")
        moving.store.wait_moved(USER)
        assert_moved(old, moving, USER)


@pytest.mark.parametrize("command", ["pause", "delete"])
def test_stopped_while_the_provider_hangs(make, liar, command):
    """There is no progress that could notice it."""
    target = make()
    liar.script = HangingPull
    adopt(target)
    wait_until("the pull to hang", lambda: len(liar.logins) >= 2)
    started = time.monotonic()
    control_one(target, command)
    assert_stopped(target, started)


def test_paused_by_another_node(old, moving):
    """It writes to the database only: progress notices."""
    moving.store.write("UPDATE migration_job SET control = 'paused'")
    wait_until("the worker to end", lambda: not moving.processes(
        "migration-worker"), 2 * STOP_SECS)
    job = moving.store.job(USER)
    assert (job["phase"], job["control"]) == ("initial", "paused")
    moving.store.write("UPDATE migration_job SET lease_owner = '', "
                       "lease_until = 0")
    control_one(moving, "resume")
    moving.store.wait_moved(USER)
    assert_moved(old, moving, USER)


def test_delete_in_the_middle(old, moving):
    credential = moving.store.job(USER)["credential"]
    started = time.monotonic()
    assert control_one(moving, "delete").startswith("changed: deleted")
    assert_stopped(moving, started)
    assert moving.store.job(USER) is None
    assert moving.store.account(USER) is not None
    assert "not being migrated" in control(moving, "delete", "-u", USER,
                                           code=NOUSER)
    assert_destroyed(moving, credential)
    # the account is one like any other, without contact to the provider
    old.mark_logs()
    moving.assert_serves_locally(USER, PASSWORD)
    assert_answer(moving.login(USER, "wrong"), "NO", "AUTHENTICATIONFAILED")
    assert old.logins(USER) == 0


def test_delete_account_in_the_middle(old, moving):
    """The mail stays, and the next first login completes it."""
    started = time.monotonic()
    assert control_one(moving, "delete", USER, "--account").startswith(
        "changed: deleted")
    assert_stopped(moving, started)
    assert moving.store.job(USER) is None
    assert moving.store.account(USER) is None
    assert list((moving.folder / "mail/old.example/paula/Maildir/cur").iterdir())
    control(moving, "delete", "-u", USER, "--account", code=NOUSER)
    assert_answer(moving.login(USER, PASSWORD), "NO", "UNAVAILABLE")
    moving.store.wait_moved(USER)
    assert_moved(old, moving, USER)


def test_finish_in_the_middle(old, moving):
    """A wish: the sync goes on to its end."""
    workers = {process.pid for process in moving.processes("migration-worker")}
    assert "first full sync" in control_one(moving, "finish")
    job = moving.store.job(USER)
    assert (job["phase"], job["finish_wanted"]) == ("initial", 1)
    assert job["credential"] != "" and job["lease_owner"] != ""
    assert control_one(moving, "finish").startswith("unchanged: syncing")
    assert "first full sync" in shown(moving)["finish"]
    assert {process.pid for process in
            moving.processes("migration-worker")} == workers
    job = moving.store.wait_for(USER, phase="finished")
    assert (job["credential"], job["finish_wanted"]) == ("", 0)
    assert_moved(old, moving, USER)


# Finish

def test_finish(make, liar):
    """One last sync, and that was it."""
    target = make()
    moved = move(target)
    credential = moved["credential"]
    logins = len(liar.logins)
    time.sleep(1)
    result = control_one(target, "finish")
    assert "one last sync" in result
    job = target.store.wait_for(USER, phase="finished")
    assert len(liar.logins) == logins + 1
    assert job["last_sync"] > moved["last_sync"]
    assert (job["control"], job["finish_wanted"]) == ("active", 0)
    assert (job["credential"], job["lease_owner"]) == ("", "")
    assert job["next_sync"] == 0
    assert control_one(target, "finish") == "unchanged: finished"
    for command in ("pause", "resume", "retry"):
        assert "finished" in control(target, command, "-u", USER, code=USAGE)
    result = target.doveadm("migration", "sync", "-u", USER)
    assert result.returncode == USAGE and "finished" in result.stderr
    assert target.store.job(USER) == job
    assert_destroyed(target, credential)
    # at home for good
    contacts = liar.connections()
    target.assert_serves_locally(USER, PASSWORD)
    assert_answer(target.login(USER, "wrong"), "NO", "AUTHENTICATIONFAILED")
    liar.accounts[USER.encode()] = b"changed there"
    assert_answer(target.login(USER, "changed there"), "NO",
                  "AUTHENTICATIONFAILED")
    assert liar.connections() == contacts
    target.settle_log()
    assert target.log_lines("info", USER, "finish", "administrator")
    assert target.log_lines("info", USER, "Last sync done", "destroyed")


def test_finish_twice(make, liar):
    """The last sync fails and is tried again; whoever does not want to wait
    for it asks again."""
    target = make(ONE_HOUR)
    credential = move(target)["credential"]
    last_sync = shown(target)["last_sync"]
    liar.script = liar_modes.Bye
    assert "one last sync" in control_one(target, "finish")
    job = target.store.wait_for(USER, attempts=1, lease_owner="")
    assert (job["phase"], job["finish_wanted"]) == ("following", 1)
    assert job["credential"] == credential
    row = shown(target)
    assert row["state"] == "retrying" and "last sync" in row["finish"]
    assert row["error"] != "-" and "doveadm migration finish" in row["next"]
    result = control_one(target, "finish")
    assert result.startswith("changed: finished")
    assert "not fetched" in result and last_sync in result
    job = target.store.job(USER)
    assert (job["phase"], job["credential"]) == ("finished", "")
    assert_destroyed(target, credential)


def test_finish_fails_once(make, liar):
    """The wish outlives a failure."""
    target = make({"migration_retry_min": "2 secs",
                   "migration_retry_max": "2 secs"})
    move(target)
    liar.script = liar_modes.Bye
    control_one(target, "finish")
    target.store.wait_for(USER, attempts=1, lease_owner="")
    liar.script = Session
    assert target.store.wait_for(USER, phase="finished")["credential"] == ""


def test_finish_while_it_hangs(make, liar):
    """The sync that runs is not the last one; asked again, it is stopped."""
    target = make()
    move(target)
    liar.script = HangingPull
    contacts = liar.connections()
    target.store.write("UPDATE migration_job SET next_sync = 1")
    wait_until("the pull to hang", lambda: liar.connections() > contacts)
    wait_until("the lease", lambda: target.store.job(USER)["lease_owner"])
    assert "one last sync" in control_one(target, "finish")
    assert target.store.job(USER)["lease_owner"] != ""
    started = time.monotonic()
    assert control_one(target, "finish").startswith("changed: finished")
    assert_stopped(target, started)
    assert target.store.job(USER)["credential"] == ""


def test_finish_paused(make):
    """The last sync waits for whoever paused it."""
    target = make()
    move(target)
    control_one(target, "pause")
    assert "when it is resumed" in control_one(target, "finish")
    time.sleep(1)
    job = target.store.job(USER)
    assert (job["phase"], job["control"]) == ("following", "paused")
    assert control_one(target, "resume").startswith("changed: following")
    target.store.wait_for(USER, phase="finished")


def test_finish_blocked(make, liar):
    """There can be no last sync."""
    target = make()
    move(target)
    liar.script = answering("NO [AUTHENTICATIONFAILED]")
    assert target.doveadm("migration", "sync", "-u",
                          USER).returncode == NOPERM
    job = target.store.job(USER)
    assert (job["phase"], job["control"], job["reason"]) == (
        "following", "blocked", "password")
    result = control_one(target, "finish")
    assert result.startswith("changed: finished") and "not fetched" in result
    assert target.store.job(USER)["credential"] == ""


def test_finish_wanted_survives_a_failure(make, liar):
    """The wish outlives a sync that fails, and a pause."""
    target = make(ONE_HOUR)
    liar.script = good_at_first(liar_modes.Bye)
    adopt(target)
    target.store.wait_for(USER, attempts=1, lease_owner="")
    assert "first full sync" in control_one(target, "finish")
    control_one(target, "pause")
    liar.script = Session
    control_one(target, "resume")
    assert target.store.wait_for(USER, phase="finished")["credential"] == ""


def test_finish_after(make):
    target = make({"migration_finish_after": "3 secs"})
    job = move(target)
    assert abs(job["following_since"] - time.time()) < 10
    assert shown(target)["finish"] != "-"
    job = target.store.wait_for(USER, phase="finished")
    assert job["credential"] == ""
    assert time.time() >= job["following_since"] + 3
    target.assert_serves_locally(USER, PASSWORD)
    target.settle_log()
    assert target.log_lines("info", USER, "finish", "configuration")


def test_finish_after_not_yet(make):
    target = make({"migration_finish_after": "1 days"})
    job = move(target)
    target.doveadm("reload", check=True)
    time.sleep(1)
    assert target.store.job(USER) == job


@pytest.mark.parametrize("finish_at, finished", [
    ("2020-01-31", True), ("2020-01-31 12:30", True),
    ("2020-01-31T12:30:00+01:00", True), ("2099-01-31", False)])
def test_finish_at(make, finish_at, finished):
    """The date has come: whoever is here is finished, whoever is not is let
    come first."""
    target = make(finish_at=finish_at)
    if finished:
        adopt(target)
        job = target.store.wait_for(USER, phase="finished")
        assert job["credential"] == "" and job["last_sync"] > 0
    else:
        move(target)
        assert shown(target)["finish"].startswith("2099-01-31 00:00:00")
        time.sleep(1)
        assert target.store.job(USER)["phase"] == "following"


def test_finish_at_spares_paused(make):
    target = make()
    move(target)
    control_one(target, "pause")
    target.providers["oldhost"]["finish_at"] = "2020-01-31"
    target.reload()
    time.sleep(2)
    assert target.store.job(USER)["phase"] == "following"
    control_one(target, "resume")
    target.store.wait_for(USER, phase="finished")


@pytest.mark.parametrize("value", [
    "tomorrow", "31.01.2030", "2030-02-30", "2030-01-31T12:00"])
def test_finish_at_refused(folders, value):
    target = Target(folders("bad"), {
        "oldhost": plain_provider(143, "old.example", finish_at=value)})
    target.generate_keys()
    target.write_config()
    result = target.doveconf("-n")
    assert result.returncode != 0
    assert "oldhost" in result.stderr and "finish_at" in result.stderr
    assert value in result.stderr


# Retry, and who blocks

def test_retry_after_blocked_provider(make, liar):
    target = make()
    liar.script = good_at_first(answering("NO [PRIVACYREQUIRED]"))
    adopt(target)
    target.store.wait_for(USER, control="blocked", reason="provider")
    assert control_one(target, "resume").startswith("unchanged: blocked")
    time.sleep(2)
    assert target.store.job(USER)["control"] == "blocked"
    liar.script = Session
    assert control_one(target, "retry") == "changed: queued"
    job = target.store.wait_moved(USER)
    assert (job["control"], job["reason"], job["error"]) == ("active", "", "")
    assert control_one(target, "retry").startswith("unchanged: following")


def test_retry_now(make, liar):
    """A temporary failure, and nobody wants to wait."""
    target = make(ONE_HOUR)
    liar.script = good_at_first(liar_modes.Bye)
    adopt(target)
    target.store.wait_for(USER, attempts=1, lease_owner="")
    time.sleep(1)
    assert target.store.job(USER)["attempts"] == 1
    liar.script = Session
    assert control_one(target, "retry") == "changed: queued"
    assert target.store.wait_moved(USER)["attempts"] == 0


def test_pause_a_blocked_one(make, liar):
    target = make()
    liar.script = good_at_first(answering("NO [PRIVACYREQUIRED]"))
    adopt(target)
    target.store.wait_for(USER, control="blocked", reason="provider")
    assert control_one(target, "pause") == "changed: paused"
    assert target.store.job(USER)["reason"] == ""
    liar.script = Session
    control_one(target, "resume")
    target.store.wait_moved(USER)


def test_same_password_is_good_again(make, liar):
    """The provider had a bad hour: a login with the password that is known
    here already is confirmed there, and the record goes on."""
    target = make({"migration_login_refusal_time": "0"})
    liar.script = good_at_first(answering("NO [AUTHENTICATIONFAILED]"))
    adopt(target)
    target.store.wait_for(USER, control="blocked", reason="password")
    adopted = target.store.job(USER)["adopted_password"]
    # still bad: nothing changes
    assert_answer(target.login(USER, PASSWORD), "NO")
    job = target.store.job(USER)
    assert (job["control"], job["reason"]) == ("blocked", "password")
    liar.script = Session
    assert_answer(target.login(USER, PASSWORD), "NO", "UNAVAILABLE")
    job = target.store.wait_moved(USER)
    assert (job["control"], job["reason"]) == ("active", "")
    assert job["adopted_password"] != adopted, "renewed with a new salt"


def test_login_does_not_undo_a_pause(make, liar):
    """A new password at the provider is stored, and that is all."""
    target = make()
    liar.script = good_at_first(HangingPull)
    adopt(target)
    wait_until("the worker at the provider", lambda: len(liar.logins) >= 2)
    control_one(target, "pause")
    before = target.store.job(USER)["credential"]
    liar.script = Session
    liar.accounts[USER.encode()] = b"new there"
    assert_answer(target.login(USER, "new there"), "NO", "UNAVAILABLE")
    job = target.store.job(USER)
    assert job["control"] == "paused" and job["credential"] != before
    time.sleep(1)
    assert target.store.job(USER)["phase"] == "initial"
    control_one(target, "resume")
    target.store.wait_moved(USER)


def test_account_gone_at_the_provider(make, liar):
    target = make()
    liar.script = good_at_first(answering("NO [AUTHORIZATIONFAILED]"))
    adopt(target)
    job = target.store.wait_for(USER, control="blocked", reason="account")
    assert job["attempts"] == 0 and job["error"] != ""
    assert "account" in shown(target)["next"]
    result = target.doveadm("migration", "sync", "-u", USER)
    assert result.returncode == NOPERM
    liar.script = Session
    control_one(target, "retry")
    target.store.wait_moved(USER)


def test_blocked_local(make, liar):
    """The mail location cannot be written; a login or a retry goes on."""
    target = make()
    mail = target.folder / "mail"
    for user, password in ((USER, PASSWORD), (OTHER, "otto's")):
        os.chown(mail, 0, 0)
        shutil.rmtree(mail / "old.example", ignore_errors=True)
        adopt(target, user, password)
        target.store.wait_for(user, control="blocked", reason="local")
        os.chown(mail, MAIL_UID, MAIL_GID)
        if user == USER:
            assert control_one(target, "retry") == "changed: queued"
        else:
            adopt(target, user, password)
        target.store.wait_moved(user)


def test_account_disabled_here(make, liar):
    """Nobody is asked with the password of a disabled account."""
    target = make(ONE_HOUR)
    liar.script = good_at_first(liar_modes.Bye)
    adopt(target)
    target.store.wait_for(USER, attempts=1, lease_owner="")
    target.store.write("UPDATE migration_account SET enabled = 0")
    contacts = liar.connections()
    assert control_one(target, "retry") == "changed: queued"
    job = target.store.wait_for(USER, control="blocked", reason="account")
    assert "userdb" in job["error"]
    assert liar.connections() == contacts


# The provider's own wait

def closing(lines):
    """After BAD, imapc closes the line itself."""
    return len(lines) > 1 or lines[0].startswith("BAD")


@pytest.mark.parametrize("lines, seconds", [
    # Microsoft
    (["BAD Request is throttled. Suggested Backoff Time: 299910 milliseconds",
      "* BYE Connection closed. 14"], 300),
    (["NO Request is throttled. Suggested Backoff Time: 299910 milliseconds"],
     300),
    # Yahoo
    (["NO [LIMIT] EXAMINE Rate limit hit.", "* BYE IMAP4rev1 Server logging "
      "out"], 900),
    # Google
    (["NO [OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)"],
     900),
    (["NO [UNAVAILABLE] Maintenance, please try again in 10 minutes"], 600),
], ids=["Microsoft BAD", "Microsoft NO", "Yahoo", "Google", "words"])
def test_backoff_while_reading(make, liar, lines, seconds):
    target = make()
    liar.script = limiting(*lines)
    adopt(target)
    job = target.store.wait_for(USER, attempts=1, lease_owner="")
    assert (job["phase"], job["control"]) == ("initial", "active")
    assert seconds - 10 < job["next_sync"] - time.time() <= seconds
    # who wants to be left alone is not asked for the reason as well: the
    # check and the pull, which comes back by itself if the line was closed
    logins = len(liar.logins)
    assert logins <= (3 if closing(lines) else 2)
    time.sleep(2)
    assert len(liar.logins) == logins
    assert shown(target)["state"] == "retrying"
    # an administrator may know better
    liar.script = Session
    control_one(target, "retry")
    target.store.wait_moved(USER)


@pytest.mark.parametrize("answer, seconds", [
    ("NO [THROTTLED] Suggested Backoff Time: 120000 milliseconds;", 120),
    ("NO [LIMIT]", 900), ("NO [THROTTLED]", 900),
    ("NO [UNAVAILABLE] try again in 2 hours;", 7200),
    # nothing is asked for: ours
    ("NO [UNAVAILABLE]", 2), ("NO [INUSE]", 2)])
def test_backoff_at_the_login(folders, liar, answer, seconds):
    liar.script = good_at_first(answering(answer))
    target = Target(folders("backoff"), {
        "oldhost": plain_provider(liar.port, "old.example")},
        {"migration_retry_min": "2 secs", "migration_retry_max": "2 secs"})
    with target:
        adopt(target)
        job = target.store.wait_for(USER, attempts=1, lease_owner="")
        assert (job["phase"], job["control"]) == ("initial", "active")
        assert seconds * 0.7 - 4 < job["next_sync"] - time.time() <= seconds + 1
    # imapc leaves a timer behind, which the worker's end complains about
    assert "Panic:" not in target.read_log("error")
    assert "killed with signal" not in target.read_log("error")


# Who is meant

@pytest.mark.parametrize("command", COMMANDS)
def test_usage(make, command):
    target = make()
    for args in ([], ["-u", USER, "-A"], ["-u", USER, "-p", "oldhost"],
                 ["-p", "oldhost", "-A"]):
        assert "usage" in control(target, command, *args, code=USAGE)
    for nobody in ("nobody@old.example", "x" * 100_000, ""):
        control(target, command, "-u", nobody, code=NOUSER)
    assert "nowhere" in control(target, command, "-p", "nowhere", code=USAGE)
    # nobody is of that provider yet
    assert control(target, command, "-p", "oldhost") == {}
    assert control(target, command, "-A") == {}


def test_all_of_a_provider(make_target, liar):
    with Liar(Session, {b"x@else.example": b"pw"}) as other:
        target = make_target({
            "oldhost": plain_provider(liar.port, "old.example"),
            "other": plain_provider(other.port, "else.example")})
        move(target)
        move(target, OTHER, "otto's")
        move(target, "x@else.example", "pw")
        everybody = {USER, OTHER, "x@else.example"}

        # a script's variable that is empty means nobody
        for command in COMMANDS:
            control(target, command, "-p", "", code=USAGE)
        assert set(target.store.jobs()) == everybody
        assert control(target, "pause", "-p", "oldhost") == {
            USER: "changed: paused", OTHER: "changed: paused"}
        assert target.store.job("x@else.example")["control"] == "active"
        results = control(target, "pause", "-A")
        assert results == {USER: "unchanged: paused",
                           OTHER: "unchanged: paused",
                           "x@else.example": "changed: paused"}
        results = control(target, "resume", "-A")
        assert results.keys() == everybody
        control_one(target, "finish", OTHER.upper().lower())
        target.store.wait_for(OTHER, phase="finished")
        # one who is past it does not make the command fail for the others
        results = control(target, "pause", "-A")
        assert results[OTHER] == "refused: the migration is finished"
        assert results[USER] == "changed: paused"
        results = control(target, "delete", "-p", "oldhost", "--account")
        assert results.keys() == {USER, OTHER}
        assert target.store.jobs() == target.store.accounts() == \
            ["x@else.example"]
    control_one(target, "finish", "x@else.example")
    assert control_one(target, "finish", "x@else.example").startswith(
        "changed: finished")


def test_upper_case_name(make):
    target = make()
    move(target)
    assert control(target, "pause", "-u", USER.upper()) == {
        USER: "changed: paused"}


def test_many(make):
    """Over one connection, and more than one read of the database. Those who
    are blocked have no last sync."""
    target = make()
    users = [f"u{number:04}@old.example" for number in range(700)]
    target.store.write_many(
        "INSERT INTO migration_account (username, domain, password, created) "
        "VALUES (?, 'old.example', 'x', 1)", [(user,) for user in users])
    target.store.write_many(
        "INSERT INTO migration_job (username, provider, remote_user, "
        "mechanism, phase, control, reason, adopted_password, credential, "
        "login, created) VALUES (?, 'oldhost', 'r', 'PLAIN', 'following', "
        "'blocked', 'provider', 'x', 'box', 'wait', 1)",
        [(user,) for user in users])
    results = control(target, "finish", "-A")
    assert list(results) == users
    assert all(result.startswith("changed: finished")
               for result in results.values())
    assert target.store.rows("SELECT COUNT(*) AS n FROM migration_job WHERE "
                             "phase = 'finished' AND credential = ''")[0][
                                 "n"] == len(users)


def test_finish_after_many(make):
    """All at once, in batches: those who are blocked, as nobody waits for
    them."""
    target = make({"migration_finish_after": "1 secs"})
    users = [(f"u{number:04}@old.example",) for number in range(300)]
    target.store.write_many(
        "INSERT INTO migration_account (username, domain, password, created) "
        "VALUES (?, 'old.example', 'x', 1)", users)
    target.store.write_many(
        "INSERT INTO migration_job (username, provider, remote_user, "
        "mechanism, phase, control, reason, adopted_password, credential, "
        "login, created, following_since) VALUES (?, 'oldhost', 'r', 'PLAIN', "
        "'following', 'blocked', 'account', 'x', 'box', 'wait', 1, 1)", users)
    wait_until("all to be finished", lambda: target.store.rows(
        "SELECT COUNT(*) AS n FROM migration_job WHERE phase = 'finished' "
        "AND credential = ''")[0]["n"] == len(users))


# Many users

def insert_users(target, names, **columns):
    """Records as of users who are followed, and whose next sync is far
    away."""
    values = {"provider": "oldhost", "remote_user": "r", "mechanism": "PLAIN",
              "phase": "following", "control": "active",
              "adopted_password": "x", "credential": "box", "login": "wait",
              "created": 1, "next_sync": 2**40, **columns}
    target.store.write_many(
        "INSERT INTO migration_account (username, domain, password, created) "
        "VALUES (?, 'old.example', 'x', 1)", [(name,) for name in names])
    target.store.write_many(
        f"INSERT INTO migration_job (username, {', '.join(values)}) VALUES "
        f"(?{', ?' * len(values)})",
        [(name, *values.values()) for name in names])


def paused(target):
    return [row["username"] for row in target.store.rows(
        "SELECT username FROM migration_job WHERE control = 'paused' "
        "ORDER BY username")]


def control_many(target, command, *args):
    """The rows of the answer, and the counts."""
    result = target.doveadm("migration", command, *args, formatter="json")
    assert result.returncode == 0, result.stderr
    rows = {row["username"]: row["result"]
            for row in json.loads(result.stdout)}
    counts = re.search(r"changed: (\d+), unchanged: (\d+), refused: (\d+)",
                       result.stderr)
    assert counts, result.stderr
    return rows, tuple(map(int, counts.groups()))


def test_mask(make):
    target = make()
    insert_users(target, ["anna@old.example", "annika@old.example",
                          "ben@old.example", "anna@new.example"])
    rows, counts = control_many(target, "pause", "-u", "ANN*@old.example")
    assert list(rows) == ["anna@old.example", "annika@old.example"]
    assert counts == (2, 0, 0)
    assert paused(target) == list(rows)
    rows, counts = control_many(target, "pause", "-u", "ann?@*")
    assert rows["anna@old.example"] == "unchanged: paused"
    assert counts == (1, 1, 0)
    assert control_many(target, "pause", "-u", "nobody*") == ({}, (0, 0, 0))
    # of those who are paused none can be tried again
    rows, counts = control_many(target, "retry", "-u", "*@old.example")
    assert rows["anna@old.example"].startswith("refused: ")
    assert counts == (0, 1, 2)
    assert control_many(target, "delete", "--account", "-u",
                        "ann*")[1] == (3, 0, 0)
    assert target.store.accounts() == ["ben@old.example"]


def test_users_of_a_file(make):
    target = make()
    insert_users(target, ["anna@old.example", "ben@old.example",
                          "cleo@old.example"])
    users = target.folder / "users"
    # one that was made for add fits, too
    users.write_text("# all but Ben\n\nAnna@old.example a17\n"
                     "nobody@old.example\ncleo@old.example")
    rows, counts = control_many(target, "pause", "-F", users)
    assert list(rows) == ["anna@old.example", "nobody@old.example",
                          "cleo@old.example"]
    assert rows["nobody@old.example"] == "refused: no such user"
    assert counts == (2, 0, 1)
    assert paused(target) == ["anna@old.example", "cleo@old.example"]
    assert control_many(target, "pause", "-F", users)[1] == (0, 2, 1)
    for text, complaint in (("", "no users"), ("a@x\na@x b c\n", "line 2"),
                            ("a@x\nA@X\n", "line 1")):
        users.write_text(text)
        assert complaint in control(target, "resume", "-F", users, code=USAGE)
    assert "No such file" in control(target, "resume", "-F", "/no/file",
                                     code=USAGE)
    control(target, "resume", "-F", users, "-A", code=USAGE)
    assert len(paused(target)) == 2


def test_all_and_provider(make):
    target = make()
    insert_users(target, ["anna@old.example", "ben@old.example"])
    insert_users(target, ["gone@old.example"], provider="formerhost")
    assert control_many(target, "pause", "-p", "oldhost")[1] == (2, 0, 0)
    assert control_many(target, "pause", "-A")[1] == (1, 2, 0)
    assert control_many(target, "resume", "-p", "formerhost")[1] == (1, 0, 0)
    assert "nohost" in control(target, "pause", "-p", "nohost", code=USAGE)


def test_http_api(folders, liar):
    port = free_port()
    target = Target(folders("http"), {
        "oldhost": plain_provider(liar.port, "old.example")})
    target.extra = f"""
doveadm_api_key = key
service doveadm {{
  inet_listener http {{
    port = {port}
  }}
}}
"""

    def ask(command, **parameters):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/doveadm/v1",
            json.dumps([[command, parameters, "tag"]]).encode(),
            {"Authorization": "X-Dovecot-API " +
             base64.b64encode(b"key").decode(),
             "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            (kind, content, tag), = json.load(answer)
        assert tag == "tag"
        return kind, content

    with target:
        move(target)
        assert ask("migrationPause", user=USER) == ("doveadmResponse", [
            {"username": USER, "result": "changed: paused"}])
        assert ask("migrationResume", all=True)[1][0]["result"].startswith(
            "changed: following")
        assert ask("migrationRetry", provider="oldhost")[1][0][
            "result"].startswith("unchanged: ")
        kind, content = ask("migrationPause", user="nobody@old.example")
        assert (kind, content["exitCode"]) == ("error", NOUSER)
        assert ask("migrationPause")[1]["exitCode"] == USAGE
        ask("migrationDelete", user=USER, account=True)
        assert target.store.account(USER) is None
    target.assert_no_crash()


def test_not_running(folders, liar):
    target = Target(folders("stopped"), {
        "oldhost": plain_provider(liar.port, "old.example")})
    with target:
        move(target)
    for command in COMMANDS:
        assert "not running" in control(target, command, "-u", USER,
                                        code=TEMPFAIL)
        control(target, command, "-A", code=TEMPFAIL)
    assert target.store.job(USER)["control"] == "active"
    target.assert_no_crash()

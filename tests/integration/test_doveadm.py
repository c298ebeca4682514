"""doveadm migration: what administrators and their scripts see."""

import json
import re
import signal
import subprocess

import pytest

import liar_modes
from checks import assert_answer
from corpus import make_small_corpus
from dovecot import DOVEADM, VERSION_LINES, for_version
from liar import Liar, Session
from polling import wait_until
from ports import free_port
from provider import Provider
from tap import Tap
from target import Target, plain_provider

COLUMNS = ["username", "provider", "remote_user", "state", "progress",
           "messages", "bytes", "last_sync", "next_sync", "attempts", "reason"]
USAGE, NOUSER, TEMPFAIL, NOPERM, CONFIG = 64, 67, 75, 77, 78
VERA, WIM = "vera@old.example", "wim@brand.net"


@pytest.fixture(scope="module")
def old(folders, server_certificate):
    with Provider(folders("doveadm"), certificate=server_certificate) as old:
        for user in (VERA, "wim@brand.example"):
            old.add_user(user, f"secret of {user}")
            old.seed(user, make_small_corpus(messages=12))
        yield old
    old.assert_no_crash()


@pytest.fixture(scope="module")
def liar():
    with Liar(Session, {}) as liar:
        yield liar


@pytest.fixture(scope="module")
def target(folders, each_server, old, liar, certificates):
    """Two accounts that have been moved, and some providers."""
    tls = {"host": "localhost", "ssl": "imaps"}
    target = Target(folders("doveadm"), {
        "oldhost": plain_provider(old.ports["imap"], "old.example "
                                  "brand.example=brand.net"),
        "secure": plain_provider(old.ports["imaps"], "secure.example", **tls,
                                 ssl_ca_file=certificates.ca),
        "untrusted": plain_provider(old.ports["imaps"], "untrusted.example",
                                    **tls),
        "scripted": plain_provider(liar.port, "scripted.example"),
        "down": plain_provider(free_port(), "down.example"),
    }, {"migration_login": "local", "migration_login_timeout": "3 secs"})
    with target:
        for name, local in ((VERA, VERA), ("wim@brand.example", WIM)):
            assert_answer(target.login(name, f"secret of {name}"), "OK")
            target.store.wait_moved(local)
        yield target
    target.assert_no_crash()


def run(target, *args, code=0, **kwargs):
    """doveadm migration ...; returns its result."""
    result = target.doveadm("migration", *args, **kwargs)
    assert result.returncode == code, \
        f"{args} ended with {result.returncode}: {result.stderr}"
    assert code == 0 or result.stderr != "", "failed without a word"
    return result


def run_json(target, *args):
    """Rows with every value as text, numbers as well."""
    rows = json.loads(run(target, *args, formatter="json").stdout)
    return [{key: str(value) for key, value in row.items()} for row in rows]


# list

def test_list_json(target):
    rows = {row["username"]: row for row in run_json(target, "list")}
    assert {VERA, WIM} <= rows.keys()
    vera = rows[VERA]
    assert list(vera) == COLUMNS
    assert (vera["provider"], vera["remote_user"]) == ("oldhost", VERA)
    assert (vera["state"], vera["progress"]) == ("following", "100")
    assert int(vera["messages"]) > 5 and int(vera["bytes"]) > 1000
    assert (vera["attempts"], vera["reason"]) == ("0", "-")
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", vera["last_sync"])
    assert rows[WIM]["remote_user"] == "wim@brand.example"


def test_list_tab(target):
    head, *lines = run(target, "list", formatter="tab").stdout.splitlines()
    assert head.split("\t") == COLUMNS
    assert VERA in [line.split("\t")[0] for line in lines]
    assert all(len(line.split("\t")) == len(COLUMNS) for line in lines)


@pytest.mark.parametrize("formatter", ["table", "flow", "pager"])
def test_list_for_people(target, formatter):
    text = run(target, "list", formatter=formatter).stdout
    assert VERA in text and "following" in text
    assert all(column in text for column in COLUMNS)


@pytest.mark.parametrize("args, users", [
    (["-p", "oldhost"], [VERA, WIM]), (["-p", "down"], []),
    (["-s", "following", "-p", "oldhost"], [VERA, WIM]),
    (["-s", "paused"], []), (["vera*"], [VERA]), (["*@BRAND.net"], [WIM]),
    (["-p", "oldhost", "*@old.example"], [VERA])])
def test_list_selects(target, args, users):
    assert [row["username"] for row in run_json(target, "list", *args)] == \
        users


def test_list_unknown_state(target):
    assert "following" in run(target, "list", "-s", "nonsense",
                              code=USAGE).stderr


# show

def test_show(target):
    row = run_json(target, "show", VERA)[0]
    assert row["username"] == VERA and row["state"] == "following"
    assert row["progress"] == "100" and row["provider"] == "oldhost"
    assert "secret" not in json.dumps(row)
    assert VERA in run(target, "show", VERA.upper()).stdout


def test_show_unknown(target):
    run(target, "show", "nobody@old.example", code=NOUSER)
    run(target, "show", code=USAGE)


# status

def test_status(target):
    row = run_json(target, "status")[0]
    assert row["queue"] == "running"
    assert int(row["following"]) >= 2 and int(row["users"]) >= 2
    assert row["workers_limit"] == "10"


# provider

def test_provider_list(target):
    rows = {row["name"]: row for row in run_json(target, "provider", "list")}
    assert rows.keys() == target.providers.keys()
    assert rows["oldhost"]["users"] == "2"
    assert rows["secure"]["ssl"] == "imaps"
    assert rows["secure"]["host"] == "localhost"
    assert rows["oldhost"]["login"] == "local"


@pytest.mark.parametrize("name, code", [
    ("oldhost", 0), ("secure", 0), ("scripted", 0), ("down", TEMPFAIL),
    ("untrusted", CONFIG), ("no-such", USAGE)])
def test_provider_test(target, name, code):
    result = run(target, "provider", "test", name, code=code)
    if code not in (0, USAGE):
        assert name in result.stderr
    run(target, "provider", "test", code=USAGE)


@pytest.mark.parametrize("user, password, code", [
    (VERA, f"secret of {VERA}", 0), (VERA, "t0tally-other", NOPERM),
    ("vera@foreign.example", "t0tally-other", USAGE)])
def test_provider_test_user(target, user, password, code):
    result = run(target, "provider", "test", "--password-stdin", "oldhost",
                 user, code=code, stdin=password + "\n")
    assert password not in result.stdout + result.stderr


@pytest.mark.parametrize("script, code", [
    (Session, NOPERM), (liar_modes.answering("NO [UNAVAILABLE]"), TEMPFAIL),
    (liar_modes.Bye, TEMPFAIL), (liar_modes.Garbage, TEMPFAIL),
    (liar_modes.Preauth, CONFIG), (liar_modes.LoginDisabled, CONFIG),
    (liar_modes.EndlessGreeting, TEMPFAIL),
    (liar_modes.InjectedLiteral, TEMPFAIL),
    (liar_modes.hanging_at("answer_login"), TEMPFAIL),
    (liar_modes.closing_at("do_capability"), TEMPFAIL)])
def test_provider_test_hostile(target, liar, script, code):
    liar.script = script
    try:
        run(target, "provider", "test", "--password-stdin", "scripted",
            "x@scripted.example", code=code, stdin="secret\n")
    finally:
        liar.script = Session


# sync

def test_sync_usage(target):
    run(target, "sync", code=USAGE)
    run(target, "sync", "-u", "nobody@old.example", code=NOUSER)


@pytest.fixture
def held(folders, old):
    """A target whose one account waits for its first sync."""
    with Tap(old.ports["imap"], bytes_per_second=20_000) as tap:
        target = Target(folders("held"), {
            "oldhost": plain_provider(tap.port, "old.example")},
            {"migration_retry_min": "1 hours",
             "migration_retry_max": "1 hours"})
        tap.close_after(1)
        with target:
            assert_answer(target.login(VERA, f"secret of {VERA}"), "NO")
            target.store.wait_for(VERA, attempts=1, lease_owner="")
            tap.release()
            yield target, tap
        target.assert_no_crash()


def test_failed_sync_is_explained(held):
    """What failed, for whom, what happens next and what can be done: in show
    and in one log line (promise P6)."""
    target, _ = held
    row = run_json(target, "show", VERA)[0]
    assert (row["state"], row["attempts"]) == ("retrying", "1")
    # 2.4's imapc has the host in the log only
    assert for_version("127.0.0.1", "disconnected") in row["error"]
    assert row["next_sync"] != "-"
    assert f"doveadm migration sync -u {VERA}" in row["next"]
    target.settle_log()
    (line,) = target.log_lines("error", " migration: ", VERA)
    assert for_version("127.0.0.1", "disconnected") in line
    assert "next attempt in" in line
    assert f"doveadm migration sync -u {VERA}" in line


def test_sync_now(held):
    target, _ = held
    result = run(target, "sync", "-u", VERA, formatter="tab")
    assert "messages" in result.stderr and VERA in result.stderr
    head, line = result.stdout.splitlines()
    row = dict(zip(head.split("\t"), line.split("\t"), strict=True))
    assert row["username"] == VERA and int(row["messages"]) > 5
    assert target.store.job(VERA)["phase"] == "following"
    assert run_json(target, "list")[0]["state"] == "following"


def test_sync_fails_temporarily(held):
    target, tap = held
    tap.hold_after(0)
    contacts = tap.connections()
    process = subprocess.Popen(
        [DOVEADM, "-c", target.config, "migration", "sync", "-u", VERA],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until("the worker's connection",
               lambda: tap.connections() > contacts)
    assert run_json(target, "list")[0]["state"] == "syncing"
    tap.close_after(0)
    tap.drop_connections()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == TEMPFAIL, stderr
    assert VERA in stderr
    assert target.store.job(VERA)["attempts"] == 2


def test_sync_interrupted_goes_on(held):
    """Ctrl-C ends the watching, not the sync."""
    target, _ = held
    process = subprocess.Popen(
        [DOVEADM, "-c", target.config, "migration", "sync", "-u", VERA],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until("the sync to begin", lambda: target.store.job(VERA)[
        "lease_owner"] != "")
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == TEMPFAIL, stderr
    target.store.wait_moved(VERA)


def test_sync_password_refused(make_target):
    user = "xaver@old.example"
    with Liar(liar_modes.HangingPull, {user.encode(): b"first"}) as liar:
        target = make_target(
            {"oldhost": plain_provider(liar.port, "old.example")})
        assert_answer(target.login(user, "first"), "NO", "UNAVAILABLE")
        wait_until("the worker at the provider",
                   lambda: len(liar.logins) >= 2)
        liar.script, liar.accounts = Session, {}
        liar.drop_connections()
        target.store.wait_for(user, control="blocked", reason="password")
        result = run(target, "sync", "-u", user, code=NOPERM)
        assert user in result.stderr
        row = run_json(target, "list", "-s", "blocked")[0]
        assert (row["username"], row["reason"]) == (user, "password")
        assert "login" in run_json(target, "show", user)[0]["next"]


# key generate

def test_key_generate(tmp_path):
    keys = tmp_path / "keys"
    config = tmp_path / "dovecot.conf"
    config.write_text(VERSION_LINES +
                      f"migration_public_key_file = {keys}/public.pem\n"
                      f"migration_private_key_file = {keys}/private.pem\n")
    command = [DOVEADM, "-c", config, "migration", "key", "generate"]
    first = subprocess.run(command, capture_output=True, text=True)
    assert first.returncode == 0, first.stderr
    private, public = keys / "private.pem", keys / "public.pem"
    assert private.stat().st_mode & 0o777 == 0o600
    assert public.stat().st_mode & 0o777 == 0o644
    assert "PRIVATE" not in first.stdout
    before = private.read_bytes(), public.read_bytes()

    second = subprocess.run(command, capture_output=True, text=True)
    assert second.returncode == CONFIG
    assert str(private) in second.stderr or str(public) in second.stderr
    assert (private.read_bytes(), public.read_bytes()) == before


# without a server

def test_without_a_database(folders):
    target = Target(folders("nodb"), {
        "oldhost": plain_provider(143, "old.example")})
    target.generate_keys()
    target.write_config()
    for command in (["list"], ["show", VERA], ["sync", "-u", VERA]):
        run(target, *command, code=TEMPFAIL)
    assert not target.store.path.exists(), "reading has made a database"


def test_queue_not_running(folders, old):
    target = Target(folders("stopped"), {
        "oldhost": plain_provider(old.ports["imap"], "old.example")},
        {"migration_login": "local"})
    with target:
        assert_answer(target.login(VERA, f"secret of {VERA}"), "OK")
        target.store.wait_moved(VERA)
    assert run_json(target, "list")[0]["username"] == VERA
    assert run_json(target, "show", VERA)[0]["state"] == "following"
    assert run_json(target, "status")[0]["queue"] == "not running"
    run(target, "sync", "-u", VERA, code=TEMPFAIL)


def test_unknown_command(target):
    result = target.doveadm("migration", "nonsense")
    assert result.returncode == USAGE
    assert "migration <command>" in result.stderr

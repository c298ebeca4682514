"""master_user: mail moves without the users' passwords."""

import json
import time

import pytest

from checks import Unchanged, assert_answer, assert_moved
from corpus import make_small_corpus
from dovecot import LOGGED_IN, passwd_file, password_entry
from liar import Liar, Session
from polling import wait_until
from provider import Provider
from target import Target, plain_provider

USER, PASSWORD = "anna@old.example", "anna's s3cret"
OTHER = "ben@old.example"
MASTER, MASTER_PASSWORD = "mover", "the mover's own s3cret"
USAGE, TEMPFAIL, NOPERM, CONFIG = 64, 75, 77, 78


@pytest.fixture(scope="module")
def old(folders):
    """Lets a master user into all mailboxes."""
    server = Provider(folders("master"), protocols=("imap", "pop3"))
    masters = server.folder / "masters"
    masters.write_text(f"{MASTER}:{password_entry(MASTER_PASSWORD.encode())}:"
                       "::::\n")
    server.extra = passwd_file("passdb", masters, name="masters",
                               options="  master = yes\n"
                               "  result_success = continue\n")
    for user in (USER, OTHER):
        server.add_user(user, PASSWORD)
    with server:
        for user in (USER, OTHER):
            server.seed(user, make_small_corpus(messages=12))
        yield server
    server.assert_no_crash()


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "oldhost.secret"
    path.write_text(MASTER_PASSWORD + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def make(make_target, old, secret):
    def make(**provider):
        settings = {"master_user": MASTER, "master_password": f"<{secret}",
                    **provider}
        return make_target({"oldhost": plain_provider(
            old.ports["imap"], "old.example", **settings)})
    return make


def add(target, *args, code=0):
    result = target.doveadm("migration", "add", "-p", "oldhost", *args,
                            formatter="json")
    assert result.returncode == code, result.stderr
    if code != 0:
        return result.stderr
    return {row["username"]: row["result"]
            for row in json.loads(result.stdout)}


def assert_not_told(target):
    for kind in ("error", "info", "debug"):
        assert MASTER_PASSWORD not in target.read_log(kind)
        assert PASSWORD not in target.read_log(kind)


def test_moves_in_advance(old, make, secret):
    """Nobody's password is needed or stored, also not at the login."""
    target = make()
    with Unchanged(old, USER):
        assert add(target, USER)[USER].startswith("changed: queued; ")
        assert target.store.wait_moved(USER)["credential"] == "master"
        assert target.store.account(USER)["password"] == ""
        assert_answer(target.login(USER, MASTER_PASSWORD), "NO",
                      "AUTHENTICATIONFAILED")
        assert_answer(target.login(USER, PASSWORD), "OK")
        job = target.store.job(USER)
        assert (job["phase"], job["credential"]) == ("following", "master")
        assert job["last_login"] > 0
        old.mark_logs()
        target.assert_serves_locally(USER, PASSWORD)
        assert old.logins(USER) == 0
        assert_moved(old, target, USER)
        assert target.verify(USER, "--all") == ""
    assert add(target, USER)[USER].startswith("unchanged: ")
    assert target.doveadm_json("migration", "show", USER)[0][
        "credential"] == "master"
    assert_not_told(target)
    # another password there is nothing to the sync
    old.set_password(USER, "changed there")
    try:
        result = target.doveadm("migration", "sync", "-u", USER)
        assert result.returncode == 0, result.stderr
    finally:
        # Dovecot compares whole seconds of the file's time
        time.sleep(1.1)
        old.set_password(USER, PASSWORD)


def test_first_login(old, make):
    """Without add as well: the login stores no password either."""
    target = make()
    assert_answer(target.login(USER, PASSWORD), "NO", "UNAVAILABLE")
    assert target.store.wait_moved(USER)["credential"] == "master"
    target.assert_serves_locally(USER, PASSWORD)


def test_many(old, make, tmp_path):
    target = make()
    users = tmp_path / "users"
    users.write_text(f"{USER}\n{OTHER}\n")
    assert list(add(target, "-F", users)) == [USER, OTHER]
    for user in (USER, OTHER):
        target.store.wait_moved(user)
    said = add(target, "--password-stdin", USER, code=USAGE)
    assert "master_user" in said
    # nothing that could be shown or sealed anew
    result = target.doveadm("migration", "credential", "-u", USER)
    assert result.returncode == USAGE and "master_user" in result.stderr
    assert MASTER_PASSWORD not in result.stdout + result.stderr
    assert [row["sealed"] for row in target.doveadm_json(
        "migration", "key", "list")] in ([0], ["0"])
    result = target.doveadm("migration", "export", "--format", "mbsync")
    assert "IMAPStore" not in result.stdout and "Left out" in result.stderr


def test_pop3(old, make):
    """The UIDLs are asked for in the same way."""
    target = make(pop3_host="127.0.0.1", pop3_port=old.ports["pop3"],
                  pop3_ssl="no")
    add(target, USER)
    target.store.wait_moved(USER)
    assert target.store.job(USER)["notes"] == 0
    assert not target.log_lines("error", "POP3")
    old.settle_log()
    assert old.log_lines("info", "pop3-login", f"{LOGGED_IN} user=<{USER}>")


def test_refused(old, make, secret):
    """It says who was refused, and goes on when that is mended."""
    secret.write_text("wrong\n")
    target = make()
    add(target, USER)
    job = target.store.wait_for(USER, control="blocked")
    assert job["reason"] == "provider"
    assert f"master_user {MASTER}" in job["error"]
    result = target.doveadm("migration", "sync", "-u", USER)
    assert result.returncode != 0 and MASTER in result.stderr
    secret.write_text(MASTER_PASSWORD)
    target.reload()
    # the service is being started anew
    wait_until("the queue to take commands again", lambda: target.doveadm(
        "migration", "retry", "-p", "oldhost").returncode == 0)
    target.store.wait_moved(USER)
    assert_not_told(target)


def test_unknown_user_there(make):
    target = make()
    add(target, "nobody@old.example")
    job = target.store.wait_for("nobody@old.example", control="blocked")
    assert job["reason"] == "account"
    result = target.doveadm("migration", "delete", "--account", "-u",
                            "nobody@old.example")
    assert result.returncode == 0, result.stderr


def test_taken_away(old, make):
    """The next login brings a password."""
    target = make()
    add(target, USER)
    target.store.wait_moved(USER)
    for key in ("master_user", "master_password"):
        del target.providers["oldhost"][key]
    target.reload()
    result = target.doveadm("migration", "sync", "-u", USER)
    assert result.returncode == TEMPFAIL and "master_user" in result.stderr
    assert target.store.job(USER)["reason"] == "local"
    assert_answer(target.login(USER, PASSWORD), "OK")
    job = target.store.wait_for(USER, control="active")
    assert len(job["credential"]) > 50
    result = target.doveadm("migration", "sync", "-u", USER)
    assert result.returncode == 0, result.stderr


def test_without_auth_plain(make_target, secret):
    """LOGIN has no room for two names."""
    class OldSession(Session):
        capabilities = b"IMAP4rev1"

    with Liar(OldSession, {USER.encode(): PASSWORD.encode()}) as liar:
        target = make_target({"oldhost": plain_provider(
            liar.port, "old.example", master_user=MASTER,
            master_password=f"<{secret}")})
        add(target, USER)
        target.store.wait_tried(USER)
        assert liar.logins == []
        assert "mechanism" in target.store.job(USER)["error"]


def test_doveconf_hides_it(folders, old, secret):
    target = Target(folders("conf"), {"oldhost": plain_provider(
        old.ports["imap"], "old.example", master_user=MASTER,
        master_password=MASTER_PASSWORD)})
    target.generate_keys()
    target.write_config()
    result = target.doveconf("-n", check=True)
    assert MASTER in result.stdout and "hidden" in result.stdout
    assert MASTER_PASSWORD not in result.stdout + result.stderr

"""doveadm migration add: the mail moves before anybody has logged in."""

import json

import pytest

from checks import Unchanged, assert_answer, assert_moved
from corpus import make_small_corpus
from dovecot import for_version
from liar import Liar, Session
from polling import wait_until
from ports import free_port
from provider import Provider
from tap import Tap
from target import Target, plain_provider

USER, PASSWORD = "anna@old.example", "anna's s3cret"
OTHER, OTHER_PASSWORD = "a17@old.example", "s3cret of a17"
USAGE, NOUSER, TEMPFAIL, CONFIG = 64, 67, 75, 78


@pytest.fixture(scope="module")
def old(folders):
    with Provider(folders("add")) as server:
        for user, password in ((USER, PASSWORD), (OTHER, OTHER_PASSWORD)):
            server.add_user(user, password)
            server.seed(user, make_small_corpus(messages=12))
        yield server
    server.assert_no_crash()


@pytest.fixture
def target(make_target, old):
    return make_target({"oldhost": plain_provider(
        old.ports["imap"], "old.example brand.example=brand.net")})


def add(target, *args, passwords=PASSWORD + "\n", code=0):
    """doveadm migration add -p oldhost --password-stdin; the rows of its
    answer and what it says, or what it complains about."""
    result = target.doveadm("migration", "add", "-p", "oldhost",
                            "--password-stdin", *args, formatter="json",
                            stdin=passwords)
    assert result.returncode == code, \
        f"add {args} ended with {result.returncode}: {result.stderr}"
    for password in passwords.split("\n"):
        assert not password or password not in result.stdout + result.stderr
    if code != 0:
        assert result.stdout in ("", "[]") and result.stderr != ""
        return result.stderr
    rows = {row["username"]: row["result"]
            for row in json.loads(result.stdout)}
    return rows, result.stderr


def add_one(target, user=USER, *args, **kwargs):
    rows, _ = add(target, *args, user, **kwargs)
    assert len(rows) == 1
    return next(iter(rows.values()))


def test_moved_before_the_first_login(old, target):
    """The account is there, nobody gets in but who the provider lets in, and
    who does is served here at once."""
    with Unchanged(old, USER):
        assert add_one(target, USER.upper()).startswith("changed: queued; ")
        job = target.store.wait_moved(USER)
        assert (job["last_login"], job["mechanism"]) == (0, "")
        assert PASSWORD not in job["credential"]
        assert target.store.account(USER)["password"] == ""
        for password in ("wrong", "-"):
            assert_answer(target.login(USER, password), "NO",
                          "AUTHENTICATIONFAILED")
        assert target.store.account(USER)["password"] == ""
        old.mark_logs()
        assert_answer(target.login(USER, PASSWORD), "OK")
        assert old.logins(USER) == 1
        assert target.store.account(USER)["password"].startswith("{SHA512")
        job = target.store.job(USER)
        assert job["last_login"] > 0 and job["mechanism"] == "PLAIN"
        assert job["phase"] == "following"
        # from now on as ever
        old.mark_logs()
        target.assert_serves_locally(USER, PASSWORD)
        assert old.logins(USER) == 0
        assert_moved(old, target, USER)
    target.settle_log()
    assert target.log_lines("info", USER, "add, as wanted by an administrator")
    for kind in ("error", "info", "debug"):
        assert PASSWORD not in target.read_log(kind)


def test_twice(target):
    add_one(target)
    job = target.store.wait_moved(USER)
    assert add_one(target).startswith("unchanged: following; ")
    assert add_one(target, passwords="another\n").startswith("unchanged: ")
    after = target.store.job(USER)
    assert after["credential"] == job["credential"]
    assert after["attempts"] == 0


def test_first_login_on_the_way(make_target):
    """As any other: it waits, and its password is the local one."""
    with Liar(Session, {USER.encode(): PASSWORD.encode()}) as liar:
        target = make_target({"oldhost": plain_provider(
            liar.port, "old.example")})
        add_one(target)
        target.store.wait_moved(USER)
        target.doveadm("migration", "pause", "-u", USER, check=True)
        target.store.write("UPDATE migration_job SET phase = 'initial'")
        assert_answer(target.login(USER, PASSWORD), "NO", "UNAVAILABLE")
        assert target.store.account(USER)["password"] != ""


def test_first_login_is_passed_through(old, make_target):
    """With migration_login = proxy, until the first sync is done."""
    with Tap(old.ports["imap"]) as tap:
        target = make_target(
            {"oldhost": plain_provider(tap.port, "old.example")},
            overrides={"migration_login": "proxy"})
        tap.hold_after(0)
        add_one(target)
        target.doveadm("migration", "pause", "-u", USER, check=True)
        tap.release()
        old.mark_logs()
        client = target.client(USER, PASSWORD)
        assert client.select("INBOX")[0] == "OK"
        wait_until("the log", lambda: target.log_lines(
            "info", "Started proxying to"))
        # the check and the session, at least
        assert old.logins(USER) >= 2
        assert target.store.job(USER)["mechanism"] == "PLAIN"
        target.doveadm("migration", "resume", "-u", USER, check=True)
        target.store.wait_moved(USER)
        old.mark_logs()
        target.assert_serves_locally(USER, PASSWORD)
        assert old.logins(USER) == 0


def test_password_of_a_blocked_user(target):
    """A wrong one blocks; the right one is taken, and only then."""
    add_one(target, passwords="wrong\n")
    target.store.wait_for(USER, control="blocked", reason="password")
    assert add_one(target).startswith("changed: queued; with something new")
    target.store.wait_moved(USER)


def test_another_name_there(old, target):
    """The first login is asked about under that name, and so are later
    ones."""
    assert add_one(target, USER, "-r", OTHER,
                   passwords=OTHER_PASSWORD + "\n").startswith("changed: ")
    assert target.store.wait_moved(USER)["remote_user"] == OTHER
    assert_answer(target.login(USER, PASSWORD), "NO", "AUTHENTICATIONFAILED")
    old.mark_logs()
    assert_answer(target.login(USER, OTHER_PASSWORD), "OK")
    assert old.logins(OTHER) == 1
    assert target.store.job(USER)["remote_user"] == OTHER
    assert f"as {OTHER}" in add(target, USER, code=USAGE)


def test_renamed_domain(make_target):
    with Liar(Session, {b"bo@brand.example": b"bo's"}) as liar:
        target = make_target({"oldhost": plain_provider(
            liar.port, "brand.example=brand.net")})
        rows, _ = add(target, "bo@brand.net", passwords="bo's\n")
        assert list(rows) == ["bo@brand.net"]
        assert target.store.wait_moved("bo@brand.net")["remote_user"] == \
            "bo@brand.example"
        assert "unchanged" in add_one(target, "Bo@brand.example",
                                      passwords="bo's\n")


def test_finished_before_the_first_login(old, target):
    """The password is gone, nobody has one here: the provider still knows."""
    add_one(target)
    target.store.wait_moved(USER)
    target.doveadm("migration", "finish", "-u", USER, check=True)
    target.store.wait_for(USER, phase="finished")
    shown = target.doveadm_json("migration", "show", USER)[0]
    assert "first login" in shown["next"]
    assert_answer(target.login(USER, "wrong"), "NO", "AUTHENTICATIONFAILED")
    assert_answer(target.login(USER, PASSWORD), "OK")
    job = target.store.job(USER)
    assert (job["phase"], job["credential"]) == ("finished", "")
    # at home for good
    old.mark_logs()
    target.assert_serves_locally(USER, PASSWORD)
    assert_answer(target.login(USER, "wrong"), "NO", "AUTHENTICATIONFAILED")
    assert old.logins(USER) == 0
    assert "finished" in add(target, USER, code=USAGE)


def test_password_set_here(old, target):
    """By an administrator, before the first login: the provider is not
    asked."""
    add_one(target)
    target.store.wait_moved(USER)
    target.store.write("UPDATE migration_account SET password = '{PLAIN}here'")
    old.mark_logs()
    assert_answer(target.login(USER, PASSWORD), "NO", "AUTHENTICATIONFAILED")
    assert_answer(target.login(USER, "here"), "OK")
    assert old.logins(USER) == 0


# Who is at home here

def test_at_home(folders, old):
    user = "local@old.example"
    target = Target(folders("home"), {"oldhost": plain_provider(
        old.ports["imap"], "old.example")}, local_users={user: "local"})
    with target:
        assert "at home" in add(target, user, code=USAGE)
        assert target.store.accounts() == target.store.jobs() == []
        target.assert_serves_locally(user, "local")
        # made by a migration that was forgotten
        add_one(target)
        target.store.wait_moved(USER)
        target.doveadm("migration", "delete", "-u", USER, check=True)
        assert "at home" in add(target, USER, code=USAGE)
        target.doveadm("migration", "delete", "--account", "-u", USER,
                       check=True)
        assert add_one(target).startswith("changed: ")
    target.assert_no_crash()


def test_userdb_that_fails(folders, old):
    """Nobody is added if nobody knows who is at home."""
    target = Target(folders("failing"), {"oldhost": plain_provider(
        old.ports["imap"], "old.example")})
    target.databases = for_version(
        "userdb {\n  driver = sql\n  args = "
        f"{target.folder}/broken-sql.conf\n}}\n",
        "userdb sql {\n  sql_driver = sqlite\n"
        f"  sqlite_path = {target.folder}/no-such-database/file\n"
        "  query = SELECT home FROM users WHERE user = '%{user}'\n}\n")
    (target.folder / "broken-sql.conf").write_text(
        "driver = sqlite\n"
        f"connect = {target.folder}/no-such-database/file\n"
        "user_query = SELECT home FROM users WHERE user = '%u'\n")
    with target:
        assert "at home" in add(target, USER, code=TEMPFAIL)
        assert target.store.accounts() == []


# Many

def test_file(target):
    users = target.folder / "users"
    users.write_text(f"# who comes first\n\n{USER}\n"
                     f"second@old.example {OTHER}\r\n")
    rows, said = add(target, "-F", users,
                     passwords=f"{PASSWORD}\n{OTHER_PASSWORD}\n")
    assert list(rows) == [USER, "second@old.example"]
    assert all(result.startswith("changed: ") for result in rows.values())
    assert "changed: 2, unchanged: 0, refused: 0" in said
    for user in rows:
        target.store.wait_moved(user)
    assert_answer(target.login("second@old.example", OTHER_PASSWORD), "OK")
    # once more, with somebody new and somebody who is at home
    target.doveadm("migration", "delete", "-u", USER, check=True)
    rows, said = add(target, "-F", users,
                     passwords=f"{PASSWORD}\n{OTHER_PASSWORD}\n")
    assert rows[USER].startswith("refused: the user is at home")
    assert rows["second@old.example"].startswith("unchanged: ")
    assert "changed: 0, unchanged: 1, refused: 1" in said


@pytest.mark.parametrize("text, passwords, complaint", [
    (f"{USER}\nx@foreign.example\n", "a\nb\n", "line 2: migration_provider "
     "oldhost does not serve"),
    (f"{USER}\na b c\n", "a\nb\n", "line 2: More than"),
    (f"{USER}\n\n{USER.upper()}\n", "a\nb\n", "line 3: "),
    ("# nobody\n", "a\n", "no users"),
    (f"{USER}\n{OTHER}\n", "a\n", "line 2: The password"),
    (f"{USER}\n{OTHER}\n", "a\nb\nc\n", "more passwords"),
    (f"{USER}\n{OTHER}\n", "a\n\n", "line 2: The password"),
    (f"{USER}\n", "\0\n", "line 1: The password"),
], ids=lambda value: repr(value)[:30])
def test_file_with_a_mistake(target, text, passwords, complaint):
    """All of it is looked at before anything is changed."""
    users = target.folder / "users"
    users.write_text(text)
    result = target.doveadm("migration", "add", "-p", "oldhost",
                            "--password-stdin", "-F", users, stdin=passwords)
    assert result.returncode == USAGE, result.stderr
    assert complaint in result.stderr, result.stderr
    assert str(users) in result.stderr
    assert target.store.accounts() == target.store.jobs() == []


# What cannot be done

@pytest.mark.parametrize("args, complaint", [
    ([], "usage"), (["-p", "oldhost"], "usage"), ([USER], "usage"),
    (["-p", "oldhost", USER, "-F", "/dev/null"], "usage"),
    (["-p", "oldhost", "-r", "x", "-F", "/dev/null"], "usage"),
    (["-p", "nohost", USER], "oldhost"),
    (["-p", "oldhost", USER], "--password-stdin"),
    (["-p", "oldhost", "--password-stdin", "-F", "-"], "both"),
    (["-p", "oldhost", "--password-stdin", "-F", "/no/file"], "/no/file"),
    (["-p", "oldhost", "--password-stdin", "x@foreign.example"],
     "does not serve"),
    (["-p", "oldhost", "--password-stdin", "no-domain"], "does not serve"),
    (["-p", "oldhost", "--password-stdin", USER, "-r", ""], "empty"),
    (["-p", "oldhost", "--password-stdin", USER], "password of"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else value)
def test_usage(target, args, complaint):
    result = target.doveadm("migration", "add", *args, stdin="\n")
    assert result.returncode == USAGE, result.stderr
    assert complaint in result.stderr


def test_without_key_or_queue(folders):
    target = Target(folders("stopped"), {
        "oldhost": plain_provider(free_port(), "old.example")})
    target.generate_keys()
    target.write_config()
    assert "userdb" in add(target, USER, code=TEMPFAIL)
    with target:
        target.kill("migration")
        wait_until("the queue to be back",
                   lambda: target.processes("migration"))
        assert add_one(target).startswith("changed: ")
        (target.folder / "keys/public.pem").write_text("not a key\n")
        assert "public.pem" in add(target, OTHER, code=CONFIG)

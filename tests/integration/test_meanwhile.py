"""The account changes here while a login is on its way. A right password is
never called wrong, and a password of this server's goes to no provider."""

import threading

import pytest

from checks import assert_answer
from dovecot import for_version, own
from liar import Liar, Session
from polling import wait_until
from target import Target, plain_provider
from test_at_home import passwd_file_database

USER = "anna@old.example"
OK = ("OK", None)
REFUSED = ("NO", "AUTHENTICATIONFAILED")
TEMPORARY = ("NO", "UNAVAILABLE")

CREATE_ACCOUNT = ("INSERT INTO migration_account "
                  "(username, domain, password, enabled, created) "
                  "VALUES (?, 'old.example', ?, 1, 1)")
SET_PASSWORD = "UPDATE migration_account SET password = ? WHERE username = ?"

# The first one who comes has to wait.
GATE = """
if mkdir "{folder}/reached" 2>/dev/null; then
	while [ ! -e "{folder}/open" ]; do
		sleep 0.02
	done
fi
"""
# A userdb that knows nobody
CHECKPASSWORD = f"""#!/bin/sh
cat <&3 >/dev/null
{GATE}
exit 3
"""
LUA = f"""
function auth_userdb_lookup(request)
  os.execute([[{GATE}]])
  return dovecot.auth.USERDB_RESULT_USER_UNKNOWN, "knows nobody"
end
"""


class Gate:
    """Where a first login waits after the queue has said that nobody has the
    name, and before the userdbs are asked."""

    def __init__(self, target):
        self.folder = target.folder / "gate"
        self.folder.mkdir()
        own(self.folder)
        script = self.folder / "script"
        script.write_text(for_version(CHECKPASSWORD, LUA).replace(
            "{folder}", str(self.folder)))
        own(script)
        target.databases = for_version(
            f"userdb {{\n  driver = checkpassword\n  args = {script}\n}}\n",
            f"userdb lua {{\n  driver = lua\n  lua_file = {script}\n}}\n")

    def wait_reached(self):
        wait_until("a login to reach the gate",
                   (self.folder / "reached").exists)

    def open(self):
        (self.folder / "open").touch()


class Attempt:
    """A login beside the others. A context manager: it has its answer when the
    block ends."""

    def __init__(self, target, password):
        self.thread = threading.Thread(target=self._run)
        self.target, self.password = target, password
        self.answer = None

    def _run(self):
        self.answer = self.target.login(USER, self.password)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_exc):
        self.thread.join()


def checks(target):
    """Login checks that the provider was asked for."""
    target.settle_log()
    return target.log_lines("info", f"Login of {USER} at provider oldhost")


@pytest.fixture
def liar():
    with Liar(Session, {USER.encode(): b"right"}) as liar:
        yield liar


@pytest.fixture
def gated(folders, liar):
    """A target and the gate in it."""
    target = Target(folders("meanwhile"), {
        "oldhost": plain_provider(liar.port, "old.example")},
        {"migration_login": "local"})
    gate = Gate(target)
    target.databases += passwd_file_database("userdb", target.folder / "more")
    (target.folder / "more").touch()
    with target:
        yield target, gate
        gate.open()
    target.assert_no_crash()


@pytest.mark.parametrize("password, answer, asked", [
    ("right", OK, 1), ("wrong", REFUSED, 2)], ids=["right", "wrong"])
def test_created_by_another_login(gated, password, answer, asked):
    """The first of two logins finds the account that the second one made."""
    target, gate = gated
    with Attempt(target, password) as first:
        gate.wait_reached()
        assert_answer(target.login(USER, "right"), "OK")
        gate.open()
    assert_answer(first.answer, *answer)
    assert len(checks(target)) == asked
    assert target.store.jobs() == target.store.accounts() == [USER]
    target.assert_serves_locally(USER, "right")


def test_created_by_another_login_and_changed_here(gated):
    """Then the provider is not asked, although the record is unfinished."""
    target, gate = gated
    with Attempt(target, "wrong") as first:
        gate.wait_reached()
        assert_answer(target.login(USER, "right"), "OK")
        target.store.write(SET_PASSWORD, "{PLAIN}ours", USER)
        gate.open()
    assert_answer(first.answer, *REFUSED)
    assert len(checks(target)) == 1


@pytest.mark.parametrize("password", ["ours", "right"])
def test_created_by_an_administrator(liar, gated, password):
    """Nobody can say yet whether the password is right. It goes nowhere."""
    target, gate = gated
    with Attempt(target, password) as first:
        gate.wait_reached()
        target.store.write(CREATE_ACCOUNT, USER, "{PLAIN}ours")
        gate.open()
    assert_answer(first.answer, *TEMPORARY)
    assert_answer(target.login(USER, password),
                  *(OK if password == "ours" else REFUSED))
    assert liar.connections() == 0
    assert target.store.jobs() == []


def test_created_in_another_userdb(liar, gated):
    target, gate = gated
    with Attempt(target, "right") as first:
        gate.wait_reached()
        (target.folder / "more").write_text(
            f"{USER}::5000:5000::/nowhere::\n")
        gate.open()
    assert_answer(first.answer, *REFUSED)
    assert liar.connections() == 0
    assert target.store.accounts() == []


class HeldCheck:
    """A provider that lets everybody in, but does not answer while it is
    held."""

    def __init__(self, liar):
        self.going = threading.Event()
        self.going.set()
        going = self.going

        class Held(Session):
            def answer_login(self, tag, login):
                going.wait()
                super().answer_login(tag, login)

        liar.accounts = None
        liar.script = Held

    def hold(self):
        self.going.clear()

    def go_on(self):
        self.going.set()


@pytest.fixture
def held(liar):
    held = HeldCheck(liar)
    yield held
    held.go_on()


def make_moved(make_target, liar):
    """Both sides have the password "right"."""
    target = make_target(
        {"oldhost": plain_provider(liar.port, "old.example")},
        overrides={"migration_login": "local"})
    assert_answer(target.login(USER, "right"), "OK")
    target.store.wait_moved(USER)
    return target


@pytest.mark.parametrize("change, parameters, first, later", [
    (SET_PASSWORD, ("{PLAIN}new", USER), OK, OK),
    (SET_PASSWORD, ("{PLAIN}third", USER), REFUSED, REFUSED),
    ("UPDATE migration_job SET phase = 'finished' WHERE username = ?",
     (USER,), TEMPORARY, REFUSED),
    ("DELETE FROM migration_job WHERE username = ?", (USER,), TEMPORARY,
     REFUSED),
    ("UPDATE migration_account SET enabled = 0 WHERE username = ?", (USER,),
     TEMPORARY, REFUSED),
], ids=["same password", "another password", "finished", "deleted",
        "disabled"])
def test_changed_during_the_check(make_target, liar, held, change, parameters,
                                  first, later):
    """The provider accepts a new password, but the account is not the one that
    it was."""
    target = make_moved(make_target, liar)
    came = len(liar.logins)
    held.hold()
    with Attempt(target, "new") as attempt:
        wait_until("the check to be at the provider",
                   lambda: len(liar.logins) > came)
        target.store.write(change, *parameters)
        before = target.store.account(USER)
        held.go_on()
    assert_answer(attempt.answer, *first)
    assert target.store.account(USER) == before
    came = liar.connections()
    assert_answer(target.login(USER, "new"), *later)
    assert liar.connections() == came

"""Whatever the password is made of, it arrives unchanged: at the login check,
in the pull, and at the next login here."""

import pytest

import liar_modes
from checks import assert_answer, assert_moved
from corpus import make_small_corpus
from imap import Client
from liar import Liar, Login, Session
from polling import wait_until
from provider import Provider
from target import Target, plain_provider

# In passwords, Dovecot's auth process refuses these by itself.
DOVECOT_REFUSES = b"\x01\t\r\n"
PASSWORDS = {
    **{f"with {char}": f"a{char}b{char}{char}".encode()
       for char in "%&$*\"\\/{}()[]<>'`~!?#;:,|^=+-@"},
    "percent variables": b"%u%{user}%%x%",
    "literal syntax": b"abc{3}",
    "non-synchronising literal": b"abc{3+}",
    "quotes": b'"quoted"',
    "only a quote": b'"',
    "only a backslash": b"\\",
    "ends with a backslash": b"end\\",
    "blanks": b" two  blanks ",
    "utf-8": "Grüße 日本語 🔑".encode(),
    "latin1": "Grüße".encode("latin1"),
    "control characters": bytes(byte for byte in range(1, 32)
                                if byte not in DOVECOT_REFUSES) + b"\x7f",
    "8-bit": bytes(range(128, 256)),
    "255 bytes": b"Aa0-" * 63 + b"xyz",
    "NIL": b"NIL",
    "shell": b"$(id);`id`|&&",
    "sql": b"'; DROP TABLE migration_account; --",
}
UNSENDABLE = {
    "newline": b"new\nline",
    "carriage return": b"carriage\rreturn",
    "tab": b"tab\there",
    "empty": b"",
}


class Bench:
    """A scripted provider that offers AUTHENTICATE PLAIN and one that knows
    LOGIN only, behind the same target."""

    def __init__(self, folder, plain, login):
        self.liars = {"plain": plain, "login": login}
        self.target = Target(folder, {
            name: plain_provider(liar.port, f"{name}.example")
            for name, liar in self.liars.items()
        }, {"migration_login": "local"})
        self.users = 0

    def new_user(self, kind):
        self.users += 1
        return f"user{self.users}@{kind}.example"


@pytest.fixture(scope="module")
def bench(folders):
    with Liar(Session, {}) as plain, \
            Liar(liar_modes.OnlyLogin, {}) as login:
        bench = Bench(folders("passwords"), plain, login)
        with bench.target:
            yield bench
    bench.target.assert_no_crash()


@pytest.mark.parametrize("kind", ["plain", "login"])
@pytest.mark.parametrize("password", PASSWORDS.values(), ids=PASSWORDS)
def test_password_arrives_unchanged(bench, kind, password):
    user, liar = bench.new_user(kind), bench.liars[kind]
    liar.accounts[user.encode()] = password
    assert_answer(bench.target.login(user, password), "OK")
    bench.target.store.wait_moved(user)
    expected = Login(kind.upper(), user.encode(), password)
    attempts = liar.logins_of(user.encode())
    assert len(attempts) >= 2, "the check and the pull"
    assert all(attempt == expected for attempt in attempts)
    # the next login is against the hash that was made of it
    assert_answer(bench.target.login(user, password), "OK")


@pytest.mark.parametrize("other", [
    b"Secret", b"secret ", b" secret", b"secre", b"secret" * 60,
    b"secret\xff"])
def test_other_password_is_refused(bench, other):
    """Nothing is cut off or folded on the way."""
    user = bench.new_user("plain")
    bench.liars["plain"].accounts[user.encode()] = b"secret"
    assert_answer(bench.target.login(user, b"secret"), "OK")
    bench.target.store.wait_moved(user)
    assert_answer(bench.target.login(user, other), "NO",
                  "AUTHENTICATIONFAILED")


@pytest.mark.parametrize("way", ["login_quoted", "login_literal"])
def test_login_command_at_the_target(bench, way):
    user, password = bench.new_user("plain"), b'q"\\{5} %u'
    bench.liars["plain"].accounts[user.encode()] = password
    with Client(bench.target.ports["imap"]) as client:
        assert_answer(getattr(client, way)(user.encode(), password), "OK")
    bench.target.store.wait_moved(user)
    assert bench.liars["plain"].logins_of(user.encode())[0].password == \
        password


@pytest.mark.parametrize("password", UNSENDABLE.values(), ids=UNSENDABLE)
def test_unsendable_password_is_refused(bench, password):
    user, liar = bench.new_user("plain"), bench.liars["plain"]
    liar.accounts = {**liar.accounts, user.encode(): password}
    contacts = liar.connections()
    assert_answer(bench.target.login(user, password), "NO",
                  "AUTHENTICATIONFAILED")
    assert liar.connections() == contacts
    assert bench.target.store.account(user) is None


@pytest.mark.parametrize("password", [
    PASSWORDS["latin1"], PASSWORDS["utf-8"], b'all "in\\one" %{u} {7}'],
    ids=["latin1", "utf-8", "ascii"])
def test_real_provider(folders, make_target, password):
    user = "ida@old.example"
    with Provider(folders("odd")) as old:
        old.add_user(user, password)
        old.seed(user, make_small_corpus())
        target = make_target(
            {"oldhost": plain_provider(old.ports["imap"], "old.example")},
            overrides={"migration_login": "local"})
        assert_answer(target.login(user, password), "OK")
        target.store.wait_moved(user)
        assert_moved(old, target, user)


def test_changed_at_the_provider_before_the_pull(make_target):
    """The stored password is refused, the next good login repairs it."""
    user = "jan@old.example"
    with Liar(liar_modes.HangingPull, {user.encode(): b"first"}) as liar:
        target = make_target({"oldhost": plain_provider(
            liar.port, "old.example")})
        assert_answer(target.login(user, "first"), "NO", "UNAVAILABLE")
        wait_until("the worker to be at the provider",
                   lambda: len(liar.logins) >= 2)
        liar.script = Session
        liar.accounts = {user.encode(): b"second"}
        liar.drop_connections()
        job = target.store.wait_for(user, control="blocked")
        assert job["reason"] == "password"
        assert "password" in job["error"] or "refuse" in job["error"]

        logins = len(liar.logins)
        assert_answer(target.login(user, "third"), "NO",
                      "AUTHENTICATIONFAILED")
        assert target.store.job(user)["control"] == "blocked"
        assert len(liar.logins) == logins + 1

        assert_answer(target.login(user, "second"), "NO", "UNAVAILABLE")
        job = target.store.wait_moved(user)
        assert (job["control"], job["reason"]) == ("active", "")
        assert_answer(target.login(user, "second"), "OK")
        assert_answer(target.login(user, "first"), "NO")


def test_changed_here(make_target):
    """Then the old password is refused here, whatever the provider says."""
    user = "kai@old.example"
    with Liar(Session, {user.encode(): b"old"}) as liar:
        target = make_target(
            {"oldhost": plain_provider(liar.port, "old.example")},
            overrides={"migration_login": "local"})
        assert_answer(target.login(user, "old"), "OK")
        target.store.wait_moved(user)
        target.store.write("UPDATE migration_account SET password = ? "
                           "WHERE username = ?", "{PLAIN}new", user)
        contacts = liar.connections()
        assert_answer(target.login(user, "new"), "OK")
        assert_answer(target.login(user, "old"), "NO", "AUTHENTICATIONFAILED")
        assert liar.connections() == contacts

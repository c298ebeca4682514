"""Nobody who is at home here is affected (promise P1): their passwords go to
no provider, and no provider slows them down."""

import statistics
import threading
import time

import pytest

import liar_modes
from checks import assert_answer
from dovecot import for_version, passwd_file
from liar import Liar
from polling import wait_until
from target import Target, plain_provider

LOCAL_USERS = {"lea@old.example": "lea's", "mia@home.example": "mia's"}


def passwd_file_database(kind, path):
    return passwd_file(kind, path, name=path.name)


@pytest.fixture(scope="module")
def liar():
    """A provider that would let everybody in."""
    with Liar() as liar:
        yield liar


def add_second_databases(target):
    """A second passdb in front, and a userdb whose users no passdb has."""
    second, only = target.folder / "second", target.folder / "only-userdb"
    second.write_text("nils@old.example:{PLAIN}nils's:5000:5000::/nowhere::\n")
    only.write_text("olaf@old.example::5000:5000::/nowhere::\n")
    target.databases = (passwd_file_database("passdb", second) +
                        passwd_file_database("userdb", only))


@pytest.fixture(scope="module", params=["", "auth_cache_size = 1 M\n"],
                ids=["no cache", "cache"])
def target(request, folders, liar):
    target = Target(folders("home"), {
        "oldhost": plain_provider(liar.port, "old.example")},
        {"migration_login": "local"}, LOCAL_USERS)
    add_second_databases(target)
    target.extra = request.param
    with target:
        yield target
    target.assert_no_crash()


@pytest.mark.parametrize("user", [
    "lea@old.example", "LEA@Old.example", "nils@old.example",
    "olaf@old.example", "mia@home.example", "nobody@foreign.example",
    "nobody"])
def test_no_contact(liar, target, user):
    contacts = liar.connections()
    for _ in range(3):
        assert_answer(target.login(user, "wrong"), "NO",
                      "AUTHENTICATIONFAILED")
    assert liar.connections() == contacts
    assert target.store.account(user.lower()) is None
    assert target.store.job(user.lower()) is None


@pytest.mark.parametrize("user, password", [
    ("lea@old.example", "lea's"), ("mia@home.example", "mia's")])
def test_right_password(liar, target, user, password):
    contacts = liar.connections()
    assert_answer(target.login(user, "wrong"), "NO")
    assert_answer(target.login(user, password), "OK")
    assert liar.connections() == contacts


def test_unknown_user_of_the_domain_is_asked(liar, target):
    """What the other tests would see if they could fail."""
    contacts = liar.connections()
    user = f"paul{contacts}@old.example"
    assert_answer(target.login(user, "anything"), "OK")
    assert liar.connections() > contacts
    target.store.wait_moved(user)


def test_moved_account_is_at_home(liar, target):
    """An account that was made by a migration and whose record is gone."""
    user = "quinn@old.example"
    assert_answer(target.login(user, "right"), "OK")
    target.store.wait_moved(user)
    target.store.write("DELETE FROM migration_job WHERE username = ?", user)
    contacts = liar.connections()
    assert_answer(target.login(user, "right"), "OK")
    assert_answer(target.login(user, "wrong"), "NO", "AUTHENTICATIONFAILED")
    assert liar.connections() == contacts
    assert target.store.job(user) is None


def test_failing_passdb_in_front(folders, liar):
    """When a local database does not answer, nobody can be told from a local
    user: nothing is sent."""
    target = Target(folders("home"), {
        "oldhost": plain_provider(liar.port, "old.example")})
    target.databases = for_version(
        "passdb {\n  driver = sql\n  args = "
        f"{target.folder}/broken-sql.conf\n}}\n",
        "passdb sql {\n  sql_driver = sqlite\n"
        f"  sqlite_path = {target.folder}/no-such-database/file\n"
        "  query = SELECT password FROM users WHERE user = '%{user}'\n}\n")
    (target.folder / "broken-sql.conf").write_text(
        "driver = sqlite\n"
        f"connect = {target.folder}/no-such-database/file\n"
        "password_query = SELECT password FROM users WHERE user = '%u'\n")
    with target:
        contacts = liar.connections()
        assert_answer(target.login("rosa@old.example", "x"), "NO",
                      "UNAVAILABLE")
        assert liar.connections() == contacts
        assert target.store.account("rosa@old.example") is None


def pam_target(folders, liar, userdb):
    """Debian's passdb pam alone in front of the plugin."""
    target = Target(folders("home"), {
        "oldhost": plain_provider(liar.port, "old.example")},
        {"migration_login": "local"})
    target.databases = (
        f"passdb {for_version('', 'pam')} {{\n  driver = pam\n}}\n"
        f"userdb {for_version('', 'system')} {{\n  {userdb}\n}}\n")
    return target


# ursula is a user of the system, see the script "run"

def test_pam(folders, liar):
    """Debian's PAM says "wrong password" of users that it has never heard
    of."""
    with pam_target(folders, liar, "driver = passwd") as target:
        contacts = liar.connections()
        assert_answer(target.login("ursula@old.example", "wrong"), "NO",
                      "AUTHENTICATIONFAILED")
        assert liar.connections() == contacts
        assert target.store.account("ursula@old.example") is None
        assert target.doveadm("auth", "test", "ursula@old.example",
                              "ursula's").returncode == 0
        user = f"victor{contacts}@old.example"
        assert_answer(target.login(user, "anything"), "OK")
        assert liar.connections() > contacts
        target.store.wait_moved(user)


def test_pam_without_userdb_passwd(folders, liar):
    """Nobody else can tell PAM's users from others: all are at home."""
    userdb = for_version(
        "driver = static\n  args = uid=5000 gid=5000 home=/nowhere/%u "
        "allow_all_users=yes",
        "driver = static\n  userdb_static_allow_all_users = yes\n"
        "  fields {\n    uid = 5000\n    gid = 5000\n"
        "    home = /nowhere/%{user}\n  }")
    with pam_target(folders, liar, userdb) as target:
        contacts = liar.connections()
        for user in ("ursula@old.example", "wilma@old.example"):
            assert_answer(target.login(user, "wrong"), "NO",
                          "AUTHENTICATIONFAILED")
        assert liar.connections() == contacts


def login_times(target, count):
    times = []
    for _ in range(count):
        started = time.monotonic()
        assert_answer(target.login("mia@home.example", "mia's"), "OK")
        times.append(time.monotonic() - started)
    return times


@pytest.mark.alone
@pytest.mark.parametrize("script", [
    liar_modes.hanging_at("answer_login"), liar_modes.EndlessGreeting,
    liar_modes.HugeCapability], ids=["hanging", "endless", "huge"])
def test_hostile_provider_slows_nobody_down(make_target, figures, script):
    with Liar(script) as liar:
        target = make_target(
            {"oldhost": plain_provider(liar.port, "old.example")},
            overrides={"migration_login_timeout": "5 secs",
                       # which would help
                       "migration_breaker_failures": "0"},
            local_users=LOCAL_USERS)
        alone = login_times(target, 20)
        answers = []
        threads = [threading.Thread(target=lambda i=i: answers.append(
            target.login(f"user{i}@old.example", "x"))) for i in range(20)]
        for thread in threads:
            thread.start()
        wait_until("logins to be on their way", lambda: liar.accepted >= 10)
        meanwhile = login_times(target, 20)
        for thread in threads:
            thread.join()
        figures(f"local login alone {statistics.median(alone) * 1000:.0f} ms, "
                f"meanwhile {statistics.median(meanwhile) * 1000:.0f} ms, "
                f"slowest {max(meanwhile) * 1000:.0f} ms")
        assert [answer.code for answer in answers] == ["UNAVAILABLE"] * 20
        assert statistics.median(meanwhile) < \
            max(5 * statistics.median(alone), 0.25)
        assert max(meanwhile) < 1.5

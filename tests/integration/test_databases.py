"""PostgreSQL and MariaDB: servers that go away, wrong settings, several at
once."""

import os
import shutil
import threading
import time

import pytest

from checks import assert_answer
from databases import PASSWORD
from dovecot import IS_24, Dovecot
from liar import Liar, Session
from liar_modes import HangingPull
from polling import wait_until
from store import VERSION
from target import Target, plain_provider

USER = "paula@old.example"
USERS = {user.encode(): b"pw" for user in (USER, "peter@old.example")}
TEMPFAIL, CONFIG = 75, 78
LOST = "No connection"


@pytest.fixture
def liar():
    with Liar(Session, USERS) as old:
        yield old


@pytest.fixture
def make(make_target, server, liar):
    def make(database=None, **overrides):
        return make_target(
            {"oldhost": plain_provider(liar.port, "old.example")},
            database=database or server.make_database(),
            overrides={"migration_login": "local", **overrides})
    return make


def assert_no_password(target):
    for log in ("error", "info", "debug"):
        assert PASSWORD not in target.read_log(log)


def assert_moved_once(target, user=USER):
    target.store.wait_moved(user)
    assert target.store.accounts().count(user) == 1
    assert target.store.jobs().count(user) == 1
    assert target.store.domains() == ["old.example"]


def copy_with_owner(source, path):
    shutil.copy2(source, path)
    status = os.stat(source)
    os.chown(path, status.st_uid, status.st_gid)


class Login:
    """In the background."""

    def __init__(self, target, user=USER, password="pw"):
        self.answer = None
        self.thread = threading.Thread(target=self._run,
                                       args=(target, user, password))
        self.thread.start()

    def _run(self, *args):
        target, user, password = args
        self.answer = target.login(user, password)

    def join(self):
        self.thread.join(90)
        assert self.answer is not None
        return self.answer


class LockedDomains:
    """Nobody can write to migration_domain, which comes between account and
    record. The connection dies with the server."""

    def __init__(self, database):
        self.database = database
        self.connection = database.server.connect(database=database.name)
        cursor = self.connection.cursor()
        if database.driver == "pgsql":
            self.connection.autocommit = False
            cursor.execute("LOCK TABLE migration_domain IN SHARE MODE")
        else:
            cursor.execute("LOCK TABLES migration_domain READ")

    def is_waited_for(self):
        if self.database.driver == "pgsql":
            sql = ("SELECT 1 AS one FROM pg_stat_activity WHERE "
                   "wait_event_type = 'Lock' AND "
                   "query LIKE 'INSERT INTO migration_domain%'")
        else:
            sql = ("SELECT 1 AS one FROM information_schema.processlist "
                   "WHERE state LIKE 'Waiting%' AND "
                   "info LIKE 'INSERT INTO migration_domain%'")
        return self.database.execute(sql, fetch=True) != []


def test_restart_in_a_transaction(make, server):
    """Nothing of it is left, the user gets a temporary failure, and the next
    login works."""
    target = make()
    lock = LockedDomains(target.database)
    login = Login(target)
    wait_until("the transaction to wait", lock.is_waited_for)
    server.crash()
    server.start()
    assert_answer(login.join(), "NO", "UNAVAILABLE")
    assert (target.store.accounts(), target.store.jobs(),
            target.store.domains()) == ([], [], [])
    wait_until("a login to work", lambda: target.login(
        USER, "pw").status == "OK", 15)
    assert_moved_once(target)
    assert_no_password(target)


def test_connections_are_cut(make, server):
    """A login may fail: Dovecot's own passdb sql has lost its connections as
    well. The next one works."""
    target = make()
    for user in (USER, "peter@old.example"):
        server.drop_connections()
        wait_until("a login to work", lambda: target.login(
            user, "pw").status == "OK", 5)
        assert_moved_once(target, user)
    server.drop_connections()
    control = target.doveadm("migration", "pause", "-u", USER, check=True)
    assert "paused" in control.stdout
    assert_no_password(target)


def test_down_and_up(make, server):
    """Nobody logs in meanwhile: Dovecot's own passdb sql waits for a minute."""
    target = make()
    assert_answer(target.login(USER, "pw"), "OK")
    target.store.wait_moved(USER)
    server.stop()
    for _ in range(2):
        result = target.doveadm("migration", "list")
        assert result.returncode == TEMPFAIL
        assert "does the server run, and are host and port" in result.stderr
        assert len(result.stderr.splitlines()) == 1, result.stderr
    wait_until("the queue to notice", lambda: target.log_lines(
        "error", "Cannot read", "No connection: "), 25)
    server.start()
    wait_until("a login to work", lambda: target.login(
        "peter@old.example", "pw").status == "OK", 15)
    assert_moved_once(target, "peter@old.example")
    target.doveadm("migration", "list", check=True)
    assert_no_password(target)


def test_down_while_a_sync_ends(make, server, liar):
    """How it ended is written when the server is back, not when the lease is
    over."""
    liar.script = HangingPull
    target = make()
    assert_answer(target.login(USER, "pw"), "OK")
    wait_until("the sync to hang", lambda: any(
        "EXAMINE" in contact.commands or "STATUS" in contact.commands
        for contact in liar.contacts))
    server.stop()
    liar.script = Session
    liar.drop_connections()
    wait_until("the end of the sync", lambda: target.log_lines(
        "error", "Cannot write how the sync ended"), 30)
    server.start()
    # it is not done, but free for the next attempt
    target.store.wait_for(USER, 20, lease_owner="")
    assert target.store.job(USER)["attempts"] == 1 or \
        target.store.job(USER)["control"] == "blocked"


WRONG = {
    # what is wrong: settings, exit code, what is said
    "password": ({"password": "wr0ng"}, CONFIG,
                 "check user and password in migration_db_connect"),
    "database": ({"dbname": "no_such_database"}, CONFIG, ""),
    "port": ({"port": 1}, TEMPFAIL,
             "does the server run, and are host and port in "
             "migration_db_connect right?"),
}


def start_badly(folders, liar, database, **words):
    target = Target(
        folders("wrong"),
        {"oldhost": plain_provider(liar.port, "old.example")},
        {"migration_login": "local",
         "migration_db_connect": database.connect_string(**words)},
        database=database)
    target.generate_keys()
    Dovecot.start(target)
    return target


def complaint(target):
    """The one line about the database."""
    return wait_until("a complaint", lambda: target.log_lines(
        "error", "no user can be taken over until this works"))[0]


@pytest.mark.parametrize("what", WRONG)
def test_wrong_settings(folders, server, liar, what):
    words, code, text = WRONG[what]
    database = server.make_database()
    target = start_badly(folders, liar, database, **words)
    try:
        line = complaint(target)
        assert f"Database {database.driver} host=127.0.0.1 port=" in line
        assert text in line
        result = target.doveadm("migration", "list")
        assert (result.returncode, text in result.stderr) == (code, True), \
            result.stderr
        assert len(result.stderr.splitlines()) == 1, result.stderr
        assert_no_password(target)
        assert "wr0ng" not in target.read_log("error") + result.stderr
    finally:
        target.stop()
    target.assert_no_crash()


def test_missing_right(folders, server, liar):
    """It goes on by itself as soon as the right is there."""
    database = server.make_database()
    if server.driver == "pgsql":
        database.admin(f"ALTER DATABASE {database.name} OWNER TO postgres",
                       "REVOKE ALL ON SCHEMA public FROM PUBLIC",
                       f"GRANT USAGE ON SCHEMA public TO {database.user}")
        grant = f"GRANT ALL ON SCHEMA public TO {database.user}"
    else:
        database.admin(f"REVOKE ALL ON {database.name}.* FROM {database.user}",
                       f"GRANT SELECT ON {database.name}.* TO {database.user}")
        grant = f"GRANT ALL ON {database.name}.* TO {database.user}"
    target = start_badly(folders, liar, database)
    try:
        assert "let the user of migration_db_connect make" in complaint(target)
        database.admin(grant)
        wait_until("the tables", target.store.is_ready, 30)
        wait_until("a login to work", lambda: target.login(
            USER, "pw").status == "OK", 15)
        assert_moved_once(target)
    finally:
        target.stop()
    target.assert_no_crash()


def test_three_start_at_once(folders, server, liar):
    """All use the tables that one of them has made; each may be the first to
    see a user."""
    database = server.make_database()
    targets = [Target(folders("node"),
                      {"oldhost": plain_provider(liar.port, "old.example")},
                      {"migration_login": "local"}, database=database)
               for _ in range(3)]
    targets[0].generate_keys()
    for target in targets[1:]:
        shutil.copytree(targets[0].folder / "keys", target.folder / "keys",
                        copy_function=copy_with_owner)
    try:
        threads = [threading.Thread(target=target.start)
                   for target in targets]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(row["version"] for row in targets[0].store.rows(
            "SELECT version FROM migration_schema")) == \
            list(range(1, VERSION + 1))
        logins = [Login(target, user.decode()) for target in targets
                  for user in USERS]
        for login in logins:
            assert_answer(login.join(), "OK")
        for user in USERS:
            assert_moved_once(targets[0], user.decode())
        for target in targets:
            assert target.log_lines("error", "atabase") == []
    finally:
        for target in targets:
            target.stop()


def test_connect_string_in_a_file(make, server, folders):
    """Nobody sees the password."""
    database = server.make_database()
    path = folders("secret")
    path.write_text(database.connect_string() + "\n")
    path.chmod(0o600)
    target = make(database, migration_db_connect=f"<{path}")
    assert_answer(target.login(USER, "pw"), "OK")
    assert_moved_once(target)
    shown = [line.split("=")[0].strip() for line in target.doveconf(
        "-n", check=True).stdout.splitlines() if PASSWORD in line]
    # Dovecot 2.4 shows that of its own pgsql driver, once for the passdb and
    # once for the userdb
    assert shown == (["password"] * 2 if IS_24 and server.driver == "pgsql"
                     else [])
    status = target.doveadm("-f", "tab", "migration", "status",
                            check=True).stdout
    assert f"{database.driver} host=127.0.0.1" in status
    assert PASSWORD not in status
    assert_no_password(target)

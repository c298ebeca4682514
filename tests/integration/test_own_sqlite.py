"""Accounts in tables of one's own, in the SQLite database of the plugin: what
the configuration may look like, and what becomes of it."""

import shutil

import pytest

from checks import assert_answer
from liar import Liar, Session
from target import Target, plain_provider

USER, PASSWORD = "paula@old.example", "it's \"paula's\" %{user}?"
CONFIG = 78
# As somebody may write it, with everything that Dovecot could take for its own
SETTINGS = {
    "migration_account_lookup":
        "SELECT hash AS password, \\\n    active AS enabled /* ; %{x} */ \\\n"
        "  FROM box WHERE address = %{user}",
    "migration_domain_create":
        "INSERT INTO dom SELECT %{domain} WHERE NOT EXISTS \\\n"
        "  (SELECT 1 FROM dom WHERE name = %{domain});",
    "migration_account_create":
        "INSERT INTO box (address, hash, note) VALUES (%{user}, \\\n"
        "    %{password}, '50%% \"$HOME\" {a;b} ''' || %{username}); \\\n"
        "  INSERT INTO box (address, hash, note) SELECT \\\n"
        "    'copy-' || %{user}, '', CAST(%{provider} AS TEXT) \\\n"
        "  WHERE %{remote_user} LIKE '%%@old.example'",
    "migration_account_password":
        "UPDATE box SET hash = %{password} WHERE address = %{user} \\\n"
        "  AND hash = %{old_password}",
}
TABLES = (
    "CREATE TABLE dom (name TEXT PRIMARY KEY)",
    "CREATE TABLE box (address TEXT PRIMARY KEY, hash TEXT NOT NULL, "
    "note TEXT, active INTEGER NOT NULL DEFAULT 1)",
    "CREATE VIEW own_passdb AS SELECT address AS username, hash AS password, "
    "s.hold FROM box LEFT JOIN migration_user_state s ON s.username = address "
    "WHERE active = 1",
    "CREATE VIEW own_userdb AS SELECT address AS username, s.defer_delivery "
    "FROM box LEFT JOIN migration_user_state s ON s.username = address "
    "WHERE active = 1",
)


class OwnTarget(Target):
    """The shipped queries, on views of the tables."""

    def _copy_conf_d(self):
        super()._copy_conf_d()
        for path in (self.folder / "conf.d").iterdir():
            path.write_text(path.read_text()
                            .replace("migration_passdb", "own_passdb")
                            .replace("migration_userdb", "own_userdb"))

    def start(self):
        super().start()
        for sql in TABLES:
            self.store.write(sql)
        return self

    def snapshot_tables(self):
        return [self.store.rows(f"SELECT * FROM {table}") for table in
                ("dom", "box", "migration_job", "migration_account",
                 "migration_domain")]


@pytest.fixture
def liar():
    with Liar(Session, {USER.encode(): PASSWORD.encode()}) as old:
        yield old


@pytest.fixture
def make(folders, liar, tmp_path):
    targets = []

    def make(**overrides):
        target = OwnTarget(
            folders("own"),
            {"oldhost": plain_provider(liar.port, "old.example")},
            overrides={"migration_login": "local", **SETTINGS, **overrides})
        targets.append(target)
        return target

    yield make
    for target in targets:
        target.stop()
        target.assert_no_crash()
        shutil.rmtree(target.folder)


def test_logins(make, liar):
    target = make().start()
    assert_answer(target.login(USER, PASSWORD), "OK")
    target.store.wait_moved(USER)
    copy, account = target.store.rows("SELECT * FROM box ORDER BY address")
    assert (account["address"], account["note"]) == \
        (USER, "50% \"$HOME\" {a;b} 'paula")
    assert (copy["address"], copy["note"]) == ("copy-" + USER, "oldhost")
    assert target.store.rows("SELECT * FROM dom") == [{"name": "old.example"}]
    assert account["hash"] == target.store.job(USER)["adopted_password"]
    assert target.store.accounts() == target.store.domains() == []
    asked = len(liar.contacts)
    assert_answer(target.login(USER, PASSWORD), "OK")
    assert len(liar.contacts) == asked
    # the provider's password is another one
    liar.accounts[USER.encode()] = b"new"
    assert_answer(target.login(USER, "new"), "OK")
    new = target.store.rows("SELECT hash FROM box WHERE address = ?", USER)
    assert new[0]["hash"] != account["hash"]
    assert target.log_lines("error", "") == []


def test_statement_fails(make):
    target = make(migration_account_create=(
        SETTINGS["migration_account_create"] +
        "; INSERT INTO dom VALUES (%{domain})")).start()
    before = target.snapshot_tables()
    assert_answer(target.login(USER, PASSWORD), "NO", "UNAVAILABLE")
    assert target.snapshot_tables() == before
    (line,) = target.log_lines("error", USER)
    for part in ("migration_account_create: statement 3 failed: UNIQUE",
                 "own-tables.md"):
        assert part in line


def test_left_to_the_other_program(make, tmp_path):
    target = make().start()
    assert_answer(target.login(USER, PASSWORD), "OK")
    target.store.wait_moved(USER)
    before = target.snapshot_tables()
    result = target.doveadm("migration", "delete", "--account", "-u", USER)
    assert (result.returncode, result.stdout) == (CONFIG, "")
    assert "delete them there" in result.stderr
    file = tmp_path / "accounts.csv"
    file.write_text("domain; x.example; 0; 0; True\n")
    for args in ((), ("--check",)):
        result = target.doveadm("migration", "import", *args, file)
        assert result.returncode == CONFIG
        assert "import with that program" in result.stderr
    assert target.snapshot_tables() == before


@pytest.mark.parametrize("overrides, parts", [
    ({"migration_account_create": "", "migration_account_password": ""},
     ["migration_account_create, migration_account_password: missing"]),
    ({"migration_account_lookup": ""}, ["migration_account_lookup: missing"]),
    ({"migration_account_lookup": "SELECT 1 WHERE a = %{usr}"},
     ["migration_account_lookup", "%{usr}"]),
    ({"migration_account_lookup": "SELECT 1 WHERE a = '%{user}'"},
     ["migration_account_lookup", "'%{user}'", "quotes"]),
    ({"migration_domain_create": "DROP TABLE a; INSERT %{domain}"},
     ["migration_domain_create", "DROP"]),
], ids=["half", "no lookup", "variable", "quotes", "verb"])
def test_refused(make, overrides, parts):
    """Dovecot does not start, and says which setting and word."""
    target = make(**overrides)
    target.generate_keys = lambda: None
    target.write_config()
    result = target.doveconf("-n")
    assert result.returncode != 0
    for part in parts:
        assert part in result.stderr

"""doveadm migration import --from postfixadmin: a live database, here SQLite with
the tables of postfixadmin 3.3."""

import sqlite3

import pytest

from ports import free_port
from target import Target
from test_doveadm import TEMPFAIL, USAGE, run, run_json
from test_import import HASH, SECRET, TABLES, tables

# Of upgrade.php, with the columns that it has made until 3.3
SCHEMA = """
CREATE TABLE domain (domain varchar(255) NOT NULL PRIMARY KEY,
  description varchar(255) NOT NULL DEFAULT '', aliases int NOT NULL DEFAULT 0,
  mailboxes int NOT NULL DEFAULT 0, maxquota bigint NOT NULL DEFAULT 0,
  quota bigint NOT NULL DEFAULT 0, transport varchar(255) NOT NULL DEFAULT '',
  backupmx tinyint NOT NULL DEFAULT 0, created datetime, modified datetime,
  active tinyint NOT NULL DEFAULT 1, password_expiry int DEFAULT 0);
CREATE TABLE alias_domain (alias_domain varchar(255) NOT NULL PRIMARY KEY,
  target_domain varchar(255) NOT NULL, created datetime, modified datetime,
  active tinyint NOT NULL DEFAULT 1);
CREATE TABLE mailbox (username varchar(255) NOT NULL PRIMARY KEY,
  password varchar(255) NOT NULL, name varchar(255) NOT NULL DEFAULT '',
  maildir varchar(255) NOT NULL DEFAULT '', quota bigint NOT NULL DEFAULT 0,
  local_part varchar(255) NOT NULL DEFAULT '',
  domain varchar(255) NOT NULL DEFAULT '', created datetime, modified datetime,
  active tinyint NOT NULL DEFAULT 1, phone varchar(30) NOT NULL DEFAULT '');
CREATE TABLE alias (address varchar(255) NOT NULL PRIMARY KEY,
  goto text NOT NULL, domain varchar(255) NOT NULL DEFAULT '',
  created datetime, modified datetime, active tinyint NOT NULL DEFAULT 1);
CREATE TABLE admin (username varchar(255) NOT NULL PRIMARY KEY,
  password varchar(255) NOT NULL, superadmin tinyint NOT NULL DEFAULT 0);
CREATE TABLE domain_admins (username varchar(255) NOT NULL,
  domain varchar(255) NOT NULL);
"""
CONTENTS = f"""
INSERT INTO domain (domain, quota, backupmx, active) VALUES
  ('ALL', 0, 0, 1), ('old.example', 100, 0, 1), ('mx.example', 0, 1, 1),
  ('also.example', 0, 0, 1), ('off.example', 0, 0, 0);
INSERT INTO alias_domain (alias_domain, target_domain, active) VALUES
  ('also.example', 'old.example', 1), ('off.example', 'old.example', 0);
INSERT INTO mailbox (username, password, name, quota, active) VALUES
  ('anna@old.example', '{HASH}', 'Anna Müller', 1024000, 1),
  ('Bert@old.example', '$1$salt$abcdefghijklmnopqrstuv', '', 0, 0);
INSERT INTO alias (address, goto, active) VALUES
  ('anna@old.example', 'anna@old.example', 1),
  ('bert@old.example', 'bert@old.example,b@else.example', 1),
  ('abuse@also.example', 'anna@old.example', 1),
  ('@old.example', 'anna@old.example', 0);
INSERT INTO admin VALUES ('admin@old.example', '{HASH}', 1);
INSERT INTO domain_admins VALUES ('admin@old.example', 'ALL');
"""


@pytest.fixture(scope="module")
def server(folders):
    with Target(folders("postfixadmin")) as server:
        yield server
    server.assert_no_crash()


@pytest.fixture
def target(server):
    for table in TABLES:
        server.store.write(f"DELETE FROM {table}")
    return server


@pytest.fixture
def config(target):
    """What Dovecot's sql passdb has with postfixadmin, and the database."""
    database = target.folder / "postfixadmin.db"
    database.unlink(missing_ok=True)
    connection = sqlite3.connect(database)
    connection.executescript(SCHEMA + CONTENTS)
    connection.close()
    path = target.folder / "dovecot-sql.conf.ext"
    path.write_text(f"""\
# postfixadmin
driver=sqlite
connect = \\
  {database}
password_query = SELECT username AS user, password FROM mailbox \\
  WHERE username = '%u' AND active = '1'
""")
    return path


def change(target, sql):
    connection = sqlite3.connect(target.folder / "postfixadmin.db")
    with connection:
        connection.execute(sql)
    connection.close()


def load(target, config, *options, **kwargs):
    return run(target, "import", "--from", "postfixadmin", *options, config,
               **kwargs)


def test_everything(target, config):
    rows = run_json(target, "import", "--from", "postfixadmin", config)
    assert {row["type"]: row["added"] for row in rows} == {
        "domain": "2", "domainalias": "1", "relaydomain": "1",
        "account": "2", "alias": "3"}
    store = target.store
    assert [(row["name"], row["enabled"], row["quota"]) for row in store.rows(
        "SELECT * FROM migration_domain ORDER BY name")] == \
        [("off.example", 0, 0), ("old.example", 1, 100 << 20)]
    assert [(row["name"], row["target"]) for row in store.rows(
        "SELECT * FROM migration_domain_alias")] == \
        [("also.example", "old.example")]
    assert [(row["name"], row["host"]) for row in store.rows(
        "SELECT * FROM migration_relay_domain")] == [("mx.example", "")]
    anna = store.account("anna@old.example")
    assert (anna["password"], anna["first_name"], anna["quota"],
            anna["enabled"]) == (HASH, "Anna Müller", 1024000, 1)
    bert = store.account("bert@old.example")
    assert (bert["password"], bert["enabled"]) == \
        ("{MD5-CRYPT}$1$salt$abcdefghijklmnopqrstuv", 0)
    assert [(row["address"], row["recipient"], row["enabled"])
            for row in store.rows("SELECT * FROM migration_alias "
                                  "ORDER BY address, recipient")] == [
        ("@old.example", "anna@old.example", 0),
        ("abuse@also.example", "anna@old.example", 1),
        ("bert@old.example", "b@else.example", 1),
        ("bert@old.example", "bert@old.example", 1)]
    assert target.login("anna@old.example", SECRET).status == "OK"


def test_again(target, config):
    """What postfixadmin has got meanwhile is added."""
    load(target, config, "--check")
    assert target.store.domains() == []
    load(target, config)
    before = tables(target)
    error = load(target, config, code=USAGE).stderr
    assert f"{config}: mailbox anna@old.example: account " \
        "'anna@old.example' exists already" in error
    load(target, config, "--continue-if-exists")
    assert tables(target) == before
    change(target, "INSERT INTO mailbox (username, password) VALUES "
           f"('new@old.example', '{HASH}')")
    load(target, config, "--continue-if-exists")
    assert target.store.accounts() == \
        ["anna@old.example", "bert@old.example", "new@old.example"]


def test_mistakes(target, config):
    change(target, "INSERT INTO mailbox (username, password) VALUES "
           "('x@old.example', 'hunter2'), ('y@no.example', '{SHA256}x'), "
           "('../z@old.example', '')")
    change(target, "INSERT INTO alias (address, goto) VALUES "
           "('list@old.example', '|/bin/false')")
    result = load(target, config, code=USAGE)
    for error in (
            "mailbox x@old.example: the password is not a hash with {SCHEME}",
            "mailbox y@no.example: there is no domain 'no.example'",
            "mailbox ../z@old.example: '../z@old.example' cannot be an "
            "account",
            "alias list@old.example: '|/bin/false' is not a mail address",
            "4 mistakes, nothing was imported"):
        assert f"{config}: {error}" in result.stderr
    assert "hunter2" not in result.stderr
    assert target.store.domains() == []


def test_scheme(target, config):
    change(target, "UPDATE mailbox SET password = "
           f"'{HASH[len('{SHA256}'):]}' WHERE username = 'anna@old.example'")
    load(target, config, "--password-scheme", "SHA256")
    assert target.login("anna@old.example", SECRET).status == "OK"


def test_plain_passwords(target, config):
    change(target, "UPDATE mailbox SET password = 'as it is'")
    load(target, config, "--crypt-passwords")
    assert target.login("anna@old.example", "as it is").status == "OK"


@pytest.mark.parametrize("text, code, error", [
    ("driver = sqlite\n", USAGE, "It has to say where postfixadmin's database "
     'is: "driver = ..." (sqlite, pgsql or mysql) and "connect = ..."'),
    ("driver = nosuch\nconnect = x\n", USAGE, "Cannot load SQL driver nosuch"),
    ("driver = sqlite\nconnect = /nowhere/x.db\n", USAGE,
     "Cannot open /nowhere/x.db: No such file or directory"),
    ("driver = sqlite\nconnect = {target}/db/migration.sqlite\n", TEMPFAIL,
     "Cannot read postfixadmin's table alias_domain: no such table"),
])
def test_no_database(target, text, code, error):
    path = target.folder / "other.conf.ext"
    path.write_text(text.format(target=target.folder))
    assert f"{path}: {error}" in load(target, path, code=code).stderr


def test_server_that_is_down(target):
    path = target.folder / "other.conf.ext"
    path.write_text(f"driver = pgsql\nconnect = host=127.0.0.1 "
                    f"port={free_port()} password=hunter2\n")
    error = load(target, path, code=TEMPFAIL).stderr
    assert error.count("Cannot read postfixadmin's table alias_domain: Not "
                       "connected to database") == 1
    assert error.count("Cannot read") <= 1 and "hunter2" not in error


def test_unknown_source(target, config):
    error = run(target, "import", "--from", "somewhere", config,
                code=USAGE).stderr
    assert "--from: unknown 'somewhere', there are: modoboa" in error
    assert "No such file" in load(target, "/nowhere/x.conf", code=USAGE).stderr

"""doveadm migration import: Modoboa's CSV."""

import base64
import hashlib
import json
import os
import pty
import re
import sqlite3
import subprocess
import time

import pytest

from checks import assert_answer
from ports import free_port
from target import Target
from test_doveadm import TEMPFAIL, USAGE, run, run_json

SECRET = "s3cret of anna"
HASH = "{SHA256}" + base64.b64encode(
    hashlib.sha256(SECRET.encode()).digest()).decode()
EVERYTHING = f"""\
domain; Old.Example; 1000; 10; True
domain; other.example; 0; 0; no
domainalias; also.example; old.example; yes
relaydomain; relay.example; mail.relay.example; 25; relay; true; false

account; Anna@old.example; {HASH}; Anna; "M\u00fcller; Meier"; true; SimpleUsers; Anna@Old.example
account; bert@old.example; {HASH}; Bert; ; no; SimpleUsers; bert@old.example; 5
account; boss; {HASH}; ; ; true; DomainAdmins; boss@old.example; 0; old.example
account; admin; {HASH}; ; ; true; SuperAdmins; ;
alias; info@old.example; true; anna@old.example
forward; away@old.example; true; away@elsewhere.example
dlist; all@old.example; true; anna@old.example; bert@old.example
"""
COUNTS = {"domain": 2, "domainalias": 1, "relaydomain": 1, "account": 3,
          "alias": 1, "forward": 1, "dlist": 1}
TABLES = ["migration_domain", "migration_domain_alias",
          "migration_relay_domain", "migration_account", "migration_alias",
          "migration_job"]


@pytest.fixture(scope="module")
def server(folders, each_server):
    with Target(folders("import")) as server:
        yield server
    server.assert_no_crash()


@pytest.fixture
def target(server):
    """With empty tables."""
    for table in TABLES:
        server.store.write(f"DELETE FROM {table}")
    return server


def write(target, text, name="import.csv"):
    path = target.folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def tables(target):
    return {table: sorted(map(str, target.store.rows(
        f"SELECT * FROM {table}"))) for table in TABLES}


def account_row(name, password="p", domain="old.example"):
    address = f"{name}@{domain}"
    return f"account;{address};{password};;;1;SimpleUsers;{address}\n"


def test_everything(target):
    path = write(target, EVERYTHING)
    rows = run_json(target, "import", path)
    assert {row["type"]: int(row["added"]) for row in rows} == COUNTS
    assert [row["left_out"] for row in rows
            if row["type"] == "account"] == ["1"]
    store = target.store
    (old,) = store.rows("SELECT * FROM migration_domain "
                        "WHERE name = 'old.example'")
    assert (old["enabled"], old["quota"], old["mailbox_quota"]) == \
        (1, 1000 << 20, 10 << 20)
    anna = store.account("anna@old.example")
    assert (anna["domain"], anna["password"], anna["enabled"],
            anna["first_name"], anna["last_name"], anna["quota"]) == \
        ("old.example", HASH, 1, "Anna", "M\u00fcller; Meier", -1)
    assert store.account("bert@old.example")["enabled"] == 0
    assert store.account("bert@old.example")["quota"] == 5 << 20
    assert store.account("boss@old.example")["quota"] == 0
    assert store.account("admin") is None
    assert sorted((row["address"], row["recipient"], row["type"])
                  for row in store.rows("SELECT * FROM migration_alias")) == [
        ("all@old.example", "anna@old.example", "dlist"),
        ("all@old.example", "bert@old.example", "dlist"),
        ("away@old.example", "away@elsewhere.example", "forward"),
        ("info@old.example", "anna@old.example", "alias")]


def test_accounts_can_log_in(target):
    """With a hash that came with the file, and with one made of it."""
    path = write(target, "domain;old.example;0;0;1\n" +
                 account_row("anna", HASH))
    run(target, "import", path)
    assert target.login("anna@old.example", SECRET).status == "OK"
    assert target.login("anna@old.example", "else").status != "OK"
    secret = "s3cret of bert \u00fc\\'?"
    path = write(target, account_row("bert", secret) +
                 account_row("nobody", "something else"))
    run(target, "import", "--crypt-passwords", path)
    stored = target.store.account("bert@old.example")["password"]
    assert stored.startswith("{SHA512-CRYPT}$6$")
    assert target.login("bert@old.example", secret).status == "OK"
    assert target.login("bert@old.example", "something else").status != "OK"


@pytest.mark.parametrize("scheme", ["PLAIN", "CLEARTEXT"])
def test_password_is_not_stored_as_it_is(target, scheme):
    path = write(target, "domain;old.example;0;0;1\n" +
                 account_row("anna", f"{{{scheme}}}s3cret"))
    run(target, "import", path)
    assert "s3cret" not in target.store.account("anna@old.example")["password"]
    assert target.login("anna@old.example", "s3cret").status == "OK"


def test_check_changes_nothing(target):
    before = tables(target)
    rows = run_json(target, "import", "--check", write(target, EVERYTHING))
    assert {row["type"]: int(row["added"]) for row in rows} == COUNTS
    assert tables(target) == before


def test_twice(target):
    """The second time is an error, or changes nothing."""
    path = write(target, EVERYTHING)
    run(target, "import", path)
    before = tables(target)
    error = run(target, "import", path, code=USAGE).stderr
    assert f"{path}: line 1: domain 'old.example' exists already" in error
    assert f"{path}: 10 mistakes, nothing was imported" in error
    rows = run_json(target, "import", "--continue-if-exists", path)
    assert all(row["added"] == row["changed"] == "0" for row in rows)
    assert {row["type"]: int(row["existing"]) for row in rows} == COUNTS
    assert tables(target) == before


def test_recipients_are_added(target):
    run(target, "import", write(target, EVERYTHING))
    path = write(target, "dlist;all@old.example;1;bert@old.example;"
                 "new@else.example\naccount;new@old.example;" + HASH +
                 ";;;1;SimpleUsers;new@old.example\n")
    (account, dlist) = run_json(target, "import", "--continue-if-exists", path)
    assert (account["added"], account["changed"]) == ("1", "0")
    assert (dlist["added"], dlist["changed"], dlist["existing"]) == \
        ("0", "1", "0")
    assert [row["recipient"] for row in target.store.rows(
        "SELECT recipient FROM migration_alias "
        "WHERE address = 'all@old.example' ORDER BY recipient")] == \
        ["anna@old.example", "bert@old.example", "new@else.example"]


MISTAKES = [
    ("dommain;x.example;0;0;1", "unknown type 'dommain'"),
    ("domain;x.example;0;0", "3 fields behind 'domain', but there have to be "
     "4: name, quota, default mailbox quota, enabled"),
    ("domain;x.example;0;0;maybe", "'maybe' is neither true (1, yes, y) nor "
     "false (0, no, n)"),
    ("domain;OLD.example;0;0;1", "'old.example' is there twice, also as "
     "domain on line 1"),
    ("domain;-x;0;0;1", "'-x' is not a domain"),
    ("domain;x.example;5;6;1", "the default mailbox quota 6 is more than the "
     "domain's quota 5"),
    ("domainalias;x.example;nowhere.example;1",
     "there is no domain 'nowhere.example' (it must come before)"),
    (account_row("x", HASH, "nowhere.example").strip(),
     "there is no domain 'nowhere.example' (it must come before)"),
    ("account;x;" + HASH + ";;;1;SimpleUsers;",
     "the account's address is missing, which SimpleUsers need"),
    (account_row("x", "hunter2").strip(),
     "the password is not a hash with {SCHEME}"),
    (account_row("y", "{NOSUCH}hunter2").strip(),
     "the password's scheme is unknown"),
    (account_row("z", "{SHA256}hunter2").strip(),
     "the password is no hash of the scheme SHA256"),
    ("alias;x@old.example;1;", "'' is not a mail address"),
    ('alias;"x@old.example;1;y@old.example', "a quote is not closed"),
]


@pytest.mark.parametrize("options", [[], ["--check"]])
def test_mistakes_are_told_all_at_once(target, options):
    """With file and line, and nothing is imported."""
    before = tables(target)
    path = write(target, "domain;old.example;0;0;1\n\n" +
                 "".join(f"{line}\n" for line, _ in MISTAKES) +
                 "domain;good.example;0;0;1\n")
    result = run(target, "import", *options, path, code=USAGE)
    for number, (_, error) in enumerate(MISTAKES, 3):
        assert f"{path}: line {number}: {error}" in result.stderr
    assert f"{path}: {len(MISTAKES)} mistakes, nothing was imported" in \
        result.stderr
    assert result.stdout == "" and "hunter2" not in result.stderr
    assert tables(target) == before


def test_many_mistakes(target):
    path = write(target, "nonsense\n" * 250)
    error = run(target, "import", path, code=USAGE).stderr
    assert "line 100: unknown type" in error
    assert "line 101:" not in error
    assert "250 mistakes, of which the first 100 are above" in error


@pytest.mark.parametrize("text, sep", [
    ("account,anna@old.example,hunter2,,,1,SimpleUsers,anna@old.example", ";"),
    ("account;anna@old.example;hunter2;hunter2;hunter2;hunter2;hunter2;"
     "SimpleUsers;anna@old.example", ";"),
    ("account;anna@old.example;a;b;c;1;hunter2;hunter2;hunter2", ";"),
    ("hunter2@x;account", ";"),
])
def test_errors_show_no_password(target, text, sep):
    for options in ([], ["--crypt-passwords"]):
        result = run(target, "import", "--sepchar", sep, *options,
                     write(target, text), code=USAGE)
        assert "hunter2" not in result.stderr


def test_other_separators(target):
    path = write(target, "\ufeff" + EVERYTHING.replace(
        '"M\u00fcller; Meier"', "Meier").replace(";", ",").replace(
        "\n", "\r\n"))
    run(target, "import", "--sepchar", ",", path)
    assert len(target.store.accounts()) == 3
    for sep in (";;", "", '"'):
        error = run(target, "import", "--sepchar", sep, path,
                    code=USAGE).stderr
        assert "--sepchar: must be one character" in error


def test_not_utf_8(target):
    path = write(target, "domain;\u00e4.example;0;0;1\n".encode("latin-1"))
    error = run(target, "import", path, code=USAGE).stderr
    assert "line 1: it is not UTF-8 (save the file as UTF-8)" in error


def test_files_that_cannot_be_read(target):
    for path, why in ((target.folder / "none.csv", "No such file"),
                      (target.folder, "Is a directory")):
        error = run(target, "import", path, code=USAGE).stderr
        assert f"{path}: Cannot" in error and why in error
    assert run(target, "import", write(target, "")).stderr == ""
    assert "usage" in run(target, "import", code=USAGE).stderr


def test_schemes(target):
    """A hash without {SCHEME} is what --password-scheme says, unless it says
    so itself."""
    path = write(target, "domain;old.example;0;0;1\n" +
                 account_row("anna", HASH[len("{SHA256}"):]) +
                 account_row("bert", "$5$x$y"))
    run(target, "import", "--password-scheme", "SHA256", path)
    assert target.store.account("anna@old.example")["password"] == HASH
    assert target.store.account("bert@old.example")["password"] == \
        "{SHA256-CRYPT}$5$x$y"
    for options, why in (
            (["--password-scheme", "NOSUCH"], "Unknown password scheme"),
            (["--password-scheme", "SHA256", "--crypt-passwords"],
             "exclude one another")):
        error = run(target, "import", *options, path, code=USAGE).stderr
        assert why in error


def test_somebody_else_writes(target):
    """What is made meanwhile is not overwritten, and nothing is imported."""
    path = write(target, EVERYTHING)
    database = sqlite3.connect(target.store.path, timeout=10)
    try:
        database.execute("BEGIN IMMEDIATE")
        error = run(target, "import", path, code=TEMPFAIL).stderr
    finally:
        database.close()
    assert "Nothing was imported, because the database refused it (try again)" \
        in error
    assert "{SHA256}" not in error
    assert target.store.domains() == []
    run(target, "import", path)


def test_killed(target):
    """At any moment: all of it is there or nothing, and it can be repeated."""
    count = 5000
    path = write(target, "domain;old.example;0;0;1\n" + "".join(
        account_row(f"user{number}", HASH) for number in range(count)))
    start = time.monotonic()
    run(target, "import", "--check", path)
    seconds = time.monotonic() - start
    for part in (0.5, 0.9, 1.0, 1.1, 1.2, 1.3):
        with subprocess.Popen(
                ["/usr/bin/doveadm", "-c", target.config, "migration",
                 "import", path], stdout=subprocess.DEVNULL) as process:
            time.sleep(seconds * part)
            process.kill()
        accounts = len(target.store.accounts())
        assert accounts in (0, count)
        assert len(target.store.domains()) == (1 if accounts else 0)
        if accounts:
            break
    run(target, "import", "--continue-if-exists", path)
    assert len(target.store.accounts()) == count


def test_a_hundred_thousand_rows(target, figures):
    count = 100_000
    path = write(target, "domain;old.example;0;0;1\n" + "".join(
        account_row(f"user{number}", HASH) for number in range(count)))
    start = time.monotonic()
    rows = run_json(target, "import", path)
    seconds = time.monotonic() - start
    assert rows[1]["added"] == str(count)
    (row,) = target.store.rows("SELECT COUNT(*) AS n FROM migration_account")
    assert row["n"] == count
    figures(f"{count} rows in {seconds:.1f} s ({count / seconds:.0f}/s)")
    assert seconds < 60
    start = time.monotonic()
    run(target, "import", "--continue-if-exists", path)
    figures(f"the same again in {time.monotonic() - start:.1f} s")


def run_on_terminal(target, *args):
    """Exit code and what a terminal was shown."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv("/usr/bin/doveadm", ["doveadm", "-c", str(target.config),
                                      *map(str, args)])
    shown = b""
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        shown += data
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown.decode()


def test_progress(target):
    path = write(target, "domain;old.example;0;0;1\n" + "".join(
        account_row(f"user{number}", "p4ssword") for number in range(600)))
    code, shown = run_on_terminal(target, "migration", "import", "--check",
                                  "--crypt-passwords", path)
    assert code == 0
    lines = re.findall(r"\rChecked: (\d+) rows, (\d+)%\x1b\[K", shown)
    assert len(lines) >= 2
    assert lines == sorted(lines, key=lambda line: int(line[0]))
    # it is gone before the table comes
    assert re.search(r"%\x1b\[K\r\x1b\[Ktype ", shown)
    # and is not in what is piped on
    result = run(target, "import", "--check", "--crypt-passwords", path)
    assert "\r" not in result.stdout + result.stderr
    assert "p4ssword" not in shown + result.stderr


def test_over_http(folders):
    """doveadm-server takes hashes, and has no library to make some."""
    port, key = free_port(), "k3y"
    target = Target(folders("import"))
    target.extra = (f"doveadm_api_key = {key}\nservice doveadm {{\n"
                    f"  inet_listener http {{\n    port = {port}\n  }}\n}}\n")

    def post(**parameters):
        return json.loads(subprocess.run(
            ["curl", "--silent", "--show-error", "--fail",
             "--header", "Authorization: X-Dovecot-API " +
             base64.b64encode(key.encode()).decode(),
             "--json", json.dumps([["migrationImport", parameters, "t"]]),
             f"http://127.0.0.1:{port}/doveadm/v1"],
            capture_output=True, check=True, text=True, timeout=60).stdout)

    with target:
        path = str(write(target, "domain;old.example;0;0;1\n" +
                         account_row("anna", HASH)))
        ((kind, rows, _),) = post(file=path, check=True)
        assert kind == "doveadmResponse"
        assert [row["type"] for row in rows] == ["domain", "account"]
        assert target.store.domains() == []
        post(file=path)
        assert_answer(target.login("anna@old.example", SECRET), "OK")
        path = str(write(target, account_row("bert", "p4ssword")))
        ((kind, _, _),) = post(file=path, cryptPasswords=True)
        assert kind == "error"
        assert target.store.accounts() == ["anna@old.example"]
        assert "Passwords can be hashed on the command line only" in \
            target.read_log("error")
        assert "p4ssword" not in target.read_log("error")
    target.assert_no_crash()

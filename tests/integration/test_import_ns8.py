"""doveadm migration import --from ns8: mailboxes to be moved, with their
passwords."""

import pytest

from checks import assert_answer, assert_moved
from corpus import make_small_corpus
from provider import Provider
from target import Target, plain_provider
from test_doveadm import CONFIG, TEMPFAIL, USAGE, run, run_json
from test_import import HASH, SECRET, account_row, tables, write

HEADER = ("localusername,remoteusername,remotepassword,remotehostname,"
          "remoteport,security\n")
# with a separator, a quote and what IMAP quotes
PASSWORD = 'pass, "word" \\ of'


@pytest.fixture(scope="module")
def old(folders):
    with Provider(folders("ns8")) as old:
        for name in ("anna", "bert", "carl", "dora"):
            user = f"{name}@old.example"
            old.add_user(user, f"{PASSWORD} {name}")
            old.seed(user, make_small_corpus(messages=12))
        yield old
    old.assert_no_crash()


@pytest.fixture
def target(folders, old):
    with Target(folders("ns8"), {
            "oldhost": plain_provider(old.ports["imap"], "old.example")},
            {"migration_login": "wait"},
            local_users={"local@old.example": "local's"}) as target:
        yield target
    target.assert_no_crash()


def row(old, name, password=None, remote=None, host="127.0.0.1",
        security="none", port=None):
    password = f"{PASSWORD} {name}" if password is None else password
    quoted = '"' + password.replace('"', '""') + '"'
    return (f"{name}@old.example,{remote or name + '@old.example'},{quoted},"
            f"{host},{port or old.ports['imap']},{security}\n")


def load(target, text, *options, **kwargs):
    return run(target, "import", "--from", "ns8", *options,
               write(target, text), **kwargs)


def test_moved(old, target):
    """As "add" does it: without a login, and the first one is checked at the
    provider."""
    text = HEADER + row(old, "anna") + row(old, "bert")
    before = tables(target)
    load(target, text, "--check")
    assert tables(target) == before
    rows = run_json(target, "import", "--from", "ns8", write(target, text))
    assert rows == [{"type": "migration", "added": "2", "changed": "0",
                     "existing": "0", "left_out": "0"}]
    assert target.store.domains() == ["old.example"]
    for name in ("anna", "bert"):
        user = f"{name}@old.example"
        target.store.wait_moved(user)
        assert target.store.account(user)["password"] == ""
        for password in ("another", ""):
            assert_answer(target.login(user, password), "NO")
        old.mark_logs()
        assert_answer(target.login(user, f"{PASSWORD} {name}"), "OK")
        assert old.logins(user) == 1
        assert target.store.job(user)["phase"] == "following"
        assert_answer(target.login(user, f"{PASSWORD} {name}"), "OK")
        assert old.logins(user) == 1
        assert_moved(old, target, user)
    for line in target.store.rows("SELECT * FROM migration_job") + \
            target.store.rows("SELECT * FROM migration_account"):
        assert PASSWORD not in str(line)

    # a second time
    error = load(target, text, code=USAGE).stderr
    assert "line 2: migration 'anna@old.example' exists already (use " \
        "--continue-if-exists to leave such ones as they are, --update to " \
        "give them this password)" in error
    before = tables(target)["migration_account"]
    load(target, text, "--continue-if-exists")
    assert tables(target)["migration_account"] == before


def test_wrong_password(old, target):
    """As after any other refusal the user's login repairs it."""
    load(target, HEADER + row(old, "carl", "wrong"))
    target.store.wait_for("carl@old.example", control="blocked",
                          reason="password")
    assert target.login("carl@old.example",
                        f"{PASSWORD} carl").status == "NO"
    target.store.wait_moved("carl@old.example")
    assert_moved(old, target, "carl@old.example")


def test_update(old, target):
    """With another password in the file; what is finished stays."""
    user = "carl@old.example"
    load(target, HEADER + row(old, "carl", "wrong") + row(old, "anna"))
    target.store.wait_for(user, control="blocked", reason="password")
    target.store.wait_moved("anna@old.example")
    text = HEADER + row(old, "carl") + row(old, "anna") + row(old, "bert")
    before = tables(target)
    load(target, text, "--update", "--check")
    assert tables(target) == before
    error = load(target, text, "--update", "--continue-if-exists",
                 code=USAGE).stderr
    assert "exclude one another" in error
    rows = run_json(target, "import", "--from", "ns8", "-u",
                    write(target, text))
    assert rows == [{"type": "migration", "added": "1", "changed": "2",
                     "existing": "0", "left_out": "0"}]
    for name in ("carl", "bert"):
        target.store.wait_moved(f"{name}@old.example")
        assert_moved(old, target, f"{name}@old.example")
    run(target, "finish", "-u", user)
    target.store.wait_for(user, phase="finished")
    rows = run_json(target, "import", "--from", "ns8", "-u",
                    write(target, HEADER + row(old, "carl")))
    assert rows == [{"type": "migration", "added": "0", "changed": "0",
                     "existing": "0", "left_out": "1"}]
    assert target.store.job(user)["credential"] == ""
    error = load(target, HEADER + row(old, "anna", remote="another"),
                 "--update", code=USAGE).stderr
    assert "line 2: 'anna@old.example' is being moved from " \
        "migration_provider oldhost as 'anna@old.example'" in error
    error = run(target, "import", "--update", write(target, text),
                code=USAGE).stderr
    assert "--update: only with --from ns8" in error


def test_account_that_exists(old, target):
    """It keeps its password, and is served while the mail comes."""
    run(target, "import", write(target, "domain;old.example;0;0;1\n" +
                                account_row("dora", HASH)))
    load(target, HEADER + row(old, "dora"))
    assert_answer(target.login("dora@old.example", SECRET), "OK")
    job = target.store.wait_moved("dora@old.example")
    assert job["login"] == "local" and job["adopted_password"] == ""
    account = target.store.account("dora@old.example")
    assert account["password"] == HASH
    logins = old.logins("dora@old.example")
    assert_answer(target.login("dora@old.example", f"{PASSWORD} dora"), "NO")
    assert old.logins("dora@old.example") == logins
    assert target.verify("dora@old.example") == ""


def test_mistakes(old, target):
    before = tables(target)
    text = HEADER + row(old, "anna", security="ssl") + \
        row(old, "bert", "") + row(old, "carl", host="hunter2") + \
        "hunter2,x,y,z,1,none\n" + "a@old.example,hunter2,hunter2\n" + \
        row(old, "dora") + row(old, "dora", remote="other") + \
        row(old, "local", "hunter2") + \
        row(old, "anna").replace("anna@old", "anna@unserved", 1)
    error = load(target, text, code=USAGE).stderr
    port = old.ports["imap"]
    for number, why in (
            (2, "no migration_provider has its host, port and security: there "
             f"are oldhost with host 127.0.0.1, port {port}, ssl no"),
            (3, "remotepassword is missing"),
            (4, "no migration_provider has its host"),
            (5, "localusername must be user@domain"),
            (6, "3 fields, but there have to be 6"),
            (8, "'dora@old.example' is there twice, also as migration on line "
             "7"),
            (9, "local@old.example is at home here: a userdb knows the "
             "name"),
            (10, "there is no such account, and logins of the domain of "
             "localusername are not checked at migration_provider oldhost "
             "(its domains are: old.example)")):
        assert f"line {number}: {why}" in error
    assert "8 mistakes, nothing was imported" in error
    assert "hunter2" not in error
    assert tables(target) == before
    error = load(target, row(old, "anna"), code=USAGE).stderr
    assert "line 1: the first row must have the names of the columns: " \
        "localusername,remoteusername" in error and PASSWORD not in error


def test_without_a_key(old, target):
    (target.folder / "keys/public.pem").write_text("no key\n")
    error = load(target, HEADER + row(old, "anna"), code=CONFIG).stderr
    assert "public.pem" in error
    assert target.store.accounts() == []


def test_not_running(old, target):
    """Who is at home here cannot be told then: asked once, not for each."""
    target.stop()
    before = tables(target)
    error = load(target, HEADER + row(old, "anna") + row(old, "bert"),
                 code=TEMPFAIL).stderr
    assert error.count("It cannot be told who is at home here") == 1
    assert "nothing was imported" in error
    assert tables(target) == before
    target.start()

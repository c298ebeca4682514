"""doveadm migration import --from postfixadmin: its database in PostgreSQL and
MariaDB."""

import re

import pytest

from databases import PASSWORD
from dovecot import IS_24
from test_doveadm import TEMPFAIL, USAGE, run, run_json
from test_import_postfixadmin import CONTENTS, SCHEMA

TYPES = {"pgsql": {"datetime": "timestamp", "tinyint": "smallint"},
         "mysql": {}}


@pytest.fixture
def postfixadmin(server):
    database = server.make_database()
    sql = SCHEMA
    for old, new in TYPES[server.driver].items():
        sql = re.sub(rf"\b{old}\b", new, sql)
    if server.driver == "mysql":
        sql = (f"ALTER DATABASE {database.name} CHARACTER SET utf8mb4;\n"
               f"SET default_storage_engine = InnoDB;\n{sql}")
    database.admin(*(statement for statement in
                     (sql + CONTENTS).split(";\n") if statement.strip()))
    if server.driver == "pgsql":
        database.admin(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO "
                       f"{database.user}")
    return database


@pytest.fixture
def load(make_target, postfixadmin):
    target = make_target({})
    path = target.folder / "postfixadmin"

    def load(*, code=0, **words):
        path.write_text(f"driver = {postfixadmin.driver}\nconnect = "
                        f"{postfixadmin.connect_string(**words)}\n")
        args = "import", "--from", "postfixadmin", path
        return run(target, *args, code=code) if code else \
            run_json(target, *args)

    load.target = target
    return load


def test_everything(load):
    assert {row["type"]: row["added"] for row in load()} == {
        "domain": "2", "domainalias": "1", "relaydomain": "1",
        "account": "2", "alias": "3"}
    store = load.target.store
    assert store.accounts() == ["anna@old.example", "bert@old.example"]
    anna = store.account("anna@old.example")
    assert anna["first_name"] == "Anna Müller"


def test_wrong_connection(load, server):
    for words, code in (
            ({"port": 1}, TEMPFAIL), ({"password": "wr0ng"}, TEMPFAIL),
            # libpq looks at them when it connects
            ({"no_such_word": "x"}, USAGE if IS_24 and
             server.driver == "mysql" else TEMPFAIL)):
        error = load(code=code, **words).stderr
        assert PASSWORD not in error and "wr0ng" not in error
        assert "no_such_word" not in words or "no_such_word" in error
    assert load.target.store.accounts() == []

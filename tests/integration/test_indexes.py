"""What the queue asks again and again is found by an index, in every database:
a million records cost no more than a thousand."""

import re
import time

import pytest

from polling import wait_until
from ports import free_port
from target import plain_provider

RECORDS = 5000
JOB = ("INSERT INTO migration_job (username, provider, remote_user, mechanism, "
       "phase, control, adopted_password, credential, login, created, "
       "last_login, next_sync, following_since) VALUES "
       "(?, 'oldhost', '', '', ?, ?, '', 'Ym94', '', 0, ?, ?, ?)")
ACCOUNT = ("INSERT INTO migration_account (username, domain, password, created) "
           "VALUES (?, 'old.example', '', 0)")
# By their first words: who is next, when somebody is next, and who has to be
# finished
QUESTIONS = {
    "initial": r"SELECT j\.username.* next_sync \+ 0 <= .*",
    "following": r"SELECT j\.username.*ORDER BY j\.next_sync LIMIT .*",
    "next": r"SELECT MIN\(next\).*",
    "finish": r"SELECT j\.username.*following_since <= .*",
}
CLOCK = r"CAST\(FLOOR\(EXTRACT\(EPOCH FROM clock_timestamp\(\)\)\) AS BIGINT\)"


def make(make_target, database=None, records=RECORDS):
    """Nobody is due: nothing changes."""
    target = make_target(
        {"oldhost": plain_provider(free_port(), "old.example")},
        database=database, overrides={"migration_finish_after": "100 days"})
    now = int(time.time())
    users = range(records)
    target.store.write_many(ACCOUNT, [
        (f"user{i}@old.example",) for i in users])
    target.store.write_many(JOB, [
        (f"user{i}@old.example", "initial" if i % 10 == 0 else "following",
         "paused" if i % 7 == 0 else "active", i, now + 3600 + i, now + i)
        for i in users])
    return target


def find_questions(texts):
    found = {}
    for name, pattern in QUESTIONS.items():
        matching = [text for text in texts if re.fullmatch(
            pattern.replace("next_sync", r"(?:j\.)?next_sync"), text, re.S)]
        if not matching:
            return None
        found[name] = matching[-1]
    return found


def asked(what, texts):
    return wait_until(f"{what} to be asked", lambda: find_questions(texts()),
                      30)


def postgres_asked(server, database):
    path = server.folder.with_name(server.folder.name + ".log")
    mark = path.stat().st_size
    database.admin(f"ALTER ROLE {database.user} SET log_statement = 'all'")
    server.drop_connections()

    def texts():
        log = path.read_text(errors="replace")[mark:]
        return re.findall(r"LOG:  (?:statement|execute [^:]*): (.*)", log)

    return asked("PostgreSQL", texts)


def nodes_of(plan):
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes_of(below)


def test_postgres(make_target, database_server):
    server = database_server("pgsql")
    database = server.make_database()
    make(make_target, database)
    questions = postgres_asked(server, database)
    database.admin("ANALYZE")
    for name, sql in questions.items():
        plan = database.execute(f"EXPLAIN (FORMAT JSON) {sql}", fetch=True)
        nodes = list(nodes_of(plan[0]["QUERY PLAN"][0]["Plan"]))
        jobs = [node for node in nodes
                if node.get("Relation Name") == "migration_job"]
        assert jobs != []
        assert all(node["Node Type"] in ("Index Scan", "Index Only Scan",
                                         "Bitmap Heap Scan")
                   for node in jobs), (name, nodes)


def test_mariadb(make_target, database_server):
    server = database_server("mysql")
    database = server.make_database()
    make(make_target, database)
    server.admin("TRUNCATE mysql.general_log",
                 "SET GLOBAL log_output = 'TABLE'", "SET GLOBAL general_log = 1")
    try:
        questions = asked("MariaDB", lambda: [
            row["argument"] for row in database.execute(
                "SELECT argument FROM mysql.general_log "
                "WHERE command_type = 'Query' AND argument LIKE 'SELECT %'",
                fetch=True)])
    finally:
        server.admin("SET GLOBAL general_log = 0")
    database.admin("ANALYZE TABLE migration_job, migration_account")
    for name, sql in questions.items():
        rows = database.execute(f"EXPLAIN {sql}", fetch=True)
        jobs = [row for row in rows if row["table"] in ("j", "migration_job")]
        assert jobs != []
        assert all(row["key"] is not None and
                   row["key"].startswith("migration_job_")
                   for row in jobs), (name, rows)


def test_sqlite(make_target, database_server):
    """It is asked the same, but for the clock."""
    server = database_server("pgsql")
    database = server.make_database()
    make(make_target, database, 0)
    questions = postgres_asked(server, database)
    target = make(make_target)
    for name, sql in questions.items():
        sql = re.sub(CLOCK, "0", sql)
        plan = [row["detail"] for row in
                target.store.rows(f"EXPLAIN QUERY PLAN {sql}")]
        # "SEARCH j USING INDEX migration_job_turn (provider=? AND ...)"
        assert any(re.search(r"USING (COVERING )?INDEX migration_job_", line)
                   for line in plan), (name, plan)
        assert not any(re.match(r"SCAN (j|migration_job)\b", line)
                       for line in plan), (name, plan)

"""How long doveadm migration import takes with each database."""

import os
import resource
import subprocess
import time

import pytest

from checks import assert_answer
from target import Target, plain_provider
from test_import import HASH, SECRET, account_row, write
from test_import_ns8 import HEADER

ROWS = int(os.environ.get("ROWS", "100000"))


@pytest.fixture(params=["sqlite", "pgsql", "mysql"])
def target(request, folders, database_server):
    before = Target.make_database
    if request.param != "sqlite":
        Target.make_database = staticmethod(
            database_server(request.param).make_database)
    try:
        # nobody listens there: nothing is moved
        with Target(folders("bench"), {
                "oldhost": plain_provider(9, "old.example")}) as target:
            target.driver = request.param
            yield target
    finally:
        Target.make_database = staticmethod(before)


def bench(figures, target, what, *args):
    """Seconds and CPU seconds of doveadm's own."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    # as long as it takes
    subprocess.run(["/usr/bin/doveadm", "-c", target.config, "migration",
                    "import", *args], check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - start
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    figures(f"{target.driver}, {what}: {ROWS} rows in {seconds:.1f} s "
            f"({ROWS / seconds:.0f}/s), {cpu:.1f} s of CPU, largest process "
            f"so far {now.ru_maxrss // 1024} MB")


def count(target, table):
    return target.store.rows(f"SELECT COUNT(*) AS n FROM {table}")[0]["n"]


def test_accounts(target, figures):
    path = write(target, "domain;old.example;0;0;1\n" + "".join(
        account_row(f"user{number}", HASH) for number in range(ROWS)))
    bench(figures, target, "accounts --check", "--check", path)
    bench(figures, target, "accounts", path)
    assert count(target, "migration_account") == ROWS
    bench(figures, target, "accounts again", "--continue-if-exists", path)
    assert_answer(target.login(f"user{ROWS - 1}@old.example", SECRET), "OK")


def test_migrations(target, figures):
    path = write(target, HEADER + "".join(
        f"user{number}@old.example,user{number},p{number},127.0.0.1,9,none\n"
        for number in range(ROWS)))
    bench(figures, target, "migrations", "--from", "ns8", path)
    assert count(target, "migration_job") == ROWS
    bench(figures, target, "migrations with another password", "--from",
          "ns8", "--update", path)


def test_slow_file(target):
    """Longer than the store waits for an answer: the connection must be good
    for writing all the same. As with many passwords to be hashed."""
    fifo = target.folder / "import.csv"
    os.mkfifo(fifo)
    with subprocess.Popen(["/usr/bin/doveadm", "-c", target.config,
                           "migration", "import", fifo],
                          stdout=subprocess.DEVNULL) as process:
        with open(fifo, "w", encoding="utf-8") as file:
            time.sleep(75)
            file.write("domain;old.example;0;0;1\n" + "".join(
                account_row(f"user{number}", HASH) for number in range(ROWS)))
    assert process.returncode == 0
    assert count(target, "migration_account") == ROWS

"""What a decision of the queue costs with many records: who is next, the lease,
and how it ended. There are no workers, so that every job ends at once."""

import os
import time

import pytest

from liar import Liar
from polling import wait_until
from target import plain_provider
from test_many import NO_WORKERS

FEW, MANY = 1000, int(os.environ.get("RECORDS", "1000000"))
JOBS = 300

# 1 of 10 waits for the first sync, the others are followed, half of these are
# overdue
ACCOUNTS = """
INSERT INTO migration_account (username, domain, password, created)
SELECT 'user' || i || '@old.example', 'old.example', '{PLAIN}x', 0 FROM numbers
"""
JOBS_OF_ALL = """
INSERT INTO migration_job (username, provider, remote_user, mechanism, phase,
  control, adopted_password, credential, login, created, last_login, next_sync)
SELECT 'user' || i || '@old.example', 'oldhost', 'user' || i || '@old.example',
  'PLAIN', CASE WHEN i % 10 = 0 THEN 'initial' ELSE 'following' END, 'active',
  '{PLAIN}x', 'Ym94', 'local', 0, i,
  CASE WHEN i % 2 = 0 THEN i ELSE 4000000000 - i END FROM numbers
"""
NUMBERS = {
    "sqlite": "WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL "
              "SELECT i + 1 FROM numbers WHERE i < {})",
    "pgsql": "WITH numbers AS (SELECT generate_series(1, {}) AS i)",
}


def fill(target, driver, count):
    numbers = NUMBERS[driver].format(count)
    for insert in (ACCOUNTS, JOBS_OF_ALL):
        words = insert.split("SELECT", 1)
        if driver == "sqlite":
            target.store.write(f"{numbers} {insert}")
        else:
            target.store.write(f"{words[0]} {numbers} SELECT {words[1]}")
    target.store.write("ANALYZE")


def jobs_done(target):
    return len(target.log_lines("error", "Sync failed"))


def measure(make_target, driver, database, count):
    """Milliseconds for each job, those of the queue's processor, and the memory
    of the queue in MiB."""
    with Liar() as liar:
        target = make_target(
            {"oldhost": plain_provider(liar.port, "old.example")},
            database=database,
            overrides={"migration_login": "local",
                       "migration_retry_min": "6 hours",
                       "migration_retry_max": "6 hours",
                       "migration_interval": "365 days"})
        target.stop()
        fill(target, driver, count)
        target.extra = NO_WORKERS
        target.start()
        wait_until("the first job", lambda: jobs_done(target), 300, 0.002)
        began, done = time.monotonic(), jobs_done(target)
        queue, = target.processes("migration")
        ticks = cpu_ticks(queue)
        wait_until("the jobs", lambda: jobs_done(target) >= done + JOBS, 600,
                   0.01)
        msecs = (time.monotonic() - began) * 1000 / (jobs_done(target) - done)
        cpu = (cpu_ticks(queue) - ticks) * 1000 / os.sysconf("SC_CLK_TCK") / \
            JOBS
        memory = queue.peak_bytes / 2**20
        target.stop()
        return msecs, cpu, memory


def cpu_ticks(process):
    fields = (process.folder / "stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.alone
@pytest.mark.parametrize("driver", ["sqlite", "pgsql"])
def test_queue(make_target, database_server, figures, driver):
    found = {}
    for count in (FEW, MANY):
        database = None if driver == "sqlite" else \
            database_server(driver).make_database()
        found[count] = measure(make_target, driver, database, count)
        msecs, cpu, memory = found[count]
        figures(f"{driver}, {count} records: {msecs:.1f} ms for each job, "
                f"{cpu:.1f} ms of the queue's processor, queue {memory:.0f} "
                "MiB")
    ratios = [many / max(few, 0.1) for few, many in
              zip(found[FEW], found[MANY], strict=True)]
    figures(f"{driver}, {MANY} records against {FEW}: time x{ratios[0]:.2f}, "
            f"processor x{ratios[1]:.2f}, memory x{ratios[2]:.2f}")
    assert ratios[0] < 5 and ratios[2] < 3
    assert found[MANY][2] < 100

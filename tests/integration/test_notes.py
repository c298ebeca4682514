"""What syncs could not bring, from the worker's NOTE to doveadm. The worker is
played here (doc/protocol.md)."""

import os
import pwd
import re
import socket
import threading

import pytest

from checks import assert_answer
from liar import Liar, Session
from target import plain_provider

USER, PASSWORD = "nora@old.example", "nora's"
USAGE, TEMPFAIL = 64, 75
KEPT = 1000


class Worker:
    """Takes the place of Dovecot's worker at its socket. Each job is answered
    by the lines; a connection ends after them."""

    def __init__(self, path, lines):
        self.lines = lines
        self.jobs = []
        path.unlink()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        os.chown(path, pwd.getpwnam("dovecot").pw_uid, -1)
        self.listener.listen()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, connection.makefile() as file:
                connection.sendall(b"VERSION\tmigration-worker\t1\t0\n"
                                   b"LIMIT\t10\n")
                assert file.readline().startswith("VERSION\tmigration-queue\t")
                self.jobs.append(file.readline().rstrip("\n").split("\t"))
                connection.sendall("".join(
                    line + "\n" for line in self.lines).encode())

    def close(self):
        self.listener.close()


def finished(outcome="done", error=""):
    return f"FINISHED\t{outcome}\t3\t3\t300\t{error}\t0"


@pytest.fixture
def worker(make_target):
    """The target's worker; its target is worker.target."""
    with Liar(Session, {USER.encode(): PASSWORD.encode()}) as liar:
        target = make_target(
            {"oldhost": plain_provider(liar.port, "old.example")},
            overrides={"migration_retry_min": "1 hours",
                       "migration_retry_max": "1 hours"})
        worker = Worker(target.folder / "run/migration-worker", [finished()])
        worker.target = target
        yield worker
        worker.close()


def move(worker):
    assert_answer(worker.target.login(USER, PASSWORD), "NO", "UNAVAILABLE")
    worker.target.store.wait_moved(USER)


def sync(worker, *lines, code=0):
    worker.lines = lines
    result = worker.target.doveadm("migration", "sync", "-u", USER)
    assert result.returncode == code, result.stderr


def notes(worker):
    rows = worker.target.doveadm_json("migration", "show", "-n", USER)
    assert all(list(row) == ["mailbox", "uid", "since", "text"]
               for row in rows)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", row["since"])
               for row in rows)
    return [(row["mailbox"], int(row["uid"]), row["text"]) for row in rows]


def count(worker):
    return int(worker.target.doveadm_json("migration", "show", USER)[0][
        "notes"])


def test_notes(worker):
    worker.lines = ["NOTE\tINBOX\t7\tcannot be read: it's \"odd\"",
                    "NOTE\tEntwürfe\t0\tis not selectable", finished()]
    move(worker)
    both = [("Entwürfe", 0, "is not selectable"),
            ("INBOX", 7, "cannot be read: it's \"odd\"")]
    assert notes(worker) == both and count(worker) == 2
    worker.target.settle_log()
    assert worker.target.log_lines("info", USER, "First full sync done",
                                   "2 notes", "show -n")
    # in words for people, with each formatter
    for formatter in ("table", "tab", "flow", "pager"):
        text = worker.target.doveadm("migration", "show", "--notes", USER,
                                     formatter=formatter, check=True).stdout
        assert "Entwürfe" in text and "is not selectable" in text
    worker.target.store.write("UPDATE migration_note SET since = 1000000000")
    # what is still so keeps its time, what is not is gone
    sync(worker, "NOTE\tINBOX\t7\tstill", "NOTE\tINBOX\t8\tnew", finished())
    rows = worker.target.store.rows(
        "SELECT uid, text, since = 1000000000 AS old FROM migration_note "
        "ORDER BY uid")
    assert [tuple(row.values()) for row in rows] == [
        (7, "still", 1), (8, "new", 0)]
    # a sync that gets nowhere knows nothing, one that gets somewhere does
    sync(worker, finished("temporary", "the line was cut"), code=TEMPFAIL)
    assert count(worker) == 2
    sync(worker, "NOTE\tINBOX\t9\tnewer",
         finished("temporary", "the line was cut"), code=TEMPFAIL)
    assert notes(worker) == [("INBOX", 9, "newer")] and count(worker) == 1
    # one that dies has said nothing
    sync(worker, "NOTE\tINBOX\t1\tx", code=TEMPFAIL)
    assert notes(worker) == [("INBOX", 9, "newer")]
    sync(worker, finished())
    assert notes(worker) == [] and count(worker) == 0
    worker.target.doveadm("migration", "delete", "-u", USER, check=True)
    assert worker.target.store.rows("SELECT * FROM migration_note") == []


def test_many_notes(worker):
    """The first thousand are kept, the others counted."""
    move(worker)
    sync(worker, *(f"NOTE\tINBOX\t{uid}\tcannot be read"
                   for uid in range(1, 5 * KEPT + 1)), finished())
    assert count(worker) == 5 * KEPT
    assert [uid for _, uid, _ in notes(worker)] == list(range(1, KEPT + 1))
    result = worker.target.doveadm("migration", "show", "-n", USER)
    assert f"{4 * KEPT} more notes" in result.stderr
    result = worker.target.doveadm("migration", "show", "-n", "-m", USER)
    assert result.returncode == USAGE


@pytest.mark.parametrize("line", [
    "NOTE", "NOTE\tINBOX\t1", "NOTE\tINBOX\t-1\tx", "NOTE\tINBOX\tx\tx",
    "NOTE\tINBOX\t4294967296\tx", "NOTE\tINBOX\t1\tx\ty"])
def test_bad_note(worker, line):
    """The job fails, nobody else."""
    move(worker)
    sync(worker, line, finished(), code=TEMPFAIL)
    assert count(worker) == 0
    worker.target.settle_log()
    assert worker.target.log_lines("error", "invalid line NOTE")
    sync(worker, finished())


def test_order_of_a_job(worker):
    move(worker)
    sync(worker, finished())
    first, second = worker.jobs
    assert first[:5] == ["SYNC", USER, "oldhost", USER, "PLAIN"]
    assert second == first and len(first) == 7

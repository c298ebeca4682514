"""Progress while a sync runs: true, in time, and of each mailbox."""

import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import termios
import time

import pytest

from checks import assert_answer
from corpus import Folder, Message, Writer
from dovecot import DOVEADM
from polling import wait_until
from provider import Provider
from tap import Tap
from target import Target, plain_provider
from watcher import Watcher

USER, BIG = "paula@old.example", "bert@old.example"
BYTES_PER_SECOND = 150_000
BODY_BYTES = 4000
# Name at the provider (modified UTF-7), name here, messages
MAILBOXES = (("INBOX", "INBOX", 40), ("Archive", "Archive", 170),
             ("Entw&APw-rfe", "Entwürfe", 30), ("Sent", "Sent", 140),
             ("empty", "empty", 0))
TOTAL = sum(count for _, _, count in MAILBOXES)
BIG_BYTES = 900_000
# A report comes at least this often (doc/protocol.md), and what is in the
# database is at most this old, with some slack for a slow machine.
REPORT_SECS = 2.0
SLACK_SECS = 1.0
COLUMNS = 70
CLEARED = "\r\x1b[K"
DONE = 0
# The account's figures and the sums of its mailboxes at one moment
FIGURES = """
    SELECT j.phase, j.messages_done AS messages, j.messages_total AS total,
      j.bytes_done AS bytes, COUNT(m.name) AS mailboxes,
      COALESCE(SUM(m.messages_done), 0) AS sum_messages,
      COALESCE(SUM(m.messages_total), 0) AS sum_total,
      COALESCE(SUM(m.bytes_done), 0) AS sum_bytes
    FROM migration_job j LEFT JOIN migration_mailbox m
      ON m.username = j.username
    WHERE j.username = ? GROUP BY j.username"""


def make_folders():
    writer = Writer(11)
    line = b"x" * 78 + b"\r\n"
    return [Folder(name, [Message(writer.message(
        body=line * (BODY_BYTES // len(line)))) for _ in range(count)])
        for name, _, count in MAILBOXES]


@pytest.fixture(scope="module")
def old(folders):
    with Provider(folders("progress")) as server:
        server.add_user(USER, "secret")
        server.seed(USER, make_folders())
        server.add_user(BIG, "secret")
        body = (b"y" * 78 + b"\r\n") * (BIG_BYTES // 80)
        server.seed(BIG, [Folder("INBOX", [
            Message(Writer(12).message(body=body))])])
        yield server
    server.assert_no_crash()
    shutil.rmtree(server.folder)


@pytest.fixture
def tap(old):
    with Tap(old.ports["imap"], bytes_per_second=BYTES_PER_SECOND) as tap:
        yield tap


@pytest.fixture
def target(folders, tap):
    """Its accounts wait for sync to be called: the first one has failed."""
    target = Target(folders("progress"), {
        "oldhost": plain_provider(tap.port, "old.example")},
        {"migration_login": "local", "migration_retry_min": "1 hours",
         "migration_retry_max": "1 hours"})
    with target:
        yield target
    # a test may have killed a worker
    target.log_offsets = {}
    assert "Panic:" not in target.read_log("error")
    shutil.rmtree(target.folder)


def adopt(target, tap, user=USER):
    tap.close_after(1)
    assert_answer(target.login(user, "secret"), "OK")
    target.store.wait_for(user, attempts=1, lease_owner="")
    tap.release()


def figures_of(target, user=USER):
    return target.store.rows(FIGURES, user)[0]


def provider_sizes(old, user=USER):
    """Name here -> messages, bytes."""
    lines = old.doveadm("mailbox", "status", "-u", user, "messages vsize",
                        "*", check=True, formatter="tab").stdout.splitlines()
    return {name.replace(".", "/"): (int(messages), int(vsize))
            for name, messages, vsize in
            (line.split("\t") for line in lines[1:])}


def show_json(target, *args):
    result = target.doveadm("migration", "show", *args, check=True,
                            formatter="json")
    return json.loads(result.stdout)


def watch(target, watcher):
    """Looks at the database until the sync is over: (time, figures)."""
    samples = []
    while watcher.running():
        samples.append((time.monotonic(), figures_of(target)))
        time.sleep(0.1)
    samples.append((time.monotonic(), figures_of(target)))
    return samples


def assert_grows(values):
    assert values == sorted(values)


def percentages(values):
    """As list shows them."""
    return [100 if figures["phase"] != "initial" else
            min(99, figures["messages"] * 100 // figures["total"])
            if figures["total"] else 0 for figures in values]


def assert_sums(figures):
    """The mailboxes are the whole, once that is known."""
    assert figures["sum_messages"] == figures["messages"], figures
    assert figures["sum_bytes"] == figures["bytes"], figures
    if figures["total"] > 0:
        assert figures["sum_total"] == figures["total"], figures


def assert_in_time(started, reports, samples):
    """Reports come all the time, and the database is as young as they are."""
    times = [started, *(report.time for report in reports)]
    gaps = [after - before for before, after in zip(times, times[1:])]
    assert max(gaps) <= REPORT_SECS + SLACK_SECS, gaps
    for now, figures in samples:
        known = [report for report in reports
                 if report.time <= now - REPORT_SECS - SLACK_SECS]
        if known:
            assert figures["messages"] >= known[-1].messages


def test_in_the_middle(old, tap, target, figures):
    adopt(target, tap)
    started = time.monotonic()
    with Watcher(target, USER) as watcher:
        samples = watch(target, watcher)
    assert watcher.finished[:3] == ["FINISHED", "done", str(TOTAL)]
    assert_in_time(started, watcher.reports, samples)

    values = [figures for _, figures in samples]
    for value in values:
        assert_sums(value)
    assert_grows([value["messages"] for value in values])
    assert_grows([value["bytes"] for value in values])
    assert_grows(percentages(values))
    assert_grows([report.messages for report in watcher.reports])
    between = {value["messages"] for value in values} - {0, TOTAL}
    assert len(between) >= 2, f"seen in the middle: {between}"
    assert 100 not in percentages(values)[:-1]
    assert percentages(values)[-1] == 100
    assert {value["total"] for value in values} == {0, TOTAL}

    # the line is the limit
    middle = [report for report in watcher.reports
              if report.eta_secs and report.bytes_per_sec]
    assert len(middle) >= 3
    rates = [report.bytes_per_sec for report in middle]
    figures(f"line {BYTES_PER_SECOND} bytes/s, rates shown {min(rates)} to "
            f"{max(rates)}")
    assert BYTES_PER_SECOND / 2 < min(rates)
    assert max(rates) < BYTES_PER_SECOND * 1.15
    for report in middle:
        rest = watcher.ended - report.time
        assert rest / 2 - 2 <= report.eta_secs <= rest * 2 + 2, \
            (report, rest)
    assert_moved_exactly(old, target)


def assert_moved_exactly(old, target):
    """In the end each mailbox has what the provider has."""
    mailboxes = {row["mailbox"]: row for row in show_json(target, "-m", USER)}
    assert mailboxes.keys() == {name for _, name, _ in MAILBOXES}
    for name, (messages, size) in provider_sizes(old).items():
        row = mailboxes[name]
        assert list(row) == ["mailbox", "messages", "total", "bytes",
                             "progress"]
        assert (row["messages"], row["total"], row["bytes"],
                row["progress"]) == (messages, messages, size, 100), name
    job = target.store.job(USER)
    assert job["messages_done"] == job["messages_total"] == TOTAL
    assert_sums(figures_of(target))


def test_show_while_syncing(tap, target):
    adopt(target, tap)
    assert "eta_secs" not in show_json(target, USER)[0]
    assert show_json(target, "-m", USER) == []
    with Watcher(target, USER) as watcher:
        row = wait_until("a rate and a remaining time", lambda: next(
            (row for row in show_json(target, USER)
             if "eta_secs" in row and row["messages"] > 0), None), 60)
        mailboxes = show_json(target, USER, "--mailboxes")
    assert watcher.finished[1] == "done"
    assert row["state"] == "syncing" and 0 < row["progress"] < 100
    assert 0 < row["messages"] < row["messages_total"] == TOTAL
    assert 0 < row["bytes_per_sec"] < BYTES_PER_SECOND * 1.15
    assert 0 < row["messages_per_sec"] < BYTES_PER_SECOND / BODY_BYTES * 1.15
    assert 0 < row["eta_secs"] < 60
    progress = {box["mailbox"]: box["progress"] for box in mailboxes}
    assert min(progress.values()) < 100
    # it goes first
    begun = [box["mailbox"] for box in mailboxes if box["messages"] > 0]
    assert progress["INBOX"] == 100 or begun == ["INBOX"]
    assert sum(box["total"] for box in mailboxes) == TOTAL
    # it is over, and nothing moves any longer
    row = show_json(target, USER)[0]
    assert "eta_secs" not in row and "bytes_per_sec" not in row


def test_show_without_queue(tap, target):
    """The queue was killed and its lease is still there."""
    adopt(target, tap)
    target.stop()
    target.store.write("UPDATE migration_job SET lease_owner = 'gone', "
                       "lease_until = ?", int(time.time()) + 300)
    row = show_json(target, USER)[0]
    assert row["state"] == "syncing" and "eta_secs" not in row
    target.start()


def count_on_disk(target):
    home = target.folder / "mail/old.example/paula/Maildir"
    return sum(len(os.listdir(path / name))
               for path in (home, *home.glob(".*")) if path.is_dir()
               for name in ("cur", "new") if (path / name).is_dir())


def test_interrupted(old, tap, target):
    """A sync that ended in the middle, one that fails at once, and one that
    does the rest: the figures are always those of what is here."""
    adopt(target, tap)
    with Watcher(target, USER) as watcher:
        wait_until("the second half", lambda: figures_of(target)["messages"] >
                   TOTAL * 0.6, 60)
        tap.close_after(0)
        tap.drop_connections()
    assert watcher.finished[1] == "temporary"
    first = figures_of(target)
    assert_sums(first)
    assert first["messages"] == count_on_disk(target)
    assert TOTAL * 0.5 < first["messages"] < TOTAL
    assert first["total"] == TOTAL

    with Watcher(target, USER) as watcher:
        pass
    assert watcher.finished[1] == "temporary"
    assert figures_of(target) == first, "knows nothing and has changed it"
    on_disk = count_on_disk(target)

    tap.release()
    with Watcher(target, USER) as watcher:
        samples = watch(target, watcher)
    assert watcher.finished[1] == "done"
    values = [figures for _, figures in samples]
    for value in values:
        assert_sums(value)
        assert value["messages"] >= min(on_disk, first["messages"])
        assert value["total"] == TOTAL
    assert 100 not in percentages(values)[:-1]
    assert_moved_exactly(old, target)
    # what was here already was not fetched again, and is no speed
    rates = [report.bytes_per_sec for report in watcher.reports]
    assert max(rates) < BYTES_PER_SECOND * 1.15


def test_killed(old, tap, target):
    """What a killed worker has reported and not committed does not count: the
    next one looks at what is here."""
    adopt(target, tap)
    with Watcher(target, USER) as watcher:
        wait_until("the second half", lambda: figures_of(target)["messages"] >
                   TOTAL * 0.6, 60)
        tap.pause()
        # not while it is writing
        time.sleep(1)
        (worker,) = target.processes("migration-worker")
        worker.kill()
    assert watcher.finished[1] == "temporary"
    before = figures_of(target)
    assert_sums(before)
    target.store.write("UPDATE migration_job SET messages_done = ?, "
                       "bytes_done = bytes_done + 7000", TOTAL - 1)
    target.store.write("UPDATE migration_mailbox SET messages_done = "
                       "messages_total, bytes_done = 1")
    target.store.write("INSERT INTO migration_mailbox (username, name) "
                       "VALUES (?, 'Gone')", USER)
    on_disk = count_on_disk(target)
    tap.resume()
    with Watcher(target, USER) as watcher:
        samples = watch(target, watcher)
    assert watcher.finished[1] == "done"
    values = [figures for _, figures in samples
              if figures["messages"] != TOTAL - 1]
    assert values[0]["messages"] == on_disk
    for value in values:
        assert_sums(value)
    assert_grows([value["messages"] for value in values])
    assert_moved_exactly(old, target)


def test_big_message(tap, target):
    """Nothing is saved for seconds, and still there is a sign of life."""
    adopt(target, tap, BIG)
    started = time.monotonic()
    with Watcher(target, BIG) as watcher:
        pass
    assert watcher.finished[1] == "done"
    waiting = [report for report in watcher.reports if report.messages == 0]
    assert len(waiting) >= BIG_BYTES / BYTES_PER_SECOND / REPORT_SECS - 1
    assert {report.mailbox_total for report in waiting if report.mailbox} == \
        {1}
    assert_in_time(started, watcher.reports, [])


def start_sync(target, **kwargs):
    return subprocess.Popen(
        [DOVEADM, "-c", target.config, "migration", "sync", "-u", USER],
        stdin=subprocess.DEVNULL, **kwargs)


def read_all(fd):
    data = b""
    try:
        while chunk := os.read(fd, 65536):
            data += chunk
    except OSError:
        # a terminal that nobody has open any longer
        pass
    return data


def test_sync_on_a_terminal(tap, target):
    adopt(target, tap)
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ,
                struct.pack("HHHH", 24, COLUMNS, 0, 0))
    process = start_sync(target, stdout=slave, stderr=slave)
    os.close(slave)
    text = read_all(master).decode()
    os.close(master)
    assert process.wait(20) == DONE
    # gone at the end, and then the result
    assert text.count(CLEARED) == 1
    drawn, result = text.split(CLEARED)
    lines = [line.removesuffix("\x1b[K") for line in drawn.split("\r")[1:]]
    assert len(lines) >= 3
    assert all(len(line) < COLUMNS and "\n" not in line for line in lines)
    assert any(re.match(rf"\d+% \d+/{TOTAL} messages", line)
               for line in lines)
    assert any("kB/s" in line for line in lines)
    assert any(re.search(r"ETA \d+:\d\d", line) for line in lines)
    head, row = result.split("\r\n")[:2]
    assert head.split() == ["username", "result", "messages", "bytes"]
    assert row.split()[:3] == [USER, "done", str(TOTAL)]


def test_sync_into_a_pipe(tap, target):
    adopt(target, tap)
    started = time.monotonic()
    process = start_sync(target, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    stdout, stderr = process.communicate(timeout=60)
    seconds = time.monotonic() - started
    assert process.returncode == DONE, stderr
    assert "\r" not in stdout + stderr and "\x1b" not in stdout + stderr
    head, row = stdout.splitlines()
    assert row.split()[:3] == [USER, "done", str(TOTAL)]
    lines = stderr.splitlines()
    assert 2 <= len(lines) <= seconds / 5 + 2
    assert all(line.startswith(f"{USER}: ") for line in lines)

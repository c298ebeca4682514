"""The first pull of an account, and a second run with nothing new."""

import contextlib
import os
import statistics

import pytest

from corpus import Folder, Writer
from distance import Distance
from movers import all_movers
from pair import QuickProvider

USER, PASSWORD = "pia@old.example", "pia-s"
FOLDERS = 20
MESSAGES = int(os.environ.get("MESSAGES", "5000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
DELAYS = [int(delay) for delay in os.environ.get("DELAYS", "0 20").split()]
COLUMNS = ("seconds", "KiB", "commands", "round trips")


@pytest.fixture(scope="module")
def old(folders):
    with QuickProvider(folders("bench")) as server:
        writer = Writer(17)
        server.add_user(USER, PASSWORD)
        server.seed(USER, [
            Folder(name, writer.messages(MESSAGES // FOLDERS)) for name in
            ("INBOX", *(f"Folder{i}" for i in range(1, FOLDERS)))])
        yield server


def measure(mover, tap, user):
    commands, trips = len(tap.commands()), tap.round_trips
    seconds, memory = mover.run(user)
    return (seconds, memory, len(tap.commands()) - commands,
            tap.round_trips - trips)


def bench(old, movers, tap, delay):
    """name of a mover -> [figures of the first pulls, of the second runs]"""
    results = {mover.name: ([], []) for mover in movers}
    for number in range(ROUNDS):
        # in turn, so that each has its share of the noise
        for i, mover in enumerate(movers):
            user = f"pull{delay}.{number}.{i}@old.example"
            old.copy_account(USER, user)
            mover.prepare(user)
            for figures in results[mover.name]:
                figures.append(measure(mover, tap, user))
    return results


def tell(figures, results, delay, run, what):
    medians = {name: [statistics.median(column) for column in
                      zip(*runs[run], strict=True)]
               for name, runs in results.items()}
    peer = list(medians.values())[1]
    for name, values in medians.items():
        figures(f"{what}, {2 * delay} ms away, {name}: " + ", ".join(
            f"{value:.{2 if column == 'seconds' else 0}f} {column} "
            f"(x{value / max(other, 0.001):.2f})"
            for column, value, other in zip(COLUMNS, values, peer,
                                            strict=True)))


@pytest.mark.parametrize("delay", DELAYS)
def test_pull(old, folders, figures, delay):
    with Distance(old.ports["imap"], delay / 1000) as tap, \
            contextlib.ExitStack() as stack:
        movers = list(all_movers(folders, tap, PASSWORD))
        for mover in movers:
            mover.start()
            stack.callback(mover.stop)
        results = bench(old, movers, tap, delay)
        tell(figures, results, delay, 0,
             f"first pull of {MESSAGES} messages in {FOLDERS} folders")
        tell(figures, results, delay, 1, "nothing new")

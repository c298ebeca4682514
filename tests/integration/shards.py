"""Several pytests divide the tests among themselves (see run): a plugin.

All of them collect the same tests. Whoever has nothing to do claims the next
group by making a file for it in --claims, until there is none left. A group is
one test, or all those of a module that share a fixture of the module, or all
those with the same mark together("name"). Those with the mark "alone" come last,
and one at a time."""

import contextlib
import fcntl
import os
from pathlib import Path

import pytest


def pytest_addoption(parser):
    group = parser.getgroup("shards")
    group.addoption("--shard", type=int, required=True, help="our number")
    group.addoption("--claims", type=Path, required=True,
                    help="folder that the shards have in common")
    group.addoption("--progress-fd", type=int, required=True,
                    help="where to write a line for each test")


class Progress:
    """One line when a test is over."""

    def __init__(self, shard, descriptor):
        self.shard, self.descriptor = shard, descriptor

    def pytest_runtest_logreport(self, report):
        if report.when != "call" and report.passed:
            return
        what = "ERROR" if report.when != "call" and report.failed else \
            report.outcome.upper()
        # at once and whole: the others write there as well
        os.write(self.descriptor,
                 f"{self.shard} {what} {report.nodeid}\n".encode())


def pytest_configure(config):
    option = config.option
    config.pluginmanager.register(Progress(option.shard, option.progress_fd))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    """As pytest's own, which takes all tests."""
    if session.testsfailed or session.config.option.collectonly:
        return None
    item = None
    for group in _claim(session.items, session.config.option.claims):
        # What comes after the group is not known yet: all that is shared with
        # it is the session.
        for item, following in zip(group, [*group[1:], session]):
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
    if item is not None:
        _end_session(session, item)
    return True


def _end_session(session, last):
    """Fixtures of the session end as part of our last test."""
    call = pytest.CallInfo.from_call(
        lambda: session._setupstate.teardown_exact(None), "teardown")
    if call.excinfo is not None:
        report = last.ihook.pytest_runtest_makereport(item=last, call=call)
        last.ihook.pytest_runtest_logreport(report=report)


def _claim(items, claims):
    alone = [item for item in items if item.get_closest_marker("alone")]
    together = [item for item in items
                if not item.get_closest_marker("alone")]
    with open(claims / "lock", "w") as lock:
        # Whoever runs alone waits for all others, and they wait as well.
        for name, kind, part in (("together", fcntl.LOCK_SH, together),
                                 ("alone", fcntl.LOCK_EX, alone)):
            fcntl.flock(lock, kind)
            for number, group in enumerate(_groups(part)):
                with contextlib.suppress(FileExistsError):
                    (claims / f"{name}{number}").touch(exist_ok=False)
                    yield group


def _groups(items):
    groups = {}
    for item in items:
        groups.setdefault(_group(item), []).append(item)
    return groups.values()


def _group(item):
    mark = item.get_closest_marker("together")
    if mark is not None:
        return mark.args
    return item.path if _shares_fixture(item) else item.nodeid


def _shares_fixture(item):
    return any(definition.scope in ("class", "module", "package")
               for definitions in item._fixtureinfo.name2fixturedefs.values()
               for definition in definitions)

"""Several shards find what one pytest would find (see run)."""

import os
import signal
import subprocess
import time
import xml.etree.ElementTree as tree
from pathlib import Path

import pytest

from polling import wait_until

RUN = Path(__file__).resolve().parent / "run"
PRELUDE = """
import os, pathlib, socket, subprocess, time
import pytest
HERE = pathlib.Path(__file__).parent

def meet(name, other):
    "Waits until the other test runs as well."
    (HERE / name).touch()
    for _ in range(500):
        if (HERE / other).exists():
            return
        time.sleep(0.02)
    raise AssertionError("alone")
"""


class Result:
    """One run of two shards."""

    def __init__(self, folder, tests, *arguments, interrupt=False):
        file, report = folder / "test_sample.py", folder / "report.xml"
        file.write_text(PRELUDE + tests)
        process = subprocess.Popen(
            [RUN, f"--junitxml={report}", file, *arguments],
            env={**os.environ, "SHARDS": "2"}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True)
        if interrupt:
            wait_until("a test to run", (folder / "running").exists)
            os.killpg(process.pid, signal.SIGINT)
        self.output, _ = process.communicate(timeout=100)
        self.status = process.returncode
        self.suites = list(tree.parse(report).getroot().iter("testsuite"))

    def count(self, key):
        return sum(int(suite.get(key)) for suite in self.suites)

    def names(self):
        return sorted(case.get("name") for suite in self.suites
                      for case in suite.iter("testcase"))


def test_each_test_runs_once(tmp_path):
    result = Result(tmp_path, """
@pytest.mark.parametrize("number", range(40))
def test_it(number):
    with open(HERE / "ran", "a") as file:
        file.write(f"{number}\\n")
""")
    assert result.status == 0, result.output
    ran = (tmp_path / "ran").read_text().split()
    assert sorted(map(int, ran)) == list(range(40))
    assert len(result.names()) == result.count("tests") == 40
    assert len(result.suites) == 2
    assert "40 passed, 0 failed" in result.output
    assert result.output.count("test_sample.py::test_it[") == 40


def test_end_of_the_session_fails(tmp_path):
    result = Result(tmp_path, """
@pytest.fixture(scope="session")
def shared():
    yield
    raise ValueError("at the end")

@pytest.mark.parametrize("name, other", [("a", "b"), ("b", "a")])
def test_it(shared, name, other):
    meet(name, other)
""")
    assert result.status == 1
    assert "ValueError: at the end" in result.output
    assert "ended with" not in result.output
    assert result.count("errors") == 2


def test_fixtures_of_a_module_are_made_once(tmp_path):
    result = Result(tmp_path, """
@pytest.fixture(scope="module")
def shared():
    (HERE / "made").touch(exist_ok=False)
    yield
    (HERE / "ended").touch(exist_ok=False)

@pytest.mark.parametrize("number", range(10))
def test_it(shared, number):
    assert not (HERE / "ended").exists()

@pytest.mark.parametrize("number", range(10))
def test_without(number):
    pass
""")
    assert result.status == 0, result.output
    assert (tmp_path / "ended").exists()
    assert result.count("tests") == 20


def test_together(tmp_path):
    result = Result(tmp_path, """
SERVERS = [pytest.param(name, marks=pytest.mark.together(name))
           for name in ("one", "other")]

@pytest.fixture(scope="session")
def started():
    return set()

@pytest.fixture(params=SERVERS)
def server(request, started):
    if request.param not in started:
        (HERE / request.param).touch(exist_ok=False)
        started.add(request.param)

@pytest.mark.parametrize("number", range(5))
def test_it(server, number):
    time.sleep(0.05)

def test_more(server):
    pass
""")
    assert result.status == 0, result.output
    assert result.count("tests") == 12


def test_shards_do_not_see_each_other(tmp_path):
    result = Result(tmp_path, """
@pytest.mark.parametrize("name, other", [("a", "b"), ("b", "a")])
def test_it(name, other):
    with socket.create_server(("127.0.0.1", 20000)), \\
            subprocess.Popen(["sleep", "1000"]) as program:
        meet(name, other)
        sleeping = [line for line in subprocess.run(
            ["ps", "-eo", "args"], capture_output=True, text=True,
            check=True).stdout.splitlines() if line == "sleep 1000"]
        meet(name + "2", other + "2")
        program.kill()
    assert len(sleeping) == 1
    assert [name for _, name in socket.if_nameindex()
            if name == "eth0"] == []
""")
    assert result.status == 0, result.output


def test_some_run_alone(tmp_path):
    result = Result(tmp_path, """
@pytest.mark.alone
@pytest.mark.parametrize("number", range(3))
def test_alone(number):
    (HERE / "running").mkdir()
    time.sleep(0.3)
    (HERE / "running").rmdir()

@pytest.mark.parametrize("number", range(6))
def test_together(number):
    assert not (HERE / "running").exists()
    time.sleep(0.2)
    assert not (HERE / "running").exists()
""", "-p", "conftest")
    assert result.status == 0, result.output
    assert result.count("tests") == 9


def test_failures_of_both(tmp_path):
    result = Result(tmp_path, """
@pytest.fixture
def broken():
    raise ValueError("of the fixture")

@pytest.mark.parametrize("name, other", [("a", "b"), ("b", "a")])
def test_it(name, other):
    meet(name, other)
    raise ValueError(f"of {name}")

def test_error(broken):
    pass

def test_skipped():
    pytest.skip("for a reason")

def test_good():
    pass
""")
    assert result.status == 1
    assert (result.count("tests"), result.count("failures"),
            result.count("errors"), result.count("skipped")) == (5, 2, 1, 1)
    for text in ("ValueError: of a", "ValueError: of b",
                 "ValueError: of the fixture", "for a reason",
                 "1 passed, 3 failed"):
        assert text in result.output
    assert "shard 1 ended" not in result.output


@pytest.mark.parametrize("death", [
    "os.kill(os.getpid(), 9)", "os._exit(0)", "pytest.exit('enough')"])
def test_shard_dies(tmp_path, death):
    result = Result(tmp_path, f"""
@pytest.mark.parametrize("name, other", [("a", "b"), ("b", "a")])
def test_it(name, other):
    meet(name, other)
    if name == "a":
        {death}
""")
    assert result.status != 0
    assert result.count("errors") == 1
    assert "1 passed, 1 failed" in result.output
    assert "test_it[a-b]" in result.output


def test_nothing_to_do(tmp_path):
    result = Result(tmp_path, "def test_it(): pass\n", "-k", "other")
    assert result.status == 5
    assert result.count("errors") == 2


def test_cannot_be_collected(tmp_path):
    result = Result(tmp_path, "import nonexistent\n")
    assert result.status != 0
    assert "0 passed, 2 failed" in result.output


def test_interrupted(tmp_path):
    started = time.monotonic()
    result = Result(tmp_path, """
def test_it():
    (HERE / "running").touch()
    try:
        time.sleep(1000)
    finally:
        (HERE / "ended").touch()
""", interrupt=True)
    assert time.monotonic() - started < 60
    assert result.status != 0
    assert result.count("errors") > 0
    assert (tmp_path / "ended").exists()

"""The shipped metrics: what Dovecot's own OpenMetrics endpoint shows of a
migration, and whether the dashboard asks for nothing else."""

import json
import re
import subprocess
import urllib.request

import pytest

from checks import assert_answer
from dovecot import IS_24, for_version
from liar import Liar
from liar_mail import folder, serving
from polling import wait_until
from ports import free_port
from target import CONF_D, plain_provider

USER, PASSWORD = "mona@old.example", "mona's"
SHIPPED = "92-migration-metrics.conf"
DASHBOARD = CONF_D.parent / "doc/grafana-migration.json"
SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def shipped(port):
    """The file as it is for this Dovecot, with another port."""
    text = subprocess.run(["sh", CONF_D / "for-2.4", SHIPPED], check=True,
                          capture_output=True, text=True).stdout \
        if IS_24 else (CONF_D / SHIPPED).read_text()
    assert "port = 9900\n" in text
    return text.replace("port = 9900\n", f"port = {port}\n")


def read(port):
    """The samples: value by name and a sorted tuple of labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics",
                                timeout=20) as answer:
        lines = answer.read().decode().splitlines()
    assert lines[-1] == "# EOF"
    found = {}
    for line in lines:
        if line.startswith("#"):
            continue
        name, labels, value = SAMPLE.match(line).groups()
        found[name, tuple(sorted(LABEL.findall(labels or "")))] = float(value)
    return found


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def target(make_target, port):
    script = serving({b"INBOX": folder(5), b"Sent": folder(2)})
    with Liar(script, {USER.encode(): PASSWORD.encode()}) as liar:
        target = make_target(
            {"oldhost": plain_provider(liar.port, "old.example")},
            overrides={"migration_login": "local"})
        target.stop()
        target.extra = shipped(port)
        target.start()
        target.liar = liar
        yield target


def move(target, port):
    """A whole migration; the samples when all of it is there."""
    target.login(USER, "wrong")
    assert_answer(target.login(USER, PASSWORD), "OK")
    target.store.wait_moved(USER)
    for command in ("pause", "resume", "finish"):
        target.doveadm("migration", command, "-u", USER, check=True)
    target.store.wait_for(USER, phase="finished")
    wait_until("the metrics", lambda: (
        "dovecot_migration_transitions_total",
        (("from", "following"), ("provider", "oldhost"),
         ("to", "finished"))) in read(port))
    return read(port)


def test_shipped_metrics(target, port):
    samples = move(target, port)

    def count(metric, **labels):
        return samples.get((f"dovecot_migration_{metric}",
                            tuple(sorted({"provider": "oldhost",
                                          **labels}.items()))), 0)

    assert count("logins_total", verdict="ok") == 1
    assert count("logins_total", verdict="wrong password") == 1
    assert count("logins_duration_seconds_total", verdict="ok") > 0
    assert count("adoptions_total", result="created") == 1
    # one after the resume perhaps
    syncs = count("syncs_total", outcome="done")
    assert 2 <= syncs <= 3 and count("syncs_started_total") == syncs
    assert count("syncs_duration_seconds_total", outcome="done") > 0
    for command in ("pause", "resume", "finish"):
        assert count("commands_total", command=command,
                     by="an administrator") == 1
    for before, after in (("none", "queued"), ("queued", "following"),
                          ("following", "paused"), ("paused", "following"),
                          ("following", "finished")):
        assert count("transitions_total", **{"from": before,
                                             "to": after}) == 1, after
    (row,) = [row for row in target.doveadm_json("stats", "dump")
              if (row["metric_name"], row["field"]) ==
              ("migration_syncs", "new_messages")]
    assert int(row["sum"]) == 7


def test_added(target, port):
    """Who is added is adopted, as who logs in."""
    def add(password):
        target.doveadm("migration", "add", "-p", "oldhost",
                       "--password-stdin", USER, stdin=password + "\n",
                       check=True)

    def count(metric, **labels):
        return read(port).get((f"dovecot_migration_{metric}_total",
                               tuple(sorted({"provider": "oldhost",
                                             **labels}.items()))), 0)

    add("wrong")
    target.store.wait_for(USER, control="blocked", reason="password")
    wait_until("the metrics", lambda: count(
        "transitions", **{"from": "none", "to": "queued"}) == 1)
    assert count("adoptions", result="created") == 1
    add(PASSWORD)
    target.store.wait_moved(USER)
    wait_until("the metrics", lambda: count("adoptions",
                                            result="renewed") == 1)
    assert count("transitions", **{"from": "blocked", "to": "queued"}) == 1


def test_dashboard(target, port):
    """Each panel asks for what there is."""
    wanted = {}
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for question in panel["targets"]:
            for name in re.findall(r"dovecot_\w+", question["expr"]):
                labels = wanted.setdefault(name, set())
                labels |= {"provider"}
                labels |= set(re.findall(r"{{(\w+)}}",
                                         question["legendFormat"]))
    text = shipped(port)
    for name, labels in wanted.items():
        metric = re.fullmatch(
            r"dovecot_(\w+?)(?:_duration_seconds)?_total", name)[1]
        block = re.search(rf"^metric {metric} {{\n(.*?)^}}", text,
                          re.M | re.S)[1]
        assert labels <= set(re.findall(
            for_version(r"\w+", r"group_by (\w+)"),
            block if IS_24 else re.search("group_by = (.*)", block)[1])), name
    samples = move(target, port)
    assert {name for name, _ in samples} >= {
        name for name in wanted if "limited" not in name and
        "breaker" not in name and "switches" not in name}

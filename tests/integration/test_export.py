"""doveadm migration export and credential: for those who use other programs
beside it."""

import configparser
import csv
import io
import json
import os
import shutil
import subprocess

import pytest

from checks import assert_answer
from corpus import make_small_corpus
from dovecot import DOVEADM
from provider import Provider
from target import plain_provider

USERS = {"anna@old.example": "anna's \"s3cret\" \\ %",
         "o-brien@old.example": "päß wörd"}
USAGE, NOUSER, TEMPFAIL, CONFIG = 64, 67, 75, 78
FORMATS = ["csv", "json", "offlineimap", "mbsync", "imapsync"]


@pytest.fixture(scope="module")
def old(folders):
    with Provider(folders("export")) as server:
        for user, password in USERS.items():
            server.add_user(user, password)
            server.seed(user, make_small_corpus(messages=12))
        yield server
    server.assert_no_crash()


@pytest.fixture
def target(make_target, old):
    target = make_target({"oldhost": plain_provider(
        old.ports["imap"], "old.example", max_size="1 M")},
        overrides={"migration_login": "local"})
    for user, password in USERS.items():
        assert_answer(target.login(user, password), "OK")
        target.store.wait_moved(user)
    return target


@pytest.fixture
def programs(target, tmp_path):
    """An environment in which doveadm is that of the target."""
    (tmp_path / "bin").mkdir()
    doveadm = tmp_path / "bin/doveadm"
    # what it executes does not know of -c
    doveadm.write_text(
        '#!/bin/sh\nif [ "$1" = exec ]; then\nprogram=$2\nshift 2\n'
        f'exec /usr/lib/dovecot/$program -c {target.folder}/run/config "$@"\n'
        'fi\n'
        f'exec {DOVEADM} -c {target.config} "$@"\n')
    doveadm.chmod(0o755)
    return {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}",
            "HOME": str(tmp_path)}


def export(target, *args, code=0, formatter=None):
    result = target.doveadm("migration", "export", *args, formatter=formatter)
    assert result.returncode == code, result.stderr
    for user, password in USERS.items():
        job = target.store.job(user)
        for secret in (password, job["credential"], job["adopted_password"]):
            assert not secret or secret not in result.stdout + result.stderr
    return result.stdout if code == 0 else result.stderr


def credential(target, user, code=0):
    result = target.doveadm("migration", "credential", "-u", user)
    assert result.returncode == code, result.stderr
    if code == 0:
        assert result.stderr == ""
        return result.stdout
    assert result.stdout == "" and result.stderr != ""
    return result.stderr


# credential

def test_credential(target):
    for user, password in USERS.items():
        assert credential(target, user.upper()) == f"{password}\n"
    for kind in ("error", "info", "debug"):
        for password in USERS.values():
            assert password not in target.read_log(kind)


def test_credential_that_is_not_there(target):
    anna, brien = USERS
    assert "nobody@" in credential(target, "nobody@old.example", code=NOUSER)
    result = target.doveadm("migration", "credential")
    assert result.returncode == USAGE and "usage" in result.stderr
    # of another account
    target.store.write("UPDATE migration_job SET credential = (SELECT "
                       "credential FROM migration_job WHERE username = ?) "
                       "WHERE username = ?", anna, brien)
    said = credential(target, brien, code=CONFIG)
    assert brien in said and "another account" in said
    target.doveadm("migration", "finish", "-u", anna, check=True)
    target.store.wait_for(anna, phase="finished")
    assert "finished" in credential(target, anna, code=USAGE)


def test_credential_for_root_only(target, tmp_path):
    """Nobody else can read the key, nor is it asked for."""
    anna, _ = USERS
    shutil.copy(target.config, tmp_path)
    result = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
         DOVEADM, "-c", target.config, "migration", "credential", "-u", anna],
        capture_output=True, text=True, timeout=20)
    assert result.returncode != 0
    assert USERS[anna] not in result.stdout + result.stderr


# export

def test_csv(target):
    rows = {row["username"]: row
            for row in csv.DictReader(io.StringIO(export(target)))}
    assert list(rows) == sorted(USERS)
    row = rows["anna@old.example"]
    assert (row["provider"], row["remote_user"]) == ("oldhost",
                                                     "anna@old.example")
    assert (row["state"], row["progress"]) == ("following", "100")
    assert int(row["messages"]) > 5 and row["last_sync"].endswith("Z")
    target.store.write("UPDATE migration_job SET error = ?",
                       'said "no",\nand more')
    rows = csv.DictReader(io.StringIO(export(target, "--format", "csv")))
    assert [row["error"] for row in rows] == ['said "no",\nand more'] * 2


def test_json(target):
    rows = json.loads(export(target, "--format", "json"))
    assert [row["username"] for row in rows] == sorted(USERS)
    assert rows[0]["messages"] == target.store.job(
        rows[0]["username"])["messages_done"]
    head, *_ = csv.reader(io.StringIO(export(target)))
    assert list(rows[0]) == head


@pytest.mark.parametrize("args, count", [
    (["anna*"], 1), (["*@new.example"], 0), (["-p", "oldhost"], 2),
    (["-p", "nohost"], 0), (["-p", "oldhost", "O-BRIEN@*"], 1)])
def test_selects(target, args, count):
    assert len(json.loads(export(target, "--format", "json", *args))) == count
    assert len(export(target, *args).splitlines()) == 1 + count


def test_unknown_format(target):
    said = export(target, "--format", "xml", code=USAGE)
    assert all(name in said for name in FORMATS)


def test_without_a_password(target):
    """Those who are finished are in the figures, not in configurations."""
    anna, brien = USERS
    target.doveadm("migration", "finish", "-u", anna, check=True)
    target.store.wait_for(anna, phase="finished")
    assert len(json.loads(export(target, "--format", "json"))) == 2
    for name in FORMATS[2:]:
        result = target.doveadm("migration", "export", "--format", name)
        assert anna not in result.stdout and brien in result.stdout
        assert "Left out" in result.stderr and result.stderr.count(": 1") == 1


def test_mbsync(target, programs, tmp_path):
    """It logs in on both sides with what was written for it."""
    config = tmp_path / "mbsyncrc"
    config.write_text(export(target, "--format", "mbsync"))
    result = subprocess.run(
        ["mbsync", "-c", config, "-l", "-a"], env=programs, text=True,
        capture_output=True, timeout=60)
    assert result.returncode == 0, result.stderr + config.read_text()
    assert result.stdout.count("INBOX") == len(USERS)


def test_offlineimap(target, programs, tmp_path):
    config = tmp_path / "offlineimaprc"
    config.write_text(export(target, "--format", "offlineimap"))
    parser = configparser.ConfigParser()
    parser.read(config)
    assert parser["general"]["accounts"] == "user1,user2"
    result = subprocess.run(
        ["offlineimap", "-c", config, "-o", "--dry-run", "-u", "basic"],
        env=programs, text=True, capture_output=True, timeout=60)
    output = result.stdout + result.stderr
    assert result.returncode == 0, output
    assert output.count("Syncing INBOX") == len(USERS), output


def test_imapsync(target, programs, tmp_path):
    """imapsync is not in Debian: a stand-in shows what it is called with."""
    stand_in = tmp_path / "bin/imapsync"
    stand_in.write_text('#!/bin/bash\nwhile [ $# -gt 0 ]; do\n'
                        'case $1 in --passfile*) cat "$2"; shift ;;\n'
                        '*) echo "$1" ;; esac\nshift\ndone\n')
    stand_in.chmod(0o755)
    script = tmp_path / "script"
    script.write_text(export(target, "--format", "imapsync"))
    result = subprocess.run(["bash", script], env=programs, text=True,
                            capture_output=True, timeout=60)
    assert result.returncode == 0 and result.stderr == "", result.stderr
    lines = result.stdout.splitlines()
    for user, password in USERS.items():
        assert lines.count(user) == 2 and lines.count(password) == 2
    assert lines.count("--nossl1") == 2 and lines.count("1048576") == 2

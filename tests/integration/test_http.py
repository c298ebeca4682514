"""Every command of doveadm migration over doveadm's HTTP API, with curl."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from checks import assert_answer
from corpus import make_small_corpus
from dovecot import passwd_file, password_entry
from polling import wait_until
from ports import free_port
from provider import Provider
from target import Target, plain_provider

SOURCES = Path(__file__).resolve().parent.parent.parent / "src/doveadm"
USER, OTHER, PASSWORD = "anna@old.example", "ben@old.example", "the s3cret"
MASTER_PASSWORD = "the mover's s3cret"
API_KEY = "the key"
USAGE, NOUSER = 64, 67
# By the tests below; test_every_command_is_tested compares it with the sources.
COVERED = {
    "add", "credential", "delete", "export", "finish", "import",
    "key generate", "key list", "key rotate", "list", "pause", "provider list",
    "provider test", "resume", "retry", "show", "status", "sync", "verify",
}


@pytest.fixture(scope="module")
def old(folders):
    server = Provider(folders("http"))
    masters = server.folder / "masters"
    masters.write_text(
        f"mover:{password_entry(MASTER_PASSWORD.encode())}:::::\n")
    server.extra = passwd_file("passdb", masters, name="masters",
                               options="  master = yes\n"
                               "  result_success = continue\n")
    for user in (USER, OTHER):
        server.add_user(user, PASSWORD)
    with server:
        for user in (USER, OTHER):
            server.seed(user, make_small_corpus(messages=6))
        yield server
    server.assert_no_crash()


class Api:
    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}/doveadm/v1"

    def ask(self, command, **parameters):
        """("doveadmResponse", rows) or ("error", {"exitCode": ...})"""
        name = re.sub(r" (\w)", lambda match: match[1].upper(),
                      f"migration {command}")
        return self.ask_raw(json.dumps([[name, parameters, "tag"]]))

    def ask_raw(self, body):
        result = subprocess.run(
            ["curl", "--silent", "--show-error", "--fail", "--max-time", "60",
             "--user", f"doveadm:{API_KEY}", "--header",
             "Content-Type: application/json", "--data-binary", "@-",
             self.url], input=body, text=True, capture_output=True)
        assert result.returncode == 0, result.stderr
        assert PASSWORD not in result.stdout
        assert MASTER_PASSWORD not in result.stdout
        (kind, content, tag), = json.loads(result.stdout)
        assert tag == "tag"
        return kind, content

    def rows(self, command, **parameters):
        kind, content = self.ask(command, **parameters)
        assert kind == "doveadmResponse", (command, content)
        return content

    def code(self, command, **parameters):
        """The exit code of a command that must fail."""
        kind, content = self.ask(command, **parameters)
        assert kind == "error", (command, content)
        return content["exitCode"]


@pytest.fixture(scope="module")
def target(folders, old):
    port = free_port()
    target = Target(folders("http"), {
        "oldhost": plain_provider(old.ports["imap"], "old.example",
                                  master_user="mover",
                                  master_password=MASTER_PASSWORD),
        "second": plain_provider(old.ports["imap"], "second.example")})
    target.extra = f"""
doveadm_password = {API_KEY}
service doveadm {{
  inet_listener http {{
    port = {port}
  }}
}}
"""
    target.api = Api(port)
    with target:
        yield target
    target.assert_no_crash()


@pytest.fixture(scope="module")
def api(target):
    """With two users who were added over it."""
    rows = target.api.rows("add", provider="oldhost", user=USER)
    assert [row["username"] for row in rows] == [USER]
    assert rows[0]["result"].startswith("changed: queued")
    # of a file it is the text
    rows = target.api.rows("add", provider="oldhost",
                           usersFile=f"# two\n{USER}\n{OTHER}\n")
    assert [row["username"] for row in rows] == [USER, OTHER]
    assert [row["result"].split(":")[0] for row in rows] == [
        "unchanged", "changed"]
    for user in (USER, OTHER):
        target.store.wait_moved(user)
    return target.api


def test_every_command_is_tested():
    commands = set()
    for file in SOURCES.glob("*.c"):
        commands.update(re.findall(r'\.name = "migration ([\w ]+)"',
                                   file.read_text()))
    assert commands == COVERED


def test_figures(api, target):
    assert [row["username"] for row in api.rows("list")] == [USER, OTHER]
    assert [row["username"] for row in api.rows("list", mask="b*")] == [OTHER]
    (row,) = api.rows("show", user=USER)
    assert (row["state"], row["credential"]) == ("following", "master")
    assert api.rows("show", user=USER, mailboxes=True)[0]["mailbox"]
    (row,) = api.rows("status")
    assert (row["queue"], int(row["following"])) == ("running", 2)
    assert {row["name"] for row in api.rows("provider list")} == set(
        target.providers)
    checks = {row["check"]: row["result"]
              for row in api.rows("provider test", provider="oldhost")}
    assert checks["greeting"] == "ok"


def test_export(api):
    rows = api.rows("export", format="json")
    assert [row["username"] for row in rows] == [USER, OTHER]
    assert isinstance(rows[0]["messages"], int)
    rows = api.rows("export", mask="anna*")
    assert len(rows) == 2 and rows[1]["text"].startswith(f"{USER},oldhost,")
    assert api.code("export", format="xml") == USAGE


def test_import(api, target):
    """What it writes is in test_import.py."""
    path = target.folder / "import.csv"
    path.write_text("domain;new.example;0;0;1\nnonsense\n")
    assert api.code("import", file=str(path), check=True) == USAGE
    path.write_text("domain;new.example;0;0;1\n")
    rows = api.rows("import", file=str(path), check=True)
    assert [(row["type"], int(row["added"])) for row in rows] == [
        ("domain", 1)]
    path.write_text(
        "localusername,remoteusername,remotepassword,remotehostname,"
        f"remoteport,security\n{OTHER},{OTHER},,127.0.0.1,"
        f"{target.providers['oldhost']['port']},none\n")
    (row,) = api.rows("import", **{"from": "ns8"}, file=str(path),
                      check=True, update=True)
    assert (row["type"], int(row["changed"])) == ("migration", 1)
    assert api.code("import", **{"from": "ns8"}, file=str(path),
                    check=True) == USAGE
    assert target.store.domains() == ["old.example"]


def test_sync_and_verify(api):
    (row,) = api.rows("sync", user=USER)
    assert (row["username"], row["result"]) == (USER, "done")
    assert {row["result"] for row in api.rows("verify", user=USER)} == {"same"}


def test_control(api, target):
    assert api.rows("pause", user="anna*")[0]["result"] == "changed: paused"
    rows = api.rows("pause", all=True)
    assert [row["result"] for row in rows] == ["unchanged: paused",
                                               "changed: paused"]
    rows = api.rows("resume", usersFile=f"{USER}\nnobody@old.example\n{OTHER}")
    assert [row["result"].split(":")[0] for row in rows] == [
        "changed", "refused", "changed"]
    wait_until("the syncs to end", lambda: all(
        target.store.job(user)["lease_owner"] == "" for user in (USER, OTHER)))
    assert api.rows("retry", provider="oldhost")[0]["result"].startswith(
        "unchanged: ")
    api.rows("finish", user=OTHER)
    target.store.wait_for(OTHER, phase="finished")
    api.rows("delete", user=OTHER, account=True)
    assert target.store.accounts() == [USER]


def test_keys(api, target):
    (row,) = api.rows("key list")
    assert (row["use"], int(row["sealed"])) == ("present", 0)
    (row,) = api.rows("key rotate")
    assert row["key_id"] == api.rows("key list")[0]["key_id"]
    target.reload()
    (row,) = api.rows("key rotate", reseal=True, forgetOld=True)
    assert int(row["forgotten"]) == 1
    assert len(api.rows("key list")) == 1
    # they exist
    assert api.code("key generate") == 78


@pytest.mark.parametrize("command, parameters, code", [
    ("add", {}, USAGE),
    ("add", {"provider": "nohost", "user": USER}, USAGE),
    ("add", {"provider": "second", "user": "x@second.example"}, USAGE),
    ("add", {"provider": "second", "user": "x@second.example",
             "passwordStdin": True}, USAGE),
    ("add", {"provider": "oldhost", "usersFile": "a b c\n"}, USAGE),
    ("add", {"provider": "oldhost", "usersFile": ""}, USAGE),
    ("credential", {"user": USER}, USAGE),
    ("credential", {}, USAGE),
    ("key rotate", {"forgetOld": True}, USAGE),
    ("pause", {}, USAGE),
    ("pause", {"usersFile": "a b c\n"}, USAGE),
    ("pause", {"user": "nobody@old.example"}, NOUSER),
    ("show", {"user": "nobody@old.example"}, NOUSER),
    ("sync", {"user": "nobody@old.example"}, NOUSER),
    ("verify", {"user": "nobody@old.example"}, NOUSER),
    ("provider test", {"provider": "nohost"}, USAGE),
    ("provider test", {"provider": "oldhost", "user": USER}, USAGE),
], ids=lambda value: str(value)[:40])
def test_refused(api, command, parameters, code):
    """With the exit code of the command line."""
    assert api.code(command, **parameters) == code


def test_password_is_not_shown(api, target):
    """Also not of a user who has one stored."""
    assert_answer(target.login("x@second.example", "x"), "NO")
    target.store.write(
        "UPDATE migration_job SET provider = 'second' WHERE username = ?",
        USER)
    assert api.code("credential", user=USER) == USAGE
    target.store.write(
        "UPDATE migration_job SET provider = 'oldhost' WHERE username = ?",
        USER)


def test_several_at_once(api):
    """doveadm-server goes on after a command that failed."""
    for _ in range(5):
        assert api.code("pause", user="nobody@old.example") == NOUSER
        assert api.rows("list")[0]["username"] == USER

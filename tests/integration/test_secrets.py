"""The passwords are nowhere (promise P5)."""

import base64
import urllib.parse

import pytest

from checks import assert_answer
from corpus import make_small_corpus
from liar import Liar, Session
from liar_modes import Bye, HangingPull
from polling import wait_until
from provider import Provider
from target import Target, plain_provider

# user -> password: moved, refused by the provider, caught in the middle
MOVED = ("yara@old.example", "Yara-Corr3ct-H0rse")
REFUSED = ("zoe@old.example", "Zoe-Wr0ng-Guess")
CAUGHT = ("yuri@slow.example", "Yuri-B4ttery-Staple")
LOCAL = ("local@home.example", "L0cal-User-Passw0rd")
ALL = (MOVED, REFUSED, CAUGHT, LOCAL)


def needles():
    """Every form in which a password could be found."""
    for user, password in ALL:
        raw = password.encode()
        yield raw
        yield raw.hex().encode()
        yield raw.hex().upper().encode()
        yield base64.b64encode(raw).rstrip(b"=")[:-1]
        yield raw[::-1]
        yield urllib.parse.quote(raw, safe="").replace("-", "%2D").encode()
        for prefix in (b"\0" + user.encode() + b"\0",
                       user.encode() + b"\0" + user.encode() + b"\0"):
            yield base64.b64encode(prefix + raw).rstrip(b"=")[:-1]
        yield raw.decode().encode("utf-16-le")


NEEDLES = list(dict.fromkeys(needles()))


def found_in(data):
    return [needle for needle in NEEDLES if needle in data]


@pytest.fixture(scope="module")
def old(folders):
    with Provider(folders("secrets")) as old:
        old.add_user(*MOVED)
        old.seed(MOVED[0], make_small_corpus(messages=20))
        old.add_user(REFUSED[0], "the right one")
        yield old


@pytest.fixture(scope="module")
def target(folders, old):
    """A server that has seen all kinds of logins, one still under way."""
    with Liar(HangingPull) as liar:
        target = Target(folders("secrets"), {
            "oldhost": plain_provider(old.ports["imap"], "old.example"),
            "slow": plain_provider(liar.port, "slow.example"),
        }, {"migration_login": "local"}, dict([LOCAL]))
        with target:
            assert_answer(target.login(*LOCAL), "OK")
            assert_answer(target.login(*MOVED), "OK")
            target.store.wait_moved(MOVED[0])
            assert_answer(target.login(*MOVED), "OK")
            assert_answer(target.login(*REFUSED), "NO")
            assert_answer(target.login(*CAUGHT), "OK")
            wait_until("the pull to hang", lambda: len(liar.logins) >= 2)
            target.settle_log()
            yield target
    target.assert_no_crash()


def test_the_search_finds_what_is_there(target):
    (target.folder / "canary").write_bytes(b"x" + MOVED[1].encode())
    try:
        assert files_with_secrets(target) == ["canary"]
    finally:
        (target.folder / "canary").unlink()


def files_with_secrets(target):
    """All files below the instance's folder: logs, database, mail, state."""
    result = []
    for path in target.folder.rglob("*"):
        # the test's own list of the local users and their passwords
        if path.is_file() and path.name != "local-users" and \
                found_in(path.read_bytes()):
            result.append(str(path.relative_to(target.folder)))
    return result


def test_files(target):
    assert files_with_secrets(target) == []
    assert MOVED[0] in target.read_log("debug"), "debug log is on"
    database = target.store.path.read_bytes()
    wal = target.store.path.with_name(target.store.path.name + "-wal")
    if wal.exists():
        database += wal.read_bytes()
    assert MOVED[0].encode() in database


def test_dumped_configuration(target):
    for option in ("-n", "-a", "-P"):
        assert found_in(target.doveconf(option, check=True)
                        .stdout.encode()) == []
    for command in (["list"], ["show", MOVED[0]], ["show", CAUGHT[0]],
                    ["status"], ["provider", "list"]):
        assert found_in(target.doveadm("migration", *command, check=True)
                        .stdout.encode()) == []


def test_processes(target):
    names = set()
    for process in target.processes():
        names.add(process.name)
        assert found_in(process.arguments.encode()) == [], process
        assert found_in(process.environment) == [], process
    assert {"auth", "migration", "migration-worker", "imap-login"} <= names


def test_queue_memory(target):
    (queue,) = target.processes("migration")
    memory = queue.memory()
    assert CAUGHT[0].encode() in memory, "that is not the queue's memory"
    assert found_in(memory) == []


def test_account_is_hashed_and_credential_sealed(target):
    for user, _ in (MOVED, CAUGHT):
        assert target.store.account(user)["password"].startswith(
            "{SHA512-CRYPT}$6$")
        box = base64.b64decode(target.store.job(user)["credential"],
                               validate=True)
        assert box[0] == 1 and len(box) > 60
    boxes = {target.store.job(user)["credential"] for user, _ in
             (MOVED, CAUGHT)}
    assert len(boxes) == 2


@pytest.mark.parametrize("path, owner_only", [
    ("keys/private.pem", True), ("db/migration.sqlite", True)])
def test_file_modes(target, path, owner_only):
    mode = (target.folder / path).stat().st_mode & 0o777
    assert (mode & 0o077 == 0) == owner_only, oct(mode)


def test_worker_is_not_root(target):
    """It has given up root before it talks to the provider."""
    (worker,) = target.processes("migration-worker")
    status = (worker.folder / "status").read_text()
    uids = next(line for line in status.splitlines()
                if line.startswith("Uid:")).split()[1:]
    assert "0" not in uids


def test_credential_of_another_account(make_target):
    """A box moved to another row is refused, named, and harms nobody else."""
    first, second = "first@old.example", "second@old.example"
    with Liar(HangingPull, {first.encode(): b"one", second.encode(): b"two"}
              ) as liar:
        target = make_target(
            {"oldhost": plain_provider(liar.port, "old.example")})
        for user, password in ((first, "one"), (second, "two")):
            assert_answer(target.login(user, password), "NO", "UNAVAILABLE")
        liar.script = Bye
        liar.drop_connections()
        for user in (first, second):
            target.store.wait_tried(user)
        target.store.write(
            "UPDATE migration_job SET credential = (SELECT credential FROM "
            "migration_job WHERE username = ?) WHERE username = ?",
            first, second)
        before = len(liar.logins_of(second.encode()))
        liar.script = Session
        target.store.wait_moved(first)
        job = target.store.wait_for(second, control="blocked")
        assert "credential" in job["error"] or "password" in job["error"]
        assert len(liar.logins_of(second.encode())) == before
        assert target.log_lines("error", second, "credential")
        # the user's next good login brings a new one
        assert_answer(target.login(second, "two"), "NO", "UNAVAILABLE")
        target.store.wait_moved(second)

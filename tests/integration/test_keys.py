"""doveadm migration key rotate and list: what was sealed still opens."""

import base64

import pytest

from checks import assert_answer
from liar import Liar, Session
from target import Target, plain_provider

USAGE, TEMPFAIL, CONFIG = 64, 75, 78
USERS = {f"{name}@old.example": f"{name}'s password"
         for name in ("anna", "ben", "cleo")}


@pytest.fixture
def liar():
    with Liar(Session, {user.encode(): password.encode()
                        for user, password in USERS.items()}) as liar:
        yield liar


@pytest.fixture
def target(make_target, liar):
    """Three users who are followed."""
    target = make_target({"oldhost": plain_provider(liar.port, "old.example")})
    for user, password in USERS.items():
        assert_answer(target.login(user, password), "NO", "UNAVAILABLE")
        target.store.wait_moved(user)
    return target


def key(target, *args, code=0):
    result = target.doveadm("migration", "key", *args, formatter="tab")
    assert result.returncode == code, result.stderr
    for password in USERS.values():
        assert password not in result.stdout + result.stderr
    if code != 0:
        assert result.stderr != ""
    head, *lines = result.stdout.splitlines() or [""]
    rows = [dict(zip(head.split("\t"), line.split("\t"), strict=True))
            for line in lines]
    return rows, result.stderr


def keys(target):
    """key id -> (use, sealed)"""
    rows, _ = key(target, "list")
    return {row["key_id"]: (row["use"], int(row["sealed"])) for row in rows}


def key_id(target, user):
    return base64.b64decode(target.store.job(user)["credential"])[1:9].hex()


def assert_syncs(target, liar, user):
    """The worker opens the password, and it is the right one."""
    logins = len(liar.logins)
    result = target.doveadm("migration", "sync", "-u", user)
    assert result.returncode == 0, result.stderr
    assert liar.logins[logins].password == USERS[user].encode()


def test_rotate(target, liar):
    """All that was sealed opens, with both keys, and is sealed anew."""
    (first,) = keys(target)
    assert keys(target) == {first: ("present", 3)}
    (row,), said = key(target, "rotate")
    second = row["key_id"]
    assert second != first
    assert (row["resealed"], row["left"], row["forgotten"]) == ("3", "0", "0")
    assert "doveadm reload" in said
    assert keys(target) == {second: ("present", 3), first: ("old", 0)}
    private = target.folder / "keys/private.pem"
    assert private.stat().st_mode & 0o777 == 0o600
    for user in USERS:
        assert key_id(target, user) == second
        assert_syncs(target, liar, user)
    # auth still has the first one
    user, *_ = USERS
    target.store.write("UPDATE migration_job SET control = 'blocked', "
                       "reason = 'password' WHERE username = ?", user)
    target.assert_serves_locally(user, USERS[user])
    target.store.wait_for(user, control="active")
    assert key_id(target, user) == first
    assert_syncs(target, liar, user)
    assert keys(target) == {second: ("present", 2), first: ("old", 1)}

    target.reload()
    (row,), _ = key(target, "rotate", "--reseal")
    assert (row["key_id"], row["resealed"]) == (second, "1")
    (row,), _ = key(target, "rotate", "--reseal", "--forget-old")
    assert (row["resealed"], row["forgotten"]) == ("0", "1")
    assert keys(target) == {second: ("present", 3)}
    assert_syncs(target, liar, user)
    (row,), _ = key(target, "rotate", "--reseal", "--forget-old")
    assert (row["resealed"], row["forgotten"]) == ("0", "0")


def test_box_that_cannot_be_opened(target, liar):
    """It is named, the others are sealed anew, and the old key stays."""
    anna, ben, cleo = USERS
    before = target.store.job(anna)["credential"]
    target.store.write("UPDATE migration_job SET credential = ? "
                       "WHERE username = ?", before, ben)
    (row,), said = key(target, "rotate", code=TEMPFAIL)
    assert (row["resealed"], row["left"]) == ("2", "1")
    assert f"{ben}: Cannot open the sealed password" in said
    assert "another account" in said and anna not in said
    assert target.store.job(ben)["credential"] == before
    assert_syncs(target, liar, anna)
    assert_syncs(target, liar, cleo)
    rows, said = key(target, "rotate", "--reseal", "--forget-old",
                     code=TEMPFAIL)
    assert rows[0]["forgotten"] == "0"
    assert len(keys(target)) == 2


def test_wrong_keys(target, tmp_path):
    """Nothing is harmed, and what is wrong is said."""
    private = target.folder / "keys/private.pem"
    public = target.folder / "keys/public.pem"
    (first,) = keys(target)
    target.doveadm("-o", f"migration_private_key_file={tmp_path}/private.pem",
                   "-o", f"migration_public_key_file={tmp_path}/public.pem",
                   "migration", "key", "generate")
    other = (tmp_path / "public.pem").read_bytes()
    right = public.read_bytes()
    public.write_bytes(other)
    rows, said = key(target, "list", code=CONFIG)
    assert [(row["use"], row["sealed"]) for row in rows] == [
        ("missing", "0"), ("old", "3")]
    assert "has no private key" in said and str(private) in said
    _, said = key(target, "rotate", "--reseal", code=CONFIG)
    assert "has no private key" in said
    assert key_id(target, next(iter(USERS))) == first
    public.write_bytes(right)
    # the private one was replaced
    ours = private.read_bytes()
    private.write_bytes((tmp_path / "private.pem").read_bytes())
    public.write_bytes(other)
    rows, _ = key(target, "list")
    assert {row["use"]: row["sealed"] for row in rows} == {
        "present": "0", "missing": "3"}
    _, said = key(target, "rotate", "--reseal", code=TEMPFAIL)
    assert said.count("was sealed for key " + first) == 3
    private.write_bytes(ours)
    public.write_bytes(right)
    private.chmod(0o644)
    assert "chmod 600" in target.doveadm("migration", "key", "list").stderr


def test_usage(target):
    _, said = key(target, "rotate", "--forget-old", code=USAGE)
    assert "--reseal" in said
    assert len(keys(target)) == 1


def test_not_running(folders, liar):
    """No key is made that nothing could be sealed with."""
    target = Target(folders("stopped"), {
        "oldhost": plain_provider(liar.port, "old.example")})
    with target:
        before = keys(target)
    _, said = key(target, "rotate", code=TEMPFAIL)
    assert "not running" in said
    assert keys(target) == before

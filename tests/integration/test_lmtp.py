"""Mail that arrives here."""

import smtplib
import time
from pathlib import Path

from checks import assert_answer
from compare import differences
from corpus import make_small_corpus
from polling import wait_until
from provider import Provider
from tap import Tap
from target import plain_provider

import pytest

USER = "uwe@old.example"
PASSWORD = "uwe's"


@pytest.fixture(scope="module")
def old(folders):
    with Provider(folders("lmtp")) as server:
        server.add_user(USER, PASSWORD)
        server.seed(USER, make_small_corpus(messages=20))
        yield server
    server.assert_no_crash()


def deliver(target, user, marker):
    """One delivery; returns the code of the recipient's answer."""
    message = (f"From: a@sender.example\r\nTo: {user}\r\n"
               f"Message-ID: <{marker}@sender.example>\r\n"
               f"Subject: {marker}\r\n\r\nbody of {marker}\r\n")
    with smtplib.LMTP("127.0.0.1", target.ports["lmtp"], timeout=60) as client:
        try:
            refused = client.sendmail("a@sender.example", [user], message)
        except smtplib.SMTPRecipientsRefused as error:
            refused = error.recipients
        except smtplib.SMTPDataError as error:
            return error.smtp_code
    return refused[user][0] if refused else 250


def inbox(target):
    return target.snapshot(USER, PASSWORD)["INBOX"].mails


def test_debians_configuration(old, make_target):
    """Debian 13's takes the domain away from recipients."""
    target = make_target(
        {"oldhost": plain_provider(old.ports["imap"], "old.example")},
        overrides={"migration_login": "local"}, protocols=("imap", "lmtp"))
    target.stop()
    target.extra = Path("/usr/share/dovecot/conf.d/20-lmtp.conf").read_text()
    target.start()
    assert_answer(target.login(USER, PASSWORD), "OK")
    target.store.wait_moved(USER)
    before = inbox(target)
    assert deliver(target, USER, "one") == 250
    assert len(inbox(target)) == len(before) + 1
    assert deliver(target, USER.replace("old", "new"), "two") == 550


def test_delivery_to_a_moved_account(old, make_target):
    target = make_target(
        {"oldhost": plain_provider(old.ports["imap"], "old.example")},
        overrides={"migration_login": "local"}, protocols=("imap", "lmtp"))
    assert_answer(target.login(USER, PASSWORD), "OK")
    target.store.wait_moved(USER)
    before = target.snapshot(USER, PASSWORD)
    next_uid = max(before["INBOX"].mails) + 1

    assert deliver(target, USER, "one") == 250
    assert deliver(target, USER.upper(), "two") == 250
    after = target.snapshot(USER, PASSWORD)
    assert sorted(set(after["INBOX"].mails) - set(before["INBOX"].mails)) == \
        [next_uid, next_uid + 1]
    assert after["INBOX"].uidvalidity == before["INBOX"].uidvalidity
    for uid in (next_uid, next_uid + 1):
        del after["INBOX"].mails[uid]
    assert differences(before, after) == {}


def test_delivery_to_an_unknown_account(old, make_target):
    """LMTP cannot ask the provider: the MTA has to know the account."""
    with Tap(old.ports["imap"]) as tap:
        target = make_target(
            {"oldhost": plain_provider(tap.port, "old.example")},
            protocols=("imap", "lmtp"))
        assert 500 <= deliver(target, USER, "none") < 600
        assert tap.connections() == 0
        assert target.store.accounts() == []


def test_delivery_before_the_first_sync(old, make_target):
    """Neither lost nor doubled, and no old mail is lost for it."""
    with Tap(old.ports["imap"]) as tap:
        target = make_target(
            {"oldhost": plain_provider(tap.port, "old.example")},
            protocols=("imap", "lmtp"))
        tap.hold_after(1)
        assert_answer(target.login(USER, PASSWORD), "NO", "UNAVAILABLE")
        target.store.wait_for(USER, phase="initial")
        code = deliver(target, USER, "early")
        assert code == 250 or 400 <= code < 500
        tap.release()
        target.store.wait_moved(USER)
        if code != 250:
            # what an MTA does with a temporary failure
            wait_until("delivery to be taken",
                       lambda: deliver(target, USER, "early") == 250)

    old_bodies = sorted(mail.sha256 for mail in
                        old.snapshot(USER)["INBOX"].mails.values())
    bodies = sorted(mail.sha256 for mail in inbox(target).values())
    assert len(bodies) == len(old_bodies) + 1
    for body in old_bodies:
        bodies.remove(body)
    assert len(bodies) == 1


NEW_USER, NEW_PASSWORD = "nora@old.example", "nora's"


@pytest.fixture
def slow(old):
    """The first pull of NEW_USER takes seconds."""
    old.add_user(NEW_USER, NEW_PASSWORD)
    if not old.snapshot(NEW_USER)["INBOX"].mails:
        old.seed(NEW_USER, make_small_corpus(messages=100))
    with Tap(old.ports["imap"], bytes_per_second=20_000) as tap:
        yield tap


def slow_target(make_target, tap, login):
    target = make_target(
        {"oldhost": plain_provider(tap.port, "old.example")},
        overrides={"migration_login": login}, protocols=("imap", "lmtp"))
    target.login(NEW_USER, NEW_PASSWORD)
    target.store.wait_for(NEW_USER, phase="initial")
    return target


def bodies(server, user=NEW_USER):
    snapshot = server.snapshot(user) if isinstance(server, Provider) else \
        server.snapshot(user, NEW_PASSWORD)
    return sorted(mail.sha256 for mail in snapshot["INBOX"].mails.values())


def stored(target, marker):
    """Files with the delivered message, wherever they are."""
    home = target.folder / "mail/old.example/nora"
    return [path for path in home.rglob("*") if path.is_file() and
            f"body of {marker}".encode() in path.read_bytes()]


@pytest.mark.parametrize("login", ["proxy", "wait"])
def test_delivery_is_deferred_until_the_switch(old, slow, make_target, login):
    target = slow_target(make_target, slow, login)
    codes = set()
    while target.store.job(NEW_USER)["phase"] == "initial":
        code = deliver(target, NEW_USER, "early")
        codes.add(code)
        if code == 250:
            break
        assert stored(target, "early") == []
        # an MTA would wait for minutes
        time.sleep(0.2)
    assert 451 in codes and codes <= {250, 451}
    target.store.wait_moved(NEW_USER)
    before = target.snapshot(NEW_USER, NEW_PASSWORD)
    next_uid = max(before["INBOX"].mails) + 1
    if 250 not in codes:
        assert deliver(target, NEW_USER, "early") == 250
    else:
        next_uid -= 1
    after = target.snapshot(NEW_USER, NEW_PASSWORD)
    assert max(after["INBOX"].mails) == next_uid
    assert len(stored(target, "early")) == 1
    del after["INBOX"].mails[next_uid]
    assert differences(old.snapshot(NEW_USER), after) == {}


def block(target):
    """As after a refusal that only an administrator can mend."""
    target.store.write("UPDATE migration_job SET control = 'blocked', "
                       "reason = 'provider', next_sync = 0 "
                       "WHERE username = ?", NEW_USER)


@pytest.mark.parametrize("how", ["paused", "blocked"])
def test_delivery_while_nothing_is_on_its_way(old, slow, make_target, how):
    """It is not known when that will be: mail is taken, and the old mail comes
    later all the same."""
    target = slow_target(make_target, slow, "proxy")
    target.doveadm("migration", "pause", "-u", NEW_USER, check=True)
    assert target.store.job(NEW_USER)["phase"] == "initial"
    wait_until("the worker to end", lambda: slow.connections() and
               not target.processes("migration-worker"))
    if how == "blocked":
        block(target)
    for marker in ("one", "two"):
        assert deliver(target, NEW_USER, marker) == 250
        assert len(stored(target, marker)) == 1
    if how == "blocked":
        target.doveadm("migration", "retry", "-u", NEW_USER, check=True)
    else:
        target.doveadm("migration", "resume", "-u", NEW_USER, check=True)
    target.store.wait_moved(NEW_USER)
    expected, actual = bodies(old), bodies(target)
    assert len(actual) == len(expected) + 2
    for body in expected:
        actual.remove(body)
    assert len(set(actual)) == 2
    for marker in ("one", "two"):
        assert len(stored(target, marker)) == 1

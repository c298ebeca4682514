"""Mail that arrives here."""

import smtplib

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

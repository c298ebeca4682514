"""A mailbox moves by nothing but a login (promises P2 and P4)."""

import poplib
import shutil

import pytest

from checks import (Unchanged, assert_answer, assert_moved, assert_verified)
from conftest import CORPUS_PASSWORD, CORPUS_USER, seeded_provider
from dovecot import LOGGED_IN
from tap import Tap
from target import plain_provider

WAIT_TEXT = "Your mailbox is being moved, try again in a few minutes"
# All that a client may say that does not want to change anything; BODY
# without PEEK, SELECT and the like would.
READ_ONLY = {"CAPABILITY", "AUTHENTICATE", "LOGIN", "ID", "ENABLE",
             "NAMESPACE", "LIST", "LSUB", "STATUS", "EXAMINE", "FETCH",
             "UID FETCH", "UID SEARCH", "NOOP", "UNSELECT", "CLOSE", "LOGOUT",
             "IDLE", "DONE"}


def imaps_provider(port, certificates, **settings):
    return {"host": "localhost", "port": port, "ssl": "imaps",
            "ssl_ca_file": certificates.ca, "domains": "old.example",
            **settings}


def pop3_login(target, user, password):
    """The server's answer to PASS."""
    client = poplib.POP3("127.0.0.1", target.ports["pop3"], timeout=60)
    try:
        client.user(user)
        return client.pass_(password).decode()
    except poplib.error_proto as error:
        return error.args[0].decode()
    finally:
        client.close()


def test_login_local(provider, make_target, certificates):
    with Tap(provider.ports["imaps"]) as tap:
        target = make_target(
            {"oldhost": imaps_provider(tap.port, certificates)},
            overrides={"migration_login": "local"})
        with Unchanged(provider, CORPUS_USER):
            assert_answer(target.login(CORPUS_USER, CORPUS_PASSWORD), "OK")
            job = target.store.wait_moved(CORPUS_USER)
        assert_moved(provider, target, CORPUS_USER)

        mails = sum(len(mailbox.mails) for mailbox in
                    provider.snapshot(CORPUS_USER).values())
        assert mails >= 500
        assert job["messages_done"] == job["messages_total"] == mails
        assert job["bytes_done"] > 5 * 2**20
        assert (job["provider"], job["remote_user"], job["control"]) == \
            ("oldhost", CORPUS_USER, "active")
        assert (job["attempts"], job["error"], job["reason"]) == (0, "", "")
        assert job["created"] <= job["last_sync"]
        assert target.store.account(CORPUS_USER)["password"].startswith(
            "{SHA512-CRYPT}")
        assert target.store.domains() == ["old.example"]
        assert target.log_lines("error", "") == []


def test_second_login_is_local(provider, make_target, certificates):
    with Tap(provider.ports["imaps"]) as tap:
        target = make_target(
            {"oldhost": imaps_provider(tap.port, certificates)},
            overrides={"migration_login": "local"})
        assert_answer(target.login(CORPUS_USER, CORPUS_PASSWORD), "OK")
        target.store.wait_moved(CORPUS_USER)
        contacts = tap.connections()
        assert contacts > 0
        for _ in range(3):
            assert_answer(target.login(CORPUS_USER, CORPUS_PASSWORD), "OK")
        assert tap.connections() == contacts


def test_login_wait(provider, make_target, certificates):
    with Tap(provider.ports["imaps"]) as tap:
        target = make_target(
            {"oldhost": imaps_provider(tap.port, certificates)},
            protocols=("imap", "pop3"))
        # the login check passes, the worker has to wait
        tap.hold_after(1)
        with Unchanged(provider, CORPUS_USER):
            for _ in range(2):
                answer = target.login(CORPUS_USER, CORPUS_PASSWORD)
                assert_answer(answer, "NO", "UNAVAILABLE")
                assert WAIT_TEXT in answer.text
            answer = pop3_login(target, CORPUS_USER, CORPUS_PASSWORD)
            assert answer.startswith("-ERR [SYS/TEMP]")
            assert target.store.job(CORPUS_USER)["phase"] == "initial"
            # one check of the password and one worker, whoever asks again
            assert tap.connections() <= 2
            assert not (target.folder / "mail/old.example").exists() or \
                target.store.job(CORPUS_USER)["messages_done"] == 0

            tap.release()
            target.store.wait_moved(CORPUS_USER)
        assert_answer(target.login(CORPUS_USER, CORPUS_PASSWORD), "OK")
        assert pop3_login(target, CORPUS_USER,
                          CORPUS_PASSWORD).startswith("+OK")
        assert_moved(provider, target, CORPUS_USER)


def test_wrong_password_while_waiting(provider, make_target, certificates):
    with Tap(provider.ports["imaps"]) as tap:
        target = make_target(
            {"oldhost": imaps_provider(tap.port, certificates)})
        tap.hold_after(1)
        target.login(CORPUS_USER, CORPUS_PASSWORD)
        target.store.wait_for(CORPUS_USER, phase="initial")
        tap.release()
        assert_answer(target.login(CORPUS_USER, "wrong"), "NO",
                      "AUTHENTICATIONFAILED")


def test_only_reading_commands(provider, make_target):
    with Tap(provider.ports["imap"]) as tap:
        target = make_target(
            {"oldhost": plain_provider(tap.port, "old.example")},
            overrides={"migration_login": "local"})
        assert_answer(target.login(CORPUS_USER, CORPUS_PASSWORD), "OK")
        target.store.wait_moved(CORPUS_USER)
        assert_verified(target, CORPUS_USER, "--all")
        commands = set(tap.commands())
        assert {"EXAMINE", "UID FETCH"} <= commands
        assert commands <= READ_ONLY
        sent = b"".join(bytes(part) for part in tap.sent.values())
        assert b"BODY[" not in sent and b"RFC822 " not in sent


@pytest.mark.parametrize("tls", ["imaps", "starttls", "no"])
def test_transports(provider, make_target, certificates, tls):
    port = provider.ports["imaps" if tls == "imaps" else "imap"]
    target = make_target(
        {"oldhost": imaps_provider(port, certificates, ssl=tls)},
        overrides={"migration_login": "local"})
    provider.mark_logs()
    assert_answer(target.login(CORPUS_USER, CORPUS_PASSWORD), "OK")
    target.store.wait_moved(CORPUS_USER)
    assert_moved(provider, target, CORPUS_USER)
    logins = provider.log_lines("info", f"{LOGGED_IN} user=<{CORPUS_USER}>")
    # the last one is the comparison's own, which uses no TLS
    assert len(logins) >= 3
    assert all(("TLS" in line) == (tls != "no") for line in logins[:2])


@pytest.mark.parametrize("source, destination", [
    ("sdbox", "maildir"), ("maildir", "mdbox"), ("mdbox", "sdbox")])
def test_mail_formats(folders, server_certificate, make_target, source,
                      destination):
    old = seeded_provider(folders("provider"), server_certificate, source)
    try:
        target = make_target(
            {"oldhost": plain_provider(old.ports["imap"], "old.example")},
            overrides={"migration_login": "local"}, mail_format=destination)
        before = old.snapshot(CORPUS_USER)
        assert_answer(target.login(CORPUS_USER, CORPUS_PASSWORD), "OK")
        target.store.wait_moved(CORPUS_USER)
        assert_moved(old, target, CORPUS_USER)
        assert_verified(target, CORPUS_USER, "--all")
        assert old.snapshot(CORPUS_USER) == before
    finally:
        old.stop()
        shutil.rmtree(old.folder)

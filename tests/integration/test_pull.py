"""The pull is as careful as the login check was."""

import pytest

import liar_modes
from checks import Unchanged, assert_answer, assert_moved
from conftest import tls_server_context
from corpus import make_small_corpus
from liar import Liar
from liar_modes import good_at_first, other_certificate
from polling import wait_until
from provider import Provider
from tap import Tap
from target import plain_provider

USER = "wanda@old.example"
PASSWORD = "secret"


def start_pull(make_target, liar, certificates, tls):
    """A first login that is let in; returns the target."""
    target = make_target({"oldhost": {
        "host": "localhost", "port": liar.port, "ssl": tls,
        "ssl_ca_file": certificates.ca, "domains": "old.example"}})
    assert_answer(target.login(USER, PASSWORD), "NO", "UNAVAILABLE")
    assert target.store.account(USER) is not None
    assert len(liar.logins) == 1
    return target


def assert_pull_fails(target, liar):
    target.store.wait_tried(USER)
    job = target.store.job(USER)
    assert job["phase"] == "initial" and job["error"] != ""
    assert len(liar.logins) == 1, "the password was sent all the same"
    assert PASSWORD.encode() not in b"".join(bytes(contact.received) for contact in
                                     liar.contacts[1:])


@pytest.mark.parametrize("tls", ["imaps", "starttls"])
def test_certificate_changes(make_target, certificates, server_context, tls):
    other = tls_server_context(certificates.self_signed("later"))
    with Liar(good_at_first(other_certificate(other)), context=server_context,
              implicit_tls=tls == "imaps") as liar:
        target = start_pull(make_target, liar, certificates, tls)
        assert_pull_fails(target, liar)


@pytest.mark.parametrize("script", [
    liar_modes.NoStarttls, liar_modes.PreauthWithoutTls],
    ids=["not offered", "PREAUTH"])
def test_starttls_goes_away(make_target, certificates, server_context,
                            script):
    with Liar(good_at_first(script), context=server_context) as liar:
        target = start_pull(make_target, liar, certificates, "starttls")
        assert_pull_fails(target, liar)


@pytest.mark.parametrize("script", [
    liar_modes.Bye, liar_modes.Garbage,
    liar_modes.answering("NO [UNAVAILABLE]"),
    liar_modes.closing_at("do_capability")],
    ids=["BYE", "garbage", "NO [UNAVAILABLE]", "closing"])
def test_temporary_failure_is_tried_again(make_target, certificates, script):
    with Liar(good_at_first(script)) as liar:
        target = start_pull(make_target, liar, certificates, "no")
        target.store.wait_tried(USER)
        job = target.store.job(USER)
        assert (job["phase"], job["control"]) == ("initial", "active")
        liar.script = liar_modes.Session
        target.store.wait_moved(USER)
        job = target.store.job(USER)
        assert (job["attempts"], job["error"]) == (0, "")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_provider_goes_away(folders, make_target, host):
    with Provider(folders("vanish")) as old:
        old.add_user(USER, PASSWORD)
        old.seed(USER, make_small_corpus(messages=200))
        with Tap(old.ports["imap"], bytes_per_second=30_000) as tap, \
                Unchanged(old, USER):
            target = make_target(
                {"oldhost": plain_provider(tap.port, "old.example",
                                           host=host)},
                overrides={"migration_login": "local"})
            assert_answer(target.login(USER, PASSWORD), "OK")
            wait_until("bodies to be on their way", lambda: [
                command for command in tap.commands()
                if command == "UID FETCH"][1:])
            tap.close_after(0)
            tap.drop_connections()
            target.store.wait_tried(USER)
            wait_until("a second try", lambda: target.store.job(USER)[
                "attempts"] >= 2)
            tap.release()
            target.store.wait_moved(USER)
        assert_moved(old, target, USER)
        assert target.log_lines("error", "Panic") == []

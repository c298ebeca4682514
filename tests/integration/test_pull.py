"""The pull is as careful as the login check was."""

import pytest

import liar_modes
from checks import assert_answer
from conftest import tls_server_context
from liar import Liar
from liar_modes import good_at_first, other_certificate

USER = "wanda@old.example"


def start_pull(make_target, liar, certificates, tls):
    """A first login that is let in; returns the target."""
    target = make_target({"oldhost": {
        "host": "localhost", "port": liar.port, "ssl": tls,
        "ssl_ca_file": certificates.ca, "domains": "old.example"}})
    assert_answer(target.login(USER, "secret"), "NO", "UNAVAILABLE")
    assert target.store.account(USER) is not None
    assert len(liar.logins) == 1
    return target


def assert_pull_fails(target, liar):
    target.store.wait_tried(USER)
    job = target.store.job(USER)
    assert job["phase"] == "initial" and job["error"] != ""
    assert len(liar.logins) == 1, "the password was sent all the same"
    assert b"secret" not in b"".join(bytes(contact.received) for contact in
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

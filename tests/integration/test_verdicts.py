"""What the provider does and what the user is told (DESIGN section 3): seen
through real logins, with no trace of those that failed."""

import itertools

import pytest

import liar_modes
from blackhole import Blackhole
from checks import assert_answer, assert_unknown
from conftest import tls_server_context
from liar import Liar, Session
from liar_modes import answering, closing_at, hanging_at, slow
from ports import free_port
from target import Target, plain_provider

PASSWORD = b"verdict's secret"
LOGIN_TIMEOUT_SECS = 2
AUTH_MEMORY_LIMIT_BYTES = 100 * 2**20

GOOD = {
    "good": Session,
    "alert": liar_modes.Alert,
    "only LOGIN": liar_modes.OnlyLogin,
    "slow": slow(1),
    "hanging LOGOUT": liar_modes.HangingLogout,
}
WRONG_PASSWORD = {
    "NO": answering("NO"),
    "AUTHENTICATIONFAILED": answering("NO [AUTHENTICATIONFAILED]"),
    "AUTHORIZATIONFAILED": answering("NO [AUTHORIZATIONFAILED]"),
    "unknown code": answering("NO [X-WHATEVER]"),
    "text like a code": answering("NO try again [UNAVAILABLE]"),
}
TEMPORARY = {
    **{code: answering(f"NO [{code}]") for code in (
        "UNAVAILABLE", "INUSE", "LIMIT", "THROTTLED", "SERVERBUG",
        "CONTACTADMIN", "unavailable")},
    "BAD": liar_modes.BadLogin,
    "BYE": liar_modes.Bye,
    "BYE at login": liar_modes.ByeAtLogin,
    "garbage": liar_modes.Garbage,
    "endless greeting": liar_modes.EndlessGreeting,
    "endless lines": liar_modes.EndlessLines,
    "huge capability": liar_modes.HugeCapability,
    "injected literal": liar_modes.InjectedLiteral,
    "false OK": liar_modes.FalseOk,
    "wrong tag": liar_modes.WrongTag,
    **{f"closing at {step}": closing_at(step) for step in liar_modes.STEPS},
    **{f"hanging at {step}": hanging_at(step) for step in liar_modes.STEPS},
}
# Temporary for the user, an error for the administrator.
BROKEN = {
    "PREAUTH": liar_modes.Preauth,
    "LOGINDISABLED": liar_modes.LoginDisabled,
}


class Bench:
    """One target with a provider block for each kind of connection. Without
    auth_verbose, as servers are: the log must have what matters all the
    same."""

    def __init__(self, folder, liars, ports, certificates):
        self.liars = liars
        self._numbers = itertools.count(1)
        tls = {"host": "localhost", "ssl_ca_file": certificates.ca}
        self.target = Target(folder, {
            "plain": plain_provider(liars["plain"].port, "plain.example"),
            "imaps": plain_provider(liars["imaps"].port, "imaps.example",
                                    **{**tls, "ssl": "imaps"}),
            "starttls": plain_provider(
                liars["starttls"].port, "starttls.example",
                **{**tls, "ssl": "starttls"}),
            "down": plain_provider(ports["down"], "down.example"),
            "hole": plain_provider(ports["hole"], "hole.example"),
            "dns": plain_provider(143, "dns.example",
                                  host="imap.old.invalid"),
        }, {
            "migration_login": "local",
            "migration_login_timeout": f"{LOGIN_TIMEOUT_SECS} secs",
            # or it would soon not be asked any longer
            "migration_breaker_failures": "0",
        }, {"local@home.example": "local's"})
        self.target.extra = "auth_verbose = no\nauth_debug = no\n"

    def attempt(self, kind, script=Session):
        """A login of a new user; the user and what the client was told."""
        user = f"user{next(self._numbers)}@{kind}.example"
        if kind in self.liars:
            self.liars[kind].script = script
        self.target.mark_logs()
        return user, self.target.login(user, PASSWORD)

    def assert_failed(self, user, level):
        """No trace of the user, one line in the log, and auth well."""
        assert_unknown(self.target, user)
        provider = user.split("@")[1].removesuffix(".example")
        self.target.settle_log()
        lines = self.target.log_lines("error" if level != "Info" else "info",
                                      f"Login of {user} at provider")
        assert len(lines) == 1, lines
        assert f"{level}: " in lines[0] and f" {provider} " in lines[0]
        if level != "Info":
            assert self.target.log_lines("error", "") == lines
        else:
            assert self.target.log_lines("error", "") == []
        self.target.assert_serves_locally("local@home.example", "local's")
        for process in self.target.processes("auth"):
            assert process.resident_bytes < AUTH_MEMORY_LIMIT_BYTES


@pytest.fixture(scope="module")
def bench(folders, certificates, server_context):
    with Liar() as plain, \
            Liar(context=server_context, implicit_tls=True) as imaps, \
            Liar(context=server_context) as starttls, Blackhole() as hole:
        bench = Bench(folders("verdicts"), {
            "plain": plain, "imaps": imaps, "starttls": starttls,
        }, {"down": free_port(), "hole": hole.port}, certificates)
        with bench.target:
            yield bench
    bench.target.assert_no_crash()


@pytest.mark.parametrize("kind", ["plain", "imaps", "starttls"])
@pytest.mark.parametrize("script", GOOD.values(), ids=GOOD)
def test_good(bench, kind, script):
    user, answer = bench.attempt(kind, script)
    assert_answer(answer, "OK")
    assert bench.target.store.account(user) is not None
    bench.target.settle_log()
    assert len(bench.target.log_lines(
        "info", f"Login of {user} at provider", ": ok")) == 1
    assert len(bench.target.log_lines(
        "info", f"{user}: account created")) == 1
    bench.target.store.wait_moved(user)


@pytest.mark.parametrize("script", WRONG_PASSWORD.values(), ids=WRONG_PASSWORD)
def test_wrong_password(bench, script):
    user, answer = bench.attempt("plain", script)
    assert_answer(answer, "NO", "AUTHENTICATIONFAILED")
    bench.assert_failed(user, "Info")


def test_expired(bench):
    user, answer = bench.attempt("plain", answering("NO [EXPIRED]"))
    assert_answer(answer, "NO", "EXPIRED")
    bench.assert_failed(user, "Info")


@pytest.mark.parametrize("script", TEMPORARY.values(), ids=TEMPORARY)
def test_temporary(bench, script):
    user, answer = bench.attempt("plain", script)
    assert_answer(answer, "NO", "UNAVAILABLE")
    bench.assert_failed(user, "Warning")


@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN)
def test_broken(bench, script):
    user, answer = bench.attempt("plain", script)
    assert_answer(answer, "NO", "UNAVAILABLE")
    bench.assert_failed(user, "Error")
    assert bench.liars["plain"].logins_of(user.encode()) == []


@pytest.mark.parametrize("kind", ["imaps", "starttls"])
@pytest.mark.parametrize("script, code, level", [
    (answering("NO"), "AUTHENTICATIONFAILED", "Info"),
    (answering("NO [LIMIT]"), "UNAVAILABLE", "Warning"),
    (liar_modes.InjectedLiteral, "UNAVAILABLE", "Warning"),
    (hanging_at("answer_login"), "UNAVAILABLE", "Warning"),
], ids=["NO", "LIMIT", "literal", "hanging"])
def test_within_tls(bench, kind, script, code, level):
    user, answer = bench.attempt(kind, script)
    assert_answer(answer, "NO", code)
    bench.assert_failed(user, level)


@pytest.mark.parametrize("kind", ["down", "hole", "dns"])
def test_unreachable(bench, kind):
    user, answer = bench.attempt(kind)
    assert_answer(answer, "NO", "UNAVAILABLE")
    bench.assert_failed(user, "Warning")


@pytest.mark.parametrize("kind", ["imaps", "starttls"])
@pytest.mark.parametrize("flaw", ["other name", "self-signed", "expired",
                                  "other CA"])
def test_wrong_certificate(bench, certificates, folders, kind, flaw):
    liar = bench.liars[kind]
    good, liar.context = liar.context, tls_server_context(
        flawed_certificate(certificates, folders, flaw))
    try:
        user, answer = bench.attempt(kind)
    finally:
        liar.context = good
    assert_answer(answer, "NO", "UNAVAILABLE")
    bench.assert_failed(user, "Error")
    assert liar.logins_of(user.encode()) == []


def flawed_certificate(certificates, folders, flaw):
    if flaw == "other name":
        return certificates.issue("other-name", "other.example")
    if flaw == "self-signed":
        return certificates.self_signed("self-signed")
    if flaw == "expired":
        return certificates.issue("expired", days=-1)
    return type(certificates)(folders("certs")).issue("server")


def test_hanging_tls_handshake(bench):
    liar = bench.liars["imaps"]
    liar.implicit_tls = False
    try:
        user, answer = bench.attempt("imaps", hanging_at("greet"))
    finally:
        liar.implicit_tls = True
    assert_answer(answer, "NO", "UNAVAILABLE")
    bench.assert_failed(user, "Warning")


def test_starttls_missing(bench):
    user, answer = bench.attempt("starttls", liar_modes.NoStarttls)
    assert_answer(answer, "NO", "UNAVAILABLE")
    bench.assert_failed(user, "Error")
    assert bench.liars["starttls"].logins_of(user.encode()) == []


def test_failure_is_not_remembered(bench):
    """The next good answer counts, whatever came before."""
    user, answer = bench.attempt("plain", answering("NO [LIMIT]"))
    assert_answer(answer, "NO", "UNAVAILABLE")
    bench.liars["plain"].script = Session
    assert_answer(bench.target.login(user, PASSWORD), "OK")

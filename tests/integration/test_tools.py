"""The tools of the other tests see what they claim to see."""

import subprocess
import sys
from pathlib import Path

import pytest

import liar_modes
from compare import (connect, differences, explain, explain_fingerprints,
                     table)
from conftest import CORPUS_PASSWORD, CORPUS_USER
from corpus import make_corpus, make_small_corpus
from imap import Client, login, tls_context
from liar import Liar, Login
from provider import Provider
from tap import Tap

HERE = Path(__file__).parent
ODD_PASSWORDS = {
    "quoting": b'a"b\\c{3}', "signs": b"%&$*/ ~",
    "utf-8": "päß 日本".encode(), "latin1": b"\xe4\xff", "long": b"p" * 255,
}


@pytest.fixture(scope="module")
def other(folders, server_certificate):
    """A provider with a few messages, to be changed."""
    with Provider(folders("other"), certificate=server_certificate) as server:
        server.add_user("ben@old.example", "ben's")
        server.seed("ben@old.example", make_small_corpus(messages=12))
        yield server
    server.assert_no_crash()


def read_write(provider, user):
    client = connect(f"127.0.0.1:{provider.ports['imap']}")
    client.authenticate("PLAIN", lambda _: b"\0" + user.encode() + b"\0" +
                        provider.passwords[user])
    client.select("INBOX")
    return client


def test_corpus_is_as_rich_as_promised(provider):
    account = provider.snapshot(CORPUS_USER)
    mails = [mail for mailbox in account.values()
             for mail in mailbox.mails.values()]
    inbox = account["INBOX"].mails
    assert len(mails) >= 500 and len(account) >= 8
    assert {"Archive/2023/Q4", "Entw&APw-rfe", "&ZeVnLIqe-"} <= account.keys()
    assert account["empty"].mails == {}
    assert {mailbox.subscribed for mailbox in account.values()} == \
        {True, False}
    assert {flag for mail in mails for flag in mail.flags} == \
        {"\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"}
    assert {"$forwarded", "project-x"} <= \
        {word for mail in mails for word in mail.keywords}
    assert max(mail.size for mail in mails) > 5 * 2**20
    assert sorted(inbox) != list(range(1, len(inbox) + 1)), "no gaps in UIDs"
    assert len({mail.date for mail in mails}) > 400
    assert account["Entw&APw-rfe"].uidvalidity == 4_294_967_000


def test_corpus_is_deterministic():
    assert make_corpus(seed=3) == make_corpus(seed=3)
    assert make_corpus(seed=3) != make_corpus(seed=4)


def test_reading_changes_nothing(provider):
    before = provider.fingerprint(CORPUS_USER)
    first = provider.snapshot(CORPUS_USER)
    assert explain(first, provider.snapshot(CORPUS_USER)) == ""
    assert explain_fingerprints(before,
                                provider.fingerprint(CORPUS_USER)) == ""


@pytest.mark.parametrize("change, aspect", [
    (("STORE", "2", "+FLAGS", "(\\Answered)"), "flags"),
    (("STORE", "2", "-FLAGS", "(\\Answered)"), "flags"),
    (("STORE", "3", "+FLAGS", "($Label1)"), "keywords"),
    (("EXPUNGE",), "messages"),
])
def test_changes_are_seen(other, change, aspect):
    user = "ben@old.example"
    with read_write(other, user) as client:
        client.store("2", "FLAGS", "(\\Answered)" if change[2:3] == ("-FLAGS",)
                     else "()")
        client.store("4", "+FLAGS", "(\\Deleted)")
        client.unselect()
    before, files = other.snapshot(user), other.fingerprint(user)
    other.mark_logs()
    with read_write(other, user) as client:
        getattr(client, change[0].lower())(*change[1:])
    after = other.snapshot(user)
    assert aspect in differences(before, after)["INBOX"]
    assert "DIFFERENT" in table(before, after)
    assert explain_fingerprints(files, other.fingerprint(user)) != ""
    assert other.changes(user) != []


def test_folders_and_subscriptions_are_seen(other):
    user = "ben@old.example"
    before = other.snapshot(user)
    with read_write(other, user) as client:
        client.create("New")
        client.unsubscribe("INBOX")
    assert differences(before, other.snapshot(user)) == \
        {"INBOX": ["subscribed"], "New": ["missing in a"]}


def test_compare_is_a_program(provider, other, tmp_path):
    (tmp_path / "anna").write_text(CORPUS_PASSWORD + "\n")
    (tmp_path / "ben").write_text("ben's\n")
    arguments = [sys.executable, "-B", HERE / "compare.py",
                 "--a", f"127.0.0.1:{provider.ports['imap']}",
                 "--user", CORPUS_USER, "--password-file", tmp_path / "anna"]
    same = subprocess.run(
        [*arguments, "--b", f"localhost:{provider.ports['imaps']}",
         "--b-tls", "imaps", "--ca",
         provider.certificate[0].parent / "ca.pem"],
        capture_output=True, text=True)
    assert same.returncode == 0, same.stderr
    assert "equal" in same.stdout and "DIFFERENT" not in same.stdout
    different = subprocess.run(
        [*arguments, "--b", f"127.0.0.1:{other.ports['imap']}",
         "--b-user", "ben@old.example", "--b-password-file", tmp_path / "ben"],
        capture_output=True, text=True)
    assert different.returncode == 1
    assert "DIFFERENT" in different.stdout
    assert "MISSING IN B" in different.stdout


def test_provider_counts_logins(provider):
    provider.mark_logs()
    with Tap(provider.ports["imap"]) as tap:
        assert login(tap.port, CORPUS_USER, CORPUS_PASSWORD).status == "OK"
        refused = login(tap.port, CORPUS_USER, "wrong")
        assert (refused.status, refused.code) == ("NO", "AUTHENTICATIONFAILED")
        assert tap.connections() == 2
    assert provider.logins(CORPUS_USER) == 1
    assert provider.changes(CORPUS_USER) == []


@pytest.mark.parametrize("password", ODD_PASSWORDS.values(),
                         ids=ODD_PASSWORDS)
@pytest.mark.parametrize("way", ["authenticate_plain", "login_literal",
                                 "login_quoted", "two steps"])
def test_liar_records_exact_bytes(password, way):
    with Liar(accounts={b"u@x": password}) as liar:
        with Client(liar.port) as client:
            if way == "two steps":
                answer = client.authenticate_plain(b"u@x", password, False)
            else:
                answer = getattr(client, way)(b"u@x", password)
        assert answer.status == "OK"
        mechanism = "LOGIN" if way.startswith("login") else "PLAIN"
        assert liar.logins == [Login(mechanism, b"u@x", password)]
        assert liar.connections() == 1


def test_liar_refuses_other_passwords():
    with Liar(accounts={b"u@x": b"right"}) as liar:
        answer = login(liar.port, "u@x", "wrong")
        assert (answer.status, answer.code) == ("NO", "AUTHENTICATIONFAILED")


def test_liar_speaks_tls(server_context, certificates):
    context = tls_context(certificates.ca)
    with Liar(context=server_context, implicit_tls=True) as liar:
        assert login(liar.port, "u@x", "p", context).status == "OK"
        assert liar.contacts[0].tls
    with Liar(context=server_context) as liar:
        client = connect(f"localhost:{liar.port}", "starttls",
                         certificates.ca)
        assert client.login("u@x", "p")[0] == "OK"
        client.logout()
        assert liar.contacts[0].tls and b"LOGIN" not in \
            bytes(liar.contacts[0].received).split(b"STARTTLS")[0]


def test_liar_lies():
    with Liar(liar_modes.InjectedLiteral) as liar, Client(liar.port) as client:
        answer = client.login_quoted(b"u@x", b"p")
        assert answer.status == "NO"
        assert b"\r\na1 OK logged in" in answer.untagged[0]
    with Liar(liar_modes.answering("NO [LIMIT]")) as liar:
        assert login(liar.port, "u@x", "p").code == "LIMIT"
    with Liar(liar_modes.Preauth) as liar, Client(liar.port) as client:
        assert client.greeting.startswith(b"* PREAUTH")
    with Liar(liar_modes.closing_at("answer_login")) as liar:
        with pytest.raises(ConnectionError):
            login(liar.port, "u@x", "p")
    with Liar(liar_modes.hanging_at("answer_login")) as liar:
        with pytest.raises(TimeoutError):
            login(liar.port, "u@x", "p", timeout=0.3)


def test_tap_holds_connections(provider):
    with Tap(provider.ports["imap"]) as tap:
        tap.hold_after(1)
        assert login(tap.port, CORPUS_USER, CORPUS_PASSWORD).status == "OK"
        with pytest.raises(TimeoutError):
            login(tap.port, CORPUS_USER, CORPUS_PASSWORD, timeout=0.3)
        tap.release()
        assert login(tap.port, CORPUS_USER, CORPUS_PASSWORD).status == "OK"
        assert tap.connections() == 3


def test_tap_turns_connections_away(provider):
    with Tap(provider.ports["imap"]) as tap:
        tap.close_after(0)
        with pytest.raises(ConnectionError):
            login(tap.port, CORPUS_USER, CORPUS_PASSWORD)
        tap.release()
        assert login(tap.port, CORPUS_USER, CORPUS_PASSWORD).status == "OK"

"""The UIDLs here are the provider's, and in its order (promise P4)."""

import contextlib
import hashlib
import json
import random

import pytest

from checks import Unchanged, assert_answer, assert_moved
from corpus import Folder, Message, Writer
from crasher import Crasher
from dovecot import for_version
from interrupter import Interrupter
from pair import QuickProvider
from polling import wait_until
from pop3 import Pop3Server, read_pop3, set_uidls
from tap import Tap
from target import Target, plain_provider

USER, PASSWORD = "paul@old.example", "paul's p0p"
TEMPFAIL = 75
FORMATS = pytest.mark.parametrize("mail_format", ["maildir", "sdbox", "mdbox"])
# More than one transaction, and many of the same size
MESSAGES, EQUAL = 150, 60
# Changes on disk that a pull of these makes at least
TOTALS = {"maildir": 600, "sdbox": 600, "mdbox": 60}


def make_inbox(messages=MESSAGES, equal=EQUAL):
    writer = Writer(7)
    mails = [Message(writer.message(), writer.flags())
             for _ in range(messages)]
    # of one size: the header says which is which
    mails += [Message(writer.message([f"Message-ID: <{i:05}@equal.example>"],
                                     b"equal\r\n"))
              for i in range(equal)]
    random.Random(7).shuffle(mails)
    return mails


@pytest.fixture
def make_old(folders):
    """Starts old providers with an INBOX."""
    with contextlib.ExitStack() as stack:
        def make(mails, extra="", **kwargs):
            server = QuickProvider(folders("pop3"),
                                   protocols=("imap", "pop3"), **kwargs)
            server.extra = extra
            server.add_user(USER, PASSWORD)
            stack.enter_context(server)
            server.seed(USER, [Folder("INBOX", mails), Folder(
                "Sent", Writer(8).messages(3))])
            return server

        yield make


def settings(old, imap_port=None, **more):
    """Of the provider."""
    return plain_provider(imap_port or old.ports["imap"], "old.example", **{
        "pop3_host": "127.0.0.1", "pop3_ssl": "no",
        "pop3_port": old.ports["pop3"], **more})


def make_here(make_target, old, mail_format="maildir", **more):
    return make_target({"oldhost": settings(old, **more)},
                       overrides={"migration_login": "local"},
                       mail_format=mail_format, protocols=("imap", "pop3"))


def move(target):
    assert_answer(target.login(USER, PASSWORD), "OK")
    target.store.wait_moved(USER)


def sync(target, code=0):
    result = target.doveadm("migration", "sync", "-u", USER, timeout=120)
    assert result.returncode == code, result.stderr
    return result.stderr


def there(old):
    return read_pop3(old.ports["pop3"], USER, PASSWORD)


def here(target):
    return read_pop3(target.ports["pop3"], USER, PASSWORD)


def notes(target):
    return [row["text"] for row in target.doveadm_json(
        "migration", "show", "-n", USER) if row["mailbox"] == "INBOX"]


def append(old, mails):
    with old.client(USER) as client:
        for mail in mails:
            assert client.append("INBOX", None, None, mail.raw)[0] == "OK"


def new_mails(number, count=5):
    """Some of them of the size of old ones."""
    writer = Writer(100 + number)
    return [Message(writer.message(
        [f"Message-ID: <{number:02}{i:03}@equal.example>"], b"equal\r\n"))
        for i in range(count)] + [Message(writer.message())
                                  for _ in range(count)]


@FORMATS
def test_uidls(make_old, make_target, mail_format):
    """Neither UIDLs nor order have to do with UIDs."""
    old = make_old(make_inbox())
    set_uidls(old, USER, 1)
    target = make_here(make_target, old, mail_format=mail_format)
    before = there(old)
    assert len(before) >= MESSAGES + EQUAL
    with Unchanged(old, USER):
        move(target)
    assert there(old) == before
    assert here(target) == before
    assert_moved(old, target, USER)
    for number in range(3):
        append(old, new_mails(number))
        # behind the others, and anywhere
        set_uidls(old, USER, 10 + number, shuffled=number == 2)
        before = there(old)
        with Unchanged(old, USER):
            sync(target)
        assert there(old) == before
        assert here(target) == before, f"after sync {number}"
    assert notes(target) == []
    assert target.log_lines("error", "") == []


@FORMATS
def test_guids(make_old, make_target, mail_format):
    old = make_old(make_inbox(40, 10), "pop3_uidl_format = " +
                   for_version("%g", "%{guid}") + "\n")
    target = make_here(make_target, old, mail_format=mail_format)
    before = there(old)
    move(target)
    assert here(target) == before == there(old)
    append(old, new_mails(1))
    sync(target)
    assert here(target) == there(old) != before
    # nothing to ask for
    old.mark_logs()
    sync(target)
    old.settle_log()
    assert old.log_lines("info", "pop3-login") == []


def test_local_mail(make_old, make_target):
    """What is deleted here, and what has come here."""
    old = make_old(make_inbox(20, 20))
    set_uidls(old, USER, 3)
    target = make_here(make_target, old, mail_format="sdbox")
    move(target)
    before = here(target)
    with target.client(USER, PASSWORD) as client:
        client.select("INBOX")
        client.store("1:*", "-FLAGS", "(\\Deleted)")
        client.store("5,7,11:16", "+FLAGS", "(\\Deleted)")
        client.expunge()
        assert client.append("INBOX", None, None,
                             new_mails(4)[0].raw)[0] == "OK"
    left = [entry for entry in here(target) if entry in before]
    assert len(left) == len(before) - 8
    append(old, new_mails(5))
    set_uidls(old, USER, 4)
    sync(target)
    expected = [entry for entry in there(old)
                if entry in left or entry not in before]
    assert [entry for entry in here(target) if entry in expected] == expected
    assert len(here(target)) == len(expected) + 1


@FORMATS
def test_interrupted(make_old, folders, mail_format):
    """The first pull, and one that follows."""
    old = make_old(make_inbox())
    set_uidls(old, USER, 5)
    crasher = Crasher(folders("crasher"))
    with Tap(old.ports["imap"]) as tap:
        target = Target(folders("pop3"), {"oldhost": settings(old, tap.port)},
                        {"migration_login": "wait",
                         "migration_retry_min": "1 hours",
                         "migration_retry_max": "1 hours"},
                        mail_format=mail_format, protocols=("imap", "pop3"))
        target.databases = crasher.settings()
        target.killed = True
        interrupter = Interrupter(old, target, USER, tap, crasher,
                                  random.Random(mail_format))
        with target:
            tap.close_after(1)
            assert_answer(target.login(USER, PASSWORD), "NO", "UNAVAILABLE")
            target.store.wait_for(USER, attempts=1, lease_owner="")
            tap.release()
            interrupter.total = TOTALS[mail_format]
            interrupt(interrupter, (0.5, 0.6, 0.7, 0.8))
            assert here(target) == there(old)
            assert_moved(old, target, USER)
            append(old, new_mails(1, 60))
            set_uidls(old, USER, 6)
            interrupter.total //= 2
            interrupt(interrupter, (0.2, 0.5))
            assert here(target) == there(old)
            assert_moved(old, target, USER)
        target.assert_no_crash()
    assert interrupter.done["killed at a change on disk"] >= 3


def interrupt(interrupter, parts):
    for part in parts:
        interrupter.kill_at_change(part, part + 0.1)
    interrupter.kill_at_byte()
    interrupter.cut()
    assert interrupter.sync() == ""


# What goes wrong

def test_down(make_old, make_target):
    old = make_old(make_inbox(10, 3))
    set_uidls(old, USER, 6)
    with Tap(old.ports["pop3"]) as tap:
        tap.close_after(0)
        target = make_here(make_target, old, pop3_port=tap.port)
        assert_answer(target.login(USER, PASSWORD), "OK")
        target.store.wait_tried(USER)
        job = wait_until("the reason", lambda: target.store.job(USER)
                         if target.store.job(USER)["error"] else None)
        assert "INBOX" in job["error"] and "POP3" in job["error"]
        assert f"127.0.0.1:{tap.port}" in job["error"]
        assert "closed the connection" in job["error"]
        assert (job["phase"], job["control"]) == ("initial", "active")
        # INBOX waits, the others do not
        moved = target.snapshot(USER, PASSWORD)
        assert (len(moved["INBOX"].mails), len(moved["Sent"].mails)) == (
            0, len(old.snapshot(USER)["Sent"].mails))
        tap.release()
        target.store.wait_moved(USER)
    assert here(target) == there(old)
    assert notes(target) == []


def test_mail_while_down(make_old, make_target):
    """What is stored here while INBOX waits does not keep its UIDs: mail
    programs know them from the provider."""
    old = make_old(make_inbox(10, 0))
    set_uidls(old, USER, 6)
    with Tap(old.ports["pop3"]) as tap:
        tap.close_after(0)
        target = make_here(make_target, old, pop3_port=tap.port)
        assert_answer(target.login(USER, PASSWORD), "OK")
        target.store.wait_tried(USER)
        for mail in new_mails(1, 1):
            with target.client(USER, PASSWORD) as client:
                assert client.append("INBOX", None, None,
                                     mail.raw)[0] == "OK"
        target.store.wait_tried(USER)
        tap.release()
        target.store.wait_moved(USER)
    mine = {hashlib.sha256(mail.raw).hexdigest() for mail in new_mails(1, 1)}
    known = old.snapshot(USER)["INBOX"].mails
    moved = target.snapshot(USER, PASSWORD)["INBOX"].mails
    assert len(moved) == len(known) + len(mine)
    own = [uid for uid, mail in moved.items() if mail.sha256 in mine]
    assert len(own) == len(mine) and not set(own) & set(known)
    assert [entry for entry in here(target) if entry in there(old)] == \
        there(old)


def test_unreachable(make_old, make_target):
    old = make_old(make_inbox(5, 0))
    with Tap(old.ports["pop3"]) as tap:
        port = tap.port
    target = make_here(make_target, old, pop3_port=port)
    assert_answer(target.login(USER, PASSWORD), "OK")
    target.store.wait_tried(USER)
    assert "Connection refused" in sync(target, TEMPFAIL)


def test_refused(make_old, make_target, folders):
    """Dovecot lets nobody in over POP3: the mail comes all the same, and it
    is told, also when everything is over."""
    old = make_old(make_inbox(10, 0))
    deny = old.folder / "deny"
    deny.write_text(f"{USER}-pop3:\n")
    old.extra = for_version(
        f"passdb {{\n  args = username_format=%Lu-%Ls {deny}\n",
        f"passdb deny {{\n  passwd_file_path = {deny}\n"
        "  auth_username_format = %{user | lower}-%{protocol | lower}\n") + \
        "  driver = passwd-file\n  deny = yes\n}\n"
    # it must be the first one
    old.settings = lambda: old.extra + QuickProvider.settings(old)
    old.reload()
    target = make_here(make_target, old)
    move(target)
    assert_moved(old, target, USER)
    assert "UIDLs are not kept" in notes(target)[0]
    assert "refused" in notes(target)[0] and "[AUTH]" in notes(target)[0]
    assert target.log_lines("error", USER, "POP3 UIDLs are not kept")
    sync(target)
    assert "UIDLs" in notes(target)[0]
    # it is not tried again and again
    append(old, new_mails(1))
    old.mark_logs()
    sync(target)
    assert_moved(old, target, USER)
    assert "has refused them today" in notes(target)[0]
    old.settle_log()
    assert old.log_lines("info", "pop3-login") == []


@pytest.mark.parametrize("answers, moved", [
    ({"PASS": "-ERR [IN-USE] busy"}, False),
    ({"PASS": "-ERR [SYS/TEMP] later"}, False),
    ({"PASS": "-ERR [LOGIN-DELAY] too often"}, False),
    ({"UIDL": "-ERR [SYS/TEMP] later"}, False),
    ({"": "-ERR not now"}, False),
    ({"": "HTTP/1.1 400 what?"}, False),
    ({"PASS": "-ERR no"}, True),
    ({"PASS": "-ERR [AUTH] wrong"}, True),
    ({"PASS": "-ERR [SYS/PERM] never"}, True),
    ({"USER": "-ERR who?"}, True),
    ({"PASS": f"-ERR {PASSWORD} is wrong"}, True),
    ({"UIDL": "-ERR what?"}, True),
], ids=lambda value: json.dumps(value) if isinstance(value, dict) else None)
def test_answers(make_old, make_target, answers, moved):
    old = make_old(make_inbox(3, 0))
    with Pop3Server(answers=answers) as server:
        target = make_here(make_target, old, pop3_port=server.port)
        assert_answer(target.login(USER, PASSWORD), "OK")
        if moved:
            target.store.wait_moved(USER)
            assert_moved(old, target, USER)
            assert "UIDLs are not kept" in notes(target)[0]
        else:
            target.store.wait_tried(USER)
            said = list(answers.values())[0].removeprefix("-ERR ")
            assert said in sync(target, TEMPFAIL)
            assert target.snapshot(USER, PASSWORD)["INBOX"].mails == {}
            server.answers = {}
            server.mails = [(f"uidl{i}", mail.raw) for i, mail in
                            enumerate(make_inbox(3, 0))]
            target.store.wait_moved(USER)
            assert [uidl for uidl, _ in here(target)] == [
                "uidl0", "uidl1", "uidl2"]
        assert "DELE" not in server.commands
        for log in ("error", "info", "debug"):
            assert PASSWORD not in target.read_log(log)


@pytest.mark.parametrize("capa, size, kept", [
    # other line ends: headers decide
    (Pop3Server.CAPA, lambda raw: len(raw.replace(b"\r\n", b"\n")), "all"),
    # it does not tell what it can
    (None, len, "all"),
    # sizes alone
    (("USER", "UIDL"), len, "all"),
    (("USER", "UIDL"), lambda raw: len(raw) + 7, "none"),
    # USER is not everybody's
    (("SASL LOGIN PLAIN", "TOP", "UIDL"), len, "all"),
], ids=["line ends", "no CAPA", "no TOP", "nothing", "SASL"])
def test_servers(make_old, make_target, capa, size, kept):
    mails = make_inbox(30, 10)
    old = make_old(mails)
    answers = {"AUTH": "+"} if capa and "USER" not in capa else {}
    with Pop3Server([(f"u{i}:x", mail.raw) for i, mail in enumerate(mails)],
                    answers, capa, size) as server:
        target = make_here(make_target, old, pop3_port=server.port)
        move(target)
        uidls = [uidl for uidl, _ in here(target)]
        assert len(uidls) == 40
        if kept == "all":
            assert uidls == [f"u{i}:x" for i in range(40)]
            assert notes(target) == []
        else:
            assert not any(uidl.startswith("u") for uidl in uidls)
            assert "40 messages" in notes(target)[0]
        assert set(server.commands) <= {
            "CAPA", "USER", "PASS", "AUTH", "UIDL", "LIST", "TOP", "QUIT",
            server.commands[-1] if "AUTH" in server.commands else "CAPA",
            *(["AHBHDWXAB2XKLMV4YW1WBGUACGF1BCDZIHAWCA=="] if answers else [])}
        assert server.commands[-1] == "QUIT"


@pytest.mark.parametrize("tls", ["pop3s", "starttls"])
def test_tls(make_old, make_target, certificates, server_certificate, tls):
    old = make_old(make_inbox(10, 3), certificate=server_certificate)
    set_uidls(old, USER, 8)
    port = old.ports["pop3s" if tls == "pop3s" else "pop3"]
    target = make_here(make_target, old, pop3_port=port,
                       pop3_host="localhost", pop3_ssl=tls,
                       ssl_ca_file=certificates.ca)
    old.mark_logs()
    move(target)
    old.settle_log()
    assert old.log_lines("info", "pop3-login", USER, ", TLS")
    assert here(target) == there(old)


@pytest.mark.parametrize("tls", ["pop3s", "starttls"])
def test_wrong_certificate(make_old, make_target, certificates, tls):
    """No password goes to a server that cannot prove who it is."""
    old = make_old(make_inbox(3, 0),
                   certificate=certificates.self_signed("pop3"))
    port = old.ports["pop3s" if tls == "pop3s" else "pop3"]
    target = make_here(make_target, old, pop3_port=port,
                       pop3_host="localhost", pop3_ssl=tls,
                       ssl_ca_file=certificates.ca)
    assert_answer(target.login(USER, PASSWORD), "OK")
    target.store.wait_tried(USER)
    assert "certificate" in sync(target, TEMPFAIL)
    old.settle_log()
    assert not old.log_lines("info", "pop3-login", "Login:")
    assert target.snapshot(USER, PASSWORD)["INBOX"].mails == {}


def test_stop(make_old, make_target):
    """A worker that waits for POP3 ends when it is told to."""
    old = make_old(make_inbox(3, 0))
    with Tap(old.ports["pop3"]) as tap:
        tap.hold_after(0)
        target = make_here(make_target, old, pop3_port=tap.port)
        assert_answer(target.login(USER, PASSWORD), "OK")
        wait_until("the worker to wait", lambda: tap.connections() > 0)
        target.doveadm("migration", "pause", "-u", USER, check=True)
        target.store.wait_for(USER, lease_owner="", control="paused")
        wait_until("the worker to end",
                   lambda: not target.processes("migration-worker"), 10)
        tap.release()
        target.doveadm("migration", "resume", "-u", USER, check=True)
        target.store.wait_moved(USER)
    assert here(target) == there(old)

"""migration_login = proxy: what is passed through to the provider before the
switch, how, and what is not."""

import imaplib
import poplib
import subprocess
import time

import pytest

from blackhole import Blackhole
from certs import Certificates
from checks import assert_answer, assert_moved, assert_same_account
from dovecot import LOGGED_IN, for_version, password_entry
from polling import wait_until
from provider import Provider
from tap import Tap
from target import plain_provider
from test_first_login import imaps_provider, pop3_login
from test_switch import make_folders, uids, wait_dropped

USER, PASSWORD = "paul@old.example", "paul's"
NEW_PASSWORD = "paul's new one"
# Slow enough to be looked at before the switch
SLOW = 50_000


@pytest.fixture(scope="module")
def old(folders, server_certificate):
    with Provider(folders("proxy"), certificate=server_certificate,
                  protocols=("imap", "pop3")) as server:
        server.add_user(USER, PASSWORD)
        server.seed(USER, make_folders())
        yield server
    server.assert_no_crash()


@pytest.fixture
def tap(old):
    with Tap(old.ports["imap"], bytes_per_second=SLOW) as tap:
        yield tap


PROXY = {"migration_login": "proxy"}


def connect(target, user=USER, password=PASSWORD):
    client = imaplib.IMAP4("127.0.0.1", target.ports["imap"], timeout=60)
    client.login(user, password)
    return client


def pause(target, user=USER):
    """The account stays where it is."""
    target.doveadm("migration", "pause", "-u", user, check=True)
    assert target.store.job(user)["phase"] == "initial"


def resume(target, user=USER):
    target.doveadm("migration", "resume", "-u", user, check=True)
    target.store.wait_moved(user)


def proxied(target):
    return target.log_lines("info", "Started proxying to")


def test_renamed_domain(folders, make_target):
    """The provider has users without a domain; ours may use the old domain and
    the new one."""
    with Provider(folders("renamed")) as old:
        old.add_user("paul", PASSWORD)
        old.seed("paul", make_folders())
        with Tap(old.ports["imap"], bytes_per_second=SLOW) as tap:
            target = make_target(
                {"oldhost": plain_provider(
                    tap.port, "old.example=new.example", user="%n")},
                overrides=PROXY)
            # nobody knows the new name before the first login
            with pytest.raises(imaplib.IMAP4.error):
                connect(target, "paul@new.example")
            assert tap.connections() == 0
            expected = uids(connect(target, "paul@old.example"))
            clients = [connect(target, user) for user in (
                "paul@old.example", "Paul@New.Example", "paul@new.example")]
            for client in clients:
                assert uids(client) == expected
                client.send(b"i1 IDLE\r\n")
            assert old.logins("paul") >= 4
            assert target.store.jobs() == ["paul@new.example"]
            assert target.store.job("paul@new.example")["phase"] == "initial"
            # all of them are found by the switch
            for client in clients:
                wait_dropped(client)
            target.store.wait_moved("paul@new.example")
            connections = tap.connections()
            for user in ("paul@old.example", "paul@new.example"):
                assert uids(connect(target, user)) == expected
            assert tap.connections() == connections
            assert_moved(old, target, "paul", "paul@new.example")
            assert target.log_lines("error", "") == []


@pytest.mark.parametrize("tls", ["imaps", "starttls"])
def test_tls(old, make_target, certificates, tls):
    port = old.ports["imaps" if tls == "imaps" else "imap"]
    with Tap(port, bytes_per_second=SLOW) as tap:
        target = make_target(
            {"oldhost": imaps_provider(tap.port, certificates, ssl=tls)},
            overrides=PROXY, ssl_ca=certificates.ca)
        old.mark_logs()
        client = connect(target)
        pause(target)
        assert uids(client)[1]
        client.logout()
        assert_answer(target.login(USER, PASSWORD), "OK")
        wait_until("two sessions", lambda: len(proxied(target)) == 2)
        old.settle_log()
        logins = old.log_lines("info", f"{LOGGED_IN} user=<{USER}>")
        assert len(logins) >= 3
        assert all("TLS" in line for line in logins)
        # nothing in clear
        sent = b"".join(bytes(part) for part in tap.sent.values())
        assert b"LOGIN" not in sent and b"AUTHENTICATE" not in sent
        resume(target)
        assert_moved(old, target, USER)
        assert target.log_lines("error", "Error:") == []


@pytest.fixture(scope="module")
def stranger(folders):
    """A server that calls itself localhost by an unknown authority."""
    other = Certificates(folders("other-ca"))
    with Provider(folders("stranger"),
                  certificate=other.issue("server")) as server:
        yield server
    server.assert_no_crash()


@pytest.mark.parametrize("tls", ["imaps", "starttls"])
def test_certificate_of_another_ca(old, stranger, make_target, certificates,
                                   tls):
    """No session, and the password is not sent."""
    listener = "imaps" if tls == "imaps" else "imap"
    with Tap(old.ports[listener], bytes_per_second=SLOW) as tap:
        target = make_target(
            {"oldhost": imaps_provider(tap.port, certificates, ssl=tls)},
            overrides=PROXY, ssl_ca=certificates.ca)
        connect(target).logout()
        pause(target)
        connections = tap.connections()
        tap.upstream_port = stranger.ports[listener]
        assert_answer(target.login(USER, PASSWORD), "NO", "UNAVAILABLE")
        assert tap.connections() > connections
        # 2.4 may not notice it before its time is up, see doc/dovecot-2.4.md
        wait_until("the error", lambda: target.log_lines(
            "error", "invalid SSL certificate") or target.log_lines(
                "error", "Login timed out in state=", "starttls"))
        assert len(proxied(target)) == 1
        sent = b"".join(bytes(part) for part in tap.sent.values())
        assert b"LOGIN" not in sent and b"AUTHENTICATE" not in sent
        assert stranger.log_lines("info", LOGGED_IN) == []
        target.stop()


@pytest.mark.parametrize("trusted", ["nobody", "others"])
def test_provider_is_not_trusted(old, folders, make_target, certificates,
                                 trusted):
    """Then nothing is passed through, and auth says once what to set."""
    ca = Certificates(folders("others")).ca if trusted == "others" else \
        "/dev/null"
    target = make_target(
        {"oldhost": imaps_provider(old.ports["imaps"], certificates)},
        overrides=PROXY, ssl_ca=ca)
    answer = target.login(USER, PASSWORD)
    assert_answer(answer, "NO", "UNAVAILABLE")
    assert "Your mailbox is being moved" in answer.text
    assert proxied(target) == []
    assert len(target.log_lines("error", "passdb migration: ", "oldhost",
                                for_version("set ssl_ca = <",
                                            "set ssl_client_ca_file = "),
                                "users wait")) == 1
    target.store.wait_moved(USER)
    assert_answer(target.login(USER, PASSWORD), "OK")


def read_pop3(port, user, password):
    """UIDLs and messages as a mail program gets them."""
    client = poplib.POP3("127.0.0.1", port, timeout=60)
    client.user(user)
    client.pass_(password)
    uidls = client.uidl()[1]
    messages = [b"\n".join(client.retr(number + 1)[1])
                for number in range(5)]
    client.quit()
    return uidls, messages


def test_pop3(old, tap, make_target):
    target = make_target(
        {"oldhost": plain_provider(
            tap.port, "old.example", pop3_host="127.0.0.1", pop3_ssl="no",
            pop3_port=old.ports["pop3"])},
        overrides=PROXY, protocols=("imap", "pop3"))
    old.mark_logs()
    before = read_pop3(target.ports["pop3"], USER, PASSWORD)
    assert target.store.job(USER)["phase"] == "initial"
    assert before == read_pop3(old.ports["pop3"], USER, PASSWORD)
    assert len(before[0]) > 40
    wait_until("the session in the log", lambda: target.log_lines(
        "info", "pop3-login: Info: proxy", "Started proxying"))
    # a second one, whose password is known here
    client = poplib.POP3("127.0.0.1", target.ports["pop3"], timeout=60)
    client.user(USER)
    client.pass_(PASSWORD)
    target.store.wait_moved(USER)
    with pytest.raises((poplib.error_proto, OSError)):
        client.stat()
    old.settle_log()
    count = len(old.log_lines("info", f"pop3-login: Info: {LOGGED_IN}"))
    assert pop3_login(target, USER, PASSWORD).startswith("+OK")
    old.settle_log()
    assert len(old.log_lines("info", f"pop3-login: Info: {LOGGED_IN}")) == count


def test_pop3_without_pop3_host(old, tap, make_target):
    target = make_target({"oldhost": plain_provider(tap.port, "old.example")},
                         overrides=PROXY, protocols=("imap", "pop3"))
    answer = pop3_login(target, USER, PASSWORD)
    assert answer.startswith("-ERR [SYS/TEMP]")
    assert target.store.job(USER)["phase"] == "initial"
    assert pop3_login(target, USER,
                      PASSWORD).startswith("-ERR [SYS/TEMP]")
    target.store.wait_moved(USER)
    assert pop3_login(target, USER, PASSWORD).startswith("+OK")


def set_password(target, password):
    target.store.write(
        "UPDATE migration_account SET password = ? WHERE username = ?",
        password_entry(password.encode()), USER)


def test_password_changed_here(old, tap, make_target):
    target = make_target({"oldhost": plain_provider(tap.port, "old.example")},
                         overrides=PROXY)
    connect(target).logout()
    pause(target)
    set_password(target, NEW_PASSWORD)
    connections = tap.connections()
    for _ in range(2):
        answer = target.login(USER, NEW_PASSWORD)
        assert_answer(answer, "NO", "UNAVAILABLE")
        assert "Your mailbox is being moved" in answer.text
        assert_answer(target.login(USER, PASSWORD), "NO",
                      "AUTHENTICATIONFAILED")
    assert tap.connections() == connections
    resume(target)
    connections = tap.connections()
    assert_answer(target.login(USER, PASSWORD), "NO", "AUTHENTICATIONFAILED")
    assert_answer(target.login(USER, NEW_PASSWORD), "OK")
    assert tap.connections() == connections
    assert_same_account(old.snapshot(USER),
                        target.snapshot(USER, NEW_PASSWORD))
    assert target.log_lines("error", "Error:") == []


def auth_fields(target, service, password=PASSWORD):
    """What auth tells another service: whether the password is right, and the
    fields of the passdb."""
    result = target.doveadm("auth", "test", "-x", f"service={service}", USER,
                            password)
    return result.returncode, result.stdout + result.stderr


def test_other_services_are_let_in(old, tap, make_target):
    target = make_target({"oldhost": plain_provider(tap.port, "old.example")},
                         overrides=PROXY)
    connect(target).logout()
    pause(target)
    connections = tap.connections()
    code, text = auth_fields(target, "imap")
    assert code == 0 and "proxy" in text and "127.0.0.1" in text
    for service in ("submission", "sieve", "smtp"):
        code, text = auth_fields(target, service)
        assert code == 0, text
        assert "proxy" not in text and "host" not in text
        assert auth_fields(target, service, "wrong")[0] != 0
    assert tap.connections() <= connections + 3


def test_first_login_by_another_service(tap, make_target):
    target = make_target({"oldhost": plain_provider(tap.port, "old.example")},
                         overrides=PROXY)
    code, text = auth_fields(target, "submission")
    assert code == 0, text
    assert "proxy" not in text and "host" not in text
    assert target.store.job(USER)["login"] == "proxy"


def block_for_password(target, reason):
    target.store.write(
        "UPDATE migration_job SET control = 'blocked', reason = ? "
        "WHERE username = ?", reason, USER)


@pytest.mark.parametrize("reason", ["password", "local"])
def test_nobody_at_home_waits_for_the_provider(old, tap, make_target, reason,
                                               figures):
    """The sealed password has to be renewed, but the mailbox is here."""
    tap.bytes_per_second = None
    target = make_target({"oldhost": plain_provider(tap.port, "old.example")},
                         overrides=PROXY)
    connect(target).logout()
    target.store.wait_moved(USER)
    block_for_password(target, reason)
    connections = tap.connections()
    tap.hold_after(0)
    start = time.monotonic()
    assert_answer(target.login(USER, PASSWORD), "OK")
    seconds = time.monotonic() - start
    figures(f"{reason}: let in after {seconds:.2f} s")
    assert seconds < 0.5
    # the renewal goes on behind it
    wait_until("the login check", lambda: tap.connections() > connections)
    assert target.store.job(USER)["control"] == "blocked"
    tap.release()
    target.store.wait_for(USER, control="active", reason="")

    block_for_password(target, reason)
    with Blackhole() as hole:
        target.stop()
        target.providers["oldhost"]["port"] = hole.port
        target.start()
        for _ in range(3):
            start = time.monotonic()
            assert_answer(target.login(USER, PASSWORD), "OK")
            assert time.monotonic() - start < 0.5
    assert target.store.job(USER)["phase"] == "following"


MBSYNC = """
IMAPAccount account
Host 127.0.0.1
Port {port}
User {user}
Pass "{password}"
SSLType None
AuthMechs LOGIN

IMAPStore server
Account account

MaildirStore local
Path {folder}/mail/
Inbox {folder}/mail/INBOX
SubFolders Verbatim

Channel all
Far :server:
Near :local:
Patterns *
Create Both
Expunge Both
Sync All
SyncState *
"""


class MailProgram:
    """isync, which remembers UIDVALIDITY and UIDs of what it has seen."""

    def __init__(self, folder, port):
        self.folder = folder
        self.folder.mkdir()
        (self.folder / "mail").mkdir()
        self.config = self.folder / "mbsyncrc"
        self.config.write_text(MBSYNC.format(
            port=port, user=USER, password=PASSWORD, folder=self.folder))

    def sync(self):
        result = subprocess.run(
            ["mbsync", "-c", self.config, "-V", "-a"], text=True,
            capture_output=True, timeout=60)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout + result.stderr

    def files(self):
        """Messages and their flags, and what isync remembers."""
        mail = self.folder / "mail"
        return {str(path.relative_to(mail)): path.stat().st_ino
                for path in mail.rglob("*")
                if path.is_file() and path.parent.name in ("cur", "new")}

    def state(self):
        return {str(path): path.read_text()
                for path in self.folder.rglob(".mbsyncstate")}


def test_mail_program(old, tap, make_target, folders, figures):
    """It notices nothing but that it had to connect again."""
    target = make_target({"oldhost": plain_provider(tap.port, "old.example")},
                         overrides=PROXY)
    connect(target).logout()
    pause(target)
    tap.bytes_per_second = None
    program = MailProgram(folders("isync"), target.ports["imap"])
    program.sync()
    files, state = program.files(), program.state()
    mails = sum(len(mailbox.mails) for mailbox in old.snapshot(USER).values())
    assert len(files) == mails
    assert len(state) == len(old.snapshot(USER))
    wait_until("two sessions", lambda: len(proxied(target)) == 2)
    resume(target)
    connections = tap.connections()
    program.sync()
    assert tap.connections() == connections
    assert program.files() == files
    assert program.state() == state
    figures(f"isync: {len(files)} messages in {len(state)} folders unchanged")
    assert_moved(old, target, USER)

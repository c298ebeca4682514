"""Scripts for the Liar: each does one thing that a good server never does.

A mode is a subclass of Session. Some are made by a function that is told at
which step, or with which code."""

import time

from liar import Closed, Session

MEGABYTE = b"x" * 2**20

# Where a connection can hang or be closed.
STEPS = ("greet", "do_capability", "answer_login", "do_list")


class Preauth(Session):
    greeting = b"* PREAUTH logged in as nobody"


class Bye(Session):
    def greet(self):
        self.send(b"* BYE too many connections")
        raise Closed


class Garbage(Session):
    def greet(self):
        self.send(b"HTTP/1.1 400 Bad Request")
        self.send(b"\0\xff\xfe binary")
        raise Closed


class EndlessGreeting(Session):
    """One line without an end, as fast as it is taken."""

    def greet(self):
        self.sock.sendall(b"* OK ")
        while not self.liar.stopped.is_set():
            self.sock.sendall(MEGABYTE)


class EndlessLines(Session):
    """Untagged answers without an end."""

    def do_capability(self, _tag, _arguments):
        while not self.liar.stopped.is_set():
            self.sock.sendall(b"* OK still alive\r\n" * 1000)


class HugeCapability(Session):
    """A capability line of 100 MB, then as usual."""

    def do_capability(self, tag, _arguments):
        self.sock.sendall(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN")
        for _ in range(100):
            self.sock.sendall(b" " + MEGABYTE)
        self.send(b"")
        self.ok(tag)


class InjectedLiteral(Session):
    """Refuses the password, but puts an OK into a literal before that."""

    def answer_login(self, tag, _login):
        data = tag + b" OK logged in\r\n"
        self.send(b"* 1 FETCH (BODY[] {%d}\r\n%s)" % (len(data), data))
        self.send(tag + b" NO [AUTHENTICATIONFAILED] no")


class FalseOk(Session):
    """Says OK to any password and knows nothing of a session."""

    def answer_login(self, tag, _login):
        self.ok(tag)

    def do_list(self, tag, _arguments):
        self.send(tag + b" BAD not logged in")


class WrongTag(Session):
    """Answers a command that nobody has sent."""

    def answer_login(self, _tag, _login):
        self.send(b"Z999 OK logged in")
        self.hang()


class ByeAtLogin(Session):
    def answer_login(self, _tag, _login):
        self.send(b"* BYE [UNAVAILABLE] going down")
        raise Closed


class BadLogin(Session):
    def answer_login(self, tag, _login):
        self.send(tag + b" BAD internal confusion")


class Alert(Session):
    """A good server that has something to say: never a failure."""

    def answer_login(self, tag, login):
        self.send(b"* OK [ALERT] Your mailbox is nearly full")
        super().answer_login(tag, login)


class OnlyLogin(Session):
    """Knows no AUTHENTICATE at all."""
    capabilities = b"IMAP4rev1"

    def do_authenticate(self, tag, _arguments):
        self.send(tag + b" BAD unknown command")


class LoginDisabled(Session):
    capabilities = b"IMAP4rev1 LOGINDISABLED"

    def got_login(self, tag, login):
        self.contact.logins.append(login)
        self.send(tag + b" NO [PRIVACYREQUIRED] not like this")


class NoStarttls(Session):
    """Offers no STARTTLS but would take a password in clear text."""

    def get_capabilities(self):
        return self.capabilities

    def do_starttls(self, tag, _arguments):
        self.send(tag + b" BAD unknown command")


class HangingLogout(Session):
    def do_logout(self, _tag, _arguments):
        self.hang()


def answering(status):
    """Answers each login with this status and code, e.g. "NO [LIMIT]"."""
    class Answering(Session):
        def answer_login(self, tag, _login):
            self.send(tag + b" " + status.encode() + b" that is how it is")
    return Answering


def slow(seconds):
    """A good server that takes its time with each login."""
    class Slow(Session):
        def answer_login(self, tag, login):
            time.sleep(seconds)
            super().answer_login(tag, login)
    return Slow


def _failing_at(step, fail):
    def override(self, *_arguments):
        fail(self)
    return type(f"Failing_{step}", (Session,), {step: override})


def hanging_at(step):
    assert step in STEPS
    return _failing_at(step, Session.hang)


def closing_at(step):
    def close(_session):
        raise Closed
    assert step in STEPS
    return _failing_at(step, close)


class HangingPull(Session):
    """Lets everybody in and then hangs as soon as mail is to be read."""

    def do_examine(self, _tag, _arguments):
        self.hang()

    do_status = do_examine


def good_at_first(script):
    """A good server on the first connection, which is the login check, and
    the script on all others."""
    def choose(liar, sock, contact):
        chosen = Session if contact.number == 1 else script
        return chosen(liar, sock, contact)
    return choose


def other_certificate(context):
    class OtherCertificate(Session):
        def start_tls(self):
            # imapc crashes if the handshake fails in its first call, as it
            # may on loopback: see doc/dovecot-notes.md
            time.sleep(0.05)
            super().start_tls(context)
    return OtherCertificate


class PreauthWithoutTls(Session):
    """Greets so that a careless client skips STARTTLS and login."""
    greeting = b"* PREAUTH welcome"

    def get_capabilities(self):
        return self.capabilities


def limiting(*lines):
    """Lets everybody in, and answers with these lines as soon as mail is to be
    read: the first one is the tagged answer without its tag."""
    class Limiting(Session):
        def do_examine(self, tag, _arguments):
            self.send(tag + b" " + lines[0].encode())
            for line in lines[1:]:
                self.send(line.encode())
            if len(lines) > 1:
                raise Closed

        do_status = do_examine
    return Limiting

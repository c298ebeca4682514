"""What syncs find out about a provider's server, what they make use of, and
what people are told about it."""

import json
import sqlite3

import pytest

from checks import assert_answer
from dovecot import for_version
from liar import Liar, Session
from pair import MODERN
from polling import wait_until
from provider import Provider
from tap import Tap
from target import plain_provider

USER, PASSWORD = "prosper@old.example", "prosper's"
WORDS = ["one", "two", "three", "four"]
QUICK = {"migration_login": "local", "migration_retry_min": "1 secs",
         "migration_retry_max": "1 secs"}
DAY = 24 * 3600
ALL = "IMAP4rev1 CONDSTORE ESEARCH ID LIST-EXTENDED LIST-STATUS NAMESPACE " \
    "SPECIAL-USE"
# What a Dovecot has that hides some of it
HIDDEN = {
    "all": ("", ALL),
    "no condstore": (MODERN, "IMAP4rev1 ESEARCH ID LIST-EXTENDED LIST-STATUS "
                             "NAMESPACE"),
    "bare": ("IMAP4rev1", "IMAP4rev1"),
}
# A folder of the user's for each use, and one that others share
FOLDERS = """
namespace inbox {
  inbox = yes
  separator = .
  mailbox Everything {
    special_use = \\All
    auto = create
  }
  mailbox Starred {
    special_use = \\Flagged
    auto = create
  }
}
"""
PUBLIC = """
namespace public {
  type = public
  prefix = Public.
  separator = .
""" + for_version("  location = maildir:%s/public\n",
                  "  mail_driver = maildir\n  mail_path = %s/public\n") + """
  subscriptions = no
}
"""


class Old(Provider):
    """A provider behind a tap, with a user who has four messages."""

    def __init__(self, folder, capability="", extra=""):
        super().__init__(folder, protocols=("imap",))
        self.extra = FOLDERS + extra
        self.offer(capability)
        self.add_user(USER, PASSWORD)

    def offer(self, capability):
        self.extra = "".join(
            line for line in self.extra.splitlines(keepends=True)
            if not line.startswith("imap_capability"))
        if capability:
            self.extra += f"imap_capability = {capability}\n"

    def __enter__(self):
        self.start()
        with self.client(USER) as client:
            for word in WORDS:
                self.append(word, client)
        self.tap = Tap(self.ports["imap"])
        self.tap.__enter__()
        return self

    def __exit__(self, *exc):
        self.tap.__exit__(*exc)
        super().__exit__(*exc)

    def append(self, word, client=None):
        raw = f"Message-ID: <{word}@old.example>\r\n\r\n{word}\r\n".encode()
        if client is None:
            with self.client(USER) as client:
                client.append("INBOX", None, None, raw)
        else:
            client.append("INBOX", None, None, raw)

    def sent(self, sync):
        """All that was sent to the server meanwhile."""
        before = set(self.tap.sent)
        sync()
        return b"".join(bytes(sent) for number, sent in self.tap.sent.items()
                        if number not in before).decode()


@pytest.fixture
def make_old(folders):
    servers = []

    def make(*args, **kwargs):
        server = Old(folders("probed"), *args, **kwargs)
        server.__enter__()
        servers.append(server)
        return server

    yield make
    for server in servers:
        server.__exit__(None, None, None)


def provide(old, **settings):
    return {"oldhost": plain_provider(old.tap.port, "old.example",
                                      **settings)}


def move(target):
    assert_answer(target.login(USER, PASSWORD), "OK")
    target.store.wait_moved(USER)
    # the name is asked for when all the mail is here
    wait_until("the job to end",
               lambda: target.store.job(USER)["lease_owner"] == "")


def sync(target):
    target.doveadm("migration", "sync", "-u", USER, check=True)


def shown(target, *args, **kwargs):
    """check -> (result, detail) of "provider test", without the visit."""
    result = target.doveadm("-f", "json", "migration", "provider", "test",
                            "oldhost", *args, check=True, **kwargs)
    rows = [(row["check"], (row["result"], row["detail"]))
            for row in json.loads(result.stdout)]
    names = [check for check, _ in rows]
    return dict(rows[names.index("server"):])


def stored(target):
    rows = target.store.rows("SELECT * FROM migration_probe")
    return rows[0] if rows else None


def notes(target):
    return [(row["mailbox"], int(row["uid"]), row["text"]) for row in
            target.doveadm_json("migration", "show", "-n", USER)]


def messages(target):
    return {name: len(mailbox.mails) for name, mailbox in
            target.snapshot(USER, PASSWORD).items()}


@pytest.mark.parametrize("capability, offers", HIDDEN.values(), ids=HIDDEN)
def test_dovecot(make_old, make_target, capability, offers):
    old = make_old(capability)
    target = make_target(provide(old), overrides=QUICK)
    assert shown(target) == {
        "server": ("unknown", "not probed yet: at the first sync")}
    move(target)
    rows = shown(target)
    result, server = rows.pop("server")
    name, _, when = server.partition(", looked at ")
    # Dovecot says no version
    assert (result, name) == \
        ("known", "Dovecot" if "ID" in offers.split() else "unnamed")
    assert when.startswith("20")
    assert rows == {"offers": ("known", offers), "unused": ("known", "-"),
                    "quirks": ("known", "-"),
                    "prefix": ("known", "none, separator .")}
    # nothing is in the way of a login
    assert shown(target, "--password-stdin", USER,
                 stdin=PASSWORD + "\n")["offers"] == ("known", offers)


@pytest.mark.parametrize("formatter", ["table", "tab", "flow", "pager",
                                       "json"])
def test_formatters(make_old, make_target, formatter):
    old = make_old()
    target = make_target(provide(old), overrides=QUICK)
    test = ("migration", "provider", "test", "oldhost")
    text = target.doveadm(*test, formatter=formatter, check=True).stdout
    assert "not probed yet" in text
    move(target)
    text = target.doveadm(*test, formatter=formatter, check=True).stdout
    assert "Dovecot, looked at" in text and ALL in text


def test_before_the_first_start(make_old, make_target):
    """There is no database then."""
    old = make_old()
    target = make_target(provide(old), overrides=QUICK)
    target.stop()
    for file in (target.folder / "db").iterdir():
        file.unlink()
    result, detail = shown(target)["server"]
    assert result == "unknown"
    assert "migration service makes it when it starts" in detail


def test_asked_once(make_old, make_target, figures):
    """The name is asked for once a day, and when the server is another one;
    nothing is written while nothing changes."""
    old = make_old()
    target = make_target(provide(old), overrides=QUICK)
    assert old.sent(lambda: move(target)).count(" ID (") == 1
    first = stored(target)
    assert first["name"] == "Dovecot" and first["capabilities"] == ALL

    before = len(old.tap.commands())
    for _ in range(3):
        sync(target)
    commands = old.tap.commands()[before:]
    figures(f"three syncs: {' '.join(commands)}")
    assert len(commands) == 3 * 5 and "ID" not in commands
    assert stored(target) == first

    target.store.write("UPDATE migration_probe SET probed = probed - ?, "
                       "name = 'Old name'", DAY)
    assert old.sent(lambda: sync(target)).count(" ID (") == 1
    again = stored(target)
    assert again["name"] == "Dovecot" and again["probed"] >= first["probed"]
    assert " ID (" not in old.sent(lambda: sync(target))
    assert stored(target) == again

    old.offer("IMAP4rev1 ID NAMESPACE")
    old.reload()
    wait_until("the provider to offer less", lambda: " ID (" in old.sent(
        lambda: sync(target)))
    assert stored(target)["capabilities"] == "IMAP4rev1 ID NAMESPACE"


# What has come since
UNDO_TO_6 = (
    "DROP VIEW migration_user_state",
    "DROP VIEW migration_userdb",
    "CREATE VIEW migration_userdb AS SELECT 1",
    *(f"ALTER TABLE migration_domain DROP COLUMN {column}"
      for column in ("enabled", "quota", "mailbox_quota")),
    *(f"ALTER TABLE migration_account DROP COLUMN {column}"
      for column in ("first_name", "last_name", "quota")),
    *(f"DROP TABLE migration_{table}"
      for table in ("alias", "domain_alias", "relay_domain", "probe")),
    "DELETE FROM migration_schema WHERE version > 6",
)


def test_upgrade(make_old, make_target):
    """The database of an older version gets its tables and columns."""
    old = make_old()
    target = make_target(provide(old), overrides=QUICK)
    move(target)
    target.stop()
    with sqlite3.connect(target.store.path) as database:
        for statement in UNDO_TO_6:
            database.execute(statement)
    database.close()
    target.start()
    sync(target)
    assert stored(target)["name"] == "Dovecot"
    assert messages(target)["INBOX"] == len(WORDS)


# What each word keeps off the wire, and what is there without it
FEATURES = {
    "no-condstore": ("CHANGEDSINCE", "(CONDSTORE)", "HIGHESTMODSEQ"),
    "no-esearch": ("SEARCH RETURN (ALL)",),
    "no-id": (" ID (",),
    "no-list-status": ("RETURN (SUBSCRIBED", "STATUS (MESSAGES"),
    "no-namespace": ("NAMESPACE",),
    "no-special-use": ("SPECIAL-USE",),
}
# ... and instead of it
INSTEAD = {"no-esearch": "SEARCH UID 1:", "no-list-status": "LSUB"}


def change_all(old):
    """New mail, flags and an expunge: a sync has everything to do."""
    with old.client(USER) as client:
        client.select("INBOX")
        client.store("2", "+FLAGS", "\\Flagged")
        client.store("1", "+FLAGS", "\\Deleted")
        client.expunge()
        old.append("more", client)


def two_syncs(old, target):
    move(target)
    change_all(old)
    sync(target)


def assert_followed(target):
    account = target.snapshot(USER, PASSWORD)["INBOX"]
    assert sorted(account.mails) == [2, 3, 4, 5]
    assert "\\Flagged" in account.mails[2].flags


def test_without_features(make_old, make_target):
    old = make_old()
    target = make_target(provide(old), overrides=QUICK)
    wire = old.sent(lambda: two_syncs(old, target))
    for things in FEATURES.values():
        for thing in things:
            assert thing in wire, thing
    assert_followed(target)


@pytest.mark.parametrize("word", FEATURES)
def test_feature(make_old, make_target, word):
    old = make_old()
    target = make_target(provide(old, features=word), overrides=QUICK)
    wire = old.sent(lambda: two_syncs(old, target))
    for thing in FEATURES[word]:
        assert thing not in wire, thing
    assert INSTEAD.get(word, "") in wire
    assert_followed(target)
    rows = shown(target)
    assert rows["offers"] == ("known", ALL)
    unused = {"no-list-status": "LIST-EXTENDED LIST-STATUS"}.get(
        word, word.removeprefix("no-").upper())
    assert rows["unused"] == ("known", unused)
    if word == "no-id":
        assert rows["server"][1].startswith("unnamed, ")


def test_modseq_without_condstore(make_old, make_target):
    """Some servers tell HIGHESTMODSEQ and do not know CHANGEDSINCE: Yahoo, and
    a Dovecot that hides CONDSTORE."""
    old = make_old(MODERN)
    with old.client(USER) as client:
        # from now on it counts
        client.status("INBOX", "(HIGHESTMODSEQ)")
        client.select("INBOX", readonly=True)
        assert client.response("HIGHESTMODSEQ")[1] != [None]
    target = make_target(provide(old), overrides=QUICK)
    wire = old.sent(lambda: two_syncs(old, target))
    assert "CHANGEDSINCE" not in wire
    assert_followed(target)


@pytest.mark.parametrize("also", ["", " no-list-status"],
                         ids=["not asked for", "told all the same"])
def test_no_special_use(make_old, make_target, also):
    """What folders are for is said by their names."""
    old = make_old()
    target = make_target(provide(old, exclude="\\Flagged"), overrides=QUICK)
    move(target)
    assert "Starred" not in messages(target)
    target = make_target(provide(
        old, exclude="\\Flagged", features="no-special-use" + also),
        overrides=QUICK)
    move(target)
    assert "Starred" in messages(target)


def test_always_id(make_old, make_target):
    """Some providers open no mailbox for a client that does not say its
    name."""
    old = make_old()
    target = make_target(provide(old, features="always-id"), overrides=QUICK)
    wire = old.sent(lambda: move(target))
    assert wire.count(" ID (") == 1
    for _ in range(2):
        wire = old.sent(lambda: sync(target))
        assert wire.count(" ID (") == 1
        assert wire.index(" ID (") < wire.index(" LIST ")
    assert stored(target)["name"] == "Dovecot"


def test_icloud(make_old, make_target):
    """Its answer to ESEARCH has no UIDs."""
    old = make_old(MODERN + " CONDSTORE XAPPLEPUSHSERVICE X-SUN-IMAP")
    target = make_target(provide(old), overrides=QUICK)
    wire = old.sent(lambda: two_syncs(old, target))
    assert "SEARCH RETURN" not in wire and "SEARCH UID 1:" in wire
    assert_followed(target)
    rows = shown(target)
    assert rows["quirks"] == ("known", "icloud")
    assert rows["unused"] == ("known", "ESEARCH")


def test_gmail(make_old, make_target):
    """Folders that show messages of others once more are noted."""
    old = make_old(MODERN + " SPECIAL-USE X-GM-EXT-1")
    target = make_target(provide(old), overrides=QUICK)
    move(target)
    assert shown(target)["quirks"] == ("known", "gmail")
    everything, starred = notes(target)
    assert everything[:2] == ("Everything", 0) and "label" in everything[2]
    assert starred[:2] == ("Starred", 0)
    assert "exclude = \\Flagged" in starred[2]
    # each sync says it again, and none is incomplete
    sync(target)
    assert len(notes(target)) == 2
    target.settle_log()
    assert target.log_lines("info", "Sync done", "2 notes")


def test_left_out(make_old, make_target, folders):
    """Folders that are not the user's own are not moved, and not forgotten."""
    shared = folders("shared")
    old = make_old(extra=PUBLIC % shared)
    (shared / "public").mkdir(parents=True)
    for path in (shared, shared / "public"):
        path.chmod(0o777)
    with old.client(USER) as client:
        for name in ("Public.News", "Public.Offers"):
            assert client.create(name)[0] == "OK"
    target = make_target(provide(old), overrides=QUICK)
    move(target)
    ((name, uid, text),) = notes(target)
    assert name in ("Public.News", "Public.Offers") and uid == 0
    assert text == "Left out, and 1 more: shared"
    assert not [name for name in messages(target) if "Public" in name]
    job = target.store.job(USER)
    assert (job["phase"], job["error"], job["attempts"]) == \
        ("following", "", 0)


class Refusing(Session):
    """Offers ID and does not know it, like imap.mail.de."""

    def do_id(self, tag, _arguments):
        self.send(tag + b" BAD invalid command")


def test_id_is_refused(make_target):
    """It costs nothing but the name."""
    with Liar(Refusing, {USER.encode(): PASSWORD.encode()}) as liar:
        target = make_target({"oldhost": plain_provider(
            liar.port, "old.example")}, overrides=QUICK)
        move(target)
        assert [contact.commands.count("ID") for contact in liar.contacts
                if "EXAMINE" in contact.commands] == [1]
        sync(target)
        commands = liar.contacts[-1].commands
        assert "ID" not in commands and "LIST" in commands
        rows = shown(target)
        assert rows["server"][1].startswith("unnamed, ")
        assert rows["offers"] == ("known", "IMAP4rev1 ID NAMESPACE")


class Odd(Session):
    """Says of itself what nobody can print, and too much of it."""

    def do_id(self, tag, _arguments):
        self.send(b'* ID ("name" "\x1b[31mred' + b"x" * 5000 +
                  b'" "version" NIL "version" "1.\x01")')
        self.ok(tag)


def test_odd_name(make_target):
    with Liar(Odd, {USER.encode(): PASSWORD.encode()}) as liar:
        target = make_target({"oldhost": plain_provider(
            liar.port, "old.example")}, overrides=QUICK)
        move(target)
        row = stored(target)
        assert len(row["name"].encode()) <= 210
        assert "\x1b" not in row["name"] and "\x01" not in row["version"]
        assert "red" in shown(target)["server"][1]

"""doveadm migration verify: the account here is compared with the provider's,
and what the user has done here is told from what is wrong."""

import base64
import contextlib
import json
import os
import subprocess
import time
import urllib.request

import pytest

import liar_modes
from checks import Unchanged, assert_answer, assert_same_account
from corpus import make_corpus, make_small_corpus
from dovecot import DOVEADM, MAIL_GID, MAIL_UID
from hand import Hand
from liar import Liar, Session
from pair import PASSWORD, Pair
from polling import wait_until
from ports import free_port
from tap import Tap
from target import plain_provider

USER = "vroni@old.example"
USAGE, NOUSER, TEMPFAIL, NOPERM = 64, 67, 75, 77
COLUMNS = ["mailbox", "result", "uidvalidity", "provider", "here", "missing",
           "flags", "sizes", "checked", "bodies", "remote_mailbox",
           "explained"]
WORDS = ("one", "two", "three", "four", "five")
# What nobody may change without a sync
KEPT = ("phase", "control", "reason", "attempts", "next_sync", "last_sync",
        "lease_owner", "lease_until", "hold_until", "messages_done")


def verify(pair, *args, code=0):
    """What it says of each mailbox that is not simply the same. Reads only:
    the record, the provider's mailbox and the one here stay as they are."""
    store = pair.target.store
    before = [store.job(USER)[name] for name in KEPT]
    here = pair.target.snapshot(USER, PASSWORD)
    with Unchanged(pair.old, USER):
        result = pair.target.doveadm("migration", "verify", *args, "-u", USER,
                                     formatter="json")
    assert result.returncode == code, result.stderr + result.stdout
    assert (result.stderr == "") == (code == 0), result.stderr
    assert [store.job(USER)[name] for name in KEPT] == before
    assert_same_account(here, pair.target.snapshot(USER, PASSWORD))
    return json.loads(result.stdout)


def unlike(rows):
    """name -> figures that are not as in an exact move."""
    usual = {"result": "same", "uidvalidity": "same", "missing": 0,
             "flags": 0, "sizes": 0, "bodies": 0, "explained": "-"}
    found = {}
    for row in rows:
        assert list(row) == COLUMNS
        figures = {name: row[name] for name, value in usual.items()
                   if row[name] != value}
        if figures:
            found[row["mailbox"]] = figures
    return found


class Scene:
    """A moved account and both sides of it in our hands; each folder has a
    message for each of WORDS."""

    def __init__(self, folders, *names, **kwargs):
        self.names = names
        self.pair = Pair(folders, USER, self._seed, **kwargs)
        self.there = Hand(lambda: self.pair.remote)
        self.here = Hand(lambda: self.pair.local)

    def _seed(self, _old):
        self.pair.connect_remote()
        for name in ("INBOX", *self.names):
            if name != "INBOX":
                self.there.folder("CREATE", name)
            for word in WORDS:
                self.there.append(name, f"{name}-{word}")

    def __enter__(self):
        self.pair.__enter__()
        return self

    def __exit__(self, *exc):
        self.pair.__exit__(*exc)

    def restart(self):
        """With changed settings."""
        self.pair.local.logout()
        self.pair.target.stop()
        self.pair.target.start()
        self.pair.connect_local()

    def sync(self):
        error = self.pair.sync()
        assert error == ""

    def mail_root(self):
        return self.pair.target.folder / "mail/old.example/vroni"

    def file_of(self, word):
        """Where a message is kept here: its file, or one that has it and
        others."""
        (path,) = [path for path in self.mail_root().rglob("*")
                   if path.is_file() and "dovecot" not in path.name and
                   f"<{word}@".encode() in path.read_bytes()]
        return path


FORMATS = ("maildir", "sdbox", "mdbox")


@pytest.mark.parametrize("mail_format", FORMATS)
def test_exact(folders, mail_format):
    """Oddities and all."""
    with Pair(folders, USER, lambda old: old.seed(USER, make_corpus()),
              mail_format=mail_format) as pair:
        rows = verify(pair)
        assert unlike(rows) == {}
        assert all(row["provider"] == row["here"] for row in rows)
        sep = "." if mail_format == "maildir" else "/"
        assert {(row["mailbox"], row["remote_mailbox"]) for row in rows} >= {
            ("INBOX", "INBOX"), ("Entwürfe", "Entwürfe"), ("empty", "empty"),
            (f"Archive{sep}2023", "Archive.2023")}
        assert len(rows) == 11
        assert 0 < rows[0]["checked"] < rows[0]["here"]
        rows = verify(pair, "--all")
        assert unlike(rows) == {}
        assert all(row["checked"] == row["here"] for row in rows)
        assert verify(pair, "-n") == []


def test_formatters(folders):
    with Scene(folders, "Mine") as scene:
        scene.here.expunge("Mine", "Mine-two")
        for formatter in ("table", "tab", "flow", "pager", "json"):
            for args in ((), ("-n",)):
                text = scene.pair.target.doveadm(
                    "migration", "verify", *args, "-u", USER.upper(),
                    formatter=formatter, check=True).stdout
                assert "Mine" in text and "deleted" in text
        rows = verify(scene.pair, "-n")
        assert rows == [{"mailbox": "Mine", "uid": 2, "explained": "yes",
                         "text": "deleted or moved here"}]


@pytest.mark.parametrize("mail_format", FORMATS)
def test_what_the_user_did(folders, mail_format):
    """Everything is explained, before a sync and after it."""
    with Scene(folders, "Deleted", "Flagged", "Away", "Moved", "Own",
               mail_format=mail_format) as scene:
        here = scene.here
        here.expunge("Deleted", "Deleted-one")
        here.store("Flagged", "Flagged-one", "+", "\\Flagged", "$Mine")
        here.move("Moved", "Moved-two", "Own")
        here.append("Own", "mine")
        here.folder("DELETE", "Away")
        here.folder("CREATE", "Mine")
        here.append("Mine", "mine")
        expected = {
            "Deleted": {"explained": "1 deleted here"},
            "Flagged": {"explained": "1 changed here"},
            "Moved": {"explained": "1 deleted here"},
            "Own": {"explained": "2 of the user's own"},
            "Away": {"uidvalidity": "-", "explained":
                     "the mailbox was deleted or renamed here, "
                     "5 deleted here"},
            "Mine": {"uidvalidity": "-", "explained": "only here"},
        }
        assert unlike(verify(scene.pair, "--all")) == expected
        scene.sync()
        here.store("Flagged", "Flagged-two", "+", "\\Answered")
        expected["Flagged"]["explained"] = "2 changed here"
        assert unlike(verify(scene.pair)) == expected
        texts = {(row["mailbox"], row["uid"]): row["text"]
                 for row in verify(scene.pair, "-n")}
        assert texts[("Flagged", 1)] == "flags were changed here"
        assert texts[("Deleted", 1)] == "deleted or moved here"


@pytest.mark.parametrize("server", ["condstore", "bare"])
def test_what_the_provider_has_new(folders, server):
    """The next sync brings it, and until then it is missing."""
    with Scene(folders, "New", "Flags", "Gone", server=server) as scene:
        scene.there.append("New", "six")
        scene.there.append("New", "seven", ["\\Seen"])
        scene.there.store("Flags", "Flags-two", "+", "\\Flagged")
        scene.there.store("Flags", "Flags-two", "+", "$Theirs")
        scene.there.expunge("Gone", "Gone-three")
        scene.there.folder("CREATE", "Fresh")
        scene.there.append("Fresh", "fresh")
        scene.there.folder("CREATE", "Empty")
        assert unlike(verify(scene.pair, code=TEMPFAIL)) == {
            "New": {"result": "differs", "missing": 2,
                    "explained": "2 new since the last sync"},
            "Flags": {"result": "differs", "flags": 1,
                      "explained": "1 changed at the provider"},
            "Gone": {"explained": "1 expunged at the provider"},
            "Fresh": {"result": "differs", "uidvalidity": "-", "missing": 1,
                      "explained":
                      "not made here yet, 1 new since the last sync"},
            "Empty": {"result": "differs", "uidvalidity": "-",
                      "explained": "not made here yet"},
        }
        scene.sync()
        assert unlike(verify(scene.pair, "--all")) == {}


@pytest.mark.parametrize("mail_format", FORMATS)
def test_changed_bytes(folders, mail_format):
    """On disk, and as many as there were."""
    with Scene(folders, mail_format=mail_format) as scene:
        path = scene.file_of("INBOX-four")
        raw = path.read_bytes()
        start = raw.index(b"INBOX-four", raw.index(b"<INBOX-four@") + 20)
        path.write_bytes(raw[:start] + b"inbox-FOUR" + raw[start + 10:])
        for args in ((), ("--all",)):
            # the sample of a small mailbox is all of it
            assert unlike(verify(scene.pair, *args, code=TEMPFAIL)) == {
                "INBOX": {"result": "differs", "bodies": 1}}
        assert verify(scene.pair, "-n", code=TEMPFAIL) == [
            {"mailbox": "INBOX", "uid": 4, "explained": "no",
             "text": "the bytes differ"}]


def test_sample(folders):
    """Of a large mailbox: the first, the last, the largest and some others."""
    messages = make_small_corpus(messages=200)
    largest = messages[0].messages[100]
    largest.raw += b"x" * 100_000 + b"\r\n"
    with Pair(folders, USER, lambda old: old.seed(USER, messages)) as pair:
        assert [row["checked"] for row in verify(pair)] == [20]
        (path,) = [path for path in (pair.target.folder / "mail").rglob("*")
                   if path.is_file() and path.stat().st_size > 100_000 and
                   "/cur/" in str(path)]
        path.write_bytes(path.read_bytes().replace(b"xxxxx", b"xxyxx"))
        assert unlike(verify(pair, code=TEMPFAIL)) == {
            "INBOX": {"result": "differs", "bodies": 1}}


def test_other_size(folders):
    with Scene(folders) as scene:
        path = scene.file_of("INBOX-two")
        base = path.name.partition(":")[0]
        raw = path.read_bytes() + b"one more line\n"
        longer = (f"{base.partition(',')[0]},S={len(raw)},"
                  f"W={len(raw) + raw.count(bytes([10]))}")
        path.write_bytes(raw)
        path.rename(path.with_name(path.name.replace(base, longer)))
        uidlist = scene.mail_root() / "Maildir/dovecot-uidlist"
        uidlist.write_text(uidlist.read_text().replace(base, longer))
        for cache in (scene.mail_root() / "Maildir").glob("*.cache"):
            cache.unlink()
        assert unlike(verify(scene.pair, code=TEMPFAIL)) == {
            "INBOX": {"result": "differs", "sizes": 1, "bodies": 1}}


@pytest.mark.parametrize("mail_format", ["maildir", "sdbox"])
def test_lost_file(folders, mail_format):
    """Its file has gone, and Dovecot does not know it."""
    with Scene(folders, mail_format=mail_format) as scene:
        scene.pair.local.logout()
        scene.file_of("INBOX-three").unlink()
        result = scene.pair.target.doveadm("migration", "verify", "-u", USER,
                                           formatter="json")
        assert result.returncode == TEMPFAIL, result.stderr
        assert unlike(json.loads(result.stdout)) == {
            "INBOX": {"result": "differs", "missing": 1,
                      "explained": "1 whose file is gone or cannot be read"}}


def test_lost_index(folders):
    """Nobody knows who has deleted what is not here: it is missing. The others
    are found all the same."""
    with Scene(folders, "Folder") as scene:
        folder = scene.mail_root() / "Maildir/.Folder"
        scene.file_of("Folder-three").unlink()
        for path in folder.glob("dovecot.index*"):
            path.unlink()
        assert unlike(verify(scene.pair, code=TEMPFAIL)) == {
            "Folder": {"result": "differs", "missing": 1,
                       "explained": "1 not here, with marks lost"}}


def test_uidvalidity_changed(folders):
    """Messages are found by what they are, also before the next sync."""
    with Scene(folders, "Anew") as scene:
        scene.here.expunge("Anew", "Anew-three")
        scene.there.expunge("Anew", "Anew-four")
        scene.pair.old.rebuild(USER, "Anew")
        rows = unlike(verify(scene.pair, code=TEMPFAIL))
        assert rows.keys() == {"Anew"}
        assert rows["Anew"]["uidvalidity"] == "other"
        assert rows["Anew"]["missing"] == 1
        assert rows["Anew"]["explained"].startswith(
            "UIDVALIDITY changed at the provider")
        scene.sync()
        rows = unlike(verify(scene.pair, "--all"))
        assert rows.keys() == {"Anew"}
        assert rows["Anew"]["uidvalidity"] == "other"
        assert "result" not in rows["Anew"]
        assert rows["Anew"]["explained"] == (
            "2 with another UID, 1 of the user's own")


def test_left_out(folders):
    """exclude, max_size and a special name."""
    with Scene(folders, "Large", "Spam") as scene:
        pair, target = scene.pair, scene.pair.target
        scene.there.append("Large", "x" * 3000)
        target.providers["oldhost"] = plain_provider(
            pair.old.ports["imap"], "old.example", max_size=1000,
            exclude="Spam")
        scene.restart()
        assert unlike(verify(pair)) == {
            "Large": {"explained": "1 larger than max_size"},
            "Spam": {"uidvalidity": "-", "explained": "only here"}}
        scene.sync()
        assert unlike(verify(pair))["Large"] == {
            "explained": "1 larger than max_size"}


# who may, and when

def run(target, *args, code=0):
    result = target.doveadm("migration", "verify", *args)
    assert result.returncode == code, result.stderr + result.stdout
    return result.stderr


def test_refused(folders):
    with Scene(folders) as scene:
        target, store = scene.pair.target, scene.pair.target.store
        run(target, code=USAGE)
        run(target, "-x", "-u", USER, code=USAGE)
        assert "no such user" in run(target, "-u", "nobody@old.example",
                                     code=NOUSER)
        # paused and blocked are no reason not to look
        target.doveadm("migration", "pause", "-u", USER, check=True)
        assert unlike(verify(scene.pair)) == {}
        store.write("UPDATE migration_job SET control = 'blocked', "
                    "reason = 'local'")
        run(target, "-u", USER)
        assert store.job(USER)["reason"] == "local"
        # the provider refuses the password
        scene.pair.old.set_password(USER, "another")
        error = run(target, "-u", USER, code=NOPERM)
        assert "password mismatch" in error or "password" in error
        assert store.job(USER)["reason"] == "local"
        # nobody knows it any longer
        target.doveadm("migration", "finish", "-u", USER, check=True)
        wait_until("the end", lambda: store.job(USER)["phase"] == "finished"
                   or target.doveadm("migration", "finish", "-u", USER))
        assert "finished" in run(target, "-u", USER, code=USAGE)
        target.stop()
        assert "not running" in run(target, "-u", USER, code=TEMPFAIL)


def test_with_a_sync(folders):
    """Neither begins before the other has ended."""
    with Scene(folders) as scene:
        target, store = scene.pair.target, scene.pair.target.store
        with Tap(scene.pair.old.ports["imap"]) as tap:
            scene.pair.provide(tap.port)
            scene.restart()
            tap.hold_after(0)
            sync = start(target, "sync")
            wait_until("the sync to begin",
                       lambda: store.job(USER)["lease_owner"] != "")
            compare = start(target, "verify")
            time.sleep(1.5)
            assert compare.poll() is None and tap.connections() <= 1
            tap.release()
            assert sync.wait(60) == 0
            assert compare.wait(60) == 0, compare.stderr.read()
            # while it is verified
            tap.hold_after(0)
            compare = start(target, "verify")
            wait_until("the lease",
                       lambda: store.job(USER)["lease_owner"] != "")
            assert "already" in target.doveadm(
                "migration", "sync", "-u", USER).stderr
            # nobody waits for it any longer
            compare.terminate()
            compare.communicate(timeout=20)
            wait_until("the lease to be given back",
                       lambda: store.job(USER)["lease_owner"] == "")
            tap.release()
            wait_until("a sync", lambda: scene.pair.sync() == "")


@pytest.mark.parametrize("command", ["pause", "finish", "delete"])
def test_stopped(folders, command):
    """Whoever stops the syncs stops this as well, and its lease is not given
    away once more."""
    with slow_scene(folders) as (scene, _):
        target, store = scene.pair.target, scene.pair.target.store
        if command == "finish":
            # at once, without a last sync
            store.write("UPDATE migration_job SET control = 'blocked', "
                        "reason = 'password'")
        compare = start(target, "verify", "--all")
        wait_until("the lease",
                   lambda: store.job(USER)["lease_owner"] != "")
        target.doveadm("migration", command, "-u", USER, check=True)
        assert_stopped(compare, command)
        if command != "pause":
            return
        before = store.job(USER)["last_sync"]
        target.doveadm("migration", "resume", "-u", USER, check=True)
        wait_until("the sync",
                   lambda: store.job(USER)["last_sync"] > before)
        assert store.job(USER)["attempts"] == 0


def test_resumed(folders):
    """What was compared while the user was paused is not in the way of the
    sync, which would wait for it in vain."""
    with slow_scene(folders) as (scene, tap):
        target, store = scene.pair.target, scene.pair.target.store
        target.doveadm("migration", "pause", "-u", USER, check=True)
        before = store.job(USER)["last_sync"]
        compare = start(target, "verify", "--all")
        wait_until("the messages",
                   lambda: tap.commands().count("UID FETCH") >= 2)
        # so that another node would not sync it meanwhile, either
        assert store.job(USER)["lease_owner"] != ""
        tap.bytes_per_second = None  # of new connections
        time.sleep(1)
        target.doveadm("migration", "resume", "-u", USER, check=True)
        assert_stopped(compare, "resume")
        wait_until("the sync",
                   lambda: store.job(USER)["last_sync"] > before, timeout=15)
        assert store.job(USER)["attempts"] == 0


def test_no_room(folders):
    """The provider's max_connections are for this as well."""
    with Scene(folders) as scene, \
            Tap(scene.pair.old.ports["imap"], 10_000) as tap:
        target, store = scene.pair.target, scene.pair.target.store
        scene.there.append("INBOX", "x" * 1_000_000)
        target.providers["oldhost"] = plain_provider(
            tap.port, "old.example", max_connections=1)
        scene.restart()
        sync = start(target, "sync")
        wait_until("the sync to begin",
                   lambda: store.job(USER)["lease_owner"] != "")
        error = run(target, "-u", USER, code=TEMPFAIL)
        assert "max_connections of oldhost is reached" in error
        target.doveadm("migration", "pause", "-u", USER, check=True)
        sync.communicate(timeout=20)


@contextlib.contextmanager
def slow_scene(folders):
    """All bodies take minutes."""
    with Scene(folders) as scene, \
            Tap(scene.pair.old.ports["imap"]) as tap:
        scene.there.append("INBOX", "x" * 1_000_000)
        scene.sync()
        scene.pair.provide(tap.port)
        scene.restart()
        tap.bytes_per_second = 10_000
        yield scene, tap


def assert_stopped(compare, command):
    _, error = compare.communicate(timeout=10)
    assert compare.returncode == TEMPFAIL
    assert f"stopped by an administrator ({command})" in error


def start(target, command, *args):
    return subprocess.Popen(
        [DOVEADM, "-c", target.config, "migration", command, *args, "-u",
         USER],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def test_sync_elsewhere(folders):
    """Another node's lease; one that lasts ends the waiting."""
    with Scene(folders) as scene:
        target, store = scene.pair.target, scene.pair.target.store
        lease = int(time.time()) + 4
        store.write("UPDATE migration_job SET lease_owner = 'node2', "
                    "lease_until = ?", lease)
        run(target, "-u", USER)
        assert time.time() > lease
        store.write("UPDATE migration_job SET lease_owner = 'node2', "
                    "lease_until = ?", lease + 1000)
        error = run(target, "-u", USER, code=TEMPFAIL)
        assert "node2 syncs or verifies it" in error
        assert store.job(USER)["lease_owner"] == "node2"
        store.write("UPDATE migration_job SET lease_owner = '', "
                    "lease_until = 0")


def test_line_cut(folders):
    with Scene(folders) as scene, \
            Tap(scene.pair.old.ports["imap"]) as tap:
        scene.pair.provide(tap.port)
        scene.restart()
        tap.close_after(0)
        before = scene.pair.target.store.job(USER)
        run(scene.pair.target, "-u", USER, code=TEMPFAIL)
        assert scene.pair.target.store.job(USER) == before


def test_after_a_killed_sync(folders):
    """What it has left must be repaired before anybody opens it."""
    with Scene(folders) as scene:
        journal = scene.mail_root() / "Maildir/dovecot-migration.journal"
        journal.write_text("1 nowhere 1000000000 begun\n")
        os.chown(journal, MAIL_UID, MAIL_GID)
        assert "end well first" in run(scene.pair.target, "-u", USER,
                                   code=TEMPFAIL)
        scene.sync()
        assert unlike(verify(scene.pair)) == {}


def test_before_the_first_sync(make_target):
    """The phase is no matter."""
    user = "xaver@old.example"
    with Liar(liar_modes.HangingPull, {user.encode(): b"xaver's"}) as liar:
        target = make_target(
            {"oldhost": plain_provider(liar.port, "old.example")},
            overrides={"migration_retry_min": "1 hours",
                       "migration_retry_max": "1 hours"})
        assert_answer(target.login(user, "xaver's"), "NO", "UNAVAILABLE")
        wait_until("the worker at the provider",
                   lambda: len(liar.logins) >= 2)
        liar.script, liar.accounts = Session, {}
        liar.drop_connections()
        target.store.wait_for(user, attempts=1, lease_owner="")
        assert "password" in run(target, "-u", user, code=NOPERM)


def test_http_api(folders):
    port = free_port()
    with Scene(folders) as scene:
        target = scene.pair.target
        target.extra = f"""
doveadm_api_key = key
service doveadm {{
  inet_listener http {{
    port = {port}
  }}
}}
"""
        scene.restart()

        def ask(**parameters):
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/doveadm/v1",
                json.dumps([["migrationVerify", parameters, "tag"]]).encode(),
                {"Authorization": "X-Dovecot-API " +
                 base64.b64encode(b"key").decode(),
                 "Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=20) as answer:
                (kind, content, _), = json.load(answer)
            return kind, content

        kind, (row,) = ask(user=USER, all=True)
        assert kind == "doveadmResponse" and list(row) == COLUMNS
        assert (row["mailbox"], row["checked"]) == ("INBOX", 5)
        assert ask(user=USER, differences=True) == ("doveadmResponse", [])
        assert ask(user="nobody@old.example")[1]["exitCode"] == NOUSER
        scene.pair.connect_remote()
        scene.there.append("INBOX", "six")
        kind, content = ask(user=USER)
        assert (kind, content["exitCode"]) == ("error", TEMPFAIL)

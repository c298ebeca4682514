"""An account at an old provider and the same one here, moved and followed."""

import contextlib
import imaplib
import shutil

from checks import Unchanged, assert_answer, assert_same_account
from compare import explain
from dovecot import LOGGED_IN
from following import Model, look_here, look_there
from polling import wait_until
from provider import Provider
from target import Target, plain_provider
from users import tell

PASSWORD = "a pair's"
# What Dovecot 2.3 says after the login, without what a plain server lacks
MODERN = ("IMAP4rev1 SASL-IR LOGIN-REFERRALS ID IDLE SORT SORT=DISPLAY "
          "THREAD=REFERENCES THREAD=REFS THREAD=ORDEREDSUBJECT MULTIAPPEND "
          "URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE UIDPLUS "
          "LIST-EXTENDED I18NLEVEL=1 ESEARCH ESORT SEARCHRES WITHIN "
          "CONTEXT=SEARCH LIST-STATUS BINARY MOVE LITERAL+")
SERVERS = {
    "condstore": "",
    "no condstore": f"imap_capability = {MODERN}\n",
    "bare": "imap_capability = IMAP4rev1\n",
}


class QuickProvider(Provider):
    """Settles its log with a login that succeeds: the answer to one that fails
    takes half a second."""

    MARKER = "marker@old.example"

    def start(self):
        self.add_user(self.MARKER, "marker's")
        return super().start()

    def settle_log(self):
        seen = len(self._marker_lines())
        self.client(self.MARKER).logout()
        wait_until("the log to be written",
                   lambda: len(self._marker_lines()) > seen)

    def _marker_lines(self):
        return self.log_lines("info", f"{LOGGED_IN} user=<{self.MARKER}>")


def assert_moved(there, here):
    """The first pull. It may make a folder of a name that only has others
    below it."""
    folders = {name: folder for name, folder in here.folders.items()
               if name in there.folders or folder.mails or
               not any(other.startswith(name + "/") for other in here.folders)}
    assert_same_account(there.folders, folders)


class Pair:
    """Provider and target of one account. server is one of SERVERS. A context
    manager: the account has been moved when the block begins. seed(provider)
    fills it."""

    def __init__(self, folders, user, seed, mail_format="maildir",
                 server="condstore", deletes="follow"):
        self.user = user
        self.mail_format, self.server = mail_format, server
        self.deletes = deletes
        self.old = QuickProvider(folders("pair"), protocols=("imap",))
        self.old.extra = SERVERS[server]
        self.old.add_user(user, PASSWORD)
        self.seed = seed
        self.target = Target(
            folders("pair"), {}, {"migration_login": "local",
                                  "migration_retry_min": "1 hours",
                                  "migration_retry_max": "1 hours"},
            mail_format=mail_format, protocols=("imap", "lmtp"))
        if deletes != "follow":
            self.target.overrides["migration_remote_deletes"] = deletes
        self.clients = []
        self.provide(self.old.ports["imap"])

    def provide(self, port):
        """Where the provider is found: a relay may be between."""
        self.target.providers["oldhost"] = plain_provider(port, "old.example")

    def __enter__(self):
        self.old.start()
        try:
            self.seed(self.old)
            self.target.start()
            self._move()
        except BaseException:
            self._stop()
            raise
        return self

    def _move(self):
        assert_answer(self.target.login(self.user, PASSWORD), "OK")
        self.target.store.wait_moved(self.user)
        self.connect_remote()
        self.connect_local()
        there, here = look_there(self.remote), look_here(self.local)
        assert_moved(there, here)
        self.model = Model(there, here, self.deletes)

    def connect_remote(self):
        """A new client, also for ourselves."""
        self.remote = self.old.client(self.user)
        self.clients.append(self.remote)
        return self.remote

    def connect_local(self):
        self.local = self.target.client(self.user, PASSWORD)
        self.clients.append(self.local)
        return self.local

    def __exit__(self, kind, *_rest):
        self._stop()
        if kind is None:
            for server in (self.old, self.target):
                server.assert_no_crash()
                shutil.rmtree(server.folder)

    def _stop(self):
        for client in self.clients:
            with contextlib.suppress(imaplib.IMAP4.error, OSError):
                client.logout()
        self.clients = []
        self.target.stop()
        self.old.stop()

    def sync(self):
        """Returns what doveadm complains about, "" if it does not."""
        result = self.target.doveadm("migration", "sync", "-u", self.user,
                                     timeout=120)
        if result.returncode == 0:
            return ""
        return (f"doveadm migration sync ended with {result.returncode}: "
                f"{result.stderr.strip()}")

    def follow(self, sync=None, interrupted=False):
        """One sync, or what is called instead of it; returns what is not as it
        should be after it: here, or at the provider."""
        there, here = look_there(self.remote), look_here(self.local)
        with Unchanged(self.old, self.user):
            error = (sync or self.sync)()
            if interrupted:
                # servers were started anew, or files made anew
                self.connect_remote()
                self.connect_local()
            if not error:
                error = self.target.verify(self.user, "--all", timeout=120)
        changed = explain(there.folders, look_there(self.remote).folders)
        complaints = self.model.synced(there, here, look_here(self.local),
                                       interrupted)
        if changed:
            complaints.append(f"the provider's account changed: {changed}")
        if error:
            complaints.append(error)
        return complaints

    def assert_follows(self, told=(), **kwargs):
        """told: what was changed before it."""
        complaints = self.follow(**kwargs)
        assert not complaints, self.explain(complaints, told)

    def explain(self, complaints, told):
        return (f"{self.user} here ({self.mail_format}; provider: "
                f"{self.server}) is not what it should be after the sync:\n" +
                tell(complaints) + "\nchanges before it:\n" + tell(told))

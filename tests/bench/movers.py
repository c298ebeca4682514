"""Programs that pull an account from a provider, each to a server or a folder
of its own."""

import os
import shutil
import subprocess
import threading
import time

from checks import assert_answer
from dovecot import DOVEADM
from pair import QuickProvider
from target import Target, plain_provider

POLL_SECS = 0.01
RUN_SECS = 1800


class Mover:
    """prepare(user) makes what the program needs; command(user) pulls, and does
    so again. port is the provider's."""

    name = ""

    def __init__(self, folder, port, password):
        self.folder, self.port, self.password = folder, port, password

    def start(self):
        self.folder.mkdir()

    def stop(self):
        pass

    def prepare(self, user):
        pass

    def processes(self, child):
        """Whose memory counts."""
        return [child.pid]

    def run(self, user):
        """Returns the seconds that it took and the most memory, in KiB."""
        started = time.monotonic()
        with open(self.folder / "output", "ab") as output:
            child = subprocess.Popen(list(map(str, self.command(user))),
                                     stdin=subprocess.DEVNULL, stdout=output,
                                     stderr=output)
        peak = Peak(lambda: self.processes(child))
        child.wait(RUN_SECS)
        seconds = time.monotonic() - started
        assert child.returncode == 0, \
            f"{self.name}: {(self.folder / 'output').read_text()[-2000:]}"
        return seconds, peak.stop()


class Peak:
    """Watches the most memory that any of some processes has had, KiB."""

    def __init__(self, pids):
        self.pids, self.most = pids, 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def stop(self):
        self.ended.set()
        self.thread.join()
        return self.most

    def _watch(self):
        while not self.ended.wait(POLL_SECS):
            for pid in self.pids():
                try:
                    with open(f"/proc/{pid}/status") as status:
                        lines = dict(line.split(":", 1) for line in status)
                except OSError:
                    continue
                if "VmHWM" in lines:
                    self.most = max(self.most, int(lines["VmHWM"].split()[0]))


class Migration(Mover):
    """The plugin. The account is known here before the clock starts: its first
    pull is turned away."""

    name = "doveadm migration sync"

    def __init__(self, folder, tap, password):
        super().__init__(folder, tap.port, password)
        self.tap = tap
        self.target = Target(
            folder, {"oldhost": plain_provider(tap.port, "old.example")},
            {"migration_login": "wait", "migration_retry_min": "1 hours",
             "migration_retry_max": "1 hours"})

    def start(self):
        self.target.start()

    def stop(self):
        self.target.stop()

    def prepare(self, user):
        self.tap.close_after(1)
        assert_answer(self.target.login(user, self.password), "NO",
                      "UNAVAILABLE")
        self.target.store.wait_for(user, attempts=1, lease_owner="")
        self.tap.release()

    def processes(self, child):
        return [process.pid for process in
                self.target.processes("migration-worker")]

    def command(self, user):
        return [DOVEADM, "-c", self.target.config, "migration", "sync", "-u",
                user]


class Dsync(Mover):
    """As Dovecot's documentation has it, by hand."""

    name = "doveadm backup -R imapc:"
    FEATURES = "rfc822.size fetch-headers"

    def __init__(self, folder, port, password):
        super().__init__(folder, port, password)
        self.server = QuickProvider(folder)

    def start(self):
        self.server.start()

    def stop(self):
        self.server.stop()

    def prepare(self, user):
        self.server.add_user(user, self.password)

    def command(self, user):
        settings = {"imapc_host": "127.0.0.1", "imapc_port": self.port,
                    "imapc_user": user, "imapc_password": self.password,
                    "imapc_features": self.FEATURES,
                    "mail_prefetch_count": "20"}
        return [DOVEADM, "-c", self.server.config,
                *(part for key, value in settings.items()
                  for part in ("-o", f"{key}={value}")),
                "backup", "-R", "-u", user, "imapc:"]


class Mbsync(Mover):
    name = "mbsync"

    def prepare(self, user):
        (self.folder / user).mkdir()

    def command(self, user):
        config = self.folder / f"{user}.mbsyncrc"
        config.write_text(f"""
IMAPStore old
Host 127.0.0.1
Port {self.port}
User {user}
Pass {self.password}
SSLType None
AuthMechs LOGIN

MaildirStore new
Path {self.folder}/{user}/
Inbox {self.folder}/{user}/INBOX
SubFolders Verbatim

Channel all
Far :old:
Near :new:
Patterns *
Create Near
Expunge Near
Sync Pull
SyncState *
CopyArrivalDate yes
""")
        return [shutil.which("mbsync"), "-q", "-c", config, "-a"]


class Offlineimap(Mover):
    name = "offlineimap"

    def command(self, user):
        config = self.folder / f"{user}.offlineimaprc"
        config.write_text(f"""
[general]
accounts = all
metadata = {self.folder}/{user}.state

[Account all]
localrepository = new
remoterepository = old

[Repository new]
type = Maildir
localfolders = {self.folder}/{user}

[Repository old]
type = IMAP
remotehost = 127.0.0.1
remoteport = {self.port}
remoteuser = {user}
remotepass = {self.password}
ssl = no
starttls = no
readonly = True
""")
        return [shutil.which("offlineimap"), "-o", "-u", "quiet", "-c", config]


def all_movers(folders, tap, password):
    """Those that are installed; the first one is ours, the second the one that
    the others are compared with."""
    yield Migration(folders("migration"), tap, password)
    yield Dsync(folders("dsync"), tap.port, password)
    for kind in (Mbsync, Offlineimap):
        if shutil.which(kind.name):
            yield kind(folders(kind.name), tap.port, password)
        else:
            print(f"{kind.name} is not installed: left out")

"""A mail server that is not Dovecot, from a tree of its own (see trees).

It runs in private namespaces of mounts and processes: the tree is read-only
there, except for copies of some of its folders, which are below one folder
here. It shares the network of the tests. start() and stop() as in dovecot.py."""

import os
import re
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from compare import connect, snapshot
from corpus import Folder, seed_account
from dovecot import MAIL_GID, MAIL_UID, running
from polling import wait_until
from ports import free_port

TREES = Path(os.environ.get("TREES", "/nonexistent"))

INSIDE = """
set -eu
tree=$1 folder=$2 command=$3
shift 3
mount --bind "$tree" "$tree"
mount -o remount,bind,ro "$tree"
mount -t proc proc "$tree/proc"
mount -t tmpfs tmpfs "$tree/tmp"
for name; do
	mount --bind "$folder/$name" "$tree/$name"
done
chroot "$tree" sh -c "$command"
exit
"""


class Syslog:
    """What the server logs, in a file."""

    def __init__(self, path, file):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        path.chmod(0o666)
        self.file = file
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with open(self.file, "ab", 0) as file:
            while True:
                file.write(self.socket.recv(65536) + b"\n")


class Foreign:
    """One instance. Subclasses say what is in the tree and in the folder."""

    # of the tree
    name = ""
    # What the server must be able to change
    writable = ()
    # Shell commands that start it in the background
    starter = ""
    # What the names of folders begin with at this server, and the separator
    prefix, delimiter = "INBOX.", "."
    # In its answer to ID
    calls_itself = ""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.tree = find_tree(self.name)
        self.passwords = {}
        self.ports = {"imap": free_port()}
        self.process = None
        self.log_offset = 0
        self.folder.mkdir()
        self.folder.chmod(0o755)
        for name in ("run", "srv"):
            (self.folder / name).mkdir()
        for name in self.writable:
            subprocess.run(["cp", "-a", "--parents", name, self.folder],
                           cwd=self.tree, check=True)
        self.log = self.folder / "log"
        self.log.touch()
        self.syslog = Syslog(self.folder / "run/log", self.log)
        self.configure()

    # What subclasses say

    def configure(self):
        """Changes the configuration, once; the ports are known."""
        raise NotImplementedError

    def set_user(self, user, password):
        """Makes the account or gives it another password."""
        raise NotImplementedError

    def fingerprint(self, user):
        """All that belongs to the user's mailbox, as in compare.py; what the
        server writes for itself when mail is merely read is left out."""
        raise NotImplementedError

    # Life

    def start(self):
        assert self.process is None
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self._inside(f"{self.starter}\nsleep infinity\nexit"),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        running.append(self)
        wait_until(f"{self.folder.name} to start", self._is_up)
        return self

    def stop(self):
        """All of its processes end with the namespace."""
        if self.process is None:
            return
        running.remove(self)
        self.process.kill()
        self.process.wait(20)
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()

    def run(self, command, stdin=None):
        """Runs a shell command in the tree, whether or not it serves."""
        result = subprocess.run(self._inside(command), input=stdin, text=True,
                                capture_output=True, timeout=60)
        assert result.returncode == 0, result.stderr + result.stdout
        return result.stdout

    def _inside(self, command):
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child",
                "--propagation", "private", "sh", "-c", INSIDE, "sh",
                str(self.tree), str(self.folder), command,
                *self.writable, "run", "srv"]

    def _is_up(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with "
                                 f"{self.process.returncode}: "
                                 f"{self.log.read_text()}")
        for port in self.ports.values():
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", port)) != 0:
                    return False
        return True

    # The role of the old provider

    def add_user(self, user, password):
        self.passwords[user] = password
        self.set_user(user, password)

    def connect(self, user):
        """A logged-in imaplib client."""
        client = connect(f"127.0.0.1:{self.ports['imap']}")
        client.login(user, self.passwords[user])
        return client

    def seed(self, user, folders):
        """Fills a mailbox. names are as in corpus.py, without the prefix."""
        prefix = self.prefix.replace(self.delimiter, "/")
        with self.connect(user) as client:
            seed_account(client, [
                folder if folder.name == "INBOX" else
                Folder(prefix + folder.name, folder.messages,
                       folder.subscribed) for folder in folders])

    def snapshot(self, user):
        """With the names that the server has, hierarchy by "/"."""
        with self.connect(user) as client:
            return snapshot(client)

    def snapshot_without_prefix(self, user):
        """What has to arrive elsewhere."""
        prefix = self.prefix.replace(self.delimiter, "/")
        return {name.removeprefix(prefix): mailbox
                for name, mailbox in self.snapshot(user).items()}

    def open_all(self, user):
        """As a mail program that has looked at everything. What a server
        writes down at the first opening is written then."""
        with self.connect(user) as client:
            for line in client.list()[1]:
                client.select(self.wire_name(line))
                client.fetch("1:*", "(UID FLAGS)")
                client.select(readonly=True)
                client.close()

    @staticmethod
    def wire_name(line):
        """The quoted name in an answer to LIST."""
        return re.search(rb'"[^"]*"$|\S+$', line)[0].decode()

    def mark_logs(self):
        self.log_offset = self.log.stat().st_size

    def read_log(self, _kind="info"):
        """There is only one."""
        with open(self.log, "rb") as file:
            file.seek(self.log_offset)
            return file.read().decode(errors="replace")

    def changes(self, _user):
        """It logs no changes: the fingerprint has to tell."""
        return []


def find_tree(name):
    """Path of a tree; without it the test fails, or is skipped if there can be
    none here."""
    reason = TREES / f"{name}.skip"
    if reason.exists():
        pytest.skip(f"no {name}: {reason.read_text().strip()}")
    tree = TREES / name
    assert (tree / "recipe").exists(), \
        f"{tree} does not exist: tests/integration/trees {name}"
    return tree


def make_home(path):
    """A folder for mail."""
    path.mkdir(parents=True, exist_ok=True)
    os.chown(path, MAIL_UID, MAIL_GID)
    return path


def set_variables(file, values):
    """Changes NAME=value lines of a shell file; each must be there."""
    text = file.read_text()
    for name, value in values.items():
        text, count = re.subn(rf"^{name}=.*$", lambda _, n=name, v=value:
                              f'{n}="{v}"', text, flags=re.M)
        assert count == 1, f"{file.name} has no {name}"
    file.write_text(text)

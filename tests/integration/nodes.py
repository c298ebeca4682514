"""Several Dovecots that share one database, the keys and the mail, and a
provider that takes its time and remembers who was there at once."""

import os
import select
import socket
import subprocess
import threading
import time
from pathlib import Path

from databases import PASSWORD, Database
from dovecot import MAIL_GID, MAIL_UID, for_version
from liar import Closed, Liar
from liar_mail import Folder, MailSession, message
from tap import Tap
from target import Target, plain_provider

CLOCK = Path(__file__).resolve().parent / "clock.c"
# As in migration-limits.h
LEASE_SECS, STOP_SECS = 60, 40
STEP_SECS = 0.05

# Every change of an owner, or of the end of a lease
AUDIT = """
CREATE TABLE audit (
  id BIGSERIAL PRIMARY KEY, username TEXT, now BIGINT,
  old_owner TEXT, old_until BIGINT, owner TEXT, until BIGINT);
CREATE FUNCTION audit() RETURNS TRIGGER LANGUAGE plpgsql
SECURITY DEFINER AS $$ BEGIN
  IF NEW.lease_owner <> OLD.lease_owner OR NEW.lease_until <> OLD.lease_until
  THEN INSERT INTO audit (username, now, old_owner, old_until, owner, until)
    VALUES (NEW.username, FLOOR(EXTRACT(EPOCH FROM clock_timestamp())),
      OLD.lease_owner, OLD.lease_until, NEW.lease_owner, NEW.lease_until);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER audit AFTER UPDATE ON migration_job
FOR EACH ROW EXECUTE FUNCTION audit()
"""


class SlowProvider(Liar):
    """Each user has the messages that mails() gave them. A message takes
    delay seconds, or as long as it takes until go() is called."""

    def __init__(self, delay):
        super().__init__(SlowSession, {})
        self.delay = delay
        self.accounts_mail = {}
        self.going = threading.Event()
        self.going.set()
        # who is here, how often at once at most, and all sessions
        self.present = {}
        self.visits = []

    def add_user(self, user, count):
        words = {uid: message(f"{user.split('@')[0]}.{uid}")
                 for uid in range(1, count + 1)}
        self.accounts[user.encode()] = PASSWORD.encode()
        self.accounts_mail[user.encode()] = {b"INBOX": Folder(words)}

    def bodies(self, user):
        folder = self.accounts_mail[user.encode()][b"INBOX"]
        return {uid: mail.body for uid, mail in folder.mails.items()}

    def came(self, user):
        with self.lock:
            visit = [user, time.monotonic(), None]
            self.visits.append(visit)
            self.present.setdefault(user, []).append(visit)
            return visit

    def went(self, visit):
        with self.lock:
            visit[2] = time.monotonic()
            self.present[visit[0]].remove(visit)

    def users_present(self):
        with self.lock:
            return {user.decode() for user, visits in self.present.items()
                    if visits}

    def overlaps(self):
        """Pairs of sessions of one user that were there at once."""
        last, found = {}, []
        with self.lock:
            visits = sorted(self.visits, key=lambda visit: visit[1])
        for visit in visits:
            user, begin, end = visit
            before = last.get(user)
            if before is not None and (before[2] is None or before[2] > begin):
                found.append((before, visit))
            if before is None or before[2] is not None and (
                    end is None or end > before[2]):
                last[user] = visit
        return found


class SlowSession(MailSession):
    visit = None

    def answer_login(self, tag, login):
        if self.is_accepted(login):
            self.visit = self.liar.came(login.user)
            self.mailboxes = self.liar.accounts_mail[login.user]
        super().answer_login(tag, login)

    def deliver(self, uid, mail):
        until = time.monotonic() + self.liar.delay
        while time.monotonic() < until or not self.liar.going.is_set():
            self._step()
        return super().deliver(uid, mail)

    def _step(self):
        """Notices at once that the other side has gone."""
        if self.liar.stopped.is_set():
            raise Closed
        if select.select([self.sock], [], [], STEP_SECS)[0] and \
                not self.sock.recv(1, socket.MSG_PEEK):
            raise Closed

    def close(self):
        if self.visit is not None:
            self.liar.went(self.visit)
        super().close()


class Line(Tap):
    """Between a node and the database. cut(): nothing comes through, and nobody
    is told. reset(): everything is closed, and what is new as well."""

    def __init__(self, port):
        super().__init__(port)
        self.whole = threading.Event()
        self.whole.set()

    def cut(self):
        self.whole.clear()

    def reset(self):
        self.close_after(0)
        self.drop_connections()

    def mend(self):
        self.release()
        self.whole.set()

    def stop(self):
        self.whole.set()
        super().stop()

    def passes(self, _data):
        self.whole.wait()


class DistantDatabase(Database):
    """The same one, over a line."""

    # pylint: disable=super-init-not-called
    def __init__(self, database, port):
        self.__dict__.update(vars(database))
        self.line_port = port

    def connect_string(self, password=PASSWORD, **other):
        return super().connect_string(password,
                                      **{"port": self.line_port, **other})


class Node(Target):
    """One of several. offset: how wrong its clock is."""

    def __init__(self, nodes, number, offset, **kwargs):
        self.offset = offset
        self.line = Line(nodes.database.server.port).start()
        super().__init__(
            nodes.folder / f"n{number}",
            {"oldhost": plain_provider(nodes.provider.port, "old.example")},
            {"migration_login": "local", **nodes.overrides},
            database=DistantDatabase(nodes.database, self.line.port),
            mail_format="sdbox", **kwargs)
        self.owner = f"{socket.gethostname()}:{self.folder}/run"
        (self.folder / "mail").rmdir()
        (self.folder / "mail").symlink_to(nodes.folder / "mail")
        if nodes.nodes:
            (self.folder / "keys").symlink_to(nodes.nodes[0].folder / "keys")
        if offset != 0:
            self.extra = self._clock(nodes.clock)

    def _clock(self, library):
        preload = {"LD_PRELOAD": library, "CLOCK_OFFSET": self.offset}
        words = [f"{name}={value}" for name, value in preload.items()]
        return for_version(
            f"import_environment = {' '.join(words)} TZ\n",
            "import_environment {\n" + "".join(
                f"  {word.replace('=', ' = ', 1)}\n" for word in words) +
            "}\n")

    def stop(self):
        super().stop()
        self.line.stop()


class Nodes:
    """A context manager. offsets: of each node's clock, in seconds."""

    def __init__(self, folder, database, provider, offsets, **overrides):
        self.folder, self.database, self.provider = folder, database, provider
        self.overrides = overrides
        self.nodes = []
        (folder / "mail").mkdir(parents=True)
        folder.chmod(0o755)
        os.chown(folder / "mail", MAIL_UID, MAIL_GID)
        self.clock = folder / "clock.so"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", self.clock,
                        CLOCK], check=True)
        for number, offset in enumerate(offsets, 1):
            self.nodes.append(Node(self, number, offset))

    def __enter__(self):
        try:
            for node in self.nodes:
                node.start()
            self.database.admin(AUDIT)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        for node in self.nodes:
            node.stop()

    def __exit__(self, *exc):
        self.stop()
        for node in self.nodes:
            node.assert_no_crash()

    def __getitem__(self, number):
        return self.nodes[number]

    @property
    def store(self):
        return self.nodes[0].store

    def database_now(self):
        """By the server's clock."""
        return self.database.execute(
            "SELECT FLOOR(EXTRACT(EPOCH FROM clock_timestamp()))::BIGINT "
            "AS now", fetch=True)[0]["now"]

    def add(self, users, messages):
        """In one go, from the first node."""
        for user in users:
            self.provider.add_user(user, messages)
        names = self.folder / "names"
        names.write_text("".join(f"{user}\n" for user in users))
        self.nodes[0].doveadm("migration", "add", "-p", "oldhost",
                              "--password-stdin", "-F", names, check=True,
                              stdin=f"{PASSWORD}\n" * len(users))

    def audit(self):
        return self.database.execute("SELECT * FROM audit ORDER BY id",
                                     fetch=True)

    def held_by(self, node):
        """Users whose lease the node has."""
        return {row["username"] for row in self.database.execute(
            "SELECT username FROM migration_job WHERE lease_owner = "
            f"'{node.owner}'", fetch=True)}

    def worked(self, node):
        """Users whose lease the node ever had."""
        return {row["username"] for row in self.audit()
                if row["owner"] == node.owner}

"""What the queue tells doveadm about a sync, line by line with times."""

import socket
import threading
import time
from dataclasses import dataclass

FIELDS = ("messages", "total", "bytes", "mailbox", "mailbox_messages",
          "mailbox_total", "waiting", "messages_per_ksec", "bytes_per_sec",
          "eta_secs")


@dataclass
class Report:
    """One PROGRESS line."""
    time: float
    messages: int
    total: int
    bytes: int
    mailbox: str
    mailbox_messages: int
    mailbox_total: int
    waiting: int
    messages_per_ksec: int
    bytes_per_sec: int
    eta_secs: int


class Watcher:
    """Asks for a sync of the user, as doveadm does, and notes what comes until
    it is over. A context manager: waits for the end of the sync."""

    def __init__(self, target, user, timeout=120):
        self.reports = []
        self.finished = None
        self.ended = 0.0
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(str(target.folder / "run/migration-doveadm"))
        self.socket.sendall(b"VERSION\tmigration-doveadm\t1\t0\n"
                            b"SYNC\t" + user.encode() + b"\n")
        self.timeout = timeout
        self.thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.thread.join(self.timeout)
        self.socket.close()

    def running(self):
        return self.thread.is_alive()

    def _read(self):
        with self.socket.makefile() as file:
            for line in file:
                verb, *args = line.rstrip("\n").split("\t")
                if verb == "PROGRESS":
                    self.reports.append(self._report(args))
                elif verb in ("FINISHED", "REFUSED"):
                    self.finished = [verb, *args]
                    self.ended = time.monotonic()
                    return

    @staticmethod
    def _report(args):
        values = dict(zip(FIELDS, args, strict=True))
        return Report(time.monotonic(), **{
            name: value if name == "mailbox" else int(value)
            for name, value in values.items()})

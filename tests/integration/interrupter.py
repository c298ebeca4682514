"""Everything that can come between a sync and its end."""

import subprocess

from dovecot import DOVEADM
from polling import wait_until

SYNC_SECS = 180


class Interrupter:
    """Starts syncs of a user at a target and interrupts them. chance is a
    random.Random, total the number of changes on disk that a sync makes:
    measure() it first."""

    def __init__(self, old, target, user, tap, crasher, chance):
        self.old, self.target, self.user = old, target, user
        self.tap, self.crasher, self.random = tap, crasher, chance
        self.total = 0
        # How a sync was interrupted, how often
        self.done = {}

    def sync(self):
        """To its end; returns what doveadm complains about."""
        self.crasher.arm(0)
        process = self.start()
        error = process.communicate(timeout=SYNC_SECS)[1].decode()
        return error.strip() if process.returncode != 0 else ""

    def measure(self):
        """The same; total is what this sync has made."""
        error = self.sync()
        self.total = self.crasher.count()
        assert self.total > 0, f"the sync changed nothing: {error}"
        return error

    def start(self):
        return subprocess.Popen(
            [DOVEADM, "-c", self.target.config, "migration", "sync", "-u",
             self.user], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def kill_at_change(self, least=0.0, most=1.0):
        """The worker, at a change on disk between these parts of all."""
        number = 1 + int(self.total * self.random.uniform(least, most))
        self.crasher.arm(number)
        self._wait(self.start())
        if self.crasher.fired():
            self._count("killed at a change on disk", number)
        self.crasher.arm(0)

    def kill_at_byte(self):
        """The worker, when it has got so many bytes of the provider's."""
        self._stall("killed at a byte", lambda: [
            process.kill() for process in
            self.target.processes("migration-worker")])

    def cut(self):
        self._stall("line cut", self.tap.drop_connections)

    def restart_provider(self):
        def restart():
            self.old.crash()
            self.old.start()

        self._stall("provider restarted", restart)

    def crash(self):
        """Everything here, as when the power fails."""
        def crash():
            self.target.crash()
            self.target.start()

        self._stall("all killed", crash)

    def _stall(self, what, action):
        """Does it while the worker waits for the rest of an answer."""
        number = int(10 ** self.random.uniform(2.5, 5.3))
        self.tap.stall_if(lambda: self.target.processes("migration-worker"),
                          number)
        process = self.start()
        wait_until("the sync to stand still or end", lambda:
                   self.tap.stalled() or process.poll() is not None, SYNC_SECS)
        if self.tap.stalled():
            self.tap.stall_no_more()
            action()
            self._count(what, number)
        self.tap.release()
        self._wait(process)
        wait_until("the line to be free", lambda: self.tap.stalled() == 0)

    @staticmethod
    def _wait(process):
        process.communicate(timeout=SYNC_SECS)

    def _count(self, what, number):
        """number says when, for the output of a test that fails."""
        self.done[what] = self.done.get(what, 0) + 1
        print(f"{self.user}: {what}: {number}")

    def __str__(self):
        return ", ".join(f"{count} {what}" for what, count in
                         sorted(self.done.items()))

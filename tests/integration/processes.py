"""The processes of one server, read from /proc."""

import os
import signal
from pathlib import Path


class Process:
    """A process that may be gone at any moment."""

    def __init__(self, pid):
        self.pid = pid
        self.folder = Path("/proc") / str(pid)

    @property
    def arguments(self):
        return self._read("cmdline").replace(b"\0", b" ").decode(
            errors="replace").strip()

    @property
    def environment(self):
        return self._read("environ")

    @property
    def name(self):
        """Last component of the executable, e.g. "migration-worker"."""
        try:
            return os.readlink(self.folder / "exe").rsplit("/", 1)[-1]
        except OSError:
            return ""

    @property
    def session(self):
        """Session id, or 0 if the process is gone or a zombie."""
        status = self._read("stat").rpartition(b")")[2].split()
        if len(status) < 4 or status[0] == b"Z":
            return 0
        return int(status[3])

    @property
    def resident_bytes(self):
        fields = self._read("statm").split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if fields else 0

    def memory(self):
        """All readable and writable memory of the process."""
        result = []
        with open(self.folder / "maps") as maps, \
                open(self.folder / "mem", "rb", 0) as memory:
            for line in maps:
                area, mode = line.split()[:2]
                if not mode.startswith("rw"):
                    continue
                start, end = (int(part, 16) for part in area.split("-"))
                try:
                    memory.seek(start)
                    result.append(memory.read(end - start))
                except (OSError, OverflowError):
                    pass
        return b"\n".join(result)

    def kill(self, signal_number=signal.SIGKILL):
        """Returns False if it was gone already."""
        try:
            os.kill(self.pid, signal_number)
        except ProcessLookupError:
            return False
        return True

    def _read(self, name):
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            return b""

    def __repr__(self):
        return f"<{self.pid} {self.arguments}>"


def session_processes(session):
    """All living processes of a session."""
    result = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            process = Process(int(entry))
            if process.session == session:
                result.append(process)
    return result

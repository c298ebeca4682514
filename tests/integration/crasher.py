"""Kills the worker just before its Nth change on disk: each moment in which it
can die is a number."""

import mmap
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "crasher.c"
NUMBERS = struct.Struct("qq")
WORKER = "/usr/lib/dovecot/migration-worker"


class Crasher:
    """For one target: its settings() go into the configuration. With file only
    the changes count that put a file of that name into its place."""

    def __init__(self, folder, file=None):
        folder.mkdir()
        self.environment = f"CRASHER_FILE={file} " if file else ""
        self.library, self.file = folder / "crasher.so", folder / "numbers"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", self.library,
                        SOURCE], check=True)
        self.file.write_bytes(NUMBERS.pack(0, 0))
        with open(self.file, "r+b") as file:
            self.numbers = mmap.mmap(file.fileno(), NUMBERS.size)

    def settings(self):
        return (f"service migration-worker {{\n"
                f"  executable = /usr/bin/env LD_PRELOAD={self.library} "
                f"CRASHER={self.file} {self.environment}{WORKER}\n}}\n")

    def arm(self, number):
        """The next workers make number changes on disk together, less one. 0:
        they live."""
        self.numbers[:] = NUMBERS.pack(number, 0)

    def fired(self):
        """Whether a worker was killed since arm(number)."""
        left, count = NUMBERS.unpack(self.numbers[:])
        return left == 0 and count > 0

    def count(self):
        """Changes since arm()."""
        return NUMBERS.unpack(self.numbers[:])[1]

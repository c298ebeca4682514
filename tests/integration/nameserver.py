"""A name server of our own for the programs that the tests start."""

import contextlib
import random
import socket
import subprocess
import threading
import time

RECORD_A = 1


class Nameserver:
    """Answers A queries for its names after a delay, like a resolver that has
    to ask somebody else first; all else does not exist. A context manager."""

    def __init__(self, names, delay_secs=0.0):
        self.names = names
        self.delay_secs = delay_secs
        self._asked = set()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
        # others may have a name server as well
        self.host = "127." + ".".join(str(random.randrange(1, 255))
                                      for _ in range(3))
        self._socket.bind((self.host, 53))

    def __enter__(self):
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_exc):
        self._socket.close()

    @property
    def queries(self):
        """How many came about its names; one that was sent again is the same
        one."""
        return len(self._asked)

    def _serve(self):
        while True:
            try:
                query, peer = self._socket.recvfrom(4096)
            except OSError:
                return
            if self._question(query)[0] in self.names:
                self._asked.add(query)
            threading.Thread(target=self._answer, args=(query, peer),
                             daemon=True).start()

    def _answer(self, query, peer):
        time.sleep(self.delay_secs)
        with contextlib.suppress(OSError):
            self._socket.sendto(self._reply(query), peer)

    @staticmethod
    def _question(query):
        """RFC 1035 section 4.1: the name, and where it ends."""
        labels, pos = [], 12
        while query[pos]:
            labels.append(query[pos + 1:pos + 1 + query[pos]].decode().lower())
            pos += 1 + query[pos]
        return ".".join(labels), pos

    def _reply(self, query):
        name, pos = self._question(query)
        question, kind = query[12:pos + 5], query[pos + 2]
        address = self.names.get(name)
        answer = b""
        if address is not None and kind == RECORD_A:
            answer = (b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" +
                      socket.inet_aton(address))
        code = 0 if address is not None else 3
        return (query[:2] + bytes([0x81, 0x80 | code, 0, 1, 0, bool(answer),
                                   0, 0, 0, 0]) + question + answer)


@contextlib.contextmanager
def resolving_with(nameserver, folder):
    """/etc/resolv.conf names it, in our own mount namespace (see run)."""
    file = folder / "resolv.conf"
    file.write_text(f"nameserver {nameserver.host}\n"
                    "options timeout:2 attempts:2\n")
    subprocess.run(["mount", "--bind", file, "/etc/resolv.conf"], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "/etc/resolv.conf"], check=True)

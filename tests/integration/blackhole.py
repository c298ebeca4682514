"""An address that never completes a TCP handshake."""

import socket


class Blackhole:
    """Listens with a full queue: the kernel drops further SYNs."""

    def __init__(self):
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(0)
        self.host, self.port = self._socket.getsockname()
        self._fillers = []
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((self.host, self.port))
            self._fillers.append(filler)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for filler in self._fillers:
            filler.close()
        self._socket.close()

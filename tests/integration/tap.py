"""A relay in front of a server: counts connections, holds them up, slows them
down, turns them away and cuts them, whatever protocol they speak."""

import re
import socket
import threading
import time

from listener import Listener

CHUNK_BYTES = 16384
# Tag and name of a command; continuation lines of AUTHENTICATE have no blank.
COMMAND = re.compile(rb"^\w+ ((?:UID )?\w+)", re.M)


class Tap(Listener):
    """Relays to 127.0.0.1:upstream_port. bytes_per_second limits what the
    server sends, per connection."""

    def __init__(self, upstream_port, bytes_per_second=None):
        super().__init__()
        self.upstream_port = upstream_port
        self.bytes_per_second = bytes_per_second
        # What the clients have sent, connection after connection
        self.sent = {}
        # Number of the last connection that is relayed at once, None = all;
        # the ones after it hang or are closed.
        self._last = None
        self._closing = False
        # Whether a new connection stalls, and after how many bytes
        self._stalls = lambda: False
        self._stall_bytes = 0
        self._stalled = 0
        self._released = threading.Event()
        self._flowing = threading.Event()
        self._flowing.set()

    def pause(self):
        """Passes on nothing more of what the server says until resume()."""
        self._flowing.clear()

    def resume(self):
        self._flowing.set()

    def hold_after(self, count):
        """Relays that many more connections; the rest hangs until
        release()."""
        self._released.clear()
        self._closing = False
        self._last = self.connections() + count

    def close_after(self, count):
        """Relays that many more connections; the rest is closed at once,
        until release()."""
        self._closing = True
        self._last = self.connections() + count

    def stall_if(self, condition, after_bytes=0):
        """Connections that are made while condition() is true get so many
        bytes of what the server says, and no more until release()."""
        self._released.clear()
        self._stall_bytes = after_bytes
        self._stalls = condition

    def stall_no_more(self):
        """New connections are relayed; what has stalled waits for
        release()."""
        self._stalls = lambda: False

    def stalled(self):
        """Connections that wait for release()."""
        with self.lock:
            return self._stalled

    def release(self):
        self._last = None
        self.stall_no_more()
        self._released.set()

    def stop(self):
        self.resume()
        self._released.set()
        super().stop()

    def commands(self):
        """Names of the IMAP commands that clients have sent, "UID FETCH" as
        one, in upper case. Only without TLS."""
        return [match.decode().upper() for sent in self.sent.values()
                for match in COMMAND.findall(bytes(sent))]

    def passes(self, data):
        """Before data is passed on, in either direction; may hold it up."""

    def turns_away(self, number):
        """Whether to close the connection at once; may hold it up first."""
        if self._last is None or number <= self._last:
            return False
        if self._closing:
            return True
        self._released.wait()
        return False

    def handle(self, sock, number):
        if self.turns_away(number):
            return
        left = self._stall_bytes if self._stalls() else None
        upstream = socket.create_connection(("127.0.0.1", self.upstream_port))
        self.track(upstream)
        try:
            self.sent[number] = sent = bytearray()
            client = threading.Thread(target=self._pump, args=(
                sock, upstream, None, None, sent), daemon=True)
            client.start()
            self._pump(upstream, sock, self.bytes_per_second, left)
            client.join()
        finally:
            self.untrack(upstream)

    def _pump(self, source, target, bytes_per_second, left, copy=None):
        """left: stalls after so many bytes, None = never."""
        try:
            while data := source.recv(CHUNK_BYTES):
                self.passes(data)
                if copy is not None:
                    copy += data
                else:
                    self._flowing.wait()
                if left is not None:
                    if len(data) > left:
                        target.sendall(data[:left])
                        data = data[left:]
                        self._stall()
                        left = None
                    else:
                        left -= len(data)
                target.sendall(data)
                if bytes_per_second:
                    time.sleep(len(data) / bytes_per_second)
        except OSError:
            pass
        finally:
            self._shutdown(source)
            self._shutdown(target)

    def _stall(self):
        with self.lock:
            self._stalled += 1
        self._released.wait()
        with self.lock:
            self._stalled -= 1

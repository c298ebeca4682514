"""A relay as far away as a provider is."""

import queue
import socket
import threading
import time

from tap import CHUNK_BYTES, Tap


class Distance(Tap):
    """Everything arrives delay_secs later, in each direction; what is on its
    way is not limited."""

    def __init__(self, upstream_port, delay_secs):
        super().__init__(upstream_port)
        self.delay_secs = delay_secs
        # Times that the server was silent until it was asked again
        self.round_trips = 0

    def handle(self, sock, number):
        if self.turns_away(number):
            return
        upstream = socket.create_connection(("127.0.0.1", self.upstream_port))
        for side in (sock, upstream):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.track(upstream)
        self.sent[number] = sent = bytearray()
        turns = Turns(self)
        pumps = [threading.Thread(target=self._delay, args=arguments,
                                  daemon=True)
                 for arguments in ((sock, upstream, turns.asked, sent),
                                   (upstream, sock, turns.answered, None))]
        for pump in pumps:
            pump.start()
        for pump in pumps:
            pump.join()
        self.untrack(upstream)

    def _delay(self, source, target, notice, copy):
        line = queue.Queue()
        sender = threading.Thread(target=self._deliver, args=(line, target),
                                  daemon=True)
        sender.start()
        try:
            while data := source.recv(CHUNK_BYTES):
                notice()
                if copy is not None:
                    copy += data
                line.put((time.monotonic() + self.delay_secs, data))
        except OSError:
            pass
        line.put((time.monotonic() + self.delay_secs, b""))
        sender.join()

    def _deliver(self, line, target):
        while True:
            when, data = line.get()
            time.sleep(max(0, when - time.monotonic()))
            try:
                if not data:
                    self._shutdown(target)
                    return
                target.sendall(data)
            except OSError:
                return


class Turns:
    """Counts how often the client spoke after the server had spoken."""

    def __init__(self, relay):
        self.relay = relay
        self.server_spoke = False

    def asked(self):
        if self.server_spoke:
            self.server_spoke = False
            with self.relay.lock:
                self.relay.round_trips += 1

    def answered(self):
        self.server_spoke = True

"""A private Postfix with the shipped maps: everything is below one folder, it
listens on a free port of loopback, and it ends with stop()."""

import grp
import os
import shutil
import signal
import smtplib
import socket
import socketserver
import subprocess
import threading
from pathlib import Path

from polling import wait_until
from ports import free_port
from processes import session_processes
from target import CONF_D

MASTER = "/usr/lib/postfix/sbin/master"
MASTER_CF = Path("/usr/share/postfix/master.cf.dist")
INSTALLED = "/etc/postfix/migration"
DATABASE = "/var/lib/dovecot/migration/migration.sqlite"
SENDER = "someone@outside.example"


class Postfix:
    """Serves the database of a target, delivers to its LMTP server, and gives
    everything else to relay."""

    def __init__(self, folder, target, relay_port):
        self.folder = Path(folder)
        self.port = free_port()
        self.process = None
        self._share_database(target)
        for name in ("queue", "data", "etc"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        shutil.chown(self.folder / "data", "postfix")
        self._write_maps(target)
        self._write_main_cf(target, relay_port)
        self._write_master_cf()

    def start(self):
        etc = self.folder / "etc"
        subprocess.run(["postfix", "-c", etc, "check"], check=True,
                       stdin=subprocess.DEVNULL, timeout=60)
        with open(self.folder / "stderr.log", "ab") as stderr:
            self.process = subprocess.Popen(
                [MASTER, "-c", etc, "-d"], stdin=subprocess.DEVNULL,
                stdout=stderr, stderr=stderr, start_new_session=True,
                env={**os.environ, "MAIL_CONFIG": str(etc)})
        wait_until("Postfix to start", self._is_up)
        return self

    def stop(self):
        master, self.process = self.process, None
        # each of its processes has the session of its master, or one of its
        # own that ends with it
        master.send_signal(signal.SIGTERM)
        master.wait(20)
        wait_until("Postfix to end",
                   lambda: not session_processes(master.pid), 20)

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()

    def log(self):
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def lookup(self, kind, key):
        """What a map of main.cf's answers."""
        result = subprocess.run(
            ["postmap", "-c", self.folder / "etc", "-q", key,
             f"sqlite:{self.folder}/maps/{kind}.cf"],
            capture_output=True, text=True, timeout=60)
        assert result.stderr == "", result.stderr
        return result.stdout.strip()

    def send(self, recipient, subject):
        """Code and text of the answer to RCPT, and of DATA if it is good."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as client:
            client.ehlo("outside.example")
            client.mail(SENDER)
            code, text = client.rcpt(recipient)
            if code == 250:
                code, text = client.data(f"Subject: {subject}\r\n\r\n"
                                         "text\r\n")
            return code, text.decode()

    def _is_up(self):
        assert self.process.poll() is None, \
            (self.folder / "stderr.log").read_text() + self.log()
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0

    def _share_database(self, target):
        """As the README says."""
        folder = target.store.path.parent
        group = grp.getgrnam("postfix").gr_gid
        for path in (folder, *folder.iterdir()):
            os.chown(path, -1, group)
            path.chmod(0o2750 if path == folder else 0o640)

    def _write_maps(self, target):
        (self.folder / "maps").mkdir()
        for source in (CONF_D / "postfix/sqlite").iterdir():
            text = source.read_text()
            assert f"dbpath = {DATABASE}\n" in text
            (self.folder / "maps" / source.name).write_text(
                text.replace(DATABASE, str(target.store.path)))

    def _write_main_cf(self, target, relay_port):
        text = (CONF_D / "postfix/main.cf").read_text()
        for old, new in ((INSTALLED, f"{self.folder}/maps"),
                         ("lmtp:unix:private/dovecot-lmtp",
                          f"lmtp:inet:127.0.0.1:{target.ports['lmtp']}")):
            assert old in text
            text = text.replace(old, new)
        (self.folder / "etc/main.cf").write_text(f"""\
compatibility_level = 3.6
queue_directory = {self.folder}/queue
data_directory = {self.folder}/data
maillog_file = {self.folder}/log
maillog_file_prefixes = {self.folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example
mydestination =
alias_maps =
mynetworks = 192.0.2.1
relayhost = [127.0.0.1]:{relay_port}
smtp_host_lookup = native
disable_dns_lookups = yes
address_verify_poll_delay = 1s
{text}""")

    def _write_master_cf(self):
        lines = []
        for line in MASTER_CF.read_text().splitlines():
            fields = line.split()
            # all else would need more programs
            if line.startswith("#") or not fields or fields[-1] == "pipe" or \
                    line.startswith(" "):
                continue
            if fields[:2] == ["smtp", "inet"]:
                fields[0] = f"127.0.0.1:{self.port}"
            if fields[4] == "y":
                fields[4] = "n"
            lines.append(" ".join(fields))
        (self.folder / "etc/master.cf").write_text("\n".join(lines) + "\n")


class Sink(socketserver.ThreadingTCPServer):
    """An SMTP server that keeps what it gets: (recipient, subject). It knows
    everybody but whose names begin with "unknown"."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self):
        self.port = free_port()
        self.messages = []
        super().__init__(("127.0.0.1", self.port), SinkHandler)

    def __enter__(self):
        self.thread = threading.Thread(target=self.serve_forever)
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.shutdown()
        self.thread.join()
        self.server_close()


class SinkHandler(socketserver.StreamRequestHandler):
    def handle(self):
        self.answer("220 sink.example ESMTP")
        recipients = []
        while line := self.rfile.readline().decode().strip():
            verb = line.split(":")[0].split()[0].upper()
            if verb == "RCPT":
                name = line.partition("<")[2].partition(">")[0]
                if name.startswith("unknown"):
                    self.answer("550 unknown")
                    continue
                recipients.append(name)
            if verb == "DATA":
                self.answer("354 go on")
                self.receive(recipients)
                recipients = []
            if verb == "QUIT":
                self.answer("221 bye")
                return
            self.answer("250 ok")

    def receive(self, recipients):
        subject = ""
        while (line := self.rfile.readline().decode().strip()) != ".":
            if line.startswith("Subject: "):
                subject = line.partition(" ")[2]
        self.server.messages += [(name, subject) for name in recipients]

    def answer(self, line):
        self.wfile.write(line.encode() + b"\r\n")

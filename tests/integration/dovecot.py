"""A private Dovecot: everything that it reads and writes is below one folder,
it listens on free ports of loopback only, and it ends with stop()."""

import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from imap import login
from polling import wait_until
from ports import free_port
from processes import session_processes

DOVECOT = "/usr/sbin/dovecot"
DOVEADM = "/usr/bin/doveadm"
DOVECONF = "/usr/bin/doveconf"
# 2.3 or 2.4 and later: how configurations are written
VERSION = subprocess.run([DOVECOT, "--version"], capture_output=True,
                         text=True, check=True).stdout.split()[0]
IS_24 = tuple(map(int, re.findall(r"\d+", VERSION)[:2])) >= (2, 4)
# What the log says of a login
LOGGED_IN = "Logged in:" if IS_24 else "Login:"
# Owner of the mail; needs no entry in /etc/passwd.
MAIL_UID = MAIL_GID = 5000
MAIL_LOCATIONS = {
    "maildir": "maildir:~/Maildir",
    "sdbox": "sdbox:~/sdbox",
    "mdbox": "mdbox:~/mdbox",
}


def for_version(old, new):
    """The first for Dovecot 2.3, the second for 2.4."""
    return new if IS_24 else old


def passwd_file(kind, path, name="", options=""):
    """A passdb or userdb block. path may have {user}, the name of whom is
    looked up."""
    if IS_24:
        path = str(path).replace("{user}", "%{user | lower}")
        return (f"{kind} {name or 'passwd-file'} {{\n"
                f"  driver = passwd-file\n  passwd_file_path = {path}\n"
                f"{options}}}\n")
    path = str(path).replace("{user}", "%Lu")
    return (f"{kind} {{\n  driver = passwd-file\n"
            f"  args = username_format=%Lu {path}\n{options}}}\n")


CRASH = re.compile(r"Panic:|Raw backtrace|killed with signal|dumped core")
KILLED = "killed with signal 9"

# Instances that have been started and not stopped
running = []


class Dovecot:
    """One instance. Subclasses add settings() and what is in the folder."""

    def __init__(self, folder, certificate=None, mail_format="maildir",
                 protocols=("imap",)):
        self.folder = Path(folder)
        self.certificate = certificate
        self.mail_format = mail_format
        self.protocols = protocols
        self.config = self.folder / "dovecot.conf"
        # More settings, for a test to change before start() or reload().
        self.extra = ""
        self.ports = {name: free_port() for name in self._listeners()}
        self.process = None
        for name in ("run", "state", "log", "mail"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        os.chown(self.folder / "mail", MAIL_UID, MAIL_GID)
        self.log_offsets = {}
        self.markers = 0
        # whether a test has used kill()
        self.killed = False

    # What subclasses say

    def settings(self):
        """The part of dovecot.conf that makes the role."""
        raise NotImplementedError

    # Life

    def start(self):
        assert self.process is None
        self.write_config()
        with open(self.folder / "log/stderr.log", "ab") as stderr:
            self.process = subprocess.Popen(
                [DOVECOT, "-F", "-c", self.config], stdin=subprocess.DEVNULL,
                stdout=stderr, stderr=stderr, start_new_session=True)
        running.append(self)
        wait_until(f"{self.folder.name} to start", self._is_up)
        return self

    def stop(self):
        """Ends the master by its pid, and then what it should have left."""
        if self.process is None:
            return
        running.remove(self)
        master, self.process = self.process, None
        master.send_signal(signal.SIGTERM)
        try:
            master.wait(20)
        except subprocess.TimeoutExpired:
            master.kill()
            master.wait(20)
        try:
            wait_until("processes to end with their master",
                       lambda: not session_processes(master.pid), 10)
        except AssertionError as error:
            left = [str(process) for process in session_processes(master.pid)]
            for process in session_processes(master.pid):
                process.kill()
            raise AssertionError(f"{error}: {left}") from None

    def crash(self):
        """Everything ends at once, as when the machine does."""
        running.remove(self)
        master, self.process = self.process, None
        for process in session_processes(master.pid):
            process.kill()
        master.wait(20)
        wait_until("killed processes to be gone",
                   lambda: not session_processes(master.pid))

    def kill(self, name):
        """Kills the processes of one executable; there must be one."""
        killed = [process for process in self.processes(name)
                  if process.kill()]
        assert killed
        self.killed = True
        wait_until("killed processes to be gone", lambda: all(
            process.session == 0 for process in killed))

    def reload(self):
        self.write_config()
        self.doveadm("reload", check=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()

    def processes(self, name=None):
        """Processes of this instance, or those of one executable."""
        return [process for process in session_processes(self.process.pid)
                if name is None or process.name == name]

    def _is_up(self):
        if self.process.poll() is not None:
            raise AssertionError(
                f"dovecot ended with {self.process.returncode}: " +
                self.read_log("stderr") + self.read_log("error"))
        if not (self.folder / "run/master.pid").exists():
            return False
        for port in self.ports.values():
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", port)) != 0:
                    return False
        return True

    # Programs

    def doveadm(self, *args, check=False, stdin=None, formatter=None,
                timeout=60):
        """Runs doveadm with this instance's configuration."""
        formatted = [] if formatter is None else ["-f", formatter]
        return self._program([DOVEADM, "-c", self.config, *formatted, *args],
                             check, stdin, timeout)

    def doveadm_json(self, *args):
        return json.loads(self.doveadm(*args, check=True,
                                       formatter="json").stdout)

    def doveconf(self, *args, check=False):
        return self._program([DOVECONF, "-c", self.config, *args], check)

    def _program(self, args, check, stdin=None, timeout=60):
        result = subprocess.run(list(map(str, args)), input=stdin, text=True,
                                capture_output=True, timeout=timeout)
        if check and result.returncode != 0:
            raise AssertionError(
                f"{' '.join(map(str, args[3:]))} ended with "
                f"{result.returncode}: {result.stderr}{result.stdout}")
        return result

    # Logs: "error" has warnings and worse, "info", "debug", "stderr"

    def read_log(self, kind):
        """What was logged since mark_logs()."""
        path = self.folder / f"log/{kind}.log"
        if not path.exists():
            return ""
        with open(path, "rb") as file:
            file.seek(self.log_offsets.get(kind, 0))
            return file.read().decode(errors="replace")

    def log_lines(self, kind, *needles):
        """Lines with all of the needles in them."""
        return [line for line in self.read_log(kind).splitlines()
                if all(needle in line for needle in needles)]

    def mark_logs(self):
        for kind in ("error", "info", "debug", "stderr"):
            path = self.folder / f"log/{kind}.log"
            self.log_offsets[kind] = (path.stat().st_size if path.exists()
                                      else 0)

    def settle_log(self):
        """Waits until what has happened so far is in the log: the failed login
        of a marker that comes after it must be there too."""
        self.markers += 1
        marker = f"marker-{self.markers}-"
        login(self.ports["imap"], marker, "x")
        wait_until("the log to be written", lambda: self.log_lines(
            "info", marker) + self.log_lines("debug", marker))

    def assert_no_crash(self):
        self.log_offsets = {}
        crashes = [line for line in self.read_log("error").splitlines()
                   if CRASH.search(line) and
                   not (self.killed and KILLED in line)]
        assert crashes == [], "\n".join(crashes)

    # Configuration

    def write_config(self):
        self.config.write_text(self._common() + self.settings() + self.extra)

    def _listeners(self):
        names = {"imap": ["imap", "imaps"], "pop3": ["pop3", "pop3s"],
                 "lmtp": ["lmtp"]}
        result = [name for protocol in self.protocols
                  for name in names[protocol]]
        return [name for name in result
                if self.certificate is not None or not name.endswith("s")]

    def _common(self):
        return for_version(self._common_23, self._common_24)() + f"""
base_dir = {self.folder}/run
state_dir = {self.folder}/state
instance_name = {self.folder.name}
log_path = {self.folder}/log/error.log
info_log_path = {self.folder}/log/info.log
debug_log_path = {self.folder}/log/debug.log
auth_verbose = yes
auth_debug = yes
mail_debug = yes

protocols = {" ".join(self.protocols)}
listen = 127.0.0.1
auth_failure_delay = 0
mail_max_userip_connections = 1000
first_valid_uid = {MAIL_UID}
mail_fsync = never
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
""" + self._login_services()

    def _common_23(self):
        tls = "ssl = no\n"
        if self.certificate is not None:
            cert, key = self.certificate
            tls = f"ssl = yes\nssl_cert = <{cert}\nssl_key = <{key}\n"
        return (f"{tls}disable_plaintext_auth = no\n"
                f"mail_location = {MAIL_LOCATIONS[self.mail_format]}\n")

    def _common_24(self):
        tls = "ssl = no\n"
        if self.certificate is not None:
            cert, key = self.certificate
            tls = (f"ssl = yes\nssl_server_cert_file = {cert}\n"
                   f"ssl_server_key_file = {key}\n")
        driver, path = MAIL_LOCATIONS[self.mail_format].split(":")
        return f"""
dovecot_config_version = {VERSION.split("-")[0]}
dovecot_storage_version = {VERSION.split("-")[0]}
{tls}
auth_allow_cleartext = yes
mail_driver = {driver}
mail_path = {path}
namespace inbox {{
  inbox = yes
}}
"""

    def _login_services(self):
        services = []
        for protocol in ("imap", "pop3"):
            if protocol not in self.protocols:
                continue
            plain, secure = (self.ports.get(protocol, 0),
                             self.ports.get(protocol + "s", 0))
            services.append(f"""
service {protocol}-login {{
  {for_version("service_count = 0", "restart_request_count = unlimited")}
  inet_listener {protocol} {{
    port = {plain}
  }}
  inet_listener {protocol}s {{
    port = {secure}
  }}
}}
""")
        if "lmtp" in self.protocols:
            services.append(f"""
service lmtp {{
  inet_listener lmtp {{
    port = {self.ports["lmtp"]}
  }}
}}
""")
        return "".join(services)


def own(path, user="dovecot", mode=0o700):
    """Gives a file or folder to one of Debian's users."""
    entry = pwd.getpwnam(user)
    os.chown(path, entry.pw_uid, entry.pw_gid)
    os.chmod(path, mode)


def password_entry(password):
    """A password in a form that a passwd-file can hold and grep does not
    find."""
    return "{PLAIN.HEX}" + password.hex()


def copy_folder(source, target):
    """Copies mail with its owners and times."""
    shutil.copytree(source, target, symlinks=True,
                    copy_function=_copy_with_owner)
    for path in [Path(target), *Path(target).rglob("*")]:
        if path.is_dir():
            os.chown(path, MAIL_UID, MAIL_GID)


def _copy_with_owner(source, target):
    shutil.copy2(source, target)
    status = os.stat(source)
    os.chown(target, status.st_uid, status.st_gid)
    return target

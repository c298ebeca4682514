"""Courier as the old provider: everything is below "INBOX." there."""

import itertools
import shutil
import subprocess

from compare import disk_fingerprint
from dovecot import MAIL_GID, MAIL_UID
from foreign import Foreign, make_home, set_variables


class Courier(Foreign):
    """As Debian configures it, but for addresses, limits and users."""

    name = "courier"
    writable = ("etc/courier", "var/lib/courier")
    # it has no ID
    calls_itself = "unnamed"
    # what systemd-tmpfiles does elsewhere
    starter = """
install -d -m 775 -g courier /run/courier
install -d -m 750 -o courier -g courier /run/courier/authdaemon
authdaemond start
imapd start
"""

    def __init__(self, folder):
        super().__init__(folder)
        self.deliveries = itertools.count(1)
        self.users = self.folder / "etc/courier/userdb"

    def configure(self):
        etc = self.folder / "etc/courier"
        set_variables(etc / "authdaemonrc", {"authmodulelist": "authuserdb"})
        set_variables(etc / "imapd", {
            "ADDRESS": "127.0.0.1", "PORT": self.ports["imap"],
            "MAXDAEMONS": 200, "MAXPERIP": 200})

    def set_user(self, user, password):
        if not self.mail_folder(user).exists():
            home = make_home(self.folder / "srv" / user)
            self.run(f"maildirmake.courier '/srv/{user}/Maildir'")
            for path in home.rglob("*"):
                shutil.chown(path, MAIL_UID, MAIL_GID)
        secret = subprocess.run(
            ["openssl", "passwd", "-6", "-stdin"], input=password, text=True,
            capture_output=True, check=True).stdout.strip()
        lines = (self.users.read_text().splitlines() if self.users.exists()
                 else [])
        lines = [line for line in lines if not line.startswith(user + "\t")]
        lines.append(f"{user}\tuid={MAIL_UID}|gid={MAIL_GID}|"
                     f"home=/srv/{user}|imappw={secret}")
        self.users.write_text("\n".join(lines) + "\n")
        self.users.chmod(0o600)
        self.run("makeuserdb")

    def fingerprint(self, user):
        """Courier makes the folder for keywords when one is read; what is in
        it counts."""
        return {name: value for name, value in
                disk_fingerprint(self.mail_folder(user)).items()
                if not name.endswith("courierimapkeywords/")}

    def deliver(self, user, folder, raw):
        """As a mail transport agent does, with a filter on the server: nobody
        has opened the folder."""
        path = self.mail_folder(user) / f".{folder}"
        if not path.exists():
            self.run(f"cd '/srv/{user}' && "
                     f"maildirmake.courier -f '{folder}' Maildir")
            for part in [path, *path.rglob("*")]:
                shutil.chown(part, MAIL_UID, MAIL_GID)
        file = path / "new" / f"{next(self.deliveries)}.old.example"
        file.write_bytes(raw.replace(b"\r\n", b"\n"))
        shutil.chown(file, MAIL_UID, MAIL_GID)

    def mail_folder(self, user):
        return self.folder / "srv" / user / "Maildir"

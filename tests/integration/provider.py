"""The role of the old provider: knows users and their mail, shows who came."""

import os
import re

from compare import connect, disk_fingerprint, read_account
from corpus import seed_account
from dovecot import (MAIL_GID, MAIL_UID, Dovecot, copy_folder, for_version,
                     passwd_file, password_entry)
from polling import wait_until

DELIMITER = "."
# Lines of the plugin mail_log
CHANGE = re.compile(r"Info: (delete|undelete|expunge|save|copy|Mailbox|"
                    r"flag_change)")


class Provider(Dovecot):
    """Users are one passwd-file each, so that a new one is known at once.
    mail_log tells of every change of a mailbox. The plugin's settings module is
    in the modules of every Dovecot here; the plugin itself does not run."""

    def __init__(self, folder, **kwargs):
        super().__init__(folder, **kwargs)
        self.users = self.folder / "users"
        self.users.mkdir(mode=0o755)
        self.passwords = {}

    def start(self):
        super().start()
        # it would make its database on the real machine
        assert self.processes("migration") == []
        return self

    def settings(self):
        return f"""
service migration {{
  process_min_avail = 0
}}
mail_plugins = notify mail_log
{for_version("plugin {", "")}
  mail_log_events = delete undelete expunge save copy mailbox_create \\
    mailbox_delete mailbox_rename flag_change
  mail_log_fields = uid box msgid flags
{for_version("}", "")}
""" + passwd_file("passdb", self.users / "{user}") + \
            passwd_file("userdb", self.users / "{user}")

    def add_user(self, user, password):
        """password is str or bytes; without a corpus the mailbox is empty."""
        if isinstance(password, str):
            password = password.encode()
        self.passwords[user] = password
        home = self._home(user)
        home.mkdir(parents=True, exist_ok=True)
        os.chown(home, MAIL_UID, MAIL_GID)
        (self.users / user).write_text(
            f"{user}:{password_entry(password)}:{MAIL_UID}:{MAIL_GID}::"
            f"{home}::\n")

    def set_password(self, user, password):
        """Dovecot looks at a passwd-file once a second only."""
        self.add_user(user, password)
        wait_until("provider to take the new password", lambda: self.doveadm(
            "auth", "test", user, password).returncode == 0)

    def seed(self, user, folders):
        """Fills a mailbox and sets the UIDVALIDITYs that the corpus wants."""
        with self.client(user) as client:
            seed_account(client, folders)
        for folder in folders:
            if folder.uid_validity:
                # doveadm wants UTF-8 names
                self.doveadm("mailbox", "update", "-u", user,
                             "--uid-validity", folder.uid_validity,
                             self._utf8_name(user, folder.name), check=True)

    def client(self, user):
        """A logged-in imaplib client."""
        client = connect(f"127.0.0.1:{self.ports['imap']}")
        client.authenticate("PLAIN", lambda _: b"\0" + user.encode() + b"\0" +
                            self.passwords[user])
        return client

    def copy_account(self, user, new_user):
        """Adds a user with the same password and mail."""
        self.add_user(new_user, self.passwords[user])
        self._home(new_user).rmdir()
        copy_folder(self._home(user), self._home(new_user))

    def rebuild(self, user, name):
        """A folder of a Maildir loses what Dovecot knows about it: it gets a
        new UIDVALIDITY, and its messages get new UIDs."""
        root = self._home(user) / "Maildir"
        folder = root if name == "INBOX" else \
            root / ("." + name.replace("/", DELIMITER))
        for path in [*folder.glob("dovecot-uidlist*"),
                     *folder.glob("dovecot.index*")]:
            path.unlink()
        with self.client(user) as client:
            client.select(f'"{name.replace("/", DELIMITER)}"', readonly=True)

    def snapshot(self, user):
        return read_account(f"127.0.0.1:{self.ports['imap']}", user,
                            self.passwords[user])

    def fingerprint(self, user):
        return disk_fingerprint(self._home(user))

    def logins(self, user):
        """Successful logins of the user since mark_logs()."""
        self.settle_log()
        return len(self.log_lines("info", f"Login: user=<{user}>"))

    def changes(self, user):
        """What mail_log says about changes of the user's mailbox."""
        self.settle_log()
        return [line for line in self.log_lines("info", f"imap({user})")
                if CHANGE.search(line)]

    def _home(self, user):
        return self.folder / "mail" / user

    def _utf8_name(self, user, name):
        """Name of a folder as doveadm takes it."""
        wire = name.replace("/", DELIMITER)
        utf8 = self.doveadm("mailbox", "list", "-u", user, check=True)
        mutf7 = self.doveadm("mailbox", "list", "-7", "-u", user, check=True)
        names = dict(zip(mutf7.stdout.splitlines(), utf8.stdout.splitlines()))
        return names[wire]

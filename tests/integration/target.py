"""The role of the new server: the shipped conf.d with the plugin."""

import os
import subprocess
from pathlib import Path

from compare import connect, read_account
from dovecot import (IS_24, MAIL_GID, MAIL_LOCATIONS, MAIL_UID, Dovecot, own,
                     passwd_file, password_entry)
from imap import login
from polling import wait_until
from store import ServerStore, SqliteStore

CONF_D = Path(__file__).resolve().parent.parent.parent / "conf.d"


class Target(Dovecot):
    """providers: name -> settings of migration_provider blocks. overrides:
    global settings. local_users: accounts in a passwd-file passdb and userdb
    in front of the plugin. ssl_ca: whom the login processes trust, if not the
    system's certificates. database: one of databases.py, else SQLite."""

    # makes the database where none is given; see conftest.py
    make_database = staticmethod(lambda: None)

    def __init__(self, folder, providers=None, overrides=None,
                 local_users=None, ssl_ca=None, database=None, **kwargs):
        super().__init__(folder, **kwargs)
        self.database = database or Target.make_database()
        self.ssl_ca = ssl_ca
        self.providers = providers or {}
        self.overrides = {
            **self._database_settings(),
            "migration_public_key_file": f"{self.folder}/keys/public.pem",
            "migration_private_key_file": f"{self.folder}/keys/private.pem",
            "migration_login": "wait",
            "migration_retry_min": "1 secs",
            "migration_retry_max": "1 secs",
            **(overrides or {}),
        }
        # More passdbs and userdbs in front of the plugin
        self.databases = ""
        self.local_users = local_users or {}
        self.store = (ServerStore(self.database) if self.database else
                      SqliteStore(self.folder / "db/migration.sqlite"))
        (self.folder / "db").mkdir()
        own(self.folder / "db")
        self._write_local_users()
        self._copy_conf_d()

    def _database_settings(self):
        if self.database is None:
            return {"migration_db_connect":
                    f"{self.folder}/db/migration.sqlite"}
        return {"migration_db_driver": self.database.driver,
                "migration_db_connect": self.database.connect_string()}

    def settings(self):
        local_users = self.folder / "local-users"
        return f"""
{passwd_file("passdb", local_users)}
{passwd_file("userdb", local_users)}
{self.databases}
!include {self.folder}/conf.d/90-migration.conf
{self.global_settings()}
""" + "".join(block(f"migration_provider {name}", settings)
              for name, settings in self.providers.items())

    def global_settings(self):
        return "".join(f"{key} = {value}\n"
                       for key, value in self.overrides.items())

    def start(self):
        self.generate_keys()
        super().start()
        wait_until("the queue to make the tables", self.store.is_ready)
        return self

    def generate_keys(self):
        """With a configuration that has no providers yet, as on a new
        system."""
        if (self.folder / "keys").exists():
            return
        self.config.write_text(self._common() + self.global_settings())
        self.doveadm("migration", "key", "generate", check=True)

    def login(self, user, password, timeout=60):
        return login(self.ports["imap"], user, password, timeout=timeout)

    def client(self, user, password):
        """A logged-in imaplib client."""
        client = connect(f"127.0.0.1:{self.ports['imap']}")
        client.authenticate("PLAIN", lambda _: b"\0" + user.encode() + b"\0" +
                            password.encode())
        return client

    def verify(self, user, *args, timeout=60):
        """What "doveadm migration verify" complains about, "" if it does
        not."""
        result = self.doveadm("migration", "verify", *args, "-u", user,
                              timeout=timeout)
        if result.returncode == 0:
            return ""
        return (f"doveadm migration verify ended with {result.returncode}: "
                f"{result.stderr.strip()}\n{result.stdout}")

    def snapshot(self, user, password):
        return read_account(f"127.0.0.1:{self.ports['imap']}", user, password)

    def assert_serves_locally(self, user, password):
        answer = self.login(user, password)
        assert answer.status == "OK", f"local login of {user}: {answer}"

    def _write_local_users(self):
        lines = []
        for user, password in self.local_users.items():
            home = self.folder / "mail/local" / user
            home.mkdir(parents=True)
            for folder in (home.parent, home):
                os.chown(folder, MAIL_UID, MAIL_GID)
            lines.append(f"{user}:{password_entry(password.encode())}:"
                         f"{MAIL_UID}:{MAIL_GID}::{home}::\n")
        (self.folder / "local-users").write_text("".join(lines))

    def _copy_conf_d(self):
        """The shipped files with this instance's paths."""
        folder = self.folder / "conf.d"
        folder.mkdir()
        if IS_24:
            self._copy_conf_d_24(folder)
            return
        sql, connect, place = "migration-sql.conf.ext", \
            "/var/lib/dovecot/migration/migration.sqlite", None
        if self.database is None:
            place = self.store.path
        else:
            sql = f"migration-sql-{self.database.driver}.conf.ext"
            connect = "host=localhost dbname=mails user=dovecot password=secret"
            place = self.database.connect_string()
        substitute(CONF_D / "90-migration.conf", folder, {
            "args = /etc/dovecot/migration-sql.conf.ext":
                f"args = {folder}/{sql}",
            **({"</etc/ssl/certs/ca-certificates.crt": f"<{self.ssl_ca}"}
               if self.ssl_ca else {}),
        })
        substitute(CONF_D / sql, folder, {
            f"connect = {connect}": f"connect = {place}",
            "'/var/vmail/%Ld/%Ln'": f"'{self.folder}/mail/%Ld/%Ln'",
            "'vmail' AS uid": f"'{MAIL_UID}' AS uid",
            "'vmail' AS gid": f"'{MAIL_GID}' AS gid",
            "'maildir:~/Maildir'": f"'{MAIL_LOCATIONS[self.mail_format]}'",
        })

    def _copy_conf_d_24(self, folder):
        driver, path = MAIL_LOCATIONS[self.mail_format].split(":")
        here = ("  sql_driver = sqlite\n  sqlite_path = "
                "/var/lib/dovecot/migration/migration.sqlite\n")
        if self.database is None:
            place = ("  sql_driver = sqlite\n"
                     f"  sqlite_path = {self.store.path}\n")
        else:
            name = f"migration-sql-{self.database.driver}.conf.ext"
            substitute(CONF_D / name, folder,
                       self.database.connect_settings(), for_24(name))
            place = f"  !include_try {folder}/{name}\n"
        substitute(CONF_D / "90-migration.conf", folder, {
            here: place,
            "'/var/vmail/": f"'{self.folder}/mail/",
            "'vmail' AS uid": f"'{MAIL_UID}' AS uid",
            "'vmail' AS gid": f"'{MAIL_GID}' AS gid",
            "'maildir' AS mail_driver": f"'{driver}' AS mail_driver",
            "'~/Maildir' AS mail_path": f"'{path}' AS mail_path",
            **({"'.' AS mail_inbox_path": "'' AS mail_inbox_path"}
               if driver != "maildir" else {}),
            **({"= /etc/ssl/certs/ca-certificates.crt": f"= {self.ssl_ca}"}
               if self.ssl_ca else {}),
        }, for_24("90-migration.conf"))


def for_24(name):
    """A shipped file as it is for Dovecot 2.4."""
    return subprocess.run(["/bin/sh", CONF_D / "for-2.4", name], text=True,
                          capture_output=True, check=True).stdout


def substitute(source, folder, replacements, text=None):
    """Copies a file with the replacements made; each must be possible."""
    if text is None:
        text = source.read_text()
    for old, new in replacements.items():
        assert old in text, f"{source.name} has no {old!r} any longer"
        text = text.replace(old, new)
    (folder / source.name).write_text(text)


def block(title, settings):
    lines = "".join(f"  {key} = {value}\n" for key, value in settings.items())
    return f"{title} {{\n{lines}}}\n"


def plain_provider(port, domains, **settings):
    """Settings of a provider block without TLS on loopback."""
    return {"host": "127.0.0.1", "port": port, "ssl": "no",
            "domains": domains, **settings}

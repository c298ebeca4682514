"""PostgreSQL and MariaDB as throwaway servers on loopback, below a folder of
the tests, and databases in them."""

import glob
import itertools
import os
import pwd
import signal
import subprocess

import psycopg2
import psycopg2.extras
import pymysql

from polling import wait_until
from ports import free_port

PASSWORD = "s3cret-of-the-database"
# They survive being killed, but not the end of the machine.
UNSAFE_PG = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c",
             "synchronous_commit=off", "-c", "autovacuum=off", "-c",
             "max_wal_size=64MB")
UNSAFE_MARIADB = ("--innodb-flush-log-at-trx-commit=2",
                  "--innodb-doublewrite=0", "--innodb-log-file-size=8M")
PG_BIN = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]


class Server:
    """user: who it runs as, one of Debian's."""

    user = None

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.process = None
        self.names = itertools.count(1)
        folder.mkdir(parents=True)
        entry = pwd.getpwnam(self.user)
        self.ids = entry.pw_uid, entry.pw_gid
        os.chown(folder, *self.ids)
        folder.chmod(0o700)

    def _run(self, *command):
        with open(self.folder.with_name(self.folder.name + ".log"),
                  "ab") as log:
            return subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, user=self.ids[0], group=self.ids[1],
                extra_groups=[], cwd=self.folder, start_new_session=True,
                env={**os.environ, "HOME": str(self.folder),
                     "LC_ALL": "C"})

    def start(self):
        self.process = self._run(*self.command())
        wait_until(f"{self.user} to start", self._is_up, 60)
        return self

    def _is_up(self):
        assert self.process.poll() is None, \
            self.folder.with_name(self.folder.name + ".log").read_text()
        try:
            self.connect().close()
        except (psycopg2.OperationalError, pymysql.err.OperationalError):
            return False
        return True

    def stop(self):
        """At once: connections are cut off."""
        if self.process is not None:
            process, self.process = self.process, None
            process.send_signal(self.stop_signal)
            process.wait(60)

    def crash(self):
        """As when the machine loses its power."""
        process, self.process = self.process, None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)

    def restart(self):
        self.stop()
        self.start()

    def connect(self, **kwargs):
        raise NotImplementedError

    def admin(self, *statements, database=None):
        connection = self.connect(database=database)
        try:
            with connection.cursor() as cursor:
                for sql in statements:
                    cursor.execute(sql)
        finally:
            connection.close()

    def make_database(self):
        """An empty database with a user who owns it."""
        number = next(self.names)
        return Database(self, f"mails{number}", f"dovecot{number}")


class Postgres(Server):
    driver = "pgsql"
    user = "postgres"
    stop_signal = signal.SIGINT

    def __init__(self, folder):
        super().__init__(folder)
        password = folder / "password"
        password.write_text(PASSWORD)
        os.chown(password, *self.ids)
        made = self._run(f"{PG_BIN}/initdb", "-D", folder / "data", "-U",
                         "postgres", "-E", "UTF8", "--locale=C", "--no-sync",
                         "-A", "scram-sha-256", f"--pwfile={password}")
        assert made.wait(120) == 0

    def command(self):
        return (f"{PG_BIN}/postgres", "-D", self.folder / "data", "-p",
                self.port, "-c", "listen_addresses=127.0.0.1", "-c",
                "unix_socket_directories=", "-c", "max_connections=50",
                *UNSAFE_PG)

    def connect(self, database=None, user="postgres", password=PASSWORD):
        connection = psycopg2.connect(
            host="127.0.0.1", port=self.port, user=user, password=password,
            dbname=database or "postgres", connect_timeout=10)
        connection.autocommit = True
        return connection

    def create(self, name, user):
        self.admin(f"CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}'",
                   f"CREATE DATABASE {name} OWNER {user}")

    def drop_connections(self):
        self.admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                   "WHERE usename LIKE 'dovecot%'")

    @staticmethod
    def cursor(connection):
        return connection.cursor(
            cursor_factory=psycopg2.extras.RealDictCursor)


class MariaDB(Server):
    driver = "mysql"
    user = "mysql"
    stop_signal = signal.SIGTERM

    def __init__(self, folder):
        super().__init__(folder)
        made = self._run("/usr/bin/mariadb-install-db", "--no-defaults",
                         f"--datadir={folder}/data",
                         "--auth-root-authentication-method=normal",
                         "--skip-test-db", "--skip-name-resolve")
        assert made.wait(120) == 0

    def command(self):
        return ("/usr/sbin/mariadbd", "--no-defaults",
                f"--datadir={self.folder}/data", f"--port={self.port}",
                "--bind-address=127.0.0.1", f"--socket={self.folder}/socket",
                f"--pid-file={self.folder}/pid",
                # a server whose administrator thinks of something else
                "--default-storage-engine=MyISAM",
                "--innodb-buffer-pool-size=32M", "--skip-name-resolve",
                *UNSAFE_MARIADB)

    def connect(self, database=None, user="root", password=""):
        return pymysql.connect(
            unix_socket=f"{self.folder}/socket", user=user,
            password=password, database=database, autocommit=True,
            charset="utf8mb4", connect_timeout=10)

    def create(self, name, user):
        self.admin(f"CREATE DATABASE {name} CHARACTER SET latin1",
                   f"CREATE USER {user} IDENTIFIED BY '{PASSWORD}'",
                   f"GRANT ALL ON {name}.* TO {user}")

    def drop_connections(self):
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT id FROM information_schema.processlist "
                               "WHERE user LIKE 'dovecot%'")
                for (number,) in cursor.fetchall():
                    cursor.execute(f"KILL CONNECTION {number}")
        finally:
            connection.close()

    @staticmethod
    def cursor(connection):
        return connection.cursor(pymysql.cursors.DictCursor)


class Database:
    """One of a server's."""

    def __init__(self, server, name, user):
        self.server, self.name, self.user = server, name, user
        self.driver = server.driver
        server.create(name, user)

    def connect_string(self, password=PASSWORD, **other):
        words = {"host": "127.0.0.1", "port": self.server.port,
                 "dbname": self.name, "user": self.user,
                 "password": password, **other}
        return " ".join(f"{key}={value}" for key, value in words.items())

    def connect_settings(self):
        """What is to be replaced in the file that is shipped for Dovecot
        2.4."""
        port = f"port = {self.server.port}\n"
        indent = " " * (4 if self.driver == "pgsql" else 2)
        return {f"{self.driver} localhost {{": f"{self.driver} 127.0.0.1 {{",
                "dbname = mails": f"{port}{indent}dbname = {self.name}",
                "user = dovecot": f"user = {self.user}",
                "password = secret": f"password = {PASSWORD}"}

    def admin(self, *statements):
        self.server.admin(*statements, database=self.name)

    def has_table(self, name):
        return self.execute(
            "SELECT COUNT(*) AS n FROM information_schema.tables WHERE "
            f"table_name = '{name}' AND table_schema = " +
            ("DATABASE()" if self.driver == "mysql" else "'public'"),
            fetch=True)[0]["n"] > 0

    def execute(self, sql, rows=((),), fetch=False):
        """With ? for parameters."""
        if any(rows):
            sql = sql.replace("%", "%%").replace("?", "%s")
        connection = self.server.connect(database=self.name)
        try:
            with self.server.cursor(connection) as cursor:
                for row in rows:
                    cursor.execute(sql, row or None)
                return [_decode(row) for row in cursor.fetchall()] \
                    if fetch else None
        finally:
            connection.close()


def _decode(row):
    """Columns of MariaDB's are bytes."""
    return {key: value.decode() if isinstance(value, bytes) else value
            for key, value in row.items()}

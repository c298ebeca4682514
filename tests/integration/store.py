"""A look into the plugin's database, as with the programs sqlite3, psql or
mysql."""

import re
import sqlite3
from pathlib import Path

from polling import wait_until

SCHEMA = Path(__file__).resolve().parent.parent.parent / \
    "src/lib-migration-store/migration-store-schema.c"
VERSION = max(map(int, re.findall(r"schema_step_(\d+)\[\]",
                                  SCHEMA.read_text())))


class Store:
    """What is the same for all databases. Subclasses have rows(), write() and
    write_many(), with ? for parameters, and is_ready(): TRUE once the queue has
    made all the tables."""

    def account(self, user):
        rows = self.rows("SELECT * FROM migration_account WHERE username = ?",
                         user)
        return rows[0] if rows else None

    def job(self, user):
        rows = self.rows("SELECT * FROM migration_job WHERE username = ?",
                         user)
        return rows[0] if rows else None

    def accounts(self):
        return sorted(row["username"] for row in
                      self.rows("SELECT username FROM migration_account"))

    def jobs(self):
        return sorted(row["username"] for row in
                      self.rows("SELECT username FROM migration_job"))

    def domains(self):
        return sorted(row["name"] for row in
                      self.rows("SELECT name FROM migration_domain"))

    def wait_for(self, user, timeout=60, **columns):
        """Until the user's record has these values; returns it."""
        def matches():
            job = self.job(user)
            if job is not None and all(job[key] == value
                                       for key, value in columns.items()):
                return job
            last.clear()
            last.update(job or {})
            return None

        last = {}
        try:
            return wait_until(f"record of {user} with {columns}", matches,
                              timeout)
        except AssertionError as error:
            last.pop("credential", None)
            raise AssertionError(f"{error}; record: {last}") from None

    def wait_tried(self, user, timeout=60):
        """Until a sync has failed at least once."""
        return wait_until(f"a failed sync of {user}", lambda: (
            self.job(user) or {"attempts": 0})["attempts"], timeout)

    def wait_moved(self, user, timeout=60):
        """Until the first full sync is done."""
        return self.wait_for(user, timeout, phase="following")


class SqliteStore(Store):
    def __init__(self, path):
        self.path = Path(path)

    def rows(self, sql, *parameters):
        """Rows as dictionaries; none if the database is not there yet."""
        if not self.path.exists():
            return []
        database = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True,
                                   timeout=10)
        try:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(sql, parameters)]
        finally:
            database.close()

    def write(self, sql, *parameters):
        self.write_many(sql, [parameters])

    def write_many(self, sql, rows):
        database = sqlite3.connect(self.path, timeout=10)
        try:
            with database:
                database.executemany(sql, rows)
        finally:
            database.close()

    def is_ready(self):
        """Not looked at before the queue has the database open: a reader that
        is root would make the shared memory file with root as its owner for a
        moment."""
        if not self.path.with_name(self.path.name + "-shm").exists():
            return False
        try:
            return self.rows("SELECT 1 AS one FROM migration_schema "
                             "WHERE version = ?", VERSION) != []
        except sqlite3.OperationalError:
            return False


class ServerStore(Store):
    """database is one of databases.py."""

    def __init__(self, database):
        self.database = database

    def rows(self, sql, *parameters):
        return self.database.execute(sql, [parameters], fetch=True)

    def write(self, sql, *parameters):
        self.write_many(sql, [parameters])

    def write_many(self, sql, rows):
        self.database.execute(sql, rows)

    def is_ready(self):
        return self.database.has_table("migration_schema") and self.rows(
            "SELECT version FROM migration_schema WHERE version = ?",
            VERSION) != []

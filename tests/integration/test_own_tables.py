"""Accounts in the tables of postfixadmin and Modoboa, with the recipes of
conf.d/own-tables, on the schemas of own_tables."""

import json
import re
import shutil
from pathlib import Path

import pytest

from checks import assert_answer
from dovecot import IS_24, MAIL_GID, MAIL_UID
from liar import Liar, Session
from liar_modes import HangingPull
from target import CONF_D, Target, plain_provider, substitute
from test_many import Burst

HERE = Path(__file__).resolve().parent
USER, PASSWORD = "paula@old.example", "it's \"paula's\"; -- \\%{user}?"
NASTY = "o'hara+x\"y%{user}?;--@old.example"
SECOND = "paul@old.example"
USERS = {user: PASSWORD for user in (USER, NASTY, SECOND)}
CONFIG, NOUSER = 78, 67
SCHEME = "{SHA512-CRYPT}"
ANY = object()

# What the programs themselves write, see own_tables/README. Booleans are 0
# and 1 in MariaDB.
ROWS = {
    "postfixadmin": {
        "domain": {
            "domain": "old.example", "description": "", "aliases": 0,
            "mailboxes": 0, "maxquota": 10, "quota": 2048,
            "transport": "virtual", "backupmx": False, "created": ANY,
            "modified": ANY, "active": True, "password_expiry": 365},
        "mailbox": {
            "username": USER, "password": ANY, "name": "",
            "maildir": "old.example/paula/", "quota": 0,
            "local_part": "paula", "domain": "old.example", "created": ANY,
            "modified": ANY, "active": True, "phone": "", "email_other": "",
            "token": "", "token_validity": ANY, "password_expiry": ANY},
        "alias": {
            "address": USER, "goto": USER, "domain": "old.example",
            "created": ANY, "modified": ANY, "active": True},
    },
    "modoboa": {
        "admin_domain": {
            "id": ANY, "name": "old.example", "default_mailbox_quota": 0,
            "enabled": True, "type": "domain", "creation": ANY,
            "last_modification": ANY, "enable_dns_checks": True, "quota": 0,
            "transport_id": None, "dkim_key_length": None,
            "dkim_key_selector": "modoboa", "dkim_private_key_path": "",
            "dkim_public_key": "", "enable_dkim": False,
            "message_limit": None, "last_dns_check_execution": None},
        "core_user": {
            "id": ANY, "is_superuser": False, "username": USER,
            "first_name": "", "last_name": "", "email": USER,
            "is_staff": False, "is_active": True, "date_joined": ANY,
            "is_local": True, "password": ANY, "last_login": None,
            "master_user": False, "language": "en", "phone_number": None,
            "secondary_email": None, "_parameters": ANY,
            "totp_enabled": False, "webauthn_enabled": False},
        "admin_quota": {"username": USER, "bytes": 0, "messages": 0},
        "admin_mailbox": {
            "id": ANY, "address": "paula", "quota": 0,
            "use_domain_quota": True, "domain_id": ANY, "user_id": ANY,
            "creation": ANY, "last_modification": ANY, "message_limit": None,
            "is_send_only": False},
        "admin_alias": {
            "id": ANY, "address": USER, "enabled": True, "internal": True,
            "domain_id": ANY, "description": "", "expire_at": None,
            "creation": ANY, "last_modification": ANY},
        "modoboa_admin_aliasrecipient": {
            "id": ANY, "address": USER, "alias_id": ANY, "r_alias_id": None,
            "r_mailbox_id": ANY},
    },
}
# What Modoboa has when it is installed
MODOBOA_ADMIN = (
    "INSERT INTO auth_group (name) VALUES ('SimpleUsers')",
    *(f"INSERT INTO django_content_type (app_label, model) VALUES ('{app}', "
      f"'{model}')" for app, model in (("core", "user"), ("admin", "domain"),
                                       ("admin", "mailbox"))),
    *("INSERT INTO core_user (username, email, password, first_name, "
      "last_name, is_superuser, is_staff, is_active, is_local, master_user, "
      "language, date_joined, _parameters, totp_enabled, webauthn_enabled) "
      f"VALUES ('{name}', '', '', '', '', TRUE, TRUE, TRUE, TRUE, FALSE, "
      "'en', NOW(), '{}', FALSE, FALSE)" for name in ("admin", "admin2")),
)


class Own:
    """What is where in a program's tables."""

    def __init__(self, app, database):
        self.app, self.database = app, database
        sql = (HERE / f"own_tables/{app}-{database.driver}.sql").read_text()
        if database.driver == "pgsql":
            database.admin(sql, "GRANT ALL ON ALL TABLES IN SCHEMA public, "
                           f"ALL SEQUENCES IN SCHEMA public TO {database.user}"
                           .replace(", ALL", f" TO {database.user}; GRANT ALL "
                                    "ON ALL"))
        else:
            database.admin("SET FOREIGN_KEY_CHECKS=0",
                           *filter(str.strip, sql.split(";\n")))
        if app == "modoboa":
            database.admin(*MODOBOA_ADMIN)
        self.accounts, self.name = {
            "postfixadmin": ("mailbox", "username"),
            "modoboa": ("core_user", "username")}[app]

    def rows(self, table):
        return self.database.execute(f"SELECT * FROM {table}", fetch=True)

    def account(self, user=USER):
        rows = [row for row in self.rows(self.accounts)
                if row[self.name] == user]
        assert len(rows) < 2
        return rows[0] if rows else None

    def set_account(self, column, value, user=USER):
        self.database.execute(f"UPDATE {self.accounts} SET {column} = ? "
                              f"WHERE {self.name} = ?", [(value, user)])

    def snapshot(self):
        """All that a login may write."""
        return {table: self.rows(table) for table in
                (*ROWS[self.app], "migration_job", "migration_account",
                 "migration_domain",
                 *(["core_user_groups", "core_objectaccess"]
                   if self.app == "modoboa" else []))}


def block_of(text, kind):
    """passdb or userdb migration_accounts { }"""
    return re.search(rf"^{kind} migration_accounts {{$.*?^}}$", text,
                     re.MULTILINE | re.DOTALL)[0]


class OwnTarget(Target):
    """With the shipped files for the program's tables."""

    def __init__(self, folder, own, **kwargs):
        self.own = own
        super().__init__(folder, database=own.database, **kwargs)

    def global_settings(self):
        return (f"!include {self.folder}/conf.d/{self.own.app}-"
                f"{self.own.database.driver}.conf\n" +
                super().global_settings())

    def _copy_conf_d_24(self, folder):
        super()._copy_conf_d_24(folder)
        name = f"{self.own.app}-{self.own.database.driver}"
        substitute(CONF_D / f"own-tables/{name}-2.4.conf", folder, {
            **{old.replace("mails", self.own.app): new for old, new in
               self.own.database.connect_settings().items()},
            "'/var/vmail/": f"'{self.folder}/mail/",
            "'vmail' AS uid": f"'{MAIL_UID}' AS uid",
            "'vmail' AS gid": f"'{MAIL_GID}' AS gid",
        })
        recipe = (folder / f"{name}-2.4.conf").read_text()
        path = folder / "90-migration.conf"
        text = path.read_text()
        for kind in ("passdb", "userdb"):
            text = text.replace(block_of(text, kind), block_of(recipe, kind))
        path.write_text(text)
        shutil.copy(CONF_D / f"own-tables/{name}.conf", folder)

    def _copy_conf_d(self):
        super()._copy_conf_d()
        if IS_24:
            return
        folder, driver = self.folder / "conf.d", self.own.database.driver
        shutil.copy(CONF_D / f"own-tables/{self.own.app}-{driver}.conf",
                    folder)
        name = f"{self.own.app}-sql-{driver}.conf.ext"
        substitute(CONF_D / "own-tables" / name, folder, {
            f"connect = host=localhost dbname={self.own.app} user=dovecot "
            "password=secret":
                f"connect = {self.own.database.connect_string()}",
            "'/var/vmail/%Ld/%Ln'": f"'{self.folder}/mail/%Ld/%Ln'",
            "'vmail' AS uid": f"'{MAIL_UID}' AS uid",
            "'vmail' AS gid": f"'{MAIL_GID}' AS gid",
        })
        shutil.move(folder / name, folder / f"migration-sql-{driver}.conf.ext")


@pytest.fixture(params=["postfixadmin-pgsql", "postfixadmin-mysql",
                        "modoboa-pgsql", "modoboa-mysql"])
def own(request, database_server):
    app, driver = request.param.split("-")
    return Own(app, database_server(driver).make_database())


@pytest.fixture
def liar():
    with Liar(Session, {user.encode(): password.encode()
                        for user, password in USERS.items()}) as old:
        yield old


@pytest.fixture
def make(folders, liar):
    targets = []

    def make(own, login="local", **overrides):
        target = OwnTarget(
            folders("own"), own, overrides={"migration_login": login,
                                            **overrides},
            providers={"oldhost": plain_provider(liar.port, "old.example")})
        targets.append(target)
        return target.start()

    yield make
    for target in targets:
        target.stop()
        target.assert_no_crash()
        shutil.rmtree(target.folder)


def assert_row(actual, expected):
    assert set(actual) == set(expected)
    for column, value in expected.items():
        assert value is ANY or actual[column] == value, \
            f"{column} is {actual[column]!r}"


def assert_rows(own):
    """One account, as the program itself would have made it."""
    for table, expected in ROWS[own.app].items():
        rows = [row for row in own.rows(table)
                if table != "core_user" or not row["is_superuser"]]
        assert len(rows) == 1, table
        assert_row(rows[0], expected)
    if own.app == "modoboa":
        assert_modoboa_links(own)
    else:
        mailbox = own.account()
        days = mailbox["password_expiry"] - mailbox["created"]
        assert 364 <= days.days <= 365


def assert_modoboa_links(own):
    user, (mailbox,), (domain,) = own.account(), own.rows("admin_mailbox"), \
        own.rows("admin_domain")
    (alias,) = own.rows("admin_alias")
    (recipient,) = own.rows("modoboa_admin_aliasrecipient")
    (group,) = own.rows("core_user_groups")
    assert (mailbox["user_id"], mailbox["domain_id"]) == \
        (user["id"], domain["id"])
    assert (recipient["alias_id"], recipient["r_mailbox_id"],
            alias["domain_id"]) == (alias["id"], mailbox["id"], domain["id"])
    assert group["user_id"] == user["id"]
    assert json.loads(user["_parameters"]) == {} if \
        isinstance(user["_parameters"], str) else user["_parameters"] == {}
    types = {row["id"]: row["model"] for row in
             own.rows("django_content_type")}
    admins = [row["id"] for row in own.rows("core_user")
              if row["is_superuser"]]
    assert sorted((types[row["content_type_id"]], row["object_id"],
                   row["user_id"], bool(row["is_owner"]))
                  for row in own.rows("core_objectaccess")) == sorted(
        (model, number, admin, admin == min(admins))
        for model, number in (("user", user["id"]), ("domain", domain["id"]),
                              ("mailbox", mailbox["id"]))
        for admin in admins)


def test_first_login(make, own, liar):
    """Account, record, and later logins by passdb sql on these tables."""
    target = make(own)
    assert_answer(target.login(USER, PASSWORD), "OK")
    assert_rows(own)
    stored = own.account()["password"]
    assert stored.startswith("$6$" if own.app == "postfixadmin" else
                             SCHEME + "$6$")
    target.store.wait_moved(USER)
    job = target.store.job(USER)
    assert job["adopted_password"].removeprefix(SCHEME) == \
        stored.removeprefix(SCHEME)
    logins = len(liar.contacts)
    assert_answer(target.login(USER, PASSWORD), "OK")
    assert len(liar.contacts) == logins
    assert_answer(target.login(USER, "wrong"), "NO")
    assert target.store.accounts() == target.store.domains() == []
    assert target.log_lines("error", "") == []

    # a domain that is there
    assert_answer(target.login(SECOND, PASSWORD), "OK")
    assert own.account(SECOND) is not None
    rows = {row["username"] for row in target.doveadm_json("migration",
                                                           "list")}
    assert rows == {USER, SECOND}


def test_existing_account(make, own, liar):
    """Neither asked about at the provider nor changed."""
    target = make(own)
    assert_answer(target.login(USER, PASSWORD), "OK")
    target.store.wait_moved(USER)
    # as if it had always been here
    assert target.doveadm("migration", "delete", "-u",
                          USER).returncode == 0
    before, asked = own.snapshot(), len(liar.contacts)
    assert_answer(target.login(USER, "of the provider"), "NO")
    assert len(liar.contacts) == asked
    assert_answer(target.login(USER, PASSWORD), "OK")
    assert own.snapshot() == before


def test_nasty_names(make, own):
    target = make(own, auth_username_chars="")
    assert_answer(target.login(NASTY, PASSWORD), "OK")
    assert own.account(NASTY) is not None
    assert target.store.job(NASTY) is not None


def test_ten_logins(make, own):
    target = make(own)
    with Burst(target, [USER] * 10, PASSWORD.encode()) as burst:
        pass
    assert [answer.status for answer in burst.answers] == ["OK"] * 10
    assert_rows(own)
    assert target.store.jobs() == [USER]
    assert target.log_lines("error", "") == []


def failing(own):
    """setting -> statements of which the last one fails, and what the database
    says"""
    missing = "INSERT INTO nowhere VALUES (%{domain}, "
    return {
        "migration_domain_create": missing + "1)",
        "migration_account_create": created(own) + "; " + missing +
                                    "%{password})",
        "migration_account_lookup": "SELECT password, 1 AS enabled FROM "
                                    "nowhere WHERE a = %{user}",
    }


def created(own):
    """The shipped migration_account_create."""
    text = (CONF_D / f"own-tables/{own.app}-{own.database.driver}.conf"
            ).read_text().replace("\\\n", " ")
    (line,) = [line for line in text.splitlines()
               if line.startswith("migration_account_create")]
    return line.partition(" = ")[2]


@pytest.mark.parametrize("setting", ["migration_domain_create",
                                     "migration_account_create",
                                     "migration_account_lookup"])
def test_statement_fails(make, own, setting):
    """Nothing is left, the user may try again, and the log says why."""
    target = make(own, **{setting: failing(own)[setting]})
    before = own.snapshot()
    answer = target.login(USER, PASSWORD)
    assert_answer(answer, "NO", "UNAVAILABLE")
    assert own.snapshot() == before
    lines = target.log_lines("error", USER)
    assert len(lines) == 1, lines
    for part in (setting, "nowhere", "own-tables.md"):
        assert part in lines[0]
    assert PASSWORD not in lines[0] and "$6$" not in lines[0]


def test_no_domain(make, own):
    """Without migration_domain_create it must be there."""
    target = make(own, migration_domain_create="")
    before = own.snapshot()
    assert_answer(target.login(USER, PASSWORD), "NO", "UNAVAILABLE")
    assert own.snapshot() == before
    (line,) = target.log_lines("error", USER)
    assert "migration_account_create: statement" in line


def test_new_password(make, own, liar):
    """Follows the provider's until it is changed here."""
    target = make(own)
    assert_answer(target.login(USER, PASSWORD), "OK")
    target.store.wait_moved(USER)
    first = own.account()["password"]
    liar.accounts[USER.encode()] = b"new"
    assert_answer(target.login(USER, "new"), "OK")
    second = own.account()["password"]
    assert second != first
    assert target.store.job(USER)["adopted_password"].removeprefix(SCHEME) \
        == second.removeprefix(SCHEME)
    # changed here
    own.set_account("password", first)
    liar.accounts[USER.encode()] = b"newer"
    assert_answer(target.login(USER, "newer"), "NO")
    assert own.account()["password"] == first


def test_password_statement_fails(make, own, liar):
    target = make(own, migration_account_password=(
        "UPDATE nowhere SET a = %{password} WHERE a = %{old_password}"))
    assert_answer(target.login(USER, PASSWORD), "OK")
    target.store.wait_moved(USER)
    liar.accounts[USER.encode()] = b"new"
    before = own.account(), target.store.job(USER)["credential"]
    assert_answer(target.login(USER, "new"), "NO", "UNAVAILABLE")
    assert (own.account(), target.store.job(USER)["credential"]) == before
    (line,) = target.log_lines("error", "migration_account_password")
    assert USER in line and "nowhere" in line


def test_added_before_the_first_login(make, own):
    target = make(own)
    result = target.doveadm("migration", "add", "-p", "oldhost",
                            "--password-stdin", USER, stdin=PASSWORD + "\n")
    assert result.returncode == 0, result.stderr
    assert own.account()["password"] == ""
    assert_answer(target.login(USER, ""), "NO")
    assert_answer(target.login(USER, PASSWORD), "OK")
    assert own.account()["password"] != ""
    assert_rows(own)


def test_disabled(make, own, liar):
    target = make(own)
    assert_answer(target.login(USER, PASSWORD), "OK")
    target.store.wait_moved(USER)
    own.set_account({"postfixadmin": "active", "modoboa": "is_active"}
                    [own.app], False)
    asked = len(liar.contacts)
    assert_answer(target.login(USER, PASSWORD), "NO")
    assert len(liar.contacts) == asked


def test_commands(make, own, liar, tmp_path):
    """What belongs to the other program is left to it."""
    target = make(own)
    assert_answer(target.login(USER, PASSWORD), "OK")
    target.store.wait_moved(USER)
    result = target.doveadm("migration", "delete", "--account", "-u", USER)
    assert result.returncode == CONFIG
    assert "delete them there" in result.stderr
    file = tmp_path / "accounts.csv"
    file.write_text("domain; x.example; 0; 0; True\n")
    result = target.doveadm("migration", "import", file)
    assert result.returncode == CONFIG
    assert "import with that program" in result.stderr
    # the account goes by hand, and then its record
    own.database.admin("DELETE FROM modoboa_admin_aliasrecipient",
                       "DELETE FROM core_user_groups",
                       "DELETE FROM admin_mailbox") \
        if own.app == "modoboa" else None
    own.database.execute(f"DELETE FROM {own.accounts} WHERE {own.name} = ?",
                         [(USER,)])
    assert target.doveadm("migration", "delete", "-u",
                          USER).returncode == 0
    assert target.store.jobs() == []
    assert target.doveadm("migration", "delete", "-u",
                          USER).returncode == NOUSER


def test_on_the_way(folders, own):
    """Until everything is here users wait, and mail is deferred."""
    with Liar(HangingPull, {USER.encode(): PASSWORD.encode()}) as old:
        target = OwnTarget(folders("own"), own, providers={
            "oldhost": plain_provider(old.port, "old.example")})
        with target:
            assert_answer(target.login(USER, PASSWORD), "NO", "UNAVAILABLE")
            assert own.account() is not None
            assert_answer(target.login(USER, PASSWORD), "NO", "UNAVAILABLE")
            result = target.doveadm("user", "-x", "service=lmtp", USER)
            assert result.returncode == 75, result.stdout

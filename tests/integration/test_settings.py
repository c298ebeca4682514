"""Bad settings: Dovecot refuses to start, and says which block and key."""

import re
import subprocess

import pytest

from dovecot import DOVECOT
from target import Target, plain_provider


@pytest.fixture(scope="module")
def base(folders):
    """A configuration that is right, with its keys made."""
    target = Target(folders("settings"), {
        "oldhost": plain_provider(143, "old.example")})
    target.generate_keys()
    target.write_config()
    assert target.doveconf("-n").returncode == 0
    return target


def doveconf_with(base, providers=None, overrides=None):
    """Runs doveconf with these providers and changed global settings."""
    saved = base.providers, base.overrides
    base.providers = saved[0] if providers is None else providers
    base.overrides = {**saved[1], **(overrides or {})}
    try:
        base.write_config()
        return base.doveconf("-n")
    finally:
        base.providers, base.overrides = saved


def assert_refused(base, result, block, key):
    """doveconf failed and said where: by the names of block and key, or by a
    line number, which is how Dovecot's own parser does it."""
    assert result.returncode != 0
    line = re.search(r"dovecot\.conf line (\d+): ", result.stderr)
    if line is None:
        assert block in result.stderr and key in result.stderr
        return
    lines = base.config.read_text().splitlines()
    assert lines[int(line[1]) - 1].split()[0] == key, result.stderr


def provider(**changes):
    """One block with these changes; a value of None drops the key."""
    settings = {**plain_provider(143, "old.example"), **changes}
    return {"oldhost": {key: value for key, value in settings.items()
                        if value is not None}}


BAD_PROVIDERS = {
    "unknown key": (provider(colour="blue"), "colour"),
    "host missing": (provider(host=None), "host"),
    "host with a port": (provider(host="imap.old.example/143"), "host"),
    "port 0": (provider(port=0), "port"),
    "port too high": (provider(port=70000), "port"),
    "unknown ssl": (provider(ssl="tls13"), "ssl"),
    "not a domain": (provider(domains="old..example"), "domains"),
    "renamed to nothing": (provider(domains="old.example="), "domains"),
    "unknown variable": (provider(user="%{nonsense}"), "user"),
    "CA file unreadable": (provider(ssl="imaps", ssl_ca_file="/no/such.pem"),
                           "ssl_ca_file"),
    "no connections": (provider(max_connections=0), "max_connections"),
    "no logins": (provider(max_logins=0), "max_logins"),
    "login unknown": (provider(login="maybe"), "login"),
    "master user": (provider(master_user="admin"), "master_user"),
    "POP3 host with a port": (provider(pop3_host="pop.old.example:995"),
                              "pop3_host"),
    "POP3 port 0": (provider(pop3_port=0), "pop3_port"),
    "unknown POP3 TLS": (provider(pop3_ssl="imaps"), "pop3_ssl"),
    "unknown feature": (provider(features="no-id gmail-migration"),
                        "features"),
    "feature of two kinds": (provider(features="no-id always-id"),
                             "features"),
    "finish": (provider(finish_at="31.01.2030"), "finish_at"),
}
BAD_GLOBALS = {
    "login unknown": ("migration_login", "maybe"),
    "driver": ("migration_db_driver", "pgsql"),
    "database path": ("migration_db_connect", "relative/path"),
    "switch timeout 0": ("migration_switch_timeout", "0"),
    "switch timeout too long": ("migration_switch_timeout", "11 mins"),
    "timeout 0": ("migration_login_timeout", "0"),
    "timeout too long": ("migration_login_timeout", "10 mins"),
    "refusals": ("migration_login_refusals", "101"),
    "refusal time": ("migration_login_refusal_time", "2 days"),
    "line": ("migration_login_line", "1000000"),
    "breaker time": ("migration_breaker_time", "2 hours"),
    "breaker failures": ("migration_breaker_failures", "many"),
    "retry": ("migration_retry_min", "7 hours"),
    "not a time": ("migration_retry_max", "soon"),
    "public key unreadable": ("migration_public_key_file", "/no/such.pem"),
    "private key unreadable": ("migration_private_key_file", "/no/such.pem"),
    "interval": ("migration_interval", "0"),
    "quota": ("migration_quota", "half"),
    "remote deletes": ("migration_remote_deletes", "sometimes"),
    "unknown": ("migration_colour", "blue"),
}


@pytest.mark.parametrize("providers, key", BAD_PROVIDERS.values(),
                         ids=BAD_PROVIDERS)
def test_bad_provider(base, providers, key):
    assert_refused(base, doveconf_with(base, providers), "oldhost", key)


@pytest.mark.parametrize("key, value", BAD_GLOBALS.values(), ids=BAD_GLOBALS)
def test_bad_global(base, key, value):
    assert_refused(base, doveconf_with(base, overrides={key: value}), "", key)


def test_domain_claimed_twice(base):
    result = doveconf_with(base, {
        "oldhost": plain_provider(143, "old.example other.example"),
        "second": plain_provider(144, "OTHER.example")})
    assert result.returncode != 0
    for word in ("oldhost", "second", "other.example", "domains"):
        assert word in result.stderr


def test_private_key_for_everybody(base):
    key = base.folder / "keys/private.pem"
    key.chmod(0o644)
    try:
        result = doveconf_with(base)
    finally:
        key.chmod(0o600)
    assert result.returncode != 0
    assert "migration_private_key_file" in result.stderr
    assert "chmod 600" in result.stderr


def test_dovecot_does_not_start(base):
    doveconf_with(base, provider(host=None))
    result = subprocess.run([DOVECOT, "-F", "-c", base.config], text=True,
                            capture_output=True, timeout=30)
    assert result.returncode != 0
    assert "oldhost" in result.stderr and "host" in result.stderr


def test_defaults_are_shown(base):
    base.write_config()
    shown = base.doveconf("-a", check=True).stdout
    for setting in ("migration_login = wait", "migration_db_driver = sqlite",
                    "migration_login_timeout = 15 secs",
                    "migration_password_scheme = SHA512-CRYPT",
                    "migration_login_refusals = 3",
                    "migration_login_refusal_time = 10 mins",
                    "migration_login_line = 1000",
                    "migration_breaker_failures = 5",
                    "migration_breaker_time = 30 secs",
                    "migration_interval = 1 hours",
                    "migration_quota = ignore",
                    "migration_remote_deletes = follow",
                    "max_logins = 20", "max_connections = 5"):
        assert setting in shown
    # 2.4's doveconf -a shows no services of plugins
    services = base.doveconf("service", check=True).stdout
    assert "service migration {" in shown + services
    assert "service migration-worker {" in shown + services

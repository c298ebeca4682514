"""Many first logins at once."""

import statistics
import threading
import time

import pytest

from checks import assert_answer
from imap import Client
from liar import Liar
from liar_modes import slow
from nameserver import Nameserver, resolving_with
from target import plain_provider

USERS = 50
ANSWER_SECS = 1.0
# What a login here may take beyond the provider's answer.
SLACK_SECS = 2.0


# Only the logins count.
NO_WORKERS = """
service migration-worker {
  unix_listener migration-worker {
    mode = 0
  }
}
"""


class Burst:
    """Logins that start at the same moment, each on a connection that was
    made before. A context manager: the logins are done when it ends. password
    is everybody's, or a list with each one's."""

    def __init__(self, target, users, password):
        self.clients = [Client(target.ports["imap"]) for _ in users]
        self.barrier = threading.Barrier(len(users))
        self.passwords = (password if isinstance(password, list)
                          else [password] * len(users))
        self.answers = [None] * len(users)
        self.starts = [0.0] * len(users)
        self.ends = [0.0] * len(users)
        self.threads = [threading.Thread(target=self._run, args=(i, user))
                        for i, user in enumerate(users)]

    def _run(self, i, user):
        self.barrier.wait()
        self.starts[i] = time.monotonic()
        self.answers[i] = self.clients[i].authenticate_plain(
            user.encode(), self.passwords[i])
        self.ends[i] = time.monotonic()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_exc):
        for thread in self.threads:
            thread.join()
        for client in self.clients:
            client.close()

    def running(self):
        return any(thread.is_alive() for thread in self.threads)

    def total_secs(self):
        return max(self.ends) - min(self.starts)


def local_login_secs(target):
    started = time.monotonic()
    assert_answer(target.login("mia@home.example", "mia's"), "OK")
    return time.monotonic() - started


def make_slow_target(make_target, liar):
    return make_target(
        {"oldhost": plain_provider(liar.port, "old.example", max_logins=60)},
        overrides={"migration_login": "local"},
        local_users={"mia@home.example": "mia's"})


@pytest.mark.alone
def test_fifty_first_logins(make_target, figures):
    with Liar(slow(ANSWER_SECS)) as liar:
        target = make_slow_target(make_target, liar)
        alone = [local_login_secs(target) for _ in range(20)]
        with Burst(target, ["first@old.example"], b"secret") as one:
            pass
        target.store.wait_moved("first@old.example")

        users = [f"user{i}@old.example" for i in range(USERS)]
        meanwhile = []
        with Burst(target, users, b"secret") as many:
            while many.running():
                meanwhile.append(local_login_secs(target))
        figures(f"one first login {one.total_secs():.2f} s, {USERS} at once "
                f"{many.total_secs():.2f} s (the provider answers after "
                f"{ANSWER_SECS:g} s)")
        figures(f"local login alone {statistics.median(alone) * 1000:.0f} ms, "
                f"meanwhile {statistics.median(meanwhile) * 1000:.0f} ms, "
                f"slowest {max(meanwhile) * 1000:.0f} ms")
        assert [answer.status for answer in many.answers] == ["OK"] * USERS
        assert one.total_secs() < ANSWER_SECS + SLACK_SECS
        assert many.total_secs() < one.total_secs() + SLACK_SECS
        assert statistics.median(meanwhile) < \
            max(5 * statistics.median(alone), 0.25)

        for user in users:
            target.store.wait_moved(user)
        assert len(target.store.accounts()) == USERS + 1
        assert target.log_lines("error", "") == []


def test_more_than_max_logins(make_target):
    """The rest waits in line and is not lost."""
    with Liar(slow(0.2)) as liar:
        target = make_target(
            {"oldhost": plain_provider(liar.port, "old.example",
                                       max_logins=3)},
            overrides={"migration_login": "local"})
        users = [f"user{i}@old.example" for i in range(12)]
        with Burst(target, users, b"secret") as burst:
            pass
        assert [answer.status for answer in burst.answers] == ["OK"] * 12
        assert burst.total_secs() >= 12 / 3 * 0.2


def test_ten_logins_of_one_user(make_target):
    with Liar(slow(0.5)) as liar:
        target = make_slow_target(make_target, liar)
        with Burst(target, ["same@old.example"] * 10, b"secret") as burst:
            pass
        assert [answer.status for answer in burst.answers] == ["OK"] * 10
        target.store.wait_moved("same@old.example")
        assert target.store.accounts() == ["same@old.example"]
        assert target.store.jobs() == ["same@old.example"]
        assert target.store.domains() == ["old.example"]
        assert target.log_lines("error", "") == []
        target.assert_serves_locally("same@old.example", "secret")


@pytest.mark.parametrize("max_logins", [20, 200])
@pytest.mark.parametrize("delay_secs", [0, 0.5], ids=["fast", "slow"])
def test_host_name(make_target, tmp_path, figures, max_logins, delay_secs):
    """200 first logins at a provider that is given by its name. Dovecot's own
    dns-client let 86 of 200 fail."""
    name = "imap.old.example"
    users = [f"user{i}@old.example" for i in range(200)]
    with Liar() as liar, \
            Nameserver({name: "127.0.0.1"}, delay_secs) as nameserver, \
            resolving_with(nameserver, tmp_path):
        target = make_target(
            {"oldhost": plain_provider(liar.port, "old.example", host=name,
                                       max_logins=max_logins,
                                       max_connections=1)},
            overrides={"migration_login": "local",
                       "migration_password_scheme": "SSHA256"})
        target.stop()
        target.extra = NO_WORKERS
        target.start()
        # Dovecot 2.4's auth does not know before how many sql lookups there
        # may be at once
        target.login("nobody@elsewhere.example", "secret")
        with Burst(target, users, b"secret") as burst:
            pass
        assert [answer.status for answer in burst.answers] == ["OK"] * 200
        logins = [login.user for login in liar.logins]
        assert sorted(user.encode() for user in users) == sorted(logins)
        figures(f"host name, resolver needs {delay_secs:g} s, max_logins = "
                f"{max_logins}: {len(logins)} of 200 logins at the "
                f"provider within {burst.total_secs():.1f} s, "
                f"{nameserver.queries} DNS queries")
        assert target.log_lines("error", "Login of") == []
        # IPv4 and IPv6
        assert nameserver.queries == 2

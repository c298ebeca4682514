"""What keeps logins away from a provider (DESIGN section 3.1), as the provider
sees it: how many of them came."""

import time

import pytest

from checks import assert_answer
from liar import Liar, Session
from liar_modes import answering, closing_at, hanging_at, slow
from ports import free_port
from polling import wait_until
from target import plain_provider
from test_many import Burst

PASSWORD = b"limit's secret"
# Until a trial, where a test waits for it
BREAKER_SECS = 2


def make_limited(make_target, port, overrides=None, **provider):
    return make_target(
        {"oldhost": plain_provider(port, "old.example", **provider)},
        overrides={"migration_login": "local",
                   "migration_login_timeout": "5 secs",
                   "migration_breaker_time": "60 secs",
                   **(overrides or {})},
        local_users={"mia@home.example": "mia's"})


def login_all(target, users):
    """At the same moment; how often clients were told what."""
    with Burst(target, users, PASSWORD) as burst:
        pass
    return answers(burst)


def new_users(count, prefix="user"):
    return [f"{prefix}{i}@old.example" for i in range(count)]


def answers(burst):
    """How often clients were told what."""
    told = ["OK" if answer.status == "OK" else answer.code
            for answer in burst.answers]
    return {word: told.count(word) for word in set(told)}


# The line

class Counting(Session):
    """Counts how many checks are at the provider at the same time."""
    now = most = 0

    def answer_login(self, tag, login):
        with self.liar.lock:
            Counting.now += 1
            Counting.most = max(Counting.most, Counting.now)
        time.sleep(0.5)
        with self.liar.lock:
            Counting.now -= 1
        super().answer_login(tag, login)


@pytest.mark.parametrize("max_logins", [3, 30])
def test_at_most_max_logins_at_once(make_target, max_logins):
    Counting.now = Counting.most = 0
    # refused, so that no worker comes as well
    with Liar(Counting, accounts={}) as liar:
        target = make_limited(make_target, liar.port, max_logins=max_logins)
        assert login_all(target, new_users(12)) == {"AUTHENTICATIONFAILED": 12}
    assert Counting.most == min(max_logins, 12)


@pytest.mark.parametrize("length", [0, 4, 1000])
def test_line_is_bounded(make_target, length):
    """2 run, the line takes its length, the rest is told at once."""
    came = min(2 + length, 12)
    with Liar(slow(0.5)) as liar:
        target = make_limited(make_target, liar.port,
                              {"migration_login_line": length}, max_logins=2)
        told = login_all(target, new_users(12))
        assert told.get("OK", 0) == came
        assert told.get("UNAVAILABLE", 0) == 12 - came
        assert len({login.user for login in liar.logins}) == came
    lines = target.log_lines("error", "too many logins wait in line",
                             "provider was not asked")
    assert len(lines) == 12 - came


# The breaker

def is_open(target):
    return target.log_lines("error", "connection failures in a row")


def assert_breaker_opens(target, users, secs=60):
    """The first five logins fail at the provider, which is said once; one
    after the other, because max_logins is 1."""
    assert login_all(target, users) == {"UNAVAILABLE": len(users)}
    target.settle_log()
    lines = is_open(target)
    assert len(lines) == 1
    assert "Provider oldhost (" in lines[0]
    assert "5 connection failures" in lines[0]
    assert f" for {secs} secs" in lines[0]
    target.assert_serves_locally("mia@home.example", "mia's")


FAILURES = {
    "closed": closing_at("greet"),
    "cut": closing_at("answer_login"),
    "BYE": type("Bye", (Session,), {"greeting": b"* BYE not today"}),
    "garbage": type("Garbage", (Session,), {"greeting": b"550 no"}),
    "BAD": answering("BAD"),
}


@pytest.mark.parametrize("script", FAILURES.values(), ids=FAILURES)
def test_breaker_opens(make_target, script):
    with Liar(script) as liar:
        target = make_limited(make_target, liar.port,
                              {"migration_login_timeout": "5 secs"},
                              max_logins=1)
        assert_breaker_opens(target, new_users(15))
        assert liar.connections() == 5
        assert len(target.log_lines("error", "Login of")) == 5


def test_breaker_opens_after_timeouts(make_target):
    """Five at once; those that got no time because they waited behind them
    are not counted."""
    with Liar(hanging_at("answer_login")) as liar:
        target = make_limited(make_target, liar.port, {
            "migration_login_timeout": "2 secs"}, max_logins=5)
        assert login_all(target, new_users(5)) == {"UNAVAILABLE": 5}
        assert len(is_open(target)) == 1
        assert login_all(target, new_users(5, "open")) == {"UNAVAILABLE": 5}
        assert liar.connections() == 5


def test_long_line_does_not_open_it(make_target):
    """A provider that needs its time is not down: who came to it with the rest
    of their time only, after the line, is no failure."""
    with Liar(slow(1.2)) as liar:
        target = make_limited(make_target, liar.port, {
            "migration_login_timeout": "3 secs"}, max_logins=6)
        told = login_all(target, new_users(24))
        assert told["OK"] >= 6 and told["UNAVAILABLE"] >= 6
        assert is_open(target) == []


def test_breaker_switched_off(make_target):
    with Liar(closing_at("greet")) as liar:
        target = make_limited(make_target, liar.port,
                              {"migration_breaker_failures": "0"},
                              max_logins=1)
        login_all(target, new_users(15))
        assert liar.connections() == 15
        assert is_open(target) == []


@pytest.mark.parametrize("status", [
    "NO", "NO [UNAVAILABLE]", "NO [LIMIT]", "NO [EXPIRED]"])
def test_answers_do_not_open_it(make_target, status):
    with Liar(answering(status)) as liar:
        target = make_limited(make_target, liar.port)
        login_all(target, new_users(12))
        assert len(liar.logins) == 12
        assert is_open(target) == []


def test_only_failures_in_a_row_open_it(make_target):
    with Liar(closing_at("greet")) as liar:
        target = make_limited(make_target, liar.port)
        for _ in range(3):
            liar.script = closing_at("greet")
            login_all(target, new_users(4, "failing"))
            liar.script = answering("NO [UNAVAILABLE]")
            login_all(target, new_users(1, "answered"))
        assert liar.connections() == 15
        assert is_open(target) == []


@pytest.mark.parametrize("kind", ["nobody listens", "no such name"])
def test_breaker_without_a_server(make_target, kind):
    host = {"host": "imap.old.invalid"} if kind == "no such name" else {}
    target = make_limited(make_target, free_port(), max_logins=1, **host)
    assert_breaker_opens(target, new_users(8))
    assert len(target.log_lines("error", "Login of")) == 5


def test_breaker_empties_the_line(make_target):
    """Those who wait in line when it opens are not sent there any longer, nor
    do they wait out their time."""
    with Liar(hanging_at("greet")) as liar:
        target = make_limited(make_target, liar.port, max_logins=2)
        with Burst(target, new_users(30), PASSWORD) as burst:
            wait_until("the first to be there",
                       lambda: liar.connections() == 2)
            for _ in range(3):
                liar.drop_connections()
                wait_until("the next ones or nobody", lambda: (
                    not burst.running() or is_open(target) or
                    liar.connections() % 2 == 0))
                time.sleep(0.1)
            liar.drop_connections()
        assert answers(burst) == {"UNAVAILABLE": 30}
        # two at once: the fifth failure had a sixth beside it
        assert 5 <= liar.connections() <= 6
        assert burst.total_secs() < 4


def test_half_open(make_target, figures):
    """One of many tries whether the provider is back."""
    with Liar(closing_at("greet")) as liar:
        target = make_limited(make_target, liar.port, {
            "migration_breaker_time": f"{BREAKER_SECS} secs"}, max_logins=1)
        assert_breaker_opens(target, new_users(5), BREAKER_SECS)
        assert liar.connections() == 5

        # a failed trial opens it again
        time.sleep(BREAKER_SECS + 0.5)
        liar.script = closing_at("answer_login")
        assert login_all(target, new_users(20, "early")) == {
            "UNAVAILABLE": 20}
        assert liar.connections() == 6
        assert len(liar.logins) == 1
        login_all(target, new_users(3, "open"))
        assert liar.connections() == 6

        # a trial that takes its time
        time.sleep(BREAKER_SECS + 0.5)
        liar.forget()
        liar.script = slow(1)
        assert login_all(target, new_users(20, "trial")) == {
            "OK": 1, "UNAVAILABLE": 19}
        winner, = target.store.accounts()
        target.store.wait_moved(winner)
        assert {login.user for login in liar.logins} == {winner.encode()}
        figures("half-open: 1 of 20 simultaneous logins reached the provider")

        # a good trial closes it
        liar.script = Session
        assert login_all(target, new_users(20, "after")) == {"OK": 20}
    target.settle_log()
    assert len(is_open(target)) == 1
    assert len(target.log_lines("info", "Provider oldhost",
                                "answers again")) == 1


def test_breaker_of_another_provider(make_target):
    with Liar(closing_at("greet")) as down, Liar() as up:
        target = make_target({
            "down": plain_provider(down.port, "down.example"),
            "up": plain_provider(up.port, "up.example"),
        }, overrides={"migration_login": "local"})
        login_all(target, [f"user{i}@down.example" for i in range(8)])
        assert down.connections() >= 5
        came = down.connections()
        login_all(target, [f"later{i}@down.example" for i in range(8)])
        assert down.connections() == came
        assert_answer(target.login("anna@up.example", PASSWORD), "OK")

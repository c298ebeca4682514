"""What keeps logins away from a provider (DESIGN section 3.1), as the provider
sees it: how many of them came."""

import os
import signal
import time

import pytest

from checks import assert_answer
from dovecot import for_version
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


def wrong(count):
    return [b"wrong %d" % i for i in range(count)]


def told_each(target, user, passwords):
    """One after the other: what the client was told each time."""
    answers = [target.login(user, password) for password in passwords]
    return ["OK" if answer.status == "OK" else answer.code
            for answer in answers]


def answers(burst):
    """How often clients were told what."""
    told = ["OK" if answer.status == "OK" else answer.code
            for answer in burst.answers]
    return {word: told.count(word) for word in set(told)}


def not_asked(target, user, *needles):
    target.settle_log()
    return target.log_lines("info", f"Login of {user} at provider oldhost",
                            "the provider was not asked until 20", *needles)


# What the provider has refused

ANNA = "anna@old.example"
REFUSED = "AUTHENTICATIONFAILED"


@pytest.fixture
def liar():
    """Knows Anna."""
    with Liar(accounts={ANNA.encode(): PASSWORD}) as liar:
        yield liar


def wrong_logins(liar):
    """Passwords that the provider has refused."""
    return [login.password for login in liar.logins
            if login.password != PASSWORD]


@pytest.mark.parametrize("secs, logins", [("10 mins", 1), ("0", 3)],
                         ids=["default", "off"])
def test_same_wrong_password(make_target, liar, secs, logins):
    target = make_limited(make_target, liar.port, {
        "migration_login_refusal_time": secs,
        "migration_login_refusals": "0"})
    assert told_each(target, ANNA, [b"wrong"] * 3) == [REFUSED] * 3
    assert len(liar.logins) == logins
    lines = not_asked(target, ANNA, "it has refused this password")
    assert len(lines) == 3 - logins
    assert all("wrong" not in line.split("Login of")[1] for line in lines)
    # another user with this password, and another password
    target.login("bert@old.example", b"wrong")
    target.login(ANNA, b"other")
    assert len(liar.logins) == logins + 2
    assert_answer(target.login(ANNA, PASSWORD), "OK")


def test_refusal_expires(make_target, liar):
    target = make_limited(make_target, liar.port, {
        "migration_login_refusal_time": "5 secs"})
    assert told_each(target, ANNA, wrong(3) + [wrong(1)[0], PASSWORD]) == \
        [REFUSED] * 5
    assert [login.password for login in liar.logins] == wrong(3)
    time.sleep(5.5)
    # as if the provider had a new password now
    liar.accounts = {ANNA.encode(): wrong(3)[1]}
    assert_answer(target.login(ANNA, wrong(3)[1]), "OK")


@pytest.mark.parametrize("limit, logins", [(3, 3), (1, 1), (0, 6)])
def test_refused_user(make_target, liar, limit, logins):
    target = make_limited(make_target, liar.port, {
        "migration_login_refusals": limit})
    assert told_each(target, ANNA, wrong(6)) == [REFUSED] * 6
    assert wrong_logins(liar) == wrong(logins)
    # not even with the right one, in whatever case
    told = [told_each(target, user, [PASSWORD]) for user in
            (ANNA, ANNA.upper())]
    assert told == [["OK"] if limit == 0 else [REFUSED]] * 2
    refused = not_asked(target, ANNA, "it has refused "
                        f"{limit} logins of this user")
    assert len(refused) == (6 - logins + 2 if limit else 0)
    # nobody else
    target.login("bert@old.example", b"wrong")
    assert len([login for login in liar.logins
                if login.user == b"bert@old.example"]) == 1
    target.assert_serves_locally("mia@home.example", "mia's")


@pytest.mark.parametrize("limit, logins", [(3, 3), (0, 10)])
def test_many_wrong_passwords_at_once(make_target, liar, limit, logins,
                                      figures):
    target = make_limited(make_target, liar.port, {
        "migration_login_refusals": limit})
    with Burst(target, [ANNA] * 10, wrong(10)) as burst:
        pass
    assert answers(burst) == {REFUSED: 10}
    assert len(liar.logins) == logins
    figures(f"migration_login_refusals = {limit}: {len(liar.logins)} of 10 "
            "simultaneous wrong passwords of one user reached the provider")


@pytest.mark.parametrize("script", [Session, slow(0.5)], ids=["fast", "slow"])
def test_same_wrong_password_at_once(make_target, liar, script):
    liar.script = script
    target = make_limited(make_target, liar.port)
    with Burst(target, [ANNA] * 20, b"wrong") as burst:
        pass
    assert answers(burst) == {REFUSED: 20}
    assert len(liar.logins) == 1


def test_same_good_password_at_once(make_target, liar):
    """A mail program with many connections at its first login."""
    liar.script = slow(0.5)
    target = make_limited(make_target, liar.port)
    target.mark_logs()
    with Burst(target, [ANNA] * 20, PASSWORD) as burst:
        pass
    assert answers(burst) == {"OK": 20}
    target.settle_log()
    assert len(target.log_lines(
        "info", f"Login of {ANNA} at provider", ": ok")) == 1


def test_right_password_between_wrong_ones(make_target, liar):
    """The last of the three is the right one: nobody is kept out."""
    liar.script = slow(0.3)
    target = make_limited(make_target, liar.port)
    assert told_each(target, ANNA, wrong(2)) == [REFUSED] * 2
    with Burst(target, [ANNA] * 8, PASSWORD) as burst:
        pass
    assert answers(burst) == {"OK": 8}


def test_good_login_clears(make_target, liar):
    target = make_limited(make_target, liar.port)
    assert told_each(target, ANNA, wrong(2) + [PASSWORD]) == \
        [REFUSED] * 2 + ["OK"]
    target.store.wait_moved(ANNA)
    more = [b"later %d" % i for i in range(5)]
    assert told_each(target, ANNA, more) == [REFUSED] * 5
    # what was wrong before is wrong still
    assert told_each(target, ANNA, wrong(2)) == [REFUSED] * 2
    assert wrong_logins(liar) == wrong(2) + more[:3]
    assert_answer(target.login(ANNA, PASSWORD), "OK")


@pytest.mark.parametrize("status", ["NO [UNAVAILABLE]", "NO [EXPIRED]"])
def test_not_a_refusal(make_target, liar, status):
    liar.script = answering(status)
    target = make_limited(make_target, liar.port)
    told_each(target, ANNA, [PASSWORD] * 5)
    assert len(liar.logins) == 5


def test_known_user_is_not_harmed(make_target, liar):
    """The provider is asked to confirm what is known here; whether it refuses,
    is not asked, or is down: the user is let in, and does not wait for it."""
    target = make_limited(make_target, liar.port)
    assert_answer(target.login(ANNA, PASSWORD), "OK")
    target.store.wait_moved(ANNA)
    target.store.write("UPDATE migration_job SET control = 'blocked', "
                       "reason = 'local' WHERE username = ?", ANNA)
    liar.accounts = {}
    liar.forget()
    assert told_each(target, ANNA, [PASSWORD]) == ["OK"]
    wait_until("the provider to refuse", lambda: target.log_lines(
        "info", "the login was refused"))
    assert told_each(target, ANNA, [PASSWORD] * 4) == ["OK"] * 4
    wait_until("the memory to be asked", lambda: len(
        not_asked(target, ANNA, "this password")) == 4)
    assert len(liar.logins) == 1

    liar.script = closing_at("greet")
    login_all(target, new_users(6))
    assert is_open(target)
    liar.forget()
    target.store.write("UPDATE migration_job SET control = 'blocked', "
                       "reason = 'local' WHERE username = ?", ANNA)
    assert told_each(target, ANNA, [PASSWORD] * 2) == ["OK"] * 2
    assert liar.connections() == 0


def main_auth(target):
    """pid of the auth process that has the passdbs."""
    return [process.pid for process in target.processes("auth")
            if "worker" not in process.arguments and
            " -w" not in process.arguments]


def restart_with(target, extra):
    target.stop()
    target.extra = extra
    target.start()


def test_idle_auth_remembers(make_target, liar):
    """Dovecot ends processes that nobody is connected to."""
    target = make_limited(make_target, liar.port, {
        "migration_login_refusal_time": "6 secs"})
    idle_kill = for_version("idle_kill", "idle_kill_interval") + " = 1 secs"
    restart_with(target, f"""
service imap-login {{
  {for_version("service_count", "restart_request_count")} = 1
  {idle_kill}
}}
service auth {{
  {idle_kill}
}}
""")
    assert told_each(target, ANNA, [b"wrong"]) == [REFUSED]
    auth, = main_auth(target)
    wait_until("the login process to end",
               lambda: target.processes("imap-login") == [])
    time.sleep(2.5)
    assert told_each(target, ANNA, [b"wrong"]) == [REFUSED]
    assert main_auth(target) == [auth]
    assert len(liar.logins) == 1
    # when all is forgotten it may go
    wait_until("auth to end", lambda: auth not in main_auth(target))
    assert told_each(target, ANNA, [b"wrong"]) == [REFUSED]
    assert len(liar.logins) == 2


def metric(name, events, field):
    """Counts events by the values of a field."""
    group_by = for_version(
        f"group_by = {field}",
        f"group_by {field} {{\n    method discrete {{\n    }}\n  }}")
    return f"metric {name} {{\n  filter = {events}\n  {group_by}\n}}\n"


def metrics(target):
    """Value of the metrics' group -> how many events."""
    dump = target.doveadm_json("stats", "dump")
    return {row["metric_name"]: int(row["count"]) for row in dump}


def test_events(make_target, liar):
    target = make_limited(make_target, liar.port, {
        "migration_login_line": "0"}, max_logins=1)
    restart_with(target, "".join(
        metric(*each) for each in [
            ("finished", "event=migration_login_finished", "verdict"),
            ("limited",
             "event=migration_login_limited AND provider=oldhost", "reason"),
            ("breaker",
             "event=migration_breaker_changed AND provider=oldhost",
             "breaker")]))
    told_each(target, ANNA, wrong(3) + wrong(1) + [PASSWORD] * 2)
    liar.script = slow(1)
    login_all(target, new_users(4))
    liar.script = closing_at("greet")
    for i in range(7):
        target.login(f"last{i}@old.example", PASSWORD)
    counted = wait_until("the events", lambda: (
        lambda seen: seen.get("limited_breaker") == 2 and seen)(
            metrics(target)))
    assert counted["finished_wrong_password"] == 4
    assert counted["finished_temporary_failure"] == 5
    assert counted["limited_refused_before"] == 1
    assert counted["limited_refusals"] == 2
    assert counted["limited_line"] == 3
    assert counted["breaker_open"] == 1


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
    # all come while the first two are there
    with Liar(slow(0.5 if came == 12 else 3)) as liar:
        target = make_limited(make_target, liar.port, {
            "migration_login_line": length,
            "migration_login_timeout": "40 secs"}, max_logins=2)
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
        target = make_limited(make_target, liar.port, {
            "migration_login_timeout": "40 secs"}, max_logins=2)
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
        assert burst.total_secs() < 20


def test_half_open(make_target, figures):
    """One of many tries whether the provider is back."""
    with Liar(closing_at("greet")) as liar:
        # longer than Dovecot keeps those who fail waiting
        secs = 7
        target = make_limited(make_target, liar.port, {
            "migration_breaker_time": f"{secs} secs"}, max_logins=1)
        assert_breaker_opens(target, new_users(5), secs)
        assert liar.connections() == 5

        # a failed trial opens it again
        time.sleep(secs + 0.5)
        liar.script = closing_at("answer_login")
        assert login_all(target, new_users(20, "early")) == {
            "UNAVAILABLE": 20}
        assert liar.connections() == 6
        assert len(liar.logins) == 1
        login_all(target, new_users(3, "open"))
        assert liar.connections() == 6

        # a trial that takes its time
        time.sleep(secs + 0.5)
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


# What doveadm shows

def provider_row(target):
    row, = target.doveadm_json("migration", "provider", "list")
    return {name: row[name] for name in ("breaker", "logins", "waiting")}


def shown(breaker, logins=0, waiting=0):
    return {"breaker": breaker, "logins": str(logins), "waiting": str(waiting)}


NOTHING = {"breaker": "-", "logins": "-", "waiting": "-"}


def wait_shown(target, expected):
    """Counts are at most a second old."""
    def as_expected():
        seen.append(provider_row(target))
        return seen[-1] == expected
    seen = []
    try:
        wait_until(f"{expected} to be shown", as_expected, 10)
    except AssertionError as error:
        raise AssertionError(f"{error}: {seen[-1]}") from None


def test_provider_list(make_target, liar):
    target = make_limited(make_target, liar.port, {
        "migration_breaker_time": "4 secs"}, max_logins=2)
    # nobody has tried to log in yet
    assert provider_row(target) == NOTHING

    # 2 at the provider, 3 behind them, 4 behind another one of their user
    liar.script = hanging_at("answer_login")
    users = [ANNA] * 5 + new_users(4)
    with Burst(target, users, [*wrong(5), *[PASSWORD] * 4]):
        wait_shown(target, shown("closed", 2, 7))
        liar.script = answering("NO [UNAVAILABLE]")
        liar.drop_connections()
    wait_shown(target, shown("closed"))

    liar.script = closing_at("greet")
    login_all(target, new_users(8, "failing"))
    wait_shown(target, shown("open"))
    # the next login would be the trial
    wait_shown(target, shown("half-open"))

    liar.script = slow(2)
    with Burst(target, [ANNA], PASSWORD):
        wait_shown(target, shown("half-open", 1))
    wait_shown(target, shown("closed"))
    target.store.wait_moved(ANNA)


def test_provider_list_when_the_queue_restarts(make_target, liar):
    """It forgets with the connection and is told again with the next."""
    liar.script = closing_at("greet")
    target = make_limited(make_target, liar.port)
    login_all(target, new_users(8))
    wait_shown(target, shown("open"))

    queue, = target.processes("migration")
    os.kill(queue.pid, signal.SIGTERM)
    wait_until("the queue to be back", lambda: [
        process.pid for process in target.processes("migration")
        if process.pid != queue.pid])
    # auth does not connect for that
    assert provider_row(target) == NOTHING
    login_all(target, new_users(1, "later"))
    wait_shown(target, shown("open"))


def test_provider_list_without_the_queue(make_target, liar):
    target = make_limited(make_target, liar.port)
    login_all(target, [ANNA])
    target.stop()
    assert provider_row(target) == NOTHING
    table = target.doveadm("migration", "provider", "list", check=True)
    assert table.stdout.split()[-3:] == ["-", "-", "-"]
    assert table.stderr == ""

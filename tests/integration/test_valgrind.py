"""auth, queue and worker under valgrind, through a day's work: no invalid
access, nothing lost."""

from pathlib import Path

from checks import assert_answer
from provider import Provider
from target import Target, plain_provider

USER, PASSWORD = "vera@old.example", "under valgrind"
LOCAL_USER, LOCAL_PASSWORD = "here@home.example", "not for providers"
SUPPRESSIONS = Path(__file__).resolve().parent / "valgrind.supp"
VALGRIND = ("/usr/bin/valgrind -q --vgdb=no --leak-check=full "
            f"--suppressions={SUPPRESSIONS} "
            "--show-leak-kinds=definite --log-file=")
PROGRAMS = ("auth", "migration", "migration-worker")


def test_no_memory_errors(folders):
    logs = folders("valgrind")
    logs.mkdir()
    logs.chmod(0o777)
    provider = Provider(folders("provider"), protocols=("imap",))
    for user in (USER, "moved@ren.example"):
        provider.add_user(user, PASSWORD)
    target = Target(
        folders("target"),
        {"oldhost": plain_provider(provider.ports["imap"],
                                   "old.example ren.example=new.example")},
        overrides={"migration_login": "wait"},
        local_users={LOCAL_USER: LOCAL_PASSWORD})
    target.databases = "".join(
        f"service {program} {{\n  executable = {VALGRIND}"
        f"{logs}/{program}.%p /usr/lib/dovecot/{program}\n}}\n"
        for program in PROGRAMS)
    with provider, target:
        work_a_day(provider, target)
    reports = sorted(logs.iterdir())
    assert {report.name.split(".")[0] for report in reports} >= \
        set(PROGRAMS), f"started by valgrind: {reports}"
    text = "".join(report.read_text() for report in reports)
    assert text == "", text


def work_a_day(provider, target):
    assert_answer(target.login(USER, PASSWORD), "NO", "UNAVAILABLE")
    assert_answer(target.login(USER, "wrong"), "NO", "AUTHENTICATIONFAILED")
    assert_answer(target.login("MOVED@ren.example", PASSWORD), "NO",
                  "UNAVAILABLE")
    assert_answer(target.login("nobody@old.example", "x"), "NO",
                  "AUTHENTICATIONFAILED")
    assert_answer(target.login("nobody@foreign.example", "x"), "NO",
                  "AUTHENTICATIONFAILED")
    assert_answer(target.login(LOCAL_USER, "wrong"), "NO",
                  "AUTHENTICATIONFAILED")
    target.assert_serves_locally(LOCAL_USER, LOCAL_PASSWORD)
    for user in (USER, "moved@new.example"):
        target.store.wait_moved(user)
        target.assert_serves_locally(user, PASSWORD)
    provider.stop()
    assert_answer(target.login("late@old.example", "x"), "NO", "UNAVAILABLE")
    target.store.write("UPDATE migration_job SET phase = 'initial'")
    target.doveadm("migration", "sync", "-u", USER)
    assert target.store.job(USER)["attempts"] > 0

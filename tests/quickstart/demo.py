#!/usr/bin/python3
"""What "quickstart" shows: an old provider and a new server on loopback, a
user whom the new server has never seen, who works on at the provider until
their mail is here.

  demo.py --folder FOLDER

FOLDER exists and is empty. Exits 0 only if everything arrived and nothing
changed at the provider."""

import argparse
import imaplib
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "integration"))

from certs import Certificates  # noqa: E402
from compare import explain, explain_fingerprints, table  # noqa: E402
from corpus import make_corpus  # noqa: E402
from provider import Provider  # noqa: E402
from tap import Tap  # noqa: E402
from target import Target  # noqa: E402

USER = "anna@old.example"
PASSWORD = "correct horse battery staple"
# Slow enough to watch.
BYTES_PER_SECOND = 750_000
LIMIT_SECS = 300


class Failed(Exception):
    pass


def say(text=""):
    print(text, flush=True)


def step(text):
    say(f"\n--- {text}")


def show(target, *args):
    """A command as an administrator types it, and what it prints."""
    say("$ " + " ".join(["doveadm", *args]))
    say(target.doveadm(*args, check=True).stdout.rstrip("\n"))


def start_provider(stack, folder, certificate):
    provider = Provider(folder, certificate=certificate)
    provider.add_user(USER, PASSWORD)
    stack.callback(provider.stop)
    provider.start()
    provider.seed(USER, make_corpus(messages=2000))
    return provider


def start_target(stack, folder, port, ca):
    target = Target(folder, providers={
        "oldhost": {
            "host": "localhost",
            "port": port,
            "ssl": "imaps",
            "ssl_ca_file": ca,
            "domains": "old.example",
        },
    }, overrides={"migration_login": "proxy"}, ssl_ca=ca)
    stack.callback(target.stop)
    return target.start()


def log_in(stack, target):
    """A mail program that stays connected."""
    client = imaplib.IMAP4("127.0.0.1", target.ports["imap"], timeout=60)
    stack.callback(client.shutdown)
    try:
        say(f"answer: OK {client.login(USER, PASSWORD)[1][0].decode()}")
    except imaplib.IMAP4.error as error:
        raise Failed(f"the user cannot log in: {error}") from error
    return client


def look(client):
    """What the mail program sees of the INBOX, without changing anything."""
    count = int(client.select("INBOX", readonly=True)[1][0])
    validity = client.response("UIDVALIDITY")[1][0].decode()
    uids = client.uid("SEARCH", "ALL")[1][0].split()
    say(f"INBOX: {count} messages, UIDVALIDITY {validity}, "
        f"last UID {uids[-1].decode()}")
    return validity, uids


def wait_dropped(client):
    """The mail program waits for new mail until the switch ends its
    connection."""
    client.send(b"i1 IDLE\r\n")
    client.socket().settimeout(LIMIT_SECS)
    while client.readline():
        pass
    say("The mail program's connection was closed.")


def watch(target):
    """Shows the record until the first full sync is done."""
    deadline = time.monotonic() + LIMIT_SECS
    last = None
    while True:
        record = target.doveadm_json("migration", "list")[0]
        line = (f"{record['state']:<10} {record['progress']:>3} %"
                f"{record['messages']:>6} messages{record['bytes']:>10} bytes")
        if line != last:
            say(line)
            last = line
        if record["state"] == "following":
            return
        if record["state"] in ("blocked", "retrying"):
            show(target, "migration", "show", USER)
            raise Failed("the first sync failed")
        if time.monotonic() > deadline:
            raise Failed(f"the mail did not arrive within {LIMIT_SECS} s")
        time.sleep(0.5)


def compare(provider, target, before):
    there, here = provider.snapshot(USER), target.snapshot(USER, PASSWORD)
    say(table(there, here))
    difference = explain(there, here)
    if difference:
        raise Failed(f"not everything arrived as it was:\n{difference}")
    say(f"{len(here)} folders, "
        f"{sum(len(box.mails) for box in here.values())} messages: equal")
    return before["account"] == there


def check_provider(provider, before, same_account):
    files = explain_fingerprints(before["files"], provider.fingerprint(USER))
    changes = provider.changes(USER)
    if not same_account or files or changes:
        raise Failed("the provider's mailbox was changed:\n" + files +
                     "\n".join(changes))
    say(f"{len(before['files'])} files on the provider's disk: unchanged")
    say("The provider's own log of changes: empty")


def run(stack, folder):
    step("A throwaway old provider, on loopback, with TLS")
    certificates = Certificates(folder / "certs")
    provider = start_provider(stack, folder / "provider",
                              certificates.issue("server"))
    before = {"account": provider.snapshot(USER),
              "files": provider.fingerprint(USER)}
    provider.mark_logs()
    say(f"{USER} has "
        f"{sum(len(box.mails) for box in before['account'].values())} "
        f"messages in {len(before['account'])} folders there")

    step("A throwaway new server, with the shipped conf.d and the plugin")
    line = stack.enter_context(Tap(provider.ports["imaps"],
                                   bytes_per_second=BYTES_PER_SECOND))
    target = start_target(stack, folder / "new", line.port, certificates.ca)
    show(target, "migration", "provider", "list")
    show(target, "migration", "provider", "test", "oldhost")
    if target.store.account(USER) is not None:
        raise Failed("the new server knows the user already")

    step(f"{USER} logs in to the new server over IMAP, for the first time")
    client = log_in(stack, target)
    seen = look(client)
    here = target.store.job(USER)["messages_done"]
    say(f"So far {here} messages are here: the session is passed through to "
        "the provider.")
    show(target, "proxy", "list")

    step("The mail arrives while the user works on at the provider")
    say(f"(the line to the provider is held at {BYTES_PER_SECOND // 1000} "
        "kB/s)")
    watch(target)
    show(target, "migration", "show", USER)

    step("The switch: the session at the provider ends, the next one is here")
    wait_dropped(client)
    target.settle_log()
    say(target.log_lines("info", "logins are local")[-1])
    client = log_in(stack, target)
    if look(client) != seen:
        raise Failed("the mail program sees another INBOX than before")
    say("The mail program sees what it saw before.")
    connections = line.connections()
    say("One more login, of which the provider must not see anything:")
    log_in(stack, target)
    if line.connections() != connections:
        raise Failed("a login was passed through to the provider again")

    step("Provider and new server, folder by folder")
    same_account = compare(provider, target, before)
    show(target, "migration", "verify", "-u", USER)

    step("The provider's mailbox")
    check_provider(provider, before, same_account)
    for server in (provider, target):
        server.assert_no_crash()


def show_logs(folder):
    for name in ("new", "provider"):
        for kind in ("error", "info"):
            log = folder / name / f"log/{kind}.log"
            if log.exists():
                lines = log.read_text(errors="replace").splitlines()
                say(f"--- the end of {kind}.log of {name}:")
                say("\n".join(lines[-15:]))


def main():
    parser = argparse.ArgumentParser(description="Show a migration.")
    parser.add_argument("--folder", required=True, type=Path)
    folder = parser.parse_args().folder.resolve()
    folder.chmod(0o755)
    # Also where SIGINT is ignored, as behind a shell's "&".
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    try:
        with ExitStack() as stack:
            try:
                run(stack, folder)
            finally:
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    signal.signal(number, signal.SIG_IGN)
    except (Failed, AssertionError) as error:
        show_logs(folder)
        say(f"\nFAILED: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

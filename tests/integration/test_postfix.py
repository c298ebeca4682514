"""What was imported is served to a real Postfix by the shipped maps."""

import itertools
import re

import pytest

from polling import wait_until
from postfix import Postfix, Sink
from target import CONF_D, Target
from test_doveadm import run
from test_import import HASH, account_row, write

ANNA, BERT = "anna@old.example", "bert@old.example"
_subjects = itertools.count(1)


@pytest.fixture(scope="module")
def sink():
    with Sink() as sink:
        yield sink


@pytest.fixture(scope="module")
def target(folders, sink):
    with Target(folders("postfix"), protocols=("imap", "lmtp")) as target:
        run(target, "import", write(target, f"""\
domain;old.example;0;0;1
domain;all.example;0;0;1
domain;off.example;0;0;0
domainalias;also.example;old.example;1
domainalias;also-all.example;all.example;1
domainalias;not.example;old.example;0
relaydomain;relay.example;127.0.0.1;{sink.port};relay;1;0
relaydomain;asked.example;127.0.0.1;{sink.port};smtp;1;1
relaydomain;norelay.example;127.0.0.1;{sink.port};smtp;0;0
{account_row("anna", HASH)}{account_row("bert", HASH)}\
account;carl@old.example;{HASH};;;0;SimpleUsers;carl@old.example
{account_row("dora", HASH, "all.example")}\
{account_row("erna", HASH, "off.example")}\
{account_row("fritz", HASH)}\
alias;info@old.example;1;{ANNA}
alias;o'info@old.example;1;{ANNA}
alias;closed@old.example;0;{ANNA}
alias;chain@old.example;1;info@also.example
alias;@all.example;1;{ANNA}
forward;away@old.example;1;away@elsewhere.example
forward;fritz@old.example;1;fritz@elsewhere.example
dlist;team@old.example;1;{ANNA};{BERT};team@elsewhere.example
"""))
        yield target
    target.assert_no_crash()


@pytest.fixture(scope="module")
def postfix(folders, target, sink):
    with Postfix(folders("mx"), target, sink.port) as postfix:
        yield postfix
    assert re.findall(r"(?:warning|error|fatal|panic):.*", postfix.log()) == []


def found(target, sink, subject):
    """Who has got the message."""
    here = [user for user in target.store.accounts()
            if target.doveadm("search", "-u", user, "mailbox", "INBOX",
                              "subject", subject).stdout.strip()]
    return sorted(here + [name for name, other in list(sink.messages)
                          if other == subject])


@pytest.mark.parametrize("recipient, to", [
    (ANNA, [ANNA]),
    ("ANNA@Old.Example", [ANNA]),
    ("info@old.example", [ANNA]),
    ("o'info@old.example", [ANNA]),
    ("team@old.example", [ANNA, BERT, "team@elsewhere.example"]),
    ("away@old.example", ["away@elsewhere.example"]),
    # an account whose mail goes elsewhere
    ("fritz@old.example", ["fritz@elsewhere.example"]),
    # other names of a domain
    ("bert@also.example", [BERT]),
    ("info@also.example", [ANNA]),
    ("chain@old.example", [ANNA]),
    # everybody else in a domain, and in its other name, but not who has an
    # account
    ("nobody@all.example", [ANNA]),
    ("dora@all.example", ["dora@all.example"]),
    ("nobody@also-all.example", [ANNA]),
    ("dora@also-all.example", ["dora@all.example"]),
    ("anybody@relay.example", ["anybody@relay.example"]),
    ("known@asked.example", ["known@asked.example"]),
])
def test_routed(postfix, target, sink, recipient, to):
    subject = f"number{next(_subjects)}x"
    code, text = postfix.send(recipient, subject)
    assert code == 250, text
    wait_until(f"mail to {recipient}",
               lambda: len(found(target, sink, subject)) >= len(to))
    assert found(target, sink, subject) == sorted(to)


@pytest.mark.parametrize("recipient, code", [
    ("nobody@old.example", 550),
    ("nobody@also.example", 550),
    # disabled: account, alias, domain, other name of a domain, relay
    ("carl@old.example", 550),
    ("carl@also.example", 550),
    ("closed@old.example", 550),
    ("erna@off.example", 454),
    ("anna@not.example", 454),
    ("anybody@norelay.example", 454),
    ("anybody@elsewhere.example", 454),
    # their server does not know them
    ("unknown@asked.example", 550),
    # no SQL
    ("x'or'1'='1@old.example", 550),
])
def test_refused(postfix, recipient, code):
    assert postfix.send(recipient, "refused")[0] == code


def test_maps(postfix):
    assert postfix.lookup("transports", "relay.example").startswith(
        "relay:[127.0.0.1]:")
    assert postfix.lookup("transports", "norelay.example") == ""
    assert postfix.lookup("aliases", "team@old.example") == \
        f"{ANNA},{BERT},team@elsewhere.example"
    assert postfix.lookup("domain-aliases", "bert@also.example") == BERT
    assert postfix.lookup("domain-aliases", "@also.example") == ""
    assert postfix.lookup("verify", "asked.example") == \
        "reject_unverified_recipient"
    assert postfix.lookup("verify", "relay.example") == ""


def test_maps_of_all_databases_ask_the_same():
    """But for where the database is, and how texts are joined."""
    def query(path):
        text = path.read_text().partition("\nquery =\n")[2]
        assert text != ""
        return re.sub(r"CONCAT\(([^()]*)\)",
                      lambda match: match[1].replace(", ", " || "), text)

    names = {path.name for path in (CONF_D / "postfix/sqlite").iterdir()}
    assert len(names) == 8
    for driver in ("pgsql", "mysql"):
        folder = CONF_D / "postfix" / driver
        assert {path.name for path in folder.iterdir()} == names
        for name in names:
            assert query(folder / name) == \
                query(CONF_D / "postfix/sqlite" / name)

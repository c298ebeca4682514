"""Settings of a provider block that decide what is moved, and from where."""

import pytest

from checks import assert_answer, assert_same_account
from corpus import Folder, Message, Writer
from provider import Provider
from target import plain_provider

USER, PASSWORD = "rita@old.example", "a password of rita"
BIG_BYTES = 200_000

SPECIAL_USE = """
namespace inbox {
  inbox = yes
  separator = .
  mailbox Spam {
    special_use = \\Junk
  }
}
"""
EVERYTHING_BELOW_INBOX = """
namespace inbox {
  inbox = yes
  separator = .
  prefix = INBOX.
}
"""


def make_mail():
    writer = Writer(5)
    names = ("INBOX", "Sent", "Archive", "Archive/2023", "Two words", "Spam")
    return [Folder(name, writer.messages(8)) for name in names]


@pytest.fixture
def make_provider(folders):
    """Starts providers; they end with the test."""
    providers = []

    def make(extra, seeded=None):
        provider = Provider(folders("provider"))
        provider.extra = extra
        provider.add_user(USER, PASSWORD)
        providers.append(provider.start())
        provider.seed(USER, make_mail() if seeded is None else seeded)
        return provider

    yield make
    for provider in providers:
        provider.stop()


def move(make_target, provider, **settings):
    target = make_target(
        {"oldhost": plain_provider(provider.ports["imap"], "old.example",
                                   **settings)},
        overrides={"migration_login": "wait"})
    assert_answer(target.login(USER, PASSWORD), "NO", "UNAVAILABLE")
    target.store.wait_moved(USER)
    return target.snapshot(USER, PASSWORD)


@pytest.mark.parametrize("exclude, gone", [
    ("Archive*", {"Archive", "Archive/2023"}),
    ('Sent "Two words"', {"Sent", "Two words"}),
    ("\\Junk", {"Spam"}),
    ("INBOX", set()),
])
def test_exclude(make_provider, make_target, exclude, gone):
    provider = make_provider(SPECIAL_USE)
    expected = provider.snapshot(USER)
    moved = move(make_target, provider, exclude=exclude)
    assert set(expected) - set(moved) == gone
    if exclude == "INBOX":
        assert moved["INBOX"].mails == {} and expected["INBOX"].mails != {}
        del moved["INBOX"], expected["INBOX"]
    assert_same_account({name: mailbox for name, mailbox in expected.items()
                         if name not in gone}, moved)


def test_max_size(make_provider, make_target):
    writer = Writer(6)
    mail = [Folder("INBOX", [
        Message(writer.message()),
        Message(writer.message(body=b"x" * BIG_BYTES + b"\r\n")),
        Message(writer.message())])]
    provider = make_provider("", mail)
    moved = move(make_target, provider, max_size="100 k")
    sizes = [mail.size for mail in moved["INBOX"].mails.values()]
    assert len(sizes) == 2 and max(sizes) < BIG_BYTES


def test_list_prefix(make_provider, make_target):
    mail = [Folder(folder.name if folder.name == "INBOX" else
                   "INBOX/" + folder.name, folder.messages)
            for folder in make_mail()]
    provider = make_provider(EVERYTHING_BELOW_INBOX, mail)
    expected = {name.removeprefix("INBOX/"): mailbox
                for name, mailbox in provider.snapshot(USER).items()}
    moved = move(make_target, provider, list_prefix="INBOX")
    assert set(moved) == set(expected)
    for name, mailbox in expected.items():
        assert moved[name].mails == mailbox.mails
        assert moved[name].uidvalidity == mailbox.uidvalidity

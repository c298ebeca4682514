"""Whatever a provider calls its folders: each comes, once, with its mail and its
subscription, and is found under the same name ever after."""

import pytest

from checks import assert_answer
from hand import Hand
from liar import Liar
from liar_mail import Folder, MailSession, message, serving
from moved import PASSWORD, USER, Moved
from provider import Provider
from target import plain_provider

FORMATS = ("maildir", "sdbox", "mdbox")

# On the wire, with "/" as the separator. Folder and what it must be called
# here with "/", if that is not left to the code.
NAMES = {
    b"plain": "plain", b"a": "a", b"a/b": "a/b", b"a//b": None,
    b"a/../b": None, b"/abs": None, b"/": None, b"trailing/": None,
    b" leading": " leading", b"trailing ": "trailing ", b" ": " ",
    b"~": None, b"~user": None, b"~user/x": None, b"a/~x": "a/~x",
    b"..": None, b".": None, b"...": None, b"....": None,
    b"a.b": None, b"a_b": "a_b", b"a/b.c": None, b"www.example.com": None,
    b"x" * 255: None, b"x" * 256: None, b"x" * 400 + b"/y": None,
    b"/".join([b"deep"] * 60): None,
    b"&2D3eAA-": "&2D3eAA-", b"\xf0\x9f\x98\x80": None,
    b"Entw&APw-rfe": "Entw&APw-rfe", "Entw\xfcrfe".encode(): None,
    b"Entwu&AwgA-rfe": None, "Entwu\u0308rfe".encode(): None,
    b"Entw\xfcrfe": None, b"R&D": "R&-D", b"R&-D": None, b"bad&": None,
    b"&AAA-": None, b"&APw": None,
    b"tab\there": None, b"bell\x07": None,
    b"tab here": "tab here", b"tab_here": "tab_here", b"\x7f": None,
    b"INBOX/Sub": "INBOX/Sub", b"inbox/Sub": None, b"Inbox/Sub": None,
    b"Inbox2": "Inbox2", b"Case": "Case", b"case": "case", b"CASE": "CASE",
    b"cur": "cur", b"new": "new", b"tmp": "tmp", b"a/cur": "a/cur",
    b"dovecot.index": None, b"dovecot-uidlist": "dovecot-uidlist",
    b"dbox-Mails": None, b"a/dbox-Mails": None, b"mailboxes": "mailboxes",
    b"subscriptions": "subscriptions", b"storage": "storage",
    b"star*": "star*", b"*": "*", b"%": "%", b"100%": "100%",
    b'quote"d': 'quote"d', b"back\\slash": "back\\slash", b'"': '"',
    b"{3}": "{3}", b"(x)": "(x)", b"NIL": "NIL", b"a_2": "a_2", b"a_b_2": None,
    b"#news": "#news", b"!": "!",
}
NAMESPACE = """
namespace inbox {
  inbox = yes
  separator = %s
}
"""


def make_folders(names):
    """Each has one message, and every other one is subscribed."""
    folders = {b"INBOX": Folder({1: message("inbox")})}
    for number, name in enumerate(names):
        folders[name] = Folder({1: message(f"in{number}")}, 1000 + number,
                               subscribed=number % 2 == 0)
    return folders


def found(account):
    """Where the messages are: name and its Mailbox by the first word."""
    return find_words(account.snapshot())


def find_words(folders):
    result = {}
    for name, mailbox in folders.items():
        if mailbox.mails:
            uid = min(mailbox.mails)
            word = mailbox.mails[uid].message_id.partition("@")[0].lstrip("<")
            assert word not in result, f"{word} in {name}, {result[word][0]}"
            result[word] = name, mailbox
    return result


@pytest.mark.parametrize("separator", ["/", "."])
@pytest.mark.parametrize("mail_format", FORMATS)
def test_names(make_target, figures, mail_format, separator):
    folders = make_folders(NAMES)
    with Liar(serving(folders)) as liar:
        account = Moved(make_target, liar, mail_format,
                        NAMESPACE % separator).wait()
        first = found(account)
        assert len(first) == len(folders)
        for number, (name, wanted) in enumerate(NAMES.items()):
            here, mailbox = first[f"in{number}"]
            assert mailbox.subscribed == folders[name].subscribed, name
            assert list(mailbox.mails) == [1], name
            assert mailbox.uidvalidity == 1000 + number, name
            if separator == "/" and wanted is not None and \
                    (mail_format != "maildir" or "." not in wanted):
                assert here == wanted
        # all that could not keep their names are noted, and they are no failure
        notes = {name: text for name, uid, text in account.notes()}
        assert all(text.startswith('Called "') for text in notes.values())
        changed = {name for name, wanted in NAMES.items() if wanted is None}
        figures(f"{len(notes)} of {len(NAMES)} names are others here")
        if separator == "/":
            assert len(notes) >= len(changed) // 2
            assert 'Called "a//b" at the provider' in notes.values()
        # nothing changes, and what is new comes to the same place
        before = account.snapshot()
        account.sync()
        assert account.snapshot() == before
        for folder in folders.values():
            folder.mails[2] = message("new")
        account.sync()
        second = found(account)
        assert {word: name for word, (name, _) in second.items()} == \
            {word: name for word, (name, _) in first.items()}
        assert all(list(mailbox.mails) == [1, 2]
                   for _, mailbox in second.values())


class Resting(MailSession):
    """Without LITERAL+, with names that imapc cannot send."""
    capabilities = MailSession.capabilities.replace(b" LITERAL+", b"")


def test_names_that_cannot_be_sent(make_target):
    names = ["gr\xfcn".encode(), b"line\r\nend", b"line\nend"]
    with Liar(serving(make_folders(names), Resting)) as liar:
        account = Moved(make_target, liar).wait()
        assert {word: name for word, (name, _) in found(account).items()} == {
            "inbox": "INBOX", "in0": "gr&APw-n"}
        assert [(name, "line end" in text)
                for name, _, text in account.notes()] == [
                    ("line__end", True), ("line_end", True)]
        before = account.snapshot()
        account.sync()
        assert account.snapshot() == before


@pytest.mark.parametrize("mail_format", FORMATS)
def test_names_of_dovecot(folders, make_target, mail_format):
    """The same with a real provider, as far as it can hold such names."""
    with Provider(folders("names"), mail_format="sdbox") as old:
        old.add_user(USER, PASSWORD)
        with old.client(USER) as client:
            hand, count = Hand(lambda: client), 0
            for name in (name for name in NAMES if name[-1:] != b"/"):
                quoted = '"' + name.decode("latin1").replace(
                    "\\", "\\\\").replace('"', '\\"') + '"'
                try:
                    status, _ = client.create(quoted)
                except (UnicodeEncodeError, client.error):
                    continue
                if status == "OK":
                    hand.append(quoted, f"in{count}")
                    count += 1
                    if count % 2 == 0:
                        client.subscribe(quoted)
            assert count > 40
        target = make_target(
            {"oldhost": plain_provider(old.ports["imap"], "old.example")},
            overrides={"migration_login": "local"}, mail_format=mail_format)
        assert_answer(target.login(USER, PASSWORD), "OK")
        target.store.wait_moved(USER)
        there = find_words(old.snapshot(USER))
        here = find_words(target.snapshot(USER, PASSWORD))
        assert here.keys() == there.keys()
        for word, (name, mailbox) in there.items():
            assert (here[word][1].mails, here[word][1].subscribed) == (
                mailbox.mails, mailbox.subscribed), name
        target.doveadm("migration", "sync", "-u", USER, check=True)
        assert find_words(target.snapshot(USER, PASSWORD)) == here


def test_names_that_come_later(make_target):
    """Who has a name keeps it."""
    folders = make_folders([b"a.b", b"tab\there"])
    with Liar(serving(folders)) as liar:
        account = Moved(make_target, liar, "maildir",
                        NAMESPACE % "/").wait()
        first = found(account)
        assert (first["in0"][0], first["in1"][0]) == ("a_b", "tab_here")
        for name, word in ((b"a_b", "new1"), (b"tab_here", "new2")):
            folders[name] = Folder({1: message(word)}, 2000 + len(folders))
        account.sync()
        second = found(account)
        assert {word: name for word, (name, _) in second.items()} == {
            "inbox": "INBOX", "in0": "a_b", "in1": "tab_here",
            "new1": "a_b_2", "new2": "tab_here_2"}

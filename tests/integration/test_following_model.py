"""The model that judges the follower notices what a broken one would do. No
server is needed."""

import copy

import pytest

from compare import Mail, Mailbox
from following import Account, Model


def mail(word, *flags):
    return Mail(frozenset(flags), frozenset(), 1, len(word), word,
                f"<{word}>")


def account(**folders):
    """Folder -> words, each with the UID that its place says, or by UID."""
    result = Account({}, set(folders), {})
    for name, mails in folders.items():
        if not isinstance(mails, dict):
            mails = {uid: mail(word) for uid, word in enumerate(mails, 1)}
        result.folders[name] = Mailbox(7, True, mails=mails,
                                       uidnext=max(mails, default=0) + 1)
        result.guids[name] = name
    return result


# What was synced, and what both sides have made of it
FIRST = account(INBOX=["a", "b", "c"], Work=["w"])
THERE = account(INBOX={1: mail("a", "\\Seen"), 3: mail("c"), 4: mail("d")},
                Work=["w"], New=["n"])
HERE = account(INBOX={1: mail("a"), 2: mail("b"), 3: mail("c"),
                      4: mail("own")}, Work={})
GOOD = account(INBOX={1: mail("a", "\\Seen"), 3: mail("c"), 4: mail("own"),
                      5: mail("d")}, Work={}, New=["n"])


def judge(after):
    return Model(FIRST, copy.deepcopy(FIRST)).synced(THERE, HERE, after)


def test_good():
    assert judge(GOOD) == []


def inbox(mails):
    return {"INBOX": {**GOOD.folders["INBOX"].mails, **mails}}


def without(uid):
    return {"INBOX": {other: mail for other, mail in
                      GOOD.folders["INBOX"].mails.items() if other != uid}}


@pytest.mark.parametrize("changed, complaint", [
    (inbox({6: mail("d")}), "UID 6 <d> should not be here: it is here 2"),
    (inbox({6: mail("a")}), "UID 6 <a> should not be here: it is here 2"),
    (without(5), "<d>, UID 4 at the provider, has not arrived"),
    (without(4), "UID 4 <own> is lost"),
    (without(3), "UID 3 <c> is lost"),
    ({"INBOX": {**without(5)["INBOX"], 6: mail("d")}},
     "UID 6 <d> should have UID 5"),
    (inbox({1: mail("a")}), "UID 1 <a> has [] instead of ['\\\\Seen']"),
    (inbox({2: mail("b")}), "UID 2 <b> is still here: expunged"),
    (inbox({3: mail("x")}), "UID 3 is <x> instead of <c>"),
    (inbox({5: mail("d", "\\Seen")}), "UID 5 <d> has ['\\\\Seen']"),
    ({"Work": ["w"]}, "UID 1 <w> should not be here"),
    ({"New": None}, "New (new at the provider): is not here"),
    ({"Other": ["x"]}, "Other: has come from nowhere"),
])
def test_bad(changed, complaint):
    good = {name: folder.mails for name, folder in GOOD.folders.items()}
    after = account(**{name: mails for name, mails in {
        **good, **changed}.items() if mails is not None})
    complaints = judge(after)
    assert len(complaints) == 1 and complaint in complaints[0], complaints


def test_goes_on_from_what_is_there():
    """One fault is told once."""
    model = Model(FIRST, copy.deepcopy(FIRST))
    after = account(INBOX=GOOD.folders["INBOX"].mails | {6: mail("d")},
                    Work={}, New=["n"])
    assert len(model.synced(THERE, HERE, after)) == 1
    assert model.synced(THERE, after, after) == []

"""After the first pull the account here follows the provider's, and what the
user does here stays done. following.py has the rules.

  SEED=7 ROUNDS=2000 ./run test_following.py -k random

goes on for longer, and with other changes. A round that fails is there again
with the same SEED."""

import os
import random
from collections import Counter

import pytest

from crasher import Crasher
from hand import Hand
from interrupter import Interrupter
from pair import Pair
from tap import Tap
from walk import SEED, Walk

USER = "fritz@old.example"
ROUNDS = int(os.environ.get("ROUNDS", "210"))
# mail format here, provider, migration_remote_deletes
WAYS = (("maildir", "condstore", "follow"), ("sdbox", "condstore", "follow"),
        ("mdbox", "condstore", "follow"), ("maildir", "bare", "follow"),
        ("sdbox", "no condstore", "follow"),
        ("mdbox", "no condstore", "follow"), ("sdbox", "condstore", "keep"))
FORMATS = ("maildir", "sdbox", "mdbox")
# Each with messages one to five, and each for one test
FOLDERS = ("Flags", "Conflict", "Expunge", "Deleted", "Moved", "There",
           "Gone", "Busy", "Rename", "Removed", "Renamed", "Own", "Rebuilt",
           "Subscribed", "Unsubscribed")
# For what the model leaves open
RENAMED_FOLDERS = ("Onto", "Parent", "Tree", "Tree.Leaf", "Bush")
WORDS = ["one", "two", "three", "four", "five"]
KILLS = 10


@pytest.mark.parametrize("mail_format, server, deletes", WAYS)
def test_random_changes(folders, figures, mail_format, server, deletes):
    rounds = -(-ROUNDS // len(WAYS))
    with Walk(folders, USER, "random changes", mail_format=mail_format,
              server=server, deletes=deletes) as walk:
        for _ in range(rounds):
            walk.round()
        figures(f"{rounds} rounds with {walk.changes} changes")


class Scene:
    """A pair, and both sides of it in our hands."""

    def __init__(self, folders, names=FOLDERS, **kwargs):
        self.names = names
        self.pair = Pair(folders, USER, self._seed, **kwargs)
        self.there = Hand(lambda: self.pair.remote)
        self.here = Hand(lambda: self.pair.local)

    def __enter__(self):
        self.pair.__enter__()
        return self

    def __exit__(self, *exc):
        self.pair.__exit__(*exc)

    def _seed(self, _old):
        self.pair.connect_remote()
        for name in ("INBOX", *self.names):
            if name != "INBOX":
                self.there.folder("CREATE", name)
            if name != "Subscribed":
                self.there.folder("SUBSCRIBE", name)
            for word in WORDS:
                self.there.append(name, word)

    def sync(self, **kwargs):
        self.pair.assert_follows(**kwargs)

    def sync_unchecked(self):
        """Not compared with the model, in this scene never again."""
        assert self.pair.sync() == ""


@pytest.fixture(scope="module", params=FORMATS)
def scene(folders, request):
    with Scene(folders, mail_format=request.param) as scene:
        yield scene


@pytest.fixture(scope="module", params=FORMATS)
def renamed(folders, request):
    with Scene(folders, RENAMED_FOLDERS, mail_format=request.param) as scene:
        yield scene


def test_new_mail(scene):
    scene.there.append("INBOX", "six", ("\\Seen", "$Forwarded"))
    scene.sync()
    assert scene.here.words("INBOX") == [*WORDS, "six"]
    assert scene.here.flags("INBOX", "six") == {"\\Seen", "$Forwarded"}
    # the same UID on both sides, several times
    for number in range(3):
        scene.here.append("INBOX", f"here{number}")
        scene.there.append("INBOX", f"there{number}")
        scene.sync()
    for _ in range(3):
        scene.sync()
    words = Counter(scene.here.words("INBOX"))
    assert words == Counter(scene.there.words("INBOX") +
                            ["here0", "here1", "here2"])


def test_flags(scene):
    scene.there.store("Flags", "one", "+", "\\Seen", "\\Flagged", "$Mine")
    scene.there.store("Flags", "two", "+", "\\Answered")
    scene.sync()
    assert scene.here.flags("Flags", "one") == {"\\Seen", "\\Flagged", "$Mine"}
    scene.there.store("Flags", "one", "-", "\\Seen", "$Mine")
    scene.there.store("Flags", "two", "-", "\\Answered")
    scene.sync()
    assert scene.here.flags("Flags", "one") == {"\\Flagged"}
    assert scene.here.flags("Flags", "two") == set()


def test_flags_changed_on_both_sides(scene):
    """Here wins; what comes later is added."""
    scene.here.store("Conflict", "one", "+", "\\Flagged")
    scene.there.store("Conflict", "one", "+", "\\Seen")
    scene.sync()
    assert scene.here.flags("Conflict", "one") == {"\\Flagged"}
    scene.sync()
    assert scene.here.flags("Conflict", "one") == {"\\Flagged"}
    scene.there.store("Conflict", "one", "+", "\\Answered")
    scene.sync()
    assert scene.here.flags("Conflict", "one") == {"\\Flagged", "\\Answered"}
    scene.there.store("Conflict", "one", "-", "\\Seen")
    scene.there.store("Conflict", "one", "-", "\\Answered")
    scene.sync()
    assert scene.here.flags("Conflict", "one") == {"\\Flagged"}


def test_expunged_at_the_provider(scene):
    scene.here.store("Expunge", "two", "+", "\\Flagged")
    for word in ("one", "two"):
        scene.there.expunge("Expunge", word)
    scene.sync()
    assert scene.here.words("Expunge") == WORDS[1:]
    # an ordinary local message
    scene.sync()
    scene.here.store("Expunge", "two", "-", "\\Flagged")
    scene.sync()
    assert scene.here.words("Expunge") == WORDS[1:]


def test_deleted_here(scene):
    scene.here.expunge("Deleted", "one")
    scene.here.expunge("Deleted", "five")
    scene.sync()
    scene.there.store("Deleted", "one", "+", "\\Flagged")
    scene.there.append("Deleted", "six")
    scene.sync()
    scene.sync()
    assert scene.here.words("Deleted") == ["two", "three", "four", "six"]


def test_moved_here(scene):
    scene.here.folder("CREATE", "Mine")
    scene.here.move("Moved", "one", "Mine")
    scene.here.copy("Moved", "two", "Mine")
    scene.sync()
    for word in ("one", "two"):
        scene.there.expunge("Moved", word)
    scene.sync()
    assert scene.here.words("Moved") == WORDS[2:]
    assert scene.here.words("Mine") == WORDS[:2]


def test_moved_at_the_provider(scene):
    scene.there.folder("CREATE", "Target")
    scene.there.move("There", "one", "Target")
    scene.sync()
    scene.there.move("There", "two", "Target")
    scene.there.store("Target", "two", "+", "\\Flagged")
    scene.sync()
    assert scene.here.words("There") == WORDS[2:]
    assert scene.here.words("Target") == WORDS[:2]
    assert scene.here.flags("Target", "two") == {"\\Flagged"}


def test_folder_deleted_at_the_provider(scene):
    """Only what holds nothing but the provider's unchanged mail goes."""
    scene.here.expunge("Gone", "one")
    scene.here.append("Busy", "mine")
    for name in ("Gone", "Busy"):
        scene.there.folder("DELETE", name)
    scene.sync()
    assert "Gone" not in scene.here.folders()
    assert scene.here.words("Busy") == [*WORDS, "mine"]
    scene.sync()
    assert scene.here.words("Busy") == [*WORDS, "mine"]


def test_folder_renamed_at_the_provider(scene):
    scene.there.folder("RENAME", "Rename", "New")
    scene.there.append("New", "six")
    scene.sync()
    assert scene.here.words("New") == [*WORDS, "six"]
    assert "Rename" not in scene.here.folders()
    scene.there.expunge("New", "one")
    scene.sync()
    assert scene.here.words("New") == [*WORDS[1:], "six"]


def rename_and_change(renamed, name, new_name):
    """What has changed here must survive it."""
    renamed.here.expunge(name, "one")
    renamed.here.store(name, "two", "+", "\\Flagged")
    renamed.here.append(name, "mine")
    renamed.there.folder("RENAME", name, new_name)
    renamed.there.append(new_name, "six")
    renamed.sync_unchecked()
    for _ in range(2):
        renamed.there.store(new_name, "two", "+", "\\Seen")
        renamed.sync_unchecked()
    renamed.there.expunge(new_name, "three")
    renamed.sync_unchecked()


def test_folder_renamed_onto_a_mailbox(renamed):
    """The user has one of that name here: it gets what the folder had."""
    renamed.here.folder("CREATE", "Taken")
    for word in ("own1", "own2"):
        renamed.here.append("Taken", word)
    rename_and_change(renamed, "Onto", "Taken")
    assert "Onto" not in renamed.here.folders()
    assert Counter(renamed.here.words("Taken")) == Counter(
        ["own1", "own2", "two", "four", "five", "mine", "six"])
    assert renamed.here.flags("Taken", "two") == {"\\Flagged", "\\Seen"}


def test_folder_renamed_onto_a_parent(renamed):
    """The name is only a place in the hierarchy here, with one below it."""
    below = renamed.here.path("Above", "Below")
    renamed.here.folder("CREATE", below)
    renamed.here.append(below, "own")
    rename_and_change(renamed, "Parent", "Above")
    assert "Parent" not in renamed.here.folders()
    assert renamed.here.words("Above") == [
        "two", "four", "five", "mine", "six"]
    assert renamed.here.flags("Above", "two") == {"\\Flagged", "\\Seen"}
    assert renamed.here.words(below) == ["own"]


def test_folders_renamed_with_what_is_below(renamed):
    """A child goes elsewhere than its parent, and another one comes."""
    renamed.there.folder("RENAME", "Tree", "Wood")
    renamed.there.folder("RENAME", "Wood.Leaf", "Leaf")
    renamed.there.folder("RENAME", "Bush", "Wood.Bush")
    renamed.sync_unchecked()
    assert not {"Tree", renamed.here.path("Tree", "Leaf"), "Bush"} & \
        renamed.here.folders()
    names = {"Wood": "Wood", "Leaf": "Leaf",
             "Wood.Bush": renamed.here.path("Wood", "Bush")}
    for there, here in names.items():
        assert renamed.here.words(here) == WORDS
        renamed.there.expunge(there, "one")
    renamed.sync_unchecked()
    for here in names.values():
        assert renamed.here.words(here) == WORDS[1:]


def test_folder_deleted_here(scene):
    scene.here.folder("DELETE", "Removed")
    scene.sync()
    scene.there.store("Removed", "one", "+", "\\Flagged")
    scene.sync()
    assert "Removed" not in scene.here.folders()
    scene.there.append("Removed", "six")
    scene.sync()
    scene.sync()
    assert scene.here.words("Removed") == ["six"]


def test_folder_renamed_here(scene):
    scene.here.folder("RENAME", "Renamed", "Kept")
    scene.sync()
    assert "Renamed" not in scene.here.folders()
    scene.there.append("Renamed", "six")
    scene.there.expunge("Renamed", "one")
    scene.sync()
    assert scene.here.words("Renamed") == ["six"]
    assert scene.here.words("Kept") == WORDS


def test_folder_made_anew_here(scene):
    scene.here.folder("DELETE", "Own")
    scene.here.folder("CREATE", "Own")
    scene.here.append("Own", "mine")
    scene.sync()
    scene.there.append("Own", "six")
    scene.sync()
    assert scene.here.words("Own") == ["mine", "six"]


def test_new_uidvalidity(scene):
    scene.here.append("Rebuilt", "mine")
    scene.here.store("Rebuilt", "one", "+", "\\Flagged")
    scene.there.expunge("Rebuilt", "two")
    scene.sync()
    scene.pair.remote.logout()
    scene.pair.old.rebuild(USER, "Rebuilt")
    scene.pair.connect_remote()
    scene.there.append("Rebuilt", "six")
    scene.sync()
    scene.there.store("Rebuilt", "three", "+", "\\Seen")
    scene.sync()
    assert scene.here.words("Rebuilt") == [
        "one", "three", "four", "five", "mine", "six"]
    assert scene.here.flags("Rebuilt", "one") == {"\\Flagged"}
    assert scene.here.flags("Rebuilt", "three") == {"\\Seen"}


def test_subscriptions(scene):
    scene.there.folder("SUBSCRIBE", "Subscribed")
    scene.there.folder("UNSUBSCRIBE", "Unsubscribed")
    scene.sync()
    scene.here.folder("UNSUBSCRIBE", "Subscribed")
    scene.here.folder("SUBSCRIBE", "Unsubscribed")
    scene.sync()
    scene.sync()


def test_remote_deletes_keep(folders):
    with Scene(folders, ("Folder",), mail_format="sdbox",
               deletes="keep") as scene:
        scene.there.expunge("INBOX", "one")
        scene.there.folder("DELETE", "Folder")
        scene.sync()
        assert scene.here.words("INBOX") == WORDS
        assert scene.here.words("Folder") == WORDS


@pytest.mark.parametrize("mail_format, server", [
    ("maildir", "condstore"), ("sdbox", "condstore"), ("mdbox", "condstore"),
    ("sdbox", "bare")])
def test_killed_after_uids_collided(folders, figures, mail_format, server):
    """What a state beside the mail gets wrong: copies that grow with each run
    that was killed between "saved" and "noted"."""
    scene = Scene(folders, (), mail_format=mail_format, server=server)
    pair, crasher = scene.pair, Crasher(folders("crasher"))
    with Tap(pair.old.ports["imap"]) as tap:
        pair.provide(tap.port)
        pair.target.databases = crasher.settings()
        pair.target.killed = True
        interrupter = Interrupter(pair.old, pair.target, USER, tap, crasher,
                                  random.Random(f"{SEED} {mail_format}"))
        with scene:
            collide_and_kill(scene, interrupter)
    figures(str(interrupter))


def collide_and_kill(scene, interrupter):
    words = [*WORDS]

    def collide(number):
        scene.here.append("INBOX", f"here{number}")
        scene.there.append("INBOX", f"there{number}")
        words.extend([f"here{number}", f"there{number}"])

    def kill_and_sync():
        interrupter.kill_at_change()
        return interrupter.sync()

    collide(0)
    scene.sync(sync=interrupter.measure)
    for number in range(1, KILLS + 1):
        collide(number)
        scene.sync(sync=kill_and_sync, interrupted=True)
    scene.sync(sync=interrupter.sync)
    assert Counter(scene.here.words("INBOX")) == Counter(words)
    assert interrupter.done.get("killed at a change on disk", 0) >= KILLS - 2


@pytest.mark.parametrize("folder_count", [16, 500])
def test_nothing_changed(folders, figures, folder_count):
    """A look costs the same however many folders and messages there are."""
    scene = Scene(folders, (), mail_format="sdbox")
    pair = scene.pair
    with Tap(pair.old.ports["imap"]) as tap:
        pair.provide(tap.port)
        with scene:
            for number in range(1, folder_count):
                scene.there.folder("CREATE", f"Folder{number}")
                if number % 10 == 0:
                    scene.there.append(f"Folder{number}", "one")
            assert pair.sync() == ""
            before = len(tap.commands())
            assert pair.sync() == ""
            commands = tap.commands()[before:]
    figures(f"{folder_count} folders, nothing changed: {len(commands)} "
            f"commands ({' '.join(commands)})")
    assert len(commands) <= 6

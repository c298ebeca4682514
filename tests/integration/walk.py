"""Random changes on both sides of a pair, round by round, each with a sync
after it."""

import os
import random

import pytest

from pair import Pair
from users import LocalUser, RemoteUser

SEED = os.environ.get("SEED", "1")
# Rounds without any change: nothing must happen in them
IDLE = 0.1


class Walk:
    """A context manager. seed_account(provider) fills the account; without it
    a random one is made. The same SEED, name and kind of pair make the same
    changes."""

    def __init__(self, folders, user, name, seed_account=None, changes=(2, 10),
                 **kwargs):
        self.name, self.seed_account = name, seed_account
        self.least, self.most = changes
        self.random = random.Random(
            f"{SEED} {name} {sorted(kwargs.items())}")
        self.pair = Pair(folders, user, self._seed, **kwargs)
        self.number, self.changes = 0, 0

    def __enter__(self):
        self.pair.__enter__()
        self.remote.client = self.pair.remote
        self.local = LocalUser(self.pair.local, self.random,
                               self.pair.target.ports["lmtp"], self.pair.user)
        self.remote.other, self.local.other = self.local, self.remote
        return self

    def __exit__(self, *exc):
        self.pair.__exit__(*exc)

    def _seed(self, old):
        if self.seed_account is not None:
            self.seed_account(old)
        self.remote = RemoteUser(self.pair.connect_remote(), self.random,
                                 self._rebuild)
        self.remote.other = self.remote
        if self.seed_account is None:
            for _ in range(60):
                self.remote.begin_round("INBOX")
                self.remote.change()

    def _rebuild(self, name):
        self.remote.client.logout()
        self.pair.old.rebuild(self.pair.user, name)
        return self.pair.connect_remote()

    def round(self, sync=None, interrupted=False):
        """sync is called instead of Pair.sync()."""
        self.number += 1
        told = self.change()
        complaints = self.pair.follow(sync, interrupted)
        self.remote.client = self.pair.remote
        self.local.client = self.pair.local
        if complaints:
            pytest.fail(
                f"round {self.number} of {self.name}, SEED={SEED}\n" +
                self.pair.explain(complaints, told), pytrace=False)

    def change(self):
        """Returns what was changed, in this order."""
        hot = self.random.choice(self.remote.folder_names())
        for user in (self.remote, self.local):
            user.begin_round(hot)
        if self.random.random() < IDLE:
            return []
        told = []
        for _ in range(self.random.randint(self.least, self.most)):
            user = self.random.choice((self.remote, self.local))
            user.change()
            told.append(user.told[-1])
        self.changes += len(told)
        return told

"""After the first pull the account here follows the provider's, and what the
user does here stays done. following.py has the rules.

  SEED=7 ROUNDS=2000 ./run test_following.py -k random

goes on for longer, and with other changes. A round that fails is there again
with the same SEED."""

import os

import pytest

from walk import Walk

USER = "fritz@old.example"
ROUNDS = int(os.environ.get("ROUNDS", "210"))
# mail format here, provider, migration_remote_deletes
WAYS = (("maildir", "condstore", "follow"), ("sdbox", "condstore", "follow"),
        ("mdbox", "condstore", "follow"), ("maildir", "bare", "follow"),
        ("sdbox", "no condstore", "follow"),
        ("mdbox", "no condstore", "follow"), ("sdbox", "condstore", "keep"))


@pytest.mark.parametrize("mail_format, server, deletes", WAYS)
def test_random_changes(folders, figures, mail_format, server, deletes):
    rounds = -(-ROUNDS // len(WAYS))
    with Walk(folders, USER, "random changes", mail_format=mail_format,
              server=server, deletes=deletes) as walk:
        for _ in range(rounds):
            walk.round()
        figures(f"{rounds} rounds with {walk.changes} changes")

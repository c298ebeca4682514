"""What several tests assert."""

from compare import explain, explain_fingerprints, table


def assert_same_account(expected, actual):
    """Two snapshots are equal: folders, UIDs, flags, bytes and all."""
    reasons = explain(expected, actual)
    assert reasons == "", f"\n{reasons}\n\n{table(expected, actual)}"


def assert_moved(provider, target, user, local_user=None):
    """The account at the target is the provider's."""
    assert_same_account(
        provider.snapshot(user),
        target.snapshot(local_user or user, provider.passwords[user]))


def assert_verified(target, user, *args):
    """doveadm migration verify finds the account as it is at the provider."""
    complaint = target.verify(user, *args)
    assert complaint == "", complaint


def assert_answer(answer, status, code=None):
    """code None stands for any."""
    assert answer.status == status, f"the client was told: {answer}"
    if code is not None:
        assert answer.code == code, f"the client was told: {answer}"


def assert_unknown(target, user):
    """No trace of the user in the plugin's tables."""
    assert target.store.account(user) is None
    assert target.store.job(user) is None
    domain = user.split("@")[1]
    if not any(name.endswith("@" + domain)
               for name in target.store.accounts()):
        assert domain not in target.store.domains()


class Unchanged:
    """Asserts that a provider's mailbox is after the block what it was before
    it: on disk byte for byte, and in its log of changes."""

    def __init__(self, provider, user):
        self.provider, self.user = provider, user

    def __enter__(self):
        self.provider.mark_logs()
        self.before = self.provider.fingerprint(self.user)
        assert len(self.before) > 0
        return self

    def __exit__(self, kind, *_rest):
        if kind is not None:
            return
        changed = explain_fingerprints(
            self.before, self.provider.fingerprint(self.user))
        assert changed == "", f"the provider's mailbox changed:\n{changed}"
        assert self.provider.changes(self.user) == []

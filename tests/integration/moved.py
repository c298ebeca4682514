"""A user who is moved from a scripted provider to a target."""

import json

from checks import assert_answer
from target import plain_provider

USER, PASSWORD = "rosa@old.example", "rosa's"


class Moved:
    """The first login has been; failed syncs are tried again by sync() only.
    extra is more of the target's configuration."""

    def __init__(self, make_target, liar, mail_format="sdbox", extra="",
                 **settings):
        self.liar = liar
        self.target = make_target(
            {"oldhost": plain_provider(liar.port, "old.example", **settings)},
            overrides={"migration_login": "local",
                       "migration_retry_min": "1 hours",
                       "migration_retry_max": "1 hours"},
            mail_format=mail_format)
        if extra:
            self.target.stop()
            self.target.extra = extra
            self.target.start()
        assert_answer(self.target.login(USER, PASSWORD), "OK")

    def wait(self):
        self.target.store.wait_moved(USER)
        return self

    def sync(self, code=0):
        """Returns the names of the commands that the provider got."""
        seen = len(self.liar.contacts)
        result = self.target.doveadm("migration", "sync", "-u", USER)
        assert result.returncode == code, result.stderr
        return [name for contact in self.liar.contacts[seen:]
                for name in contact.commands]

    def uids(self, name="INBOX"):
        return set(self.snapshot()[name].mails)

    def words(self, name="INBOX"):
        return sorted(mail.message_id.partition("@")[0].lstrip("<")
                      for mail in self.snapshot()[name].mails.values())

    def snapshot(self):
        return self.target.snapshot(USER, PASSWORD)

    def notes(self):
        result = self.target.doveadm("-f", "json", "migration", "show", "-n",
                                     USER, check=True)
        return [(row["mailbox"], int(row["uid"]), row["text"])
                for row in json.loads(result.stdout)]

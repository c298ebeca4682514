"""Cyrus as the old provider, with the namespace that it has had for decades:
everything is below "INBOX."."""

from compare import disk_fingerprint
from foreign import Foreign

SERVICES = """
START {{
  recover cmd="/usr/sbin/cyrus ctl_cyrusdb -r"
}}
SERVICES {{
  imap cmd="imapd" listen="127.0.0.1:{port}" prefork=0 maxchild=200
}}
EVENTS {{
  checkpoint cmd="/usr/sbin/cyrus ctl_cyrusdb -c" period=30
}}
"""
# Debian has "altnamespace: no" and "unixhierarchysep: no".
SETTINGS = """
virtdomains: userid
sasl_mech_list: PLAIN LOGIN
"""


class Cyrus(Foreign):
    """As Debian configures it, but for addresses, limits and users."""

    name = "cyrus"
    writable = ("etc", "var/lib/cyrus", "var/spool/cyrus")
    calls_itself = "Cyrus IMAPD 3."
    starter = """
for name in "" /proc /lock /socket; do
	install -d -m 750 -o cyrus -g mail "/run/cyrus$name"
done
cyrmaster -d
"""

    def configure(self):
        etc = self.folder / "etc"
        (etc / "cyrus.conf").write_text(
            SERVICES.format(port=self.ports["imap"]))
        with open(etc / "imapd.conf", "a") as file:
            file.write(SETTINGS)

    def set_user(self, user, password):
        """The mailbox is made at the first login."""
        name, domain = user.split("@")
        self.run(f"saslpasswd2 -p -c -u '{domain}' '{name}' && "
                 "chown cyrus /etc/sasldb2", stdin=password)

    def fingerprint(self, user):
        """The messages on disk. What else is there is a database, so IMAP is
        asked about flags and about what nobody has seen yet."""
        result = {name: value for name, value in disk_fingerprint(
            self.folder / "var/spool/cyrus/mail").items()
            if name.rsplit("/", 1)[-1].rstrip(".").isdigit()}
        with self.connect(user) as client:
            for line in client.list()[1]:
                name = self.wire_name(line)
                result[f"STATUS {name}"] = client.status(
                    name, "(MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)")
        for name, mailbox in self.snapshot(user).items():
            result[f"mailbox {name}"] = mailbox.aspects()
        return result

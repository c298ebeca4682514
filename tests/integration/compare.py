#!/usr/bin/python3
"""Reads whole accounts over IMAP, changes nothing, and tells the difference.

  compare.py --a host:port --b host:port --user USER --password-file FILE

prints one line per folder and exits 0 only if both accounts are equal."""

import argparse
import hashlib
import imaplib
import re
import ssl
import sys
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

FETCH_ITEMS = {
    "uid": re.compile(rb"\bUID (\d+)"),
    "flags": re.compile(rb"\bFLAGS \(([^)]*)\)"),
    "date": re.compile(rb'\bINTERNALDATE "([^"]+)"'),
    "size": re.compile(rb"\bRFC822.SIZE (\d+)"),
}
MESSAGE_ID = re.compile(rb"^Message-ID: *(\S+)", re.I | re.M)
LIST = re.compile(rb'\((?P<flags>[^)]*)\) (?:"(?P<sep>.)"|NIL) (?P<name>.*)',
                  re.S)
# What the table shows, in this order.
ASPECTS = ("messages", "uidvalidity", "uids", "flags", "keywords", "dates",
           "sizes", "sha256", "subscribed")
WITHOUT = object()


@dataclass
class Mail:
    flags: frozenset
    keywords: frozenset
    # UNIX time
    date: int
    size: int
    sha256: str
    # For people, if there is one; not compared
    message_id: str = ""


@dataclass
class Mailbox:
    """One folder; mails by UID."""
    uidvalidity: int
    subscribed: bool
    selectable: bool = True
    mails: dict = field(default_factory=dict)
    # Not compared
    uidnext: int = 0

    def aspects(self):
        """What is compared: a value for each of ASPECTS."""
        mails = self.mails.items()
        return {
            "messages": len(self.mails),
            "uidvalidity": self.uidvalidity,
            "uids": sorted(self.mails),
            "flags": {uid: sorted(mail.flags) for uid, mail in mails},
            "keywords": {uid: sorted(mail.keywords) for uid, mail in mails},
            "dates": {uid: mail.date for uid, mail in mails},
            "sizes": {uid: mail.size for uid, mail in mails},
            "sha256": {uid: mail.sha256 for uid, mail in mails},
            "subscribed": self.subscribed,
        }


def snapshot(client):
    """The account of a logged-in imaplib client: Mailbox by name, hierarchy
    by "/". Only EXAMINE and BODY.PEEK."""
    subscribed = subscriptions(client)
    result = {}
    _, lines = client.list()
    for name, wire_name, flags in _parse_list(lines):
        selectable = not flags & {b"\\noselect", b"\\nonexistent"}
        mailbox = Mailbox(0, name in subscribed, selectable)
        if selectable:
            _read_mailbox(client, wire_name, mailbox)
        result[name] = mailbox
    return result


def subscriptions(client):
    """Names that are subscribed, also of folders that do not exist."""
    _, lines = client.lsub()
    return {name for name, _, _ in _parse_list(lines)}


def _parse_list(lines):
    for line in lines:
        if line is None:
            continue
        if isinstance(line, tuple):
            line = line[0][:line[0].rindex(b"{")] + line[1]
        elif line == b"":
            continue
        match = LIST.fullmatch(line)
        flags = {flag.lower() for flag in match["flags"].split()}
        name = re.sub(rb"\\(.)", rb"\1", match["name"].strip(b'"')).decode()
        separator = (match["sep"] or b"/").decode()
        if name.upper() == "INBOX":
            name = "INBOX"
        yield name.replace(separator, "/"), name, flags


def _read_mailbox(client, wire_name, mailbox):
    quoted = '"' + wire_name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    status, data = client.select(quoted, readonly=True)
    if status != "OK":
        raise RuntimeError(f"EXAMINE {quoted}: {data!r}")
    mailbox.uidvalidity = int(client.response("UIDVALIDITY")[1][0])
    mailbox.uidnext = int(client.response("UIDNEXT")[1][0] or 0)
    if int(data[0]) > 0:
        _, lines = client.uid("FETCH", "1:*", "(UID FLAGS INTERNALDATE "
                              "RFC822.SIZE BODY.PEEK[])")
        for line in lines:
            if isinstance(line, tuple):
                uid, mail = _parse_fetch(*line)
                mailbox.mails[uid] = mail
    if len(mailbox.mails) != int(data[0]):
        raise RuntimeError(f"{quoted}: {int(data[0])} messages exist, "
                           f"{len(mailbox.mails)} could be read")


def _parse_fetch(head, body):
    item = {name: regex.search(head)[1].decode()
            for name, regex in FETCH_ITEMS.items()}
    flags = item["flags"].split()
    date = datetime.strptime(item["date"].strip(), "%d-%b-%Y %H:%M:%S %z")
    message_id = MESSAGE_ID.search(body.partition(b"\r\n\r\n")[0])
    return int(item["uid"]), Mail(
        frozenset(flag for flag in flags
                  if flag.startswith("\\") and flag.lower() != "\\recent"),
        frozenset(flag.lower() for flag in flags if not flag.startswith("\\")),
        int(date.timestamp()), int(item["size"]),
        hashlib.sha256(body).hexdigest(),
        message_id[1].decode(errors="replace") if message_id else "")


def differences(a, b):
    """Folder -> list of the ASPECTS that differ; folders that only one side
    has differ in "missing in a" or "missing in b"."""
    result = {}
    for name in sorted(a.keys() | b.keys()):
        if name not in a or name not in b:
            side = "a" if name not in a else "b"
            result[name] = [f"missing in {side}"]
            continue
        of_a, of_b = a[name].aspects(), b[name].aspects()
        different = [aspect for aspect in ASPECTS
                     if of_a[aspect] != of_b[aspect]]
        if a[name].selectable != b[name].selectable:
            different.append("selectable")
        if different:
            result[name] = different
    return result


def explain(a, b, limit=5):
    """What exactly differs, for people; "" if nothing does."""
    lines = []
    for name, aspects in differences(a, b).items():
        for aspect in aspects:
            if name not in a or name not in b or aspect == "selectable":
                lines.append(f"{name}: {aspect}")
                continue
            lines.append(f"{name}: {aspect}: " + _explain_values(
                a[name].aspects()[aspect], b[name].aspects()[aspect], limit))
    return "\n".join(lines)


def _explain_values(a, b, limit):
    if isinstance(a, dict):
        keys = [key for key in sorted(a.keys() | b.keys())
                if a.get(key, WITHOUT) != b.get(key, WITHOUT)]
        shown = [f"UID {key}: {a.get(key, 'none')} / {b.get(key, 'none')}"
                 for key in keys[:limit]]
        return f"{len(keys)} differ: " + ", ".join(shown)
    if isinstance(a, list):
        return (f"only in a: {sorted(set(a) - set(b))[:limit]}, "
                f"only in b: {sorted(set(b) - set(a))[:limit]}")
    return f"{a} / {b}"


def table(a, b):
    """The comparison as text, one line per folder."""
    different = differences(a, b)
    names = sorted(a.keys() | b.keys())
    width = max([len(name) for name in names] + [len("folder")])
    rows = [["folder".ljust(width), *ASPECTS]]
    for name in names:
        aspects = different.get(name, [])
        if name not in a or name not in b:
            rows.append([name.ljust(width), aspects[0].upper()])
            continue
        rows.append([name.ljust(width)] +
                    [_cell(a[name], aspect, aspects) for aspect in ASPECTS])
    return "\n".join("  ".join(_pad(row)) for row in rows)


def _cell(mailbox, aspect, different):
    if aspect in different:
        return "DIFFERENT"
    if aspect == "messages":
        return str(len(mailbox.mails))
    return "equal"


def _pad(row):
    return [row[0]] + [cell.ljust(11) for cell in row[1:]]


def disk_fingerprint(path):
    """A mail storage on disk: relative file name -> SHA-256 of the contents.

    A Maildir's file names hold its flags. Left out is what a server writes
    for itself when mail is merely read: indexes, caches, logs and locks. Of
    dovecot-uidlist, which also holds cached sizes, UIDVALIDITY and UIDs are
    taken."""
    result = {}
    root = Path(path)
    for file in sorted(root.rglob("*")):
        name = str(file.relative_to(root))
        if file.name.startswith("dovecot.") or file.name.endswith(".lock"):
            continue
        if file.is_dir():
            result[name + "/"] = ""
        elif file.name == "dovecot-uidlist":
            result[name] = _uidlist(file)
        else:
            result[name] = hashlib.sha256(file.read_bytes()).hexdigest()
    return result


def _uidlist(file):
    header, *lines = file.read_bytes().splitlines()
    validity = [word for word in header.split() if word[:1] == b"V"]
    uids = {line.split(b" ", 1)[0]: line.split(b":", 1)[1].split(b":2,")[0]
            for line in lines}
    return repr((validity, sorted(uids.items())))


def explain_fingerprints(before, after, limit=10):
    """Which files changed; "" if none did."""
    changed = [name for name in sorted(before.keys() | after.keys())
               if before.get(name, WITHOUT) != after.get(name, WITHOUT)]
    lines = []
    for name in changed[:limit]:
        what = ("gone" if name not in after else
                "new" if name not in before else "changed")
        lines.append(f"{name}: {what}")
    return "\n".join(lines)


def connect(server, tls="no", ca=None):
    """imaplib client for "host:port"; tls is no, imaps or starttls."""
    host, port = server.rsplit(":", 1)
    context = None
    if tls != "no":
        context = ssl.create_default_context(
            cafile=str(ca) if ca is not None else None)
    if tls == "imaps":
        return imaplib.IMAP4_SSL(host, int(port), ssl_context=context)
    client = imaplib.IMAP4(host, int(port))
    if tls == "starttls":
        client.starttls(context)
    return client


def read_account(server, user, password, tls="no", ca=None):
    """The snapshot of one account; user and password are str or bytes."""
    if isinstance(user, str):
        user = user.encode()
    if isinstance(password, str):
        password = password.encode()
    with connect(server, tls, ca) as client:
        client.authenticate("PLAIN",
                            lambda _: b"\0" + user + b"\0" + password)
        return snapshot(client)


def _add_side(parser, side):
    parser.add_argument(f"--{side}", required=True, metavar="HOST:PORT")
    for option, text in (("user", "name there, instead of --user"),
                         ("password-file", "instead of --password-file")):
        parser.add_argument(f"--{side}-{option}", help=text)
    parser.add_argument(f"--{side}-tls", default="no",
                        choices=("no", "imaps", "starttls"))


def _read_side(args, side):
    user = getattr(args, f"{side}_user") or args.user
    file = getattr(args, f"{side}_password_file") or args.password_file
    if user is None or file is None:
        sys.exit(f"compare.py: side {side} needs a user and a password file")
    return read_account(getattr(args, side), user,
                        Path(file).read_bytes().rstrip(b"\n"),
                        getattr(args, f"{side}_tls"), args.ca)


def main():
    parser = argparse.ArgumentParser(
        description="Compare two accounts over IMAP without changing them.")
    parser.add_argument("--user")
    parser.add_argument("--password-file")
    parser.add_argument("--ca", help="certificates to verify TLS with")
    for side in ("a", "b"):
        _add_side(parser, side)
    args = parser.parse_args()

    a, b = _read_side(args, "a"), _read_side(args, "b")
    print(table(a, b))
    reasons = explain(a, b)
    if reasons:
        print("\n" + reasons)
        sys.exit(1)
    print(f"\n{len(a)} folders, {sum(len(m.mails) for m in a.values())} "
          f"messages: equal")


if __name__ == "__main__":
    main()

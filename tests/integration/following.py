"""What a sync in phase following has to make of an account here. The rules
are told without a word about how the worker keeps them: the model remembers
both accounts as they were after the last sync, is shown both before the next
one, and compares what is here after it.

  model = Model(look_there(remote), look_here(local))
  ... users change both sides ...
  there, here = look_there(remote), look_here(local)
  ... sync ...
  complaints = model.synced(there, here, look_here(local))

What differs only in how an engine may go about it is left open: a folder that
was renamed at the provider may be renamed here or made anew, and in a mailbox
with a new UIDVALIDITY messages that are byte for byte the same stand for each
other."""

from collections import Counter
from dataclasses import dataclass, field

from compare import Mail, snapshot, subscriptions

ANY = frozenset({True, False})


@dataclass
class Account:
    """All folders that can be opened, by name; all subscribed names, also
    those without a folder; by name what a folder keeps when it is renamed."""
    folders: dict
    subscribed: set
    guids: dict

    def find(self, guid):
        """The folder with that GUID, whatever its name is now."""
        for name, other in self.guids.items():
            if other == guid:
                return self.folders[name]
        return None


def look_there(client):
    """Reads the account of a logged-in imaplib client. UIDVALIDITY is what
    shows from outside that a folder was renamed."""
    account = _look(client)
    account.guids = {name: folder.uidvalidity
                     for name, folder in account.folders.items()}
    return account


def look_here(client):
    """The same of a Dovecot. A folder of the user's may have the UIDVALIDITY
    of one that came from the provider, so this asks for the GUIDs."""
    account = _look(client)
    _, lines = client.list('""', '""')
    delimiter = lines[0].split(b'"')[1].decode()
    for name in account.folders:
        _, data = client.status(f'"{name.replace("/", delimiter)}"',
                                "(X-GUID)")
        account.guids[name] = data[0].split()[-1].rstrip(b")").decode()
    return account


def _look(client):
    folders = {name: folder for name, folder in snapshot(client).items()
               if folder.selectable}
    return Account(folders, subscriptions(client), {})


def marks(mail):
    """Flags and keywords of a message."""
    return mail.flags | mail.keywords


def key(mail):
    """What makes two messages the same one."""
    return mail.date, mail.sha256


def label(mail):
    return mail.message_id or mail.sha256[:12]


@dataclass
class Known:
    """A message of the provider's that a sync has seen."""
    mail: Mail
    # None: deleted here, or moved away
    uid_here: int | None


@dataclass
class Followed:
    """A folder at the provider that a sync has seen."""
    uidvalidity: int
    # GUID of the folder here, None if the user has deleted it
    guid_here: str | None
    # Known by the provider's UID
    known: dict


@dataclass
class Stay:
    """A message that has its UID here already."""
    mail: Mail
    # What its flags and keywords may be, None = anything
    allowed: list
    may_go: bool = False


@dataclass
class Arrival:
    """A message of the provider's that is not here yet."""
    uid_there: int
    mail: Mail
    allowed: list
    optional: bool = False


@dataclass
class Expected:
    """A folder here after the sync; why is for people."""
    why: str
    exists: frozenset = frozenset({True})
    uidvalidity: int | None = None
    uidnext: int = 1
    subscribed: frozenset = ANY
    # Stay by UID here; why a message may not be here any longer, by UID here
    stays: dict = field(default_factory=dict)
    gone: dict = field(default_factory=dict)
    arrivals: list = field(default_factory=list)
    # Messages of the provider's that are in stays, or deleted here (None):
    # UID there -> UID here
    pairs: dict = field(default_factory=dict)

    @classmethod
    def of(cls, why, here):
        """On top of a folder that is here: everything stays as it is."""
        expected = cls(why)
        if here is not None:
            expected.uidvalidity = here.uidvalidity
            expected.uidnext = here.uidnext
            expected.stays = {uid: Stay(mail, [marks(mail)])
                              for uid, mail in here.mails.items()}
        return expected

    def nothing(self):
        return not self.stays and not self.arrivals


class Model:
    """One account. deletes is migration_remote_deletes."""

    def __init__(self, there, here, deletes="follow"):
        """After the first pull: here is what is there, and perhaps more."""
        self.deletes = deletes
        self.there, self.here = there, here
        self.followed = {}
        # Names that have ever been followed
        self.names = set()
        for name, folder in there.folders.items():
            self._follow(name, folder, {uid: uid for uid in folder.mails})

    def synced(self, there, here, after, interrupted=False):
        """Takes both accounts as they were just before the sync, and the one
        here after it; returns complaints and remembers the new state.
        interrupted: runs before this one were killed, so a UID may have been
        used up."""
        self._now_there, self._now_here = there, here
        self._interrupted = interrupted
        groups = self._expect()
        complaints, found = [], {}
        for alternatives in groups:
            tried = [self._check(alternative, after)
                     for alternative in alternatives]
            wrong, pairs = min(tried, key=lambda result: len(result[0]))
            complaints += wrong
            found |= pairs
        names = {name for alternatives in groups
                 for alternative in alternatives for name in alternative}
        for name in sorted(after.folders.keys() - names):
            complaints.append(f"{name}: has come from nowhere")
        self.there, self.here = there, after
        self.followed = {}
        for name, folder in there.folders.items():
            self._follow(name, folder, found.get(name, {}))
        return complaints

    def _follow(self, name, folder, pairs):
        self.names.add(name)
        self.followed[name] = Followed(
            folder.uidvalidity, self.here.guids.get(name),
            {uid: Known(mail, pairs.get(uid))
             for uid, mail in folder.mails.items()})

    # What is expected

    def _expect(self):
        """Groups of alternatives; each alternative is Expected by name."""
        there, here = self._now_there, self._now_here
        renames = self._find_renames()
        groups = []
        for name in sorted(there.folders.keys() | here.folders.keys() |
                           self.followed.keys()):
            if name in renames:
                groups.append(self._renamed(name, renames[name]))
            elif name in renames.values():
                continue
            elif name in self.followed and name in there.folders:
                groups.append([{name: self._goes_on(name)}])
            elif name in self.followed:
                groups.append([{name: expected} for expected in
                               self._deleted_there(name)])
            elif name in there.folders:
                groups.append([{name: self._new_there(name)}])
            else:
                groups.append([{name: Expected.of(
                    "only here", here.folders[name])}])
            for alternative in groups[-1]:
                for which, expected in alternative.items():
                    expected.subscribed = self._subscribed(which)
        return groups

    def _find_renames(self):
        """Old name -> new name at the provider."""
        there = self._now_there
        old_names = {old.uidvalidity: name
                     for name, old in self.followed.items()
                     if name not in there.folders}
        return {old_names[guid]: name for name, guid in there.guids.items()
                if guid in old_names and name not in self.followed}

    def _is_here(self, name):
        """Whether the folder that was followed under this name still has
        it."""
        guid = self._now_here.guids.get(name)
        return guid is not None and guid == self.followed[name].guid_here

    def _goes_on(self, name):
        old = self.followed[name]
        there = self._now_there.folders[name]
        here = self._now_here.folders.get(name)
        rebuilt = old.uidvalidity != there.uidvalidity
        if not self._is_here(name):
            return self._without(old, there, here, rebuilt)
        if rebuilt:
            return self._rebuilt(old, there, here)
        return self._merged(old, there, here, "followed")

    def _touched(self, guid, uid, mail):
        """Whether the user has changed this message here since the last
        sync."""
        last = self.here.find(guid)
        return last is None or uid not in last.mails or \
            marks(last.mails[uid]) != marks(mail)

    def _merged(self, old, there, here, why):
        """The same mailbox on both sides."""
        expected = Expected.of(why, here)
        for uid, known in old.known.items():
            mine = here.mails.get(known.uid_here)
            now = there.mails.get(uid)
            if now is not None:
                expected.pairs[uid] = None if mine is None else known.uid_here
            if mine is None:
                continue
            touched = self._touched(old.guid_here, known.uid_here, mine)
            if now is not None and not touched:
                expected.stays[known.uid_here].allowed = [
                    _delta(marks(mine), marks(known.mail), marks(now))]
            elif now is None and not touched and self.deletes == "follow":
                del expected.stays[known.uid_here]
                expected.gone[known.uid_here] = "expunged at the provider"
        expected.arrivals = self._arrivals(
            there, lambda uid, _mail: uid not in old.known)
        if self._interrupted:
            # a run that cannot know whether it has saved a message looks for
            # its like
            self._make_optional(expected, _own_mails(expected))
        return expected

    def _arrivals(self, there, condition):
        """In the provider's order."""
        return [Arrival(uid, mail, [marks(mail)])
                for uid, mail in sorted(there.mails.items())
                if condition(uid, mail)]

    @staticmethod
    def _make_optional(expected, mails):
        keys = {key(mail) for mail in mails}
        for arrival in expected.arrivals:
            if key(arrival.mail) in keys:
                arrival.optional = True

    def _without(self, old, there, here, rebuilt):
        """Deleted or renamed here, or replaced by another folder of the
        user's: nothing of what was there comes back, what is new does."""
        expected = Expected.of("deleted here", here)
        deleted = {key(known.mail) for known in old.known.values()}
        if rebuilt:
            # which of them are new cannot always be known
            expected.arrivals = self._arrivals(there, lambda *_: True)
            for arrival in expected.arrivals:
                arrival.optional = key(arrival.mail) in deleted
        else:
            expected.arrivals = self._arrivals(
                there, lambda uid, _mail: uid not in old.known)
            expected.pairs = {uid: None for uid in old.known
                              if uid in there.mails}
        if here is not None:
            return expected
        needed = [arrival for arrival in expected.arrivals
                  if not arrival.optional]
        expected.exists = frozenset(
            {True} if needed else ANY if expected.arrivals else {False})
        return expected

    def _rebuilt(self, old, there, here):
        """A new UIDVALIDITY: messages are matched by what they are."""
        expected = Expected.of("new UIDVALIDITY", here)
        alive, dead = {}, set()
        for uid, known in sorted(old.known.items()):
            if known.uid_here in here.mails:
                alive.setdefault(key(known.mail), []).append(known)
            else:
                dead.add(key(known.mail))
        for uid, mail in sorted(there.mails.items()):
            same = alive.get(key(mail))
            if not same:
                expected.arrivals.append(Arrival(uid, mail, [marks(mail)]))
                continue
            known = same.pop(0)
            expected.pairs[uid] = known.uid_here
            stay = expected.stays[known.uid_here]
            if not self._touched(old.guid_here, known.uid_here, stay.mail):
                stay.allowed.append(_delta(marks(stay.mail),
                                           marks(known.mail), marks(mail)))
        for same in alive.values():
            for known in same:
                stay = expected.stays[known.uid_here]
                stay.may_go = not self._touched(old.guid_here, known.uid_here,
                                                stay.mail)
        for arrival in expected.arrivals:
            arrival.optional = key(arrival.mail) in dead
        self._make_optional(expected, _own_mails(expected))
        _swap_twins(expected)
        return expected

    def _is_pure(self, old, here):
        """Whether a folder here holds nothing but messages of the provider's
        that the user has not changed since the last sync."""
        ours = {known.uid_here for known in old.known.values()}
        return all(uid in ours and
                   not self._touched(old.guid_here, uid, mail)
                   for uid, mail in here.mails.items())

    def _deleted_there(self, name):
        old = self.followed[name]
        here = self._now_here.folders.get(name)
        if here is None:
            return [Expected("deleted on both sides",
                             exists=frozenset({False}))]
        stays = Expected.of("deleted at the provider, but the user has "
                            "changed something in it", here)
        if not self._is_here(name):
            stays.why = "the user's own"
            return [stays]
        if not self._is_pure(old, here):
            return [stays]
        goes = Expected("deleted at the provider", exists=frozenset({False}))
        by_uid = {known.uid_here: known.mail for known in old.known.values()}
        changed = any(marks(mail) != marks(by_uid[uid])
                      for uid, mail in here.mails.items())
        if self.deletes == "keep":
            stays.why = "deleted at the provider, remote_deletes = keep"
            return [stays] if here.mails else [stays, goes]
        # changed here, but before the last sync: either
        return [goes, stays] if changed else [goes]

    def _new_there(self, name):
        there = self._now_there.folders[name]
        here = self._now_here.folders.get(name)
        expected = Expected.of("new at the provider", here)
        expected.arrivals = self._arrivals(there, lambda *_: True)
        if here is None:
            expected.uidvalidity = there.uidvalidity
            if name in self.names:
                expected.uidvalidity = None
        else:
            self._make_optional(expected, here.mails.values())
            if not here.mails:
                # nobody would notice the provider's
                expected.uidvalidity = None
        return expected

    def _renamed(self, old_name, name):
        """Renamed here as well, or fetched anew under the new name."""
        old = self.followed[old_name]
        there = self._now_there.folders[name]
        here = self._now_here.folders.get(name)
        before = self._now_here.folders.get(old_name)
        if not self._is_here(old_name):
            # as if it had been deleted here under the new name
            alternative = {name: self._without(old, there, here, False)}
            if before is not None:
                alternative[old_name] = Expected.of("the user's own", before)
            return [alternative]
        anew = self._fetched_anew(old, there, here, before)
        alternatives = [{name: anew[0], old_name: anew[1]}]
        if here is None:
            why = f"{old_name} until it was renamed at the provider"
            gone = Expected(f"renamed to {name} at the provider",
                            exists=frozenset({False}))
            alternatives.insert(0, {
                name: self._merged(old, there, before, why), old_name: gone})
        return alternatives

    def _fetched_anew(self, old, there, here, before):
        """The folders with the new and with the old name."""
        new = Expected.of("renamed at the provider", here)
        rest = Expected.of("renamed at the provider", before)
        new.arrivals = self._arrivals(there, lambda *_: True)
        if here is not None:
            self._make_optional(new, here.mails.values())
        else:
            new.uidvalidity = there.uidvalidity
        for arrival in list(new.arrivals):
            known = old.known.get(arrival.uid_there)
            if known is None:
                continue
            mine = before.mails.get(known.uid_here)
            if mine is None:
                # deleted here
                new.arrivals.remove(arrival)
                new.pairs[arrival.uid_there] = None
                continue
            if self._touched(old.guid_here, known.uid_here, mine):
                arrival.allowed.append(marks(mine))
            else:
                arrival.allowed = [_delta(marks(mine), marks(known.mail),
                                          marks(arrival.mail))]
                rest.stays[known.uid_here].may_go = True
        if self._is_pure(old, before):
            rest.exists = ANY if self.deletes == "keep" else frozenset({False})
        return new, rest

    def _subscribed(self, name):
        """What changed at the provider is applied, unless the user has changed
        it here."""
        if name not in self._now_there.folders:
            return ANY
        there, here = (name in self._now_there.subscribed,
                       name in self._now_here.subscribed)
        if here != (name in self.here.subscribed):
            # somebody who deletes a folder may mean its subscription too
            return frozenset({here}) if name in self._now_here.folders else ANY
        if name not in self._now_here.folders:
            # the user may have had one of that name
            return frozenset({there} if not here and name not in self.names
                             else {there, here})
        if name not in self.followed:
            return frozenset({here, there})
        if there != (name in self.there.subscribed):
            return frozenset({there})
        return frozenset({here})

    # Whether it is so

    def _check(self, alternative, after):
        """Complaints; name -> pairs of UIDs there and here."""
        complaints, found = [], {}
        for name, expected in alternative.items():
            folder = after.folders.get(name)
            found[name] = dict(expected.pairs)
            if (folder is not None) not in expected.exists:
                complaints.append(_explain_existence(name, expected, folder))
            elif folder is not None:
                wrong, pairs = self._check_folder(name, expected, folder)
                complaints += [f"{name} ({expected.why}): {text}"
                               for text in wrong]
                found[name] |= pairs
                found[name] = {there: here for there, here
                               in found[name].items() if here in folder.mails}
        return complaints, found

    def _check_folder(self, name, expected, folder):
        complaints = _check_stays(expected, folder)
        lost = _find_lost(expected, folder)
        extra = []
        if expected.uidvalidity not in (None, folder.uidvalidity):
            complaints.append(f"UIDVALIDITY is {folder.uidvalidity} instead "
                              f"of {expected.uidvalidity}")
        if folder.subscribed not in expected.subscribed:
            complaints.append("is subscribed" if folder.subscribed
                              else "is not subscribed")
        newcomers = [uid for uid in sorted(folder.mails)
                     if uid not in expected.stays and
                     uid not in expected.gone]
        matches = _align(expected.arrivals,
                         [folder.mails[uid] for uid in newcomers])
        uidnext, pairs = expected.uidnext, {}
        for i, j in matches:
            if i is None:
                extra.append(newcomers[j])
            elif j is None:
                if not expected.arrivals[i].optional:
                    lost.append(_Lost(
                        key(expected.arrivals[i].mail),
                        _explain_missing(expected.arrivals[i]), "is not in "
                        "the provider's order"))
            else:
                arrival, uid = expected.arrivals[i], newcomers[j]
                complaints += _check_arrival(
                    arrival, uid, folder.mails[uid],
                    max(arrival.uid_there, uidnext), self._interrupted)
                pairs[arrival.uid_there] = uid
            if j is not None:
                uidnext = newcomers[j] + 1
        return complaints + _explain_lost(lost, extra, folder), pairs


@dataclass
class _Lost:
    key: tuple
    text: str
    # What else it is if the message is there all the same
    found: str


def _delta(mine, before, now):
    return (mine | (now - before)) - (before - now)


def _own_mails(expected):
    """Messages here that are not known as the provider's."""
    ours = set(expected.pairs.values())
    return [stay.mail for uid, stay in expected.stays.items()
            if uid not in ours]


def _swap_twins(expected):
    """Of messages that are the same, any may be matched with any."""
    twins = {}
    for stay in expected.stays.values():
        twins.setdefault(key(stay.mail), []).append(stay)
    for stays in twins.values():
        if len(stays) > 1:
            for stay in stays:
                stay.allowed = None
                stay.may_go = any(other.may_go for other in stays)


def _align(arrivals, mails):
    """Pairs arrivals with messages here, in order and as many as possible:
    (index, index), None where one has no other."""
    rows, columns = len(arrivals), len(mails)
    # cost of the best way from here to the end
    cost = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows, -1, -1):
        for j in range(columns, -1, -1):
            cost[i][j] = min((price for price, _ in _steps(
                arrivals, mails, cost, i, j)), default=0)
    result, i, j = [], 0, 0
    while i < rows or j < columns:
        # of equal ways, a pair as early as possible
        _, (down, right) = min(_steps(arrivals, mails, cost, i, j),
                               key=lambda step: (step[0], -sum(step[1])))
        result.append((i if down else None, j if right else None))
        i, j = i + down, j + right
    return result


def _steps(arrivals, mails, cost, i, j):
    more_i, more_j = i < len(arrivals), j < len(mails)
    if more_i and more_j and key(arrivals[i].mail) == key(mails[j]):
        yield cost[i + 1][j + 1], (1, 1)
    if more_i:
        yield cost[i + 1][j] + (not arrivals[i].optional), (1, 0)
    if more_j:
        yield cost[i][j + 1] + 1, (0, 1)


def _find_lost(expected, folder):
    return [_Lost(key(stay.mail), f"UID {uid} {label(stay.mail)} is lost",
                  f"had UID {uid} before")
            for uid, stay in sorted(expected.stays.items())
            if uid not in folder.mails and not stay.may_go]


def _explain_lost(lost, extra, folder):
    """What is missing, and what is there instead."""
    complaints = []
    for each in lost:
        same = [uid for uid in extra if key(folder.mails[uid]) == each.key]
        if same:
            extra.remove(same[0])
            complaints.append(f"UID {same[0]} {label(folder.mails[same[0]])} "
                              f"{each.found}")
        else:
            complaints.append(each.text)
    return complaints + [_explain_extra(uid, folder) for uid in extra]


def _check_stays(expected, folder):
    complaints = []
    for uid, stay in sorted(expected.stays.items()):
        mail = folder.mails.get(uid)
        if mail is None:
            continue
        if key(mail) != key(stay.mail) or mail.size != stay.mail.size:
            complaints.append(f"UID {uid} is {label(mail)} instead of "
                              f"{label(stay.mail)}, or its bytes or date have "
                              f"changed")
        else:
            complaints += _check_marks(uid, mail, stay.allowed)
    for uid in sorted(expected.gone.keys() & folder.mails.keys()):
        complaints.append(f"UID {uid} {label(folder.mails[uid])} is still "
                          f"here: {expected.gone[uid]}")
    return complaints


def _check_marks(uid, mail, allowed):
    if allowed is None or marks(mail) in allowed:
        return []
    wanted = " or ".join(str(sorted(each)) for each in allowed)
    return [f"UID {uid} {label(mail)} has {sorted(marks(mail))} instead of "
            f"{wanted}"]


def _check_arrival(arrival, uid, mail, wanted_uid, interrupted):
    complaints = _check_marks(uid, mail, arrival.allowed)
    if uid != wanted_uid and not (interrupted and uid > wanted_uid):
        complaints.append(
            f"UID {uid} {label(mail)} should have UID {wanted_uid} (the "
            f"provider's is {arrival.uid_there})")
    if mail.size != arrival.mail.size:
        complaints.append(f"UID {uid} {label(mail)} has {mail.size} bytes "
                          f"instead of {arrival.mail.size}")
    return complaints


def _explain_missing(arrival):
    return (f"{label(arrival.mail)}, UID {arrival.uid_there} at the provider, "
            f"has not arrived")


def _explain_extra(uid, folder):
    mail = folder.mails[uid]
    copies = Counter(map(key, folder.mails.values()))[key(mail)]
    return (f"UID {uid} {label(mail)} should not be here" +
            (f": it is here {copies} times" if copies > 1 else ""))


def _explain_existence(name, expected, folder):
    if folder is None:
        return f"{name} ({expected.why}): is not here"
    return (f"{name} ({expected.why}): is still here, with "
            f"{len(folder.mails)} messages")

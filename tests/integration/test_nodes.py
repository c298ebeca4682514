"""Several nodes with one PostgreSQL and one mail storage: every job runs, none
twice at once, and none is lost, whatever becomes of a node."""

import time

import pytest

from databases import PASSWORD
from nodes import LEASE_SECS, STOP_SECS, Nodes, SlowProvider
from polling import wait_until

FIVE_MINUTES = 300
# A lease is not given back by a node that is gone. Workers end, and others look,
# every 10 seconds.
MOVES_SECS = LEASE_SECS + 30
# Leases are renewed this often.
RENEW_SECS = LEASE_SECS / 5


@pytest.fixture
def database(database_server):
    return database_server("pgsql").make_database()


@pytest.fixture
def make(folders, database):
    """make(delay, offsets) are nodes and their provider."""
    started = []

    def make(delay, offsets, **overrides):
        provider = SlowProvider(delay).start()
        started.append(provider)
        nodes = Nodes(folders("nodes"), database, provider, offsets,
                      **overrides)
        started.append(nodes)
        return nodes.__enter__()

    yield make
    provider, nodes = started
    nodes.__exit__(None, None, None)
    provider.stop()


def names(word, count):
    return [f"{word}{i}@old.example" for i in range(count)]


def assert_exact(nodes, node, users):
    """Each mailbox is the provider's: UIDs and bytes, nothing twice."""
    for user in users:
        with node.client(user, PASSWORD) as client:
            client.select("INBOX", readonly=True)
            _, data = client.uid("FETCH", "1:*", "(UID BODY.PEEK[])")
        found = [(int(part[0].split(b"UID ")[1].split()[0]), part[1])
                 for part in data if isinstance(part, tuple)]
        assert sorted(found) == sorted(nodes.provider.bodies(user).items()), \
            user


def assert_one_at_a_time(nodes):
    """As the provider has seen it, and as the database has."""
    assert nodes.provider.overlaps() == []
    for row in nodes.audit():
        # by the server's clock, whatever the node's says
        if row["owner"] != "":
            assert LEASE_SECS - 3 <= row["until"] - row["now"] <= \
                LEASE_SECS + 1, row
        if row["owner"] != row["old_owner"] and row["owner"] != "":
            # nobody had it, or its lease was over
            assert row["old_owner"] == "" or row["old_until"] <= row["now"], \
                row


def wait_all_moved(nodes, users, timeout):
    def moving():
        last[:] = [row for row in nodes.store.rows(
            "SELECT username, attempts, error, lease_owner, lease_until, "
            "next_sync FROM migration_job WHERE phase <> 'following'")
            if row["username"] in users]
        return last

    last = []
    try:
        wait_until("all to be moved", lambda: not moving(), timeout)
    except AssertionError as error:
        raise AssertionError(f"{error}, now {nodes.database_now()}: {last}") \
            from None


def test_shared(make):
    """Clocks 5 minutes ahead and behind."""
    nodes = make(0.1, (0, FIVE_MINUTES, -FIVE_MINUTES))
    users = names("user", 45)
    began = nodes.database_now()
    nodes.add(users, 20)
    wait_all_moved(nodes, users, 90)
    ended = nodes.database_now()
    assert_one_at_a_time(nodes)
    shares = [len(nodes.worked(node)) for node in nodes.nodes]
    assert min(shares) >= 5 and sum(shares) == len(users), shares
    assert_exact(nodes, nodes[0], users)
    # times in the records are the server's, too
    interval = 3600
    for user in users:
        job = nodes.store.job(user)
        assert job["attempts"] == 0
        assert began - 1 <= job["created"] <= job["last_sync"] <= ended + 1
        assert began + 0.9 * interval - 1 <= job["next_sync"] <= \
            ended + interval + 1


def test_lost(make):
    """One is killed, one is cut off from the database without being told, one
    is refused there; the clock of each is wrong. Their jobs are somebody else's
    after a minute."""
    nodes = make(0.05, (0, FIVE_MINUTES, -FIVE_MINUTES, FIVE_MINUTES))
    left, killed, cut, refused = nodes.nodes
    users = names("user", 48)
    nodes.provider.going.clear()
    nodes.add(users, 6)
    # as many as each may have at once
    wait_until("each node to have jobs", lambda: all(
        len(nodes.held_by(node)) >= 4 for node in nodes.nodes), 60)
    victims = {node.owner: nodes.held_by(node) for node in
               (killed, cut, refused)}
    wait_until("their workers to be there", lambda: set().union(
        *victims.values()) <= nodes.provider.users_present(), 30)
    lost_at = time.monotonic()
    killed.crash()
    cut.line.cut()
    refused.line.reset()
    # the provider has them stopped before their leases end: nobody writes to
    # the mailbox of a job that another node may take
    gone = victims[cut.owner] | victims[refused.owner]
    wait_until("the workers without a database to be stopped", lambda: not (
        gone & nodes.provider.users_present()), STOP_SECS + 15)
    stopped_after = time.monotonic() - lost_at
    assert stopped_after < LEASE_SECS - 5
    assert nodes.held_by(cut) == victims[cut.owner]
    nodes.provider.going.set()
    wait_all_moved(nodes, users, MOVES_SECS + 60)
    assert_one_at_a_time(nodes)
    for owner, lost in victims.items():
        for user in lost:
            assert [row for row in nodes.audit() if row["username"] == user and
                    row["owner"] not in ("", owner)], user
    assert_exact(nodes, left, users)
    # back again, they work on
    cut.line.mend()
    refused.line.mend()
    killed.start()
    nodes.provider.delay = 0.15
    more = names("more", 50)
    nodes.add(more, 20)
    wait_all_moved(nodes, more, 60)
    assert_one_at_a_time(nodes)
    shares = [len(nodes.worked(node) & set(more)) for node in nodes.nodes]
    assert min(shares) > 0, shares
    assert_exact(nodes, cut, more)


def waiting_for_leases(database):
    return database.execute(
        "SELECT COUNT(*) AS n FROM pg_stat_activity WHERE "
        "wait_event_type = 'Lock' AND "
        "query LIKE 'UPDATE migration_job SET lease_owner%'",
        fetch=True)[0]["n"]


def test_same_moment(make, database):
    """All look, all find the same one first, and all want it before anybody has
    got it."""
    nodes = make(0.3, (0, FIVE_MINUTES, -FIVE_MINUTES))
    users = names("user", 9)
    nodes.add(users, 2)
    wait_all_moved(nodes, users, 60)
    before = len(nodes.audit())
    # nothing new is nothing to wait for
    for user in users:
        nodes.provider.add_user(user, 4)
    database.execute("UPDATE migration_job SET next_sync = 1")
    lock = database.server.connect(database=database.name)
    lock.autocommit = False
    lock.cursor().execute("LOCK TABLE migration_job IN SHARE MODE")
    wait_until("all nodes to want a lease", lambda: waiting_for_leases(
        database) == len(nodes.nodes), 30)
    lock.commit()
    lock.close()
    wait_until("all to be synced", lambda: nodes.store.rows(
        "SELECT 1 AS one FROM migration_job WHERE next_sync = 1 OR "
        "lease_owner <> ''") == [], 60)
    taken = [row["username"] for row in nodes.audit()[before:]
             if row["owner"] not in ("", row["old_owner"])]
    assert sorted(taken) == sorted(users)
    assert_one_at_a_time(nodes)
    assert_exact(nodes, nodes[0], users)


def holder_of(nodes, user):
    return wait_until("somebody to have the job", lambda: [
        node for node in nodes.nodes if user in nodes.held_by(node)], 30)[0]


@pytest.mark.parametrize("command", ["pause", "delete"])
def test_stopped_elsewhere(make, command):
    """The node that has the job learns of it when it renews the lease; paused,
    nobody else can have it before that, even if it is resumed at once."""
    nodes = make(0.01, (0, FIVE_MINUTES))
    user, = names("user", 1)
    nodes.provider.going.clear()
    nodes.add([user], 3)
    holder = holder_of(nodes, user)
    other, = (node for node in nodes.nodes if node is not holder)
    wait_until("the worker to be there",
               lambda: user in nodes.provider.users_present())
    other.doveadm("migration", command, "-u", user, check=True)
    if command == "delete":
        wait_until("the worker to be stopped", lambda: not
                   nodes.provider.users_present(), RENEW_SECS + 5)
        assert nodes.store.job(user) is None
        return
    shown, = other.doveadm_json("migration", "show", user)
    assert shown["state"] == "paused"
    other.doveadm("migration", "resume", "-u", user, check=True)
    time.sleep(2)
    assert user not in nodes.worked(other)
    other.doveadm("migration", "pause", "-u", user, check=True)
    wait_until("the worker to be stopped", lambda: not
               nodes.provider.users_present(), RENEW_SECS + 5)
    other.doveadm("migration", "resume", "-u", user, check=True)
    nodes.provider.going.set()
    # well before the lease would have ended
    wait_all_moved(nodes, [user], 20)
    assert_one_at_a_time(nodes)
    assert_exact(nodes, other, [user])


def test_transaction_left_open(make, database):
    """A node is cut off in the middle of a transaction: PostgreSQL must let go
    of what it has locked (README)."""
    database.admin(f"ALTER ROLE {database.user} SET "
                   "idle_in_transaction_session_timeout = '15s'")
    nodes = make(0.05, (0, 0))
    left, cut = nodes.nodes
    user, = names("user", 1)
    cut.line.cut()
    connection = database.server.connect(
        database=database.name, user=database.user)
    connection.autocommit = False
    nodes.add([user], 3)
    connection.cursor().execute(
        "UPDATE migration_job SET last_login = last_login")
    wait_all_moved(nodes, [user], 45)
    connection.close()
    assert_exact(nodes, left, [user])

"""What the tests share: folders, certificates, servers, figures. With
DATABASE=pgsql or DATABASE=mysql in the environment the plugin's tables are
there, in all tests that do not ask for a database of their own."""

import itertools
import os
import shutil
import ssl

import pytest

from certs import Certificates
from corpus import make_corpus
from dovecot import IS_24, running
from provider import Provider
from target import Target

CORPUS_USER = "anna@old.example"
CORPUS_PASSWORD = "c0rpus secret of anna"
# Of each log that is shown with a failure
LOG_LINES = 10

# The plugin uses SQLite only with Dovecot 2.4.
collect_ignore_glob = ["test_*databases*.py", "test_own_tables.py"] if IS_24 else []

_figures = []


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "alone: compares times, so no other test may run meanwhile")


@pytest.fixture
def figures(request):
    """figures("text") shows a measured figure at the end of the run."""
    return lambda text: _figures.append(f"{request.node.name}: {text}")


def pytest_terminal_summary(terminalreporter):
    if _figures:
        terminalreporter.section("figures")
        for line in _figures:
            terminalreporter.line(line)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows with a failure what the running servers have logged lately."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for server in running:
            lines = server.read_log("error").splitlines()[-LOG_LINES:]
            if isinstance(server, Target):
                lines += server.read_log("info").splitlines()[-LOG_LINES:]
            report.sections.append((f"log of {server.folder.name}",
                                    "\n".join(lines)))


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Makes paths for new folders, short because sockets are below them, and
    reachable for Dovecot's users."""
    root = tmp_path_factory.getbasetemp()
    root.chmod(0o755)
    numbers = itertools.count(1)
    return lambda name: root / f"{name}{next(numbers)}"


@pytest.fixture(scope="session")
def certificates(folders):
    return Certificates(folders("certs"))


@pytest.fixture(scope="session")
def server_certificate(certificates):
    """Certificate and key of a server that calls itself localhost."""
    return certificates.issue("server")


@pytest.fixture(scope="session")
def server_context(server_certificate):
    """The same for scripted servers."""
    return tls_server_context(server_certificate)


def tls_server_context(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*map(str, certificate))
    return context


@pytest.fixture(scope="session")
def database_server(folders):
    """database_server("pgsql") or "mysql" is such a server, started once."""
    servers = {}

    def get(driver):
        if driver not in servers:
            # not on every machine
            # pylint: disable=import-outside-toplevel
            from databases import MariaDB, Postgres
            kind = {"pgsql": Postgres, "mysql": MariaDB}[driver]
            servers[driver] = kind(folders(driver)).start()
        return servers[driver]

    yield get
    for server in servers.values():
        server.stop()


def use_database(make):
    """make() is called for each new server with the plugin."""
    before, Target.make_database = Target.make_database, staticmethod(make)
    yield
    Target.make_database = staticmethod(before)


@pytest.fixture(scope="session", autouse=True)
def database_of_all(database_server):
    driver = os.environ.get("DATABASE", "sqlite")
    yield from use_database(Target.make_database if driver == "sqlite" else
                            lambda: database_server(driver).make_database())


@pytest.fixture(scope="module", params=["pgsql", "mysql"])
def each_server(request, database_server):
    """The tests of a module that uses it run with each of them."""
    server = database_server(request.param)
    yield from use_database(server.make_database)


def seeded_provider(folder, server_certificate, mail_format):
    provider = Provider(folder, certificate=server_certificate,
                        mail_format=mail_format, protocols=("imap", "pop3"))
    provider.add_user(CORPUS_USER, CORPUS_PASSWORD)
    provider.start()
    provider.seed(CORPUS_USER, make_corpus())
    return provider


@pytest.fixture(scope="session")
def provider(folders, server_certificate):
    """An old provider with the corpus in Maildir format."""
    provider = seeded_provider(folders("provider"), server_certificate,
                                "maildir")
    yield provider
    provider.stop()
    provider.assert_no_crash()
    shutil.rmtree(provider.folder)


@pytest.fixture
def make_target(folders):
    """Starts new servers with the plugin; they end with the test."""
    targets = []

    def make(providers, **kwargs):
        target = Target(folders("target"), providers, **kwargs)
        targets.append(target)
        return target.start()

    yield make
    for target in targets:
        target.stop()
    for target in targets:
        target.assert_no_crash()
        shutil.rmtree(target.folder)

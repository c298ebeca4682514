"""Whose account is it: domains, their renaming, upper and lower case."""

import pytest

from checks import assert_answer, assert_moved
from corpus import make_small_corpus
from provider import Provider
from tap import Tap
from target import Target, plain_provider


@pytest.fixture(scope="module")
def old(folders):
    with Provider(folders("names")) as server:
        for user in ("dora@old.example", "emil@brand.example",
                     "fritz@short.example", "hugo@old.example"):
            server.add_user(user, f"secret of {user}")
            server.seed(user, make_small_corpus())
        server.add_user("greta", "secret of greta")
        server.seed("greta", make_small_corpus())
        yield server
    server.assert_no_crash()


@pytest.fixture(scope="module")
def tap(old):
    with Tap(old.ports["imap"]) as tap:
        yield tap


@pytest.fixture(scope="module")
def target(folders, tap):
    providers = {
        "oldhost": plain_provider(tap.port, "old.example "
                                  "Brand.Example=brand.net"),
        "short": plain_provider(tap.port, "short.example", user="%n"),
        "mapped": plain_provider(tap.port, "long.example=long.net",
                                 user="%n@short.example"),
    }
    with Target(folders("names"), providers,
                {"migration_login": "local"}) as target:
        yield target
    target.assert_no_crash()


def test_upper_and_lower_case(old, tap, target):
    password = "secret of dora@old.example"
    assert_answer(target.login("Dora@OLD.Example", password), "OK")
    target.store.wait_moved("dora@old.example")
    contacts = tap.connections()
    for name in ("dora@old.example", "DORA@old.example", "dora@Old.EXAMPLE"):
        assert_answer(target.login(name, password), "OK")
    assert tap.connections() == contacts
    assert [name for name in target.store.jobs() if "dora" in name.lower()] \
        == ["dora@old.example"]
    assert target.store.account("dora@old.example")["domain"] == "old.example"
    assert_moved(old, target, "dora@old.example")


def test_renamed_domain(old, tap, target):
    password = "secret of emil@brand.example"
    assert_answer(target.login("emil@brand.example", password), "OK")
    job = target.store.wait_moved("emil@brand.net")
    assert job["remote_user"] == "emil@brand.example"
    assert target.store.account("emil@brand.net")["domain"] == "brand.net"
    assert target.store.account("emil@brand.example") is None
    assert "brand.net" in target.store.domains()
    assert "brand.example" not in target.store.domains()

    contacts = tap.connections()
    assert_answer(target.login("emil@brand.net", password), "OK")
    assert_answer(target.login("Emil@BRAND.example", password), "OK")
    assert tap.connections() == contacts
    assert_moved(old, target, "emil@brand.example", "emil@brand.net")
    # the old name opens the same mailbox, not an empty one of its own
    assert target.snapshot("emil@brand.example", password) == \
        target.snapshot("emil@brand.net", password)


def test_new_name_is_not_asked_at_the_provider(tap, target):
    contacts = tap.connections()
    assert_answer(target.login("nobody@brand.net", "x"), "NO",
                  "AUTHENTICATIONFAILED")
    assert tap.connections() == contacts


def test_user_setting(old, target):
    assert_answer(target.login("greta@short.example", "secret of greta"), "OK")
    job = target.store.wait_moved("greta@short.example")
    assert job["remote_user"] == "greta"
    assert_moved(old, target, "greta", "greta@short.example")


def test_user_setting_and_renamed_domain(old, target):
    assert_answer(target.login("fritz@long.example",
                               "secret of fritz@short.example"), "OK")
    job = target.store.wait_moved("fritz@long.net")
    assert job["remote_user"] == "fritz@short.example"
    assert_moved(old, target, "fritz@short.example", "fritz@long.net")


@pytest.mark.parametrize("user", [
    "hugo@sub.old.example", "hugo@old.example.", "hugo@xold.example",
    "hugo@old.example@other.example", "@old.example", "hugo", "hugo@",
    "hugo@old.example\r\nx", "hugo\r\nx@old.example",
    "h" * 400 + "@old.example"])
def test_other_names_are_not_asked(tap, target, user):
    contacts = tap.connections()
    assert target.login(user, "secret of hugo@old.example").status == "NO"
    assert tap.connections() == contacts
    assert not any("hugo" in name for name in target.store.accounts())


def test_the_name_that_is_like_them_is_asked(tap, target):
    contacts = tap.connections()
    assert_answer(target.login("hugo@old.example",
                               "secret of hugo@old.example"), "OK")
    assert tap.connections() > contacts

"""For modules with tests of others, each with each database."""

import pytest

from conftest import SERVERS, use_database


@pytest.fixture(scope="module", params=SERVERS)
def each_server(request, database_server):
    """The tests of a module that uses it run with each of them."""
    yield from use_database(database_server(request.param).make_database)

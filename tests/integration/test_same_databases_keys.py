"""The same with another key."""

# pylint: disable=unused-import
import pytest

from same_databases import each_server
from test_keys import liar, target, test_rotate

pytestmark = pytest.mark.usefixtures("each_server")

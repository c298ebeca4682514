"""The same with users who are added."""

# pylint: disable=unused-import
import pytest

from same_databases import each_server
from test_add import old, target, test_moved_before_the_first_login

pytestmark = pytest.mark.usefixtures("each_server")

"""The same with a queue that is killed."""

# pylint: disable=unused-import
import pytest

from same_databases import each_server
from test_killed import old, tap, target, test_queue_killed

pytestmark = pytest.mark.usefixtures("each_server")

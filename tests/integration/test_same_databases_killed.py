"""The same with processes that are killed."""

# pylint: disable=unused-import
import pytest

from test_killed import (old, tap, target, test_machine_crashes,
                         test_queue_killed)

pytestmark = pytest.mark.usefixtures("each_server")

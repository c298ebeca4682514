"""The same with mailboxes that are imported to be moved."""

# pylint: disable=unused-import
import pytest

from test_import_ns8 import old, target, test_moved, test_update

pytestmark = pytest.mark.usefixtures("each_server")

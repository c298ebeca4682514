"""The same with what is imported."""

# pylint: disable=unused-import
import pytest

from same_databases import each_server
from test_import import (server, target, test_accounts_can_log_in,
                         test_check_changes_nothing, test_everything,
                         test_recipients_are_added, test_twice)

pytestmark = pytest.mark.usefixtures("each_server")

"""The same with doveadm's lists."""

# pylint: disable=unused-import
import pytest

from same_databases import each_server
from test_doveadm import (liar, old, target, test_list_selects,
                          test_provider_list, test_show)

pytestmark = pytest.mark.usefixtures("each_server")
